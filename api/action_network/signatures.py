"""Signatures of the dialect: posting with a key, or without one from a browser, and reading."""

from dataclasses import dataclass, replace
from uuid import UUID

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from api.action_network import signers, tag_names
from api.action_network.bodies import Body, Json
from api.action_network.dependencies import Anyone, SignaturesReader
from api.action_network.errors import ANY_SITE
from api.action_network.filters import TimeFilter
from api.action_network.idempotency import Once
from api.action_network.paging import HalAnswer, ThePage
from api.action_network.places import Places, Veil, id_in, when
from api.action_network.schemas.person import person_in
from api.action_network.schemas.reading import Part, parsed
from api.action_network.schemas.signature import (
    SignatureIds,
    new_signature,
    signature_answer,
    signed_answer,
)
from api.action_network.tag_names import TagNames
from api.answers import signature_intake
from api.answers.state import state_of
from api.http import idempotency
from api.http.dependencies import Now, ReadSession, TheLobby, WriteSession
from api.http.late_routes import Router
from api.schemas.signature import Comment, NewSignature
from models import PetitionState
from services.assembly import Lobby
from services.campaigns import own_pages
from services.campaigns.own_pages import OwnPetition
from services.consents import introductions
from services.consents.introductions import PersonDetails
from services.errors import Conflict, NotFound
from services.keys.api_keys import Caller
from services.signatures import signature_pages
from services.signatures.entries import Outcome
from services.signatures.recording import constituency_of
from services.signatures.signature_pages import SignatureFilter, SignatureView
from services.supporters import tags
from services.supporters.supporters import EmailAddress, SupporterDetails
from services.traffic.idempotency import KeyedRequest, StoredAnswer

router = Router()
_EMPTY = StoredAnswer(200, b"{}")


class CommentBody(Part):
    """The field of a signature that can be changed."""

    comments: Comment = ""


@dataclass(frozen=True, slots=True)
class _SignatureRequest:
    """A checked request for a signature, and the tags to put on its signer."""

    petition_id: UUID
    slug: str
    body: NewSignature
    tags: TagNames


@router.post("/petitions/{petition_id}/signatures")
async def sign(
    petition_id: str, request: Request, body: Body, lobby: TheLobby, caller: Anyone, once: Once
) -> Response:
    """Records a signature of the person in the body, or of the one that it links to.

    It is pending until they confirm by email. Without a token, it is the public form that browsers
    post from other sites. For a key that may know signers, the person is added as `POST /people`
    does. For any other, nothing is looked up that depends on the address.
    """
    row_id = id_in(petition_id, "petition")
    if caller is None:
        slug = await run_in_threadpool(_slug, lobby, row_id)
        answer = await _sign_publicly(request, slug, new_signature(person_in(body), body), once)
        return idempotency.response(answer, headers=ANY_SITE)
    checked = await run_in_threadpool(_checked, lobby, caller, row_id, body)
    try:
        submission_id = await _submitted(request, checked, caller, once)
    except NotFound:  # the caller may see the petition, so its campaign is a draft
        message = "The campaign of this petition is a draft: open it first."
        raise Conflict("petition_draft", message) from None
    response = await run_in_threadpool(_answer, lobby, caller, checked, submission_id, once)
    return checked.tags.mark(response)


@router.options("/petitions/{petition_id}/signatures")
def may_sign(petition_id: str) -> Response:  # noqa: ARG001 - it is part of the path
    """Answers the preflight that a browser sends before it posts from another site."""
    allowed = {
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": f"Content-Type, {idempotency.HEADER}",
        "Access-Control-Max-Age": "86400",
    }
    return Response(status_code=204, headers=ANY_SITE | allowed)


@router.get("/petitions/{petition_id}/signatures")
def read_signatures(
    petition_id: str,
    request: Request,
    lobby: TheLobby,
    caller: SignaturesReader,
    session: ReadSession,
    page: ThePage,
    query: TimeFilter,
) -> HalAnswer:
    """Lists the pending and confirmed signatures of a petition, in the order of receipt."""
    selection = _of_petition(session, caller, petition_id)
    rows = signature_pages.page(
        session, selection, page.rows, keyring=lobby.keyring, bounds=query.bounds
    )
    places = Places(lobby, caller.organisation_id)
    return page.answer(
        request,
        places,
        "signatures",
        rows,
        lambda row: signature_answer(places, row),
        total=query.total(lambda: signature_pages.total(session, selection)),
    )


@router.get("/petitions/{petition_id}/signatures/{signature_id}")
def read_signature(
    petition_id: str,
    signature_id: str,
    lobby: TheLobby,
    caller: SignaturesReader,
    session: ReadSession,
) -> HalAnswer:
    """Returns a signature in any state."""
    places = Places(lobby, caller.organisation_id)
    own_id = places.show(Veil.SIGNATURE, id_in(signature_id, "signature"))
    selection = _of_petition(session, caller, petition_id)
    signature = signature_pages.get(session, own_id, selection, keyring=lobby.keyring)
    return HalAnswer(signature_answer(places, signature))


@router.put("/petitions/{petition_id}/signatures/{signature_id}")
def change_signature(
    petition_id: str,
    signature_id: str,
    body: Body,
    lobby: TheLobby,
    caller: SignaturesReader,
    session: WriteSession,
    now: Now,
) -> HalAnswer:
    """Changes a signature's comment, so that an organisation can remove what it cannot show.

    That of a pending signature cannot be changed.
    """
    places = Places(lobby, caller.organisation_id)
    own_id = places.show(Veil.SIGNATURE, id_in(signature_id, "signature"))
    selection = _of_petition(session, caller, petition_id)
    view = signature_pages.get(session, own_id, selection, keyring=lobby.keyring)
    if "comments" in body:
        change = parsed(CommentBody, {"comments": body["comments"] or ""})
        signature_pages.set_comment(session, view, change.comments, now=now)
        view = signature_pages.get(session, own_id, selection, keyring=lobby.keyring)
    return HalAnswer(signature_answer(places, view))


