"""Commands that run the service and maintain its database."""

import signal
import threading
from dataclasses import asdict
from typing import Annotated, Any

import typer
import uvicorn

import worker
from cli import listening
from cli.examples import examples
from cli.listening import Host, OptionalPort, Port
from cli.output import opened, progress, tell
from cli.tables import AsJson, show_json
from core import logs, open_files
from core.listening import DEFAULT_HOST, DEFAULT_PORT, Listening
from core.settings import Settings
from services.accounts import first_owner
from services.assembly import Lobby, open_lobby, utc_now
from services.database import engine as databases
from services.database import secret_keys
from services.database.process_locks import Role, run_alone
from services.demonstration import awkward_letters, invented_campaign
from services.errors import Conflict, LobbyError
from services.operations import checks, set_up
from services.operations.findings import Finding
from services.organisations import organisations
from services.parliament import map_tiles
from services.postcodes import ons_import
from worker import metrics_port

app = typer.Typer()
SERVER: dict[str, Any] = {
    "http": "api.front.bounded_protocol:BoundedProtocol",
    "ws": "none",
    # Bodies that are not complete are refused five seconds after the signal to stop.
    "timeout_graceful_shutdown": 10,
    "access_log": False,
    "log_level": "warning",
}
"""What uvicorn is told. Its protocol bounds what a client may send."""
OPEN_FILES = 10_000
"""More than two for each of the connections that the protocol allows."""


@app.command(epilog=examples("lobby serve", "lobby serve --host 0.0.0.0 --port 8123"))
def serve(host: Host = DEFAULT_HOST, port: Port = DEFAULT_PORT) -> None:
    """Serve pages and API. With LOBBY_WORKER=inline (the default), also run the worker."""
    logs.configure(is_final=True)
    place = Listening(host, port)
    settings = listening.use_as_base_url(place)
    what = "`lobby serve`"
    with run_alone(settings, Role.SERVER, what=what, now=utc_now(), address=str(place)):
        listening.check_free(place)
        with opened() as lobby:  # creates the schema, and checks the settings before uvicorn starts
            metrics_port.check(lobby)
            _warn_of_new_secret(lobby)
            _tell_how_to_set_up(lobby)
        listening.warn(settings, place)
        open_files.raise_limit(OPEN_FILES)
        config = uvicorn.Config("main:app", host=host, port=port, workers=1, **SERVER)
        listening.run(config, place)


@app.command("worker", epilog=examples("lobby worker"))
def run_worker() -> None:
    """Deliver emails and run scheduled jobs until stopped."""
    logs.configure(is_final=True)
    stop = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    with (
        run_alone(Settings(), Role.WORKER, what="`lobby worker`", now=utc_now()),
        opened() as lobby,
        metrics_port.serving(lobby),
    ):
        _warn_of_new_secret(lobby)
        links = f"links begin with {lobby.settings.base_url}"
        tell(f"The worker has started: {listening.parts_in_use(lobby.settings)}, {links}.")
        worker.run(lobby, stop)
    tell("The worker has stopped.")


def _warn_of_new_secret(lobby: Lobby) -> None:
    if text := secret_keys.hint_of_new(lobby.keyring):
        tell(text, "yellow")


def _tell_how_to_set_up(lobby: Lobby) -> None:
    """Prints a link to make the first organisation and its owner, where there is none yet."""
    with lobby.database.read() as session:
        if not first_owner.is_needed(session):
            return
    link = f"{lobby.settings.base_url}/set-up/{first_owner.issue_token(lobby.tokens)}"
    tell(f"There is no organisation yet. To make one with its owner, open within a day: {link}")


