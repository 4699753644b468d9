"""Looks up what the choice of a letter depends on, and what the letter may say."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, func, select

from models import (
    Campaign,
    LetterTally,
    Motion,
    Organisation,
    Petition,
    PetitionTally,
)
from services.letters.drafting.composing import LetterFacts
from services.letters.kinds.conditions import MemberProfile
from services.letters.kinds.coverage import SittingMember
from services.parliament import motions
from services.parliament.seats import Seat
from services.parliament.standing import Eligibility, Position


@dataclass(frozen=True, slots=True)
class Background:
    """What `profile_of` and `facts_of` need to know about a seat, beside its member."""

    organisation: str = ""
    earlier_motion_number: str | None = None
    signatures: int = 0
    letters: int = 0


def background(session: Session, campaign: Campaign, motion: Motion, seat: Seat) -> Background:
    """Looks up the background of one seat."""
    return backgrounds(session, campaign, motion, [seat])[seat.constituency.code]


def backgrounds(
    session: Session, campaign: Campaign, motion: Motion, seats: Sequence[Seat]
) -> dict[str, Background]:
    """Looks up several seats in a fixed number of statements; returns them by constituency code."""
    codes = [seat.constituency.code for seat in seats]
    organisation = session.get_one(Organisation, campaign.organisation_id).name
    member_ids = [seat.member.id for seat in seats if seat.member]
    earlier = motions.signed_earlier(session, campaign.id, member_ids=member_ids)
    signatures = _signatures(session, campaign.id, codes)
    letters = _letters(session, campaign.id, motion.id, codes)
    return {
        seat.constituency.code: Background(
            organisation=organisation,
            earlier_motion_number=earlier.get(seat.member.id) if seat.member else None,
            signatures=signatures.get(seat.constituency.code, 0),
            letters=letters.get(seat.constituency.code, 0),
        )
        for seat in seats
    }


def background_of(
    session: Session, organisation: Organisation, campaign: Campaign, found: SittingMember
) -> Background:
    """Returns the background of an MP of whom all but the signatures is known, in one statement."""
    code = found.seat.constituency.code
    return Background(
        organisation=organisation.name,
        earlier_motion_number=found.earlier_motion_number,
        signatures=_signatures(session, campaign.id, [code]).get(code, 0),
        letters=found.profile.letters,
    )


def profile_of(
    seat: Seat, position: Position, eligibility: Eligibility, background: Background
) -> MemberProfile:
    """Returns what the conditions of variants compare."""
    return MemberProfile(
        standing=position.standing,
        eligibility=eligibility,
        role=position.role,
        party=seat.member.party if seat.member else None,
        nation=seat.constituency.nation,
        region=seat.constituency.region,
        signed_earlier=background.earlier_motion_number is not None,
        letters=background.letters,
    )


def facts_of(
    campaign: Campaign, motion: Motion, seat: Seat, background: Background, *, locale: str
) -> LetterFacts:
    """Returns the values for templates, without the writer's. Those of a vacant seat are empty."""
    member = seat.member
    welsh = seat.constituency.name_welsh if locale == "cy" else None
    return LetterFacts(
        member=member.name if member else "",
        constituency=welsh or seat.constituency.name,
        party=member.party if member else "",
        motion_number=motion.number,
        motion_title=motion.title,
        campaign=campaign.title,
        organisation=background.organisation,
        salutation=member.salutation if member else "",
        purpose=purpose_of(campaign, locale),
        earlier_motion_number=background.earlier_motion_number,
        signatures=background.signatures,
        letters=background.letters,
    )


def purpose_of(campaign: Campaign, locale: str) -> str:
    """Returns what the motion asks for, without a full stop; empty if not known in the language."""
    purpose = campaign.purpose_welsh if locale == "cy" else campaign.purpose
    return purpose.strip().rstrip(".").rstrip()


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