def _of_petition(session: Session, caller: Caller, petition_id: str) -> SignatureFilter:
    own = _own(session, caller, id_in(petition_id, "petition"))
    return SignatureFilter(petition_id=own.petition.id)


def _own(session: Session, caller: Caller, petition_id: UUID) -> OwnPetition:
    """Checks, for all routes, whether a key may read or post signatures of a petition."""
    own = own_pages.petition(
        session, petition_id, organisation_id=caller.organisation_id, viewer=caller.viewer
    )
    caller.require_petition(own.petition)
    return own


def _slug(lobby: Lobby, petition_id: UUID) -> str:
    with lobby.database.read() as session:
        return own_pages.slug_of_petition(session, petition_id)


async def _sign_publicly(
    request: Request, slug: str, body: NewSignature, once: Once
) -> StoredAnswer:
    sender = signature_intake.sender_of(request.scope)
    signature = body.as_request(slug, sender_index=sender)
    try:
        if (attempt := once.attempt) is not None:
            keyed = KeyedRequest(attempt, _nothing)
            return await signature_intake.record_once(state_of(request), signature, keyed)
        await signature_intake.submit(request.scope, signature)
    except NotFound:  # the message must not name the slug of a draft
        raise NotFound("petition_unknown", "There is no such petition.") from None
    return _EMPTY


async def _submitted(
    request: Request, checked: _SignatureRequest, caller: Caller, once: Once
) -> UUID:
    """Records the submission and returns its id.

    With an idempotency key, the id is stored in the same transaction. So a repeated request sends
    no second email, even if the first one failed before `_answer` stored the answer.
    """
    sender = signature_intake.sender_of(request.scope)
    signature = replace(
        checked.body.as_request(checked.slug, caller.partner_id, sender_index=sender),
        # A key that may know signers puts its tags on them at once.
        tag_ids=() if caller.may_know_signers else checked.tags.added,
    )
    if (attempt := once.attempt) is not None:
        keyed = KeyedRequest(attempt, _only_id)
        stored = await signature_intake.record_once(state_of(request), signature, keyed)
        return UUID(stored.content.decode())
    outcome = await signature_intake.submit(request.scope, signature)
    assert outcome.signature_id is not None  # noqa: S101 - every error was raised above
    return outcome.signature_id


def _nothing(_outcome: Outcome) -> StoredAnswer:
    return _EMPTY


def _only_id(outcome: Outcome) -> StoredAnswer:
    return StoredAnswer(200, str(outcome.signature_id).encode())


def _checked(lobby: Lobby, caller: Caller, petition_id: UUID, body: Json) -> _SignatureRequest:
    """Checks the whole request, so that an error is raised before anything is written."""
    with lobby.database.read() as session:
        own = _own(session, caller, petition_id)
        _require_no_draft(own)
        names = tag_names.read(session, body, organisation_id=caller.organisation_id)
        signature = signers.signature_in(session, lobby, caller, body)
    return _SignatureRequest(own.petition.id, own.petition.slug, signature, names)


def _require_no_draft(own: OwnPetition) -> None:
    """Raises Conflict for a draft. Callers who may not see the draft got NotFound before."""
    if own.petition.state is PetitionState.DRAFT:
        message = "This petition is a draft: it takes no signatures before it is opened."
        raise Conflict("petition_draft", message)


def _answer(
    lobby: Lobby, caller: Caller, checked: _SignatureRequest, submission_id: UUID, once: Once
) -> Response:
    """Returns the answer. With an idempotency key, it is stored in a transaction of its own.

    Without an answer, the client repeats the whole request.
    """
    places, now = Places(lobby, caller.organisation_id), lobby.clock()
    index = EmailAddress.of(caller.organisation_id, checked.body.email, lobby.keyring).index
    ids = SignatureIds(submission_id, checked.petition_id, index)
    echo = HalAnswer(signed_answer(places, ids, checked.body, when(now)))

    def finish(session: Session) -> HalAnswer:
        if not caller.may_know_signers:
            return echo
        view = _introduced(session, lobby, caller, checked, submission_id)
        return HalAnswer(signature_answer(places, view)) if view else echo

    if once.attempt is None and not caller.may_know_signers:
        return echo
    return once.step("answer").hal(finish, is_public=False)


def _introduced(
    session: Session,
    lobby: Lobby,
    caller: Caller,
    checked: _SignatureRequest,
    submission_id: UUID,
) -> SignatureView | None:
    """Adds the signer as `POST /people` does, with the tags, and returns what stands of them.

    Their answer about news is not taken: it takes effect when they confirm.
    """
    body, now = checked.body, lobby.clock()
    code = constituency_of(body.as_request(checked.slug), lobby.postcodes.lookup)
    details = SupporterDetails(body.name, body.postcode, code, body.locale)
    supporter_id = introductions.introduce(
        session,
        organisation_id=caller.organisation_id,
        email=body.email,
        details=PersonDetails.of(details),
        keyring=lobby.keyring,
        now=now,
    )
    if checked.tags.added:
        tags.add_taggings(session, checked.tags.added, supporter_id, now=now)
    return signature_pages.posted(
        session,
        submission_id,
        petition_id=checked.petition_id,
        supporter_id=supporter_id,
        keyring=lobby.keyring,
    )
