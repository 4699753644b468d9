"""Signatures in bulk: recording alone, the bulk endpoint over HTTP, and the import of a file.

The baseline is the database alone: the same INSERT statements as `record` sends, in one
transaction. Every round measures all ways in turn, so that other load on the machine affects all of
them. Figures are medians of the rounds, shares are medians of the share in each round. A signature
is one row, a submission; an import that counts is 2 or 3 rows. Processor time is that of the
recording process, without PostgreSQL's. `--quick` is a shorter run.
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
from bench.intake.load import DOMAINS
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
# The command, which at its end prints its processor seconds and its peak memory in kB.
COMMAND = """
import atexit, pathlib, sys, time
def tell():
    peak = pathlib.Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
    print(time.process_time(), peak, file=sys.stderr)
atexit.register(tell)
from cli import main
main()
"""
Row = dict[str, Any]
Sent = list[tuple[str, Any]]


def main() -> None:
    """Prints Markdown tables."""
    arguments = _arguments()
    logs.configure(level="ERROR")
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        url = stack.enter_context(postgres(folder / "pg"))
        subjects = [_subject(stack, folder / kind, kind, address) for kind, address in _kinds(url)]
        garbage.calm()
        for subject in subjects:
            subject.serve(stack)
        for _ in range(arguments.rounds):
            for subject in subjects:
                subject.round(arguments.rows)
        for subject in subjects:
            subject.tell()
        for subject in subjects:
            print(f"\n{subject.name}, peak memory in MB: {subject.memory()}.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench_bulk", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=20_000, help="of the imported file")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.rows = 2, 6000
    return arguments


def _kinds(url: str) -> Iterator[tuple[str, str]]:
    yield "SQLite", ""
    yield "PostgreSQL", url


class Times(NamedTuple):
    """Seconds per row: wall clock, and processor time."""

    clock: float
    cpu: float


@dataclass(slots=True)
class Subject:
    """A database, used by this process, by a server and by the command."""

    name: str
    lobby: Lobby
    settings: dict[str, str]
    key: str
    port: int = 0
    pid: int = 0
    before: float = 0.0
    taken: dict[str, list[Times]] = field(default_factory=lambda: defaultdict(list))
    import_memory: float = 0.0

    def serve(self, stack: ExitStack) -> None:
        """Starts the server."""
        folder = self.lobby.settings.data_dir
        settings = {**self.settings, "worker": "off", "sync_members": "off"}
        serving = servers.serving("lobby", folder, settings)
        self.port, self.pid = stack.enter_context(serving)
        self.before = _peak_mb(self.pid)

    def round(self, rows: int) -> None:
        """Measures each way once."""
        for size in SIZES:
            times = max(1, 2000 // size)
            for way, act in (("the database alone", self._alone), ("`record`", self._record)):
                taken = [act(size) for _ in range(times)]
                self._note(f"{way}, {size:,} at once", taken, times * size)
        for way, (headers, packed) in FORMS.items():
            taken = [self._post(headers, packed(_people(LARGEST)))]
            self._note(f"the endpoint, {way}", taken, LARGEST)
        start = self._import(0, [])
        self.taken["(the command without a row, in all)"].append(start)
        for way, options in {"": [], " --pending": ["--pending"]}.items():
            whole = self._import(rows, options)
            net = Times(whole.clock - start.clock, whole.cpu - start.cpu)
            self._note(f"`lobby import signatures{way}`", [net], rows)

    def _note(self, way: str, taken: list[Times], rows: int) -> None:
        clock, cpu = (sum(values) / rows for values in zip(*taken, strict=True))
        self.taken[way].append(Times(clock, cpu))

    def tell(self) -> None:
        """Prints a table. Shares compare with the database alone, with the largest batch."""
        print(f"\n{self.name}:\n\n| what | rows a second | us a row | us of processor | share |")
        print("|---|---|---|---|---|")
        baseline = self.taken[f"the database alone, {LARGEST:,} at once"]
        for way, taken in self.taken.items():
            clock, cpu = map(statistics.median, zip(*taken, strict=True))
            pairs = zip(baseline, taken, strict=True)
            share = statistics.median(base.clock / times.clock for base, times in pairs)
            rate = f"{1 / clock:,.0f} | {clock * 1e6:.1f} | {cpu * 1e6:.1f}"
            print(f"| {way} | {rate} | {share:.2f} |", flush=True)

    def memory(self) -> str:
        """Returns the peak memory of the server before and after all requests, and of an import."""
        after = _peak_mb(self.pid)
        served = f"server {self.before:.0f}, after the posts {after:.0f}"
        return f"{served}; import {self.import_memory:.0f}"

    def _record(self, size: int) -> Times:
        requests = [_request(row) for row in _people(size)]
        started_at, used = time.perf_counter(), time.process_time()
        with self.lobby.database.write() as session:
            self._into(session, requests)
        return Times(time.perf_counter() - started_at, time.process_time() - used)

    def _alone(self, size: int) -> Times:
        """Sends only the statements of a batch that was recorded and rolled back."""
        sent = self._statements_of([_request(row) for row in _people(size)])
        started_at, used = time.perf_counter(), time.process_time()
        with self.lobby.database.connection() as connection:
            for text, values in sent:
                connection.exec_driver_sql(text, values)
        return Times(time.perf_counter() - started_at, time.process_time() - used)

    def _statements_of(self, requests: list[SignatureRequest]) -> Sent:
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
        outcomes = recording.record(
            session, requests, postcodes=lookup, keyring=keyring, now=self.lobby.clock()
        )
        assert all(outcome.is_new for outcome in outcomes)

    def _post(self, headers: dict[str, str], content: bytes) -> Times:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        named = {"Authorization": f"Bearer {self.key}", "Accept-Encoding": "gzip", **headers}
        started_at, used = time.perf_counter(), cpu_seconds(self.pid)
        connection.request("POST", BULK, content, named)
        answer = connection.getresponse()
        body = answer.read()
        taken = Times(time.perf_counter() - started_at, cpu_seconds(self.pid) - used)
        connection.close()
        assert json.loads(gzip.decompress(body))["accepted"] == LARGEST, answer.status
        return taken

    def _import(self, rows: int, options: list[str]) -> Times:
        """Runs the whole command; the time includes its start."""
        file = self.lobby.settings.data_dir / "people.csv"
        _write(file, rows)
        command = [sys.executable, "-c", COMMAND, "import", "signatures", str(file)]
        command += ["--petition", SLUG, "--provenance", PAPER, *options]
        variables = {f"LOBBY_{name.upper()}": value for name, value in self.settings.items()}
        variables |= {"LOBBY_DATA_DIR": str(self.lobby.settings.data_dir)}
        started_at = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=True,
        )
        taken = time.perf_counter() - started_at
        used, peak_kb = map(float, done.stderr.splitlines()[-1].split())
        self.import_memory = max(self.import_memory, peak_kb / 1024)
        return Times(taken, used)


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
    """Returns people with different email addresses."""
    tag = uuid4().hex[:10]
    return [
        {
            "name": f"Anna Example {number}",
            "email": f"anna.{tag}.{number}@{DOMAINS[number % len(DOMAINS)]}",
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
            updates = "yes" if row["consents"] else ""
            writer.writerow([row["name"], row["email"], row["postcode"], updates])


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
    """Returns the peak memory of a process in MB (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
