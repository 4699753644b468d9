"""What the link in a letter's mail leads to: reading it once more, sending it, cancelling it."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from models import Campaign, Constituency, Keyring, Letter, LetterState, Member
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.errors import Conflict
from services.letters import copies, intake, letter_queue, letter_states
from services.letters.drafting import situations
from services.letters.letter_mails import HELD_REASONS
from web.base.rendering import page, see_other

router = APIRouter()
_CANCELLABLE = (LetterState.PENDING, LetterState.QUEUED, LetterState.HELD)


@router.get("/letters/confirm/{token}")
def read(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """The letter as it will go, and two buttons."""
    return _page(session, lobby, lobby.tokens.read(Purpose.LETTER, token), token, now)


@router.post("/letters/confirm/{token}")
def send(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Send the letter on its way."""
    letter_id = lobby.tokens.read(Purpose.LETTER, token)
    # One connection at a time: `session` takes its own only after this.
    with lobby.database.write() as writing:
        letter_states.confirm(writing, letter_id, keyring=lobby.keyring, pace=lobby.pace, now=now)
    return _page(session, lobby, letter_id, token, now)


@router.get("/letters/copy/{token}")
@router.get("/letters/cancel/{token}")
def back_to_letter(token: str, lobby: TheLobby) -> Response:
    """Where somebody goes who opens the button's address by itself."""
    lobby.tokens.read(Purpose.LETTER, token)
    return see_other(f"/letters/confirm/{token}")


@router.post("/letters/cancel/{token}")
def cancel(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Take the letter back before it goes."""
    letter_id = lobby.tokens.read(Purpose.LETTER, token)
    with lobby.database.write() as writing:
        letter_states.cancel(writing, letter_id)
    return _page(session, lobby, letter_id, token, now)


@router.post("/letters/copy/{token}")
def send_copy(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Have a copy mailed to the writer, now or when the letter has gone."""
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
        member=session.get_one(Member, letter.member_id),
        constituency=session.get_one(Constituency, letter.constituency_code),
        campaign=session.get_one(Campaign, letter.campaign_id),
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
    """Why the letter is kept back, or would be if it were sent now."""
    if letter.state is LetterState.HELD:
        return HELD_REASONS.get(letter.reason or "")
    if letter.state not in (LetterState.PENDING, LetterState.QUEUED):
        return None
    try:
        found = situations.of_letter(session, letter, keyring=keyring, now=now)
        reason = situations.reason_to_hold(letter, found)
    except Conflict as error:
        return error.message
    return HELD_REASONS[reason] if reason else None
