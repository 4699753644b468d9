"""Tests exports of signatures and letters: every row once, decrypted only if necessary."""

import csv
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from models import (
    Keyring,
    LetterState,
    Member,
    Partner,
    Private,
    Signature,
    SignatureState,
    Supporter,
)
from services.assembly import Lobby
from services.campaigns import petitions
from services.consents import preferences
from services.demonstration import invented_campaign
from services.errors import Invalid, Unavailable
from services.files import exports
from services.files.csv_writing import FORMULA_STARTS, csv_cell, csv_cells, csv_text
from services.files.export_lines import FileFormat
from services.letters import intake
from services.organisations import organisations, partners
from services.signatures import signature_exports, signature_states
from tests.support.common import CAN_SIGN, PETITION
from tests.support.database.query_plans import sent_statements
from tests.support.exports import (
    EMPTY,
    add_petition,
    csv_rows,
    file_of,
    json_rows,
    letters_export,
    make_undecryptable,
    parts_of,
    sign,
    signatures_export,
    submit,
)
from tests.support.letters import letters_of, put_into_state

PERSONAL = {"name", "email", "postcode", "comment", "updates", "partner_contact"}
TIMES = ("signed_at", "confirmed_at", "ended_at")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
STRANGE = 'She said "no",\nand then:\n\n  {"a": 1}; ÿ 😀 \\ %s'
WRONG = Keyring(["another secret that is as long as it has to be"])


def in_words(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def all_signatures(lobby: Lobby) -> list[tuple[Signature, Supporter]]:
    with lobby.database.read() as session:
        petition = petitions.public(session, PETITION)
        rows = signature_states.page(session, petition.id, state=None, after=None, limit=10_000)
        return [(row.signature, row.supporter) for row in rows]


# ---- what is in the file


def test_a_file_tells_of_every_signature_what_is_stored_of_it(lobby: Lobby) -> None:
    sign(lobby, "anna@example.org", comment=STRANGE, source='a "source", here')
    rows = json_rows(file_of(lobby, signatures_export(lobby), FileFormat.JSONL))
    stored = all_signatures(lobby)
    assert len(rows) == len(stored) == invented_campaign.SIGNATURES + 1
    for row, (signature, supporter) in zip(rows, stored, strict=True):
        assert row["id"] == str(signature.id)
        assert row["state"] == signature.state.value
        assert row["name"] == signature.name.text
        assert row["email"] == supporter.email.text
        assert row["postcode"] == signature.postcode.text
        assert row["comment"] == (signature.comment and signature.comment.text)
        assert row["country"] == signature.country
        assert row["constituency_code"] == signature.constituency_code
        assert row["locale"] == signature.locale
        assert row["source"] == signature.source
        assert [row[name] for name in TIMES] == [
            in_words(getattr(signature, name)) for name in TIMES
        ]
    assert rows[-1]["comment"] == STRANGE
    assert rows[-1]["constituency_name"] == "Edinburgh East and Musselburgh"


@pytest.mark.parametrize("is_personal", [True, False])
def test_csv_and_json_lines_tell_the_same(lobby: Lobby, is_personal: bool) -> None:
    sign(lobby, "anna@example.org", comment=STRANGE, source='a "source", here', country="FR")
    export = signatures_export(lobby, is_personal=is_personal)
    words = {None: "", True: "yes", False: "no"}
    json_as_csv = [
        {name: words.get(value, value) for name, value in row.items()}
        for row in json_rows(file_of(lobby, export, FileFormat.JSONL))
    ]
    rows = csv_rows(file_of(lobby, export))
    assert rows == json_as_csv
    assert tuple(rows[0]) == export.names
    assert len(rows) > invented_campaign.SIGNATURES


@pytest.mark.parametrize("form", FileFormat)
def test_without_personal_data_the_rest_is_the_same(lobby: Lobby, form: FileFormat) -> None:
    sign(lobby, "anna@example.org", comment=STRANGE, source='=a "source"', locale="cy")
    parse = csv_rows if form is FileFormat.CSV else json_rows
    whole: Any = parse(file_of(lobby, signatures_export(lobby), form))
    impersonal: Any = parse(file_of(lobby, signatures_export(lobby, is_personal=False), form))
    assert whole[0].keys() > PERSONAL
    assert not PERSONAL & impersonal[0].keys()
    expected = [{name: row[name] for name in row if name not in PERSONAL} for row in whole]
    assert impersonal == expected


def test_lines_of_csv_end_as_they_should(lobby: Lobby) -> None:
    content = file_of(lobby, signatures_export(lobby))
    assert content.count(b"\r\n") == content.count(b"\n") == invented_campaign.SIGNATURES + 1


def test_times_are_in_utc_to_the_second(lobby: Lobby) -> None:
    signature = sign(lobby, "anna@example.org")
    with lobby.database.write() as session:
        moment = datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=UTC)
        session.get_one(Signature, signature.id).signed_at = moment
    for is_personal in (True, False):
        rows = csv_rows(file_of(lobby, signatures_export(lobby, is_personal=is_personal)))
        assert rows[-1]["signed_at"] == "2026-03-29T00:59:59Z"
        assert rows[-1]["ended_at"] == ""
        times = {row[name] for row in rows for name in TIMES} - {""}
        assert all(MOMENT.fullmatch(moment) for moment in times)


