"""Tests the line of a request in a process that logs as the service does."""

import json
import logging
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import REGISTRY

from core import logs, requests_seen
from core.settings import ROOT
from tools.forked_commands import Fork

Seen = tuple[str, str, int, float, str]
PARTS = ("method", "route", "status", "ms", "event", "request_id", "level", "timestamp")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
METHODS = ("GET", "POST", "ANNA-EXAMPLE", "get", "")
ROUTES = (
    "/v1/petitions/{slug}/signatures",
    "(none)",
    "/",
    "",
    'with "quotes"',
    "back\\slash",
    "line\nend\ttab\x00\x7f",
    "/é/\N{GREEN HEART}/\u2028",
)
IDS = ("0123456789abcdef", "from-the-proxy", "a.b_c-d" * 9)
# Some are half-way between two tenths of a millisecond.
SECONDS = (0.0, 1e-9, 0.00005, 0.00015, 0.00025, 0.0031, 0.99995, 1.0, 59.99999, 86_400.0)


def every_kind() -> list[Seen]:
    chance = random.Random(21)
    seconds = [*SECONDS, *(chance.expovariate(50) for _ in range(500))]
    return [
        (chance.choice(METHODS), chance.choice(ROUTES), 200 + n % 400, of, chance.choice(IDS))
        for n, of in enumerate(seconds)
    ]


def printed(main: Callable[[], object], folder: Path) -> list[str]:
    """Runs a function in a process of its own; returns what it wrote to standard error."""
    errors = folder / "errors"
    assert Fork(["log"], cwd=folder, env={}, err=errors, main=main).wait(30) == 0
    return errors.read_text().split("\n")[:-1]


def events(lines: list[str]) -> list[str]:
    entries: list[dict[str, Any]] = [json.loads(line) for line in lines if line.startswith("{")]
    return [entry.get("route", entry["event"]) for entry in entries]


def log_twice() -> None:
    for is_final in (False, True):
        logs.configure(is_final=is_final)
        for seen in every_kind():
            requests_seen.note(*seen)
    logs.finish()


def test_a_line_is_what_structlog_writes(tmp_path: Path) -> None:
    lines = printed(log_twice, tmp_path)
    count = len(every_kind())
    assert len(lines) == 2 * count
    for theirs, ours, seen in zip(lines[:count], lines[count:], every_kind(), strict=True):
        assert TIMESTAMP.sub("MOMENT", ours) == TIMESTAMP.sub("MOMENT", theirs), seen
        entry = json.loads(ours)
        assert tuple(entry) == PARTS
        assert TIMESTAMP.fullmatch(entry["timestamp"])
        assert (entry["route"], entry["status"], entry["request_id"]) == (*seen[1:3], seen[4])
        assert entry["method"] == (seen[0] if seen[0] in ("GET", "POST") else "(other)")
    moments = [json.loads(line)["timestamp"] for line in lines]
    assert moments == sorted(moments)


def log_several() -> None:
    logs.configure(is_final=True)
    log = structlog.get_logger()
    server = logging.getLogger("uvicorn.error")
    server.addHandler(logging.StreamHandler())
    requests_seen.note("GET", "/first", 200, 0.1, "request-1")
    log.warning("mail")
    requests_seen.note("GET", "/second", 500, 0.1, "request-2")
    server.error("Traceback")
    requests_seen.note("GET", "/third", 200, 0.1, "request-3")
    log.error("request_failed")
    log.debug("nobody reads this")
    requests_seen.note("GET", "/last", 200, 0.1, "request-4")
    logs.finish()


def test_other_entries_and_the_servers_own_come_behind_the_requests_before_them(
    tmp_path: Path,
) -> None:
    lines = printed(log_several, tmp_path)
    assert lines.pop(3) == "Traceback"
    assert events(lines) == ["/first", "mail", "/second", "/third", "request_failed", "/last"]


def log_warnings_alone() -> None:
    logs.configure(level="WARNING", is_final=True)
    requests_seen.note("GET", "/quiet", 200, 0.1, "request-1")
    structlog.get_logger().info("mail")
    structlog.get_logger().warning("relay_resting")
    labels = {"method": "GET", "route": "/quiet", "status": "200"}
    assert REGISTRY.get_sample_value("lobby_request_seconds_count", labels) == 1
    logs.finish()


def test_a_log_of_warnings_has_no_requests_and_metrics_have_them_still(tmp_path: Path) -> None:
    assert events(printed(log_warnings_alone, tmp_path)) == ["relay_resting"]


def test_nothing_is_lost_when_python_ends_or_a_program_ends_by_an_error() -> None:
    code = """
from core import logs, requests_seen
logs.configure(is_final=True)
for n in range(1000):
    requests_seen.note("GET", "/", 200, 0.1, f"request-{n}")
"""
    for end, status in (("", 0), ("raise SystemExit(3)", 3), ("raise RuntimeError", 1)):
        done = subprocess.run(
            [sys.executable, "-c", code + end],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == status
        ids = re.findall(r'"request_id":"(.*?)"', done.stderr)
        assert ids == [f"request-{n}" for n in range(1000)]


def log_without_a_reader() -> None:
    logs.configure(is_final=True)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(reading)
    os.close(writing)
    for n in range(1000):
        requests_seen.note("GET", "/", 200, 0.1, f"request-{n}")
    structlog.get_logger().warning("mail")
    logs.finish()
    labels = {"method": "GET", "route": "/", "status": "200"}
    assert REGISTRY.get_sample_value("lobby_request_seconds_count", labels) == 1000
    os.close(2)
    structlog.get_logger().warning("mail")
    requests_seen.note("GET", "/", 200, 0.1, "request-1001")
    logs.finish()


def test_standard_error_may_lose_its_reader_and_be_closed(tmp_path: Path) -> None:
    assert printed(log_without_a_reader, tmp_path) == []
