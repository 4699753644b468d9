"""Changes a campaign, and what follows for its letters: queued ones follow the new limits."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from models import Campaign, CampaignStatus
from services.campaigns import campaigns
from services.letters import letter_queue
from services.letters.kinds import variants
from services.mail.pacing import Pace


def change(
    session: Session,
    campaign: Campaign,
    *,
    values: dict[str, Any],
    pace: Pace,
    now: datetime,
    motion_id: int | None = None,
) -> Campaign:
    """Changes the given values only. New limits reschedule the queued letters.

    Conflict if the campaign is to open and some member would get no kind of letter.
    """
    before = _limits(campaign)
    opens = values.get("status") is CampaignStatus.OPEN is not campaign.status
    campaigns.update(session, campaign, values=values, motion_id=motion_id, now=now)
    if opens:
        variants.require_complete(session, campaign, now=now)
    if _limits(campaign) != before:
        letter_queue.replan(session, campaign, pace=pace, now=now)
    return campaign


def _limits(campaign: Campaign) -> tuple[int | None, int | None]:
    return campaign.letters_per_hour, campaign.letters_per_member_day