def test_the_partner_is_named_whose_site_it_came_from(lobby: Lobby) -> None:
    signature = sign(lobby, "anna@example.org")
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        partner: Partner = partners.create(
            session, organisation=owner, name="Them", slug="them", now=lobby.clock()
        )
        session.get_one(Signature, signature.id).partner_id = partner.id
    for is_personal in (True, False):
        export = signatures_export(lobby, is_personal=is_personal)
        assert csv_rows(file_of(lobby, export))[-1]["partner"] == "them"
        assert json_rows(file_of(lobby, export, FileFormat.JSONL))[0]["partner"] is None


def test_a_seat_that_no_import_has_brought_has_no_name(lobby: Lobby) -> None:
    sign(lobby, "anna@example.org", country="FR", postcode="")
    last = json_rows(file_of(lobby, signatures_export(lobby), FileFormat.JSONL))[-1]
    assert (last["constituency_code"], last["constituency_name"]) == ("overseas", None)


@pytest.mark.parametrize("form", FileFormat)
@pytest.mark.parametrize("is_personal", [True, False])
def test_a_petition_that_nobody_signed_makes_a_file_all_the_same(
    lobby: Lobby, form: FileFormat, is_personal: bool
) -> None:
    add_petition(lobby)
    with lobby.database.read() as session:
        petition = petitions.public(session, EMPTY)
    export = signature_exports.of_petition(petition, is_personal=is_personal)
    (part,) = parts_of(lobby, export, form)
    assert part.rows == 0
    header = csv_text(export.names, ())
    assert part.content.decode() == (header if form is FileFormat.CSV else "")


# ---- formulas


def test_no_cell_can_be_taken_for_a_formula(lobby: Lobby) -> None:
    """This also covers rows from before such texts were refused."""
    texts = {
        sign(lobby, f"anna{number}@example.org").id: f'{start}HYPERLINK("x")'
        for number, start in enumerate(FORMULA_STARTS)
    }
    with lobby.database.write() as session:
        for signature_id, text in texts.items():
            row = session.get_one(Signature, signature_id)
            row.source = text
            row.name = row.comment = Private(row.name.organisation_id, text)
    for is_personal in (True, False):
        export = signatures_export(lobby, is_personal=is_personal)
        rows = csv_rows(file_of(lobby, export))[-len(texts) :]
        for name in ("source", "name", "comment") if is_personal else ("source",):
            assert [row[name] for row in rows] == [f"'{text}" for text in texts.values()]
        lines = json_rows(file_of(lobby, export, FileFormat.JSONL))[-len(texts) :]
        assert [line["source"] for line in lines] == list(texts.values())


@given(st.lists(st.text(st.sampled_from("=+-@\t\ra\",\n'")) | st.text(), max_size=5))
def test_cells_of_a_column_are_written_as_each_of_them(texts: list[str]) -> None:
    assert csv_cells(texts) == [csv_cell(text) for text in texts]


