"""The links in a letter writer's email: read, send or cancel the letter, get a copy, 'not me'."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from fastapi import Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from models import Campaign, Keyring, Letter, LetterAct, LetterState
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common.tokens import Purpose
from services.errors import Gone
from services.letters import (
    confirmed_letters,
    copies,
    intake,
    letter_links,
    letter_mails,
    letter_queue,
)
from services.letters.drafting import situations
from services.organisations import faces
from services.parliament import constituencies, members
from services.parliament.standing import Standing
from services.submissions import ending
from web.base.rendering import page, see_other
from web.base.sharing import ShareLinks

router = Router()
_CANCELLABLE = (LetterState.PENDING, LetterState.QUEUED, LetterState.HELD)


class Hold(NamedTuple):
    """Why a letter is not sent, in a sentence, and the link to what the writer can do."""

    reason: str
    next: str = "Write a new letter"


@router.get("/letters/confirm/{token}")
def read(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Shows the letter as it will be sent, with the buttons that its state allows."""
    letter_id = lobby.tokens.read(Purpose.LETTER, token)
    letter = letter_links.find(session, letter_id, keyring=lobby.keyring)
    return _page(session, lobby, letter, token, now)


@router.post("/letters/confirm/{token}")
def send(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Confirms the letter, so that it is queued."""
    letter_id = lobby.tokens.read(Purpose.LETTER, token)
    # One connection at a time: `session` takes its own only after this.
    with lobby.database.write() as writing:
        confirmed_letters.confirm(
            writing, letter_id, keyring=lobby.keyring, pace=lobby.pace, now=now
        )
    letter = letter_links.find(session, letter_id, keyring=lobby.keyring)
    return _page(session, lobby, letter, token, now)


@router.get("/letters/copy/{token}")
@router.get("/letters/cancel/{token}")
def back_to_letter(token: str, lobby: TheLobby) -> Response:
    """Redirects a GET of a button's address, such as a reload, to the page with the button."""
    lobby.tokens.read(Purpose.LETTER, token)
    return see_other(f"/letters/confirm/{token}")


@router.post("/letters/cancel/{token}")
def cancel(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Deletes the letter before it is confirmed, or cancels it before it is sent."""
    letter_id = lobby.tokens.read(Purpose.LETTER, token)
    with lobby.database.write() as writing:
        letter = letter_links.cancel(writing, letter_id, keyring=lobby.keyring, now=now)
    if letter is None:
        return page("letters/letter_gone.html", session, is_private=True)
    return _page(session, lobby, letter, token, now, state=LetterState.CANCELLED)


@router.post("/letters/copy/{token}")
def send_copy(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Emails the writer a copy, now or when the letter is sent."""
    letter_id = lobby.tokens.read(Purpose.LETTER, token)
    with lobby.database.write() as writing:
        letter_links.want_copy(writing, letter_id, keyring=lobby.keyring, now=now)
    letter = letter_links.find(session, letter_id, keyring=lobby.keyring)
    return _page(session, lobby, letter, token, now)


@router.get("/letters/disown/{token}")
def ask_to_disown(token: str, lobby: TheLobby, session: ReadSession) -> Response:
    """Says what 'not me' means, with a button."""
    letter_id = lobby.tokens.read(Purpose.DISOWN, token)
    try:
        letter = letter_links.find(session, letter_id, keyring=lobby.keyring)
    except Gone:
        return page("letters/letter_gone.html", session, is_private=True)
    return page(
        "letters/letter_disown.html",
        session,
        is_private=True,
        state="asking",
        member=members.get(session, letter.member_id),
        **_of_campaign(session, letter.campaign_id),
    )


@router.post("/letters/disown/{token}")
def disown(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Deletes a letter that the owner of its email address did not write.

    It is also the one-click unsubscribe (RFC 8058) of emails to people whom we do not know.
    """
    letter_id = lobby.tokens.read(Purpose.DISOWN, token)
    with lobby.database.write(is_public=False) as writing:
        state, refused = letter_links.disown(writing, letter_id, keyring=lobby.keyring, now=now)
    if refused is None:
        return page("letters/letter_gone.html", session, is_private=True)
    return page(
        "letters/letter_disown.html",
        session,
        is_private=True,
        state=state.value,
        token=token,
        lift=lobby.tokens.issue(Purpose.LIFT_REFUSAL, ending.address_id(refused)),
        **_of_campaign(session, refused.subject_id),
    )


def _of_campaign(session: Session, campaign_id: UUID) -> dict[str, Any]:
    """Returns what a page needs to belong to a campaign."""
    campaign = campaigns.get(session, campaign_id)
    return {"campaign": campaign, "face": faces.of_campaign(session, campaign)}


def _page(
    session: Session,
    lobby: Lobby,
    letter: Letter,
    token: str,
    now: datetime,
    *,
    state: LetterState | None = None,
) -> Response:
    """Shows a letter. `state` is given where nothing is stored of the letter any more."""
    state = state or letter.state
    shared = _of_campaign(session, letter.campaign_id)
    return page(
        "letters/letter_link.html",
        session,
        is_private=True,
        letter=letter,
        letter_state=state,
        token=token,
        member=members.get(session, letter.member_id),
        constituency=constituencies.get(session, letter.constituency_code),
        **shared,
        links=_links(lobby, shared["campaign"]),
        text=intake.text_as_sent(letter),
        hold=_hold(session, letter, state, lobby.keyring, now),
        can_cancel=state in _CANCELLABLE,
        goes_at=letter_queue.goes_at(session, letter.id),
        server_answer=copies.server_answer(session, letter.id),
        has_copy=copies.is_queued(session, letter.id),
        now=now,
    )


def _links(lobby: Lobby, campaign: Campaign) -> ShareLinks:
    address = f"{lobby.settings.base_url}/campaigns/{campaign.slug}"
    return ShareLinks(address, f"I’ve just written to my MP. Will you? {campaign.title}")


def _hold(
    session: Session, letter: Letter, state: LetterState, keyring: Keyring, now: datetime
) -> Hold | None:
    """Says why the letter is held, or would be held if it were sent now, and what to do."""
    if state not in (LetterState.PENDING, LetterState.QUEUED, LetterState.HELD):
        return None
    situation = situations.of_letter(session, letter, keyring=keyring, now=now)
    reason = situations.reason_to_hold(letter, situation)
    if state is LetterState.HELD:
        reason = letter.reason or reason
    if reason is None:
        return None
    member = situation.member
    has_signed = situation.standing is Standing.SIGNED and letter.act is not LetterAct.THANK
    if reason == "standing_changed" and member and has_signed:
        return Hold(f"{member.name} has signed since you wrote this.", "Write a thank-you instead")
    if reason == "member_changed" and member:
        return Hold(f"Your MP is now {member.name}.", f"Write to {member.name}")
    return Hold(letter_mails.held_reason(letter, reason) or "It doesn’t fit any more.")
