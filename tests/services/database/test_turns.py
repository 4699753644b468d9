"""Tests that SQLite's one writing connection goes to writers in the order in which they ask."""

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from services.assembly import Lobby
from services.database.engine import UNAVAILABLE, Database
from services.database.turns import Turns

PATIENCE = 60  # seconds, until a test that hangs fails
THREADS, WRITES = 16, 50
TABLE = sa.table("turn", sa.column("number"), sa.column("total"))
only_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


@pytest.fixture
def database(lobby: Lobby) -> Database:
    """A database with a row in a table of the test's own."""
    with lobby.database.connection() as connection:
        connection.exec_driver_sql("CREATE TABLE turn (number INTEGER, total INTEGER)")
        connection.exec_driver_sql("INSERT INTO turn VALUES (0, 0)")
    return lobby.database


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Database]:
    """A database on SQLite whose writers wait for a second only."""
    with closing(Database(f"sqlite:///{tmp_path}/impatient.db")) as database:
        pool: Any = database._writer.pool
        pool._timeout = 1
        with database.connection() as connection:
            connection.exec_driver_sql("CREATE TABLE turn (number INTEGER, total INTEGER)")
        yield database


class Failure(Exception):
    """The error of a test's own writer."""


class Threads:
    """Threads that a test has started, and the errors that ended them."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self._started: list[threading.Thread] = []

    def start(self, work: Callable[[], object]) -> None:
        """Runs `work` in a new thread."""

        def run() -> None:
            try:
                work()
            except BaseException as error:
                self.errors.append(error)

        self._started.append(threading.Thread(target=run, daemon=True))
        self._started[-1].start()

    def join(self) -> None:
        """Waits for all threads to end."""
        for thread in self._started:
            thread.join(PATIENCE)
            assert not thread.is_alive()


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads()
    yield threads
    threads.join()


def wait_until(waiting: Callable[[], int], number: int) -> None:
    """Returns when so many wait."""
    end = time.monotonic() + PATIENCE
    while waiting() != number:
        assert time.monotonic() < end
        time.sleep(0.0005)


def add_row(session: Session, number: int) -> None:
    session.connection().execute(sa.insert(TABLE).values(number=number, total=0))


def count_up(session: Session) -> None:
    """Adds 1 to the total in two statements, which loses one of two that overlap."""
    total = session.connection().execute(sa.select(TABLE.c.total)).scalar_one()
    session.connection().execute(sa.update(TABLE).values(total=total + 1))


def rows(database: Database) -> list[int]:
    with database.read() as session:
        found = session.connection().exec_driver_sql("SELECT number FROM turn WHERE number > 0")
        return [number for (number,) in found]


def total(database: Database) -> int:
    with database.read() as session:
        found: int = session.connection().execute(sa.select(TABLE.c.total)).scalar_one()
        return found


def write(database: Database, number: int, order: list[int]) -> None:
    with database.write() as session:
        add_row(session, number)
        order.append(number)


def count_and_fail(database: Database) -> None:
    with database.write() as session:
        count_up(session)
        raise Failure


def queue(database: Database, threads: Threads, work: Callable[[], object]) -> None:
    """Starts a thread, and returns when it waits for its turn."""
    before = database.writers_waiting()
    threads.start(work)
    wait_until(database.writers_waiting, before + 1)


@only_sqlite
def test_writers_write_in_the_order_in_which_they_asked(
    database: Database, threads: Threads
) -> None:
    order: list[int] = []
    with database.write() as session:
        add_row(session, 1)
        for number in range(2, 30):
            queue(database, threads, partial(write, database, number, order))
        assert database.writers_waiting() == 28
        assert order == []
    threads.join()
    assert order == list(range(2, 30))
    assert rows(database) == list(range(1, 30))
    assert database.writers_waiting() == 0
    assert threads.errors == []


@only_sqlite
def test_a_writer_that_asks_again_at_once_comes_after_those_who_wait(
    database: Database, threads: Threads
) -> None:
    order: list[int] = []
    with database.write() as session:
        add_row(session, 1)
        queue(database, threads, partial(write, database, 2, order))
        queue(database, threads, partial(write, database, 3, order))
    write(database, 4, order)
    threads.join()
    assert order == [2, 3, 4]


@pytest.mark.slow
@only_sqlite
def test_busy_threads_write_in_rounds(database: Database, threads: Threads) -> None:
    order: list[int] = []
    may_start = threading.Event()

    def work(number: int) -> None:
        for _ in range(WRITES):
            with database.write() as session:
                count_up(session)
                may_start.wait(PATIENCE)
                # Until all others have asked again; in the last round, until the rest has.
                others = min(THREADS - 1, THREADS * WRITES - len(order) - 1)
                wait_until(database.writers_waiting, others)
                order.append(number)

    threads.start(partial(work, 0))
    for number in range(1, THREADS):
        queue(database, threads, partial(work, number))
    may_start.set()
    threads.join()
    assert threads.errors == []
    assert order == list(range(THREADS)) * WRITES
    assert total(database) == THREADS * WRITES


@pytest.mark.slow
@only_sqlite
def test_writers_in_a_crowd_lose_nothing(database: Database, threads: Threads) -> None:
    def work() -> None:
        for _ in range(WRITES):
            with database.write() as session:
                count_up(session)
            with pytest.raises(Failure):
                count_and_fail(database)

    for _ in range(THREADS):
        threads.start(work)
    threads.join()
    assert threads.errors == []
    assert total(database) == THREADS * WRITES
    assert database.writers_waiting() == 0


@only_sqlite
def test_an_error_hands_the_turn_on(database: Database, threads: Threads) -> None:
    order: list[int] = []

    def fail() -> None:
        with database.write() as session:
            add_row(session, 1)
            queue(database, threads, partial(write, database, 2, order))
            raise Failure

    with pytest.raises(Failure):
        fail()
    threads.join()
    assert rows(database) == order == [2]


@only_sqlite
def test_migrations_take_their_turn_too(database: Database, threads: Threads) -> None:
    order: list[int] = []

    def migrate() -> None:
        with database.connection() as connection:
            connection.exec_driver_sql("INSERT INTO turn VALUES (3, 0)")
            order.append(3)

    with database.connection() as connection:
        connection.exec_driver_sql("INSERT INTO turn VALUES (1, 0)")
        queue(database, threads, partial(write, database, 2, order))
        queue(database, threads, migrate)
        queue(database, threads, partial(write, database, 4, order))
    threads.join()
    assert order == [2, 3, 4]
    assert rows(database) == [1, 2, 3, 4]


@pytest.mark.slow
def test_a_writer_that_waits_too_long_fails_and_blocks_nobody(
    impatient: Database, threads: Threads
) -> None:
    order: list[int] = []
    with impatient.write() as session:
        add_row(session, 1)
        queue(impatient, threads, partial(write, impatient, 2, order))
        wait_until(impatient.writers_waiting, 0)
        queue(impatient, threads, partial(write, impatient, 3, order))
    threads.join()
    (error,) = threads.errors
    assert isinstance(error, PoolTimeout)
    assert isinstance(error, UNAVAILABLE)
    assert rows(impatient) == [1, 3]


@pytest.mark.slow
def test_a_waiter_that_leaves_the_queue_blocks_nobody_behind_it(threads: Threads) -> None:
    turns, order = Turns(), []

    def ask(number: int, timeout: float) -> None:
        if turns.take(timeout):
            order.append(number)
            turns.give_back()

    assert turns.take(0)
    for number, timeout in enumerate((PATIENCE, 1, PATIENCE), start=1):
        threads.start(partial(ask, number, timeout))
        wait_until(turns.waiting, number)
    wait_until(turns.waiting, 2)
    assert order == []
    turns.give_back()
    threads.join()
    assert order == [1, 3]
    assert turns.take(0)


def test_readers_do_not_wait(database: Database) -> None:
    with database.write() as session:
        add_row(session, 1)
        assert rows(database) == []
        assert database.writers_waiting() == 0
    assert rows(database) == [1]


def test_a_session_without_a_statement_keeps_nobody_waiting(
    database: Database, threads: Threads
) -> None:
    """A route's session is opened in one thread, and used in another one that may be late."""
    order: list[int] = []
    with database.write() as session:
        threads.start(partial(write, database, 1, order))
        threads.join()
        assert rows(database) == order == [1]
        add_row(session, 2)
    assert rows(database) == [1, 2]


