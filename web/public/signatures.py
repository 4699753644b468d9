"""The links in emails to signers: confirm a signature, withdraw it, or disown it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from api.answers import letter_proofs, signature_intake
from api.answers.public_answers import PublicAnswers
from api.answers.state import state_of
from api.http.dependencies import Now, ReadSession, TheLobby
from models import Campaign, Petition, Signature
from models.constituency import OVERSEAS
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose, Tokens
from services.errors import Gone
from services.letters import opened
from services.letters.drafting import drafts, situations
from services.signatures import mail_links, signature_states
from services.signatures.mail_links import LinkedSignature, LinkState
from services.signatures.recording import HOME
from services.submissions import ending
from services.supporters import seat_watches, supporters
from services.views import campaign_views, seat_views
from services.views.seat_views import ConfirmedBoard, SeatView
from web.base.forms import Form
from web.base.rendering import page, see_other
from web.public.letter_forms import drafted_for

router = APIRouter()
_GONE = (
    "This was not confirmed in time, or was taken back. Nothing of it is kept. You can sign again "
    "on the petition's page."
)


@dataclass(frozen=True, slots=True)
class SignatureView:
    """A submission or a signature, with its petition, campaign and seat."""

    linked: LinkedSignature
    petition: Petition
    campaign: Campaign
    seat: SeatView
    is_watching: bool
    petition_is_open: bool = True

    @property
    def state(self) -> LinkState:
        """Returns what the link leads to."""
        return self.linked.state

    @property
    def can_watch(self) -> bool:
        """Returns whether the signer of a vacant seat can ask for an email about its next MP."""
        return seat_watches.can_watch(self.campaign, self.seat.constituency, self.seat.member)


@router.get("/confirm/{token}")
def ask_to_confirm(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Shows everything that was sent, with a button to confirm it."""
    view = _signature_view(session, lobby, lobby.tokens.read(Purpose.CONFIRM, token), now)
    if view is None:
        raise Gone("signature_expired", _GONE)
    return page("public/confirm.html", session, is_private=True, signature_view=view, token=token)


@router.post("/confirm/{token}")
async def confirm(token: str, request: Request) -> Response:
    """Confirms the signature, then shows the MP and a letter to them.

    If another one of the signer's stands, it shows that and changes nothing.
    """
    state = state_of(request)
    lobby = state.lobby
    row_id = lobby.tokens.read(Purpose.CONFIRM, token)
    signature, _ = await signature_intake.confirm(state, row_id)
    if signature.id != row_id and signature.provenance is None:
        return see_other(f"/confirm/{token}")
    answers = state.public_answers
    return await run_in_threadpool(_confirmed_page, lobby, answers, signature, token)


@router.get("/watch/{token}")
def back_to_signature(token: str, lobby: TheLobby) -> Response:
    """Redirects a GET of a button's address, such as a reload, to the page with the button."""
    lobby.tokens.read(Purpose.CONFIRM, token)
    return see_other(f"/confirm/{token}")


