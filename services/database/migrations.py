"""Running the numbered migrations of `alembic/versions`."""

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import Connection

from core.settings import ROOT
from services.errors import Invalid


def run(connection: Connection, revision: str, *, current: str | None) -> None:
    """From the `current` revision to another, 'head' and 'base' among them, on a connection in a
    transaction. Invalid where there is none of that name."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "alembic"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    going_down = revision == "base" or (revision != "head" and (current or "") > revision)
    try:
        (command.downgrade if going_down else command.upgrade)(config, revision)
    except CommandError as error:
        raise Invalid.field("revision", "revision_unknown", f"{error}.") from error
