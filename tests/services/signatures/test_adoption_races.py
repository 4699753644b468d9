"""Tests what happens where the job adopts a signature while something else is done to it."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Consent,
    Job,
    MessageKind,
    OutboxMessage,
    SignatureState,
    Submission,
)
from services.assembly import Lobby
from services.campaigns import petitions
from services.errors import Gone
from services.signatures import (
    adoption,
    confirming,
    signature_mails,
    signature_states,
)
from services.supporters import supporters
from tests.support.common import PETITION
from tests.support.database.earlier import (
    ANNA,
    DAY,
    add,
    adopt,
    confirmed_count,
    pending,
    signature,
    submission,
    supporter,
)
from tests.support.signatures import confirm, confirm_all
from tools.earlier_signatures import EarlierSignature


@contextmanager
def at_once(*tasks: Callable[[], object]) -> Iterator[list[Any]]:
    """Runs tasks in threads together, and yields their results or errors."""
    barrier = threading.Barrier(len(tasks))

    def run(task: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return task()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(tasks)) as pool:
        yield list(pool.map(run, tasks))


@pytest.mark.slow
def test_the_job_and_confirmations_at_once_lose_no_signature(lobby: Lobby) -> None:
    before = confirmed_count(lobby)
    moment = lobby.clock() - DAY
    rows = [
        EarlierSignature(f"p{number}@example.org", SignatureState.PENDING, moment, updates=True)
        for number in range(240)
    ]
    ids = add(lobby, *rows)
    parts = [ids[start : start + 20] for start in range(0, 240, 20)]

    def confirm_parts(some: list[list[UUID]]) -> Callable[[], object]:
        return lambda: [confirm_all(lobby, part) for part in some]

    tasks = (confirm_parts(parts), confirm_parts(parts[::-1]), lambda: adopt(lobby))
    with at_once(*tasks) as results:
        errors = [result for result in results if isinstance(result, Exception)]
        assert errors == []
        for outcomes in results[:2]:
            assert [each.error for part in outcomes for each in part if each.error] == []
    assert confirmed_count(lobby) == before + 240
    adopt(lobby)
    with lobby.database.read() as session:
        granted = session.exec(select(Consent).where(col(Consent.signature_id).in_(ids)))
        assert len(granted.all()) == 240
        assert session.exec(select(Submission).where(col(Submission.id).in_(ids))).all() == []


@pytest.mark.slow
def test_the_job_and_withdrawals_at_once_leave_nothing(lobby: Lobby) -> None:
    moment = lobby.clock() - DAY
    rows = [
        EarlierSignature(f"p{number}@example.org", SignatureState.PENDING, moment)
        for number in range(120)
    ]
    ids = add(lobby, *rows)

    def withdraw_all() -> None:
        for row_id in ids:
            with lobby.database.write() as session:
                signature_states.withdraw(session, row_id, now=lobby.clock())

    with at_once(withdraw_all, lambda: adopt(lobby)) as results:
        assert [result for result in results if isinstance(result, Exception)] == []
    for row_id in ids:
        assert (signature(lobby, row_id), submission(lobby, row_id)) == (None, None)


def until_somebody_waits(lobby: Lobby) -> None:
    """Returns when another transaction waits for ours."""
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    for _ in range(1000):
        if lobby.database.is_sqlite:
            is_waiting = lobby.database.writers_waiting() > 0
        else:
            with lobby.database.read() as session:
                is_waiting = session.connection().execute(waiting).scalar_one() > 0
        if is_waiting:
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("action", ["confirm", "withdraw", "disown"])
def test_an_action_waits_for_the_job_that_adopts_its_signature(lobby: Lobby, action: str) -> None:
    row_id = pending(lobby)

    def act() -> object:
        if action == "confirm":
            return confirm(lobby, row_id).id
        end = getattr(signature_states, action)
        with lobby.database.write() as session:
            return end(session, row_id, now=lobby.clock())

    with ThreadPoolExecutor(1) as pool:
        with lobby.database.write() as session:
            now, keyring = lobby.clock(), lobby.keyring
            assert adoption.adopt_next(session, after=None, keyring=keyring, now=now).adopted == 1
            done = pool.submit(act)
            until_somebody_waits(lobby)
        result = done.result()
    assert submission(lobby, row_id) is None
    if action == "confirm":
        assert result == row_id
    else:
        assert signature(lobby, row_id) is None
        with pytest.raises(Gone):
            confirm(lobby, row_id)


def test_the_job_leaves_out_what_is_being_confirmed(lobby: Lobby) -> None:
    row_id, other = pending(lobby), pending(lobby, "ben@example.org")
    with ThreadPoolExecutor(1) as pool:
        with lobby.database.write() as session:
            confirming.confirm(session, row_id, keyring=lobby.keyring, now=lobby.clock())
            job = pool.submit(adopt, lobby)
            if lobby.database.is_sqlite:
                until_somebody_waits(lobby)
            else:
                assert job.result() == 1, "it waits for nobody"
        assert job.result() == 1
    assert submission(lobby, row_id) is None
    assert submission(lobby, other) is not None
    found = signature(lobby, row_id)
    assert found is not None
    assert found.state is SignatureState.CONFIRMED


@contextmanager
def after_reading(session: Session, table: str, task: Callable[[], object]) -> Iterator[None]:
    """Runs a task in another transaction, once, after a session has read from a table."""
    left = [task]

    def run(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        if left and f"FROM {table}" in statement:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(left.pop()).result()

    connection = session.connection()
    sa.event.listen(connection, "after_cursor_execute", run)
    yield
    sa.event.remove(connection, "after_cursor_execute", run)
    assert not left, f"nothing was read from {table}"


# SQLite has one writer at a time, so that nothing can come between.
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_what_the_job_adopts_between_two_looks_is_confirmed(lobby: Lobby) -> None:
    row_id = pending(lobby)
    with (
        lobby.database.write() as session,
        after_reading(session, "submission", lambda: adopt(lobby)),
    ):
        confirmed = confirming.confirm(session, row_id, keyring=lobby.keyring, now=lobby.clock())
    assert confirmed.id == row_id


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("table", ["signature", "submission"])
def test_what_the_job_adopts_between_two_looks_is_withdrawn(lobby: Lobby, table: str) -> None:
    row_id = pending(lobby)
    with lobby.database.write() as session, after_reading(session, table, lambda: adopt(lobby)):
        signature_states.withdraw(session, row_id, now=lobby.clock())
    assert (signature(lobby, row_id), submission(lobby, row_id)) == (None, None)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_the_mail_of_what_the_job_adopts_between_two_looks_is_made(lobby: Lobby) -> None:
    row_id = pending(lobby)
    message = OutboxMessage(
        kind=MessageKind.CONFIRM_SIGNATURE,
        subject_id=row_id,
        due_at=lobby.clock(),
        created_at=lobby.clock(),
    )
    today = lobby.clock().date()
    for table in ("signature", "submission"):
        with (
            lobby.database.read() as session,
            after_reading(session, table, lambda: adopt(lobby)),
        ):
            data = signature_mails.gather(session, [message], keyring=lobby.keyring, today=today)
        assert data[message.kind, row_id].has_ended is None


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_supporter_who_is_deleted_just_now_is_added_again(lobby: Lobby) -> None:
    pending(lobby, signed_at=lobby.clock() - 20 * DAY)
    owner = petition_owner(lobby)
    address = supporters.EmailAddress.of(owner, ANNA, lobby.keyring)
    with (
        lobby.database.write() as session,
        after_reading(session, "unnest", lambda: adopt(lobby)),  # the insert
    ):
        ((row_id, is_new),) = supporters.find_or_add(session, [address], now=lobby.clock())
    person = supporter(lobby)
    assert person is not None
    assert (person.id.hex, is_new) == (row_id, True)


def test_a_supporter_whom_a_transaction_is_about_to_use_is_not_deleted(lobby: Lobby) -> None:
    row_id = pending(lobby, signed_at=lobby.clock() - 20 * DAY)
    address = supporters.EmailAddress.of(petition_owner(lobby), ANNA, lobby.keyring)
    with ThreadPoolExecutor(1) as pool:
        with lobby.database.write() as session:
            supporters.find_or_add(session, [address], now=lobby.clock())
            job = pool.submit(adopt, lobby)
            if lobby.database.is_sqlite:
                until_somebody_waits(lobby)
            else:
                assert job.result() == 1
                assert supporter(lobby) is not None
        assert job.result() == 1
    assert signature(lobby, row_id) is None


def petition_owner(lobby: Lobby) -> UUID:
    with lobby.database.read() as session:
        return petitions.by_slug(session, PETITION).organisation_id


@pytest.mark.slow
def test_several_jobs_at_once_share_the_work(lobby: Lobby) -> None:
    moment = lobby.clock() - DAY
    rows = [
        EarlierSignature(f"p{number}@example.org", SignatureState.PENDING, moment)
        for number in range(900)
    ]
    add(lobby, *rows)
    with at_once(*(lambda: adopt(lobby) for _ in range(3))) as results:
        assert sum(results) + adopt(lobby) == 900
    with lobby.database.read() as session:
        assert session.exec(select(Job).where(Job.name == "adoption")).all() == []
