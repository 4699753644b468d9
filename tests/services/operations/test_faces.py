"""Tests what `lobby check` says of campaigns whose pages lack something."""

from models import CampaignStatus, Scope
from services.assembly import Lobby
from services.campaigns import campaigns
from services.operations import faces
from services.organisations import identity, notices, organisations
from services.pictures import pictures
from services.pictures.cutting import CutFile
from tests.support.keys import OTHERS, add_campaign, others_key

MOTION = 900152


def found(lobby: Lobby) -> list[str]:
    with lobby.database.read() as session:
        findings = faces.check(session, now=lobby.clock())
    assert not any(finding.is_trouble for finding in findings)
    return [finding.code for finding in findings]


def test_each_part_is_missing_until_it_is_there(lobby: Lobby) -> None:
    others_key(lobby, Scope.TALLIES_READ)
    assert found(lobby) == [], "it has no campaign"
    add_campaign(lobby, "bare", organisation=OTHERS, motion_id=MOTION)
    assert found(lobby) == [
        "notice_missing",
        "contact_missing",
        "purpose_missing",
        "picture_missing",
    ]
    with lobby.database.write() as session:
        owner, now = organisations.by_slug(session, OTHERS), lobby.clock()
        campaign = campaigns.by_slug(session, "bare")
        text = "We keep your name for a year, and then we delete it."
        notices.publish(session, owner, text, now=now)
        identity.change(session, owner, {"contact_email": "us@example.org"})
        campaigns.update(session, campaign, values={"purpose": "stop it"}, now=now)
        cut = CutFile(390, 219, "image/webp", b"RIFF")
        pictures.keep_for_campaign(session, campaign, [cut], alt="A ward", credit="", now=now)
    assert found(lobby) == []


def test_only_open_campaigns_are_looked_at(lobby: Lobby) -> None:
    others_key(lobby, Scope.TALLIES_READ)
    for status in CampaignStatus:
        if status is not CampaignStatus.OPEN:
            add_campaign(lobby, f"a-{status}", organisation=OTHERS, status=status)
    assert found(lobby) == []


def test_a_campaign_without_a_motion_needs_no_purpose(lobby: Lobby) -> None:
    others_key(lobby, Scope.TALLIES_READ)
    add_campaign(lobby, "no-motion", organisation=OTHERS)
    assert "purpose_missing" not in found(lobby)


def test_nothing_is_said_of_the_demonstration(lobby: Lobby) -> None:
    add_campaign(lobby, "bare")
    assert found(lobby) == []