@app.command(epilog=examples("lobby migrate", "lobby migrate 0015"))
def migrate(
    revision: Annotated[str, typer.Argument(help="A number such as 0001, or 'base'.")] = "head",
) -> None:
    """Migrate the database to a version of the schema, by default the newest.

    On the way down to a version before 0016, submissions become unconfirmed signatures and letters
    first.
    """
    logs.configure(level="ERROR")
    lobby = open_lobby(Settings())
    current = databases.current_revision(lobby.database)
    secret_keys.check_migration(lobby.database, lobby.keyring, revision)
    if worker.needs_giving_back(current, revision):
        with progress("Submissions") as show:
            ended = worker.give_back_submissions(lobby, progress=show)
        tell(f"Submissions turned back into what waits for confirmation: {ended}.")
    databases.migrate(lobby.database, revision)
    if revision == "head":
        with lobby.database.write(is_public=False) as session:
            organisations.fold_addresses(session, lobby.keyring)
            map_tiles.place(session, now=lobby.clock())
    if databases.current_revision(lobby.database) == databases.head_revision():
        secret_keys.check(lobby.database, lobby.keyring, now=lobby.clock())
    tell(f"The schema is at {databases.head_revision() if revision == 'head' else revision}.")
    lobby.close()


@app.command(epilog=examples("lobby demo", "lobby demo --port 8123"))
def demo(
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    skip: Annotated[
        bool, typer.Option("--skip", help="Succeed without loading if the database is in use.")
    ] = False,
) -> None:
    """Load the demonstration, a small campaign with invented people, if it is not loaded yet.

    It refuses a database that has another organisation or MPs. --host and --port are those of
    `lobby serve`.
    """
    listening.use_as_base_url(Listening(host, port))
    with opened() as lobby:
        try:
            with lobby.database.read() as session:
                invented_campaign.check_place(session)
        except Conflict as error:
            if not skip:
                raise
            tell(error.message, "yellow")
            return
        _load_demonstration(lobby)
        _print_demonstration(lobby.settings.base_url)


def _load_demonstration(lobby: Lobby) -> None:
    if not lobby.postcodes.available:
        ons_import.import_postcodes(invented_campaign.POSTCODES, lobby.settings.postcode_file)
        lobby.postcodes.refresh()
    with lobby.database.write() as session:
        if not invented_campaign.is_loaded(session):
            lookup, keyring = lobby.postcodes.lookup, lobby.keyring
            now = lobby.clock()
            invented_campaign.load(session, postcodes=lookup, keyring=keyring, now=now)
            awkward_letters.load(session, postcodes=lookup, keyring=keyring, now=now)


def _print_demonstration(base: str) -> None:
    slugs = invented_campaign.about()
    typer.echo(
        f"""
Central Lobby, with a demonstration: everybody in it is invented.

  the campaign   {base}/campaigns/{slugs.campaign}
  the MPs        {base}/campaigns/{slugs.campaign}/mps
  mails sent     {base}/dev/mail
  organisers     {base}/sign-in
                 {invented_campaign.ORGANISER}, password: {invented_campaign.PASSWORD}
                 (the password works on this machine only)

  postcodes to try: EH1 1YZ, M1 1AE, CF10 3NQ, SW1A 0AA
"""
    )


@app.command(epilog=examples("lobby check", "lobby check --recount", "lobby check --json"))
def check(
    recount: Annotated[
        bool, typer.Option("--recount", help="Compare tallies with all signatures and letters.")
    ] = False,
    host: Annotated[str | None, typer.Option(help="The --host of `lobby serve`.")] = None,
    port: OptionalPort = None,
    as_json: AsJson = False,
) -> None:
    """Check schema, tallies, postcodes, database, mail and addresses.

    Exits with status 1 on trouble. Name --host and --port as for `lobby serve` to have them
    compared with LOBBY_BASE_URL.
    """
    try:
        with opened() as lobby:
            findings = checks.run(lobby, recounting=tell if recount else None)
            findings += set_up.check(lobby.settings, listening.of_options(host, port))
    except LobbyError as error:
        if not as_json:
            raise
        findings = [Finding(error.message, code=error.code)]
    if as_json:
        show_json([asdict(finding) for finding in findings])
    else:
        _tell_findings(findings, is_recount=recount)
    if any(finding.is_trouble for finding in findings):
        raise typer.Exit(1)
    if not as_json:
        typer.echo("No trouble found.")


def _tell_findings(findings: list[Finding], *, is_recount: bool) -> None:
    if not is_recount:
        tell("Tallies were not recounted: --recount does that, and reads every row.")
    for finding in findings:
        tell(finding.text, "red" if finding.is_trouble else "yellow")
