"""Tests the help of the `lobby` command, its examples, its completion and its start."""

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from cli import app
from cli.lazy import LazyCommand, commands
from core.settings import ROOT
from services.database.secret_keys import WRONG
from tests.support import our_files
from tests.support.cli import COMMAND, Cli

ALL = dict(commands(typer.main.get_command(app)))
ENDS_OF_A_COMMAND = {"|", "<", ">"}  # in a shell
DOCUMENT = (ROOT / "docs/operators/commands.md").read_text("utf-8")


def help_of(path: tuple[str, ...], *, width: int = 80) -> str:
    result = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": str(width)})
    assert result.exit_code == 0, result.output
    return result.stdout


def examples_in(text: str) -> list[list[str]]:
    """Returns the words of each example, up to a pipe or a redirection."""
    block = re.sub(r"\\ *\n", " ", text.partition("Examples:")[2])
    lines = [" ".join(line.split()) for line in block.splitlines() if line.strip()]
    return [list(words_of(line)) for line in lines]


def words_of(line: str) -> Iterator[str]:
    for word in shlex.split(line):
        if word in ENDS_OF_A_COMMAND:
            return
        yield word


def parse(words: list[str]) -> tuple[str, ...]:
    """Parses a command line without running it; returns the path of its command."""
    command: Any = typer.main.get_command(app)
    path: list[str] = []
    parent, arguments = None, words[1:]
    while True:
        context = command.make_context(command.name, arguments, parent=parent)
        if not hasattr(context.command, "commands"):
            return tuple(path)
        rest = [*context._protected_args, *context.args]
        name, command, arguments = context.command.resolve_command(context, rest)
        parent = context
        path.append(name)


@pytest.mark.parametrize("path", list(ALL), ids=" ".join)
def test_every_command_explains_itself_with_examples_that_fit_a_terminal(
    path: tuple[str, ...],
) -> None:
    text = help_of(path)
    assert "Usage: " in text
    assert max(map(len, text.splitlines())) <= 80
    given = examples_in(text)
    assert given, "no examples"
    assert all(words[0] == "lobby" for words in given), "an example is wrapped"


@pytest.mark.parametrize("path", list(ALL), ids=" ".join)
def test_every_example_parses_as_the_command_that_it_is_an_example_of(
    path: tuple[str, ...],
) -> None:
    for words in examples_in(help_of(path)):
        if "--help" not in words:
            assert parse(words)[: len(path)] == path, words


def test_an_example_with_a_wrong_option_would_be_found() -> None:
    assert parse(["lobby", "check", "--recount"]) == ("check",)
    for wrong in (["check", "--count"], ["key", "create"], ["sync", "motions", "many"], ["checks"]):
        with pytest.raises(Exception, match=r"No such|Missing|valid integer"):
            parse(["lobby", *wrong])


def test_the_list_of_commands_says_what_the_commands_say() -> None:
    root: Any = typer.main.get_command(app)
    for name, command in root.commands.items():
        assert isinstance(command, LazyCommand)
        first = re.split(r"(?<=\.)\s", ALL[(name,)].help)[0]
        assert command.help == first, name


def test_the_command_alone_shows_the_help_and_ends_well() -> None:
    alone = CliRunner().invoke(app, [], env={"COLUMNS": "80"})
    assert alone.exit_code == 0
    assert alone.stdout == help_of(())


def test_the_document_lists_every_command() -> None:
    listed = re.findall(r"^\| `lobby ([a-z -]+)` \|", DOCUMENT, re.MULTILINE)
    assert listed == [" ".join(path) for path in ALL if path and not hasattr(ALL[path], "commands")]


def codes_in_use() -> Iterator[str]:
    """Yields the codes that the checks give to their findings."""
    for file in our_files.modules("services"):
        if "/operations/" not in our_files.name_of(file):
            continue
        for node in ast.walk(our_files.tree_of(file)):
            if isinstance(node, ast.keyword) and node.arg == "code":
                yield from constants_in(node.value)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "_hint":
                yield from constants_in(node.args[0])
            if isinstance(node, ast.Tuple):  # code and text
                yield from constants_in(node.elts[0])


