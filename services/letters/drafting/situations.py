"""Finds to whom a letter from a seat goes today, which kind of letter suits, and why none can go.

Many seats are looked up in the same fixed number of statements as one.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import (
    Campaign,
    CampaignStatus,
    Keyring,
    Letter,
    LetterAct,
    Motion,
    MotionStatus,
)
from models.postcode import PostcodeResult, PostcodeStatus
from services.campaigns import campaigns
from services.errors import Invalid, NotFound
from services.letters.drafting import facts
from services.letters.drafting.facts import Background
from services.letters.kinds import variants
from services.letters.kinds.conditions import Variant, choose
from services.mail import dead_addresses
from services.parliament import motions, seats
from services.parliament.seat_snapshots import SeatMember
from services.parliament.seats import Seat
from services.parliament.standing import Eligibility, Position, Standing

REASONS = {
    "vacant": "There's no MP for this constituency at the moment. There will be a by-election.",
    "withdrawn": "This MP signed the motion, then removed their name. This campaign isn't writing "
    "to them at the moment.",
    "no_variant": "This campaign has no letter for this MP yet.",
    "no_address": "We don't have an email address for this MP.",
    "address_dead": "Emails to this MP's address come back to us. You can write by post: House of "
    "Commons, London SW1A 0AA.",
    "motion_ended": "Parliament's session has ended, and the motion with it, so MPs can't sign it "
    "any more.",
    "campaign_closed": "This campaign has ended, so letters are closed.",
}
# By the letters with which the postcodes of the Crown dependencies begin.
_NOT_REPRESENTED = {"JE": "Jersey", "GY": "Guernsey", "IM": "The Isle of Man"}


@dataclass(frozen=True, slots=True)
class Situation:
    """To whom a letter goes today, which kind suits (`chosen`), and what it may say.

    `reason` is a key of `REASONS`: why no letter can be sent; None if one can. Without a motion,
    nobody has signed.
    """

    campaign: Campaign
    motion: Motion | None
    seat: Seat
    standing: Standing
    eligibility: Eligibility
    chosen: Variant | None
    background: Background
    reason: str | None

    @property
    def member(self) -> SeatMember | None:
        """The recipient; None if the seat is vacant."""
        return self.seat.member

    @property
    def email(self) -> str | None:
        """The recipient's email address; None if it is unknown or dead."""
        is_dead = self.reason == dead_addresses.REASON
        return self.member.email if self.member and not is_dead else None

    @property
    def act(self) -> LetterAct | None:
        """Returns what the letter asks for; None if no kind of letter suits."""
        return self.chosen.act if self.chosen else None

    @property
    def variant(self) -> str | None:
        """The name of the kind of letter; None if none suits."""
        return self.chosen.name if self.chosen else None


def of_postcode(
    session: Session,
    campaign: Campaign,
    answer: PostcodeResult,
    *,
    keyring: Keyring,
    now: datetime,
) -> Situation:
    """Returns the situation of a postcode's seat. NotFound if we cannot tell the seat.

    Invalid if the place has no MP in the UK Parliament.
    """
    if answer.status is PostcodeStatus.NOT_IN_UK_PARLIAMENT:
        place = _NOT_REPRESENTED.get(answer.postcode[:2], "This place")
        message = f"{place} isn't represented in the UK Parliament, so there's no MP to write to."
        raise Invalid.field("postcode", "postcode_not_in_uk_parliament", message)
    return of_seat(session, campaign, answer.constituency_code, keyring=keyring, now=now)


def of_seat(
    session: Session, campaign: Campaign, code: str | None, *, keyring: Keyring, now: datetime
) -> Situation:
    """Returns the situation of one seat. NotFound if there is no seat with this code."""
    codes = [code] if code else []
    by_code = of_seats(session, campaign, codes, keyring=keyring, now=now)
    if not by_code:
        message = "We can't find that postcode. Check it and try again."
        raise NotFound("postcode_unknown", message)
    return by_code[codes[0]]


def of_letter(session: Session, letter: Letter, *, keyring: Keyring, now: datetime) -> Situation:
    """Returns the situation of a stored letter's seat, looked up again when it is sent."""
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
    """Returns situations by constituency code, of those codes that we know."""
    motion = campaigns.motion_of(session, campaign.id)
    seats_today = seats.all_seats(
        session, today=now.date(), organisation_id=campaign.organisation_id, codes=codes
    )
    ids = [seat.member.id for seat in seats_today if seat.member]
    positions = motions.positions(session, motion.id, member_ids=ids) if motion else {}
    backgrounds = facts.backgrounds(session, campaign, motion, seats_today)
    has_motion = motion is not None
    all_variants = variants.of_campaign(session, campaign.id, has_motion=has_motion).in_order
    emails = [seat.member.email for seat in seats_today if seat.member and seat.member.email]
    dead = dead_addresses.dead_emails(session, emails, keyring=keyring)
    return {
        seat.constituency.code: _situation_of(
            campaign,
            motion,
            seat,
            seats.seat_position(seat, positions),
            backgrounds[seat.constituency.code],
            all_variants,
            dead,
        )
        for seat in seats_today
    }


def reason_to_hold(letter: Letter, situation: Situation) -> str | None:
    """Returns why a stored letter no longer fits (a key of `HELD_REASONS`); None if it fits."""
    member = situation.seat.member
    if situation.reason is not None:
        return "standing_changed" if situation.reason == "no_variant" else situation.reason
    if member is None or member.id != letter.member_id:
        return "member_changed"
    motion_id = situation.motion.id if situation.motion else None
    if motion_id != letter.motion_id:
        return "motion_changed" if letter.motion_id else "motion_linked"
    return None if situation.act is letter.act else "standing_changed"


def _situation_of(
    campaign: Campaign,
    motion: Motion | None,
    seat: Seat,
    position: Position,
    background: Background,
    all_variants: Iterable[Variant],
    dead_emails: Collection[str],
) -> Situation:
    standing = position.standing
    eligibility = seats.seat_eligibility(seat, standing)
    profile = facts.profile_of(seat, position, eligibility, background)
    chosen = choose(all_variants, profile)
    reason = _reason_against(campaign, motion, seat, standing, chosen)
    if reason is None and seat.member and seat.member.email in dead_emails:
        reason = dead_addresses.REASON
    return Situation(campaign, motion, seat, standing, eligibility, chosen, background, reason)


def _reason_against(
    campaign: Campaign,
    motion: Motion | None,
    seat: Seat,
    standing: Standing,
    chosen: Variant | None,
) -> str | None:
    if campaign.status is not CampaignStatus.OPEN:
        return "campaign_closed"
    if motion is not None and motion.status is not MotionStatus.PUBLISHED:
        return "motion_ended"
    if seat.member is None:
        return "vacant"
    if chosen is None:
        return "withdrawn" if standing is Standing.WITHDRAWN else "no_variant"
    return None if seat.member.email else "no_address"
