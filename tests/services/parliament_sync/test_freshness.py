"""Tests that organisers and operators see the age of Parliament's data."""

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from models import OfficialApi
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.errors import Unavailable
from services.operations import checks
from services.organisations import organisations
from services.parliament_sync import freshness
from tests.support.common import Clock
from tests.support.pages import sign_in, visible


def record_failures(lobby: Lobby, name: str, code: str = "failed", seconds: int = 60) -> None:
    with pytest.raises(Unavailable), lobby.parliament_request(name):
        raise Unavailable(f"{name}_api_{code}", "Half an answer.", seconds)


def check_texts(lobby: Lobby) -> list[str]:
    return [finding.text for finding in checks.run(lobby) if not finding.is_trouble]


def follow(lobby: Lobby) -> None:
    """Makes the demonstration real, so that its motion is synced."""
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        session.add(owner.sqlmodel_update({"is_demonstration": False}))


def test_the_dashboard_tells_of_a_failure_and_of_the_last_good_answer(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    sign_in(client)
    assert "Members: not asked for yet" in visible(client.get("/organiser"))
    with lobby.parliament_request("members"):
        pass
    clock.advance(hours=2)
    record_failures(lobby, "members")
    page = visible(client.get("/organiser"))
    assert "Members: last good answer 1 July 2026, 13:00" in page
    assert "it failed on 1 July 2026, 15:00: Half an answer." in page


def test_the_dashboard_tells_until_when_parliament_wants_us_to_wait(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    sign_in(client)
    record_failures(lobby, "motions", "limited", 3100)
    assert "asked to wait until 1 July 2026, 13:51" in visible(client.get("/organiser"))
    clock.advance(hours=1)
    assert "asked to wait" not in visible(client.get("/organiser"))


def test_the_check_tells_of_a_followed_motion_that_grew_old(lobby: Lobby, clock: Clock) -> None:
    clock.advance(days=2)
    assert not [text for text in check_texts(lobby) if text.startswith("Motion")], (
        "a demonstration's"
    )
    follow(lobby)
    (text,) = [text for text in check_texts(lobby) if text.startswith("Motion")]
    assert "the last good answer came on 2026-07-01 at 12:00 UTC" in text


def test_the_check_tells_of_members_that_grew_old(lobby: Lobby, clock: Clock) -> None:
    with lobby.parliament_request("members"):
        pass
    clock.advance(days=2)
    assert not [text for text in check_texts(lobby) if text.startswith("Members")]
    clock.advance(days=2)
    (text,) = [text for text in check_texts(lobby) if text.startswith("Members")]
    assert "2026-07-01" in text


def test_what_was_never_asked_for_has_no_moments(empty_lobby: Lobby, clock: Clock) -> None:
    with empty_lobby.database.write() as session:
        session.add(OfficialApi(name="another", answered_at=clock.now - timedelta(days=1)))
        apis = freshness.of_parliament(session, now=clock.now)
    assert [api.name for api in apis] == ["motions", "members"]
    assert {api.answered_at for api in apis} == {None}
