"""The `lobby` command."""

import secrets
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from alembic.util import CommandError
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.exc import SQLAlchemyError

from lobby import logs, worker
from lobby.models import Scope
from lobby.services import (
    backups,
    checks,
    constituencies,
    demonstration,
    member_sync,
    members,
    members_api,
    motions,
    official_apis,
    organisations,
    parliament,
    parliament_sessions,
    postcode_import,
)
from lobby.services import database as databases
from lobby.services.errors import LobbyError
from lobby.services.lobby import Lobby, open_lobby
from lobby.services.motions import MotionSync
from lobby.settings import Settings, is_loopback

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Central Lobby.")
imports = typer.Typer(no_args_is_help=True, help="Bring in postcodes, constituencies, members.")
syncs = typer.Typer(no_args_is_help=True, help="Ask Parliament's official APIs.")
organisation_commands = typer.Typer(no_args_is_help=True, help="Organisations.")
organiser_commands = typer.Typer(no_args_is_help=True, help="People who run campaigns.")
partner_commands = typer.Typer(no_args_is_help=True, help="Partners, whose sites post signatures.")
key_commands = typer.Typer(no_args_is_help=True, help="Keys for the API.")
app.add_typer(imports, name="import")
app.add_typer(syncs, name="sync")
motion_commands = typer.Typer(no_args_is_help=True, help="Motions in Parliament's own list.")
app.add_typer(motion_commands, name="motions")
app.add_typer(organisation_commands, name="organisation")
app.add_typer(organiser_commands, name="organiser")
app.add_typer(partner_commands, name="partner")
app.add_typer(key_commands, name="key")

told = Console(stderr=True)
File = Annotated[Path, typer.Argument(help="The file to read.")]
OrganisationSlug = Annotated[str, typer.Option("--organisation", help="The organisation's slug.")]


def main() -> None:
    """Run a command; what we refuse is told in a sentence, with status 1."""
    try:
        app()
    except LobbyError as error:
        tell(error.message, "red")
        sys.exit(1)
    except ValidationError as error:
        for item in error.errors():
            name = "".join(f"LOBBY_{part}: ".upper() for part in item["loc"])
            tell(name + item["msg"].removeprefix("Value error, "), "red")
        sys.exit(1)
    except (SQLAlchemyError, sqlite3.Error) as error:
        tell(f"The database refused: {str(error).splitlines()[0]}", "red")
        sys.exit(1)
    except (OSError, CommandError) as error:  # a folder, or a version of the schema
        tell(f"{error}.", "red")
        sys.exit(1)


def tell(text: str, style: str = "") -> None:
    """A line on standard error; what a file or a failure is called is not taken for markup."""
    told.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def opened() -> Iterator[Lobby]:
    """The service for one command; an empty database gets its schema first."""
    lobby = open_lobby(Settings())
    try:
        databases.prepare(lobby.database)
        yield lobby
    finally:
        lobby.close()


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
) -> None:
    """Serve pages and API; with LOBBY_WORKER=inline (the default) also deliver mail."""
    logs.configure()
    with opened():
        pass  # the schema is there, and the settings are good
    uvicorn.run("lobby.main:app", host=host, port=port, access_log=False, log_level="warning")


@app.command("worker")
def run_worker() -> None:
    """Deliver mail and run what is due, until stopped."""
    logs.configure()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with opened() as lobby:
        worker.run(lobby, stop)


@app.command()
def migrate(
    revision: Annotated[str, typer.Argument(help="A number such as 0001, or 'base'.")] = "head",
) -> None:
    """Bring the database to a version of the schema: the newest by default."""
    lobby = open_lobby(Settings())
    databases.migrate(lobby.database, revision)
    tell(f"The schema is at {databases.head_revision() if revision == 'head' else revision}.")
    lobby.close()


@app.command()
def demo() -> None:
    """Load the demonstration: a small campaign with invented people. Again: changes nothing."""
    with opened() as lobby:
        if not lobby.postcodes.available:
            postcode_import.import_postcodes(demonstration.POSTCODES, lobby.settings.postcode_file)
            lobby.postcodes.refresh()
        with lobby.database.write() as session:
            if not demonstration.is_loaded(session):
                lookup, keyring = lobby.postcodes.lookup, lobby.keyring
                now = lobby.clock()
                demonstration.load(session, postcodes=lookup, keyring=keyring, now=now)
        _tell_demonstration(lobby.settings.base_url)


def _tell_demonstration(base: str) -> None:
    slugs = demonstration.about()
    typer.echo(
        f"""
Central Lobby, with a demonstration: everybody in it is invented.

  the campaign   {base}/campaigns/{slugs.campaign}
  the tally      {base}/campaigns/{slugs.campaign}/tally
  mails sent     {base}/dev/mail
  organisers     {base}/sign-in
                 {demonstration.ORGANISER}, password: {demonstration.PASSWORD}

  postcodes to try: EH1 1YZ, M1 1AE, CF10 3NQ, SW1A 0AA
"""
    )


