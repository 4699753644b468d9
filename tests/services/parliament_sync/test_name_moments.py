"""Tests the moments at which names came on and off a motion, by Parliament's own clock."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from models import MotionEvent, MotionEventKind, MotionSignatory
from services.assembly import Lobby
from services.database import engine
from services.parliament import motion_history, motions
from services.parliament.official import motions_api
from services.parliament_sync import motion_sync
from tests.support.common import START, Clock
from tests.support.outside.motions_api import MOTION, answer, sponsor, withdrawn

SIGNED, WITHDRAWN = MotionEventKind.SIGNED, MotionEventKind.WITHDRAWN


def follow(lobby: Lobby, *sponsors: dict[str, Any], **changes: Any) -> None:
    parsed = motions_api.read_answer(answer(*sponsors, **changes), MOTION)
    with lobby.database.write() as session:
        motion_sync.apply_answer(session, parsed, now=lobby.clock())


def names_of(lobby: Lobby) -> dict[int, MotionSignatory]:
    with lobby.database.read() as session:
        return {row.id: row for row in motions.signatories(session, MOTION)}


def events_of(lobby: Lobby, *kinds: MotionEventKind) -> list[MotionEvent]:
    with lobby.database.read() as session:
        return [e for e in motion_history.of_motion(session, MOTION) if e.kind in kinds]


def utc(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, micro: int = 0
) -> datetime:
    return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)


@pytest.mark.parametrize(
    ("local", "moment"),
    [
        ("2026-06-02T10:15:00", utc(2026, 6, 2, 9, 15)),
        ("2026-06-02T10:15:00.5", utc(2026, 6, 2, 9, 15, 0, 500000)),
        ("2026-06-02T12:02:52.4666667", utc(2026, 6, 2, 11, 2, 52, 466666)),
        ("2026-06-02T00:20:00", utc(2026, 6, 1, 23, 20)),
        ("2026-12-02T10:15:00", utc(2026, 12, 2, 10, 15)),
        # Clocks go back at two: the first of the two hours.
        ("2026-10-25T00:59:59", utc(2026, 10, 24, 23, 59, 59)),
        ("2026-10-25T01:30:00", utc(2026, 10, 25, 0, 30)),
        ("2026-10-25T02:00:00", utc(2026, 10, 25, 2, 0)),
        # Clocks go forward at one: there is no such hour, so it is the one after.
        ("2026-03-29T00:59:59", utc(2026, 3, 29, 0, 59, 59)),
        ("2026-03-29T01:30:00", utc(2026, 3, 29, 1, 30)),
        ("2026-03-29T02:00:00", utc(2026, 3, 29, 1, 0)),
        # Should Parliament give an offset one day.
        ("2026-06-02T10:15:00Z", utc(2026, 6, 2, 10, 15)),
        # Only the day is known.
        ("2026-06-02T00:00:00", None),
        ("2026-06-02T00:00:00.0000000", None),
        ("2026-06-02", None),
        ("2026-06-02T25:00:00", None),
        ("0001-01-01T00:00:00", None),
        ("0001-01-01T00:30:00+14:00", None),
    ],
)
def test_the_clocks_of_parliament_are_those_of_london(
    lobby: Lobby, clock: Clock, local: str, moment: datetime | None
) -> None:
    clock.now = utc(2027, 1, 4, 12)
    follow(lobby, sponsor(1, 1, CreatedWhen=local))
    row = names_of(lobby)[1]
    (event,) = events_of(lobby, SIGNED)
    assert (row.signed_at, event.happened_at) == (moment, moment)
    day = date.fromisoformat(local[:10])
    assert (row.signed_on, event.happened_on) == (day, day)
    assert event.seen_at == clock.now


def test_a_withdrawal_has_the_moment_on_its_row_and_the_signature_keeps_its_own(
    lobby: Lobby,
) -> None:
    follow(lobby, sponsor(1, 1), sponsor(2, 2))
    signed_at = names_of(lobby)[2].signed_at
    follow(lobby, sponsor(1, 1), withdrawn(2, "2026-06-20T09:00:01"))
    row = names_of(lobby)[2]
    assert (row.signed_at, row.withdrawn_at) == (signed_at, utc(2026, 6, 20, 8, 0, 1))
    assert signed_at == utc(2026, 6, 2, 9, 15, 0, 500000)
    (event,) = events_of(lobby, WITHDRAWN)
    assert (event.happened_at, event.happened_on) == (row.withdrawn_at, date(2026, 6, 20))


def test_a_withdrawal_of_which_only_the_day_is_given_has_no_moment(lobby: Lobby) -> None:
    follow(lobby, sponsor(1, 1), sponsor(2, 2))
    follow(lobby, sponsor(1, 1), withdrawn(2, "2026-06-20T00:00:00"))
    (event,) = events_of(lobby, WITHDRAWN)
    assert (event.happened_at, event.happened_on) == (None, date(2026, 6, 20))


@pytest.mark.parametrize(
    ("created", "ended", "signed_at"),
    [
        ("2026-06-02T12:02:52.5", "2026-06-02T13:23:44", utc(2026, 6, 2, 11, 2, 52, 500000)),
        ("2026-06-02T12:02:52.5", "2026-06-20T00:00:00", utc(2026, 6, 2, 11, 2, 52, 500000)),
        ("2026-06-20T13:23:44", "2026-06-20T13:23:44", None),
        ("2026-06-20T13:23:45", "2026-06-20T13:23:44", None),
        ("2026-06-20T13:23:44", "2026-06-20T00:00:00", None),
        ("2026-06-20T13:23:44", None, None),
        ("2026-06-20T00:00:00", "2026-06-20T13:23:44", None),
    ],
)
def test_a_name_that_is_off_at_the_first_look_was_signed_when_its_row_says_an_earlier_time(
    lobby: Lobby, created: str, ended: str | None, signed_at: datetime | None
) -> None:
    """A withdrawal can rewrite `CreatedWhen`, so the same or a later time says nothing."""
    row = withdrawn(2) | {"CreatedWhen": created, "WithdrawnDate": ended}
    follow(lobby, sponsor(1, 1), row)
    assert names_of(lobby)[2].signed_at == signed_at
    assert len(events_of(lobby, SIGNED)) == 1


def test_a_new_row_after_a_withdrawal_gives_the_moment_of_signing_again(
    lobby: Lobby, clock: Clock
) -> None:
    clock.now = utc(2026, 6, 20, 15)
    follow(lobby, sponsor(1, 1), sponsor(2, 2))
    follow(lobby, sponsor(1, 1), withdrawn(2))
    again = sponsor(3, 9, MemberId=2, CreatedWhen="2026-06-20T15:30:00")
    follow(lobby, sponsor(1, 1), withdrawn(2), again)
    (event,) = events_of(lobby, MotionEventKind.RESTORED)
    assert event.happened_at == utc(2026, 6, 20, 14, 30)


def test_a_row_that_is_put_back_on_has_no_moment_of_its_own(lobby: Lobby, clock: Clock) -> None:
    clock.now = utc(2026, 6, 20, 15)
    first = sponsor(2, 2, CreatedWhen="2026-06-20T08:00:00")
    follow(lobby, sponsor(1, 1), first)
    follow(lobby, sponsor(1, 1), withdrawn(2))
    follow(lobby, sponsor(1, 1), first)
    (event,) = events_of(lobby, MotionEventKind.RESTORED)
    assert (event.happened_at, event.happened_on) == (None, date(2026, 6, 20))


def test_the_moment_of_a_motions_own_withdrawal_is_kept(lobby: Lobby) -> None:
    follow(lobby, sponsor(1, 1))
    follow(lobby, sponsor(1, 1), Status=1, StatusDate="2026-06-30T22:37:16.507")
    (event,) = events_of(lobby, MotionEventKind.MOTION_WITHDRAWN)
    assert event.happened_at == utc(2026, 6, 30, 21, 37, 16, 507000)


def forget_moments(lobby: Lobby) -> None:
    """Makes the rows as an earlier version stored them."""
    with lobby.database.write() as session:
        for row in motions.signatories(session, MOTION):
            row.signed_at = row.withdrawn_at = None
        for event in motion_history.of_motion(session, MOTION):
            event.happened_at = None


def test_the_next_good_answer_gives_stored_names_and_their_events_the_missing_moments(
    lobby: Lobby, clock: Clock
) -> None:
    rows = (
        sponsor(1, 1),
        sponsor(2, 2, CreatedWhen="2026-06-03T11:00:00"),
        sponsor(3, 3, CreatedWhen="2026-06-04T00:00:00"),
        withdrawn(4) | {"CreatedWhen": "2026-06-05T08:00:00"},
    )
    follow(lobby, *rows)
    names, events = names_of(lobby), events_of(lobby, SIGNED, WITHDRAWN)
    assert [event.happened_at is None for event in events] == [False, False, True, False]
    forget_moments(lobby)
    clock.advance(days=2)
    follow(lobby, *rows)
    assert names_of(lobby) == names
    assert events_of(lobby, SIGNED, WITHDRAWN) == events


def test_a_stored_name_takes_no_moment_of_another_day(lobby: Lobby, clock: Clock) -> None:
    """It was withdrawn before the service kept moments, and its row rewritten."""
    follow(lobby, sponsor(1, 1), sponsor(2, 2))
    forget_moments(lobby)
    clock.advance(days=20)
    follow(lobby, sponsor(1, 1), withdrawn(2) | {"CreatedWhen": "2026-06-20T08:00:00"})
    row = names_of(lobby)[2]
    assert (row.signed_on, row.signed_at) == (date(2026, 6, 2), None)
    events = {event.member_id: event for event in events_of(lobby, SIGNED)}
    assert events[2].happened_at is None
    assert events[1].happened_at == utc(2026, 6, 2, 9, 15, 0, 500000)


def test_a_first_moment_is_never_replaced(lobby: Lobby) -> None:
    follow(lobby, sponsor(1, 1))
    follow(lobby, sponsor(1, 1, CreatedWhen="2026-06-02T18:00:00"))
    assert names_of(lobby)[1].signed_at == utc(2026, 6, 2, 9, 15, 0, 500000)
    assert events_of(lobby, SIGNED)[0].seen_at == START


def test_of_a_repeated_member_the_first_moment_of_the_first_day_counts(lobby: Lobby) -> None:
    follow(
        lobby,
        sponsor(1, 1, CreatedWhen="2026-06-03T09:00:00"),
        sponsor(2, 2, MemberId=1, CreatedWhen="2026-06-02T17:00:00"),
        sponsor(3, 3, MemberId=1, CreatedWhen="2026-06-02T16:00:00"),
        sponsor(4, 4, MemberId=1, CreatedWhen="2026-06-02T00:00:00"),
    )
    (event,) = events_of(lobby, SIGNED)
    assert event.happened_at == utc(2026, 6, 2, 15)
    assert event.seen_at - event.happened_at > timedelta(days=1)


def test_the_first_request_after_the_upgrade_is_not_conditional(lobby: Lobby) -> None:
    """Otherwise an answer that nothing has changed would leave the moments missing."""
    parsed = motions_api.read_answer(answer(sponsor(1, 1)), MOTION)
    validators = motions_api.Validators('"1"', "Tue, 30 Jun 2026 10:00:00 GMT")
    with lobby.database.write() as session:
        motion_sync.apply_answer(session, parsed, validators=validators, now=lobby.clock())
        assert motion_sync.validators_of(session, MOTION) == validators
    engine.migrate(lobby.database, "0019")
    engine.migrate(lobby.database)
    with lobby.database.read() as session:
        assert motion_sync.validators_of(session, MOTION) == motions_api.NO_VALIDATORS
    follow(lobby, sponsor(1, 1))
    assert names_of(lobby)[1].signed_at == utc(2026, 6, 2, 9, 15, 0, 500000)
