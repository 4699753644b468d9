"""Restores a backup of the embedded database: what comes, what is lost, and what must not repeat.

A backup knows nothing of what happened since: letters that wait in it may have been sent. So before
it takes the place of the database, `settle` ends in it whatever could go out a second time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session

from core.settings import Settings
from models import (
    DeliveryState,
    Letter,
    LetterState,
    MessageKind,
    MessageState,
    OutboxMessage,
    WebhookDelivery,
)
from models.base import table_of
from services.database import backups, engine, process_locks, secret_keys
from services.database.engine import Database
from services.database.process_locks import Role
from services.errors import Invalid
from services.letters import letter_states
from services.mail import outbox
from services.operations import contents
from services.operations.contents import Contents, Undone
from services.submissions import ending

REASON = "restored from a backup"
"""The `detail`, `reason` or `error` of what a restore has ended."""
_letter, _outbox, _delivery = table_of(Letter), table_of(OutboxMessage), table_of(WebhookDelivery)
_waits = _outbox.c.state.in_(outbox.WAITING)
_is_letter = _outbox.c.kind == MessageKind.LETTER


@dataclass(frozen=True, slots=True)
class Settled:
    """How many rows of a backup `settle` has ended, or deleted because they are too old."""

    letters: int
    mails: int
    webhooks: int
    submissions: int


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore. `kept` is where the replaced database is, None if there was none.

    `undone` is None if there was none, or if it could not be read.
    """

    settled: Settled
    undone: Undone | None
    kept: Path | None


@dataclass(frozen=True, slots=True)
class Restore:
    """A backup that was copied beside the database and checked. Nothing is replaced yet.

    `present` is None if there is no database, or if it cannot be read.
    """

    coming: Contents
    present: Contents | None
    replaces: bool
    _copy: Path
    _target: Path

    @property
    def target(self) -> Path:
        """The file that is replaced."""
        return self._target

    def finish(self, *, now: datetime) -> Restored:
        """Migrates and settles the copy, and puts it in the place of the database.

        :raises Conflict: somebody has opened the database meanwhile
        """
        database = Database(f"sqlite:///{self._copy}")
        try:
            engine.migrate(database)
            with database.write() as session:
                settled = settle(session, newest=self.coming.newest or now, now=now)
        finally:
            database.close()
        backups.check_is_idle(self._copy)
        undone = contents.compare(self._copy, self._target)
        return Restored(settled, undone, backups.put_in_place(self._copy, self._target, now=now))


@contextmanager
def prepare(settings: Settings, source: Path, *, now: datetime) -> Iterator[Restore]:
    """Takes the place of server and worker, and yields a restore that waits for its `finish`.

    At the end its copy is removed, if it was not put in place.

    :raises Conflict: a server, a worker or a command has the database open
    :raises Invalid: the file is no backup, or this program cannot read its schema, or the database
        is PostgreSQL
    """
    target = backups.database_file(settings)
    roles = (Role.SERVER, Role.WORKER)
    with process_locks.hold(settings.database_url, roles, what="`lobby restore`", now=now):
        backups.check_is_idle(target)
        copy = backups.stage(source, target)
        try:
            coming = _check(copy, source.name)
            secret_keys.check_backup(copy, settings, name=source.name)
            replaces = target.exists() and target.stat().st_size > 0
            yield Restore(coming, contents.read(target), replaces, copy, target)
        finally:
            backups.discard(copy)


def settle(session: Session, *, newest: datetime, now: datetime) -> Settled:
    """Ends in a restored database what could happen twice, in the caller's transaction.

    - Letters that wait, or that a worker had claimed, become `uncertain`: they may have been sent
      since `newest`, the time of the newest row. Organisers settle them, or `lobby mail settle`
      from the log of the relay: an attempt lies between `newest` and now.
    - Other mails that wait are dropped: people have got them since.
    - Deliveries to webhooks that wait have failed. They were made since or can be sent again by
      hand, under the same id. They could name people who have withdrawn since.
    - Submissions stay: a link that is out works, and a new one is sorted, so that its sender gets a
      mail, perhaps a second time. Those that are too old to be confirmed are deleted.

    Answers to idempotency keys stay: each was written with the row that it is about.
    """
    letters = letter_states.doubt_waiting(session, REASON)
    are_doubted = sa.select(_letter.c.id).where(_letter.c.state == LetterState.UNCERTAIN)
    values = {"finished_at": now, "detail": REASON}
    session.connection().execute(
        sa.update(_outbox)
        .where(_waits, _is_letter, _outbox.c.subject_id.in_(are_doubted))
        .values(
            values
            | {
                "state": MessageState.UNCERTAIN,
                "claimed_at": sa.func.coalesce(
                    _outbox.c.claimed_at, sa.literal(newest, _outbox.c.claimed_at.type)
                ),
            }
        )
    )
    dropped = session.connection().execute(
        sa.update(_outbox).where(_waits).values(values | {"state": MessageState.DROPPED})
    )
    webhooks, submissions = _end_deliveries(session, now), _delete_old(session, now)
    return Settled(letters, dropped.rowcount, webhooks, submissions)


def _end_deliveries(session: Session, now: datetime) -> int:
    ended = session.connection().execute(
        sa.update(_delivery)
        .where(_delivery.c.state.in_((DeliveryState.QUEUED, DeliveryState.CLAIMED)))
        .values(state=DeliveryState.FAILED, finished_at=now, error=REASON, response_status=None)
    )
    return ended.rowcount


def _delete_old(session: Session, now: datetime) -> int:
    """Deletes submissions that are too old, before the sorter sends their senders a dead link."""
    deleted = 0
    while count := ending.delete_old(session, now=now):
        deleted += count
    return deleted


def _check(copy: Path, name: str) -> Contents:
    coming = contents.read(copy)
    if coming is None or coming.schema not in engine.revisions():
        schema = coming.schema if coming else None
        message = (
            f"{name} has the schema {schema or 'none'}, and this program knows those up to "
            f"{engine.head_revision()}: restore it with the version that made it, or a newer one."
        )
        raise Invalid("schema_unknown", message)
    return coming
