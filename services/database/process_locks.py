"""Locks of processes on the embedded database: one server, and one worker.

A lock is held by `flock` on a file beside the database, `lobby.db.serve.lock` for example. The
kernel ends it with the process, also after `kill -9`, so what a dead process left in the file never
blocks. While the lock is held the file describes the holder, as JSON. The files are never removed:
a second process could lock a file that a third one has just replaced.

PostgreSQL needs no such locks, and gets none.
"""

import errno
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import structlog

from core.private_files import PRIVATE_FILE, make_folder
from core.settings import Settings
from services.database import embedded
from services.errors import Conflict, Unavailable

# What `flock` answers where a file system, often one of a network, has no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
# A holder describes itself in the moment after it got the lock.
_DESCRIBED_WITHIN = 1.0  # seconds
log = structlog.get_logger()


class Role(StrEnum):
    """What one process at a time may be on one file. The value is part of the lock file's name."""

    SERVER = "serve"
    WORKER = "worker"


_NOUNS = {Role.SERVER: "server", Role.WORKER: "worker"}
_ADVICE = {
    Role.SERVER: "SQLite allows one server: stop that one first, or use PostgreSQL.",
    Role.WORKER: (
        "SQLite allows one worker: stop that one first. To run `lobby worker` beside "
        "`lobby serve`, start `lobby serve` with LOBBY_WORKER=off."
    ),
}


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a lock. `address` is host and port, empty where it has none."""

    process: int
    what: str
    since: str
    address: str = ""
    machine: str = ""

    @classmethod
    def this(cls, what: str, *, address: str, now: datetime) -> "Holder":
        """Returns the description of this process."""
        since = f"{now:%Y-%m-%d %H:%M:%S} UTC"
        return cls(os.getpid(), what, since, address, socket.gethostname())

    def __str__(self) -> str:
        place = f" on {self.address}" if self.address else ""
        # A container has process ids and a name of its own.
        away = f" in {self.machine}" if self.machine != socket.gethostname() else ""
        return f"process {self.process}{away} ({self.what}{place}, since {self.since})"


@dataclass(slots=True)
class _Held:
    """A lock of this process. It is taken once and counted: `lobby serve` and its app share it."""

    descriptor: int
    count: int = 1


_held: dict[tuple[int, Path], _Held] = {}
_changing = threading.Lock()


def lock_file(database: Path, role: Role) -> Path:
    """Returns the lock file of a role."""
    return database.with_name(f"{database.name}.{role}.lock")


@contextmanager
def run_alone(
    settings: Settings, role: Role, *, what: str, now: datetime, address: str = ""
) -> Iterator[None]:
    """Makes this process the one server or worker of an embedded database.

    A server with LOBBY_WORKER=inline is its worker too. The errors are those of `hold`.
    """
    is_both = role is Role.SERVER and settings.worker == "inline"
    roles = (role, Role.WORKER) if is_both else (role,)
    with hold(settings.database_url, roles, what=what, now=now, address=address):
        for line in embedded.tighten(settings.database_url):
            log.warning("database_was_open_to_others", detail=line)
        yield


@contextmanager
def hold(
    url: str, roles: Sequence[Role], *, what: str, now: datetime, address: str = ""
) -> Iterator[None]:
    """Holds the locks of these roles on a database. Does nothing on PostgreSQL.

    A process that holds a lock can take it again. `what` and `address` describe the process to
    others.

    :raises Conflict: another process has one of these roles
    :raises Unavailable: the file system has no locks
    """
    database = embedded.file_of(url)
    with ExitStack() as stack:
        if database is not None:
            make_folder(database.parent)
            holder = Holder.this(what, address=address, now=now)
            for role in roles:
                _take(database, role, holder)
                stack.callback(_give_back, lock_file(database, role))
        yield


def _take(database: Path, role: Role, holder: Holder) -> None:
    file = lock_file(database, role)
    # With the process in the key: a fork has a copy of the dictionary, and not the lock.
    key = (os.getpid(), file)
    with _changing:
        if key in _held:
            _held[key].count += 1
            return
        descriptor = os.open(
            file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE
        )
        try:
            _lock(descriptor, database, role)
            _describe(descriptor, holder)
        except BaseException:
            os.close(descriptor)
            raise
        _held[key] = _Held(descriptor)


def _lock(descriptor: int, database: Path, role: Role) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        first = _read_holder(descriptor) or "another process"
        message = f"{database} has a {_NOUNS[role]} already: {first}. {_ADVICE[role]}"
        raise Conflict(f"second_{_NOUNS[role]}", message) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        message = (
            f"The file system of {database.parent} has no file locks ({error.strerror}): put the "
            "SQLite database on a local disk, or use PostgreSQL."
        )
        raise Unavailable("no_file_locks", message) from error


def _give_back(file: Path) -> None:
    key = (os.getpid(), file)
    with _changing:
        held = _held.get(key)
        if held is None:  # in a fork: the lock is its parent's
            return
        held.count -= 1
        if held.count == 0:
            del _held[key]
            os.ftruncate(held.descriptor, 0)
            os.close(held.descriptor)  # ends the lock


def _describe(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode() + b"\n", 0)


def _read_holder(descriptor: int) -> Holder | None:
    """Reads who holds a lock; None if the holder does not say so within a moment."""
    ends = time.monotonic() + _DESCRIBED_WITHIN
    while True:
        try:
            return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
        except (ValueError, TypeError):
            if time.monotonic() > ends:
                return None
            time.sleep(0.02)
