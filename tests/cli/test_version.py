"""Tests that the command and the changelog agree with the version in `pyproject.toml`."""

import re
import tomllib

import pytest

from core.settings import ROOT
from core.version import version
from tests.support.cli import Cli


def declared() -> str:
    """Returns the version in `pyproject.toml`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return str(project["version"])


@pytest.mark.slow
def test_the_command_tells_the_version_and_makes_no_files(cli: Cli) -> None:
    done = cli("--version", LOBBY_BASE_URL="nonsense")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Central Lobby {declared()}\n"
    assert not cli.data.exists()


@pytest.mark.slow
def test_the_version_is_told_even_before_a_command(cli: Cli) -> None:
    assert cli("--version", "serve").stdout == f"Central Lobby {declared()}\n"


def test_code_that_is_not_installed_has_an_unknown_version() -> None:
    assert version("central-lobby-that-nobody-installed") == "unknown"


def test_the_newest_version_of_the_changelog_is_the_declared_one() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", changelog, re.MULTILINE)
    assert versions[0] == declared()
    assert versions == sorted(
        versions, reverse=True, key=lambda text: [int(part) for part in text.split(".")]
    )
