"""Looks up what the choice of a letter depends on, and what the letter may say."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from models import (
    Campaign,
    CampaignStatus,
    LetterTally,
    Motion,
    Organisation,
    Petition,
    PetitionState,
    PetitionTally,
)
from services.letters.drafting.composing import LetterFacts
from services.letters.kinds.conditions import MemberProfile
from services.letters.kinds.coverage import SittingMember
from services.parliament import motions
from services.parliament.seats import Seat
from services.parliament.standing import Eligibility, Position
from services.tallies import counts


@dataclass(frozen=True, slots=True)
class Background:
    """What `profile_of` and `facts_of` need to know about a seat, beside its member.

    `petition` and `addressed_to` are those of the campaign's petition (`petition_of`).
    """

    organisation: str = ""
    petition: str = ""
    addressed_to: str = ""
    earlier_motion_number: str | None = None
    signatures: int = 0
    letters: int = 0


def background(
    session: Session, campaign: Campaign, motion: Motion | None, seat: Seat
) -> Background:
    """Looks up the background of one seat."""
    return backgrounds(session, campaign, motion, [seat])[seat.constituency.code]


def backgrounds(
    session: Session, campaign: Campaign, motion: Motion | None, seats: Sequence[Seat]
) -> dict[str, Background]:
    """Looks up several seats in a fixed number of statements; returns them by constituency code."""
    codes = [seat.constituency.code for seat in seats]
    organisation = session.get_one(Organisation, campaign.organisation_id).name
    member_ids = [seat.member.id for seat in seats if seat.member]
    earlier = motions.signed_earlier(session, campaign.id, member_ids=member_ids)
    signatures = _signatures(session, campaign.id, codes)
    letters = _letters(session, campaign.id, motion.id if motion else None, codes)
    petition = petition_of(session, campaign)
    return {
        seat.constituency.code: Background(
            organisation=organisation,
            petition=petition.action if petition else "",
            addressed_to=petition.addressed_to if petition else "",
            earlier_motion_number=earlier.get(seat.member.id) if seat.member else None,
            signatures=signatures.get(seat.constituency.code, 0),
            letters=letters.get(seat.constituency.code, 0),
        )
        for seat in seats
    }


def background_of(
    session: Session, organisation: Organisation, campaign: Campaign, found: SittingMember
) -> Background:
    """Returns the background of an MP who was looked up already, in one statement."""
    petitions = _petitions(session, campaign, found.seat.constituency.code)
    petition = _named((petition for petition, _ in petitions), campaign)
    return Background(
        organisation=organisation.name,
        petition=petition.action if petition else "",
        addressed_to=petition.addressed_to if petition else "",
        earlier_motion_number=found.earlier_motion_number,
        signatures=sum(count for _, count in petitions),
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
    campaign: Campaign, motion: Motion | None, seat: Seat, background: Background, *, locale: str
) -> LetterFacts:
    """Returns the values for templates, without the writer's. Those of a vacant seat are empty."""
    member = seat.member
    welsh = seat.constituency.name_welsh if locale == "cy" else None
    return LetterFacts(
        member=member.name if member else "",
        constituency=welsh or seat.constituency.name,
        party=member.party if member else "",
        motion_number=motion.number if motion else "",
        motion_title=motion.title if motion else "",
        campaign=campaign.title,
        organisation=background.organisation,
        salutation=member.salutation if member else "",
        purpose=purpose_of(campaign, locale),
        petition=background.petition,
        addressed_to=background.addressed_to,
        earlier_motion_number=background.earlier_motion_number,
        signatures=background.signatures,
        letters=background.letters,
    )


def purpose_of(campaign: Campaign, locale: str) -> str:
    """Returns what the motion asks for, without a full stop; empty if not known in the language.

    Without a motion, it is what the campaign asks for.
    """
    purpose = campaign.purpose_welsh if locale == "cy" else campaign.purpose
    return purpose.strip().rstrip(".").rstrip()


def petition_of(session: Session, campaign: Campaign) -> Petition | None:
    """Returns the petition that letters name: the first one that is open, or else a closed one.

    Letters of a draft name its drafts too, because only its organisers see them.
    """
    petitions = session.exec(select(Petition).where(Petition.campaign_id == campaign.id))
    return _named(petitions, campaign)


def _named(petitions: Iterable[Petition], campaign: Campaign) -> Petition | None:
    is_draft = campaign.status is CampaignStatus.DRAFT
    order = [PetitionState.OPEN, PetitionState.CLOSED, *([PetitionState.DRAFT] if is_draft else [])]
    return min(
        (petition for petition in petitions if petition.state in order),
        key=lambda petition: (order.index(petition.state), petition.number),
        default=None,
    )


def _petitions(session: Session, campaign: Campaign, code: str) -> list[tuple[Petition, int]]:
    """Returns the campaign's petitions, each with its signatures of one seat, in one statement."""
    of_seat = sa.and_(
        col(PetitionTally.petition_id) == Petition.id, col(PetitionTally.constituency_code) == code
    )
    statement = (
        select(Petition, PetitionTally.confirmed)
        .outerjoin(PetitionTally, of_seat)
        .where(Petition.campaign_id == campaign.id)
    )
    return [(petition, count or 0) for petition, count in session.exec(statement)]


def _signatures(session: Session, campaign_id: UUID, codes: Collection[str]) -> dict[str, int]:
    statement = (
        select(PetitionTally.constituency_code, func.sum(PetitionTally.confirmed))
        .join(Petition, col(Petition.id) == PetitionTally.petition_id)
        .where(Petition.campaign_id == campaign_id, col(PetitionTally.constituency_code).in_(codes))
        .group_by(col(PetitionTally.constituency_code))
    )
    return {code: int(total) for code, total in session.exec(statement)}


def _letters(
    session: Session, campaign_id: UUID, motion_id: int | None, codes: Collection[str]
) -> dict[str, int]:
    statement = select(LetterTally.constituency_code, LetterTally.sent).where(
        LetterTally.campaign_id == campaign_id,
        LetterTally.motion_key == counts.motion_key(motion_id),
        col(LetterTally.constituency_code).in_(codes),
    )
    return dict(session.exec(statement).all())
