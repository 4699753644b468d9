"""Tests that CONTRIBUTING.md, the commit hooks and the workflow agree with the Makefile."""

import re

import pytest

from core.settings import ROOT

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
COMMANDS = re.findall(r"^([a-z]+):.*## ", MAKEFILE, re.MULTILINE)


def steps_of(command: str) -> list[str]:
    """Returns the lines that a command of the Makefile runs."""
    recipe = re.search(rf"^{command}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe is not None
    lines = recipe[1].splitlines()
    return [line.strip().lstrip("@").replace("$(BIN)", ".venv/bin") for line in lines]


@pytest.mark.parametrize("command", COMMANDS)
def test_contributors_are_told_of_every_command(command: str) -> None:
    assert f"\n| `make {command}` |" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_a_commit_is_checked_by_what_make_check_runs() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.findall(r"^ +entry: (.+)$", hooks, re.MULTILINE) == steps_of("check")
    assert re.findall(r"repo: (\S+)", hooks) == ["local"]


def test_a_pull_request_is_checked_and_tested_on_every_python() -> None:
    assert re.findall(r"run: (make \w+)$", WORKFLOW, re.MULTILINE) == ["make check", "make test"]
    versions = re.search(r"python: \[(.+)\]", WORKFLOW)
    assert versions is not None
    assert versions[1] == '"3.11", "3.12", "3.13", "3.14"'
    assert 'requires-python = ">=3.11"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_the_workflow_may_only_read_and_names_major_versions_of_actions() -> None:
    permissions = re.findall(r"^ *permissions:\n((?: +.+\n)+)", WORKFLOW, re.MULTILINE)
    assert permissions == ["  contents: read\n"]
    used = re.findall(r"uses: (\S+)", WORKFLOW)
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w./-]+@v\d+", action)] == []
