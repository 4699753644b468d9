"""Runs the numbered migrations of `alembic/versions`."""

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from core.settings import ROOT
from services.errors import Conflict, Invalid


def run(connection: Connection, revision: str, *, current: str | None) -> None:
    """Migrates from the `current` revision to another, up or down.

    `revision` is a number, 'head' or 'base'. The connection must be in a transaction.

    :raises Invalid: there is no such revision
    :raises Conflict: the database holds what the older schema has no place for
    """
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    is_downgrade = revision == "base" or (revision != "head" and (current or "") > revision)
    try:
        (command.downgrade if is_downgrade else command.upgrade)(config, revision)
    except CommandError as error:
        raise Invalid.field("revision", "revision_unknown", f"{error}.") from error
    except RuntimeError as error:
        # A migration imports none of our errors, and refuses with a plain RuntimeError. A subclass,
        # such as NotImplementedError for what SQLite cannot alter, is a fault of the migration.
        if type(error) is not RuntimeError:
            raise
        raise Conflict("migration_refused", str(error)) from error