@router.post("/watch/{token}")
def watch(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Records that the signer wants an email when their vacant seat has an MP again."""
    signature_id = lobby.tokens.read(Purpose.CONFIRM, token)
    with lobby.database.write() as writing:
        signature = signature_states.of_link(writing, signature_id)
        seat_watches.add(writing, signature, now=now)
    view = _signature_view(session, lobby, signature_id, now)
    return page("public/watching.html", session, is_private=True, signature_view=view)


@router.get("/withdraw/{token}")
def ask_to_withdraw(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Says what withdrawing a signature means, with a button."""
    view = _signature_view(session, lobby, lobby.tokens.read(Purpose.WITHDRAW, token), now)
    return _ended_page("public/withdraw.html", session, view, view.state if view else None)


@router.post("/withdraw/{token}")
def withdraw(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Withdraws a signature, and everything that waits from the same address."""
    row_id = lobby.tokens.read(Purpose.WITHDRAW, token)
    view = _signature_view(session, lobby, row_id, now)
    with lobby.database.write() as writing:
        state = signature_states.withdraw(writing, row_id, now=now)
    return _ended_page("public/withdraw.html", session, view, state)


@router.get("/disown/{token}")
def ask_to_disown(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Says what disowning a signature means, with a button."""
    view = _signature_view(session, lobby, lobby.tokens.read(Purpose.DISOWN, token), now)
    return _ended_page("public/disown.html", session, view, view.state if view else None)


@router.post("/disown/{token}")
def disown(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Ends a signature that the owner of its email address did not give.

    It is also the one-click unsubscribe (RFC 8058) of emails to people whom we do not know.
    """
    row_id = lobby.tokens.read(Purpose.DISOWN, token)
    view = _signature_view(session, lobby, row_id, now)
    with lobby.database.write() as writing:
        disowned = signature_states.disown(writing, row_id, now=now)
    lift = None
    if disowned.refused is not None:
        lift = lobby.tokens.issue(Purpose.LIFT_REFUSAL, ending.address_id(disowned.refused))
    return _ended_page("public/disown.html", session, view, disowned.state, token=token, lift=lift)


def _ended_page(
    template: str,
    session: Session,
    view: SignatureView | None,
    state: StrEnum | None,
    *,
    token: str = "",
    lift: str | None = None,
) -> Response:
    return page(
        template,
        session,
        is_private=True,
        signature_view=view,
        state=state.value if state else "gone",
        token=token,
        lift=lift,
    )


def _signature_view(
    session: Session, lobby: Lobby, row_id: UUID, now: datetime
) -> SignatureView | None:
    linked = mail_links.find(session, row_id, keyring=lobby.keyring)
    if linked is None:
        return None
    petition = petitions.get(session, linked.petition_id)
    campaign = campaigns.get(session, petition.campaign_id)
    seat = seat_views.seat_view(session, petition, linked.constituency_code, now=now)
    signature = linked.signature
    is_watching = signature is not None and seat_watches.is_waiting(session, signature)
    is_open = petitions.is_open(petition, campaign_status=campaign.status, now=now)
    return SignatureView(linked, petition, campaign, seat, is_watching, is_open)


def _confirmed_page(
    lobby: Lobby, answers: PublicAnswers, signature: Signature, token: str
) -> Response:
    """Renders the page after confirming.

    The seats and letters are cached for all signers. They are read before this function takes a
    connection, since filling the cache takes one too.
    """
    board = answers.confirmed.get(signature.petition_id)
    with lobby.database.read() as session:
        proof = letter_proofs.proof_of(lobby.tokens, signature)
        now = lobby.clock()
        return _confirmed_response(
            session, signature, board, token, now, proof=proof, tokens=lobby.tokens
        )


def _confirmed_response(
    session: Session,
    signature: Signature,
    board: ConfirmedBoard,
    token: str,
    now: datetime,
    *,
    proof: str | None,
    tokens: Tokens,
) -> Response:
    code = signature.constituency_code
    is_watching = seat_watches.is_waiting(session, signature)
    linked = mail_links.of_signature(session, signature)
    view = SignatureView(linked, board.petition, board.campaign, board.seat(code), is_watching)
    draft = board.draft(code, name=signature.name.text)
    form = _prefilled(session, signature, draft, proof)
    form.put(opened=(opened.issue(tokens, draft.situation) if draft else None) or "")
    return page(
        "public/confirmed.html",
        session,
        is_private=True,
        signature_view=view,
        token=token,
        count=petitions.count(session, view.petition.id),
        view=campaign_views.of_campaigns(session, [board.campaign], now=now)[0],
        draft=draft,
        no_letter=_no_letter_reason(draft, view),
        points=drafts.points_to_choose(draft.situation) if draft else (),
        has_welsh=draft is not None and drafts.has_welsh(draft.situation),
        form=form,
    )


def _no_letter_reason(draft: drafts.Draft | None, view: SignatureView) -> str | None:
    """Says why there is no letter to offer; None where there is one."""
    if draft is not None:
        reason = draft.situation.reason
        return situations.REASONS[reason] if reason else None
    if view.seat.motion is None:
        return "This campaign has no motion to write to an MP about yet."
    if view.linked.constituency_code == OVERSEAS:
        return "You live outside the UK, so no MP represents you where you live."
    return "We could not tell your constituency from your postcode."


def _prefilled(
    session: Session, signature: Signature, draft: drafts.Draft | None, proof: str | None
) -> Form:
    """Fills the letter's form with the signer's details and the draft."""
    if draft is None:
        return Form()
    supporter = supporters.get(session, signature.supporter_id)
    return Form(
        {
            "name": signature.name.text,
            "email": supporter.email.text,
            "postcode": signature.postcode.text if signature.country == HOME else "",
            "subject": draft.subject,
            "body": draft.body,
            "drafted_for": drafted_for(draft.situation),
            "locale": draft.locale,
            "proof": proof,
        }
    )
