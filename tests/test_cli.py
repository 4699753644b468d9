"""The `lobby` command, as an operator runs it: a process of its own over a data folder."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
import typer.main
from sqlmodel import select
from support import PETITION, SECRET
from typer.testing import CliRunner

from lobby.cli import app
from lobby.models import Member, Scope
from lobby.services import api_keys, dead_addresses, demonstration, organisations
from lobby.services.lobby import Lobby, open_lobby
from lobby.settings import Settings

COMMAND = Path(sys.executable).with_name("lobby")
ORGANISATION = demonstration.about().organisation
KEY = re.compile(r"lobby_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n")
Done = subprocess.CompletedProcess[str]


@dataclass
class Cli:
    """The command over one data folder, with settings of its own and nobody else's."""

    data: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
        return kept | {"LOBBY_DATA_DIR": str(self.data)} | self.settings

    def __call__(self, *arguments: str | Path, **settings: str) -> Done:
        return subprocess.run(
            [COMMAND, *arguments],
            env=self.environment | settings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def refused(self, *arguments: str | Path, **settings: str) -> str:
        """The sentence with which a command refuses."""
        done = self(*arguments, **settings)
        assert done.returncode == 1, done
        assert done.stdout == ""
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        return lines[0]

    @contextmanager
    def running(self, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
        """A command that runs until it is told to stop."""
        # In the background a shell has its programs, and theirs, ignore interrupts.
        heeded = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(
            [COMMAND, *arguments], env=self.environment, stderr=subprocess.PIPE, text=True
        )
        signal.signal(signal.SIGINT, heeded)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    @property
    def database(self) -> Path:
        return self.data / "lobby.db"

    def sql(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            return connection.execute(statement).fetchall()

    def counts(self) -> dict[str, int]:
        """Rows of every table."""
        names = [name for (name,) in self.sql("SELECT name FROM sqlite_master WHERE type='table'")]
        return {name: self.sql(f'SELECT count(*) FROM "{name}"')[0][0] for name in names}

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection that waits for nobody."""
        with closing(sqlite3.connect(self.database, timeout=0)) as connection:
            connection.isolation_level = None
            yield connection

    @contextmanager
    def lobby(self) -> Iterator[Lobby]:
        """The same data, in this process."""
        lobby = open_lobby(Settings(data_dir=self.data))
        yield lobby
        lobby.close()


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command over a folder that does not exist yet."""
    return Cli(tmp_path / "data")


@pytest.fixture(scope="module")
def demonstration_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demonstration") / "data"
    done = Cli(folder)("demo")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def demo(demonstration_folder: Path, cli: Cli) -> Cli:
    """The command over a copy of the demonstration."""
    shutil.copytree(demonstration_folder, cli.data)
    return cli


def until(
    condition: Callable[[], bool], process: "subprocess.Popen[str]", *, pause: float = 0.02
) -> None:
    """Wait for something that a running command is about to do."""
    end = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it did not happen"
        time.sleep(pause)


# ---- help


def commands() -> Iterator[list[str]]:
    def walk(command: Any, path: list[str]) -> Iterator[list[str]]:
        yield path
        for name, part in getattr(command, "commands", {}).items():
            yield from walk(part, [*path, name])

    return walk(typer.main.get_command(app), [])


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_explains_itself(path: list[str]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert "Usage: " in result.stdout


def test_help_needs_no_settings_and_makes_no_files(cli: Cli) -> None:
    done = cli("key", "create", "--help", LOBBY_BASE_URL="nonsense")
    assert (done.returncode, done.stderr) == (0, "")
    assert "campaigns:write" in done.stdout
    assert not cli.data.exists()


# ---- the demonstration


def test_the_demonstration_tells_what_to_open_and_loads_once(demo: Cli) -> None:
    before, secret = demo.counts(), (demo.data / "secret_key").read_text()
    done = demo("demo", LOBBY_BASE_URL="http://127.0.0.1:8123")
    assert (done.returncode, done.stderr) == (0, "")
    for told in ("127.0.0.1:8123/campaigns/", demonstration.ORGANISER, demonstration.PASSWORD):
        assert told in done.stdout
    assert demo.counts() == before
    assert (demo.data / "secret_key").read_text() == secret
    assert before["signature"] == demonstration.SIGNATURES


def test_the_check_finds_no_trouble_in_the_demonstration(demo: Cli) -> None:
    done = demo("check")
    assert (done.returncode, done.stdout) == (0, "No trouble found.\n")
    assert "Tallies were not recounted: --recount" in done.stderr


def test_a_recount_finds_no_trouble_in_the_demonstration_and_says_what_it_counts(demo: Cli) -> None:
    done = demo("check", "--recount")
    assert (done.returncode, done.stdout) == (0, "No trouble found.\n")
    assert "Counting the signatures" in done.stderr
    assert "Counting the letters" in done.stderr
    assert "not recounted" not in done.stderr


def test_the_check_finds_a_tally_that_is_not_the_count(demo: Cli) -> None:
    demo.sql(
        "UPDATE petition_tally SET confirmed = confirmed + 1 WHERE constituency_code = 'S14000078'"
    )
    done = demo("check")
    assert (done.returncode, done.stdout) == (1, "")
    assert "its seats sum up to" in done.stderr
    done = demo("check", "--recount")
    assert (done.returncode, done.stdout) == (1, "")
    assert "S14000078: the tally says" in done.stderr


def test_a_recount_finds_what_the_check_says_that_it_does_not_look_at(demo: Cli) -> None:
    demo.sql("UPDATE signature SET state = 'withdrawn' WHERE constituency_code = 'S14000078'")
    done = demo("check")
    assert done.returncode == 0
    assert "Tallies were not recounted: --recount" in done.stderr
    done = demo("check", "--recount")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the signatures 0" in done.stderr


def test_the_check_misses_the_postcodes(cli: Cli) -> None:
    done = cli("check")
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no postcode directory" in done.stderr
    assert "Run `lobby import postcodes`." in done.stderr


# ---- organisations, partners, organisers, keys


def test_an_organisation_gets_its_partner_its_organiser_and_a_key(cli: Cli) -> None:
    def said(*arguments: str) -> str:
        done = cli(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert said("organisation", "create", "Our Union", "--slug", "our-union") == "our-union\n"
    of_it = ("--organisation", "our-union")
    assert said("partner", "create", "A Paper", *of_it, "--slug", "a-paper") == "a-paper\n"
    password = said("organiser", "create", "boss@example.org", *of_it)
    key = said("key", "create", *of_it, "--partner", "a-paper", "--scope", "signatures:write")
    assert KEY.fullmatch(key), "the key, alone"

    with cli.lobby() as lobby, lobby.database.read() as session:
        caller = api_keys.caller_of(session, key.strip(), now=lobby.clock())
        assert caller.scopes == {Scope.SIGNATURES_WRITE}
        assert caller.partner_id is not None
        organiser = organisations.sign_in(
            session, lobby.keyring, email="boss@example.org", password=password.strip()
        )
        assert organiser.organisation_id == caller.organisation_id
    raw = cli.database.read_bytes()
    assert key.strip().rpartition("_")[2].encode() not in raw
    assert b"boss@example.org" not in raw


def test_a_key_has_a_name_an_end_and_petitions_and_is_followed_by_another(demo: Cli) -> None:
    made = (*("key", "create", *OF_IT), *("--scope", "signatures:read", "--name", "our site"))
    first = demo(*made, "--expires", "2099-12-31", "--petition", PETITION)
    assert (first.returncode, first.stderr) == (0, "")
    second = demo(*made).stdout
    assert demo.refused(*made).startswith("There are 2 live keys named 'our site' already")
    digits = first.stdout.split("_")[1]
    rows = [line.split("\t") for line in demo("key", "list", *OF_IT).stdout.splitlines()]
    assert [row[1:6] for row in rows] == [
        ["live", "our site", "", "signatures:read", PETITION],
        ["live", "our site", "", "signatures:read", ""],
    ]
    assert rows[0][0] == digits
    assert rows[0][7] == "2100-01-01T00:00Z", "the end of that day in London"
    revoked = demo("key", "revoke", digits)
    assert (revoked.returncode, revoked.stdout) == (0, "")
    assert KEY.fullmatch(demo(*made).stdout)
    listed = demo("key", "list", *OF_IT)
    assert [line.split("\t")[1] for line in listed.stdout.splitlines()] == [
        "revoked",
        "live",
        "live",
    ]
    for key in (first.stdout, second):
        assert key.strip().rpartition("_")[2] not in listed.stdout


def test_a_partner_is_changed_and_listed(demo: Cli) -> None:
    origins = ("--origin", "https://paper.example.org", "--origin", "http://localhost:3000")
    made = demo("partner", "create", "A Paper", *OF_IT, "--slug", "a-paper", *origins)
    assert (made.returncode, made.stdout) == (0, "a-paper\n")
    changed = ("--name", "The Paper", "--website", "https://paper.example.org/about", "--public")
    assert demo("partner", "change", "a-paper", *OF_IT, *changed).returncode == 0
    told = demo("partner", "list", *OF_IT).stdout
    assert told == (
        "a-paper\tThe Paper\thttps://paper.example.org/about\t"
        "https://paper.example.org http://localhost:3000\tpublic\n"
    )
    assert demo("partner", "change", "a-paper", *OF_IT, "--not-public").returncode == 0
    assert "public" not in demo("partner", "list", *OF_IT).stdout
    assert demo("partner", "change", "a-paper", *OF_IT, "--no-origins").returncode == 0
    assert "localhost" not in demo("partner", "list", *OF_IT).stdout


OF_IT = ("--organisation", ORGANISATION)
REFUSALS: dict[str, tuple[tuple[str, ...], str]] = {
    "a slug that is taken": (
        ("organisation", "create", "Again", "--slug", ORGANISATION),
        f"There is an organisation '{ORGANISATION}' already.",
    ),
    "an organisation that is not there": (
        ("partner", "create", "A Paper", "--organisation", "nobody", "--slug", "a-paper"),
        "There is no organisation 'nobody'.",
    ),
    "an organiser who is there": (
        ("organiser", "create", demonstration.ORGANISER, *OF_IT),
        f"There is an organiser {demonstration.ORGANISER} already.",
    ),
    "a scope that is unknown": (
        ("key", "create", *OF_IT, "--scope", "tallies:read", "--scope", "everything"),
        f"Unknown scope everything; known: {', '.join(Scope)}.",
    ),
    "a day that is past": (
        ("key", "create", *OF_IT, "--scope", "tallies:read", "--expires", "2020-01-01"),
        "This is in the past.",
    ),
    "a day that no calendar follows": (
        ("key", "create", *OF_IT, "--scope", "tallies:read", "--expires", "9999-12-31"),
        "No calendar has the day after.",
    ),
    "a key that is not there": (("key", "revoke", "0" * 12), f"There is no key '{'0' * 12}'."),
    "a partner that is not there": (
        ("partner", "change", "nobody", *OF_IT, "--name", "Somebody"),
        "There is no partner 'nobody'.",
    ),
    "a site that is no origin": (
        ("partner", "create", "A Paper", *OF_IT, "--slug", "a-paper", "--origin", "*"),
        "allowed_origins.0: '*' is no origin: name each site: a wildcard would let in sites of "
        "others.",
    ),
}


@pytest.mark.parametrize("case", list(REFUSALS))
def test_what_is_refused_is_told_in_a_sentence(case: str, demo: Cli) -> None:
    before = demo.counts()
    arguments, sentence = REFUSALS[case]
    assert demo.refused(*arguments) == sentence
    assert demo.counts() == before


# ---- imports


def test_seats_members_and_postcodes_are_imported(cli: Cli) -> None:
    folder = demonstration.FOLDER
    assert cli("import", "constituencies", folder / "constituencies.csv").stdout == (
        "14 constituencies.\n"
    )
    assert cli("import", "members", folder / "members.csv").stdout == (
        "14 seats: 13 filled, 1 vacant. Memberships begun: 13, ended: 0. "
        "Members without e-mail: 0.\n"
    )
    done = cli("import", "postcodes", folder / "postcodes.csv")
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert re.search(r"^rows read +58$", done.stdout, re.MULTILINE)


def test_a_file_that_is_not_there_is_named(cli: Cli, tmp_path: Path) -> None:
    assert "nowhere.csv" in cli.refused("import", "postcodes", tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        ("postcodes", ""),
        ("members", " lacks the columns constituency_gss, elected, email, member_id, name, party."),
    ],
)
def test_a_bad_file_is_named_in_one_line_whatever_it_is_called(
    what: str, complaint: str, cli: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "an odd [bold] name of some length [x].csv"
    file.write_text("one,two\n1,2\n", encoding="utf-8")
    assert file.name + complaint in cli.refused("import", what, file)
    assert not (cli.data / "postcodes.bin").exists()


def test_an_import_that_fails_leaves_the_rows_of_before(demo: Cli, tmp_path: Path) -> None:
    before = demo.counts()
    file = tmp_path / "members.csv"
    rows = (demonstration.FOLDER / "members.csv").read_text(encoding="utf-8")
    file.write_text(rows.replace("900013", "many"), encoding="utf-8", newline="")
    assert demo.refused("import", "members", file) == (
        "members.csv, line 9: member_id 'many' is not a number."
    )
    assert demo.counts() == before


PAPER = ("--petition", PETITION, "--provenance", "paper, Leeds stall, 3 May 2020")


def list_of_people(file: Path, count: int) -> Path:
    lines = [f"Anna Example,p{number}@example.org,EH1 1YZ" for number in range(count)]
    file.write_text("\n".join(["Name,Email,Postcode", *lines, ""]))
    return file


def test_signatures_are_imported_and_the_status_tells_of_rejected_rows(
    demo: Cli, tmp_path: Path
) -> None:
    file = list_of_people(tmp_path / "people.csv", 3)
    done = demo("import", "signatures", file, *PAPER)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^recorded as confirmed +3$", done.stdout, re.MULTILINE)
    file.write_text(file.read_text() + "Ben,nonsense,M1 1AE\n")
    done = demo("import", "signatures", file, *PAPER)
    assert done.returncode == 3, done.stderr
    assert re.search(r"^here already +3$", done.stdout, re.MULTILINE)
    assert re.search(r"^rejected +1$", done.stdout, re.MULTILINE)
    assert "p1@example.org" not in done.stdout + done.stderr
    assert demo("check", "--recount").returncode == 0


@pytest.mark.parametrize(
    ("options", "content", "sentence"),
    [
        (PAPER, None, "There is no file people.csv."),
        (PAPER, "", "people.csv is empty."),
        (PAPER, "a,b\n1,2\n", "No column for name, email, postcode. The columns are: a, b. "),
        (("--petition", "x", *PAPER[2:]), "Name,Email,Postcode\n", "There is no petition 'x'."),
    ],
)
def test_a_list_that_cannot_be_imported_is_refused_in_a_sentence(
    options: tuple[str, ...], content: str | None, sentence: str, demo: Cli, tmp_path: Path
) -> None:
    before = demo.counts()
    file = tmp_path / "people.csv"
    if content is not None:
        file.write_text(content)
    assert demo.refused("import", "signatures", file, *options).startswith(sentence)
    assert demo.counts() == before


def _holds_more_than(before: int, writer: sqlite3.Connection) -> bool:
    """Whether there are more signatures; then with the lock of who writes."""
    with suppress(sqlite3.OperationalError):  # the import is writing
        writer.execute("BEGIN IMMEDIATE")
        if writer.execute("SELECT count(*) FROM signature").fetchone()[0] > before:
            return True
        writer.rollback()
    return False


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_an_import_that_is_stopped_half_way_is_ended_by_the_same_again(
    demo: Cli, tmp_path: Path, end: signal.Signals
) -> None:
    before = demo.counts()["signature"]
    file = list_of_people(tmp_path / "people.csv", 30_000)
    with demo.running("import", "signatures", str(file), *PAPER) as process:
        with demo.writing() as writer:
            until(lambda: _holds_more_than(before, writer), process, pause=0.001)
            process.send_signal(end)  # it cannot go on: the writer's lock is ours
        told = process.communicate(timeout=30)[1]
    assert process.returncode != 0
    taken = demo.counts()["signature"] - before
    assert 0 < taken < 30_000
    assert taken % 2000 == 0, "a batch is written as a whole"
    assert ("Stopped behind" in told) is (end is signal.SIGINT)
    done = demo("import", "signatures", file, *PAPER)
    assert re.search(rf"^here already +{taken:,}$", done.stdout, re.MULTILINE), done.stdout
    assert demo.counts()["signature"] == before + 30_000
    assert demo("check", "--recount").returncode == 0


# ---- migrations


def test_the_schema_goes_down_to_nothing_and_up_again(demo: Cli) -> None:
    assert demo("migrate", "base").returncode == 0
    assert demo.counts() == {"alembic_version": 0}
    assert demo("migrate").returncode == 0
    assert set(demo.counts().values()) == {0, 1}, "a version, and nothing else"


def test_a_version_that_does_not_exist_is_refused(demo: Cli) -> None:
    before = demo.counts()
    assert "9999" in demo.refused("migrate", "9999")
    assert demo.counts() == before


def test_a_database_of_another_version_is_not_worked_on(demo: Cli) -> None:
    demo.sql("UPDATE alembic_version SET version_num = '0000'")
    sentence = demo.refused("check")
    assert "run `lobby migrate`" in sentence


# ---- backup and restore


@pytest.fixture(scope="module")
def copy(demonstration_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the demonstration."""
    file = tmp_path_factory.mktemp("backup") / "copy.db"
    done = Cli(demonstration_folder)("backup", file)
    assert (done.returncode, done.stdout) == (0, "")
    assert str(file) in done.stderr
    return file


def test_a_backup_is_whole_private_and_can_be_put_back(demo: Cli, copy: Path) -> None:
    before = demo.counts()
    assert copy.stat().st_mode & 0o777 == 0o600
    demo.sql("DELETE FROM signature")
    assert demo("restore", copy).returncode == 0
    assert demo.counts() == before
    assert copy.exists()


def test_a_backup_never_writes_over_a_file(demo: Cli, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("precious")
    assert demo.refused("backup", file) == "copy.db exists already."
    assert file.read_text() == "precious"


@pytest.mark.parametrize("content", [b"not a database " * 99, None], ids=["text", "other"])
def test_what_is_no_backup_is_not_put_back(
    content: bytes | None, demo: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "copy.db"
    if content is None:  # a database, but somebody else's
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("CREATE TABLE something (id INTEGER)")
    else:
        file.write_bytes(content)
    before, files = demo.counts(), sorted(demo.data.iterdir())
    assert demo.refused("restore", file) == "copy.db is not a whole copy of a lobby's database."
    assert demo.counts() == before
    assert sorted(demo.data.iterdir()) == files


def test_a_damaged_database_can_be_replaced_by_its_backup(demo: Cli, copy: Path) -> None:
    before = demo.counts()
    demo.database.write_bytes(b"nothing of use" * 1000)
    assert demo("restore", copy).returncode == 0
    assert demo.counts() == before


def test_a_restore_makes_a_database_where_there_is_none(cli: Cli, copy: Path) -> None:
    assert cli("restore", copy).returncode == 0
    assert cli.counts()["signature"] == demonstration.SIGNATURES


# ---- running


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_a_backup_is_made_beside_a_server_and_a_restore_is_not(demo: Cli, tmp_path: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/livez"

    def answers() -> bool:
        try:
            return httpx2.get(address).status_code == 200
        except httpx2.ConnectError:
            return False

    file = tmp_path / "copy.db"
    with demo.running("serve", "--port", str(port)) as server:
        until(answers, server)
        assert demo("backup", file).returncode == 0
        assert demo.refused("restore", file) == "The database is in use: stop the server first."
        assert not list(demo.data.glob("*.part"))
        assert answers()
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) in (0, -signal.SIGTERM)


def test_the_worker_delivers_what_is_due_and_stops_when_told(demo: Cli) -> None:
    mails = demo.data / "mail"
    with demo.running("worker") as worker:
        until(lambda: any(mails.glob("*.eml")), worker)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0
        assert worker.stderr is not None
        assert "Traceback" not in worker.stderr.read()


def test_dead_addresses_are_listed_without_supporters_and_lifted(demo: Cli) -> None:
    morag = "morag.ferncastle@example.org"
    with demo.lobby() as lobby, lobby.database.write() as session:
        member = session.exec(select(Member).where(Member.email == morag)).one()
        for email, member_id in ((morag, member.id), ("anna@example.org", None)):
            index, now = dead_addresses.index_of(email, lobby.keyring), lobby.clock()
            dead_addresses.note(session, index, member_id=member_id, detail="550 5.1.1", now=now)
    done = demo("mail", "dead")
    assert done.stdout.split("\t")[1::2] == ["Morag Ferncastle", "550 5.1.1\n"]
    assert done.stderr.strip() == "Members: 1. Supporters: 1."
    assert "anna" not in done.stdout + done.stderr
    for email in ("ANNA@example.org", "nobody@example.org"):
        assert demo.refused("mail", "revive", email) == "Mail to this address is not left out."
    for email in ("anna@EXAMPLE.org", morag):
        assert demo("mail", "revive", email).returncode == 0
    done = demo("mail", "dead")
    assert (done.stdout, done.stderr.strip()) == ("", "Members: 0. Supporters: 0.")


# ---- settings


def test_the_secret_that_is_made_is_the_operators_alone(demo: Cli) -> None:
    file = demo.data / "secret_key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().strip()) >= 32


def test_every_setting_that_is_wrong_is_named(cli: Cli) -> None:
    wrong = {
        "LOBBY_SECRET_KEY": "too short, but not to be shown",
        "LOBBY_BASE_URL": "lobby.example.org",
        "LOBBY_MOTIONS_API_URL": "http://[parliament",
        "LOBBY_SMTP_URL": "smtp://user:password@relay:post",
        "LOBBY_WORKER": "sometimes",
        "LOBBY_BOUNCE_ADDRESS": "bounces+tag@lobby.example.org",
    }
    done = cli("check", **wrong)
    assert (done.returncode, done.stdout) == (1, "")
    told = done.stderr.splitlines()
    assert sorted(line.partition(":")[0] for line in told) == sorted(wrong)
    assert "not to be shown" not in done.stderr
    assert "password" not in done.stderr
    assert not cli.data.exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"LOBBY_DATABASE_URL": "postgresql://localhost/lobby"},
            "LOBBY_SECRET_KEY is required with PostgreSQL",
        ),
        (
            {"LOBBY_DATABASE_URL": "mysql://localhost/lobby"},
            "LOBBY_DATABASE_URL must start with sqlite:/// or postgresql://",
        ),
        (
            {"LOBBY_BOUNCE_FOLDER": "/srv/returned"},
            "LOBBY_BOUNCE_FOLDER needs LOBBY_BOUNCE_ADDRESS",
        ),
        (
            {"LOBBY_SMTP_URL": "pigeon://loft"},
            "LOBBY_SMTP_URL must be smtp://, smtps:// or file:FOLDER.",
        ),
    ],
    ids=["no secret", "database", "bounces", "post"],
)
def test_a_setting_that_does_not_fit_is_named(
    cli: Cli, settings: dict[str, str], sentence: str
) -> None:
    assert cli.refused("check", **settings) == sentence
    assert not cli.database.exists()


def test_a_data_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    assert "Not a directory" in Cli(file / "data").refused("check")


# ---- PostgreSQL


@pytest.fixture
def on_postgres(postgres: str, tmp_path: Path) -> Cli:
    """The command over an empty PostgreSQL database."""
    name = f"cli_{uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = postgres.replace("/postgres?", f"/{name}?")
    return Cli(tmp_path / "data", {"LOBBY_DATABASE_URL": url, "LOBBY_SECRET_KEY": SECRET})


def test_the_command_works_on_postgresql(on_postgres: Cli, tmp_path: Path) -> None:
    done = on_postgres("demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert on_postgres("check").stdout == "No trouble found.\n"
    assert KEY.fullmatch(on_postgres("key", "create", *OF_IT, "--scope", "tallies:read").stdout)
    assert "pg_dump" in on_postgres.refused("backup", tmp_path / "copy.db")
    assert not (on_postgres.data / "secret_key").exists()
    assert not (on_postgres.data / "lobby.db").exists()


def test_a_postgresql_that_does_not_answer_is_told(cli: Cli) -> None:
    url = f"postgresql://127.0.0.1:{free_port()}/lobby"
    told = cli.refused("check", LOBBY_DATABASE_URL=url, LOBBY_SECRET_KEY=SECRET)
    assert told.startswith("The database refused: ")
