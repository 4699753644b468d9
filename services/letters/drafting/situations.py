"""Whom a letter from a seat would go to today, which kind of letter suits, and what stands against.

Resolved for many seats at once in a fixed handful of statements; for one it is the same.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import (
    Campaign,
    CampaignStatus,
    Keyring,
    Letter,
    LetterAct,
    Member,
    Motion,
    MotionStatus,
)
from models.postcode import PostcodeResult, PostcodeStatus
from services.campaigns import campaigns
from services.errors import Conflict, Invalid, NotFound
from services.letters.drafting import facts
from services.letters.drafting.facts import Background
from services.letters.kinds import variants
from services.letters.kinds.conditions import Variant, choose
from services.mail import dead_addresses
from services.parliament import motions, seats
from services.parliament.seats import Seat
from services.parliament.standing import Eligibility, Standing

REASONS = {
    "vacant": "This seat is vacant. After the by-election there will be somebody to write to.",
    "withdrawn": "This MP took their name off the motion. The campaign writes no letters to them.",
    "no_variant": "This campaign has no letter for this MP yet.",
    "no_address": "We have no e-mail address for this MP.",
    "address_dead": "Mail to this MP's address comes back to us. You can write by post: House of "
    "Commons, London SW1A 0AA.",
    "motion_ended": "This motion is no longer before Parliament.",
    "campaign_closed": "This campaign takes no more letters.",
}


@dataclass(frozen=True, slots=True)
class Situation:
    """Whom a letter would go to today, which kind of letter suits, and what it may say."""

    campaign: Campaign
    motion: Motion
    seat: Seat
    standing: Standing
    eligibility: Eligibility
    chosen: Variant | None
    told: Background
    reason: str | None

    @property
    def member(self) -> Member | None:
        """The recipient."""
        return self.seat.member

    @property
    def email(self) -> str | None:
        """Where mail reaches the recipient; None where we know of no such address."""
        is_dead = self.reason == dead_addresses.REASON
        return self.member.email if self.member and not is_dead else None

    @property
    def act(self) -> LetterAct | None:
        """What the letter asks."""
        return self.chosen.act if self.chosen else None

    @property
    def variant(self) -> str | None:
        """The name of the kind of letter that suits."""
        return self.chosen.name if self.chosen else None


def of_postcode(
    session: Session,
    campaign: Campaign,
    answer: PostcodeResult,
    *,
    keyring: Keyring,
    now: datetime,
) -> Situation:
    """Resolve a postcode to today's member and standing. NotFound where we cannot tell the seat."""
    if answer.status is PostcodeStatus.NOT_IN_UK_PARLIAMENT:
        message = "This place has no MP in the UK Parliament."
        raise Invalid.field("postcode", "postcode_not_in_uk_parliament", message)
    return of_seat(session, campaign, answer.constituency_code, keyring=keyring, now=now)


def of_seat(
    session: Session, campaign: Campaign, code: str | None, *, keyring: Keyring, now: datetime
) -> Situation:
    """Of one seat. NotFound where there is none with the code."""
    codes = [code] if code else []
    found = of_seats(session, campaign, codes, keyring=keyring, now=now)
    if not found:
        message = "We do not know this postcode. Please check it, or try that of a neighbour."
        raise NotFound("postcode_unknown", message)
    return found[codes[0]]


def of_letter(session: Session, letter: Letter, *, keyring: Keyring, now: datetime) -> Situation:
    """Whom a letter would go to now: resolved again at the moment of sending."""
    campaign = session.get_one(Campaign, letter.campaign_id)
    return of_seat(session, campaign, letter.constituency_code, keyring=keyring, now=now)


def of_seats(
    session: Session,
    campaign: Campaign,
    codes: Collection[str],
    *,
    keyring: Keyring,
    now: datetime,
) -> dict[str, Situation]:
    """By the codes of those seats that we hold. Conflict where the campaign has no motion."""
    motion = campaigns.motion_of(session, campaign.id)
    if motion is None:
        raise Conflict("campaign_without_motion", "This campaign has no motion to write about yet.")
    found = seats.all_seats(
        session, today=now.date(), organisation_id=campaign.organisation_id, codes=codes
    )
    ids = [seat.member.id for seat in found if seat.member]
    positions = motions.positions(session, motion.id, member_ids=ids)
    told = facts.backgrounds(session, campaign, motion, found)
    all_variants = variants.of_campaign(session, campaign.id).found
    emails = [seat.member.email for seat in found if seat.member and seat.member.email]
    dead = dead_addresses.dead_among(session, emails, keyring=keyring)
    resolved = {}
    for seat in found:
        code = seat.constituency.code
        position = seats.seat_position(seat, positions)
        eligibility = seats.seat_eligibility(seat, position.standing)
        reader = facts.reader_of(seat, position, eligibility, told[code])
        chosen = choose(all_variants, reader)
        reason = _reason_against(campaign, motion, seat, position.standing, chosen)
        if reason is None and seat.member and seat.member.email in dead:
            reason = dead_addresses.REASON
        resolved[code] = Situation(
            campaign, motion, seat, position.standing, eligibility, chosen, told[code], reason
        )
    return resolved


def reason_to_hold(letter: Letter, found: Situation) -> str | None:
    """Why a letter must not go as it is; None where it may."""
    member = found.seat.member
    if found.reason is not None:
        return "standing_changed" if found.reason == "no_variant" else found.reason
    if member is None or member.id != letter.member_id:
        return "member_changed"
    if found.motion.id != letter.motion_id:
        return "motion_changed"
    return None if found.act is letter.act else "standing_changed"


def _reason_against(
    campaign: Campaign, motion: Motion, seat: Seat, standing: Standing, chosen: Variant | None
) -> str | None:
    if campaign.status is not CampaignStatus.OPEN:
        return "campaign_closed"
    if motion.status is not MotionStatus.PUBLISHED:
        return "motion_ended"
    if seat.member is None:
        return "vacant"
    if chosen is None:
        return "withdrawn" if standing is Standing.WITHDRAWN else "no_variant"
    return None if seat.member.email else "no_address"
