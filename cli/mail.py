"""`lobby mail`: a test of the mail server, uncertain letters, and dead addresses."""

import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.examples import examples
from cli.output import moment, opened, progress, tell
from cli.tables import show
from models import MessageState
from services.assembly import Lobby
from services.errors import Invalid, Unavailable
from services.letters import uncertain
from services.letters.uncertain import LogPeriod, SettlementResult
from services.mail import dead_addresses, relay_logs
from services.mail.couriers import BEFORE_THE_DOT, Courier, Delivery, make_courier
from services.mail.relay_logs import RelayLog
from services.operations import mail_trials

STANDARD_INPUT = Path("-")
LINES_A_REPORT = 20_000
DEAD_COLUMNS = ("id", "member", "since", "reason")
app = typer.Typer(
    no_args_is_help=True,
    help="The mail server, and emails that have been sent.",
    epilog=examples("lobby mail test you@example.org", "lobby mail dead"),
)

Logs = Annotated[
    list[Path],
    typer.Argument(
        metavar="LOG...",
        help="Logs of Postfix or Exim, or lists of Message-IDs, also gzipped; '-' for a pipe.",
    ),
]


@app.callback()
def mail() -> None:
    """The mail server, and emails that have been sent."""


@app.command("test", epilog=examples("lobby mail test you@example.org"))
def send_test(
    address: Annotated[str, typer.Argument(help="Where to send it, such as your own address.")],
) -> None:
    """Send one email that says it is a test, and show the conversation with the mail server.

    Lines with '>' are sent, lines with '<' are answers. The password is not shown.
    """
    with opened() as lobby, closing(_shown_courier(lobby)) as courier:
        delivery = mail_trials.send(lobby, address, courier)
        if delivery.state is not MessageState.ACCEPTED:
            raise Unavailable("mail_not_taken", _not_taken(courier.relay, delivery))
        if lobby.mail_folder is not None:
            typer.echo("Nobody gets this email: LOBBY_SMTP_URL is a folder, and it is that file.")
        else:
            typer.echo(f"The mail server {courier.relay} has taken the email: {delivery.detail}")


def _shown_courier(lobby: Lobby) -> Courier:
    return make_courier(lobby.settings.smtp_url, report=typer.echo)


def _not_taken(relay: str, delivery: Delivery) -> str:
    if delivery.state is MessageState.REJECTED:
        return f"The mail server {relay} has refused the email: {delivery.detail}"
    if delivery.state is MessageState.UNCERTAIN:
        return f"The email may have been sent: {relay} gave {delivery.detail}"
    why = delivery.detail.removeprefix(BEFORE_THE_DOT)
    return f"The mail server {relay} has not taken the email. {why}"


@app.command(
    "settle",
    epilog=examples(
        "lobby mail settle /var/log/mail.log --dry-run",
        "lobby mail settle mail.log mail.log.1.gz \\",
        "    --complete-since 2026-07-01T09:00 --complete-until 2026-07-02T09:00",
    ),
)
def settle(
    logs: Logs,
    complete_since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="The logs are complete from here, such as 2026-07-01T09:00."
        ),
    ] = None,
    complete_until: Annotated[
        str | None, typer.Option(metavar="TIME", help="The logs are complete up to here.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
) -> None:
    """Settle uncertain letters with the logs of the mail server that they were handed to.

    Letters that the server accepted are marked as sent. The others stay uncertain, unless the logs
    are complete: then letters that were attempted in that time are sent again. Times without a
    zone are London's.
    """
    with opened() as lobby:
        now = lobby.clock()
        span = _span(complete_since, complete_until, now)
        with lobby.database.read() as session:
            query = uncertain.log_query(session, period=span)
        log = RelayLog(query.wanted)
        for path in _in_order(logs, now):
            _read(path, log)
        with lobby.database.read() if dry_run else lobby.database.write() as session:
            settled = uncertain.settle(
                session,
                query,
                log,
                pace=lobby.pace,
                keyring=lobby.keyring,
                now=lobby.clock(),
                is_dry=dry_run,
            )
    _report(settled, span, dry_run=dry_run)


@app.command("dead", epilog=examples("lobby mail dead"))
def list_dead() -> None:
    """List members with a dead address, and count supporters with one."""
    with opened() as lobby, lobby.database.read() as session:
        addresses = dead_addresses.of_members(session, keyring=lobby.keyring)
        supporters = dead_addresses.count_of_supporters(session)
    rows = [
        (str(dead.member.id), dead.member.name, f"{dead.since:%Y-%m-%d}", dead.detail)
        for dead in addresses
    ]
    show(DEAD_COLUMNS, rows)
    tell(f"Members: {len(addresses)}. Supporters: {supporters}.")


@app.command(epilog=examples("lobby mail revive anna@example.org"))
def revive(
    address: Annotated[str, typer.Argument(help="The address, a member's or a supporter's.")],
) -> None:
    """Send emails to an address again that was found dead."""
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
    """Sorts logs by age, because the lines about one email may be in two consecutive files."""

    def begins_at(path: Path) -> str:
        begin = None
        if path != STANDARD_INPUT:
            with _lines(path) as (lines, _):
                begin = relay_logs.begins_at(next(lines, b""), now=now)
        return begin.isoformat() if begin else "~"  # after every year

    return sorted(paths, key=begins_at) if len(paths) > 1 else paths


def _read(path: Path, log: RelayLog) -> None:
    name = "standard input" if path == STANDARD_INPUT else path.name
    with progress(f"Reading {name}") as report, _lines(path) as (lines, position):
        size = 0 if path == STANDARD_INPUT else path.stat().st_size
        for number, line in enumerate(lines):
            log.read(line)
            if size and number % LINES_A_REPORT == 0:
                report(position(), size)


@contextmanager
def _lines(path: Path) -> Iterator[tuple[Iterator[bytes], Callable[[], int]]]:
    """Yields the lines of a log, and a function that returns the position in its file.

    :raises Invalid: the log cannot be unpacked
    """
    is_piped = path == STANDARD_INPUT
    stdin: Any = sys.stdin.buffer
    stream = BufferedReader(stdin) if is_piped else path.open("rb")
    try:
        yield relay_logs.lines_of(stream), stream.tell
    except (EOFError, zlib.error) as error:
        raise Invalid.field(
            "log", "log_damaged", f"{path.absolute()} is damaged: {error}"
        ) from error
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
