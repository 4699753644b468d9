"""Signatures: signing, the links in emails, and reading signatures with a key."""

from uuid import UUID

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from api.answers import confirmations, signature_intake
from api.answers.caching import MEDIA_TYPE
from api.answers.state import state_of
from api.http import idempotency
from api.http.dependencies import (
    Anyone,
    Now,
    ReadSession,
    SignaturesReader,
    Slug,
    TheLobby,
    WriteSession,
)
from api.http.idempotency import GivenKey
from api.http.late_routes import Router
from api.http.paging import ChangesPage, TheChangesPage
from api.http.query_names import KNOWN_NAMES
from api.schemas.fields import same_of
from api.schemas.postcode import ConstituencyAnswer
from api.schemas.signature import (
    ConfirmedAnswer,
    NewSignature,
    PartnerSignatureAnswer,
    SignatureAnswer,
    SignedAnswer,
    StatusAnswer,
    TokenBody,
    WatchAnswer,
    listed_answer,
    partner_signature_answer,
)
from models import Petition, SignatureState
from services.assembly import Lobby
from services.common import texts
from services.common.tokens import Purpose
from services.keys import api_keys
from services.keys.api_keys import Caller
from services.signatures import by_partner, known_signers, signature_lists, signature_states
from services.signatures.by_partner import PartnerSignature
from services.signatures.signature_lists import ListedSignature
from services.supporters import seat_watches
from services.traffic.idempotency import StoredAnswer

router = Router(tags=["signatures"])


@router.post(
    "/petitions/{slug}/signatures",
    status_code=signature_intake.SIGNED,
    response_model=SignedAnswer,
    responses=idempotency.once_responses(),
)
async def sign(
    slug: Slug, body: NewSignature, request: Request, caller: Anyone, key: GivenKey = None
) -> Response:
    """Sign a petition. The signature counts once the signer confirms it by email.

    An email address can sign a petition once: a repeated request gets the same answer, and with an
    Idempotency-Key it is recorded once. What was sent is on disk when the answer comes. The email
    follows, within a limit per mailbox and day: over the limit it waits. What is not confirmed
    within 14 days is deleted.
    With a key, the petition must be one of the key's organisation that the key covers.
    """
    # Most requests do not come here: `api.front.hot_route` answers them.
    state = state_of(request)
    sender, standing_id = signature_intake.sender_of(request.scope), None
    if caller is not None:
        standing_id = await run_in_threadpool(_standing_id, state.lobby, slug, caller, body)
    if key is None:
        partner_id = caller.partner_id if caller else None
        answers, outcome = await signature_intake.sign(state, slug, body, partner_id, sender=sender)
        content = signature_intake.content(answers, outcome, caller, standing_id=standing_id)
        answer = StoredAnswer(signature_intake.SIGNED, content)
    else:
        attempt = idempotency.attempt_of(request.scope, key, await request.body(), caller)
        answer = await signature_intake.sign_once(
            state, slug, body, attempt, caller, sender=sender, standing_id=standing_id
        )
    return idempotency.response(answer)


