"""Short forms of the bench of the intake: that it measures what it says."""

import json
import socketserver
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.settings import ROOT

OURS = {"api", "core", "models", "services", "web", "worker", "main", "tools"}
IMPORTS = "import sys, importlib; importlib.import_module(sys.argv[1]); print(*sys.modules)"


def test_the_empty_app_has_nothing_of_the_service() -> None:
    assert _packages(_modules("bench.empty_app")) & OURS == set()


@pytest.mark.slow
def test_the_empty_endpoint_has_no_more_of_the_service_than_its_models() -> None:
    whole, models = _modules("bench.empty_endpoint"), _modules("api.schemas.signature")
    assert "api.schemas.signature" in whole
    assert _packages(whole - models) & OURS == set()


@pytest.mark.slow
def test_the_load_sends_each_request_once_when_all_connections_have_had_an_answer(
    tmp_path: Path,
) -> None:
    paths = [f"/{number}" for number in range(50)]
    file = _written(tmp_path / "requests", paths)
    with _answering() as (port, asked):
        result = _loaded(port, "4", str(file))
    assert Counter(asked) == Counter([*paths, *["/livez"] * 4])
    assert asked[:4] == ["/livez"] * 4
    assert (result["answers"], result["statuses"]) == (50, {"200": 50})
    assert result["client_cpu"] > 0


@pytest.mark.slow
def test_the_load_ends_after_its_seconds_and_with_the_requests_beside_it(tmp_path: Path) -> None:
    many = str(_written(tmp_path / "requests", ["/"] * 100_000))
    beside = str(_written(tmp_path / "beside", ["/beside"] * 3))
    with _answering() as (port, asked):
        timed = _loaded(port, "2", many, "--seconds", "0.1")
        aside = _loaded(port, "2", many, "--beside", beside)
    assert 0 < timed["answers"] < 100_000
    assert 0 < aside["answers"] < 100_000
    assert (len(aside["beside"]), asked.count("/beside")) == (3, 3)


@pytest.mark.slow
def test_an_earlier_version_runs_its_own_code(tmp_path: Path) -> None:
    """The version in the folder only says that it was started, and fails."""
    for module in ("bench/servers.py", "bench/__init__.py", "cli/__init__.py"):
        (tmp_path / module).parent.mkdir(exist_ok=True)
        (tmp_path / module).touch()
    said = "import pathlib, sys\npathlib.Path('started').write_text(sys.argv[1])\nsys.exit(3)\n"
    (tmp_path / "cli" / "__init__.py").write_text(f"def main():\n    exec({said!r})\n")
    done = _bench("--before", str(tmp_path), "--only", "signing")
    assert (tmp_path / "started").read_text() == "demo"
    assert "returned non-zero exit status 3" in done.stderr


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    done = _bench("--before", str(tmp_path))
    assert done.returncode == 2
    assert f"{tmp_path} is not a checkout of Central Lobby" in done.stderr


@pytest.mark.slow
def test_a_table_has_the_earlier_version_beside_this_one() -> None:
    tables = _tables("--before", str(ROOT), "--only", "confirming")
    servers = ["SQLite before", "SQLite", "PostgreSQL before", "PostgreSQL"]
    assert {title: list(rows) for title, rows in tables.items()} == {
        "Confirming, 64 at once; E takes signatures": ["E", *servers],
        "33 confirmations, one after another, while 64 sign": servers,
    }
    assert tables["Confirming, 64 at once; E takes signatures"]["E"][1] == "1.00"


def _modules(name: str) -> set[str]:
    command = [sys.executable, "-c", IMPORTS, name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def _packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def _written(file: Path, paths: list[str]) -> Path:
    requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in paths]
    file.write_bytes(b"".join(struct.pack(">I", len(request)) + request for request in requests))
    return file


def _loaded(port: int, *arguments: str) -> Any:
    command = [sys.executable, "-m", "bench.http_load", str(port), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


@contextmanager
def _answering() -> Iterator[tuple[int, list[str]]]:
    """Answers every request; yields its port and the paths that it was asked for, in order."""
    asked: list[str] = []

    class Connection(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                if line.startswith(b"GET "):
                    asked.append(line.split()[1].decode())
                elif line == b"\r\n":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], asked
        server.shutdown()
        thread.join()


def _bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.bench_intake", "--short", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


def _tables(*arguments: str) -> dict[str, dict[str, list[str]]]:
    """Returns the cells of each row by its name, by the title of the table."""
    done = _bench(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    tables: dict[str, dict[str, list[str]]] = {}
    for line in done.stdout.splitlines():
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.endswith(":"):
            rows = tables[line.rstrip(":")] = {}
        elif cells and name != "server" and not name.startswith("---"):
            rows[name] = cells
    return tables
