"""The `lobby` command."""

import sqlite3
import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from cli import (
    api_keys,
    exports,
    imports,
    mail,
    organisations,
    parliament,
    partners,
    secret_keys,
    serving,
)
from cli.output import tell
from core.version import version
from services.database.engine import DatabaseError
from services.errors import Invalid, LobbyError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Central Lobby.")
app.add_typer(serving.app)
app.add_typer(parliament.app)
app.add_typer(imports.app, name="import")
app.add_typer(exports.app, name="export")
app.add_typer(parliament.syncs, name="sync")
app.add_typer(parliament.motion_commands, name="motions")
app.add_typer(mail.app, name="mail")
app.add_typer(organisations.organisation, name="organisation")
app.add_typer(organisations.organiser, name="organiser")
app.add_typer(partners.app, name="partner")
app.add_typer(api_keys.app, name="key")
app.add_typer(secret_keys.app, name="secret")


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"Central Lobby {version()}")
        raise typer.Exit


@app.callback()
def _options(
    is_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None: ...


def main() -> None:
    """Runs a command. Expected errors are printed as a sentence, with exit status 1."""
    try:
        app()
    except LobbyError as error:
        for line in _lines(error):
            tell(line, "red")
        sys.exit(1)
    except ValidationError as error:
        for item in error.errors():
            name = "".join(f"LOBBY_{part}: ".upper() for part in item["loc"])
            tell(name + item["msg"].removeprefix("Value error, "), "red")
        sys.exit(1)
    except (DatabaseError, sqlite3.Error) as error:
        tell(f"The database refused: {str(error).splitlines()[0]}", "red")
        sys.exit(1)
    except OSError as error:  # for example, a folder in place of a file
        tell(f"{error}.", "red")
        sys.exit(1)


def _lines(error: LobbyError) -> list[str]:
    """Returns a line for each wrong field, if the error combines several, or the message."""
    fields = error.fields if isinstance(error, Invalid) and error.code == "invalid" else ()
    return [f"{field.field}: {field.message}" for field in fields] or [error.message]
