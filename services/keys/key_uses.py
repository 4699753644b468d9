"""Records when each API key was last used, to the minute, so that unused keys can be found.

A request notes the use in memory only. Once a minute a thread writes the notes, one row for each
key however many requests it made; a crash loses at most the last minute.
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
_SET_LAST_USED = (
    sa.update(_key)
    .where(
        _key.c.id == sa.bindparam("row_id"),
        # Another process may have written a later time.
        sa.or_(_key.c.last_used_at.is_(None), _key.c.last_used_at < sa.bindparam("used_at")),
    )
    .values(last_used_at=sa.bindparam("used_at"))
)
log = structlog.get_logger()


class KeyUses:
    """Collects the uses of one process and writes them every `every` seconds."""

    def __init__(self, database: Database, *, every: float = EVERY_SECONDS) -> None:
        self._database, self._every = database, every
        self._noted: dict[UUID, datetime] = {}
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="key-uses", daemon=True)

    def note(self, key_id: UUID, now: datetime) -> None:
        """Note in memory that a key was used."""
        minute = now.replace(second=0, microsecond=0)
        with self._lock:
            self._noted[key_id] = minute

    def write(self) -> None:
        """Write the notes to the database. If that fails, they stay for the next time."""
        with self._lock:
            noted, self._noted = self._noted, {}
        if not noted:
            return
        # Sorted, so that two processes cannot deadlock.
        rows = [{"row_id": key_id, "used_at": noted[key_id]} for key_id in sorted(noted)]
        try:
            with self._database.write(is_public=False) as session:
                session.connection().execute(_SET_LAST_USED, rows)
        except Exception:
            with self._lock:
                self._noted = noted | self._noted
            raise

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def stop(self) -> None:
        """Write the remaining notes, then end the thread."""
        if self._thread.is_alive():
            self._is_stopping.set()
            self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._is_stopping.wait(self._every)
            try:
                self.write()
            except Exception as error:  # the database cannot be reached: retry in a minute
                log.warning("key_uses_not_written", error=type(error).__name__)
