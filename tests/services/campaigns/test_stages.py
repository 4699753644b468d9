"""Tests when a campaign opened and ended."""

from datetime import datetime, timedelta

from models import CampaignStatus
from services.assembly import Lobby
from services.campaigns import campaigns
from tests.support.common import CAMPAIGN


def test_a_campaign_keeps_when_it_first_opened_and_when_it_last_ended(lobby: Lobby) -> None:
    now = lobby.clock()
    times = [now + timedelta(days=days) for days in range(5)]
    stages = (
        CampaignStatus.OPEN,
        CampaignStatus.CLOSED,
        CampaignStatus.OPEN,
        CampaignStatus.CLOSED,
        CampaignStatus.CLOSED,
    )
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        campaign.status, campaign.opened_at, campaign.ended_at = CampaignStatus.DRAFT, None, None
        found: list[tuple[datetime | None, datetime | None]] = []
        for moment, status in zip(times, stages, strict=True):
            campaigns.update(session, campaign, values={"status": status}, now=moment)
            found.append((campaign.opened_at, campaign.ended_at))
    first = times[0]
    closed, again = times[1], times[3]
    assert found == [(first, None), (first, closed), (first, None), (first, again), (first, again)]


def test_a_campaign_that_is_born_open_opened_then_and_a_draft_never(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        organisation_id = campaigns.by_slug(session, CAMPAIGN).organisation_id
        found = {
            status: campaigns.create(
                session,
                organisation_id=organisation_id,
                values={"slug": status, "title": "T", "summary": "S", "status": status},
                now=lobby.clock(),
            )
            for status in (CampaignStatus.OPEN, CampaignStatus.DRAFT)
        }
    assert found[CampaignStatus.OPEN].opened_at == lobby.clock()
    assert found[CampaignStatus.DRAFT].opened_at is None
