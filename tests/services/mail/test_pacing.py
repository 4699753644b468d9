"""Tests the pace of letters: limits per hour and per member and day, and quiet hours."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from models import LetterPace
from services.assembly import Lobby
from services.campaigns import campaigns
from services.mail import pacing
from services.mail.pacing import WHILE_PAUSED, Pace, QuietHours
from tests.support.common import CAMPAIGN, START

LONDON = ZoneInfo("Europe/London")
NIGHT = QuietHours(time(22), time(7))
NEVER = QuietHours(time(0), time(0))
EVENING = datetime(2026, 7, 1, 18, 0, tzinfo=UTC)  # 19:00 in London
MORAG = 900001


def limit(lobby: Lobby, **limits: object) -> None:
    with lobby.database.write() as session:
        session.add(campaigns.public(session, CAMPAIGN).sqlmodel_update(limits))


def plan(
    lobby: Lobby, *member_ids: int, now: datetime = EVENING, quiet: QuietHours = NIGHT
) -> list[datetime]:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        pace = Pace(quiet, random.Random(1).random)
        return pacing.reserve(session, campaign, member_ids, pace=pace, now=now)


def hours(due: list[datetime]) -> Counter[datetime]:
    return Counter(moment.replace(minute=0, second=0, microsecond=0) for moment in due)


def days(due: list[datetime]) -> Counter[str]:
    return Counter(moment.astimezone(LONDON).date().isoformat() for moment in due)


def local(moment: datetime) -> time:
    return moment.astimezone(LONDON).time()


# ---- quiet hours


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-07-01T20:59:00+00:00", "2026-07-01T20:59:00+00:00"),  # 21:59 in London
        ("2026-07-01T21:00:00+00:00", "2026-07-02T06:00:00+00:00"),
        ("2026-07-02T05:59:59+00:00", "2026-07-02T06:00:00+00:00"),
        ("2026-07-02T06:00:00+00:00", "2026-07-02T06:00:00+00:00"),
        ("2026-12-01T22:30:00+00:00", "2026-12-02T07:00:00+00:00"),
        ("2026-10-24T22:00:00+00:00", "2026-10-25T07:00:00+00:00"),  # the clocks go back
        ("2027-03-27T23:00:00+00:00", "2027-03-28T06:00:00+00:00"),  # the clocks go forward
    ],
)
def test_quiet_hours_are_those_of_the_clock_in_london(moment: str, opens: str) -> None:
    next_opening = NIGHT.next_open(datetime.fromisoformat(moment))
    assert next_opening == datetime.fromisoformat(opens)


def test_quiet_hours_can_lie_within_a_day() -> None:
    lunch = QuietHours(time(12), time(13))
    noon = datetime(2026, 12, 1, 12, 30, tzinfo=UTC)
    assert lunch.next_open(noon) == datetime(2026, 12, 1, 13, 0, tzinfo=UTC)
    assert lunch.next_open(noon + timedelta(hours=1)) == noon + timedelta(hours=1)


def test_the_same_time_twice_means_no_quiet_hours() -> None:
    for hour in range(24):
        moment = START + timedelta(hours=hour)
        assert NEVER.next_open(moment) == moment


# ---- slots


def test_without_limits_a_letter_goes_at_once_and_by_night_in_the_morning(lobby: Lobby) -> None:
    assert plan(lobby, MORAG) == [EVENING]
    midnight = EVENING + timedelta(hours=5)
    assert plan(lobby, MORAG, now=midnight) == [datetime(2026, 7, 2, 6, 0, tzinfo=UTC)]


def test_a_lone_letter_waits_for_nothing(lobby: Lobby) -> None:
    limit(lobby, letters_per_hour=60, letters_per_member_day=10)
    late = EVENING + timedelta(minutes=30)
    (due,) = plan(lobby, MORAG, now=late)
    assert due == late


@pytest.mark.slow
def test_twenty_thousand_letters_of_an_evening_are_spread_as_told(lobby: Lobby) -> None:
    limit(lobby, letters_per_hour=500)
    due = plan(lobby, *[1 + number % 650 for number in range(20_000)])
    by_hour = hours(due)
    assert len(due) == 20_000
    assert max(by_hour.values()) == 500
    assert len(by_hour) == 40, "no hour is left half empty"
    assert not [moment for moment in due if not time(7) <= local(moment) < time(22)]
    # Three open hours are left on the first evening, then fifteen a day.
    assert list(days(due).values()) == [1500, 7500, 7500, 3500]


def test_a_members_office_gets_no_more_than_told_on_a_day(lobby: Lobby) -> None:
    limit(lobby, letters_per_member_day=50)
    due = plan(lobby, *[MORAG] * 120, *[MORAG + 1] * 20, now=EVENING - timedelta(hours=12))
    assert list(days(due[:120]).values()) == [50, 50, 20]
    assert list(days(due[120:]).values()) == [20]
    gaps = [later - earlier for earlier, later in pairwise(due[:50])]
    assert max(gaps) < timedelta(hours=1), "evenly over the day, not all in the morning"


def test_a_member_whose_day_is_full_holds_nobody_else_up(lobby: Lobby) -> None:
    limit(lobby, letters_per_hour=100, letters_per_member_day=2)
    morning = EVENING - timedelta(hours=12)
    plan(lobby, *[MORAG] * 10, now=morning)
    (due,) = plan(lobby, MORAG + 1, now=morning)
    assert due - morning < timedelta(hours=15)
    assert days([due]) == days([morning])


def test_both_limits_hold_together(lobby: Lobby) -> None:
    limit(lobby, letters_per_hour=30, letters_per_member_day=20)
    members = [MORAG + number % 7 for number in range(900)]
    due = plan(lobby, *members)
    assert max(hours(due).values()) <= 30
    letters_per_day = Counter(
        (member, moment.astimezone(LONDON).date())
        for member, moment in zip(members, due, strict=True)
    )
    assert max(letters_per_day.values()) == 20
    assert not [moment for moment in due if not time(7) <= local(moment) < time(22)]


def test_places_that_were_taken_before_count(lobby: Lobby) -> None:
    limit(lobby, letters_per_hour=10)
    first = [moment for _ in range(30) for moment in plan(lobby, MORAG)]
    assert sorted(hours(first).values()) == [10, 10, 10]


def test_quiet_hours_that_begin_within_an_hour_are_kept(lobby: Lobby) -> None:
    limit(lobby, letters_per_hour=4)
    quiet = QuietHours(time(19, 30), time(7, 15))
    due = plan(lobby, *[MORAG] * 20, quiet=quiet)
    assert not [moment for moment in due if not time(7, 15) <= local(moment) < time(19, 30)]
    assert max(hours(due).values()) <= 4


def test_the_post_of_a_paused_campaign_waits(lobby: Lobby) -> None:
    limit(lobby, letters_paused_at=START)
    assert plan(lobby, MORAG) == [WHILE_PAUSED]


def test_places_that_are_given_back_are_free_again(lobby: Lobby) -> None:
    limit(lobby, letters_per_hour=10)
    plan(lobby, *[MORAG] * 40)
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        pacing.keep_only(session, campaign, [], now=EVENING)
    assert sorted(hours(plan(lobby, *[MORAG] * 20)).values()) == [10, 10]


def test_letters_that_went_keep_their_places(lobby: Lobby) -> None:
    limit(lobby, letters_per_hour=10, letters_per_member_day=8)
    plan(lobby, *[MORAG] * 8)
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        sent_before = [
            (MORAG, EVENING),
            (MORAG, EVENING - timedelta(hours=4)),
            (MORAG + 1, EVENING),
        ]
        pacing.keep_only(session, campaign, sent_before, now=EVENING)
    due = plan(lobby, *[MORAG] * 7)
    assert list(days(due).values()) == [6, 1]
    others = plan(lobby, *[MORAG + number for number in range(2, 30)])
    assert hours([*due, *others])[EVENING] == 8


def test_confirmations_at_once_overfill_no_hour(lobby: Lobby) -> None:
    limit(lobby, letters_per_hour=10)
    with ThreadPoolExecutor(8) as pool:
        due = [
            moment
            for due_times in pool.map(lambda _: plan(lobby, MORAG), range(40))
            for moment in due_times
        ]
    assert sorted(hours(due).values()) == [10, 10, 10, 10]
    with lobby.database.read() as session:
        rows = session.exec(select(LetterPace)).all()
        assert sorted(row.reserved for row in rows) == [10, 10, 10, 10]
