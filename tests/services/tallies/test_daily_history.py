"""Tests a campaign's numbers by day, and their CSV."""

import csv
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from services.assembly import Lobby
from services.campaigns import campaigns
from services.errors import Invalid
from services.tallies import histories, history_exports
from services.tallies.histories import DailyHistory
from tests.support.common import CAMPAIGN, START, Clock


def days_of(lobby: Lobby, first: date | None = None, last: date | None = None) -> DailyHistory:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        return histories.by_day(session, campaign, first=first, last=last, now=lobby.clock())


def test_the_days_agree_with_the_points_of_the_history(client: TestClient, lobby: Lobby) -> None:
    first = date(2026, 5, 1)
    days = days_of(lobby, first=first)
    query = {"from": "2026-04-30T23:00:00Z"}
    points = client.get(f"/v1/campaigns/{CAMPAIGN}/tally/history", params=query).json()["points"]
    assert days.days == tuple(first + timedelta(days=place) for place in range(len(points) - 1))
    assert days.days[-1] == START.date()
    ends = points[1:]
    assert sum(days.signatures_a_day) == ends[-1]["signatures"] - points[0]["signatures"] > 0
    for place in range(1, len(ends)):
        for name, counts in (
            ("signatures", days.signatures_a_day),
            ("letters_sent", days.letters_a_day),
        ):
            assert counts[place] == ends[place][name] - ends[place - 1][name], days.days[place]
    assert days.signatories[-1] == ends[-1]["signatories"] > 0
    # A name of which only the day is known counts from midnight, which the point shows already.
    for total, end in zip(days.signatories, ends, strict=True):
        assert total <= end["signatories"]


def test_days_are_read_in_two_statements(lobby: Lobby) -> None:
    seen: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        reading_engine = lobby.database._reader
        sa.event.listen(reading_engine, "before_cursor_execute", note)
        histories.by_day(session, campaign, now=lobby.clock())
        sa.event.remove(reading_engine, "before_cursor_execute", note)
    assert len(seen) == 2
    assert not [statement for statement in seen if "FROM signature" in statement]


def test_the_days_begin_with_the_motion_where_it_is_older_than_the_campaign(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        motion = campaigns.motion_of(session, campaign.id)
        assert motion
        campaign.created_at = datetime(2026, 6, 20, tzinfo=UTC)
        motion.tabled_on = date(2026, 5, 4)
    days = days_of(lobby)
    assert days.days[0] == date(2026, 5, 4)
    assert (days.signatories[0], days.signatories[-1]) == (0, 4)


def test_the_days_begin_with_the_first_name_where_it_is_older_still(lobby: Lobby) -> None:
    """Parliament gives a name that came on with the motion a day before that of tabling."""
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        motion = campaigns.motion_of(session, campaign.id)
        assert motion
        campaign.created_at = datetime(2026, 6, 20, tzinfo=UTC)
        tabled_on = motion.tabled_on
    days = days_of(lobby)
    assert days.days[0] < tabled_on
    assert days.signatories[0] > 0


def test_a_day_after_today_is_left_out_and_a_span_is_limited(lobby: Lobby, clock: Clock) -> None:
    assert days_of(lobby, first=START.date(), last=date(9999, 12, 31)).days == (START.date(),)
    assert days_of(lobby, last=date(2026, 1, 1)).days == (date(2026, 1, 1),)
    assert days_of(lobby, last=date(1, 1, 1)).days == (date(1, 1, 1),)
    for first in (date(1, 1, 1), START.date() + timedelta(days=1)):
        with pytest.raises(Invalid):
            days_of(lobby, first=first)
    clock.now = START + timedelta(days=20 * 365)
    assert len(days_of(lobby).days) == histories.MOST_DAYS


def test_the_csv_has_the_same_days(lobby: Lobby) -> None:
    days = days_of(lobby)
    rows = list(csv.DictReader(history_exports.days_file(days).splitlines()))
    assert [row["day"] for row in rows] == [day.isoformat() for day in days.days]
    for column in history_exports.COLUMNS[1:]:
        assert tuple(int(row[column]) for row in rows) == getattr(days, column)
