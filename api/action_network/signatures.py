"""Signatures of the dialect: posting them, with a key or blindly from a browser; reading them."""

from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from api.action_network.bodies import Body, Json
from api.action_network.dependencies import Anyone, SignaturesReader, may_read_people
from api.action_network.errors import ANY_SITE
from api.action_network.filters import TimeFilter
from api.action_network.idempotency import Once
from api.action_network.paging import HalAnswer, ThePage
from api.action_network.places import Places, Veil, id_behind, id_in, when
from api.action_network.schemas.person import person_in
from api.action_network.schemas.reading import Part, link_in, parsed, texts_in
from api.action_network.schemas.signature import (
    linked_signature,
    new_signature,
    signature_answer,
    signed_answer,
)
from api.answers import signature_intake
from api.answers.state import AppState, state_of
from api.http import idempotency
from api.http.dependencies import ReadSession, TheLobby, WriteSession
from api.schemas.signature import Comment, NewSignature
from models import PetitionState
from models.constituency import OVERSEAS
from services.assembly import Lobby
from services.campaigns import own_pages
from services.campaigns.own_pages import OwnPetition
from services.errors import Conflict, Forbidden, Invalid, NotFound
from services.keys.api_keys import Caller
from services.signatures import signature_pages, signature_states
from services.signatures.entries import HOME, Outcome
from services.signatures.signature_pages import SignatureFilter
from services.supporters import supporter_pages, tags
from services.traffic.idempotency import Keyed, StoredAnswer

router = APIRouter()
PERSON = "osdi:person"
_TOLD_NOTHING = StoredAnswer(200, b"{}")
_ABROAD = "ZZ"
"""ISO 3166-1 for a country that is not known: of people abroad we keep no other."""


class CommentBody(Part):
    """What can be changed of a signature."""

    comments: Comment = ""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A signature that a key's holder asks for."""

    slug: str
    body: NewSignature
    tag_ids: list[UUID]


@router.post("/petitions/{petition_id}/signatures")
async def sign(
    petition_id: str, request: Request, body: Body, lobby: TheLobby, caller: Anyone, once: Once
) -> Response:
    """Sign for a person, who is told of with it or linked to. Pending until confirmed by mail.

    Without a token this is the public form: what browsers post from other sites.
    """
    state = state_of(request)
    place = id_in(petition_id, "petition")
    if caller is None:
        slug = await run_in_threadpool(_slug, lobby, place)
        blind = await _sign_blindly(state, slug, new_signature(person_in(body), body), once)
        return idempotency.response(blind, headers=ANY_SITE)
    wanted = await run_in_threadpool(_wanted, lobby, caller, place, body)
    signature_id = await _signed(state, wanted, caller, once)
    return await run_in_threadpool(_answer, lobby, caller, wanted, signature_id, once)


@router.options("/petitions/{petition_id}/signatures")
def may_sign(petition_id: str) -> Response:  # noqa: ARG001 - a browser asks before it knows
    """What a browser asks before it posts from another site."""
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
    asked: TimeFilter,
) -> HalAnswer:
    """Live signatures of a petition, oldest first."""
    whose = _of_petition(session, caller, petition_id)
    found = signature_pages.page(session, whose, page.rows, bounds=asked.bounds)
    places = Places(lobby, caller.organisation_id)
    return page.answer(
        request,
        places,
        "signatures",
        found,
        lambda each: signature_answer(places, each),
    )


@router.get("/petitions/{petition_id}/signatures/{signature_id}")
def read_signature(
    petition_id: str,
    signature_id: str,
    lobby: TheLobby,
    caller: SignaturesReader,
    session: ReadSession,
) -> HalAnswer:
    """One signature, in whatever state."""
    places = Places(lobby, caller.organisation_id)
    own_id = places.show(Veil.SIGNATURE, id_in(signature_id, "signature"))
    found = signature_pages.get(session, own_id, _of_petition(session, caller, petition_id))
    return HalAnswer(signature_answer(places, found))


@router.put("/petitions/{petition_id}/signatures/{signature_id}")
def change_signature(
    petition_id: str,
    signature_id: str,
    body: Body,
    lobby: TheLobby,
    caller: SignaturesReader,
    session: WriteSession,
) -> HalAnswer:
    """Change its comment: an organisation may take out what it cannot show."""
    places = Places(lobby, caller.organisation_id)
    own_id = places.show(Veil.SIGNATURE, id_in(signature_id, "signature"))
    whose = _of_petition(session, caller, petition_id)
    found = signature_pages.get(session, own_id, whose, for_update=True)
    if "comments" in body:
        said = parsed(CommentBody, {"comments": body["comments"] or ""})
        signature_pages.set_comment(session, found, said.comments)
    return HalAnswer(signature_answer(places, found))


def _of_petition(session: Session, caller: Caller, petition_id: str) -> SignatureFilter:
    found = _own(session, caller, id_in(petition_id, "petition"))
    return SignatureFilter(petition_id=found.petition.id)


