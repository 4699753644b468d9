"""Idempotency keys: stores the first successful answer to a key and replays it to retries.

The table holds keyed hashes of the key with its sender and of the whole request, and the encrypted
answer, so that a copy of it reveals no keys, requests or answers. An answer is stored in the
transaction of the work that it reports, so that a crash keeps both or neither. Errors are not
stored: a client can correct the request and send it with the same key.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import IdempotencyKey, Keyring, Private
from models.base import table_of
from services.database import bulk
from services.database.engine import try_locks
from services.errors import Invalid, KeyInUse, LobbyError

KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 255
FIELD = "Idempotency-Key"
OutcomeT = TypeVar("OutcomeT")
# Answers belong to no organisation, so they are encrypted under the service's own key.
_OWNER = UUID(int=0)
_key = table_of(IdempotencyKey)
# Built once at import: on the hot path, building a statement costs more than executing it.
_BY_INDEX = sa.select(_key).where(_key.c.key_index.in_(sa.bindparam("indexes", expanding=True)))


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request with a key. `index` is the hash of key and sender, `fingerprint` of all of it."""

    index: bytes
    fingerprint: bytes

    @property
    def lock_id(self) -> int:
        """The advisory lock of this key: the first 64 bits of the index, signed."""
        return int.from_bytes(self.index[:8], "big", signed=True)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer to replay: an HTTP status and a body in UTF-8."""

    status: int
    content: bytes
    is_replayed: bool = False


@dataclass(frozen=True, slots=True)
class KeyedRequest(Generic[OutcomeT]):
    """A request with a key in a batch; `answer` makes the answer to store from its outcome."""

    attempt: Attempt
    answer: Callable[[OutcomeT], StoredAnswer]


def is_well_formed(key: str) -> bool:
    """Returns whether a key has 1 to 255 characters, all of them printable ASCII."""
    return 1 <= len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()


def attempt(
    keyring: Keyring, key: str, *, key_id: UUID | None, method: str, path: str, content: bytes
) -> Attempt:
    """Returns the attempt of an API key (`key_id`), or of the public where that is None.

    Keys of the public are separate for each path.
    """
    sender = f"key {key_id}" if key_id else f"public {path}"
    index = keyring.request_index(b"key", sender.encode(), key.encode())
    whole = (method.encode(), path.encode(), content)
    return Attempt(index, keyring.request_index(b"request", index, *whole))


class RequestsInFlight:
    """The keys that this process is working on.

    A second request with the same key is refused at once and does not wait for a connection.
    """

    def __init__(self) -> None:
        self._fingerprints: dict[bytes, bytes] = {}
        self._lock = threading.Lock()

    def reserve(self, attempt: Attempt) -> "_Reserved":
        """Reserves the key while the returned context lasts.

        Raises KeyInUse if it is reserved already, Invalid if that is for a different request.
        """
        with self._lock:
            fingerprint = self._fingerprints.get(attempt.index)
            if fingerprint is None:
                self._fingerprints[attempt.index] = attempt.fingerprint
        if fingerprint is not None:
            raise _refusal(attempt, fingerprint)
        return _Reserved(self, attempt)

    def release(self, attempt: Attempt) -> None:
        """Ends a reservation."""
        with self._lock:
            del self._fingerprints[attempt.index]


class _Reserved:
    """The time in which a key is reserved. A context manager of contextlib costs four times it."""

    __slots__ = ("_attempt", "_keys")

    def __init__(self, keys: RequestsInFlight, attempt: Attempt) -> None:
        self._keys, self._attempt = keys, attempt

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_error: object) -> None:
        self._keys.release(self._attempt)


def run_once(
    session: Session, attempt: Attempt, work: Callable[[], StoredAnswer], *, now: datetime
) -> StoredAnswer:
    """Returns the stored answer, or calls `work` and stores its answer.

    Raises KeyInUse if another process is working on the key, and Invalid if the key came with a
    different request before.
    """
    (stored,) = look_up(session, [attempt], now=now)
    if isinstance(stored, LobbyError):
        raise stored
    if stored is not None:
        return stored
    answer = work()
    store(session, [(attempt, answer)], now=now)
    return answer


def look_up(
    session: Session, attempts: Sequence[Attempt], *, now: datetime
) -> list[StoredAnswer | LobbyError | None]:
    """Returns for each attempt its stored answer, an error, or None if it is new.

    New attempts stay locked until the transaction ends.
    """
    # Lock before reading: answers that others stored are visible once we have the locks.
    locked = try_locks(session, [attempt.lock_id for attempt in attempts])
    rows = _unexpired_rows(session, attempts, now)
    seen: dict[bytes, bytes] = {}
    results: list[StoredAnswer | LobbyError | None] = []
    for attempt in attempts:
        row = rows.get(attempt.index)
        earlier = row.fingerprint if row else seen.get(attempt.index)
        if earlier is not None and earlier != attempt.fingerprint:
            results.append(_refusal(attempt, earlier))
        elif row is not None:
            results.append(StoredAnswer(row.status, row.answer.text.encode(), is_replayed=True))
        elif earlier is not None or attempt.lock_id not in locked:
            results.append(in_use())
        else:
            results.append(None)
            seen[attempt.index] = attempt.fingerprint
    return results


def store(
    session: Session, answers: Sequence[tuple[Attempt, StoredAnswer]], *, now: datetime
) -> None:
    """Stores the answers to attempts, whose keys stay locked until the transaction ends.

    :raises KeyInUse: a key has an answer already, or another process is working on it; the
        transaction must be rolled back
    """
    if not answers:
        return
    varying: dict[str, Sequence[Any]] = {
        "key_index": [attempt.index for attempt, _ in answers],
        "fingerprint": [attempt.fingerprint for attempt, _ in answers],
        "status": [answer.status for _, answer in answers],
        "answer": [Private(_OWNER, answer.content.decode()) for _, answer in answers],
    }
    shared = {"created_at": now}
    stored = bulk.insert_columns(
        session, _key, varying, shared, skip_existing=True, lock_by="key_index"
    )
    if stored < len(answers):
        raise in_use()


def delete_expired(session: Session, *, now: datetime, limit: int) -> int:
    """Delete up to `limit` expired answers, the oldest first; returns how many."""
    old = (
        sa.select(_key.c.key_index)
        .where(_key.c.created_at <= now - KEPT_FOR)
        .order_by(_key.c.created_at)
        .limit(limit)
        # Rows that another worker deletes, or whose keys are being used again, are skipped.
        .with_for_update(skip_locked=True)
    )
    statement = sa.delete(_key).where(_key.c.key_index.in_(old))
    return session.connection().execute(statement).rowcount


def _unexpired_rows(
    session: Session, attempts: Sequence[Attempt], now: datetime
) -> dict[bytes, Any]:
    """Returns rows by index. Expired rows are deleted, so that their keys can be used again."""
    indexes = {"indexes": list({attempt.index for attempt in attempts})}
    rows = {row.key_index: row for row in session.connection().execute(_BY_INDEX, indexes)}
    expired = [index for index, row in rows.items() if row.created_at <= now - KEPT_FOR]
    if expired:
        session.connection().execute(sa.delete(_key).where(_key.c.key_index.in_(expired)))
    return {index: row for index, row in rows.items() if index not in expired}


def _refusal(attempt: Attempt, earlier: bytes) -> LobbyError:
    if attempt.fingerprint == earlier:
        return in_use()
    message = (
        "This key came with another request before. Please give each request a key of its own."
    )
    return Invalid.field(FIELD, "idempotency_key_reused", message)


def in_use() -> KeyInUse:
    """Returns the error for a key whose request has not ended yet."""
    message = "A request with this Idempotency-Key is still running. Please try again in a moment."
    return KeyInUse("idempotency_key_in_use", message, retry_after=1)
