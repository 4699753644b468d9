"""Tests that a command in a fork, as the tests run it, does what it does in a new process."""

import subprocess
from pathlib import Path

import pytest

from tests.support.cli import COMMAND, Cli
from tools import forked_commands


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("organisation", "list"),
        ("organisation", "create", "Räume", "--slug", "Not a slug"),
        ("no-such-command",),
        ("check",),
    ],
)
def test_a_fork_prints_and_ends_as_a_new_process_does(
    demo: Cli, arguments: tuple[str, ...]
) -> None:
    in_fork = demo(*arguments)
    in_process = subprocess.run(
        [COMMAND, *arguments],
        cwd=demo.folder,
        stdin=subprocess.DEVNULL,
        env=demo.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert in_fork.returncode == in_process.returncode
    assert in_fork.stdout == in_process.stdout
    assert in_fork.stderr == in_process.stderr


def test_a_fork_that_takes_too_long_is_killed(cli: Cli) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        forked_commands.run([COMMAND, "demo"], cwd=Path("/"), env=cli.environment, timeout=0.01)
