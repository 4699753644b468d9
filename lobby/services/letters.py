"""Letters from constituents to their MPs: drafting and taking in.

What becomes of them is in `services.letter_states`.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import (
    Campaign,
    CampaignStatus,
    Keyring,
    Letter,
    LetterAct,
    LetterState,
    Member,
    MessageKind,
    Motion,
    MotionStatus,
    OutboxMessage,
    Private,
)
from lobby.models.base import new_id, table_of
from lobby.models.postcode import PostcodeAnswer, PostcodeStatus
from lobby.services import campaigns, letter_texts, motions, outbox, seats, supporters, tallies
from lobby.services.database import insert_ignore
from lobby.services.errors import Conflict, Invalid, NotFound
from lobby.services.letter_texts import Compose, LetterFacts
from lobby.services.seats import Seat
from lobby.services.standing import Eligibility, Standing, act_of

_letter = table_of(Letter)
_outbox = table_of(OutboxMessage)
_REPLACEABLE = (LetterState.PENDING, LetterState.CANCELLED, LetterState.HELD)

REASONS = {
    "vacant": "This seat is vacant. After the by-election there will be somebody to write to.",
    "withdrawn": "This MP took their name off the motion. The campaign writes no letters to them.",
    "no_address": "We have no e-mail address for this MP.",
    "motion_ended": "This motion is no longer before Parliament.",
    "campaign_closed": "This campaign takes no more letters.",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a writer lives: MPs' offices answer only constituents."""

    line1: str
    town: str
    postcode: str
    line2: str = ""

    def lines(self) -> list[str]:
        """As on an envelope."""
        return [part for part in (self.line1, self.line2, self.town, self.postcode) if part]


@dataclass(frozen=True, slots=True)
class Situation:
    """Whom a letter would go to today, and which kind of letter suits."""

    campaign: Campaign
    motion: Motion
    seat: Seat
    standing: Standing
    eligibility: Eligibility
    act: LetterAct | None
    reason: str | None

    @property
    def member(self) -> Member | None:
        """The recipient."""
        return self.seat.member

    @property
    def variant(self) -> str | None:
        """The name of the kind of letter that suits."""
        return self.act.value if self.act else None


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter to make one's own. With a `reason` it cannot be sent."""

    situation: Situation
    subject: str
    body: str
    compose: Compose | None


@dataclass(frozen=True, slots=True)
class NewLetter:
    """A letter as its writer sends it in, already checked for form."""

    name: str
    email: str
    address: Address
    subject: str
    body: str
    updates: bool | None = None


def situation(
    session: Session, campaign: Campaign, answer: PostcodeAnswer, *, now: datetime
) -> Situation:
    """Resolve a postcode to today's member and standing. NotFound where we cannot tell the seat."""
    if answer.status is PostcodeStatus.NOT_IN_UK_PARLIAMENT:
        message = "This place has no MP in the UK Parliament."
        raise Invalid.field("postcode", "postcode_not_in_uk_parliament", message)
    return _situation(session, campaign, answer.constituency_code, now)


def draft(
    found: Situation, *, name: str = "", points: tuple[str, ...] = (), personal: str = ""
) -> Draft:
    """The letter that suits. Where none does, an empty one with a reason."""
    member, act = found.seat.member, found.act
    if member is None or act is None:
        return Draft(found, "", "", None)
    facts = LetterFacts(
        member=member.name,
        constituency=found.seat.constituency.name,
        motion_number=found.motion.number,
        motion_title=found.motion.title,
        campaign=found.campaign.title,
        points=points,
        personal=personal,
        name=name,
    )
    text = letter_texts.write(act, facts)
    compose = letter_texts.compose_links(member.email, text) if member.email else None
    return Draft(found, text.subject, text.body, compose)


def draft_for_seat(
    session: Session, campaign: Campaign, code: str, *, name: str, now: datetime
) -> Draft | None:
    """The letter for somebody whose seat is known already; None where there is nothing to write."""
    try:
        return draft(_situation(session, campaign, code, now), name=name)
    except (Conflict, NotFound):
        return None


def take_in(
    session: Session, found: Situation, letter: NewLetter, *, keyring: Keyring, now: datetime
) -> UUID:
    """Keep a letter until its writer confirms it by mail; the id of what was asked for.

    One letter a supporter, member and motion: an unconfirmed one is replaced by the newer words.
    Where one has gone already, nothing is kept and an id is returned all the same, so that the
    answer does not tell a stranger who has written.
    """
    member = found.seat.member
    if found.reason is not None or member is None or found.act is None:
        reason = found.reason or "vacant"
        raise Conflict(f"letter_{reason}", REASONS[reason])
    organisation_id = found.campaign.organisation_id
    address = supporters.Address.of(organisation_id, letter.email, keyring)
    supporter_id = supporters.meet(session, [address], now=now)[organisation_id, address.index]
    _remove_replaceable(session, supporter_id, member.id, found.motion.id)
    row = _row(found, letter, supporter_id, member.id, now)
    insert_ignore(session, _letter, [row])
    if session.get(Letter, row["id"]):
        _note_answer(session, organisation_id, supporter_id, row["id"], letter.updates, now)
        recipient = keyring.everywhere_index(address.canonical)
        note = outbox.Note(MessageKind.CONFIRM_LETTER, row["id"], recipient)
        outbox.queue(session, [note], now=now)
    return UUID(str(row["id"]))


