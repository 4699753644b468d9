"""Looking after mail that has left: settling what nobody knows, and addresses that are dead."""

import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.output import moment, opened, progress, tell
from services.errors import Invalid
from services.letters import uncertain
from services.letters.uncertain import LogPeriod, SettlementResult
from services.mail import dead_addresses, relay_logs
from services.mail.relay_logs import RelayLog

STANDARD_INPUT = Path("-")
LINES_A_REPORT = 20_000
app = typer.Typer(no_args_is_help=True, help="Mail that has left.")

Logs = Annotated[
    list[Path],
    typer.Argument(
        metavar="LOG...",
        help="Logs of Postfix or Exim, or lists of Message-IDs, gzipped or not; '-' for a pipe.",
    ),
]


@app.callback()
def mail() -> None:
    """Mail that has left."""


@app.command("settle")
def settle(
    logs: Logs,
    complete_since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="The logs are whole from here, such as 2026-07-01T09:00."
        ),
    ] = None,
    complete_until: Annotated[
        str | None, typer.Option(metavar="TIME", help="The logs are whole up to here.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be.")] = False,
) -> None:
    """Settle uncertain letters by the log of the relay that they were handed to.

    Those that it took are sent. The others stay uncertain, unless the logs are whole: then those
    whose attempts lie within that time go again. Times without a zone are London's.
    """
    with opened() as lobby:
        now = lobby.clock()
        span = _span(complete_since, complete_until, now)
        with lobby.database.read() as session:
            asked = uncertain.log_query(session, period=span)
        log = RelayLog(asked.wanted)
        for path in _in_order(logs, now):
            _read(path, log)
        with lobby.database.read() if dry_run else lobby.database.write() as session:
            settled = uncertain.settle(
                session,
                asked,
                log,
                pace=lobby.pace,
                keyring=lobby.keyring,
                now=lobby.clock(),
                is_dry=dry_run,
            )
    _report(settled, span, dry_run=dry_run)


@app.command("dead")
def list_dead() -> None:
    """List members whose address is dead, and count supporters' addresses that are."""
    with opened() as lobby, lobby.database.read() as session:
        found = dead_addresses.of_members(session, keyring=lobby.keyring)
        of_others = dead_addresses.count_of_supporters(session)
    for dead in found:
        member = dead.member
        typer.echo(f"{member.id}\t{member.name}\t{dead.since:%Y-%m-%d}\t{dead.detail}")
    tell(f"Members: {len(found)}. Supporters: {of_others}.")


@app.command()
def revive(
    address: Annotated[str, typer.Argument(help="The address, a member's or a supporter's.")],
) -> None:
    """Send to an address again that was found dead."""
    with opened() as lobby, lobby.database.write() as session:
        dead_addresses.revive(session, address, keyring=lobby.keyring)
    tell("Mail goes there again.")


def _span(since: str | None, until: str | None, now: datetime) -> LogPeriod | None:
    if since is None and until is None:
        return None
    if since is None or until is None:
        message = "Give both --complete-since and --complete-until, or neither."
        raise Invalid.field("complete_since", "span_malformed", message)
    return LogPeriod.checked(
        moment(since, "complete_since"), moment(until, "complete_until"), now=now
    )


def _in_order(paths: list[Path], now: datetime) -> list[Path]:
    """The oldest first: a mail may have come at the end of one file and be taken in the next."""

    def begins_at(path: Path) -> str:
        moment = None
        if path != STANDARD_INPUT:
            with _lines(path) as (lines, _):
                moment = relay_logs.begins_at(next(lines, b""), now=now)
        return moment.isoformat() if moment else "~"  # behind every year

    return sorted(paths, key=begins_at) if len(paths) > 1 else paths


def _read(path: Path, log: RelayLog) -> None:
    name = "standard input" if path == STANDARD_INPUT else path.name
    with progress(f"Reading {name}") as report, _lines(path) as (lines, place):
        size = 0 if path == STANDARD_INPUT else path.stat().st_size
        for number, line in enumerate(lines):
            log.read(line)
            if size and number % LINES_A_REPORT == 0:
                report(place(), size)


@contextmanager
def _lines(path: Path) -> Iterator[tuple[Iterator[bytes], Callable[[], int]]]:
    """A log's lines, and how far in its file one is. Invalid where it cannot be unpacked."""
    is_piped = path == STANDARD_INPUT
    piped: Any = sys.stdin.buffer
    stream = BufferedReader(piped) if is_piped else path.open("rb")
    try:
        yield relay_logs.lines_of(stream), stream.tell
    except (EOFError, zlib.error) as error:
        raise Invalid.field("log", "log_damaged", f"{path.name} is damaged: {error}") from error
    finally:
        if is_piped:
            stream.detach()
        else:
            stream.close()


def _report(settled: SettlementResult, span: LogPeriod | None, *, dry_run: bool) -> None:
    if dry_run:
        tell("Nothing is changed: this is what would be.")
    rows = {
        "settled as sent": settled.sent,
        "sent again": settled.again,
        "still uncertain": settled.uncertain,
    }
    for name, count in rows.items():
        typer.echo(f"{name:32} {count:>12,}")
    if span is not None and not settled.is_whole:
        lack = f"lack {settled.missing:,} mails that the relay took in that time"
        why = lack if settled.missing else "know no mail of ours"
        tell(f"The logs {why}: they are not whole, and nothing was sent again.", "red")
        raise typer.Exit(1)
