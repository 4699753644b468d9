"""Tests exports of pending signatures: submissions, in the format of all signatures."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from models import Keyring, Signature, SignatureState
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.errors import Unavailable
from services.files import exports
from services.files.csv_writing import csv_text
from services.files.export_lines import FileFormat
from services.signatures import pending_exports, signature_states
from services.signatures.recording import ImportOrigin
from tests.support.common import Clock
from tests.support.database.query_plans import sent_statements
from tests.support.exports import (
    csv_rows,
    file_of,
    json_rows,
    log_of_exports,
    make_unreadable,
    parts_of,
    petition_of,
    sign,
    signatures_export,
    submit,
)
from tests.support.partners import PAPER, RADIO, add_partner
from tests.support.signatures import confirm

STRANGE = 'She said "no",\nand then:\n\n  {"a": 1}; ÿ 😀 \\ %s'
WRONG = Keyring(["another secret that is as long as it has to be"])
PENDING = SignatureState.PENDING
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "everything": {"comment": STRANGE, "source": 'a "source", here', "locale": "cy"},
    "formulas": {"comment": "=1+1", "source": "-2", "name": "Anna"},
    "abroad": {"country": "FR", "postcode": ""},
    "partner": {"partner": PAPER, "partner_contact": True},
}


def pending_file(lobby: Lobby, form: FileFormat = FileFormat.CSV, **options: Any) -> bytes:
    return file_of(lobby, signatures_export(lobby, state=PENDING, **options), form)


def ids_in(content: bytes) -> list[UUID]:
    return [UUID(row["id"]) for row in csv_rows(content)]


def row_of_before(lobby: Lobby, email: str, **values: Any) -> UUID:
    """Adds a pending signature as they were stored before there were submissions."""
    confirmed = sign(lobby, email, **values)
    with lobby.database.write() as session:
        signature = session.get_one(Signature, confirmed.id)
        signature.state, signature.confirmed_at = PENDING, None
    return confirmed.id


# ---- what is in the file


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("is_personal", [True, False])
@pytest.mark.parametrize("form", FileFormat)
def test_a_submission_has_the_line_that_a_pending_signature_had(
    lobby: Lobby, form: FileFormat, is_personal: bool, case: str
) -> None:
    add_partner(lobby)
    before = row_of_before(lobby, "anna@example.org", **CASES[case])
    now = submit(lobby, "emma@example.org", **CASES[case])
    content = pending_file(lobby, form, is_personal=is_personal).decode()
    header = csv_text(signatures_export(lobby, is_personal=is_personal).names, ())
    if form is FileFormat.CSV:
        assert content.startswith(header)
        content = content.removeprefix(header)
    lines = content.split(f"{form.end}{form.begin}", 1) if form.begin else halves(content)
    assert len(lines) == 2
    first = lines[0].removeprefix(form.begin).removesuffix(form.end)
    second = lines[1].removeprefix(form.begin).removesuffix(form.end)
    assert first.startswith((str(before), f'"id":"{before}"'))
    assert first.replace(str(before), str(now)).replace("anna@", "emma@") == second


def halves(content: str) -> list[str]:
    """Divides two lines of equal length: a comment can have line ends of its own."""
    return [content[: len(content) // 2], content[len(content) // 2 :]]


def test_an_import_that_waits_says_where_it_was_signed(lobby: Lobby) -> None:
    origin = ImportOrigin("paper, Leeds", is_confirmed=False)
    submit(lobby, "anna@example.org", imported=origin)
    (row,) = json_rows(pending_file(lobby, FileFormat.JSONL))
    assert row["provenance"] == "paper, Leeds"


def test_submissions_are_in_a_file_of_pending_signatures_alone(lobby: Lobby) -> None:
    row_id = submit(lobby, "anna@example.org")
    sign(lobby, "ben@example.org")
    for state in (None, *SignatureState):
        export = signatures_export(lobby, state=state, is_personal=False)
        assert (row_id in ids_in(file_of(lobby, export))) is (state is PENDING)
        with lobby.database.read() as session:
            rows = exports.count(session, export)
        assert rows == len(csv_rows(file_of(lobby, export)))
    confirm(lobby, row_id)
    assert ids_in(pending_file(lobby)) == []
    whole = file_of(lobby, signatures_export(lobby))
    assert len(ids_in(whole)) == invented_campaign.SIGNATURES + 2


def test_rows_from_before_come_first(lobby: Lobby) -> None:
    ids = [row_of_before(lobby, "anna@example.org"), submit(lobby, "ben@example.org")]
    for is_personal in (True, False):
        assert ids_in(pending_file(lobby, is_personal=is_personal)) == ids


def test_since_a_time_is_what_was_received_then_or_later(lobby: Lobby, clock: Clock) -> None:
    submit(lobby, "early@example.org")
    clock.advance(days=1)
    late = submit(lobby, "late@example.org")
    for since, expected in ((clock.now, [late]), (clock.now + timedelta(seconds=1), [])):
        export = signatures_export(lobby, state=PENDING, since=since)
        assert ids_in(file_of(lobby, export)) == expected
        with lobby.database.read() as session:
            assert exports.count(session, export) == len(expected)


def test_news_is_what_may_be_sent_now_and_not_what_waits_for_its_confirmation(
    lobby: Lobby,
) -> None:
    known = submit(lobby, "known@example.org", updates=True)
    confirm(lobby, known)
    with lobby.database.write() as session:
        signature_states.withdraw(session, known, now=lobby.clock())
    submit(lobby, "known@example.org", updates=False)
    submit(lobby, "unknown@example.org", updates=True)
    rows = csv_rows(pending_file(lobby))
    assert {row["email"]: row["updates"] for row in rows} == {
        "known@example.org": "yes",
        "unknown@example.org": "",
    }


def test_a_partner_is_named_also_where_its_key_alone_says_so(lobby: Lobby) -> None:
    paper, radio = add_partner(lobby), add_partner(lobby, RADIO)
    submit(lobby, "a@example.org", partner_id=paper.id)
    submit(lobby, "b@example.org", partner_id=radio.id)
    submit(lobby, "c@example.org", partner=RADIO)
    submit(lobby, "d@example.org")
    rows = csv_rows(pending_file(lobby))
    assert [row["partner"] for row in rows] == [PAPER, RADIO, RADIO, ""]
    assert [row["partner_contact"] for row in rows] == ["no", "no", "no", ""]


def test_a_partners_file_has_nothing_that_is_pending(lobby: Lobby) -> None:
    partner = add_partner(lobby)
    submit(lobby, "anna@example.org", partner=PAPER, partner_contact=True)
    for state in (None, PENDING):
        export = signatures_export(lobby, state=state, partner_id=partner.id)
        assert csv_rows(file_of(lobby, export)) == []


# ---- page by page


@pytest.mark.parametrize("is_personal", [True, False])
@pytest.mark.parametrize("form", FileFormat)
def test_pages_of_any_size_make_the_same_file(
    lobby: Lobby, form: FileFormat, is_personal: bool
) -> None:
    for number in range(3):
        row_of_before(lobby, f"b{number}@example.org")
    for number in range(7):
        submit(lobby, f"a{number}@example.org")
    export = signatures_export(lobby, state=PENDING, is_personal=is_personal)
    whole = file_of(lobby, export, form)
    for size in (1, 2, 3, 7, 8):
        parts = parts_of(lobby, export, form, size=size)
        assert b"".join(part.content for part in parts) == whole
        assert sum(part.rows for part in parts) == 10
        assert all(0 < part.rows <= size for part in parts)
    with lobby.database.read() as session:
        assert exports.count(session, export) == 10


def test_a_page_reads_its_own_rows_alone_and_holds_no_connection(lobby: Lobby) -> None:
    """So the memory does not depend on the length of the file."""
    for number in range(7):
        submit(lobby, f"a{number}@example.org")
    pool: Any = lobby.database._reader.pool
    opened = pending_exports.of_petition(petition_of(lobby), since=None)
    with lobby.database.read() as session:
        assert len(opened.read(session, UUID(int=0), 3, lobby.keyring)) == 3
    export = signatures_export(lobby, state=PENDING)
    parts = exports.chunks(lobby.database, export, FileFormat.CSV, keyring=lobby.keyring, size=3)
    for rows in (3, 3, 1):
        assert next(parts).rows == rows
        assert pool.checkedout() == 0
    assert next(parts, None) is None


def test_nothing_pending_makes_a_file_all_the_same(lobby: Lobby) -> None:
    export = signatures_export(lobby, state=PENDING)
    (part,) = parts_of(lobby, export)
    assert (part.rows, part.content.decode()) == (0, csv_text(export.names, ()))
    assert pending_file(lobby, FileFormat.JSONL) == b""


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_sqlite_sorts_nothing_to_find_the_next_page(lobby: Lobby) -> None:
    submit(lobby, "anna@example.org")
    with sent_statements() as sent:
        pending_file(lobby)
    statements = [statement for statement in sent if "FROM submission" in statement[0]]
    assert len(statements) == 1
    with lobby.database.read() as session:
        explained = f"EXPLAIN QUERY PLAN {statements[0][0]}"
        plan = session.connection().exec_driver_sql(explained, statements[0][1])
        steps = [row[3] for row in plan]
    assert any("ix_submission_petition_id_id (petition_id=? AND id>?)" in step for step in steps)
    # The answer about news is one supporter's: its sort is of a few rows.
    outer = steps[: next(n for n, step in enumerate(steps) if "SUBQUERY" in step)]
    assert not [step for step in outer if "TEMP B-TREE" in step or step.startswith("SCAN")], steps


# ---- decryption


def test_a_value_that_does_not_open_ends_the_file(lobby: Lobby) -> None:
    """A file that arrives whole has every row; a list leaves such a row out."""
    ids = [submit(lobby, f"{name}@example.org") for name in "abc"]
    make_unreadable(lobby, ids[2])
    for is_personal in (True, False):
        export = signatures_export(lobby, state=PENDING, is_personal=is_personal)
        parts = exports.chunks(
            lobby.database, export, FileFormat.CSV, keyring=lobby.keyring, size=2
        )
        assert next(parts).rows == 2
        with pytest.raises(Unavailable) as refusal:
            next(parts)
        assert refusal.value.code == "personal_data_sealed"


@pytest.mark.parametrize("is_personal", [True, False])
def test_a_wrong_key_is_told_before_anything_is_written(lobby: Lobby, is_personal: bool) -> None:
    submit(lobby, "anna@example.org")
    export = signatures_export(lobby, state=PENDING, is_personal=is_personal)
    parts = exports.chunks(lobby.database, export, FileFormat.CSV, keyring=WRONG)
    with pytest.raises(Unavailable):
        next(parts)


def test_the_log_counts_all_rows(lobby: Lobby) -> None:
    row_of_before(lobby, "anna@example.org")
    submit(lobby, "ben@example.org")
    export = signatures_export(lobby, state=PENDING)
    with log_of_exports() as log:
        parts = exports.chunks(lobby.database, export, FileFormat.CSV, keyring=lobby.keyring)
        list(exports.logged(parts, export, by="command", form=FileFormat.CSV))
    assert [(entry["rows"], entry["whole"]) for entry in log] == [(2, True)]
