"""Tests that bad input to any command is refused in one sentence that names the whole path."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from cli import refusals
from services.demonstration import invented_campaign
from tests.support.cli import COMMAND, OF_IT, Cli, until
from tests.support.common import CAMPAIGN, PETITION, SECRET
from tools import forked_commands

pytestmark = pytest.mark.slow

PAPER = ("--petition", PETITION, "--provenance", "paper")
READERS: dict[str, tuple[str, ...]] = {
    "postcodes": ("import", "postcodes"),
    "constituencies": ("import", "constituencies"),
    "members": ("import", "members"),
    "signatures": ("import", "signatures", *PAPER),
    "logs": ("mail", "settle"),
    "motions": ("sync", "motions", "--file"),
}


def refused_in(folder: Path, cli: Cli, *arguments: str) -> str:
    """Runs a command in a folder, and returns the one line that it prints as the reason."""
    done = forked_commands.run([COMMAND, *arguments], cwd=folder, env=cli.environment, timeout=60)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert "Errno" not in line
    assert line.endswith((".", "?"))
    return line


@pytest.mark.parametrize("reader", list(READERS))
def test_a_file_that_is_missing_or_a_folder_or_binary_is_named_with_its_whole_path(
    reader: str, demo: Cli, tmp_path: Path
) -> None:
    before = demo.counts()
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(bytes(range(128, 256)) * 100)
    names = ["missing", "folder"] + ["binary"] * (reader != "logs")  # any line may be in a log
    for name in names:
        arguments = list(READERS[reader])
        arguments.insert(len(arguments) if reader in ("logs", "motions") else 2, name)
        assert f"{tmp_path}/{name}" in refused_in(tmp_path, demo, *arguments), name
    assert demo.counts() == before


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("reader", list(READERS))
def test_a_file_that_may_not_be_read_is_named(reader: str, demo: Cli, tmp_path: Path) -> None:
    (tmp_path / "closed").write_text("x")
    (tmp_path / "closed").chmod(0)
    arguments = list(READERS[reader])
    arguments.insert(len(arguments) if reader in ("logs", "motions") else 2, "closed")
    error = refused_in(tmp_path, demo, *arguments)
    assert f"{tmp_path}/closed" in error
    assert "ermission denied" in error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (FileNotFoundError(2, "No such file or directory", "/a/b"), "There is no /a/b."),
        (FileExistsError(17, "File exists", "/a/b"), "/a/b exists already."),
        (IsADirectoryError(21, "Is a directory", b"/a/b"), "/a/b is a folder, not a file."),
        (PermissionError(13, "Permission denied", "/a"), "/a cannot be used: permission denied."),
        (NotADirectoryError(20, "Not a directory", "/a/b"), "Not a directory: /a/b."),
        (OSError(28, "No space left on device", "/{path}"), "No space left on device: /{path}."),
        (OSError(28, "No space left on device"), "No space left on device."),
        (OSError("a text"), "a text."),
    ],
)
def test_an_error_of_the_system_becomes_a_sentence(error: OSError, sentence: str) -> None:
    assert refusals.of_file(error) == sentence


def test_a_relative_path_becomes_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusals.of_file(FileNotFoundError(2, "", "x.csv")) == f"There is no {tmp_path}/x.csv."


def test_an_output_that_cannot_be_written_is_named_with_its_whole_path(
    demo: Cli, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "mine.csv").write_text("Name,Email,Postcode\n")
    export = ("export", "signatures", PETITION)
    assert refused_in(tmp_path, demo, *export, "folder") == (
        f"{tmp_path}/folder is there, and is no file."
    )
    assert refused_in(tmp_path, demo, *export, "none/out.csv") == (
        f"There is no folder {tmp_path}/none."
    )
    done = demo("import", "signatures", tmp_path / "mine.csv", *PAPER, "--report", ".")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"{demo.folder} exists already."


SENTENCES: dict[str, tuple[tuple[str, ...], str]] = {
    "campaign": (("export", "tally", "nothing", "-"), "There is no campaign 'nothing'."),
    "petition": (("export", "signatures", "nothing", "-"), "There is no petition 'nothing'."),
    "organisation": (
        ("organiser", "list", "--organisation", "no"),
        "There is no organisation 'no'.",
    ),
    "email": (
        ("organiser", "remove", "nonsense", "--yes"),
        "Enter an email address in the correct format, like name@example.com",
    ),
    "scope": (("key", "create", *OF_IT, "--scope", "all"), "Unknown scope all; known: "),
    "key": (("key", "revoke", "none"), "There is no key 'none'."),
    "log": (("mail", "settle", "-", "--complete-since", "2026-07-01T09:00"), "Give both "),
    "address": (("mail", "revive", "nobody@example.org"), "Mail to this address is not left out."),
}


@pytest.mark.parametrize("case", list(SENTENCES))
def test_a_name_of_nothing_is_told_in_a_sentence(case: str, demo: Cli) -> None:
    before = demo.counts()
    arguments, sentence = SENTENCES[case]
    assert demo.refused(*arguments).startswith(sentence)
    assert demo.counts() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("campaign", "list"),
        ("organiser", "list", *OF_IT),
        ("export", "tally", CAMPAIGN, "-"),
        ("import", "members", str(invented_campaign.FOLDER / "members.csv")),
        ("check",),
        ("worker",),
    ],
    ids=" ".join,
)
def test_a_database_of_a_newer_version_is_told(demo: Cli, arguments: tuple[str, ...]) -> None:
    demo.sql("UPDATE alembic_version SET version_num = '9999'")
    assert demo.refused(*arguments).startswith("The database is at version 9999, this program")


@pytest.mark.parametrize(
    "arguments", [("campaign", "list"), ("organiser", "list", *OF_IT), ("demo",)], ids=" ".join
)
def test_no_database_and_a_file_that_is_none_are_told(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    url = "postgresql://127.0.0.1:1/lobby"
    error = cli.refused(*arguments, LOBBY_DATABASE_URL=url, LOBBY_SECRET_KEY=SECRET)
    assert error.startswith("The database refused: ")
    cli.data.mkdir()
    cli.database.write_text("not a database, but long enough to be taken for one" * 100)
    error = cli.refused(*arguments, LOBBY_SECRET_KEY=SECRET)
    assert "file is not a database" in error


def test_an_interrupted_command_says_so_in_one_line(demo: Cli, tmp_path: Path) -> None:
    pipe = tmp_path / "log"
    os.mkfifo(pipe)
    with demo.running("mail", "settle", str(pipe)) as process:
        with pipe.open("w") as writer:  # opens when the command reads
            until(lambda: process.poll() is None, process)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 130
        assert process.stderr.read().strip() == "Interrupted."
        assert writer.closed


@pytest.mark.parametrize(
    "arguments",
    [("export", "signatures", PETITION, "-"), ("campaign", "list"), ("--help",), ("check",)],
    ids=" ".join,
)
def test_a_pipe_that_is_closed_ends_a_command_without_a_traceback(
    demo: Cli, arguments: tuple[str, ...]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [COMMAND, *arguments],
        env=demo.environment,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
