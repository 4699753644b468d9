"""The page after confirming: thank you, your MP, and three ways on.

The address alone shows no person, because people paste addresses into chats. What is the signer's
needs the cookie that confirming sets (`web.base.signer_cookies`).
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from sqlmodel import Session

from api.answers.state import state_of
from api.http.dependencies import TheLobby
from api.http.late_routes import Router
from models import CampaignStatus, MotionStatus, Signature, SignatureState
from models.constituency import OVERSEAS
from services.assembly import Lobby
from services.campaigns import petitions
from services.common.tokens import Purpose
from services.errors import Gone
from services.letters import letter_drafts, letter_links
from services.letters.drafting.situations import Situation
from services.parliament.seat_snapshots import SeatConstituency, SeatMember
from services.parliament.standing import Standing
from services.signatures import signature_states
from services.supporters import seat_watches
from services.tallies import neighbours
from services.tallies.neighbours import Neighbours
from services.views.seat_views import ConfirmedBoard
from web.base import signer_cookies, stands
from web.base.forms import Form
from web.base.rendering import page, see_other
from web.base.sharing import ShareLinks
from web.base.stands import Stand
from web.public.signatures import linked

_TITLES = frozenset(
    (
        *("mr", "mrs", "ms", "miss", "mx", "sir", "dame", "lord", "lady", "baroness"),
        *("dr", "prof", "professor", "rev", "revd", "reverend", "fr"),
    )
)
_ENDED = ("campaign_closed", "motion_ended")
router = Router()


@dataclass(frozen=True, slots=True)
class SeatCard:
    """A seat on this page. `reason` says why no letter goes from it; None if one can.

    Its values are those of `situations.REASONS`, `overseas` and `unknown`.
    """

    constituency: SeatConstituency | None
    member: SeatMember | None
    situation: Situation | None
    stand: Stand | None
    reason: str | None
    can_watch: bool


@dataclass(frozen=True, slots=True)
class Signer:
    """What is shown to the signer alone. `count` is the petition's number of signatures.

    `letter` is the token of the letter that they have written to their MP.
    """

    name: str
    count: int
    neighbours: Neighbours | None
    is_watching: bool
    has_draft: bool
    letter: str | None


@router.get("/thanks/{token}")
def show_thanks(token: str, request: Request, lobby: TheLobby, forgotten: str = "") -> Response:
    """Shows the next steps: to the signer in person, to everybody else without a person."""
    try:
        signature_id = lobby.tokens.read(Purpose.THANKS, token)
    except Gone:
        with lobby.database.read() as session:
            return linked.expired_page(session, lobby, Purpose.THANKS, token)
    signature = _standing(lobby, signature_id)
    if signature is None:
        with lobby.database.read() as session:
            return page("signatures/thanks_removed.html", session, status=410, is_private=True)
    # It fills its cache with a connection of its own.
    board = state_of(request).public_answers.confirmed.get(signature.petition_id).board
    is_signer = signer_cookies.is_signer(request, lobby, signature_id)
    with lobby.database.read() as session:
        own: dict[str, Any] = {"forgotten": bool(forgotten)}
        if is_signer:
            own = _personal(session, lobby, board, signature)
        return page(
            "signatures/thanks.html" if is_signer else "signatures/thanks_stranger.html",
            session,
            is_private=True,
            face=board.face,
            board=board,
            card=_card(board, signature.constituency_code),
            links=_links(lobby, board, is_signer=is_signer),
            token=token,
            **own,
        )


@router.get("/thanks/{token}/watch")
@router.get("/thanks/{token}/forget")
def back_to_thanks(token: str) -> Response:
    """Redirects a GET of a button's address, such as a reload, to the page with the button."""
    return see_other(f"/thanks/{token}")


@router.post("/thanks/{token}/watch")
def watch(token: str, request: Request, lobby: TheLobby) -> Response:
    """Records that the signer wants an email when their vacant seat has an MP again."""
    signature_id = lobby.tokens.read(Purpose.THANKS, token)
    if signer_cookies.is_signer(request, lobby, signature_id):
        with lobby.database.write() as session:
            signature = signature_states.get(session, signature_id, for_update=True)
            seat_watches.add(session, signature, now=lobby.clock())
    return see_other(f"/thanks/{token}#your-mp")