def address_of(letter: Letter) -> Address:
    """The writer's postal address."""
    return Address(**json.loads(letter.address.text))


def text_as_sent(letter: Letter) -> str:
    """The letter, its writer's name and full postal address: offices ask for them first."""
    body: str = letter.body.text.rstrip()
    name = [] if body.endswith(letter.name.text) else ["", letter.name.text]
    return "\n".join([body, *name, *address_of(letter).lines(), ""])


def situation_of(session: Session, letter: Letter, *, now: datetime) -> Situation:
    """Whom a letter would go to now: resolved again at the moment of sending."""
    campaign = session.get_one(Campaign, letter.campaign_id)
    return _situation(session, campaign, letter.constituency_code, now)


def reason_to_hold(letter: Letter, found: Situation) -> str | None:
    """Why a letter must not go as it is; None where it may."""
    member = found.seat.member
    if found.reason is not None:
        return found.reason
    if member is None or member.id != letter.member_id:
        return "member_changed"
    if found.motion.id != letter.motion_id:
        return "motion_changed"
    return None if found.act is letter.act else "standing_changed"


def _situation(session: Session, campaign: Campaign, code: str | None, now: datetime) -> Situation:
    motion = campaigns.motion_of(session, campaign.id)
    if motion is None:
        raise Conflict("campaign_without_motion", "This campaign has no motion to write about yet.")
    organisation_id = campaign.organisation_id
    seat = seats.seat_of(session, code, today=now.date(), organisation_id=organisation_id)
    if seat is None:
        message = "We do not know this postcode. Please check it, or try that of a neighbour."
        raise NotFound("postcode_unknown", message)
    member_id = seat.member.id if seat.member else 0
    standing = motions.position_of_member(session, motion.id, member_id).standing
    eligibility = tallies.seat_eligibility(seat, standing)
    act = act_of(standing, eligibility)
    reason = _reason_against(campaign, motion, seat, act)
    return Situation(campaign, motion, seat, standing, eligibility, act, reason)


def _reason_against(
    campaign: Campaign, motion: Motion, seat: Seat, act: LetterAct | None
) -> str | None:
    if campaign.status is not CampaignStatus.OPEN:
        return "campaign_closed"
    if motion.status is not MotionStatus.PUBLISHED:
        return "motion_ended"
    if seat.member is None:
        return "vacant"
    if act is None:
        return "withdrawn"
    return None if seat.member.email else "no_address"


def _remove_replaceable(
    session: Session, supporter_id: UUID, member_id: int, motion_id: int
) -> None:
    """Clear the way for a newer letter; its links in earlier mails then lead nowhere."""
    statement = (
        select(Letter.id)
        .where(
            Letter.supporter_id == supporter_id,
            Letter.member_id == member_id,
            Letter.motion_id == motion_id,
            col(Letter.state).in_(_REPLACEABLE),
        )
        .with_for_update()
    )
    for letter_id in list(session.exec(statement)):
        supporters.forget_letter(session, letter_id)
        session.connection().execute(
            sa.delete(_outbox).where(
                _outbox.c.subject_id == letter_id, _outbox.c.kind == MessageKind.LETTER
            )
        )
        session.connection().execute(sa.delete(_letter).where(_letter.c.id == letter_id))


def _row(
    found: Situation, letter: NewLetter, supporter_id: UUID, member_id: int, now: datetime
) -> dict[str, Any]:
    organisation_id = found.campaign.organisation_id

    def private(text: str) -> Private:
        return Private(organisation_id, text)

    address = {name: getattr(letter.address, name) for name in Address.__slots__}
    return {
        "id": new_id(),
        "campaign_id": found.campaign.id,
        "motion_id": found.motion.id,
        "member_id": member_id,
        "supporter_id": supporter_id,
        "constituency_code": found.seat.constituency.code,
        "state": LetterState.PENDING,
        "act": found.act,
        "variant": found.variant,
        "locale": "en",
        "name": private(letter.name),
        "address": private(json.dumps(address)),
        "subject": private(letter.subject),
        "body": private(letter.body),
        "created_at": now,
    }


def _note_answer(
    session: Session,
    organisation_id: UUID,
    supporter_id: UUID,
    letter_id: UUID,
    granted: bool | None,
    now: datetime,
) -> None:
    if granted is not None:
        answer = supporters.Answer(organisation_id, supporter_id, granted, letter_id=letter_id)
        supporters.note_answers(session, [answer], now=now)