@app.command()
def check() -> None:
    """Look for trouble: schema, tallies, postcodes, database. Status 1 where there is some."""
    with opened() as lobby:
        findings = checks.run(lobby)
    for finding in findings:
        tell(finding.text, "red" if finding.is_trouble else "yellow")
    if any(finding.is_trouble for finding in findings):
        raise typer.Exit(1)
    typer.echo("No trouble found.")


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="Where to write the copy.")]) -> None:
    """Copy the embedded database while it is in use. The secret key is not in the copy."""
    with opened() as lobby:
        backups.backup(lobby.settings, file)
    tell(f"Copied to {file}. Keep the secret key elsewhere: without it, it cannot be read.")


@app.command()
def restore(file: File) -> None:
    """Put a copy in the place of the embedded database. Stop the server first."""
    backups.restore(Settings(), file)
    tell("Restored.")


@imports.command("postcodes")
def import_postcodes(
    file: File,
    northern_ireland: Annotated[
        bool,
        typer.Option(
            "--northern-ireland",
            help="Take in BT postcodes too: such use needs a licence of its own (see docs).",
        ),
    ] = False,
) -> None:
    """Build the postcode directory from an ONSPD or NSPL file: csv, csv.gz, or zip as published."""
    with opened() as lobby, progress(f"Reading {file.name}") as report:
        summary = postcode_import.import_postcodes(
            file,
            lobby.settings.postcode_file,
            northern_ireland=northern_ireland,
            progress=report,
        )
        if summary.constituencies:
            with lobby.database.write() as session:
                constituencies.save_facts(session, summary.constituencies)
    rows = {
        "rows read": summary.read,
        "live, with a constituency": summary.found,
        "terminated": summary.terminated,
        "without constituency": summary.without_constituency,
        "not in the UK Parliament": summary.not_in_uk_parliament,
        **{f"left out: {reason}": count for reason, count in summary.left_out.items()},
        "postcodes in the directory": summary.postcodes,
        "bytes": summary.bytes,
        "constituencies from the file": len(summary.constituencies),
    }
    for name, count in rows.items():
        typer.echo(f"{name:32} {count:>12,}")


@imports.command("constituencies")
def import_constituencies(file: File) -> None:
    """Add or update constituencies from a CSV."""
    with opened() as lobby, lobby.database.write() as session:
        count = constituencies.import_csv(session, file)
    typer.echo(f"{count} constituencies.")


@imports.command("members")
def import_members(file: File) -> None:
    """Bring members, the seats they hold and their posts in line with a CSV."""
    with opened() as lobby, lobby.database.write() as session:
        done = members.import_csv(session, file, today=lobby.clock().date())
    typer.echo(
        f"{done.read} seats: {done.read - done.vacant} filled, {done.vacant} vacant. Memberships "
        f"begun: {done.begun}, ended: {done.ended}. Members without e-mail: {done.without_email}."
    )


@syncs.command("members")
def sync_members(
    no_biographies: Annotated[
        bool,
        typer.Option("--no-biographies", help="Half the requests; posts stay as they are."),
    ] = False,
) -> None:
    """Bring members, their seats, addresses and posts in line with Parliament: all or nothing."""
    with opened() as lobby:
        seconds = 0 if is_loopback(lobby.settings.members_api_url) else 1
        with lobby.asking(official_apis.MEMBERS), progress("Asking Parliament") as report:
            found = members_api.fetch_members(
                lobby.members_api,
                biographies=not no_biographies,
                pause=lambda: time.sleep(seconds),
                progress=report,
            )
        with lobby.database.write() as session:
            done = member_sync.apply_answers(session, found, today=lobby.clock().date())
    typer.echo(
        f"{done.filled} seats filled, {len(done.vacated)} fell vacant. Memberships begun: "
        f"{done.begun}, ended: {done.ended}. Posts begun: {done.posts_begun}, ended: "
        f"{done.posts_ended}. Members without e-mail: {done.without_email}."
    )
    for name in done.vacated:
        tell(f"Vacant now: {name}.")
    for name in done.unmatched:
        tell(f"None of our constituencies has this name, and nothing was changed there: {name}.")


