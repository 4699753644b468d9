"""Tests the worker's member sync: only where enabled, on time, one run at a time."""

import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

import worker
from core import logs
from models import Constituency, Job, OfficialApi
from services.assembly import Lobby
from services.organisations import organisations
from services.parliament import constituencies, seats
from services.parliament.official import backoff, http
from services.parliament_sync import leases, schedules
from tests.support.common import START, Clock
from tests.support.outside.members_api import JSON, MembersApi, Person, Reply, serving

SEATS = {f"E140000{number:02}": f"Seat {number}" for number in range(1, 13)}
FIRST = "E14000001"
HOUSE = [Person(number, name) for number, name in enumerate(SEATS.values(), 1)]
REQUESTS = 1 + 2 * len(HOUSE)


@pytest.fixture
def api() -> Iterator[MembersApi]:
    with serving() as server:
        server.people = list(HOUSE)
        yield server


@pytest.fixture
def real(empty_lobby: Lobby, api: MembersApi) -> Iterator[Lobby]:
    """A lobby with seats and an organisation, and with the member sync enabled."""
    with empty_lobby.database.write() as session:
        rows = [
            Constituency(code=code, name=name, nation="England", region="A region")
            for code, name in SEATS.items()
        ]
        constituencies.save(session, rows)
        organisations.create(session, name="A union", slug="a-union", now=START)
    with http.make_client(api.url) as client:
        yield daily(replace(empty_lobby, members_api=client))


Logged = list[MutableMapping[str, Any]]


@pytest.fixture
def logged() -> Iterator[Logged]:
    """Captures the log entries of every level that an operator sees."""
    logs.configure()
    with capture_logs() as entries:
        yield entries
    logs.configure(level="ERROR")


def daily(lobby: Lobby, **changes: Any) -> Lobby:
    settings = lobby.settings.model_copy(update={"sync_members": "daily", **changes})
    return replace(lobby, settings=settings)


def run(lobby: Lobby) -> bool:
    """Runs the worker once; returns whether members were synced."""
    return worker.sync_members_if_due(lobby, threading.Event()) is not None


def job(lobby: Lobby) -> Job:
    with lobby.database.read() as session:
        return session.get_one(Job, leases.MEMBERS)


def holder(lobby: Lobby, code: str = FIRST) -> int | None:
    with lobby.database.read() as session:
        seat = seats.seat_of(session, code, today=lobby.clock().date())
    return seat.member.id if seat and seat.member else None


# ---- when


def test_members_come_the_first_time_at_once_and_then_at_four_in_the_morning(
    real: Lobby, api: MembersApi, clock: Clock
) -> None:
    assert run(real)
    assert holder(real) == 1
    assert len(api.asked) == REQUESTS
    assert not run(real)
    clock.now = datetime(2026, 7, 2, 2, 59, tzinfo=UTC)  # a minute to four in London
    assert not run(real)
    clock.advance(minutes=1)
    assert run(real)
    assert not run(real)
    assert len(api.asked) == 2 * REQUESTS


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 7, 1, 12, 0, tzinfo=UTC), datetime(2026, 7, 2, 3, 0, tzinfo=UTC)),
        (datetime(2026, 7, 1, 2, 59, tzinfo=UTC), datetime(2026, 7, 1, 3, 0, tzinfo=UTC)),
        (datetime(2026, 7, 1, 3, 0, tzinfo=UTC), datetime(2026, 7, 2, 3, 0, tzinfo=UTC)),
        (datetime(2026, 7, 1, 23, 30, tzinfo=UTC), datetime(2026, 7, 2, 3, 0, tzinfo=UTC)),
        (datetime(2026, 1, 5, 12, 0, tzinfo=UTC), datetime(2026, 1, 6, 4, 0, tzinfo=UTC)),
        (datetime(2026, 10, 24, 12, 0, tzinfo=UTC), datetime(2026, 10, 25, 4, 0, tzinfo=UTC)),
        (datetime(2026, 3, 28, 12, 0, tzinfo=UTC), datetime(2026, 3, 29, 3, 0, tzinfo=UTC)),
    ],
    ids=["summer", "before", "at", "past midnight in London", "winter", "back", "forward"],
)
def test_the_next_time_is_four_in_london(now: datetime, expected: datetime) -> None:
    assert schedules.next_members_sync(now) == expected


# ---- where


def test_the_setting_can_keep_the_worker_from_it(real: Lobby, api: MembersApi) -> None:
    assert not run(daily(real, sync_members="off"))
    assert api.asked == []


def test_the_demonstrations_members_are_never_replaced(lobby: Lobby, api: MembersApi) -> None:
    with http.make_client(api.url) as client:
        asking = daily(replace(lobby, members_api=client))
        assert not run(asking)
        with lobby.database.write() as session:
            organisations.create(session, name="A union", slug="a-union", now=START)
        assert not run(asking), "nor beside a real organisation"
    assert api.asked == []


def test_nothing_is_asked_before_there_is_an_organisation_and_a_seat(
    empty_lobby: Lobby, api: MembersApi
) -> None:
    with http.make_client(api.url) as client:
        asking = daily(replace(empty_lobby, members_api=client))
        assert not run(asking)
        with empty_lobby.database.write() as session:
            organisations.create(session, name="A union", slug="a-union", now=START)
        assert not run(asking)
    assert api.asked == []