def _own(session: Session, caller: Caller, petition_id: UUID) -> OwnPetition:
    """The one place that says whether a key may do something with a petition's signatures."""
    found = own_pages.petition(
        session, petition_id, organisation_id=caller.organisation_id, viewer=caller.viewer
    )
    caller.require_petition(found.petition)
    return found


def _slug(lobby: Lobby, petition_id: UUID) -> str:
    with lobby.database.read() as session:
        return own_pages.slug_of_petition(session, petition_id)


async def _sign_blindly(state: AppState, slug: str, body: NewSignature, once: Once) -> StoredAnswer:
    try:
        if (attempt := once.attempt) is not None:
            keyed = Keyed(attempt, _nothing)
            return await signature_intake.record_once(state, body.as_request(slug), keyed)
        await signature_intake.sign(state, slug, body)
    except NotFound:  # without the name of what is a draft
        raise NotFound("petition_unknown", "There is no such petition.") from None
    return _TOLD_NOTHING


async def _signed(state: AppState, wanted: _Wanted, caller: Caller, once: Once) -> UUID:
    """The id of the signature. With a key that is kept with it, and so there is one mail, whatever
    happens before the answer is kept too (`_answer`)."""
    if (attempt := once.attempt) is not None:
        request = wanted.body.as_request(wanted.slug, caller.partner_id)
        kept = await signature_intake.record_once(state, request, Keyed(attempt, _only_id))
        return UUID(kept.content.decode())
    _, outcome = await signature_intake.sign(state, wanted.slug, wanted.body, caller.partner_id)
    assert outcome.signature_id is not None  # noqa: S101 - every error was raised above
    return outcome.signature_id


def _nothing(_outcome: Outcome) -> StoredAnswer:
    return _TOLD_NOTHING


def _only_id(outcome: Outcome) -> StoredAnswer:
    return StoredAnswer(200, str(outcome.signature_id).encode())


def _wanted(lobby: Lobby, caller: Caller, petition_id: UUID, body: Json) -> _Wanted:
    """Everything that can be wrong is found before anything is written."""
    organisation_id = caller.organisation_id
    with lobby.database.read() as session:
        found = _own(session, caller, petition_id)
        _require_no_draft(found)
        names = texts_in(body.get("add_tags"), "add_tags")
        tag_ids = tags.named(session, names, organisation_id=organisation_id, field="add_tags")
        if "person" not in body and link_in(body, PERSON) is not None:
            signature = _by_somebody_known(session, lobby, caller, body)
        else:
            signature = new_signature(person_in(body), body)
    return _Wanted(found.petition.slug, signature, tag_ids)


def _require_no_draft(found: OwnPetition) -> None:
    """Said to who may see the draft; to others it is not there."""
    if found.petition.state is PetitionState.DRAFT:
        message = "This petition is a draft: it takes no signatures before it is opened."
        raise Conflict("petition_draft", message)


def _by_somebody_known(session: Session, lobby: Lobby, caller: Caller, body: Json) -> NewSignature:
    """With the name and postcode that we have. Whether we have them tells who was known before: so
    this is for keys that may read people."""
    if not may_read_people(caller):
        message = (
            "To sign for a person by a link, a key needs signatures:read, and to be the "
            "organisation's own and for all its petitions. Tell of the person in the same call "
            "instead."
        )
        raise Forbidden("scope_missing", message)
    places = Places(lobby, caller.organisation_id)
    field = f"_links.{PERSON}.href"
    own_id = places.show(Veil.PERSON, id_behind(link_in(body, PERSON), field))
    view = supporter_pages.get(session, own_id, organisation_id=caller.organisation_id)
    supporter = view.supporter
    if supporter.name is None or supporter.postcode is None:
        message = "We have no name and postcode of this person. Tell of them in the same call."
        raise Invalid.field(field, "person_incomplete", message)
    return linked_signature(
        body,
        name=supporter.name.text,
        email=supporter.email.text,
        postcode=supporter.postcode.text,
        country=_ABROAD if supporter.constituency_code == OVERSEAS else HOME,
        locale=supporter.locale,
    )


def _answer(
    lobby: Lobby, caller: Caller, wanted: _Wanted, signature_id: UUID, once: Once
) -> Response:
    """With the tags put on, in a transaction of their own: without an answer all is sent again."""
    now = lobby.clock()
    places = Places(lobby, caller.organisation_id)

    def finish(session: Session) -> HalAnswer:
        signature = signature_states.get(session, signature_id)
        if wanted.tag_ids:
            tags.add_taggings(session, wanted.tag_ids, signature.supporter_id, now=now)
        if caller.may_know_signers:
            return HalAnswer(signature_answer(places, signature))
        return HalAnswer(signed_answer(places, signature, wanted.body, when(now)))

    if wanted.tag_ids or once.attempt is not None:
        return once.step("answer").hal(finish, is_public=False)
    with lobby.database.read() as session:
        return finish(session)