def test_all_files_have_one_rule_for_formulas(lobby: Lobby) -> None:
    """Cells escaped in Python, by the database and in small files are the same."""
    starts = (*FORMULA_STARTS, "a", "'", '"', ",", "＝", "é", "")
    texts = [f"{start}1+1" for start in starts]
    ours = [next(csv.reader([csv_cell(text)]))[0] for text in texts]
    small = csv_rows(csv_text(["name"], [[text] for text in texts]).encode())
    for number, text in enumerate(texts):
        signature = sign(lobby, f"anna{number}@example.org")
        with lobby.database.write() as session:
            session.get_one(Signature, signature.id).source = text
    written = csv_rows(file_of(lobby, signatures_export(lobby, is_personal=False)))[-len(texts) :]
    assert ours == [row["name"] for row in small] == [row["source"] for row in written]
    assert ours == [
        f"'{text}" if start in FORMULA_STARTS else text
        for start, text in zip(starts, texts, strict=True)
    ]


# ---- which rows


def test_only_the_state_that_is_asked_for_is_in_the_file(lobby: Lobby) -> None:
    withdrawn = sign(lobby, "anna@example.org")
    sign(lobby, "ben@example.org")
    with lobby.database.write() as session:
        signature_states.withdraw(session, withdrawn.id, now=lobby.clock())
    export = signatures_export(lobby, state=SignatureState.WITHDRAWN)
    assert [row["id"] for row in csv_rows(file_of(lobby, export))] == [str(withdrawn.id)]


def test_since_a_time_is_what_changed_then_or_later_in_the_order_of_the_changes(
    lobby: Lobby,
) -> None:
    since = lobby.clock() + timedelta(hours=1)
    last_first = [signature.id for signature, _ in all_signatures(lobby)][2::-1]
    with lobby.database.write() as session:
        for place, signature_id in enumerate(last_first):
            changed_at = since + timedelta(days=place)
            session.get_one(Signature, signature_id).changed_at = changed_at
    for is_personal in (True, False):
        for size in (1, 2, 1000):
            export = signatures_export(lobby, since=since, is_personal=is_personal)
            rows = csv_rows(file_of(lobby, export, size=size))
            assert [row["id"] for row in rows] == list(map(str, last_first))
    export = signatures_export(lobby, since=since + timedelta(seconds=1))
    assert len(csv_rows(file_of(lobby, export))) == 2
    with lobby.database.read() as session:
        assert exports.count(session, export) == 2


# ---- consent to news


def test_consent_is_what_counts_now_and_not_what_was_said_then(lobby: Lobby) -> None:
    yes, no, unasked, unsubscribed, without_mail = (
        sign(lobby, f"{name}@example.org", updates=updates)
        for name, updates in [
            ("yes", True),
            ("no", False),
            ("unasked", None),
            ("unsubscribed", True),
            ("off", True),
        ]
    )
    submit(lobby, "no@example.org", updates=True)
    with lobby.database.write() as session:
        later = lobby.clock() + timedelta(minutes=1)
        preferences.unsubscribe(session, unsubscribed.supporter_id, now=later)
        preferences.change(session, without_mail.supporter_id, mail=False, now=later)
    ids = {str(signature.id) for signature in (yes, no, unasked, unsubscribed, without_mail)}
    for form, words in (
        (FileFormat.CSV, ("yes", "no", "")),
        (FileFormat.JSONL, (True, False, None)),
    ):
        parse: Any = csv_rows if form is FileFormat.CSV else json_rows
        rows = parse(file_of(lobby, signatures_export(lobby), form))
        updates_by_name = {
            row["email"].partition("@")[0]: row["updates"] for row in rows if row["id"] in ids
        }
        assert updates_by_name == {
            "yes": words[0],
            "no": words[1],
            "unasked": words[2],
            "unsubscribed": words[1],
            "off": words[1],
        }


# ---- decryption


