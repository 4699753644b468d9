"""What a letter to the member of a seat is chosen from, and what it may say of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, func, select

from models import (
    Campaign,
    CampaignMotion,
    LetterTally,
    Motion,
    MotionSignatory,
    Organisation,
    Petition,
    PetitionTally,
)
from services.letters.drafting.composing import LetterFacts
from services.letters.kinds.conditions import Reader
from services.parliament.seats import Seat
from services.parliament.standing import Eligibility, Position


@dataclass(frozen=True, slots=True)
class Background:
    """Of a seat: counts, who writes, and the earlier motion that its member signed."""

    organisation: str = ""
    earlier_motion_number: str | None = None
    signatures: int = 0
    letters: int = 0


def background(session: Session, campaign: Campaign, motion: Motion, seat: Seat) -> Background:
    """Of one seat."""
    return backgrounds(session, campaign, motion, [seat])[seat.constituency.code]


def backgrounds(
    session: Session, campaign: Campaign, motion: Motion, found: Sequence[Seat]
) -> dict[str, Background]:
    """By the codes of seats, in a fixed handful of statements."""
    codes = [seat.constituency.code for seat in found]
    organisation = session.get_one(Organisation, campaign.organisation_id).name
    earlier = _earlier(session, campaign.id, [seat.member.id for seat in found if seat.member])
    signatures = _signatures(session, campaign.id, codes)
    letters = _letters(session, campaign.id, motion.id, codes)
    return {
        seat.constituency.code: Background(
            organisation=organisation,
            earlier_motion_number=earlier.get(seat.member.id) if seat.member else None,
            signatures=signatures.get(seat.constituency.code, 0),
            letters=letters.get(seat.constituency.code, 0),
        )
        for seat in found
    }


def reader_of(seat: Seat, position: Position, eligibility: Eligibility, told: Background) -> Reader:
    """As the conditions of variants see the member."""
    return Reader(
        standing=position.standing,
        eligibility=eligibility,
        role=position.role,
        party=seat.member.party if seat.member else None,
        nation=seat.constituency.nation,
        signed_earlier=told.earlier_motion_number is not None,
        letters=told.letters,
    )


def facts_of(
    campaign: Campaign, motion: Motion, seat: Seat, told: Background, *, locale: str
) -> LetterFacts:
    """As templates see the member; the writer's own words are left out. A vacant seat has none."""
    member = seat.member
    welsh = seat.constituency.name_welsh if locale == "cy" else None
    return LetterFacts(
        member=member.name if member else "",
        constituency=welsh or seat.constituency.name,
        party=member.party if member else "",
        motion_number=motion.number,
        motion_title=motion.title,
        campaign=campaign.title,
        organisation=told.organisation,
        earlier_motion_number=told.earlier_motion_number,
        signatures=told.signatures,
        letters=told.letters,
    )


def _earlier(
    session: Session, campaign_id: UUID, member_ids: Collection[int]
) -> dict[int, str | None]:
    """By member, the number of the newest earlier motion of the campaign with their name."""
    statement = (
        select(MotionSignatory.member_id, Motion.number)
        .join(CampaignMotion, col(CampaignMotion.motion_id) == Motion.id)
        .join(MotionSignatory, col(MotionSignatory.motion_id) == Motion.id)
        .where(
            CampaignMotion.campaign_id == campaign_id,
            ~col(CampaignMotion.is_current),
            ~col(CampaignMotion.is_amendment),
            col(MotionSignatory.member_id).in_(member_ids),
            ~col(MotionSignatory.is_withdrawn),
        )
        .order_by(col(Motion.tabled_on), col(Motion.id))
    )
    return dict(session.exec(statement).all())  # the last stays


def _signatures(session: Session, campaign_id: UUID, codes: Collection[str]) -> dict[str, int]:
    statement = (
        select(PetitionTally.constituency_code, func.sum(PetitionTally.confirmed))
        .join(Petition, col(Petition.id) == PetitionTally.petition_id)
        .where(Petition.campaign_id == campaign_id, col(PetitionTally.constituency_code).in_(codes))
        .group_by(col(PetitionTally.constituency_code))
    )
    return {code: int(total) for code, total in session.exec(statement)}


def _letters(
    session: Session, campaign_id: UUID, motion_id: int, codes: Collection[str]
) -> dict[str, int]:
    statement = select(LetterTally.constituency_code, LetterTally.sent).where(
        LetterTally.campaign_id == campaign_id,
        LetterTally.motion_id == motion_id,
        col(LetterTally.constituency_code).in_(codes),
    )
    return dict(session.exec(statement).all())
