"""Signatures in bulk: recording alone, the bulk endpoint over HTTP, and the import of a file.

The yardstick is the database alone: the rows that `record` had put together, sent again with
nothing else, in one transaction. Every round asks all in turn, so that what else the machine does
falls on each; figures are medians of the rounds, shares medians of each round's own. Half of the
people answer the question for news, so that a signature is 3.5 rows. Processor time is that of the
process that records; PostgreSQL's own is not in it. `--quick` is a shorter run.
"""

import argparse
import csv
import gzip
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import event

from bench import servers
from core import garbage, logs
from core.settings import ROOT, Settings
from models import Scope
from services.assembly import Lobby, open_lobby, utc_now
from services.database import engine
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.organisations import organisations
from services.postcodes import ons_import
from services.signatures import recording
from services.signatures.recording import SignatureRequest
from tools.databases import postgres
from tools.processes import cpu_seconds

SLUG = invented_campaign.about().petition
SECRET = "the secret of a bench in which everybody is invented"
BULK = f"/v1/petitions/{SLUG}/signatures/bulk"
LARGEST = 5000
SIZES = (64, 1000, LARGEST)
PAPER = "paper, an invented stall"
# The command, which says in the end what it has used: seconds and kB.
COMMAND = """
import atexit, pathlib, sys, time
def tell():
    held = pathlib.Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    print(time.process_time(), held, file=sys.stderr)
atexit.register(tell)
from cli import main
main()
"""
Row = dict[str, Any]
Sent = list[tuple[str, Any]]


def main() -> None:
    """Print tables of Markdown."""
    told = _arguments()
    logs.configure(level="ERROR")
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        url = stack.enter_context(postgres(folder / "pg"))
        found = [_subject(stack, folder / kind, kind, address) for kind, address in _kinds(url)]
        garbage.calm()
        for subject in found:
            subject.serve(stack)
        for _ in range(told.rounds):
            for subject in found:
                subject.round(told.rows)
        for subject in found:
            subject.tell()
        for subject in found:
            print(f"\n{subject.name}, peak memory in MB: {subject.memory()}.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench_bulk", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=20_000, help="of the imported file")
    parser.add_argument("--quick", action="store_true")
    told = parser.parse_args()
    if told.quick:
        told.rounds, told.rows = 2, 6000
    return told


def _kinds(url: str) -> Iterator[tuple[str, str]]:
    yield "SQLite", ""
    yield "PostgreSQL", url


class Taken(NamedTuple):
    """Seconds by the clock and of the processor, a row."""

    clock: float
    cpu: float


@dataclass(slots=True)
class Subject:
    """One database, in this process, behind a server, and under the command."""

    name: str
    lobby: Lobby
    settings: dict[str, str]
    key: str
    port: int = 0
    pid: int = 0
    before: float = 0.0
    taken: dict[str, list[Taken]] = field(default_factory=lambda: defaultdict(list))
    import_memory: float = 0.0

    def serve(self, stack: ExitStack) -> None:
        """Begin to."""
        folder = self.lobby.settings.data_dir
        settings = {**self.settings, "worker": "off", "sync_members": "off"}
        serving = servers.serving("lobby", folder, fsync=0, **settings)
        self.port, self.pid = stack.enter_context(serving)
        self.before = _peak_mb(self.pid)

    def round(self, rows: int) -> None:
        """Each way once."""
        for size in SIZES:
            times = max(1, 2000 // size)
            for what, act in (("the database alone", self._alone), ("`record`", self._record)):
                taken = [act(size) for _ in range(times)]
                self._note(f"{what}, {size:,} at once", taken, times * size)
        for what, (headers, packed) in FORMS.items():
            taken = [self._post(headers, packed(_people(LARGEST)))]
            self._note(f"the endpoint, {what}", taken, LARGEST)
        start = self._import(0, [])
        self.taken["(the command without a row, in all)"].append(start)
        for what, options in {"": [], " --pending": ["--pending"]}.items():
            whole = self._import(rows, options)
            net = Taken(whole.clock - start.clock, whole.cpu - start.cpu)
            self._note(f"`lobby import signatures{what}`", [net], rows)

    def _note(self, what: str, taken: list[Taken], rows: int) -> None:
        clock, cpu = (sum(each) / rows for each in zip(*taken, strict=True))
        self.taken[what].append(Taken(clock, cpu))

    def tell(self) -> None:
        """A table; shares are of the database alone with the largest batch."""
        print(f"\n{self.name}:\n\n| what | rows a second | us a row | us of processor | share |")
        print("|---|---|---|---|---|")
        yardstick = self.taken[f"the database alone, {LARGEST:,} at once"]
        for what, taken in self.taken.items():
            clock, cpu = map(statistics.median, zip(*taken, strict=True))
            pairs = zip(yardstick, taken, strict=True)
            share = statistics.median(best.clock / each.clock for best, each in pairs)
            rate = f"{1 / clock:,.0f} | {clock * 1e6:.1f} | {cpu * 1e6:.1f}"
            print(f"| {what} | {rate} | {share:.2f} |", flush=True)

    def memory(self) -> str:
        """Of the server before and after all posts, and of an import."""
        after = _peak_mb(self.pid)
        served = f"server {self.before:.0f}, after the posts {after:.0f}"
        return f"{served}; import {self.import_memory:.0f}"

    def _record(self, size: int) -> Taken:
        requests = [_request(row) for row in _people(size)]
        begun, used = time.perf_counter(), time.process_time()
        with self.lobby.database.write() as session:
            self._into(session, requests)
        return Taken(time.perf_counter() - begun, time.process_time() - used)

    def _alone(self, size: int) -> Taken:
        """The rows of a batch that was put together and taken back."""
        sent = self._put_together([_request(row) for row in _people(size)])
        begun, used = time.perf_counter(), time.process_time()
        with self.lobby.database.connection() as connection:
            for text, values in sent:
                connection.exec_driver_sql(text, values)
        return Taken(time.perf_counter() - begun, time.process_time() - used)

    def _put_together(self, requests: list[SignatureRequest]) -> Sent:
        sent: Sent = []

        def note(_connection: Any, _cursor: Any, text: str, values: Any, *_others: Any) -> None:
            if text.startswith("INSERT"):
                sent.append((text, values))

        with self.lobby.database.write() as session:
            connection = session.connection()
            event.listen(connection, "before_cursor_execute", note)
            nested = session.begin_nested()
            self._into(session, requests)
            nested.rollback()
            event.remove(connection, "before_cursor_execute", note)
        return sent

    def _into(self, session: Any, requests: list[SignatureRequest]) -> None:
        lookup, keyring = self.lobby.postcodes.lookup, self.lobby.keyring
        told = recording.record(
            session, requests, postcodes=lookup, keyring=keyring, now=self.lobby.clock()
        )
        assert all(outcome.is_new for outcome in told)

    def _post(self, headers: dict[str, str], content: bytes) -> Taken:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        named = {"Authorization": f"Bearer {self.key}", "Accept-Encoding": "gzip", **headers}
        begun, used = time.perf_counter(), cpu_seconds(self.pid)
        connection.request("POST", BULK, content, named)
        answer = connection.getresponse()
        body = answer.read()
        taken = Taken(time.perf_counter() - begun, cpu_seconds(self.pid) - used)
        connection.close()
        assert json.loads(gzip.decompress(body))["accepted"] == LARGEST, answer.status
        return taken

    def _import(self, rows: int, options: list[str]) -> Taken:
        """The whole command, from its start."""
        file = self.lobby.settings.data_dir / "people.csv"
        _write(file, rows)
        command = [sys.executable, "-c", COMMAND, "import", "signatures", str(file)]
        command += ["--petition", SLUG, "--provenance", PAPER, *options]
        told = {f"LOBBY_{name.upper()}": value for name, value in self.settings.items()}
        told |= {"LOBBY_DATA_DIR": str(self.lobby.settings.data_dir)}
        begun = time.perf_counter()
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | told, capture_output=True, text=True, check=True
        )
        taken = time.perf_counter() - begun
        used, held = map(float, done.stderr.splitlines()[-1].split())
        self.import_memory = max(self.import_memory, held / 1024)
        return Taken(taken, used)


