"""The link in a letter writer's email: read the letter, send it, cancel it, get a copy."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from models import Keyring, Letter, LetterState
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common.tokens import Purpose
from services.errors import Conflict
from services.letters import copies, intake, letter_mails, letter_queue, letter_states
from services.letters.drafting import situations
from services.parliament import constituencies, members
from web.base.rendering import page, see_other

router = APIRouter()
_CANCELLABLE = (LetterState.PENDING, LetterState.QUEUED, LetterState.HELD)


@router.get("/letters/confirm/{token}")
def read(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Shows the letter as it will be sent, with the buttons that its state allows."""
    return _page(session, lobby, lobby.tokens.read(Purpose.LETTER, token), token, now)


@router.post("/letters/confirm/{token}")
def send(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Confirms the letter, so that it is queued."""
    letter_id = lobby.tokens.read(Purpose.LETTER, token)
    # One connection at a time: `session` takes its own only after this.
    with lobby.database.write() as writing:
        letter_states.confirm(writing, letter_id, keyring=lobby.keyring, pace=lobby.pace, now=now)
    return _page(session, lobby, letter_id, token, now)


@router.get("/letters/copy/{token}")
@router.get("/letters/cancel/{token}")
def back_to_letter(token: str, lobby: TheLobby) -> Response:
    """Redirects a GET of a button's address, such as a reload, to the page with the button."""
    lobby.tokens.read(Purpose.LETTER, token)
    return see_other(f"/letters/confirm/{token}")


@router.post("/letters/cancel/{token}")
def cancel(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Cancels the letter before it is sent."""
    letter_id = lobby.tokens.read(Purpose.LETTER, token)
    with lobby.database.write() as writing:
        letter_states.cancel(writing, letter_id)
    return _page(session, lobby, letter_id, token, now)


@router.post("/letters/copy/{token}")
def send_copy(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Emails the writer a copy, now or when the letter is sent."""
    letter_id = lobby.tokens.read(Purpose.LETTER, token)
    with lobby.database.write() as writing:
        letter_states.want_copy(writing, letter_id, keyring=lobby.keyring, now=now)
    return _page(session, lobby, letter_id, token, now)


def _page(session: Session, lobby: Lobby, letter_id: UUID, token: str, now: datetime) -> Response:
    letter = letter_states.get(session, letter_id)
    return page(
        "public/letter_link.html",
        session,
        is_private=True,
        letter=letter,
        token=token,
        member=members.get(session, letter.member_id),
        constituency=constituencies.get(session, letter.constituency_code),
        campaign=campaigns.get(session, letter.campaign_id),
        text=intake.text_as_sent(letter),
        warning=_reason_to_hold(session, letter, lobby.keyring, now),
        can_cancel=letter.state in _CANCELLABLE,
        goes_at=letter_queue.goes_at(session, letter_id),
        server_answer=copies.server_answer(session, letter_id),
        has_copy=copies.is_queued(session, letter_id),
        now=now,
    )


def _reason_to_hold(
    session: Session, letter: Letter, keyring: Keyring, now: datetime
) -> str | None:
    """Says why the letter is held, or would be held if it were sent now."""
    if letter.state is LetterState.HELD:
        return letter_mails.HELD_REASONS.get(letter.reason or "")
    if letter.state not in (LetterState.PENDING, LetterState.QUEUED):
        return None
    try:
        situation = situations.of_letter(session, letter, keyring=keyring, now=now)
        reason = situations.reason_to_hold(letter, situation)
    except Conflict as error:
        return error.message
    return letter_mails.HELD_REASONS[reason] if reason else None