@only_sqlite
def test_a_thread_that_writes_within_a_write_is_told_at_once(database: Database) -> None:
    with database.write() as session:
        add_row(session, 1)
        with pytest.raises(RuntimeError, match="within another"), database.write() as inner:
            add_row(inner, 2)
        add_row(session, 3)
    write(database, 4, [])
    assert rows(database) == [1, 3, 4]


@pytest.mark.slow
def test_another_request_on_the_thread_of_a_writer_waits_for_its_turn(impatient: Database) -> None:
    """A request can go on in another thread, and its first thread serve the next request."""
    context, writing = contextvars.copy_context(), impatient.write()
    session = context.run(writing.__enter__)
    context.run(add_row, session, 1)
    with pytest.raises(PoolTimeout), impatient.write() as other:
        add_row(other, 2)
    writing.__exit__(None, None, None)
    write(impatient, 3, [])
    assert rows(impatient) == [1, 3]


def test_a_database_that_cannot_be_opened_keeps_no_turn(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}")) as database:  # a folder
        for _ in range(2):
            with pytest.raises(OperationalError), database.write() as session:
                add_row(session, 1)
        assert database.writers_waiting() == 0


@only_postgresql
def test_writers_on_postgresql_wait_for_no_turn(database: Database, threads: Threads) -> None:
    order: list[int] = []
    with database.write() as session:
        add_row(session, 1)
        threads.start(partial(write, database, 2, order))
        threads.join()
        with database.write() as inner:
            add_row(inner, 3)
        assert rows(database) == [2, 3]
        assert database.writers_waiting() == 0
    assert sorted(rows(database)) == [1, 2, 3]
