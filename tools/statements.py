"""The SQL statements that a lobby sends, noted while something is done."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from services.assembly import Lobby

_NO_STATEMENTS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA", "SET ")
"""How texts begin that open and close transactions, or set up a connection."""

WORKER = "worker"
"""The name of the application's thread that runs beside requests."""


@contextmanager
def sent_by(lobby: Lobby) -> Iterator[list[str]]:
    """Notes the statements of all sessions, such as those of a request, but the worker's."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, text: str, *_: object) -> None:
        is_workers = threading.current_thread().name == WORKER  # it looks at secrets meanwhile
        if not is_workers and not text.startswith(_NO_STATEMENTS):
            sent.append(text)

    engines = {lobby.database._reader, lobby.database._writer}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