@pytest.mark.parametrize("form", FileFormat)
def test_without_personal_data_no_key_is_needed(lobby: Lobby, form: FileFormat) -> None:
    for make in (signatures_export, letters_export):
        export = make(lobby, is_personal=False)
        assert file_of(lobby, export, form, keyring=WRONG) == file_of(lobby, export, form)
        with pytest.raises(Unavailable):
            file_of(lobby, make(lobby), form, keyring=WRONG)


def test_a_value_that_does_not_open_ends_the_file(lobby: Lobby) -> None:
    *_, (last, _) = all_signatures(lobby)
    make_undecryptable(lobby, last.id)
    parts = exports.chunks(
        lobby.database, signatures_export(lobby), FileFormat.CSV, keyring=lobby.keyring, size=100
    )
    assert [next(parts).rows for _ in range(invented_campaign.SIGNATURES // 100)] == [100, 100, 100]
    with pytest.raises(Unavailable) as refusal:
        next(parts)
    assert refusal.value.code == "personal_data_sealed"


# ---- page by page


@pytest.mark.parametrize("is_personal", [True, False])
@pytest.mark.parametrize("form", FileFormat)
def test_pages_of_any_size_make_the_same_file(
    lobby: Lobby, form: FileFormat, is_personal: bool
) -> None:
    export = signatures_export(lobby, is_personal=is_personal)
    whole = file_of(lobby, export, form)
    for size in (1, 7, 90, invented_campaign.SIGNATURES, 1000):
        parts = parts_of(lobby, export, form, size=size)
        assert b"".join(part.content for part in parts) == whole
        assert sum(part.rows for part in parts) == invented_campaign.SIGNATURES
        assert all(part.content.endswith(b"\n") for part in parts if part.rows)
        assert all(part.rows == size for part, _ in pairwise(parts))


@pytest.mark.parametrize("is_personal", [True, False])
def test_the_first_part_comes_before_the_last_row_is_read(lobby: Lobby, is_personal: bool) -> None:
    """A signature given during the export is in the file, and the download starts at once."""
    export = signatures_export(lobby, is_personal=is_personal)
    parts = exports.chunks(lobby.database, export, FileFormat.CSV, keyring=lobby.keyring, size=100)
    first = next(parts)
    signature = sign(lobby, "anna@example.org")
    later_parts = list(parts)
    assert str(signature.id) not in first.content.decode()
    assert str(signature.id) in later_parts[-1].content.decode()


def test_no_connection_is_held_between_two_parts(lobby: Lobby) -> None:
    pool: Any = lobby.database._reader.pool
    export = signatures_export(lobby)
    parts = exports.chunks(lobby.database, export, FileFormat.CSV, keyring=lobby.keyring, size=100)
    for _ in parts:
        assert pool.checkedout() == 0


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_sqlite_sorts_nothing_to_find_the_next_page(lobby: Lobby) -> None:
    """SQLite would sort again for every page. PostgreSQL chooses its plan by cost."""
    makes: list[Any] = [(signatures_export, "changed_at,id)>(?,?)"), (letters_export, "id>?")]
    for make, searched in makes:
        for state in (None, "pending"):
            export = make(lobby, is_personal=False, state=state, since=lobby.clock())
            with sent_statements() as sent:
                parts_of(lobby, export)
            (page_statement,) = [
                statement
                for statement in sent
                if "LIMIT" in statement[0] and "page" in statement[0]
            ]
            with lobby.database.read() as session:
                plan = session.connection().exec_driver_sql(
                    f"EXPLAIN QUERY PLAN {page_statement[0]}", page_statement[1]
                )
                steps = [row[3] for row in plan]
            assert not [step for step in steps if "TEMP B-TREE" in step], steps
            assert [step for step in steps if searched in step], steps


# ---- letters


def test_a_file_tells_of_every_letter_but_its_words(lobby: Lobby) -> None:
    put_into_state(lobby, 0, LetterState.REJECTED, letter={"reason": '550 "no", such box'})
    export = letters_export(lobby)
    rows = json_rows(file_of(lobby, export, FileFormat.JSONL))
    stored = [letter for letter, _ in letters_of(lobby)]
    with lobby.database.read() as session:
        members = {member.id: member.name for member in session.exec(select(Member))}
        emails = {
            supporter.id: supporter.email.text for supporter in session.exec(select(Supporter))
        }
    assert len(rows) == len(stored) > 2
    for row, letter in zip(rows, stored, strict=True):
        home = intake.address_of(letter)
        assert (row["id"], row["state"]) == (str(letter.id), letter.state.value)
        assert (row["name"], row["email"]) == (letter.name.text, emails[letter.supporter_id])
        assert (row["address"], row["postcode"]) == (f"{home.line1}, {home.town}", home.postcode)
        assert (row["member_id"], row["member"]) == (letter.member_id, members[letter.member_id])
        assert (row["motion_id"], row["act"]) == (letter.motion_id, letter.act.value)
        assert (row["variant"], row["reason"]) == (letter.variant, letter.reason)
        assert row["constituency_code"] == letter.constituency_code
        assert [row[name] for name in ("created_at", "sent_at", "bounced_at")] == [
            in_words(moment) for moment in (letter.created_at, letter.sent_at, letter.bounced_at)
        ]
    assert rows[0]["reason"] == '550 "no", such box'
    assert not {"subject", "body"} & rows[0].keys()
    assert csv_rows(file_of(lobby, export))[0]["reason"] == '550 "no", such box'


def test_the_words_of_letters_are_in_the_file_where_they_are_asked_for(lobby: Lobby) -> None:
    stored = [letter for letter, _ in letters_of(lobby)]
    for form, parse in ((FileFormat.CSV, csv_rows), (FileFormat.JSONL, json_rows)):
        rows: Any = parse(file_of(lobby, letters_export(lobby, has_words=True), form, size=2))
        assert [(row["subject"], row["body"]) for row in rows] == [
            (letter.subject.text, letter.body.text) for letter in stored
        ]
    with pytest.raises(Invalid) as refusal:
        letters_export(lobby, has_words=True, is_personal=False)
    assert refusal.value.fields[0].field == "bodies"


def test_letters_without_personal_data_tell_of_members_alone(lobby: Lobby) -> None:
    rows = csv_rows(file_of(lobby, letters_export(lobby, is_personal=False)))
    assert len(rows) == len(letters_of(lobby))
    assert not {"name", "email", "address", "postcode", "updates"} & rows[0].keys()
    assert all(row["member"] for row in rows)


def test_letters_in_a_state_and_since_a_time_are_picked_out(lobby: Lobby) -> None:
    held_letter, _ = put_into_state(lobby, 1, LetterState.HELD)
    rows = csv_rows(file_of(lobby, letters_export(lobby, state=LetterState.HELD)))
    assert [row["id"] for row in rows] == [str(held_letter.id)]
    since = lobby.clock() + timedelta(days=1)
    assert csv_rows(file_of(lobby, letters_export(lobby, since=since))) == []
    put_into_state(lobby, 2, LetterState.REJECTED, letter={"bounced_at": since})
    assert len(csv_rows(file_of(lobby, letters_export(lobby, since=since)))) == 1


def test_a_writer_who_lives_at_two_lines_has_both(lobby: Lobby) -> None:
    letter, _ = letters_of(lobby)[0]
    home = '{"line1": "Flat 2", "line2": "=1 Side Street", "town": "Here", "postcode": "EH1 1YZ"}'
    private = Private(letter.name.organisation_id, home)
    put_into_state(lobby, 0, LetterState.QUEUED, letter={"address": private})
    row = csv_rows(file_of(lobby, letters_export(lobby)))[0]
    assert (row["address"], row["postcode"]) == ("Flat 2, =1 Side Street, Here", CAN_SIGN)


# ---- order


def test_ids_rise_from_page_to_page(lobby: Lobby) -> None:
    rows = csv_rows(file_of(lobby, signatures_export(lobby, is_personal=False), size=10))
    ids = [row["id"] for row in rows]
    assert ids == sorted(set(ids))
    with lobby.database.read() as session:
        count = session.connection().execute(sa.text("SELECT count(*) FROM signature")).scalar()
    assert len(ids) == count
