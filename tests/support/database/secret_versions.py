"""Services that are opened again with other secrets, on the same database."""

from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from models import Keyring, SecretVersion
from models.base import table_of
from models.encryption import StoredSecret
from services.assembly import Lobby, open_lobby
from services.database import secret_keys
from services.database.sealed_columns import SealedColumn

NEW = "the second secret of the tests and quite as long as that"
THIRD = "the third secret of the tests and as long as the second"
OTHER = "a secret that this database has never seen before"
_versions = table_of(SecretVersion)


def with_secrets(lobby: Lobby, *secrets: str, is_checked: bool = True) -> Lobby:
    """Opens the database again with these secrets, newest first, which columns use from now on."""
    settings = lobby.settings.model_copy(update={"secret_key": SecretStr(",".join(secrets))})
    opened = open_lobby(settings, database=lobby.database, clock=lobby.clock)
    if is_checked:
        check(opened)
    return opened


def check(lobby: Lobby) -> None:
    """Compares the secrets with the database, as every start does."""
    secret_keys.check(lobby.database, lobby.keyring, now=lobby.clock())


def versions(lobby: Lobby) -> list[StoredSecret]:
    """Returns the stored versions: number, sealed root, and whether they are retired."""
    with lobby.database.read() as session:
        return list(secret_keys.stored(session))


def forget_versions(lobby: Lobby) -> None:
    """Makes the database as it is after an upgrade: with data, and without versions."""
    with lobby.database.write() as session:
        session.connection().execute(_versions.delete())


def change_version(lobby: Lobby, number: int, **values: Any) -> None:
    """Changes a row of the versions, as somebody with the database alone can."""
    with lobby.database.write() as session:
        changed = _versions.update().where(_versions.c.version == number).values(**values)
        session.connection().execute(changed)


def raw_values(lobby: Lobby, sealed: SealedColumn) -> dict[Any, bytes]:
    """Returns the bytes of a column by primary key, in its order."""
    statement = sa.select(sealed.key, sealed.raw).where(sealed.column.is_not(None))
    with lobby.database.read() as session:
        rows = session.connection().execute(statement.order_by(sealed.key))
        return {key: bytes(value) for key, value in rows}


def write_raw(lobby: Lobby, sealed: SealedColumn, key: Any, value: bytes) -> None:
    """Writes the bytes of one value."""
    changed = sa.update(sealed.column.table).where(sealed.key == key)
    with lobby.database.write() as session:
        new = sa.bindparam("new", value, type_=sa.LargeBinary)
        session.connection().execute(changed.values({sealed.column.name: new}))


def seal_with(
    lobby: Lobby, sealed: SealedColumn, ring: Keyring, keys: list[Any] | None = None
) -> None:
    """Seals values of a column with another keyring: those of `keys`, or all."""
    for key, value in raw_values(lobby, sealed).items():
        if keys is None or key in keys:
            private = lobby.keyring.open(value, sealed.purpose)
            write_raw(lobby, sealed, key, ring.seal(private, sealed.purpose))