def constants_in(node: ast.expr) -> Iterator[str]:
    is_code = isinstance(node, ast.Constant) and re.fullmatch(r"[a-z]+(_[a-z]+)+", str(node.value))
    if isinstance(node, ast.Constant) and is_code:
        yield str(node.value)


def test_the_document_lists_every_code_of_a_finding() -> None:
    listed = re.findall(r"^\| `([a-z_]+)` \|", DOCUMENT, re.MULTILINE)
    assert sorted(listed) == sorted(set(codes_in_use()) - {"schema_not_at_head"} | {WRONG})


def test_every_finding_has_a_code() -> None:
    calls = [
        (our_files.name_of(file), node.lineno)
        for file in our_files.modules("services")
        if "Finding(" in file.read_text("utf-8")  # to look at each call takes seconds
        for node in ast.walk(our_files.tree_of(file))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "Finding"
        and "code" not in {keyword.arg for keyword in node.keywords}
    ]
    assert calls == []


MODULES_AT_START = """
import sys
from cli import main
try:
    main()
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (["--help"], {}),
        (["--version"], {}),
        ([], {"_LOBBY_COMPLETE": "complete_bash", "COMP_WORDS": "lobby org", "COMP_CWORD": "1"}),
    ],
    ids=["help", "version", "completion"],
)
def test_the_start_waits_for_no_service(arguments: list[str], settings: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MODULES_AT_START, *arguments],
        env={"PATH": os.environ["PATH"], "_TYPER_COMPLETE": "", **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    modules = set(done.stderr.split())
    assert "cli.lazy" in modules
    assert not modules & {"services", "models", "sqlalchemy", "pydantic", "worker", "uvicorn"}


def completed(cli: Cli, shell: str, line: str) -> list[str]:
    """Returns what a shell would offer at the end of a line."""
    done = cli(
        _LOBBY_COMPLETE=f"complete_{shell}",
        LOBBY_BASE_URL="nonsense",
        COMP_WORDS=line,
        COMP_CWORD=str(line.count(" ")),
        _TYPER_COMPLETE_ARGS=line,
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.slow
def test_a_shell_completes_commands_and_options_without_settings_and_files(cli: Cli) -> None:
    assert completed(cli, "bash", "lobby org") == ["organisation", "organiser"]
    offered = completed(cli, "bash", "lobby organiser ")
    assert offered == ["create", "list", "remove", "password", "role", "reset-two-step"]
    assert {"--recount", "--json"} <= set(completed(cli, "bash", "lobby check --"))
    assert "organiser\tPeople who run campaigns." in completed(cli, "fish", "lobby org")
    assert '"organiser":"People who run campaigns."' in "\n".join(
        completed(cli, "zsh", "lobby org")
    )
    assert not cli.data.exists()


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_completion_script_for_each_shell(cli: Cli, shell: str) -> None:
    script = cli("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert script.returncode == 0, script.stderr
    assert f"complete_{shell}" in script.stdout
    assert "_LOBBY_COMPLETE" in script.stdout


@pytest.mark.slow
def test_bash_completes_with_the_script_that_it_is_shown(cli: Cli) -> None:
    program = """
    eval "$(lobby --show-completion bash)"
    COMP_WORDS=(lobby organiser pass) COMP_CWORD=2
    _lobby_completion lobby
    echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", program],
        env=cli.environment
        | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
        | {"PATH": f"{COMMAND.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("password\n", "")


@pytest.mark.slow
def test_help_has_no_colours_where_nobody_wants_them(cli: Cli) -> None:
    for settings in ({}, {"FORCE_COLOR": "1", "NO_COLOR": "1"}):
        done = cli("check", "--help", COLUMNS="60", **settings)
        assert done.returncode == 0
        assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", done.stdout)
        assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).splitlines())) <= 60
