"""What is in the file of an embedded database, of any version of the schema.

For `lobby restore`, which shows it before a file replaces another one. It reads with SQLite's own
module: the tables of this program's models may not be those of the file.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from services.common.ids import moment_of

# Tables of which almost everything that happens adds a row. Their ids say when it was made.
_DATED = (
    "organisation",
    "petition",
    "supporter",
    "submission",
    "signature",
    "letter",
    "consent",
    "outbox_message",
)
_COUNTED = {
    "organisations": "SELECT count(*) FROM organisation",
    "petitions": "SELECT count(*) FROM petition",
    "signatures": "SELECT count(*) FROM signature WHERE state = 'confirmed'",
    "letters": "SELECT count(*) FROM letter",
}
_LOST = {
    "signatures": """SELECT count(*) FROM old.signature WHERE state = 'confirmed'
        AND id NOT IN (SELECT id FROM signature)""",
    "letters": "SELECT count(*) FROM old.letter WHERE id NOT IN (SELECT id FROM letter)",
    "withdrawals": """SELECT count(*) FROM signature AS new JOIN old.signature AS old USING (id)
        WHERE new.state = 'confirmed' AND old.state IN ('withdrawn', 'rejected')""",
    "unsubscribes": """SELECT count(*) FROM supporter AS new JOIN old.supporter AS old USING (id)
        WHERE (new.mail_off_at IS NULL AND old.mail_off_at IS NOT NULL)
        OR (new.questions_off_at IS NULL AND old.questions_off_at IS NOT NULL)
        OR EXISTS (SELECT 1 FROM old.consent AS no WHERE no.supporter_id = new.id
            AND NOT no.granted AND no.id NOT IN (SELECT id FROM consent))""",
    "erasures": "SELECT count(*) FROM supporter WHERE id NOT IN (SELECT id FROM old.supporter)",
    "revoked_keys": """SELECT count(*) FROM api_key AS new JOIN old.api_key AS old USING (id)
        WHERE new.revoked_at IS NULL AND old.revoked_at IS NOT NULL""",
}


@dataclass(frozen=True, slots=True)
class Contents:
    """Numbers of rows, the version of the schema, and when the newest row was made.

    `signatures` are the confirmed ones. A number is None if there is no such table.
    """

    schema: str | None
    newest: datetime | None
    organisations: int | None
    petitions: int | None
    signatures: int | None
    letters: int | None


@dataclass(frozen=True, slots=True)
class Undone:
    """What a restore takes back: the difference from the replaced database to the backup.

    Signatures and letters are lost; people who withdrew, unsubscribed or were erased are back, and
    so are keys that were revoked.
    """

    signatures: int
    letters: int
    withdrawals: int
    unsubscribes: int
    erasures: int
    revoked_keys: int


def read(file: Path) -> Contents | None:
    """Returns what is in a file; None if it is missing or cannot be read."""
    if not file.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            counts = {name: _number(connection, sql) for name, sql in _COUNTED.items()}
            return Contents(_schema(connection), _newest(connection), **counts)
    except sqlite3.DatabaseError:
        return None


def compare(backup: Path, replaced: Path) -> Undone | None:
    """Returns what is lost if `backup` replaces a database; None if that is missing or damaged.

    Both have the schema of this program.
    """
    if not replaced.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{backup.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("ATTACH DATABASE ? AS old", (f"{replaced.as_uri()}?mode=ro",))
            counts = {name: connection.execute(sql).fetchone()[0] for name, sql in _LOST.items()}
            return Undone(**counts)
    except sqlite3.DatabaseError:
        return None


def _schema(connection: sqlite3.Connection) -> str | None:
    try:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError:
        return None
    return str(row[0]) if row else None


def _newest(connection: sqlite3.Connection) -> datetime | None:
    moments = []
    for table in _DATED:
        try:
            statement = f"SELECT max(id) FROM {table}"  # noqa: S608 - the names are ours
            newest = connection.execute(statement).fetchone()[0]
        except sqlite3.OperationalError:  # not in this version of the schema
            continue
        if newest:
            moments.append(moment_of(UUID(newest)))
    return max(moments, default=None)


def _number(connection: sqlite3.Connection, sql: str) -> int | None:
    try:
        return int(connection.execute(sql).fetchone()[0])
    except sqlite3.OperationalError:
        return None
