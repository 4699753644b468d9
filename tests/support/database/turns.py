"""Two transactions of which the second one begins before the first one ends."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import Session

from services.assembly import Lobby

T = TypeVar("T")


def in_turn(
    lobby: Lobby, first: Callable[[Session], object], second: Callable[[Session], T]
) -> "Future[T]":
    """Runs `second` while `first` is not committed, and returns once both have ended."""

    def run() -> T:
        with lobby.database.write() as session:
            return second(session)

    with ThreadPoolExecutor(1) as pool:
        with lobby.database.write() as session:
            first(session)
            future = pool.submit(run)
            wait_until_blocked(lobby, session, future)
        future.exception(timeout=30)
    return future


def wait_until_blocked(lobby: Lobby, session: Session, future: "Future[Any]") -> None:
    waiting = sa.text("SELECT 1 FROM pg_locks WHERE NOT granted")
    while not future.done():
        if lobby.database.is_sqlite:
            if lobby.database.writers_waiting():
                return
        elif session.connection().execute(waiting).first():
            return
