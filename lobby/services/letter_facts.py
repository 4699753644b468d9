"""What a letter to the member of a seat is chosen from, and what it may say of them."""

from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, func, select

from lobby.models import (
    Campaign,
    CampaignMotion,
    LetterTally,
    Motion,
    MotionSignatory,
    Organisation,
    Petition,
    PetitionTally,
)
from lobby.services.letter_texts import LetterFacts
from lobby.services.seats import Seat
from lobby.services.standing import Eligibility, Position
from lobby.services.variant_conditions import Reader


@dataclass(frozen=True, slots=True)
class Background:
    """Of a seat: counts, who writes, and the earlier motion that its member signed."""

    organisation: str = ""
    earlier_motion_number: str | None = None
    signatures: int = 0
    letters: int = 0


def background(session: Session, campaign: Campaign, motion: Motion, seat: Seat) -> Background:
    """In a fixed handful of statements."""
    code = seat.constituency.code
    return Background(
        organisation=session.get_one(Organisation, campaign.organisation_id).name,
        earlier_motion_number=_earlier(session, campaign.id, seat),
        signatures=_signatures(session, campaign.id, code),
        letters=_letters(session, campaign.id, motion.id, code),
    )


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


def _earlier(session: Session, campaign_id: UUID, seat: Seat) -> str | None:
    """The number of the newest earlier motion of the campaign under which the name stands."""
    if seat.member is None:
        return None
    statement = (
        select(Motion.number)
        .join(CampaignMotion, col(CampaignMotion.motion_id) == Motion.id)
        .join(MotionSignatory, col(MotionSignatory.motion_id) == Motion.id)
        .where(
            CampaignMotion.campaign_id == campaign_id,
            ~col(CampaignMotion.is_current),
            ~col(CampaignMotion.is_amendment),
            MotionSignatory.member_id == seat.member.id,
            ~col(MotionSignatory.is_withdrawn),
        )
        .order_by(col(Motion.tabled_on).desc(), col(Motion.id).desc())
        .limit(1)
    )
    return session.exec(statement).first()


def _signatures(session: Session, campaign_id: UUID, code: str) -> int:
    statement = (
        select(func.sum(PetitionTally.confirmed))
        .join(Petition, col(Petition.id) == PetitionTally.petition_id)
        .where(Petition.campaign_id == campaign_id, PetitionTally.constituency_code == code)
    )
    return int(session.exec(statement).one() or 0)


def _letters(session: Session, campaign_id: UUID, motion_id: int, code: str) -> int:
    statement = select(LetterTally.sent).where(
        LetterTally.campaign_id == campaign_id,
        LetterTally.motion_id == motion_id,
        LetterTally.constituency_code == code,
    )
    return session.exec(statement).first() or 0
