"""Tests queues in tables, with outgoing mail: claims, attempts, and workers taken for dead."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from models import MessageKind, MessageState, OutboxMessage
from models.base import new_id, table_of
from services.assembly import Lobby
from services.database.work_queue import WorkQueue
from tests.support.common import Clock

TABLE = table_of(OutboxMessage)
DUE = (MessageState.QUEUED, MessageState.DEFERRED)
QUEUE = WorkQueue[OutboxMessage](OutboxMessage, due=DUE, claimed=MessageState.CLAIMED)
only_postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


@pytest.fixture(autouse=True)
def rows(lobby: Lobby, clock: Clock) -> None:
    """Three messages that are due, the newest first, and one that is not."""
    with lobby.database.write() as session:
        for minutes in (1, 2, 3, -1):
            due_at = clock.now - timedelta(minutes=minutes)
            session.add(
                OutboxMessage(
                    kind=MessageKind.CONFIRM_SIGNATURE,
                    subject_id=new_id(),
                    created_at=due_at,
                    due_at=due_at,
                )
            )


def claim(lobby: Lobby, clock: Clock, limit: int = 10) -> list[OutboxMessage]:
    with lobby.database.write() as session:
        due = sa.select(TABLE.c.id).where(QUEUE.is_due(clock.now)).order_by(TABLE.c.due_at)
        return QUEUE.claim(session, due.limit(limit), now=clock.now)


def stored(lobby: Lobby, row: OutboxMessage) -> tuple[MessageState, int]:
    with lobby.database.read() as session:
        kept = session.get_one(OutboxMessage, row.id)
        return kept.state, kept.attempt


def test_rows_that_are_due_are_claimed_once_the_longest_due_first(
    lobby: Lobby, clock: Clock
) -> None:
    claimed = claim(lobby, clock)
    assert [row.due_at for row in claimed] == [
        clock.now - timedelta(minutes=minutes) for minutes in (3, 2, 1)
    ]
    assert {(row.state, row.attempt, row.claimed_at) for row in claimed} == {
        (MessageState.CLAIMED, 1, clock.now)
    }
    assert claim(lobby, clock) == []


def test_an_earlier_attempt_changes_nothing_once_a_later_one_has_the_row(
    lobby: Lobby, clock: Clock
) -> None:
    (early,) = claim(lobby, clock, 1)
    with lobby.database.write() as session:
        assert QUEUE.move(session, early, MessageState.CLAIMED, state=MessageState.DEFERRED)
    (late,) = claim(lobby, clock, 1)
    assert late.id == early.id
    with lobby.database.write() as session:
        accepted = {"state": MessageState.ACCEPTED}
        assert not QUEUE.move(session, early, MessageState.CLAIMED, **accepted)
        QUEUE.move_many(session, [(early, accepted)], MessageState.CLAIMED)
        QUEUE.give_back(session, [early], now=clock.now)
    assert stored(lobby, late) == (MessageState.CLAIMED, 2)


def test_a_row_moves_only_from_the_states_that_are_expected(lobby: Lobby, clock: Clock) -> None:
    (row,) = claim(lobby, clock, 1)
    with lobby.database.write() as session:
        uncertain = {"state": MessageState.UNCERTAIN}
        assert not QUEUE.move(session, row, MessageState.DOT_PENDING, **uncertain)
        assert QUEUE.move(session, row, MessageState.DOT_PENDING, MessageState.CLAIMED, **uncertain)
    assert stored(lobby, row) == (MessageState.UNCERTAIN, 1)


def test_many_rows_move_together_each_with_its_own_values(lobby: Lobby, clock: Clock) -> None:
    claimed = claim(lobby, clock)
    with lobby.database.write() as session:
        values = [
            (row, {"state": MessageState.ACCEPTED, "detail": f"250 {place}"})
            for place, row in enumerate(claimed)
        ]
        QUEUE.move_many(session, values, MessageState.CLAIMED)
        QUEUE.move_many(session, [], MessageState.CLAIMED)
    with lobby.database.read() as session:
        kept = [session.get_one(OutboxMessage, row.id) for row in claimed]
        assert [row.detail for row in kept] == ["250 0", "250 1", "250 2"]


def test_what_was_not_attempted_keeps_its_number_of_attempts(lobby: Lobby, clock: Clock) -> None:
    claimed = claim(lobby, clock)
    with lobby.database.write() as session:
        QUEUE.give_back(session, claimed[1:], now=clock.now)
    assert stored(lobby, claimed[0]) == (MessageState.CLAIMED, 1)
    assert stored(lobby, claimed[1]) == (MessageState.QUEUED, 0)
    assert {row.id for row in claim(lobby, clock)} == {row.id for row in claimed[1:]}


@only_postgresql
def test_rows_that_another_worker_is_claiming_are_left_out(lobby: Lobby, clock: Clock) -> None:
    with lobby.database.write() as session:
        due = sa.select(TABLE.c.id).where(QUEUE.is_due(clock.now)).order_by(TABLE.c.due_at)
        held = QUEUE.claim(session, due.limit(2), now=clock.now)
        others: list[OutboxMessage] = []
        other = threading.Thread(target=lambda: others.extend(claim(lobby, clock)))
        other.start()
        other.join(30)
    assert len(held) == 2
    assert len(others) == 1
    assert others[0].id not in {row.id for row in held}
