"""Databases whose SQLAlchemy engines are used again by later tests, and transactions side by side.

A new engine has an empty cache of compiled statements, which costs a test a third of its time.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session

from services.assembly import Lobby
from services.database.engine import Database

Write = Callable[[Session], object]
_idle: dict[str, list["ReusedDatabase"]] = defaultdict(list)


class ReusedDatabase(Database):
    """A `Database` that takes over the engines of one that a test has closed."""

    _place: list[str]
    _is_open = True

    def __init__(self, url: str) -> None:
        idle = _idle[_kind(url)]
        if idle:
            vars(self).update(vars(idle.pop()), url=url, _is_open=True)
            self._version = self._version_but_counts = 0
            self._kept = {}
            self._place[0] = url
        else:
            super().__init__(url)
            self._place = [url]
            for engine in {self._reader, self._writer}:
                sa.event.listen(engine, "do_connect", self._redirect)

    def _redirect(
        self, dialect: sa.Dialect, _record: object, args: list[Any], options: dict[str, Any]
    ) -> None:
        """Connects to the current database; the engine was made for another one."""
        args[:], place = dialect.create_connect_args(sa.make_url(self._place[0]))
        options.update(place)

    def close(self) -> None:
        """Closes all connections, and keeps the engines for the next database."""
        super().close()
        if self._is_open:
            self._is_open = False
            _idle[_kind(self.url)].append(self)


def _kind(url: str) -> str:
    return url.partition(":")[0]


# ---- concurrent transactions, each on its own connection


class RollBack(Exception):
    """Rolls back the transaction in which it is raised, as a crash of the process would."""


def run_during_transaction(
    database: Database, first: Write, then: Callable[[], object], *, fails: bool = False
) -> None:
    """Runs `then` in a second thread while the transaction of `first` is open.

    Waits until `then` is blocked, and then commits `first`, or rolls it back if `fails` is set.
    """
    begun, errors = threading.Event(), list[Exception]()

    def second() -> None:
        begun.set()
        try:
            then()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=second)
    with suppress(RollBack), database.write() as session:
        first(session)
        thread.start()
        assert begun.wait(5)
        thread.join(0.3)
        assert thread.is_alive(), f"it did not wait, so that nothing is proved: {errors}"
        if fails:
            raise RollBack
    thread.join(30)
    assert not thread.is_alive()
    assert errors == []


def run_both_behind_a_lock(lobby: Lobby, hold: Write, *writes: tuple[Database, Write]) -> None:
    """Starts both writes while a third transaction locks a row in the middle of both.

    If the writes took their locks in different orders, each would by then hold a lock that the
    other one needs, and they would deadlock.
    """
    errors: list[Exception] = []

    def run(database: Database, write: Write) -> None:
        try:
            with database.write() as session:
                write(session)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=arguments) for arguments in writes]
    third = Database(lobby.database.url)
    with suppress(RollBack), third.write() as session:
        hold(session)
        for thread in threads:
            thread.start()
        threads[0].join(0.7)
        assert all(thread.is_alive() for thread in threads), f"they did not wait: {errors}"
        raise RollBack
    for thread in threads:
        thread.join(60)
    third.close()
    assert errors == []


def count_statements(lobby: Lobby, act: Write) -> Counter[str]:
    """Counts the statements that `act` sends. A statement for many rows counts once."""
    seen: Counter[str] = Counter()

    def note(_connection: object, _cursor: object, text: str, *_: object) -> None:
        seen[text.split("(", maxsplit=1)[0].strip()[:60]] += 1

    with lobby.database.write() as session:
        event.listen(session.connection(), "before_cursor_execute", note)
        act(session)
    return seen
