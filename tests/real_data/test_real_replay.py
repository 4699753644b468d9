"""Replays the recorded API responses of a real motion through the running worker.

A server on loopback sends them in order, with the clock set to the time of each recording. The
worker asks on its own schedule.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

import worker
from models import Job, MotionEvent, MotionSignatory
from services.assembly import Lobby
from services.campaigns import campaigns
from services.organisations import organisations
from services.parliament.official import http
from services.parliament.standing import Role, Standing
from services.parliament_sync import leases
from services.tallies import seat_table
from services.tallies.seat_table import Tally, TallyRow
from tests.support.common import Clock, import_real_members, needs_real_data
from tests.support.outside.motions_api import Parliament, serving
from tools.real_parliament import MOTION, recorded_at, recordings

pytestmark = [needs_real_data, pytest.mark.real_data, pytest.mark.slow]
A_SITTING_DAY = datetime(2026, 9, 3, 9, 0, tzinfo=UTC)
PATIENCE = 30.0


@pytest.fixture
def api() -> Iterator[Parliament]:
    with serving() as server:
        yield server


@pytest.fixture
def lobby(make_lobby: Any, api: Parliament, clock: Clock) -> Iterator[Lobby]:
    """A lobby with the real members before the first recording and a campaign on the motion."""
    clock.now = recorded_at(recordings()[0]) - timedelta(days=1)
    with http.make_client(api.url) as client:
        lobby: Lobby = make_lobby("empty", motions_api=client)
        import_real_members(lobby)
        api.answers(recordings()[0].read_bytes())
        worker.sync_motion(lobby, MOTION)
        with lobby.database.write() as session:
            owner = organisations.create(session, name="A union", slug="a-union", now=clock.now)
            campaigns.create(
                session,
                organisation_id=owner.id,
                values={"slug": "a-campaign", "title": "A campaign", "summary": "About it."},
                motion_id=MOTION,
                now=clock.now,
            )
        yield lobby


@contextmanager
def running(lobby: Lobby) -> Iterator[None]:
    """Runs a worker that checks for due work continuously."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(lobby, stop), kwargs={"look_every": 0.01})
    thread.start()
    yield
    stop.set()
    thread.join()


def job(lobby: Lobby) -> Job | None:
    with lobby.database.read() as session:
        return session.get(Job, leases.MOTIONS)


def next_due(lobby: Lobby) -> datetime:
    sync_job = job(lobby)
    return sync_job.due_at if sync_job else lobby.clock()


def wait_for_a_sync(lobby: Lobby, moment: datetime) -> None:
    """Waits until the worker has finished a sync at this clock time."""
    patience = time.monotonic() + PATIENCE
    while (sync_job := job(lobby)) is None or sync_job.finished_at != moment:
        assert time.monotonic() < patience, "the worker did not ask"
        time.sleep(0.01)


def is_good(body: bytes) -> bool:
    return bool(json.loads(body)["Success"])


def replay(lobby: Lobby, api: Parliament, clock: Clock, *, begins: datetime) -> list[Tally]:
    """Replays the recordings in order, each at its own time or when the next sync is due."""
    tallies = []
    for file in recordings():
        body = file.read_bytes()
        api.answers(body)
        clock.now = moment = max(begins, recorded_at(file), next_due(lobby))
        wait_for_a_sync(lobby, moment)
        tallies.append(tally(lobby))
        motion = tallies[-1].motion
        assert motion is not None
        assert (motion.sync_failed_at is None) == is_good(body)
    return tallies


def tally(lobby: Lobby) -> Tally:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, "a-campaign")
        return seat_table.of_campaign(session, campaign, now=lobby.clock())


def events(lobby: Lobby) -> list[tuple[str, int | None, date]]:
    with lobby.database.read() as session:
        rows = session.exec(select(MotionEvent).where(MotionEvent.motion_id == MOTION))
        return sorted((row.kind.value, row.member_id, row.happened_on) for row in rows)


def names(lobby: Lobby) -> list[dict[str, Any]]:
    with lobby.database.read() as session:
        rows = session.exec(select(MotionSignatory).order_by(MotionSignatory.id))  # type: ignore[arg-type] # a column
        return [row.model_dump() for row in rows]


def last_answer() -> dict[int, dict[str, Any]]:
    """Returns the sponsors in the last recorded response by member id."""
    sponsors = json.loads(recordings()[-1].read_bytes())["Response"]["Sponsors"]
    by_member = {row["MemberId"]: row for row in sponsors}
    assert len(by_member) == len(sponsors) == 169
    return by_member


def expected(row: dict[str, Any] | None) -> tuple[Standing, Role | None, date | None]:
    """Returns the standing that Parliament's own row implies; `row` is None for non-signatories."""
    if row is None:
        return (Standing.NOT_SIGNED, None, None)
    if row["IsWithdrawn"]:
        return (Standing.WITHDRAWN, None, None)
    order = row["SponsoringOrder"]
    role = Role.PRIMARY if order == 1 else Role.SPONSOR if order <= 6 else Role.SUPPORTER
    return (Standing.SIGNED, role, date.fromisoformat(row["CreatedWhen"][:10]))


def position(row: TallyRow) -> tuple[Standing, Role | None, date | None]:
    return (row.standing, row.role, row.signed_on)


def test_the_recorded_answers_replay_through_the_running_worker(
    lobby: Lobby, api: Parliament, clock: Clock
) -> None:
    with running(lobby):
        tallies = replay(lobby, api, clock, begins=clock.now)
        once, names_before = events(lobby), names(lobby)

        # Replays them within a day: older responses lack later names and must not remove them.
        replay(lobby, api, clock, begins=A_SITTING_DAY)
        assert events(lobby) == once, "a second replay doubles nothing"
        assert names(lobby) == names_before

    assert len(tallies) == 29
    assert [place for place, body in enumerate(recordings()) if not is_good(body.read_bytes())] == [
        25,
        27,
    ]
    counts = [step.signed for step in tallies]
    assert (counts[0], counts[-1]) == (132, 167)
    assert (counts[25], counts[27]) == (counts[24], counts[26]), "a failure changes no tally"
    for bad in (25, 27):
        assert [position(row) for row in tallies[bad].rows] == [
            position(row) for row in tallies[bad - 1].rows
        ]

    sponsors = last_answer()
    rows = [row for row in tally(lobby).rows if row.member]
    assert len(rows) == 650
    assert {row.member.id: position(row) for row in rows if row.member} == {
        row.member.id: expected(sponsors.get(row.member.id)) for row in rows if row.member
    }
    assert Counter(kind for kind, _, _ in once) == {"tabled": 1, "signed": 167, "withdrawn": 2}
    days = {
        (kind, member): sponsors[member]["WithdrawnDate" if kind == "withdrawn" else "CreatedWhen"][
            :10
        ]
        for kind, member, _ in once
        if member is not None
    }
    assert {(kind, member): day.isoformat() for kind, member, day in once if member} == days