@router.post("/signatures/confirm", response_model=ConfirmedAnswer)
async def confirm(body: TokenBody, request: Request) -> Response:
    """Confirm a signature, so that it counts. A repeated call gets the same answer."""
    content = await confirmations.confirmed_content(state_of(request), body.token)
    return Response(content, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


@router.post("/signatures/watch")
def watch(body: TokenBody, lobby: TheLobby, session: WriteSession, now: Now) -> WatchAnswer:
    """Ask for an email when the signer's vacant seat has a member. A repeated call changes nothing.

    The token is the one that confirms the signature. The signature must be confirmed already.
    """
    signature_id = lobby.tokens.read(Purpose.CONFIRM, body.token)
    signature = signature_states.of_link(session, signature_id)
    constituency = seat_watches.add(session, signature, now=now)
    return WatchAnswer(constituency=ConstituencyAnswer.model_validate(constituency))


@router.post("/signatures/withdraw")
def withdraw(body: TokenBody, lobby: TheLobby, session: WriteSession, now: Now) -> StatusAnswer:
    """Withdraw a signature."""
    signature_id = lobby.tokens.read(Purpose.WITHDRAW, body.token)
    return StatusAnswer(status=signature_states.withdraw(session, signature_id, now=now))


@router.post("/signatures/disown")
def disown(body: TokenBody, lobby: TheLobby, session: WriteSession, now: Now) -> StatusAnswer:
    """Remove a signature that somebody else gave. No emails about it follow for 90 days."""
    signature_id = lobby.tokens.read(Purpose.DISOWN, body.token)
    return StatusAnswer(status=signature_states.disown(session, signature_id, now=now).state)


@router.get("/petitions/{slug}/signatures", dependencies=[KNOWN_NAMES])
def read_signatures(
    slug: Slug,
    request: Request,
    response: Response,
    page: TheChangesPage,
    caller: SignaturesReader,
    lobby: TheLobby,
    session: ReadSession,
    state: SignatureState | None = None,
    status: SignatureState | None = None,
) -> list[SignatureAnswer] | list[PartnerSignatureAnswer]:
    """List signatures of a petition of the key's organisation, decrypted.

    Pending ones, which their signers can still confirm, are in the list about a second after they
    arrived. Without `since`, the list is in the order of receipt. With `since`, it has what changed
    at that time or later, in the order of the changes: signatures that were signed, confirmed or
    ended, and those whose signer has answered otherwise since, in `consents`. What changes while
    you read moves to the end. To keep a copy, ask by `since` and let a minute overlap. A partner's
    key reads signatures that came through that partner, once they were confirmed, with personal
    data only where the signer allowed the partner to contact them. Needs a key with
    `signatures:read`.
    """
    state = same_of(status, state)
    petition = api_keys.own_petition(session, caller, slug)
    if caller.partner_id is not None:
        rows = _of_partner(session, petition, caller.partner_id, state, page)
        page.link_next(request, response, [by_partner.position(row) for row in rows])
        return [partner_signature_answer(*row) for row in rows[: page.limit]]
    listed = _listed(session, petition, state, page, lobby)
    page.link_next(request, response, [row.position for row in listed])
    answers = map(listed_answer, listed[: page.limit])
    return [answer for answer in answers if answer is not None]


def _of_partner(
    session: Session,
    petition: Petition,
    partner_id: UUID,
    state: SignatureState | None,
    page: ChangesPage,
) -> list[PartnerSignature]:
    limit = page.limit + 1
    if page.window:
        return by_partner.changes(
            session,
            petition.id,
            partner_id=partner_id,
            state=state,
            window=page.window,
            limit=limit,
        )
    return by_partner.page(
        session, petition.id, partner_id=partner_id, state=state, after=page.after, limit=limit
    )


def _listed(
    session: Session,
    petition: Petition,
    state: SignatureState | None,
    page: ChangesPage,
    lobby: Lobby,
) -> list[ListedSignature]:
    limit, keyring = page.limit + 1, lobby.keyring
    if page.window:
        return signature_lists.changes(
            session, petition.id, state=state, window=page.window, limit=limit, keyring=keyring
        )
    return signature_lists.page(
        session, petition.id, state=state, after=page.after, limit=limit, keyring=keyring
    )


def _standing_id(lobby: Lobby, slug: str, caller: Caller, body: NewSignature) -> UUID | None:
    """Checks that a key may post to a petition.

    Returns the id of the signer's confirmed signature if the key may read signatures, else None
    without a look-up.
    """
    with lobby.database.read() as session:
        petition = api_keys.own_petition(session, caller, slug)
        if not caller.may_know_signers:
            return None
        standing = known_signers.standing(session, petition, [body.email], keyring=lobby.keyring)
        return standing.get(texts.canonical_email(body.email))
