"""Reserves the times at which letters of a campaign are sent, by the campaign's pace."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from models import Campaign, Letter, Organisation
from services.mail import pacing
from services.mail.pacing import AT_ONCE, Pace


def reserve(
    session: Session, campaign_id: UUID, member_ids: list[int], *, pace: Pace, now: datetime
) -> list[datetime]:
    """Reserves a time for a letter to each of these members, in their order (`pacing.reserve`)."""
    campaign = session.get_one(Campaign, campaign_id)
    own_pace = pace_of(session, campaign, pace)
    return pacing.reserve(session, campaign, member_ids, pace=own_pace, now=now)


def reserve_one(session: Session, letter: Letter, *, pace: Pace, now: datetime) -> datetime:
    """Reserves a time for one letter."""
    return reserve(session, letter.campaign_id, [letter.member_id], pace=pace, now=now)[0]


def pace_of(session: Session, campaign: Campaign, pace: Pace) -> Pace:
    """Returns the pace of a campaign: that of the service, or none for the demonstration.

    An operator who tries the demonstration at night wants to see its letters sent.
    """
    owner = session.get_one(Organisation, campaign.organisation_id)
    return AT_ONCE if owner.is_demonstration else pace
