"""Tests that the bench of the desk's pages runs, and finds a value for every page."""

import subprocess
import sys

import pytest

from core.settings import ROOT
from tests.web.matrix.lines import READS


@pytest.mark.slow
def test_the_bench_of_the_desk_reads_every_page() -> None:
    command = [sys.executable, "-m", "bench.bench_desk", "--short"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    table, _, rest = done.stdout.partition("No page: ")
    pages = [row.split("|")[1].strip(" `") for row in table.splitlines() if row.startswith("| `")]
    others = [each.split(" (")[0] for each in rest.splitlines()[0].split(", ")]
    pages.remove("/organiser/campaigns/{slug}/pulse (304)")
    paths = {line.route.removeprefix("GET ") for _, line in READS}
    assert {*pages, *others} == paths
    # Former addresses lead to those of today, and a seat with an MP leads to the MP.
    assert all(path.endswith(("/post", "/answers")) or "/seats/" in path for path in others)