@syncs.command("motions")
def sync_motions(
    ids: Annotated[list[int] | None, typer.Argument(help="Parliament's ids; none: all.")] = None,
    file: Annotated[
        list[Path] | None, typer.Option(help="A saved answer, instead of asking; repeat for more.")
    ] = None,
) -> None:
    """Bring motions in line with Parliament. A bad answer changes nothing and is reported."""
    failed = 0
    with opened() as lobby:
        if file:
            for saved in file:
                _tell_sync(worker.sync_saved_motion(lobby, saved))
            return
        with lobby.database.read() as session:
            wanted = ids or motions.known_ids(session)
        for place, motion_id in enumerate(wanted):
            time.sleep(lobby.pause_seconds if place else 0)
            failed += not _sync_motion(lobby, motion_id)
    if failed:
        raise typer.Exit(1)


def _sync_motion(lobby: Lobby, motion_id: int) -> bool:
    try:
        done = worker.sync_motion(lobby, motion_id)
    except LobbyError as error:
        tell(error.message, "red")
        if error.code.endswith("_limited"):
            raise typer.Exit(1) from error  # to go on asking would make it worse
        return False
    _tell_sync(done)
    return True


def _tell_sync(done: MotionSync) -> None:
    typer.echo(
        f"Motion {done.motion_id}: {done.live} names stand; new: {done.signed}, "
        f"withdrawn: {done.withdrawn}, restored: {done.restored}."
    )
    if done.missing:
        tell(f"Motion {done.motion_id}: the answer leaves out {done.missing} names that we know.")


@motion_commands.command("search")
def search_motions(
    query: Annotated[str, typer.Argument(help="Words of the title.")],
    tabled_from: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Tabled on or after this day.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 25,
) -> None:
    """Find a motion in Parliament's own list, newest first."""
    with opened() as lobby, lobby.asking(official_apis.MOTIONS):
        found = parliament.search_motions(
            lobby.motions_api,
            query=query,
            tabled_from=tabled_from.date() if tabled_from else None,
            limit=limit,
        )
    for motion in found:
        typer.echo(f"{motion.id:>8}  EDM {motion.number:<6} {motion.tabled_on}  {motion.title}")


@app.command("parliament-session")
def set_parliament_session(
    name: Annotated[str, typer.Argument(help="As Parliament names it, such as 2026-27.")],
    starts: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Its first day.")],
    ends: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day of prorogation or dissolution."),
    ] = None,
) -> None:
    """Add or correct a session of Parliament. Motions fall when theirs ends."""
    with opened() as lobby, lobby.database.write() as session:
        ends_on = ends.date() if ends else None
        parliament_sessions.save(session, name=name, starts_on=starts.date(), ends_on=ends_on)
        lapsed = parliament_sessions.lapse_motions(session, now=lobby.clock())
    typer.echo(f"Session {name} saved; {len(lapsed)} motions have lapsed.")


@organisation_commands.command("create")
def create_organisation(
    name: Annotated[str, typer.Argument(help="Its name, as supporters see it.")],
    slug: Annotated[str, typer.Option(help="Its name in addresses.")],
) -> None:
    """Add an organisation."""
    with opened() as lobby, lobby.database.write() as session:
        organisations.create(session, name=name, slug=slug, now=lobby.clock())
    typer.echo(slug)


@organiser_commands.command("create")
def create_organiser(
    email: Annotated[str, typer.Argument(help="Their e-mail address.")],
    organisation: OrganisationSlug,
) -> None:
    """Add an organiser, and print the password that they sign in with."""
    password = secrets.token_urlsafe(12)
    with opened() as lobby, lobby.database.write() as session:
        organisations.create_organiser(
            session,
            lobby.keyring,
            organisation=organisations.by_slug(session, organisation),
            email=email,
            password=password,
            now=lobby.clock(),
        )
    typer.echo(password)


@partner_commands.command("create")
def create_partner(
    name: Annotated[str, typer.Argument(help="Its name.")],
    organisation: OrganisationSlug,
    slug: Annotated[str, typer.Option(help="Its name in addresses.")],
) -> None:
    """Add a partner of an organisation."""
    with opened() as lobby, lobby.database.write() as session:
        owner = organisations.by_slug(session, organisation)
        organisations.create_partner(
            session, organisation=owner, name=name, slug=slug, now=lobby.clock()
        )
    typer.echo(slug)


@key_commands.command("create")
def create_key(
    organisation: OrganisationSlug,
    scope: Annotated[list[str], typer.Option(help=f"One of {', '.join(Scope)}; repeat for more.")],
    partner: Annotated[str | None, typer.Option(help="The slug of the partner it is for.")] = None,
) -> None:
    """Add a key and print it, alone, on standard output. It cannot be shown again."""
    with opened() as lobby, lobby.database.write() as session:
        owner = organisations.by_slug(session, organisation)
        key = organisations.create_key(
            session, organisation=owner, scopes=scope, partner_slug=partner, now=lobby.clock()
        )
    typer.echo(key)


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error."""
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=told, transient=True) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
