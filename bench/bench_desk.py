"""Every page of the desk of a large campaign: its statements, its time and its weight.

The campaign has the real 650 MPs and a recorded motion, from ../shared/data, and generated people:
200,000 signed within 55 days, and 20,000 wrote to their MP. Each page is read as an owner, in
process (from the ASGI application, without a server) and over one connection to a server on
loopback. Figures are milliseconds; 'CPU' is the median of the processor's time in process, on which
other load on the machine tells less. 'First' is the time with nothing in memory: neither the seats,
which stay until they change, nor counts, which stay for a minute and here for the whole run. KB are
those of the page, plain and as it is sent. Without the real data it measures nothing, and says so.
`python -m bench.bench_desk` prints a Markdown table.
"""

import argparse
import asyncio
import gzip
import http.client
import statistics
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI

from core import logs
from main import create_app
from services.assembly import Lobby, open_lobby
from tools import campaign_rows, desk_routes, fill_campaign, real_parliament
from tools.campaign_rows import Size
from tools.databases import fresh_database
from tools.live_service import http_server
from tools.settings import throwaway_settings
from tools.statements import sent_by
from web.base.dependencies import cookie_name

NOW = datetime(2026, 8, 6, 9, 0, tzinfo=UTC)
"""The day after the last recorded answer about the motion."""
LARGE, SHORT = Size(200_000, 20_000, days=55), Size(300, 60, days=55)
MOST_ROUNDS = 1000
MOST_STATEMENTS, MOST_P50, MOST_P99 = 12, 20.0, 50.0
OK, NOT_MODIFIED = 200, 304
PULSE = "/organiser/campaigns/{slug}/pulse"


@dataclass(frozen=True, slots=True)
class PageFigures:
    """A page. Times are in milliseconds; `first` is that with nothing in memory."""

    path: str
    status: int
    statements: int
    first: float
    processor: list[float]
    in_process: list[float]
    over_http: list[float]
    size: int
    packed: int

    @property
    def is_above(self) -> bool:
        """Returns whether the page is slower, or asks more, than it may."""
        p50, p99 = statistics.median(self.in_process), _p99(self.in_process)
        return self.statements > MOST_STATEMENTS or p50 > MOST_P50 or p99 > MOST_P99

    def row(self) -> str:
        """Returns a row of the table."""
        times = [
            f"{statistics.median(taken):.1f} | {_p99(taken):.1f}"
            for taken in (self.in_process, self.over_http)
        ]
        cpu = f"{self.first:.1f} | {statistics.median(self.processor):.1f}"
        weight = f"{self.size / 1000:.1f} | {self.packed / 1000:.1f}"
        return f"| `{self.path}` | {self.statements} | {cpu} | {' | '.join(times)} | {weight} |"


def main() -> None:
    """Measures on SQLite, or on PostgreSQL."""
    arguments = _arguments()
    real: Path | None = None if arguments.short else arguments.real
    if real is not None and not real.is_dir():
        print(f"Nothing is measured: the real data are not here ({real}).")
        sys.exit(0)
    logs.configure(level="ERROR")
    size = SHORT if arguments.short else LARGE
    rounds = 2 if arguments.short else arguments.rounds
    backend = "postgresql" if arguments.postgresql else "sqlite"
    with _filled(backend, size, real) as (lobby, slug):
        print(f"{backend}: {size.signatures:,} signatures, {size.letters:,} letters.\n")
        # Closed in any case: its server must end before the database does.
        with closing(measure(lobby, slug, rounds=rounds)) as pages:
            _print(pages)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench_desk", description=__doc__)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--rounds", type=int, default=100, help="how often each page is read")
    parser.add_argument("--real", type=Path, default=real_parliament.DATA, help="the real data")
    parser.add_argument("--short", action="store_true", help="a small campaign, invented MPs")
    arguments = parser.parse_args()
    if not 2 <= arguments.rounds <= MOST_ROUNDS:
        parser.error(f"from 2 to {MOST_ROUNDS} rounds")
    return arguments


@contextmanager
def _filled(backend: str, size: Size, real: Path | None) -> Iterator[tuple[Lobby, str]]:
    """Yields a lobby with a large campaign, and the campaign's slug."""
    with fresh_database(backend) as (folder, url):
        settings = throwaway_settings(folder, url)
        lobby = open_lobby(settings, clock=lambda: NOW)
        with closing(lobby):
            slug = fill_campaign.prepare(lobby, real=real, days=size.days)
            campaign_rows.fill(lobby, slug, size)
            desk_routes.add_objects(lobby, slug)
            if not lobby.database.is_sqlite:
                _vacuum(lobby)
            yield lobby, slug


def _vacuum(lobby: Lobby) -> None:
    """Vacuums now, as PostgreSQL would within some minutes."""
    with lobby.database._writer.connect() as connection:
        autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
        autocommit.exec_driver_sql("VACUUM ANALYZE")