def _subject(stack: ExitStack, folder: Path, name: str, url: str) -> Subject:
    folder.mkdir(parents=True)
    settings = {"secret_key": SECRET} | ({"database_url": url} if url else {})
    lobby = open_lobby(Settings(data_dir=folder, **settings))  # type: ignore[arg-type] # texts for each
    stack.callback(lobby.close)
    ons_import.import_postcodes(invented_campaign.POSTCODES, lobby.settings.postcode_file)
    engine.migrate(lobby.database)
    with lobby.database.write() as session:
        lookup, keyring = lobby.postcodes.lookup, lobby.keyring
        invented_campaign.load(session, postcodes=lookup, keyring=keyring, now=utc_now())
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        key = api_keys.create(
            session, organisation=owner, scopes=[Scope.SIGNATURES_WRITE], now=utc_now()
        )
    if url:
        with lobby.database.connection() as connection:
            connection.execute(sa.text("ANALYZE"))
    return Subject(name, lobby, settings, key)


def _postcodes() -> list[str]:
    with invented_campaign.POSTCODES.open(encoding="utf-8", newline="") as stream:
        return [row["pcds"] for row in csv.DictReader(stream)]


POSTCODES = _postcodes()


def _people(count: int) -> list[Row]:
    """Everybody somebody else."""
    tag = uuid4().hex[:10]
    return [
        {
            "name": f"Anna Example {number}",
            "email": f"anna.{tag}.{number}@example.org",
            "postcode": POSTCODES[number % len(POSTCODES)],
            "consents": {"updates": True} if number % 2 else {},
        }
        for number in range(count)
    ]


def _request(row: Row) -> SignatureRequest:
    updates = row["consents"].get("updates")
    return SignatureRequest(SLUG, row["name"], row["email"], row["postcode"], updates=updates)


def _write(file: Path, rows: int) -> None:
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Name", "Email", "Postcode", "Updates"])
        for row in _people(rows):
            said = "yes" if row["consents"] else ""
            writer.writerow([row["name"], row["email"], row["postcode"], said])


def _array(rows: list[Row]) -> bytes:
    return json.dumps(rows).encode()


def _lines(rows: list[Row]) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def _gzip(rows: list[Row]) -> bytes:
    return gzip.compress(_lines(rows), 6)


_NDJSON = {"Content-Type": "application/x-ndjson"}
FORMS: dict[str, tuple[dict[str, str], Callable[[list[Row]], bytes]]] = {
    "JSON array": ({"Content-Type": "application/json"}, _array),
    "NDJSON": (_NDJSON, _lines),
    "NDJSON in gzip": (_NDJSON | {"Content-Encoding": "gzip"}, _gzip),
}


def _peak_mb(pid: int) -> float:
    """The most that a process has held so far (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
