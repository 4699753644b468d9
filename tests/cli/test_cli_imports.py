"""Tests `lobby import`."""

import json
import re
import signal
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from services.demonstration import invented_campaign
from tests.support.cli import Cli, until
from tests.support.common import PETITION

pytestmark = pytest.mark.slow

PAPER = ("--petition", PETITION, "--provenance", "paper, Leeds stall, 3 May 2020")


def list_of_people(file: Path, count: int) -> Path:
    lines = [f"Anna Example,p{number}@example.org,EH1 1YZ" for number in range(count)]
    file.write_text("\n".join(["Name,Email,Postcode", *lines, ""]))
    return file


def has_more_signatures(before: int, writer: sqlite3.Connection) -> bool:
    """Returns whether there are more signatures. If so, the caller holds the write lock."""
    with suppress(sqlite3.OperationalError):  # the import is writing
        writer.execute("BEGIN IMMEDIATE")
        if writer.execute("SELECT count(*) FROM signature").fetchone()[0] > before:
            return True
        writer.rollback()
    return False


def test_seats_members_and_postcodes_are_imported(cli: Cli) -> None:
    folder = invented_campaign.FOLDER
    assert cli("import", "constituencies", folder / "constituencies.csv").stdout == (
        "14 constituencies.\n"
    )
    assert cli("import", "members", folder / "members.csv").stdout == (
        "14 seats: 13 filled, 1 vacant. Memberships begun: 13, ended: 0. "
        "Members without email: 0.\n"
    )
    done = cli("import", "postcodes", folder / "postcodes.csv")
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert re.search(r"^rows read +58$", done.stdout, re.MULTILINE)


def test_a_map_is_imported_and_kept_when_a_seat_is_added(demo: Cli, tmp_path: Path) -> None:
    seats = (invented_campaign.FOLDER / "constituencies.csv").read_text(encoding="utf-8")
    codes = [line.partition(",")[0] for line in seats.splitlines()[1:]]
    hexes = {code: {"q": number, "r": 0} for number, code in enumerate(codes)}
    file = tmp_path / "map.hexjson"
    file.write_text(json.dumps({"layout": "odd-q", "hexes": hexes}), encoding="utf-8")
    assert "--credit" in demo.refused("import", "map", file)
    done = demo("import", "map", file, "--credit", "Map: ours")
    assert (done.returncode, done.stdout, done.stderr) == (0, "14 tiles.\n", "")
    added = tmp_path / "constituencies.csv"
    row = seats.splitlines()[-1].replace(codes[-1], "E14009999")
    added.write_text(f"{seats}{row}\n", encoding="utf-8")
    done = demo("import", "constituencies", added)
    assert done.stdout == "15 constituencies.\n"
    assert done.stderr.strip() == (
        "1 seat has no tile on the imported map: import one with all seats."
    )
    assert "hexes has no tile for E14009999." in demo.refused(
        "import", "map", file, "--credit", "x"
    )


def test_a_file_that_is_not_there_is_named(cli: Cli, tmp_path: Path) -> None:
    sentence = f"There is no file {tmp_path}/nowhere.csv."
    assert cli.refused("import", "postcodes", tmp_path / "nowhere.csv") == sentence


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("postcodes", ""),
        ("members", " lacks the columns constituency_gss, elected, email, member_id, name, party."),
    ],
)
def test_a_bad_file_is_named_in_one_line_whatever_it_is_called(
    kind: str, complaint: str, cli: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "an odd [bold] name of some length [x].csv"
    file.write_text("one,two\n1,2\n", encoding="utf-8")
    assert f"{file}{complaint}" in cli.refused("import", kind, file)
    assert not (cli.data / "postcodes.bin").exists()


def test_an_import_that_fails_leaves_the_rows_of_before(demo: Cli, tmp_path: Path) -> None:
    before = demo.counts()
    file = tmp_path / "members.csv"
    rows = (invented_campaign.FOLDER / "members.csv").read_text(encoding="utf-8")
    file.write_text(rows.replace("900013", "many"), encoding="utf-8", newline="")
    assert demo.refused("import", "members", file) == (
        f"{file}, line 9: member_id 'many' is not a number."
    )
    assert demo.counts() == before


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
        (PAPER, None, "There is no file {file}."),
        (PAPER, "", "{file} is empty."),
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
    error = demo.refused("import", "signatures", file, *options)
    assert error.startswith(sentence.replace("{file}", str(file)))
    assert demo.counts() == before


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_an_import_that_is_stopped_half_way_is_ended_by_the_same_again(
    demo: Cli, tmp_path: Path, end: signal.Signals
) -> None:
    before = demo.counts()["signature"]
    file = list_of_people(tmp_path / "people.csv", 30_000)
    with demo.running("import", "signatures", str(file), *PAPER) as process:
        with demo.writing() as writer:
            until(lambda: has_more_signatures(before, writer), process, pause=0.001)
            process.send_signal(end)  # the import cannot go on: this test holds the write lock
        errors = process.communicate(timeout=30)[1]
    assert process.returncode == (130 if end is signal.SIGINT else -end)
    taken = demo.counts()["signature"] - before
    assert 0 < taken < 30_000
    assert taken % 2000 == 0, "a batch is written as a whole"
    assert ("Stopped behind" in errors) is (end is signal.SIGINT)
    assert "Interrupted" not in errors, "one explanation is enough"
    done = demo("import", "signatures", file, *PAPER)
    assert re.search(rf"^here already +{taken:,}$", done.stdout, re.MULTILINE), done.stdout
    assert demo.counts()["signature"] == before + 30_000
    assert demo("check", "--recount").returncode == 0