def measure(lobby: Lobby, slug: str, *, rounds: int) -> Generator[PageFigures]:
    """Yields the figures of each page of the desk."""
    app = create_app(lobby.settings, lobby=lobby)
    routes = desk_routes.of_app(app, lobby, slug)
    for path in routes.unknown:
        print(f"Not measured, because a parameter has no value: {path}", file=sys.stderr)
    cookie = f"{cookie_name(lobby.settings)}={desk_routes.sign_in(lobby, slug)}"
    with http_server(app) as url, closing(Visitor(app, url, cookie)) as visitor:
        # So that the frame has a campaign from the first page on.
        visitor.in_process(f"/organiser/campaigns/{slug}/news")
        for path, address in routes.addresses.items():
            yield _figures(lobby, visitor, path, address, rounds)
        pulse = routes.addresses[PULSE]
        visitor.tag = visitor.tag_of(pulse)
        yield _figures(lobby, visitor, f"{PULSE} (304)", pulse, rounds)


def _figures(lobby: Lobby, visitor: "Visitor", path: str, address: str, rounds: int) -> PageFigures:
    visitor.in_process(address)  # the first answer loads the template
    lobby.database.forget()
    vars(lobby).pop("minute_counts", None)
    began_at = time.perf_counter()
    visitor.in_process(address)
    first = (time.perf_counter() - began_at) * 1000
    with sent_by(lobby) as sent:
        status, body = visitor.in_process(address)
    processor, in_process = _timed(lambda: visitor.in_process(address), rounds)
    visitor.connect()
    _, over_http = _timed(lambda: visitor.over_http(address), rounds)
    return PageFigures(
        path,
        status,
        len(sent),
        first,
        processor,
        in_process,
        over_http,
        len(body),
        len(gzip.compress(body, 6)),
    )


def _timed(read: Callable[[], object], rounds: int) -> tuple[list[float], list[float]]:
    """Returns the processor's times and the times on the clock, in milliseconds."""
    processor, clock = [], []
    for _ in range(rounds):
        used, began_at = time.process_time(), time.perf_counter()
        read()
        clock.append((time.perf_counter() - began_at) * 1000)
        processor.append((time.process_time() - used) * 1000)
    return processor, clock


class Visitor:
    """Somebody who is signed in, and reads a page in process or over a connection."""

    def __init__(self, app: FastAPI, url: str, cookie: str) -> None:
        self._app, self._cookie = app, cookie
        self.tag = ""
        """The ETag of what the visitor has already."""
        self._host = urlsplit(url).netloc
        self._connection = http.client.HTTPConnection(self._host)
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Closes the connection and the loop."""
        self._connection.close()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def connect(self) -> None:
        """Opens the connection anew: the server has closed one that was idle for some seconds."""
        self._connection.close()
        self._connection.connect()

    def in_process(self, address: str) -> tuple[int, bytes]:
        """Returns the status and the body."""
        return self._loop.run_until_complete(self._ask(address))

    def over_http(self, address: str) -> tuple[int, bytes]:
        """Returns the status and the body as it is sent, which is packed."""
        headers = {"Cookie": self._cookie, "Accept-Encoding": "gzip"}
        if self.tag:
            headers["If-None-Match"] = self.tag
        self._connection.request("GET", address, headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def tag_of(self, address: str) -> str:
        """Returns the ETag of an answer."""
        messages = self._loop.run_until_complete(self._messages(address))
        headers: dict[bytes, bytes] = dict(messages[0]["headers"])
        return headers[b"etag"].decode()

    async def _ask(self, address: str) -> tuple[int, bytes]:
        messages = await self._messages(address)
        body = b"".join(message.get("body", b"") for message in messages[1:])
        return int(messages[0]["status"]), body

    async def _messages(self, address: str) -> list[Any]:
        messages: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        await self._app(self._scope(address), receive, send)
        return messages

    def _scope(self, address: str) -> dict[str, Any]:
        path, _, query = address.partition("?")
        headers = {"host": self._host, "cookie": self._cookie}
        if self.tag:
            headers["if-none-match"] = self.tag
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 80),
        }


def _print(pages: Iterator[PageFigures]) -> None:
    """Prints the table, and then which pages were not there or are above what is allowed."""
    print("| page | statements | first | CPU | p50 | p99 | p50 HTTP | p99 HTTP | KB | KB gzip |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    others, above = [], []
    for page in pages:
        if page.status not in (OK, NOT_MODIFIED):
            others.append(f"{page.path} ({page.status})")
            continue
        print(page.row(), flush=True)
        if page.is_above:
            above.append(page.path)
    print(f"\nNo page: {', '.join(others) or 'none'}")
    print(
        f"Above {MOST_STATEMENTS} statements, {MOST_P50:.0f} ms (p50) or {MOST_P99:.0f} ms (p99) "
        f"in process: {', '.join(above) or 'none'}"
    )


def _p99(times: list[float]) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


if __name__ == "__main__":
    main()
