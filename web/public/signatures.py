"""What links in mails lead to: confirming a signature, taking it back, and disowning it."""

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
from models import Campaign, Petition, Signature, SignatureState, Supporter
from models.constituency import OVERSEAS
from services.assembly import Lobby
from services.campaigns import petitions
from services.common.tokens import Purpose
from services.letters.drafting import drafts, situations
from services.signatures import signature_states
from services.signatures.recording import HOME
from services.supporters import seat_watches, wordings
from services.views import campaign_views, seat_views
from services.views.seat_views import ConfirmedBoard, SeatView
from web.base.forms import Form
from web.base.rendering import page, see_other
from web.public.letters import drafted_for

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Shown:
    """A signature with what it is under."""

    signature: Signature
    petition: Petition
    campaign: Campaign
    seat: SeatView
    is_watching: bool

    @property
    def state(self) -> SignatureState:
        """As it stands now."""
        return self.signature.state

    @property
    def can_watch(self) -> bool:
        """True where its signer, once it is confirmed, may ask to be told of a new member."""
        return seat_watches.can_watch(self.campaign, self.seat.constituency, self.seat.member)


@router.get("/confirm/{token}")
def ask_to_confirm(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Whose signature it is, and a button."""
    shown = _shown(session, lobby.tokens.read(Purpose.CONFIRM, token), now)
    agreed = wordings.waiting_for(session, shown.signature.id)
    return page(
        "public/confirm.html", session, is_private=True, shown=shown, token=token, agreed=agreed
    )


@router.post("/confirm/{token}")
async def confirm(token: str, request: Request) -> Response:
    """Count the signature, then show its MP and a letter to them."""
    state = state_of(request)
    lobby = state.lobby
    signature_id = lobby.tokens.read(Purpose.CONFIRM, token)
    signature = await signature_intake.confirm(state, signature_id)
    answers = state.public_answers
    return await run_in_threadpool(_confirmed_page, lobby, answers, signature, token)


@router.get("/watch/{token}")
def back_to_signature(token: str, lobby: TheLobby) -> Response:
    """Where somebody goes who opens the button's address by itself."""
    lobby.tokens.read(Purpose.CONFIRM, token)
    return see_other(f"/confirm/{token}")


@router.post("/watch/{token}")
def watch(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Promise a mail when the signer's vacant seat has a member again."""
    signature_id = lobby.tokens.read(Purpose.CONFIRM, token)
    with lobby.database.write() as writing:
        signature = signature_states.get(writing, signature_id, for_update=True)
        seat_watches.ask(writing, signature, now=now)
    shown = _shown(session, signature_id, now)
    return page("public/watching.html", session, is_private=True, shown=shown)


@router.get("/withdraw/{token}")
def ask_to_withdraw(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """What it means to take a signature back, and a button."""
    shown = _shown(session, lobby.tokens.read(Purpose.WITHDRAW, token), now)
    return page("public/withdraw.html", session, is_private=True, shown=shown)


@router.post("/withdraw/{token}")
def withdraw(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Take a signature back."""
    signature_id = lobby.tokens.read(Purpose.WITHDRAW, token)
    with lobby.database.write() as writing:
        signature_states.withdraw(writing, signature_id, now=now)
    shown = _shown(session, signature_id, now)
    return page("public/withdraw.html", session, is_private=True, shown=shown)


@router.get("/disown/{token}")
def ask_to_disown(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """What it means to say 'that was not me', and a button."""
    shown = _shown(session, lobby.tokens.read(Purpose.DISOWN, token), now)
    return page("public/disown.html", session, is_private=True, shown=shown)


@router.post("/disown/{token}")
def disown(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Take a signature off that its address's owner never gave."""
    signature_id = lobby.tokens.read(Purpose.DISOWN, token)
    with lobby.database.write() as writing:
        signature_states.disown(writing, signature_id, now=now)
    shown = _shown(session, signature_id, now)
    return page("public/disown.html", session, is_private=True, shown=shown)


def _shown(session: Session, signature_id: UUID, now: datetime) -> Shown:
    signature = signature_states.get(session, signature_id)
    petition = session.get_one(Petition, signature.petition_id)
    campaign = session.get_one(Campaign, petition.campaign_id)
    seat = seat_views.seat_view(session, petition, signature.constituency_code, now=now)
    is_watching = seat_watches.is_waiting(session, signature)
    return Shown(signature, petition, campaign, seat, is_watching)


def _confirmed_page(
    lobby: Lobby, answers: PublicAnswers, signature: Signature, token: str
) -> Response:
    """What all who confirm see of seats and letters is made once for all of them; before we take a
    connection, since making it takes one too."""
    board = answers.confirmed.get(signature.petition_id)
    with lobby.database.read() as session:
        return _confirmed(session, signature, board, token, lobby.clock())


def _confirmed(
    session: Session, signature: Signature, board: ConfirmedBoard, token: str, now: datetime
) -> Response:
    code = signature.constituency_code
    is_watching = seat_watches.is_waiting(session, signature)
    shown = Shown(signature, board.petition, board.campaign, board.seat(code), is_watching)
    draft = board.draft(code, name=signature.name.text)
    return page(
        "public/confirmed.html",
        session,
        is_private=True,
        shown=shown,
        token=token,
        count=petitions.count(session, shown.petition.id),
        view=campaign_views.of_campaigns(session, [board.campaign], now=now)[0],
        draft=draft,
        no_letter=_reason_against(draft, shown),
        points=drafts.points_to_choose(draft.situation) if draft else (),
        has_welsh=draft is not None and drafts.has_welsh(draft.situation),
        form=_prefilled(session, signature, draft),
    )


def _reason_against(draft: drafts.Draft | None, shown: Shown) -> str | None:
    """Why there is no letter to offer, in words."""
    if draft is not None:
        reason = draft.situation.reason
        return situations.REASONS[reason] if reason else None
    if shown.seat.motion is None:
        return "This campaign has no motion to write to an MP about yet."
    if shown.signature.constituency_code == OVERSEAS:
        return "You live outside the UK, so no MP represents you where you live."
    return "We could not tell your constituency from your postcode."


def _prefilled(session: Session, signature: Signature, draft: drafts.Draft | None) -> Form:
    """The letter's form, with what its writer told us when they signed."""
    if draft is None:
        return Form()
    supporter = session.get_one(Supporter, signature.supporter_id)
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
