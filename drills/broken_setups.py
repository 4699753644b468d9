"""Breaks the set-up of an installation in twelve ways, and shows what `lobby check` says of each.

`python -m drills.broken_setups` prints a Markdown table. Each set-up is a copy of the demonstration
in a folder of its own, and the command runs in a process of its own, as an operator would run it.
A set-up is missed if the command ends with another status than it should, or does not name what
is wrong.
"""

import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from core.settings import ROOT
from drills.errors import DrillFailed
from tools import forked_commands, smtp_sink
from tools.forked_commands import Done

HEAD = ("what is wrong", "status", "found", "what `lobby check` says")
_Break = Callable[[Path], None]


def _nothing(_folder: Path) -> None: ...


@dataclass(frozen=True, slots=True)
class Setup:
    """One thing that is wrong, and words that the command must say of it.

    `is_trouble` is False if the command only gives a hint, with status 0.
    """

    name: str
    words: str
    do: _Break = _nothing
    settings: dict[str, str] = field(default_factory=dict)
    is_trouble: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """What the command said. Without the lines that it says of a good set-up too."""

    setup: Setup
    status: int
    said: list[str]

    @property
    def is_found(self) -> bool:
        """Whether the command named what is wrong, in sentences, with the right status."""
        text = " ".join(self.said)
        is_plain = "Traceback" not in text
        return is_plain and self.setup.words in text and self.status == int(self.setup.is_trouble)


def _sql(*statements: str) -> _Break:
    def change(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "lobby.db")) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    return change


SETUPS = (
    Setup(
        "another secret key",
        "is not the secret key of this database",
        settings={"LOBBY_SECRET_KEY": "another secret key with more than 32 characters"},
    ),
    Setup(
        "the file of the secret key is lost",
        "has no secret key",
        lambda folder: (folder / "secret_key").unlink(),
    ),
    Setup(
        "a setting is misspelt",
        "did you mean LOBBY_SMTP_URL?",
        settings={"LOBBY_SMTP_UR": "smtps://relay.example.org"},
    ),
    Setup(
        "the mail server has no TLS",
        "No TLS with the mail server",
        settings={"LOBBY_SMTP_URL": "smtp://somebody:password@{relay}"},
    ),
    Setup(
        "there is no postcode directory",
        "Run `lobby import postcodes`",
        lambda folder: (folder / "postcodes.bin").unlink(),
    ),
    Setup(
        "the schema is of another version",
        "The database is at version 9999",
        _sql("UPDATE alembic_version SET version_num = '9999'"),
    ),
    Setup(
        "everybody on the machine can read the database",
        "can be used by others (mode 644)",
        lambda folder: (folder / "lobby.db").chmod(0o644),
    ),
    Setup(
        "Redis is away",
        "does not answer",
        settings={"LOBBY_RATE_LIMIT_URL": "redis://127.0.0.1:1/0"},
    ),
    Setup(
        "no worker has run for a day",
        "is a worker running?",
        _sql(
            "UPDATE outbox_message SET due_at = datetime(due_at, '-1 day') WHERE kind <> 'letter'"
        ),
    ),
    Setup(
        "a tally was changed by hand",
        "its seats sum up to",
        _sql("UPDATE petition_tally SET confirmed = confirmed + 5"),
    ),
    Setup(
        "the public address is not encrypted",
        "which is not encrypted",
        settings={"LOBBY_BASE_URL": "http://lobby.example.org"},
        is_trouble=False,
    ),
    Setup(
        "bounces go to a folder that is none",
        "is no Maildir that we may change",
        settings={
            "LOBBY_BOUNCE_ADDRESS": "bounces@lobby.example.org",
            "LOBBY_BOUNCE_FOLDER": "{folder}/bounces",
        },
    ),
)


def run() -> Iterator[Result]:
    """Yields what the command says of each set-up."""
    with tempfile.TemporaryDirectory(prefix="broken-") as name, ExitStack() as stack:
        # The sink speaks no TLS.
        relay = stack.enter_context(smtp_sink.running(Path(name) / "mails", "--calm"))
        good = Path(name) / "good"
        if (done := _lobby(good, {}, "demo")).returncode:
            raise DrillFailed(done.stderr)
        usual = set(_lines(_lobby(good, {}, "check")))
        for number, setup in enumerate(SETUPS):
            folder = Path(name) / f"setup-{number}"
            shutil.copytree(good, folder)
            setup.do(folder)
            place = {"folder": folder, "relay": relay.removeprefix("smtp://")}
            settings = {key: value.format(**place) for key, value in setup.settings.items()}
            check = _lobby(folder, settings, "check")
            said = [line for line in _lines(check) if line not in usual]
            yield Result(setup, check.returncode, said)


def _lobby(folder: Path, settings: dict[str, str], command: str) -> Done:
    others = {name: value for name, value in os.environ.items() if not name.startswith("LOBBY_")}
    environment = others | {"LOBBY_DATA_DIR": str(folder)} | settings
    return forked_commands.run(["lobby", command], cwd=ROOT, env=environment, timeout=120)


def _lines(done: Done) -> list[str]:
    return [line.strip() for line in done.stderr.splitlines() if line.strip()]


def main() -> None:
    """Exits with status 1 if a set-up was missed."""
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", flush=True)
    are_found = []
    for result in run():
        are_found.append(result.is_found)
        cells = (
            result.setup.name,
            str(result.status),
            "yes" if result.is_found else "**no**",
            "<br>".join(result.said),
        )
        print(f"| {' | '.join(cells)} |", flush=True)
    sys.exit(0 if all(are_found) else 1)


if __name__ == "__main__":
    main()
