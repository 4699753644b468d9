"""Commands that copy the embedded database, and put a copy in its place."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.examples import examples
from cli.output import File, opened, tell
from core import logs, private_files
from core.settings import Settings
from services.assembly import utc_now
from services.database import backups
from services.operations import restoring
from services.operations.contents import Contents, Undone
from services.operations.restoring import Restored

app = typer.Typer()


@app.command(epilog=examples("lobby backup copy.db"))
def backup(file: Annotated[Path, typer.Argument(help="Where to write the copy.")]) -> None:
    """Copy the embedded database, also while it is in use. The copy lacks the secret key."""
    with opened() as lobby:
        backups.backup(lobby.settings, file)
    tell(f"Copied to {file}. Keep the secret key elsewhere: without it, it cannot be read.")
    folder = file.absolute().parent
    if private_files.is_open_to_others(folder):
        mode = private_files.mode_of(folder)
        text = f"Others can look into the folder {folder} (mode {mode}). The copy is yours alone."
        tell(text, "yellow")


@app.command(epilog=examples("lobby restore copy.db", "lobby restore copy.db --yes"))
def restore(
    file: File,
    yes: Annotated[bool, typer.Option("--yes", help="Replace without asking.")] = False,
) -> None:
    """Replace the embedded database by a copy. Stop server and worker first.

    It keeps what it replaces, and sends nothing that waits in the copy: letters to MPs become
    uncertain, and other emails are dropped.
    """
    logs.configure(level="ERROR")
    now = utc_now()
    with restoring.prepare(Settings(), file, now=now) as ready:
        tell(f"Now:    {_line(ready.present) if ready.replaces else 'there is no database.'}")
        tell(f"Backup: {_line(ready.coming)}")
        if ready.replaces:
            _ask(ready.target, is_agreed=yes)
        restored = ready.finish(now=now)
    _report(restored, ready.coming)


def _ask(target: Path, *, is_agreed: bool) -> None:
    if is_agreed:
        return
    if not sys.stdin.isatty():
        tell("Nothing was replaced: without a terminal, restore needs --yes.", "red")
        raise typer.Exit(1)
    if not typer.confirm(f"Replace {target}?", err=True):
        tell("Nothing was replaced.")
        raise typer.Exit(1)


def _line(contents: Contents | None) -> str:
    if contents is None:
        return "a database that cannot be read."
    numbers = (
        (contents.organisations, "organisations"),
        (contents.petitions, "petitions"),
        (contents.signatures, "confirmed signatures"),
        (contents.letters, "letters"),
    )
    counts = ", ".join(f"{number or 0:,} {noun}" for number, noun in numbers)
    newest = f"{contents.newest:%Y-%m-%d %H:%M} UTC" if contents.newest else "none"
    return f"{counts}; newest row: {newest}; schema {contents.schema or 'none'}."


def _report(restored: Restored, coming: Contents) -> None:
    tell(f"Restored. {_kept(restored)}")
    settled = restored.settled
    tell(
        f"Not sent: {settled.letters:,} letters are uncertain now, because they may have gone "
        "since; organisers settle them, or `lobby mail settle` with the log of the mail server. "
        f"{settled.mails:,} other emails were dropped, and {settled.webhooks:,} deliveries to "
        "webhooks ended: they can be sent again by hand."
    )
    newest = f"{coming.newest:%Y-%m-%d %H:%M} UTC" if coming.newest else "it was made"
    tell(
        f"What happened since {newest} is undone{_undone(restored.undone)}. Before you start the "
        "server: repeat withdrawals, unsubscribes and erasures, and revoke keys again that were "
        "revoked since. Tell organisers that the signatures since then are gone.",
        "yellow",
    )


def _kept(restored: Restored) -> str:
    if restored.kept is None:
        return "There was no database before."
    return f"What was there is in {restored.kept}: delete it when you need it no more."


def _undone(undone: Undone | None) -> str:
    if undone is None:
        return ""
    parts = (
        (undone.signatures, "confirmed signatures are lost"),
        (undone.letters, "letters are lost"),
        (undone.withdrawals, "people who withdrew count again"),
        (undone.unsubscribes, "people who unsubscribed get emails again"),
        (undone.erasures, "people who were erased are back"),
        (undone.revoked_keys, "keys that were revoked work again"),
    )
    found = [f"{number:,} {text}" for number, text in parts if number]
    return f": {'; '.join(found)}" if found else ""
