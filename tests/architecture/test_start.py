"""Tests what a process imports before it serves: libraries that few calls need come later."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from core.settings import ROOT

RARE = (
    "alembic",
    "dkim",
    "dns",
    "flufl",
    "icalendar",
    "psycopg",
    "rapidfuzz",
    "redis",
    "segno",
    "zxcvbn",
)
LOADED = "import cli.serving, main, sys; print(*{name.partition('.')[0] for name in sys.modules})"


@pytest.mark.slow
def test_a_server_imports_no_library_that_few_calls_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {"fastapi", "main", "sqlalchemy"} <= loaded
    assert not loaded & set(RARE)


@pytest.mark.parametrize("name", RARE)
def test_these_libraries_exist(name: str) -> None:
    """A misspelt name would never be imported."""
    assert find_spec(name)
