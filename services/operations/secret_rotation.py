"""Changes the secret key: stores a new version, and seals all values again under it.

The version byte of each value says what is left to do. So a rotation that was stopped goes on where
it was, and nothing has to be written down about it. Services can run beside it: a value is replaced
only if it is still the one that was read.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from models import Keyring, Private, SecretVersion
from models.base import table_of
from models.secret_version import LAST_VERSION
from services.database import sealed_columns, secret_keys
from services.database.engine import Database
from services.database.sealed_columns import SealedColumn
from services.errors import Conflict

AT_ONCE = 500
MOST_PASSES = 20
# Running processes look for a new version every 20 seconds, and seal with it from then on.
TAKE_UP = timedelta(seconds=45)
Clock = Callable[[], datetime]
Progress = Callable[[int, int], None]
log = structlog.get_logger()
_secret = table_of(SecretVersion)


@dataclass
class Outcome:
    """What a rotation did: values that were sealed again, and versions that were retired.

    `damaged` counts by column the values that no secret opens. They stay as they are.
    """

    resealed: int = 0
    retired: list[int] = field(default_factory=list)
    damaged: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """A version of the secret. `place` is that of its secret in the settings, None without it."""

    version: int
    created_at: datetime
    retired_at: datetime | None
    values: int
    place: int | None


def store_new_secret(database: Database, keyring: Keyring, *, now: datetime) -> bool:
    """Stores the first secret of the settings as the next version; False if it is the newest.

    :raises Conflict: the first secret is an earlier one, another process stores one at the same
        time, or all versions are used up
    :raises Unavailable: the secret key is the wrong one
    """
    secret_keys.check(database, keyring, now=now)
    if keyring.front == keyring.newest:
        return False
    if keyring.front is not None:
        raise Conflict(
            "secret_not_new",
            f"The first secret in {keyring.source} is an earlier one: put the newest one, secret "
            f"{keyring.newest}, or a new one in front.",
        )
    version = keyring.newest + 1
    if version > LAST_VERSION:
        raise Conflict("secrets_used_up", f"There can be only {LAST_VERSION} secrets.")
    with database.write(is_public=False) as session:
        secret_keys.add(session, keyring, version, 0, now)
    secret_keys.check(database, keyring, now=now)
    if keyring.front != version:
        raise Conflict("secret_not_new", "Another process has just stored another new secret.")
    return True


def are_to_retire(database: Database) -> bool:
    """Returns whether there are earlier versions that are not retired."""
    with database.read() as session:
        return any(not each.is_retired for each in secret_keys.stored(session)[:-1])


def seconds_to_wait(database: Database, *, now: datetime) -> float:
    """Returns how long it takes until all running processes seal with the newest version."""
    with database.read() as session:
        stored_at = session.connection().execute(sa.select(sa.func.max(_secret.c.created_at)))
        end: datetime = stored_at.scalar_one() + TAKE_UP
    return max(0.0, (end - now).total_seconds())


def reseal(
    database: Database, keyring: Keyring, *, progress: Progress, at_once: int = AT_ONCE
) -> Outcome:
    """Seals everything again that is not sealed under the newest version.

    Looks again until nothing is left, because services seal meanwhile. `progress` is called with
    the number of values that are done, and of all.
    """
    outcome = Outcome()
    total = _count_stale(database, keyring)
    for _ in range(MOST_PASSES):
        before, outcome.damaged = outcome.resealed, Counter()
        left = 0
        for columns in sealed_columns.by_table():
            for part in _parts(database, keyring, columns, at_once):
                outcome.resealed += part.resealed
                outcome.damaged += part.damaged
                left += part.left
                progress(outcome.resealed, max(total, outcome.resealed))
        if not left and outcome.resealed == before:
            break
    return outcome


def retire(
    database: Database, keyring: Keyring, *, now: datetime, leave_damaged: bool = False
) -> list[int]:
    """Retires the earlier versions under which nothing is sealed any more; returns them.

    With `leave_damaged`, values that no secret opens do not count.
    """
    with database.read() as session:
        counts = Counter(sealed_columns.count_by_version(session, sealed_columns.SEALED))
        if leave_damaged:
            counts -= _count_damaged(session, keyring)
        free = [
            each.version
            for each in secret_keys.stored(session)
            if each.version != keyring.newest and not each.is_retired and not counts[each.version]
        ]
    if free:
        with database.write(is_public=False) as session:
            ended = sa.update(_secret).where(_secret.c.version.in_(free)).values(retired_at=now)
            session.connection().execute(ended)
        secret_keys.check(database, keyring, now=now)
    return free


def status(database: Database, keyring: Keyring) -> list[VersionStatus]:
    """Returns all stored versions, the newest first. Reads all sealed values."""
    columns = (_secret.c.version, _secret.c.created_at, _secret.c.retired_at)
    with database.read() as session:
        counts = sealed_columns.count_by_version(session, sealed_columns.SEALED)
        rows = session.connection().execute(sa.select(*columns).order_by(columns[0].desc()))
        return [
            VersionStatus(
                version, created_at, retired_at, counts.get(version, 0), keyring.places.get(version)
            )
            for version, created_at, retired_at in rows
        ]


@dataclass
class _Part:
    """What happened to a part of a table. `left` are rows that somebody else was changing."""

    resealed: int = 0
    left: int = 0
    damaged: Counter[str] = field(default_factory=Counter)


def _count_stale(database: Database, keyring: Keyring) -> int:
    with database.read() as session:
        counts = sealed_columns.count_by_version(session, sealed_columns.SEALED)
    return sum(count for version, count in counts.items() if version != keyring.newest)


def _count_damaged(session: Session, keyring: Keyring) -> Counter[int]:
    damaged: Counter[int] = Counter()
    for sealed in sealed_columns.SEALED:
        stale = sa.select(sealed.raw).where(_is_stale(sealed, keyring))
        for value in session.connection().execute(stale).scalars():
            if _opened(bytes(value), sealed, keyring) is None:
                damaged[bytes(value[:1] or b"\0")[0]] += 1
    return damaged


def _parts(
    database: Database, keyring: Keyring, columns: Sequence[SealedColumn], at_once: int
) -> Iterable[_Part]:
    """Seals the values of a table again, in the order of its primary key."""
    after = None
    while True:
        with database.read() as session:
            rows = _read(session, keyring, columns, after, at_once)
        if not rows:
            return
        part = _Part()
        changes = _changes(rows, keyring, columns, part)
        if changes:
            with database.write(is_public=False) as session:
                _write(session, columns, changes, part)
        yield part
        after = rows[-1].key


def _is_stale(sealed: SealedColumn, keyring: Keyring) -> sa.ColumnElement[bool]:
    return sealed.version != bytes([keyring.newest])


def _read(
    session: Session, keyring: Keyring, columns: Sequence[SealedColumn], after: Any, limit: int
) -> Sequence[Any]:
    key = columns[0].key
    statement = (
        sa.select(key.label("key"), *(sealed.raw.label(sealed.column.name) for sealed in columns))
        .where(sa.or_(*(_is_stale(sealed, keyring) for sealed in columns)))
        .order_by(key)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(key > after)
    return session.connection().execute(statement).all()


Change = dict[str, tuple[bytes, bytes]]
"""By column: the value that was read, and the same sealed again."""


def _changes(
    rows: Sequence[Any], keyring: Keyring, columns: Sequence[SealedColumn], part: _Part
) -> dict[Any, Change]:
    """Returns the changes by primary key, and counts in `part` what does not open."""
    changes: defaultdict[Any, Change] = defaultdict(dict)
    newest = bytes([keyring.newest])
    for sealed in columns:
        name = sealed.column.name
        keys, values, texts = [], [], []
        for row in rows:
            value = getattr(row, name)
            if value is None or (value := bytes(value))[:1] == newest:
                continue
            if (text := _opened(value, sealed, keyring)) is None:
                part.damaged[sealed.name] += 1
                log.error("sealed_value_damaged", column=sealed.name, key=_printable(row.key))
                continue
            keys.append(row.key)
            values.append(value)
            texts.append(text)
        for key, old, new in zip(
            keys, values, keyring.seal_all(texts, sealed.purpose), strict=True
        ):
            assert new is not None  # noqa: S101 - there was a text
            changes[key][name] = (old, new)
    return changes


def _opened(value: bytes, sealed: SealedColumn, keyring: Keyring) -> Private | None:
    try:
        return keyring.open(value, sealed.purpose)
    except (ValueError, IndexError):
        return None


def _printable(key: Any) -> str:
    return key.hex() if isinstance(key, bytes) else str(key)


def _write(
    session: Session, columns: Sequence[SealedColumn], changes: dict[Any, Change], part: _Part
) -> None:
    """Replaces values that are still the ones that were read.

    Rows that another transaction has locked are left for the next pass: waiting for them while we
    hold others could end in a deadlock, and PostgreSQL would end one of the two.
    """
    connection, key = session.connection(), columns[0].key
    free = (
        sa.select(key)
        .where(key.in_(list(changes)))
        .with_for_update(key_share=True, skip_locked=True)
    )
    groups: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row_key in connection.execute(free).scalars().all():
        change = changes[row_key]
        values = {f"old_{name}": old for name, (old, _) in change.items()}
        values |= {f"new_{name}": new for name, (_, new) in change.items()}
        groups[tuple(change)].append({"row_key": row_key} | values)
    written = 0
    for names, parameters in groups.items():
        count = connection.execute(_update(columns, names), parameters).rowcount
        written += count
        part.resealed += count * len(names)
    part.left = len(changes) - written


def _update(columns: Sequence[SealedColumn], names: tuple[str, ...]) -> sa.Update:
    changed = [sealed for sealed in columns if sealed.column.name in names]
    return (
        sa.update(columns[0].column.table)
        .where(columns[0].key == sa.bindparam("row_key"))
        .where(
            *(
                sealed.raw == sa.bindparam(f"old_{sealed.column.name}", type_=sa.LargeBinary)
                for sealed in changed
            )
        )
        .values(
            {
                sealed.column.name: sa.bindparam(f"new_{sealed.column.name}", type_=sa.LargeBinary)
                for sealed in changed
            }
        )
    )
