"""Compares the secret key with the database, before anything is read or sealed with it.

The table `secret` has a row for each version of the secret key. Only the right secret opens a row
(AES-GCM rejects every other), so the rows are the check of the key. They also hold the root of the
keys for look-ups, which outlives the secret that it came from.
"""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlmodel import Session

from core.secret_file import SecretMissing
from core.settings import Settings
from models import Keyring, SecretVersion
from models.base import table_of
from models.encryption import StoredSecret, WrongSecret
from services.database import engine, sealed_columns
from services.database.engine import Database
from services.errors import Conflict, Unavailable

WRONG = "wrong_secret_key"
FIRST_WITH_VERSIONS = "0017"
SAMPLES = 5  # from each end of a column: one value alone may be damaged
_table = table_of(SecretVersion)


def keyring_of(settings: Settings) -> Keyring:
    """Makes the keyring of the settings, which is not compared with the database yet.

    :raises Unavailable: the database exists, but not the file with its secret key
    """
    try:
        return Keyring(settings.secrets(), settings.secret_source)
    except SecretMissing as error:
        raise Unavailable(WRONG, str(error)) from error


def prepare(database: Database, keyring: Keyring, *, now: datetime) -> None:
    """Creates the schema in an empty database, and checks an existing one and the secret key.

    :raises Unavailable: the schema has another version, or the secret key is the wrong one
    """
    engine.prepare(database)
    check(database, keyring, now=now)


def check(database: Database, keyring: Keyring, *, now: datetime) -> None:
    """Lets the keyring learn the stored versions, and stores them in a database that has none.

    Later calls read a row or two, and learn what another process has stored meanwhile.

    :raises Unavailable: the secret key is not the one of this database
    """
    with database.read() as session:
        rows = stored(session)
        if not rows:
            keyring.number_by_place()
            _check_samples(session, keyring)
    if not rows:
        with database.write(is_public=False) as session:
            _store_places(session, keyring, now)
        with database.read() as session:  # of two processes at once, both read what one has stored
            rows = stored(session)
    _learn(rows, keyring)


def check_any_schema(session: Session, keyring: Keyring) -> None:
    """Checks the secret key against a database of any version, and changes nothing.

    :raises Unavailable: the secret key is not the one of this database
    """
    has_table = sa.inspect(session.connection()).has_table(_table.name)
    if has_table and (rows := stored(session)):
        _learn(rows, keyring)
    else:
        keyring.number_by_place()
        _check_samples(session, keyring)


def check_backup(file: Path, settings: Settings, *, name: str) -> None:
    """Checks the secret key against a SQLite file, which is only read. `name` is for errors.

    :raises Unavailable: the secret key is not the one of this file, or there is none
    """
    if settings.secret_key is None and not settings.secret_file.exists():
        raise Unavailable(
            WRONG,
            f"There is no secret key to read {name} with: put the key that it was made with "
            f"into {settings.secret_file}, or set LOBBY_SECRET_KEY to it.",
        )
    keyring = keyring_of(settings)
    address = f"file:{quote(str(file.resolve()))}?immutable=1"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=True)

    copy = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)
    with closing(copy.connect()) as connection, Session(connection) as session:
        check_any_schema(session, keyring)


def check_migration(database: Database, keyring: Keyring, revision: str) -> None:
    """Checks the secret key before the schema is migrated to a revision.

    :raises Unavailable: the secret key is not the one of this database
    :raises Conflict: the older program, which numbers secrets by their place, could not read on
    """
    current = engine.current_revision(database)
    if current is None:
        return
    with database.read() as session:
        check_any_schema(session, keyring)
    goes_below = current >= FIRST_WITH_VERSIONS and (
        revision == "base" or revision < FIRST_WITH_VERSIONS
    )
    if goes_below and not keyring.is_by_place:
        raise Conflict(
            "secrets_out_of_place",
            "The older program needs all secrets that this database ever had, the newest first, "
            f"the first one at the end: {keyring.source} must hold {keyring.newest} of them.",
        )


def hint_of_new(keyring: Keyring) -> str | None:
    """Returns a sentence if the first secret of the settings does not seal anything yet."""
    if keyring.front == keyring.newest:
        return None
    if keyring.front is None:
        return (
            f"The first secret in {keyring.source} is new and seals nothing yet: run `lobby secret "
            "rotate` when all servers and workers have both."
        )
    return (
        f"The first secret in {keyring.source} is an earlier one: put the newest one, secret "
        f"{keyring.newest}, in front."
    )


def stored(session: Session) -> list[StoredSecret]:
    """Returns the stored versions, the oldest first."""
    statement = sa.select(
        _table.c.version, _table.c.root, _table.c.retired_at.is_not(None)
    ).order_by(_table.c.version)
    rows = session.connection().execute(statement)
    return [StoredSecret(version, bytes(root), bool(ended)) for version, root, ended in rows]


def add(session: Session, keyring: Keyring, version: int, place: int, now: datetime) -> None:
    """Stores one of the keyring's secrets as a version, unless the version exists."""
    row = {"version": version, "root": keyring.seal_root(version, place), "created_at": now}
    engine.insert_ignore(session, _table, [row])


def _store_places(session: Session, keyring: Keyring, now: datetime) -> None:
    for version, place in keyring.places.items():
        add(session, keyring, version, place, now)


def _learn(rows: list[StoredSecret], keyring: Keyring) -> None:
    try:
        keyring.learn(rows)
    except WrongSecret as error:
        raise Unavailable(WRONG, _sentence(keyring.source, error, rows[-1].version)) from error


def _sentence(source: str, error: WrongSecret, newest: int) -> str:
    if not error.missing:
        return (
            "The table `secret` of this database was changed: its rows hold different keys. "
            "Restore a backup."
        )
    if not error.opened:
        return _not_the_key(source)
    if newest in error.missing:
        return (
            f"{source} lacks the newest secret of this database, secret {newest}: put it in front, "
            "with a comma behind it."
        )
    return (
        f"{source} lacks secret {error.missing[0]} of this database, and data is still sealed "
        "under it: add it at the end, behind a comma."
    )


def _not_the_key(source: str) -> str:
    return (
        f"{source} is not the secret key of this database: put back the key that it was made with."
    )


def _check_samples(session: Session, keyring: Keyring) -> None:
    """Opens stored values, so that a wrong key is not taken for the right one.

    The first values must open under the secret whose place is their version: otherwise the keys
    for look-ups would come from the wrong secret. For the last ones any secret will do, so that a
    database that was used with two keys can be healed by listing both.

    :raises Unavailable: none of the first or none of the last values of a column opens
    """
    wrong, has_opened = set(), False
    for sealed in sealed_columns.existing(session):
        for is_first, values in zip(
            (True, False), sealed_columns.ends(session, sealed, SAMPLES), strict=True
        ):
            if any(keyring.opens(value, sealed.purpose, strictly=is_first) for value in values):
                has_opened = True
            elif values:
                wrong.add(sealed.name)
    if wrong and has_opened:
        raise Unavailable(
            WRONG,
            f"{keyring.source} opens only a part of the data in this database, and not that of "
            f"{', '.join(sorted(wrong))}: list all keys that it was used with, the newest first, "
            "separated by commas.",
        )
    if wrong:
        raise Unavailable(WRONG, _not_the_key(keyring.source))
