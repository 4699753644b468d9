"""Commands that run the service and maintain its database."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

import worker
from cli.output import File, opened, progress, tell
from core import logs
from core.settings import Settings
from services.assembly import open_lobby
from services.database import backups
from services.database import engine as databases
from services.demonstration import awkward_letters, invented_campaign
from services.operations import checks
from services.organisations import organisations
from services.postcodes import ons_import
from worker import metrics_port

app = typer.Typer()


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
) -> None:
    """Serve pages and API. With LOBBY_WORKER=inline (the default), also run the worker."""
    logs.configure(is_final=True)
    with opened() as lobby:  # creates the schema, and checks the settings before uvicorn starts
        metrics_port.check(lobby)
    uvicorn.run("main:app", host=host, port=port, access_log=False, log_level="warning")


@app.command("worker")
def run_worker() -> None:
    """Deliver emails and run scheduled jobs until stopped."""
    logs.configure(is_final=True)
    stop = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    with opened() as lobby, metrics_port.serving(lobby):
        worker.run(lobby, stop)


@app.command()
def migrate(
    revision: Annotated[str, typer.Argument(help="A number such as 0001, or 'base'.")] = "head",
) -> None:
    """Migrate the database to a version of the schema, by default the newest.

    On the way down to a version before 0016, submissions become unconfirmed signatures and letters
    first.
    """
    logs.configure(level="ERROR")
    lobby = open_lobby(Settings())
    if worker.needs_giving_back(databases.current_revision(lobby.database), revision):
        with progress("Submissions") as show:
            ended = worker.give_back_submissions(lobby, progress=show)
        tell(f"Submissions turned back into what waits for confirmation: {ended}.")
    databases.migrate(lobby.database, revision)
    if revision == "head":
        with lobby.database.write(is_public=False) as session:
            organisations.fold_addresses(session, lobby.keyring)
    tell(f"The schema is at {databases.head_revision() if revision == 'head' else revision}.")
    lobby.close()


@app.command()
def demo() -> None:
    """Load the demonstration, a small campaign with invented people, if it is not loaded yet."""
    with opened() as lobby:
        if not lobby.postcodes.available:
            ons_import.import_postcodes(invented_campaign.POSTCODES, lobby.settings.postcode_file)
            lobby.postcodes.refresh()
        with lobby.database.write() as session:
            if not invented_campaign.is_loaded(session):
                lookup, keyring = lobby.postcodes.lookup, lobby.keyring
                now = lobby.clock()
                invented_campaign.load(session, postcodes=lookup, keyring=keyring, now=now)
                awkward_letters.load(session, postcodes=lookup, keyring=keyring, now=now)
        _print_demonstration(lobby.settings.base_url)


def _print_demonstration(base: str) -> None:
    slugs = invented_campaign.about()
    typer.echo(
        f"""
Central Lobby, with a demonstration: everybody in it is invented.

  the campaign   {base}/campaigns/{slugs.campaign}
  the tally      {base}/campaigns/{slugs.campaign}/tally
  mails sent     {base}/dev/mail
  organisers     {base}/sign-in
                 {invented_campaign.ORGANISER}, password: {invented_campaign.PASSWORD}

  postcodes to try: EH1 1YZ, M1 1AE, CF10 3NQ, SW1A 0AA
"""
    )


@app.command()
def check(
    recount: Annotated[
        bool, typer.Option("--recount", help="Compare tallies with all signatures and letters.")
    ] = False,
) -> None:
    """Check schema, tallies, postcodes, database and mail. Exits with status 1 on trouble."""
    with opened() as lobby:
        findings = checks.run(lobby, recounting=tell if recount else None)
    if not recount:
        tell("Tallies were not recounted: --recount does that, and reads every row.")
    for finding in findings:
        tell(finding.text, "red" if finding.is_trouble else "yellow")
    if any(finding.is_trouble for finding in findings):
        raise typer.Exit(1)
    typer.echo("No trouble found.")


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="Where to write the copy.")]) -> None:
    """Copy the embedded database, also while it is in use. The copy lacks the secret key."""
    with opened() as lobby:
        backups.backup(lobby.settings, file)
    tell(f"Copied to {file}. Keep the secret key elsewhere: without it, it cannot be read.")


@app.command()
def restore(file: File) -> None:
    """Replace the embedded database by a copy. Stop the server first."""
    backups.restore(Settings(), file)
    tell("Restored.")
