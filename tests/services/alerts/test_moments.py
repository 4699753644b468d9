"""Tests when an hour and a day end, also when London's clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from models import AlertInterval
from services.alerts import moments

LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-07-01T06:59:59", "2026-06-30T07:00:00"),
        ("2026-07-01T07:00:00", "2026-07-01T07:00:00"),
        ("2026-12-01T07:59:59", "2026-11-30T08:00:00"),
        ("2026-12-01T08:00:00", "2026-12-01T08:00:00"),
        # The clocks go forward on 29 March 2026, and back on 25 October 2026.
        ("2026-03-29T06:59:59", "2026-03-28T08:00:00"),
        ("2026-03-29T07:00:00", "2026-03-29T07:00:00"),
        ("2026-10-25T07:59:59", "2026-10-24T07:00:00"),
        ("2026-10-25T08:00:00", "2026-10-25T08:00:00"),
    ],
)
def test_a_day_ends_at_eight_in_london(now: str, expected: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    found = moments.last_due(AlertInterval.DAY, moment)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert found.astimezone(LONDON).hour == 8


def test_every_hour_of_a_day_with_another_clock_has_one_digest() -> None:
    begins = datetime(2026, 10, 24, 23, 0, tzinfo=UTC)
    minutes = [begins + timedelta(minutes=minute) for minute in range(25 * 60)]
    ends = {moments.last_due(AlertInterval.HOUR, now) for now in minutes}
    assert ends == {begins + timedelta(hours=hour) for hour in range(25)}


def test_a_digest_leaves_the_last_minutes_to_the_next() -> None:
    now = datetime(2026, 7, 1, 13, 30, tzinfo=UTC)
    until = moments.tells_until(AlertInterval.HOUR, now)
    assert until == datetime(2026, 7, 1, 12, 55, tzinfo=UTC)
