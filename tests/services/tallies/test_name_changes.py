"""Tests when names count in the history of a campaign: at the moments that Parliament gives."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.assembly import Lobby
from services.campaigns import campaigns
from services.parliament import motion_history
from services.parliament.official import motions_api
from services.parliament_sync import motion_sync
from services.tallies import histories, name_changes
from services.tallies.histories import History, Interval
from tests.support.common import CAMPAIGN, START, Clock
from tests.support.outside.motions_api import MOTION, answer, sponsor, withdrawn

NEW = "a-new-campaign"


def follow(lobby: Lobby, *sponsors: dict[str, Any], **changes: Any) -> None:
    parsed = motions_api.read_answer(answer(*sponsors, **changes), MOTION)
    with lobby.database.write() as session:
        motion_sync.apply_answer(session, parsed, now=lobby.clock())


def link(lobby: Lobby) -> None:
    """Founds a campaign, now, on a motion that is older."""
    with lobby.database.write() as session:
        owner = campaigns.public(session, CAMPAIGN).organisation_id
        values = {"slug": NEW, "title": "Beds", "summary": "More of them.", "status": "open"}
        campaigns.create(
            session, organisation_id=owner, values=values, motion_id=MOTION, now=lobby.clock()
        )


def changes_of(lobby: Lobby) -> list[tuple[str, int]]:
    """Returns the changes as `06-02 09:15:00` in UTC, and by how much."""
    with lobby.database.read() as session:
        campaign = campaigns.public(session, NEW)
        found = name_changes.of_campaign(session, campaign.id).changes
    return [(f"{change.at.astimezone(UTC):%m-%d %H:%M:%S}", change.step) for change in found]


def history_of(lobby: Lobby, **query: Any) -> History:
    span = {"begins": None, "ends": None, "every": Interval.DAY} | query
    with lobby.database.read() as session:
        campaign = campaigns.public(session, NEW)
        return histories.of_campaign(session, campaign, now=lobby.clock(), **span)


def signed(number: int, when: str) -> dict[str, Any]:
    return sponsor(number, number, CreatedWhen=when)


def test_names_from_before_the_campaign_count_at_their_own_minutes(lobby: Lobby) -> None:
    follow(lobby, signed(1, "2026-05-28T16:23:48.71"), signed(2, "2026-06-02T10:15:00"))
    link(lobby)
    assert changes_of(lobby) == [("05-28 15:23:48", 1), ("06-02 09:15:00", 1)]
    history = history_of(lobby)
    begins = datetime(2026, 5, 28, 15, 23, 48, 710000, tzinfo=UTC)
    assert history.points[0].at == begins, "the first name came before tabling and campaign"
    assert [point.signatories for point in history.points[:6]] == [1] * 6
    assert history.points[-1].signatories == 2
    kinds = {event.kind.value for event in history.events if event.motion}
    assert kinds == {"tabled", "signed"}


def test_the_history_begins_with_the_tabling_where_that_is_first(lobby: Lobby) -> None:
    follow(lobby, signed(1, "2026-06-02T10:15:00"))
    link(lobby)
    assert history_of(lobby).points[0].at == datetime(2026, 5, 31, 23, tzinfo=UTC)


def test_a_history_of_hours_of_an_old_motion_begins_as_early_as_fits(lobby: Lobby) -> None:
    follow(lobby, signed(1, "2024-06-02T10:15:00"), DateTabled="2024-06-02T00:00:00")
    link(lobby)
    for every in Interval:
        points = history_of(lobby, every=every).points
        assert len(points) <= histories.MOST_POINTS
        assert points[-1].signatories == points[0].signatories == 1 or every is not Interval.HOUR
    assert len(history_of(lobby, every=Interval.HOUR).points) > 990


def test_a_withdrawal_takes_a_name_off_at_its_own_minute(lobby: Lobby) -> None:
    follow(lobby, signed(1, "2026-06-02T10:15:00"), signed(2, "2026-06-02T10:20:00"))
    follow(lobby, signed(1, "2026-06-02T10:15:00"), withdrawn(2, "2026-06-20T09:00:30"))
    link(lobby)
    assert changes_of(lobby) == [
        ("06-02 09:15:00", 1),
        ("06-02 09:20:00", 1),
        ("06-20 08:00:30", -1),
    ]


def test_a_name_that_was_off_at_the_first_look_counts_between_the_moments_of_its_row(
    lobby: Lobby,
) -> None:
    between = withdrawn(2, "2026-06-20T09:00:30") | {"CreatedWhen": "2026-06-02T10:20:00"}
    never = withdrawn(3, "2026-06-20T09:00:30")
    follow(lobby, between, never)
    link(lobby)
    assert changes_of(lobby) == [("06-02 09:20:00", 1), ("06-20 08:00:30", -1)]


def test_a_moment_in_the_future_counts_from_when_the_name_was_seen(
    lobby: Lobby, clock: Clock
) -> None:
    follow(lobby, signed(1, "2026-07-06T14:30:00"))
    link(lobby)
    assert changes_of(lobby) == [("07-01 12:00:00", 1)]
    (event,) = (event for event in history_of(lobby).events if event.kind == "signed")
    assert event.is_estimated
    clock.advance(days=30)
    assert history_of(lobby).points[-1].signatories == 1


def test_of_a_name_with_only_a_day_the_midnight_in_london_is_an_estimate(lobby: Lobby) -> None:
    follow(lobby, signed(1, "2026-06-04T00:00:00"), signed(2, "2026-06-04T10:00:00"))
    link(lobby)
    assert changes_of(lobby) == [("06-03 23:00:00", 1), ("06-04 09:00:00", 1)]
    events = [event for event in history_of(lobby).events if event.kind == "signed"]
    assert [(event.is_estimated, f"{event.happened_at:%d %H:%M}") for event in events] == [
        (True, "03 23:00"),
        (False, "04 09:00"),
    ]


def test_points_of_a_day_within_which_a_name_came_at_an_unknown_minute_are_estimates(
    lobby: Lobby, client: TestClient
) -> None:
    follow(lobby, signed(1, "2026-06-04T00:00:00"), signed(2, "2026-06-06T10:00:00"))
    link(lobby)
    begins = datetime(2026, 6, 3, 21, tzinfo=UTC)
    history = history_of(lobby, begins=begins, ends=begins + timedelta(days=2), every=Interval.HOUR)
    estimated = [f"{point.at:%d %H:%M}" for point in history.points if point.is_estimated]
    assert (len(estimated), estimated[0], estimated[-1]) == (24, "03 23:00", "04 22:00")
    assert [point.signatories for point in history.points if point.is_estimated] == [1] * 24
    query = {"from": "2026-06-04T12:00:00Z", "to": "2026-06-05T12:00:00Z"}
    path = f"/v1/campaigns/{NEW}/tally/history"
    points = client.get(path, params=query).json()["points"]
    assert [point["is_estimated"] for point in points] == [True, False, False]
    lines = client.get(f"{path}.csv", params=query).text.splitlines()
    assert [line.rpartition(",")[2] for line in lines] == ["is_estimated", "yes", "no", "no"]


def test_a_name_comes_off_and_on_in_the_order_in_which_it_was_seen(
    lobby: Lobby, clock: Clock
) -> None:
    """Only the days of the last two events are known, and both begin before the first moment."""
    first = signed(1, "2026-07-01T12:30:00")
    follow(lobby, first)
    clock.advance(minutes=10)
    follow(lobby, withdrawn(1, "2026-07-01T00:00:00"))
    clock.advance(minutes=10)
    follow(lobby, first)
    link(lobby)
    assert changes_of(lobby) == [
        ("07-01 11:30:00", 1),
        ("07-01 11:30:00", -1),
        ("07-01 11:30:00", 1),
    ]
    assert history_of(lobby).points[-1].signatories == 1


def test_a_repeated_member_counts_once_in_the_history(lobby: Lobby) -> None:
    follow(lobby, signed(1, "2026-06-02T10:15:00"), sponsor(2, 2, MemberId=1))
    link(lobby)
    assert changes_of(lobby) == [("06-02 09:15:00", 1)]


def test_without_a_motion_there_are_no_names_and_the_history_begins_with_the_campaign(
    lobby: Lobby, clock: Clock
) -> None:
    with lobby.database.write() as session:
        owner = campaigns.public(session, CAMPAIGN).organisation_id
        values = {"slug": NEW, "title": "Beds", "summary": "More of them.", "status": "open"}
        campaigns.create(session, organisation_id=owner, values=values, now=lobby.clock())
    clock.advance(days=1)
    assert changes_of(lobby) == []
    points = history_of(lobby).points
    assert (points[0].at, points[0].signatories) == (START, 0)


def test_events_of_a_span_are_those_that_happened_in_it(lobby: Lobby) -> None:
    """All were seen at once, when the motion was linked."""
    follow(lobby, signed(1, "2026-06-02T10:15:00"), signed(2, "2026-06-09T10:15:00"))
    link(lobby)
    begins = datetime(2026, 6, 9, tzinfo=UTC)
    history = history_of(lobby, begins=begins, ends=begins + timedelta(days=1))
    assert [(event.kind, event.member and event.member.id) for event in history.events] == [
        ("signed", 2)
    ]
    assert [point.signatories for point in history.points] == [1, 2, 2]


@pytest.mark.parametrize("path", ["history", "events"])
def test_the_api_says_when_an_event_happened_and_whether_that_is_an_estimate(
    client: TestClient, lobby: Lobby, path: str
) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        motion = campaigns.motion_of(session, campaign.id)
        assert motion
        first = next(
            event for event in motion_history.of_motion(session, motion.id) if event.member_id
        )
        first.happened_at, first_id = None, str(first.id)
    body = client.get(f"/v1/campaigns/{CAMPAIGN}/tally/{path}").json()
    events = body["events"] if path == "history" else body
    signed_events = [event for event in events if event["kind"] == "signed"]
    assert [event["id"] for event in signed_events if event["is_estimated"]] == [first_id]
    (estimated,) = [event for event in signed_events if event["is_estimated"]]
    assert (estimated["happened_on"], estimated["happened_at"]) == (
        "2026-05-18",
        "2026-05-17T23:00:00Z",
    )
    assert not {e["happened_at"][14:19] for e in signed_events if e["id"] != first_id} & {"00:00"}
