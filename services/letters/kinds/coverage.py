"""Which MP gets which kind of letter of a campaign: all MPs at once, in a fixed number of queries.

The same rules choose the letters that people write: `services/letters/drafting/situations.py` looks
up the same of one seat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, select

from models import Campaign, LetterTally, Motion
from services.letters.kinds.conditions import MemberProfile, Variant, choose
from services.parliament import motions, seats
from services.parliament.seats import Seat
from services.parliament.standing import Eligibility, Standing
from services.tallies import counts


class MemberKind(StrEnum):
    """Kinds of MP by what they can do about the motion; the values are parts of addresses."""

    CAN_SIGN = "can-sign"
    SIGNED = "has-signed"
    IN_OFFICE = "in-office"
    NEVER_SIGNS = "never-signs"
    TOOK_NAME_OFF = "took-name-off"


_BY_STANDING = {
    Standing.SIGNED: MemberKind.SIGNED,
    Standing.WITHDRAWN: MemberKind.TOOK_NAME_OFF,
}
_BY_ELIGIBILITY = {
    Eligibility.CAN_SIGN: MemberKind.CAN_SIGN,
    Eligibility.CONVENTION: MemberKind.IN_OFFICE,
}


@dataclass(frozen=True, slots=True)
class SittingMember:
    """A seat with its member, and what the conditions of letters compare of them.

    `earlier_motion_number` is that of the newest earlier motion of the campaign with their name.
    """

    seat: Seat
    profile: MemberProfile
    earlier_motion_number: str | None = None

    @property
    def kind(self) -> MemberKind:
        """The kind of MP."""
        return kind_of(self.profile)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Who gets which letter. Every MP is in exactly one of these three.

    `by_variant` has every kind of letter by its name. Nobody writes to members who took their names
    off the motion (`took_name_off`), unless a kind of letter names them. No letter fits the members
    in `left_out`.
    """

    by_variant: dict[str, tuple[SittingMember, ...]]
    took_name_off: tuple[SittingMember, ...]
    left_out: tuple[SittingMember, ...]

    @property
    def total(self) -> int:
        """Counts all MPs, with and without a letter."""
        with_letter = sum(len(found) for found in self.by_variant.values())
        return with_letter + len(self.took_name_off) + len(self.left_out)


def kind_of(profile: MemberProfile) -> MemberKind:
    """Returns the kind of an MP: what they did about the motion comes before what they can do."""
    otherwise = _BY_ELIGIBILITY.get(profile.eligibility, MemberKind.NEVER_SIGNS)
    return _BY_STANDING.get(profile.standing, otherwise)


def sitting_members(
    session: Session, campaign: Campaign, motion: Motion | None, *, now: datetime
) -> tuple[SittingMember, ...]:
    """Returns all MPs by seat, with their position on `motion`, the campaign's current one.

    Without a motion nobody has signed.
    """
    positions = motions.positions(session, motion.id) if motion else {}
    earlier = motions.signed_earlier(session, campaign.id)
    letters = _letters(session, campaign, motion.id if motion else None)
    members = []
    for seat in seats.all_seats(
        session, today=now.date(), organisation_id=campaign.organisation_id
    ):
        if seat.member is None:
            continue
        position = seats.seat_position(seat, positions)
        profile = MemberProfile(
            position.standing,
            seats.seat_eligibility(seat, position.standing),
            position.role,
            party=seat.member.party,
            nation=seat.constituency.nation,
            region=seat.constituency.region,
            signed_earlier=seat.member.id in earlier,
            letters=letters.get(seat.constituency.code, 0),
        )
        members.append(SittingMember(seat, profile, earlier.get(seat.member.id)))
    return tuple(members)


def of_members(variants: Sequence[Variant], members: Sequence[SittingMember]) -> Coverage:
    """Goes down the list of letters for every MP, and takes the first that fits."""
    by_variant: dict[str, list[SittingMember]] = {variant.name: [] for variant in variants}
    took_name_off, left_out = [], []
    for member in members:
        variant = choose(variants, member.profile)
        if variant is not None:
            by_variant[variant.name].append(member)
        elif member.kind is MemberKind.TOOK_NAME_OFF:
            took_name_off.append(member)
        else:
            left_out.append(member)
    return Coverage(
        {name: tuple(found) for name, found in by_variant.items()},
        tuple(took_name_off),
        tuple(left_out),
    )


def _letters(session: Session, campaign: Campaign, motion_id: int | None) -> dict[str, int]:
    statement = select(LetterTally.constituency_code, LetterTally.sent).where(
        LetterTally.campaign_id == campaign.id,
        LetterTally.motion_key == counts.motion_key(motion_id),
    )
    return dict(session.exec(statement).all())
