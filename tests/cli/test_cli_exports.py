"""Tests `lobby export`."""

import json
import subprocess
from pathlib import Path

import pytest
from sqlmodel import col, select

from models import Signature, SignatureState
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.files.export_lines import FileFormat
from services.tallies import seat_table
from tests.support.cli import COMMAND, Cli
from tests.support.common import CAMPAIGN, PETITION
from tests.support.exports import (
    csv_rows,
    file_of,
    json_rows,
    letters_export,
    make_undecryptable,
    signatures_export,
    submit,
)

pytestmark = pytest.mark.slow


def names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_signatures_go_into_a_file_that_only_its_owner_reads(demo: Cli, tmp_path: Path) -> None:
    file = tmp_path / "signatures.csv"
    done = demo("export", "signatures", PETITION, file)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    with demo.lobby() as lobby:
        assert file.read_bytes() == file_of(lobby, signatures_export(lobby))
    assert done.stderr.strip().endswith(f"{invented_campaign.SIGNATURES} rows.")
    log_line = next(line for line in done.stderr.splitlines() if line.startswith("{"))
    entry = json.loads(log_line)
    assert (entry["by"], entry["petition"]) == ("command", PETITION)
    assert (entry["rows"], entry["whole"]) == (invented_campaign.SIGNATURES, True)
    assert "example.org" not in done.stderr


def test_standard_output_is_the_file_and_nothing_else(demo: Cli) -> None:
    wanted = ("--format", "jsonl", "--state", "confirmed", "--without-personal-data")
    done = demo("export", "signatures", PETITION, "-", *wanted, "--since", "2020-01-01T00:00")
    assert done.returncode == 0, done.stderr
    with demo.lobby() as lobby:
        export = signatures_export(lobby, state=SignatureState.CONFIRMED, is_personal=False)
        assert done.stdout.encode() == file_of(lobby, export, FileFormat.JSONL)
    done = demo("export", "signatures", PETITION, "-", "--since", "2120-01-01T00:00Z")
    assert csv_rows(done.stdout.encode()) == []


def test_pending_signatures_are_exported_only_on_request(demo: Cli, tmp_path: Path) -> None:
    with demo.lobby() as lobby:
        row_id = submit(lobby, "anna@example.org")
    file = tmp_path / "pending.csv"
    done = demo("export", "signatures", PETITION, file, "--state", "pending")
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().endswith("1 rows.")
    (row,) = csv_rows(file.read_bytes())
    assert (row["id"], row["state"]) == (str(row_id), "pending")
    assert row["email"] == "anna@example.org"
    done = demo("export", "signatures", PETITION, "-", "--without-personal-data")
    assert len(csv_rows(done.stdout.encode())) == invented_campaign.SIGNATURES


def test_letters_are_exported_with_their_words_only_on_request(demo: Cli) -> None:
    for options, has_words in (((), False), (("--bodies",), True)):
        done = demo("export", "letters", CAMPAIGN, "-", "--format", "jsonl", *options)
        assert done.returncode == 0, done.stderr
        with demo.lobby() as lobby:
            export = letters_export(lobby, has_words=has_words)
            assert done.stdout.encode() == file_of(lobby, export, FileFormat.JSONL)
    error = demo.refused("export", "letters", CAMPAIGN, "-", "--bodies", "--without-personal-data")
    assert error == "What a letter says is personal data: leave out one of the two."


def test_the_tally_is_exported_a_line_a_seat(demo: Cli, tmp_path: Path) -> None:
    file = tmp_path / "tally.csv"
    assert demo("export", "tally", CAMPAIGN, file).returncode == 0
    done = demo("export", "tally", CAMPAIGN, "-", "--format", "jsonl")
    lines, rows = json_rows(done.stdout.encode()), csv_rows(file.read_bytes())
    assert len(lines) == len(rows) == 14
    assert sum(int(row["signatures"]) for row in rows) == sum(line["signatures"] for line in lines)
    with demo.lobby() as lobby, lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        tally = seat_table.of_campaign(session, campaign, now=lobby.clock())
    assert [row["constituency_code"] for row in rows] == [
        row.constituency.code for row in tally.rows
    ]


def test_bad_input_is_told_in_a_sentence_and_leaves_no_file(demo: Cli, tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    before = names_in(tmp_path)
    for arguments, sentence in [
        (("signatures", "nothing", file), "There is no petition 'nothing'."),
        (("tally", "nothing", file), "There is no campaign 'nothing'."),
        (
            ("signatures", PETITION, file, "--since", "yesterday"),
            "'yesterday' is no time: write it as 2026-07-01T09:00 or 2026-07-01T08:00Z.",
        ),
        (("signatures", PETITION, "/dev/null"), "/dev/null is there, and is no file."),
        (
            ("signatures", PETITION, tmp_path / "none" / "out.csv"),
            f"There is no folder {tmp_path / 'none'}.",
        ),
    ]:
        assert demo.refused("export", *arguments) == sentence
    done = demo("export", "signatures", PETITION, file, "--state", "sent")
    assert done.returncode == 2
    assert "'sent'" in done.stderr
    assert names_in(tmp_path) == before


def test_a_file_that_cannot_be_finished_leaves_the_one_before_it(demo: Cli, tmp_path: Path) -> None:
    file = tmp_path / "signatures.csv"
    assert demo("export", "signatures", PETITION, file, "--without-personal-data").returncode == 0
    content, names = file.read_bytes(), names_in(tmp_path)
    with demo.lobby() as lobby:
        with lobby.database.read() as session:
            last = session.exec(select(Signature.id).order_by(col(Signature.id).desc())).first()
        make_undecryptable(lobby, last)
    done = demo("export", "signatures", PETITION, file)
    assert (done.returncode, done.stdout) == (1, "")
    error = done.stderr.splitlines()[-1]
    assert error == "Some personal data does not open: was it kept under another secret key?"
    assert "Traceback" not in done.stderr
    assert (file.read_bytes(), names_in(tmp_path)) == (content, names)
    assert demo("export", "signatures", PETITION, file, "--state", "pending").returncode == 0
    assert csv_rows(file.read_bytes()) == []


def test_a_reader_that_stops_early_is_no_disaster(demo: Cli) -> None:
    with subprocess.Popen(
        [COMMAND, "export", "signatures", PETITION, "-"],
        cwd=demo.folder,
        env=demo.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        errors = process.stderr.read()
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert '"whole":false' in errors


def test_exports_work_on_postgresql(on_postgres: Cli, tmp_path: Path) -> None:
    assert on_postgres("demo").returncode == 0
    file = tmp_path / "signatures.jsonl"
    done = on_postgres("export", "signatures", PETITION, file, "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    rows = json_rows(file.read_bytes())
    assert len(rows) == invented_campaign.SIGNATURES
    assert all("@example.org" in row["email"] for row in rows)
