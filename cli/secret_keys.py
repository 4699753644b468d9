"""`lobby secret`: the secret key, its versions, and their rotation."""

import time
from datetime import datetime
from typing import Annotated

import typer

from cli.examples import examples
from cli.output import opened, progress, tell
from core import logs, secret_file
from core.settings import Settings
from services.assembly import Lobby
from services.errors import Conflict
from services.operations import secret_rotation
from services.operations.secret_rotation import VersionStatus

app = typer.Typer(
    no_args_is_help=True,
    help="The secret key and its rotation.",
    epilog=examples("lobby secret status"),
)
_LINE = "{:>6}  {:16}  {:16}  {:>15}  {}"
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.callback()
def secret() -> None:
    """The secret key and its rotation."""


@app.command(epilog=examples("lobby secret create"))
def create(yes: Yes = False) -> None:
    """Make a new secret: print it for LOBBY_SECRET_KEY, or put it in front of those in the file."""
    settings = Settings()
    if settings.secret_key is not None:
        typer.echo(secret_file.generate())
        tell(
            "Put it in front of LOBBY_SECRET_KEY, with a comma behind it. Restart all servers and "
            "workers, then run `lobby secret rotate`."
        )
        return
    with opened() as lobby:
        if lobby.keyring.front is None:
            raise Conflict(
                "secret_waits",
                f"{settings.secret_file} has a new secret already: restart the service, and run "
                "`lobby secret rotate`.",
            )
    if not yes:
        question = f"Put a new secret in front of the old one in {settings.secret_file}?"
        typer.confirm(question, abort=True, err=True)
    secret_file.put_in_front(settings.secret_file, secret_file.generate())
    tell(
        f"{settings.secret_file} has a new secret in front of the old one: copy the file to where "
        "you keep your keys. Restart the service, then run `lobby secret rotate`."
    )


@app.command(epilog=examples("lobby secret rotate", "lobby secret rotate --stopped"))
def rotate(
    yes: Yes = False,
    stopped: Annotated[
        bool, typer.Option("--stopped", help="No server or worker runs: do not wait for them.")
    ] = False,
    leave_damaged: Annotated[
        bool,
        typer.Option("--leave-damaged", help="Retire earlier secrets despite damaged values."),
    ] = False,
) -> None:
    """Seal all personal data again under the first secret. Goes on if it was stopped.

    Put the new secret in front of the old one, and restart all servers and workers first.
    """
    logs.configure(level="ERROR")
    with opened() as lobby:
        _store_new(lobby, is_sure=yes or stopped)
        resealed = _reseal(lobby)
        if not stopped and (seconds := _seconds(lobby)):
            tell(f"Waiting {seconds:.0f} seconds until all servers and workers use the new secret.")
            time.sleep(seconds)
            resealed += _reseal(lobby)
        retired = secret_rotation.retire(
            lobby.database, lobby.keyring, now=lobby.clock(), leave_damaged=leave_damaged
        )
        _tell_the_end(lobby, resealed, retired)


def _store_new(lobby: Lobby, *, is_sure: bool) -> None:
    if lobby.keyring.front is None and not is_sure:
        question = "Have all servers and workers been restarted with both secrets?"
        typer.confirm(question, abort=True, err=True)
    if secret_rotation.store_new_secret(lobby.database, lobby.keyring, now=lobby.clock()):
        tell(f"The new secret is secret {lobby.keyring.newest} of this database.")


def _reseal(lobby: Lobby) -> int:
    with progress("Sealed values") as show_progress:
        outcome = secret_rotation.reseal(lobby.database, lobby.keyring, progress=show_progress)
    for column, count in outcome.damaged.items():
        tell(f"Values of {column} that no secret opens, left as they are: {count:,}.", "yellow")
    return outcome.resealed


def _seconds(lobby: Lobby) -> float:
    if not secret_rotation.are_to_retire(lobby.database):
        return 0.0
    return secret_rotation.seconds_to_wait(lobby.database, now=lobby.clock())


def _tell_the_end(lobby: Lobby, resealed: int, retired: list[int]) -> None:
    if resealed:
        tell(f"Values sealed again: {resealed:,}.")
    for version in retired:
        tell(f"Secret {version} is retired. Keep it while links in old emails should work.")
    if secret_rotation.are_to_retire(lobby.database):
        raise Conflict(
            "secret_in_use",
            "Values are still sealed under an earlier secret: `lobby secret status` counts them. "
            "Run this again; with --leave-damaged, those that no secret opens do not count.",
        )
    if not resealed and not retired:
        tell(
            f"Nothing to do: everything is sealed under secret {lobby.keyring.newest}. "
            "`lobby secret create` makes a new one."
        )


@app.command(epilog=examples("lobby secret status"))
def status() -> None:
    """Show the versions of the secret, and how many values are sealed under each."""
    with opened() as lobby:
        rows = secret_rotation.status(lobby.database, lobby.keyring)
        typer.echo(_LINE.format("secret", "since", "retired", "values under it", "in settings"))
        for row in rows:
            ended = _minute(row.retired_at) if row.retired_at else "no"
            is_here = "no" if row.place is None else "yes"
            since = _minute(row.created_at)
            typer.echo(_LINE.format(row.version, since, ended, f"{row.values:,}", is_here))
        for line in _advice(lobby, rows):
            tell(line)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _advice(lobby: Lobby, rows: list[VersionStatus]) -> list[str]:
    source = lobby.keyring.source
    lines = []
    if lobby.keyring.front is None:
        lines.append(f"The first secret in {source} is new: `lobby secret rotate` stores it.")
    for row in rows[1:]:
        if row.values or row.retired_at is None:
            lines.append(f"Secret {row.version} is needed: run `lobby secret rotate`.")
        elif row.place is not None:
            lines.append(
                f"Secret {row.version} is needed only for links in emails that were sent before "
                f"{rows[0].created_at:%Y-%m-%d}. Remove it from {source} to end them."
            )
    return lines
