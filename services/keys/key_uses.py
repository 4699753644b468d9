"""When keys were last used, to the minute: to find those that nobody needs any more.

A request only notes it in memory. A thread writes down once a minute what was noted, one row for
each key that was in use, however many requests there were; a crash loses a minute of it.
"""

import threading
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
import structlog

from models import ApiKey
from models.base import table_of
from services.database.engine import Database

EVERY_SECONDS = 60.0
_key = table_of(ApiKey)
_WRITE = (
    sa.update(_key)
    .where(
        _key.c.id == sa.bindparam("row_id"),
        # Another process may have seen it later.
        sa.or_(_key.c.last_used_at.is_(None), _key.c.last_used_at < sa.bindparam("used_at")),
    )
    .values(last_used_at=sa.bindparam("used_at"))
)
log = structlog.get_logger()


class KeyUses:
    """Of one process."""

    def __init__(self, database: Database, *, every: float = EVERY_SECONDS) -> None:
        self._database, self._every = database, every
        self._noted: dict[UUID, datetime] = {}
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="key-uses", daemon=True)

    def note(self, key_id: UUID, now: datetime) -> None:
        """A key has been used. Writes nothing."""
        minute = now.replace(second=0, microsecond=0)
        with self._lock:
            self._noted[key_id] = minute

    def write(self) -> None:
        """Write down what was noted since the last time. What cannot be written is kept."""
        with self._lock:
            noted, self._noted = self._noted, {}
        if not noted:
            return
        # In one order, so that two processes cannot wait for each other in a circle.
        rows = [{"row_id": key_id, "used_at": noted[key_id]} for key_id in sorted(noted)]
        try:
            with self._database.write(is_public=False) as session:
                session.connection().execute(_WRITE, rows)
        except Exception:
            with self._lock:
                self._noted = noted | self._noted
            raise

    def start(self) -> None:
        """Begin to write down."""
        self._thread.start()

    def stop(self) -> None:
        """Write down what is left, then end."""
        if self._thread.is_alive():
            self._is_stopping.set()
            self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._is_stopping.wait(self._every)
            try:
                self.write()
            except Exception as error:  # a database that is away: again in a minute
                log.warning("key_uses_not_written", error=type(error).__name__)