# ---- one at a time, with a time limit


def test_of_several_workers_one_asks(real: Lobby, api: MembersApi) -> None:
    done: list[bool] = []
    threads = [threading.Thread(target=lambda: done.append(run(real))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True]
    assert len(api.asked) == REQUESTS


def test_a_runner_that_died_is_followed_by_another_after_two_hours(
    real: Lobby, clock: Clock
) -> None:
    with real.database.write() as session:
        lease = leases.acquire(session, leases.MEMBERS, now=clock.now)
        assert lease is not None
        assert lease.until == clock.now + timedelta(hours=2)
    clock.advance(minutes=119)
    assert not run(real)
    clock.advance(minutes=1)
    assert run(real)


def test_a_runner_that_is_too_slow_stops_before_another_may_begin(
    real: Lobby, api: MembersApi, clock: Clock
) -> None:
    client = real.members_api
    client.event_hooks["request"] = [lambda _request: clock.advance(minutes=50)]
    assert not run(real)
    assert len(api.asked) == 3
    assert "took too long" in (job(real).error or "")
    assert holder(real) is None


def test_a_run_that_is_stopped_is_begun_again_by_the_next(real: Lobby, api: MembersApi) -> None:
    stop = threading.Event()
    stop.set()
    assert worker.sync_members_if_due(real, stop) is None
    assert len(api.asked) == 1, "it ends before the second request"
    assert job(real).error == "stopped"
    with real.database.read() as session:
        assert session.get(OfficialApi, backoff.MEMBERS) is None, "no fault of theirs"
    assert run(real)
    assert job(real).error is None


# ---- faults


def test_a_failure_is_remembered_and_changes_nothing(
    real: Lobby, api: MembersApi, clock: Clock, logged: Logged
) -> None:
    assert run(real)
    api.people[0] = Person(99, "Seat 1")
    api.instead["7/Biography"] = Reply(b"<p>Maintenance</p>")
    clock.advance(days=1)
    assert not run(real)
    assert [entry["event"] for entry in logged[1:]] == ["members_sync_failed"]
    assert holder(real) == 1
    failed = job(real)
    assert "member 7" in (failed.error or "")
    assert failed.due_at == schedules.next_members_sync(clock.now)
    api.instead.clear()
    clock.advance(days=1)
    assert run(real)
    assert (holder(real), job(real).error) == (99, None)


def test_a_request_to_wait_keeps_the_next_run_from_asking(
    real: Lobby, api: MembersApi, clock: Clock
) -> None:
    api.instead["1/Contact"] = Reply(b"", 429, JSON | {"Retry-After": str(2 * 86_400)})
    assert not run(real)
    request_count = len(api.asked)
    clock.advance(days=1)
    assert not run(real)
    assert len(api.asked) == request_count
    assert "asked us to wait" in (job(real).error or "")


def test_seats_that_fell_vacant_and_names_that_are_unknown_are_logged(
    real: Lobby, api: MembersApi, clock: Clock, logged: Logged
) -> None:
    assert run(real)
    api.people = [*HOUSE[1:], Person(50, "Nowhere", name="Nora New")]
    clock.advance(days=1)
    assert run(real)
    events = {entry["event"]: entry for entry in logged}
    assert (events["members_synced"]["filled"], events["members_synced"]["ended"]) == (11, 1)
    assert events["seat_vacant"]["seat"] == "Seat 1"
    assert events["seat_unmatched"]["member"] == "Nora New (50): Nowhere"


# ---- beside other work


@pytest.mark.slow
def test_nothing_waits_for_members_and_the_worker_stops_soon(real: Lobby, api: MembersApi) -> None:
    api.instead["1/Contact"] = Reply(hangs=True)
    stop = threading.Event()
    working = threading.Thread(
        target=worker.run, args=(real, stop), kwargs={"look_every": 0.02}, daemon=True
    )
    working.start()
    assert _until(lambda: "1/Contact" in api.asked)
    assert _until(lambda: _motions_ran(real)), "their job ran while members were asked for"
    began = time.monotonic()
    stop.set()
    working.join(10)
    assert not working.is_alive()
    assert time.monotonic() - began < 5
    api.closing.set()  # the service leaves these threads to process exit; wait for them
    for thread in threading.enumerate():
        if thread.name in ("members", "motions"):
            thread.join()
    assert job(real).error == "stopped"


def _motions_ran(lobby: Lobby) -> bool:
    with lobby.database.read() as session:
        motions_job = session.get(Job, leases.MOTIONS)
    return motions_job is not None and motions_job.finished_at is not None


def test_the_worker_looks_as_often_as_it_is_told(
    real: Lobby, api: MembersApi, clock: Clock
) -> None:
    stop = threading.Event()
    working = threading.Thread(target=worker.run, args=(real, stop), kwargs={"look_every": 0.02})
    working.start()
    assert _until(lambda: holder(real) == 1)
    api.people[0] = Person(99, "Seat 1", since="2026-07-02")
    clock.now = datetime(2026, 7, 3, 12, 0, tzinfo=UTC)
    due = datetime(2026, 7, 4, 3, 0, tzinfo=UTC)
    assert _until(lambda: job(real).due_at == due), "within a moment, not within twenty seconds"
    stop.set()
    working.join()
    assert holder(real) == 99


def _until(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 10
    while not (result := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return result
