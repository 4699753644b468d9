"""The links in emails to signers: confirm a signature, withdraw it, or disown it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from api.answers import signature_intake
from api.answers.public_answers import PublicAnswers
from api.answers.state import state_of
from api.http.dependencies import Now, ReadSession, TheLobby
from models import Campaign, Petition, Signature, SignatureState
from models.constituency import OVERSEAS
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose
from services.letters.drafting import drafts, situations
from services.signatures import signature_states
from services.signatures.recording import HOME
from services.supporters import seat_watches, supporters, wordings
from services.views import campaign_views, seat_views
from services.views.seat_views import ConfirmedBoard, SeatView
from web.base.forms import Form
from web.base.rendering import page, see_other
from web.public.letters import drafted_for

router = APIRouter()


@dataclass(frozen=True, slots=True)
class SignatureView:
    """A signature with its petition, campaign and seat."""

    signature: Signature
    petition: Petition
    campaign: Campaign
    seat: SeatView
    is_watching: bool

    @property
    def state(self) -> SignatureState:
        """Returns the state of the signature."""
        return self.signature.state

    @property
    def can_watch(self) -> bool:
        """Returns whether the signer of a vacant seat can ask for an email about its next MP."""
        return seat_watches.can_watch(self.campaign, self.seat.constituency, self.seat.member)


@router.get("/confirm/{token}")
def ask_to_confirm(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Shows the signature, with a button to confirm it."""
    view = _signature_view(session, lobby.tokens.read(Purpose.CONFIRM, token), now)
    return page(
        "public/confirm.html",
        session,
        is_private=True,
        signature_view=view,
        token=token,
        consent_texts=wordings.awaiting_confirmation(session, view.signature.id),
    )


@router.post("/confirm/{token}")
async def confirm(token: str, request: Request) -> Response:
    """Confirms the signature, then shows the MP and a letter to them."""
    state = state_of(request)
    lobby = state.lobby
    signature_id = lobby.tokens.read(Purpose.CONFIRM, token)
    signature = await signature_intake.confirm(state, signature_id)
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
        signature = signature_states.get(writing, signature_id, for_update=True)
        seat_watches.add(writing, signature, now=now)
    view = _signature_view(session, signature_id, now)
    return page("public/watching.html", session, is_private=True, signature_view=view)


@router.get("/withdraw/{token}")
def ask_to_withdraw(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Says what withdrawing a signature means, with a button."""
    view = _signature_view(session, lobby.tokens.read(Purpose.WITHDRAW, token), now)
    return page("public/withdraw.html", session, is_private=True, signature_view=view)


@router.post("/withdraw/{token}")
def withdraw(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Withdraws a signature."""
    signature_id = lobby.tokens.read(Purpose.WITHDRAW, token)
    with lobby.database.write() as writing:
        signature_states.withdraw(writing, signature_id, now=now)
    view = _signature_view(session, signature_id, now)
    return page("public/withdraw.html", session, is_private=True, signature_view=view)


@router.get("/disown/{token}")
def ask_to_disown(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Says what disowning a signature means, with a button."""
    view = _signature_view(session, lobby.tokens.read(Purpose.DISOWN, token), now)
    return page("public/disown.html", session, is_private=True, signature_view=view)


@router.post("/disown/{token}")
def disown(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Rejects a signature that the owner of its email address did not give."""
    signature_id = lobby.tokens.read(Purpose.DISOWN, token)
    with lobby.database.write() as writing:
        signature_states.disown(writing, signature_id, now=now)
    view = _signature_view(session, signature_id, now)
    return page("public/disown.html", session, is_private=True, signature_view=view)


def _signature_view(session: Session, signature_id: UUID, now: datetime) -> SignatureView:
    signature = signature_states.get(session, signature_id)
    petition = petitions.get(session, signature.petition_id)
    campaign = campaigns.get(session, petition.campaign_id)
    seat = seat_views.seat_view(session, petition, signature.constituency_code, now=now)
    is_watching = seat_watches.is_waiting(session, signature)
    return SignatureView(signature, petition, campaign, seat, is_watching)


def _confirmed_page(
    lobby: Lobby, answers: PublicAnswers, signature: Signature, token: str
) -> Response:
    """Renders the page after confirming.

    The seats and letters are cached for all signers. They are read before this function takes a
    connection, since filling the cache takes one too.
    """
    board = answers.confirmed.get(signature.petition_id)
    with lobby.database.read() as session:
        return _confirmed_response(session, signature, board, token, lobby.clock())


def _confirmed_response(
    session: Session, signature: Signature, board: ConfirmedBoard, token: str, now: datetime
) -> Response:
    code = signature.constituency_code
    is_watching = seat_watches.is_waiting(session, signature)
    view = SignatureView(signature, board.petition, board.campaign, board.seat(code), is_watching)
    draft = board.draft(code, name=signature.name.text)
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
        form=_prefilled(session, signature, draft),
    )


def _no_letter_reason(draft: drafts.Draft | None, view: SignatureView) -> str | None:
    """Says why there is no letter to offer; None where there is one."""
    if draft is not None:
        reason = draft.situation.reason
        return situations.REASONS[reason] if reason else None
    if view.seat.motion is None:
        return "This campaign has no motion to write to an MP about yet."
    if view.signature.constituency_code == OVERSEAS:
        return "You live outside the UK, so no MP represents you where you live."
    return "We could not tell your constituency from your postcode."


def _prefilled(session: Session, signature: Signature, draft: drafts.Draft | None) -> Form:
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
        }
    )
