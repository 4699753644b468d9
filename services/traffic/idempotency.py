"""Requests that may come twice: the first good answer to a key is kept, and given again.

The key, its sender, and the whole request are known again by keyed hashes, and the answer is
sealed: who has the table has neither a key to try, nor what was sent, nor what was answered. An
answer is kept in the transaction of what it tells, so that a crash leaves both or neither. A
refusal is not kept: whoever mends the request can send it with the same key.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import IdempotencyKey, Keyring, Private
from models.base import table_of
from services.database.engine import insert, try_locks
from services.errors import Invalid, KeyInUse, LobbyError

KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 255
FIELD = "Idempotency-Key"
OutcomeT = TypeVar("OutcomeT")
# Answers are no organisation's: a caller's and the public's are sealed under the service's own key.
_OWNER = UUID(int=0)
_key = table_of(IdempotencyKey)
# Put together once, as `services.signatures.recording` does.
_BY_INDEX = sa.select(_key).where(_key.c.key_index.in_(sa.bindparam("indexes", expanding=True)))


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request with a key. `index` is that of the key and its sender, `fingerprint` of all."""

    index: bytes
    fingerprint: bytes

    @property
    def number(self) -> int:
        """A name for a lock: 64 bits of the index, with a sign."""
        return int.from_bytes(self.index[:8], "big", signed=True)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a request was answered with: an HTTP status and UTF-8."""

    status: int
    content: bytes
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class Keyed(Generic[OutcomeT]):
    """What a request with a key brings to a batch: itself, and what makes its answer."""

    attempt: Attempt
    answer: Callable[[OutcomeT], StoredAnswer]


def is_well_formed(key: str) -> bool:
    """1 to 255 printable ASCII characters, which keeps control characters out."""
    return 1 <= len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()


def attempt(
    keyring: Keyring, key: str, *, key_id: UUID | None, method: str, path: str, content: bytes
) -> Attempt:
    """A request with a key from the holder of an API key, or from anybody at all.

    What the public sends to one path is apart from what it sends to others.
    """
    sender = f"key {key_id}" if key_id else f"public {path}"
    index = keyring.request_index(b"key", sender.encode(), key.encode())
    whole = (method.encode(), path.encode(), content)
    return Attempt(index, keyring.request_index(b"request", index, *whole))


class InFlight:
    """The keys that this process is working on. Of two with one key, the second is told at once
    and waits for no connection."""

    def __init__(self) -> None:
        self._fingerprints: dict[bytes, bytes] = {}
        self._lock = threading.Lock()

    @contextmanager
    def holding(self, attempt: Attempt) -> Iterator[None]:
        """KeyInUse, or Invalid with another request, where somebody else holds the key."""
        with self._lock:
            held = self._fingerprints.get(attempt.index)
            if held is None:
                self._fingerprints[attempt.index] = attempt.fingerprint
        if held is not None:
            raise _refusal(attempt, held)
        try:
            yield
        finally:
            with self._lock:
                del self._fingerprints[attempt.index]


def once(
    session: Session, attempt: Attempt, work: Callable[[], StoredAnswer], *, now: datetime
) -> StoredAnswer:
    """The answer that is kept, or that of `work`, which is kept.

    KeyInUse where another process works on the key; Invalid where it came with another request.
    """
    (known,) = look_up(session, [attempt], now=now)
    if isinstance(known, LobbyError):
        raise known
    if known is not None:
        return known
    answer = work()
    keep(session, [(attempt, answer)], now=now)
    return answer


def look_up(
    session: Session, attempts: Sequence[Attempt], *, now: datetime
) -> list[StoredAnswer | LobbyError | None]:
    """For each its kept answer, or why it cannot be worked on now; None where nothing is in the
    way. Those are ours alone until the transaction ends."""
    # First the locks, then a look: what others have kept is there to be seen once we hold them.
    ours = try_locks(session, [attempt.number for attempt in attempts])
    rows = _rows(session, attempts, now)
    seen: dict[bytes, bytes] = {}
    found: list[StoredAnswer | LobbyError | None] = []
    for attempt in attempts:
        row = rows.get(attempt.index)
        earlier = row.fingerprint if row else seen.get(attempt.index)
        if earlier is not None and earlier != attempt.fingerprint:
            found.append(_refusal(attempt, earlier))
        elif row is not None:
            found.append(StoredAnswer(row.status, row.answer.text.encode(), is_replayed=True))
        elif earlier is not None or attempt.number not in ours:
            found.append(_in_use())
        else:
            found.append(None)
            seen[attempt.index] = attempt.fingerprint
    return found


def keep(
    session: Session, answers: Sequence[tuple[Attempt, StoredAnswer]], *, now: datetime
) -> None:
    """Keep good answers to what `look_up` found nothing for."""
    rows = [
        {
            "key_index": attempt.index,
            "fingerprint": attempt.fingerprint,
            "status": answer.status,
            "answer": Private(_OWNER, answer.content.decode()),
            "created_at": now,
        }
        for attempt, answer in answers
    ]
    insert(session, _key, rows)


def forget_old(session: Session, *, now: datetime, limit: int) -> int:
    """Delete some of what is kept too long, the oldest first; how many."""
    old = (
        sa.select(_key.c.key_index)
        .where(_key.c.created_at <= now - KEPT_FOR)
        .order_by(_key.c.created_at)
        .limit(limit)
        # Another worker's, or one whose key is used anew just now: neither is waited for.
        .with_for_update(skip_locked=True)
    )
    statement = sa.delete(_key).where(_key.c.key_index.in_(old))
    return session.connection().execute(statement).rowcount


def _rows(session: Session, attempts: Sequence[Attempt], now: datetime) -> dict[bytes, Any]:
    """What is kept, by index. What is kept too long is deleted, to make place."""
    indexes = {"indexes": list({attempt.index for attempt in attempts})}
    found = {row.key_index: row for row in session.connection().execute(_BY_INDEX, indexes)}
    old = [index for index, row in found.items() if row.created_at <= now - KEPT_FOR]
    if old:
        session.connection().execute(sa.delete(_key).where(_key.c.key_index.in_(old)))
    return {index: row for index, row in found.items() if index not in old}


def _refusal(attempt: Attempt, earlier: bytes) -> LobbyError:
    """Why a key that is taken already cannot be used."""
    if attempt.fingerprint == earlier:
        return _in_use()
    message = (
        "This key came with another request before. Please give each request a key of its own."
    )
    return Invalid.field(FIELD, "idempotency_key_reused", message)


def _in_use() -> KeyInUse:
    message = "A request with this Idempotency-Key is still running. Please try again in a moment."
    return KeyInUse("idempotency_key_in_use", message, retry_after=1)
