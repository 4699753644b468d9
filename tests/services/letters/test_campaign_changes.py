"""Tests that a campaign opens only if it has a letter for every member."""

import pytest
from sqlmodel import Session, select

from models import Campaign, CampaignStatus, LetterAct, LetterVariant
from services.assembly import Lobby
from services.campaigns import campaign_motions, campaigns
from services.errors import Conflict
from services.letters import campaign_changes
from services.letters.kinds import variants
from tests.support.common import CAMPAIGN
from tests.support.keys import add_campaign

SLUG = "new"


@pytest.fixture
def draft(lobby: Lobby) -> Lobby:
    """A lobby with a draft campaign whose only letter does not cover signatories."""
    add_campaign(lobby, SLUG, status=CampaignStatus.DRAFT)
    with lobby.database.write() as session:
        motion = campaigns.motion_of(session, campaign_of(session, CAMPAIGN).id)
        assert motion
        campaign_motions.link(session, campaign_of(session), motion.id, now=lobby.clock())
        row = LetterVariant(
            campaign_id=campaign_of(session).id,
            position=0,
            name="only",
            act=LetterAct.ASK,
            updated_at=lobby.clock(),
        )
        session.add(row)
    return lobby


def campaign_of(session: Session, slug: str = SLUG) -> Campaign:
    return session.exec(select(Campaign).where(Campaign.slug == slug)).one()


def change(lobby: Lobby, **values: object) -> None:
    with lobby.database.write() as session:
        campaign_changes.change(
            session, campaign_of(session), values=values, pace=lobby.pace, now=lobby.clock()
        )


def status(lobby: Lobby) -> CampaignStatus:
    with lobby.database.read() as session:
        return campaign_of(session).status


def test_a_campaign_whose_letters_leave_members_out_is_not_opened(draft: Lobby) -> None:
    with pytest.raises(Conflict) as refusal:
        change(draft, status=CampaignStatus.OPEN)
    assert refusal.value.code == "letters_incomplete"
    assert status(draft) is CampaignStatus.DRAFT


def test_it_is_opened_once_its_letters_leave_nobody_out(draft: Lobby) -> None:
    with draft.database.write() as session:
        variants.save(session, campaign_of(session), [], now=draft.clock())
    change(draft, status=CampaignStatus.OPEN)
    assert status(draft) is CampaignStatus.OPEN


def test_a_change_that_does_not_open_it_does_not_ask_for_its_letters(draft: Lobby) -> None:
    change(draft, title="Another title", status=CampaignStatus.DRAFT)
    with draft.database.write() as session:
        assert campaign_of(session).title == "Another title"
        campaign_of(session).status = CampaignStatus.OPEN
    change(draft, summary="Another summary", status=CampaignStatus.OPEN)
    with draft.database.read() as session:
        assert campaign_of(session).summary == "Another summary"
