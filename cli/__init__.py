"""The `lobby` command."""

import sys
from typing import Annotated, ClassVar

import typer

from cli.examples import examples
from cli.lazy import Entry, LazyGroup
from core import garbage
from core.version import version

_SERVING, _BACKUPS = "cli.serving", "cli.backups"


class _Lobby(LazyGroup):
    # The first sentence of each command's help: a test compares them.
    entries: ClassVar = {
        "serve": Entry(_SERVING, "app", "Serve pages and API.", is_group=False),
        "worker": Entry(
            _SERVING,
            "app",
            "Deliver emails and run scheduled jobs until stopped.",
            is_group=False,
        ),
        "migrate": Entry(
            _SERVING,
            "app",
            "Migrate the database to a version of the schema, by default the newest.",
            is_group=False,
        ),
        "demo": Entry(
            _SERVING,
            "app",
            "Load the demonstration, a small campaign with invented people, if it is not loaded "
            "yet.",
            is_group=False,
        ),
        "check": Entry(
            _SERVING,
            "app",
            "Check schema, tallies, postcodes, database, mail and addresses.",
            is_group=False,
        ),
        "backup": Entry(
            _BACKUPS, "app", "Copy the embedded database, also while it is in use.", is_group=False
        ),
        "restore": Entry(
            _BACKUPS, "app", "Replace the embedded database by a copy.", is_group=False
        ),
        "parliament-session": Entry(
            "cli.parliament", "app", "Add or correct a session of Parliament.", is_group=False
        ),
        "import": Entry(
            "cli.imports", "app", "Import postcodes, constituencies, a map, members or signatures."
        ),
        "export": Entry("cli.exports", "app", "Write signatures, letters or the tally to a file."),
        "sync": Entry("cli.parliament", "syncs", "Ask Parliament's official APIs."),
        "motions": Entry("cli.parliament", "motion_commands", "Motions in Parliament's own list."),
        "mail": Entry("cli.mail", "app", "The mail server, and emails that have been sent."),
        "organisation": Entry("cli.organisations", "organisation", "Organisations."),
        "organiser": Entry("cli.organisers", "app", "People who run campaigns."),
        "member": Entry("cli.members", "app", "Members of Parliament."),
        "campaign": Entry("cli.campaigns", "campaign", "Campaigns of all organisations."),
        "petition": Entry("cli.campaigns", "petition", "Petitions of all campaigns."),
        "partner": Entry("cli.partners", "app", "Partners, whose sites post signatures."),
        "key": Entry("cli.api_keys", "app", "Keys for the API."),
        "accessibility": Entry(
            "cli.accessibility",
            "app",
            "Publish an accessibility statement in place of the general one.",
            is_group=False,
        ),
        "secret": Entry("cli.secret_keys", "app", "The secret key and its rotation."),
        "config": Entry("cli.config", "app", "Settings of this installation."),
    }


app = typer.Typer(
    cls=_Lobby,
    help="Central Lobby.",
    epilog=examples("lobby demo", "lobby serve --port 8123", "lobby organiser create --help"),
)


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
    garbage.make_rare()
    try:
        app()
    except Exception as error:
        # Imported here because errors of the database need the libraries of all databases.
        from cli import refusals  # noqa: PLC0415 - see above

        if not refusals.tell_error(error):
            raise
        sys.exit(1)