@router.post("/thanks/{token}/forget")
def forget(token: str, lobby: TheLobby) -> Response:
    """Forgets the signer in this browser."""
    signature_id = lobby.tokens.read_expired(Purpose.THANKS, token)[0]
    response = see_other(f"/thanks/{token}?forgotten=yes")
    signer_cookies.forget(response, signature_id)
    return response


def greeting_of(name: str) -> str:
    """Returns the first name; the whole name if it has one word, or begins with a title."""
    first, _, rest = name.partition(" ")
    word = first.rstrip(".").casefold()
    return name if not rest or word in _TITLES or len(word) == 1 else first


def _standing(lobby: Lobby, signature_id: UUID) -> Signature | None:
    """Returns the signature; None if it was removed or erased, which look alike."""
    with lobby.database.read() as session:
        signature = signature_states.find(session, signature_id)
    return signature if signature and signature.state is SignatureState.CONFIRMED else None


def _personal(
    session: Session, lobby: Lobby, board: ConfirmedBoard, signature: Signature
) -> dict[str, Any]:
    code, motion = signature.constituency_code, board.seats.motion
    seat = board.seat(code)
    around = None
    if seat.constituency is not None:
        around = neighbours.of_signer(
            session,
            petition_id=board.petition.id,
            campaign_id=board.campaign.id,
            motion_id=motion.id if motion else None,
            code=code,
        )
    signer = Signer(
        name=greeting_of(signature.name.text),
        count=petitions.count(session, board.petition.id),
        neighbours=around,
        is_watching=board.can_watch(code) and seat_watches.is_waiting(session, signature),
        has_draft=letter_drafts.read(session, signature.id).version > 0,
        letter=_letter_of(session, lobby, board, signature),
    )
    return {"signer": signer, "form": Form()}


def _letter_of(
    session: Session, lobby: Lobby, board: ConfirmedBoard, signature: Signature
) -> str | None:
    """Returns the token of the signer's letter to the MP of their seat."""
    seat = board.seat(signature.constituency_code)
    if seat.member is None:
        return None
    letter_id = letter_links.sent_by(
        session,
        signature.supporter_id,
        member_id=seat.member.id,
        motion_id=seat.motion.id if seat.motion else None,
        campaign_id=board.campaign.id,
    )
    return lobby.tokens.issue(Purpose.LETTER, letter_id) if letter_id else None


def _card(board: ConfirmedBoard, code: str) -> SeatCard:
    seat, situation = board.seat(code), board.situations.get(code)
    reason = _reason(board, code, situation)
    stand = None
    if (
        seat.member
        and situation
        and not (reason in _ENDED and situation.standing is not Standing.SIGNED)
    ):
        stand = stands.of_situation(seat.member.name, situation)
    return SeatCard(
        constituency=seat.constituency,
        member=seat.member,
        situation=situation,
        stand=stand,
        reason=reason,
        can_watch=board.can_watch(code),
    )


def _reason(board: ConfirmedBoard, code: str, situation: Situation | None) -> str | None:
    """Returns why no letter goes; what holds for the whole campaign comes first."""
    motion = board.seats.motion
    if board.campaign.status is not CampaignStatus.OPEN:
        return "campaign_closed"
    if motion is not None and motion.status is not MotionStatus.PUBLISHED:
        return "motion_ended"
    if situation is None:
        return "overseas" if code == OVERSEAS else "unknown"
    return situation.reason


def _links(lobby: Lobby, board: ConfirmedBoard, *, is_signer: bool) -> ShareLinks:
    action = board.petition.action
    text = f"I’ve just signed “{action}”. Will you sign too?" if is_signer else action
    return ShareLinks(f"{lobby.settings.base_url}/campaigns/{board.campaign.slug}", text)
