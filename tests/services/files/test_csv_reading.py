"""Tests reading CSV files: every record is read, and a broken record affects no other."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.errors import Invalid
from services.files import csv_reading
from services.files.csv_reading import LONGEST_LINE, MOST_LINES, CsvRecord

Read = Callable[..., list[CsvRecord]]
HEADER = "name,email,postcode\n"


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_records(content: str | bytes, **options: str) -> list[CsvRecord]:
        file = tmp_path / "people.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with csv_reading.open_records(file, **options) as records:
            return list(records)

    return read_records


def lines_and_validity(records: list[CsvRecord]) -> list[tuple[int, bool]]:
    """Returns the line of each record and whether it is valid."""
    return [(record.line, record.problem is None) for record in records]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_files_of_every_make_are_read(read: Read, delimiter: str, end: str, mark: str) -> None:
    lines = ["name,email", 'Anna,"a"', "", "  ", '" Ben ","b ""x"""', "Siân,c"]
    text = mark + end.join(lines).replace(",", delimiter)
    cells = [record.cells for record in read(text)]
    assert cells == [("Anna", "a"), ("Ben", 'b "x"'), ("Siân", "c")]


def test_a_cell_may_go_on_in_the_next_lines(read: Read) -> None:
    text = HEADER + 'Anna,a,"one\n\ntwo, ""three"""\nBen,b,x\n'
    records = read(text)
    assert records[0].cells == ("Anna", "a", 'one\n\ntwo, "three"')
    assert lines_and_validity(records) == [(2, True), (5, True)]


def test_a_header_may_be_quoted_and_go_on(read: Read) -> None:
    assert read('"na\nme",email\nAnna,a\n')[0].cells == ("Anna", "a")


@pytest.mark.parametrize(
    "broken",
    [
        '"Anna,a,x',
        'Anna,"a,x',
        'Anna,a,"x',
        '"Anna"x,a,x',
        '"',
        "Anna,a",
        "Anna,a,x,y",
        'Anna,"a,x" , "y',
        "x" * (LONGEST_LINE + 5),
        '"' + "x" * LONGEST_LINE,
    ],
)
def test_a_broken_record_costs_no_other(read: Read, broken: str) -> None:
    good = [f"Person {n},p{n}@example.org,EH1 1YZ" for n in range(2 * MOST_LINES)]
    text = HEADER + "\n".join([*good[:3], broken, *good[3:], broken, 'Last,"z",x'])
    records = read(text)
    assert [record.line for record in records if record.problem] == [5, 2 * MOST_LINES + 3]
    assert len([record for record in records if record.problem is None]) == 2 * MOST_LINES + 1
    assert records[-1].cells == ("Last", "z", "x")


def test_empty_cells_behind_the_last_column_are_a_spreadsheets_and_no_mistake(read: Read) -> None:
    assert lines_and_validity(read(HEADER + "Anna,a,x,,,\nBen,b,,\n,,,,\n")) == [
        (2, True),
        (3, True),
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"\n\n  \n", "is empty"),
        (b"PK\x03\x04\0\0\0\0spreadsheet", "is not CSV"),
        ("name,email\n".encode("utf-16"), "line 1: not UTF-8 text"),
        ("name,email\nAnna,a\nSiân,b\n".encode("cp1252"), "line 3: not UTF-8 text"),
        (b"name,email\nAnna,a\xc3", "line 2: not UTF-8 text"),
        (b'name,"email\nAnna,a\n', "line 1 is not CSV: a quote is not closed"),
    ],
)
def test_a_file_that_is_none_is_told_before_its_first_record(
    read: Read, content: bytes, complaint: str
) -> None:
    with pytest.raises(Invalid) as refused:
        read(content)
    assert "people.csv" in refused.value.message
    assert complaint in refused.value.message


def test_what_is_wrong_far_behind_is_found_before_the_first_record(read: Read) -> None:
    with pytest.raises(Invalid, match="line 200002: not UTF-8 text"):
        read(HEADER.encode() + b"Anna,a,x\n" * 200_000 + b"\xff")


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-8"])
def test_another_encoding_may_be_named(read: Read, encoding: str) -> None:
    records = read("name,email\nSiân,a\n".encode(encoding), encoding=encoding)
    assert records[0].cells == ("Siân", "a")


@pytest.mark.parametrize("encoding", ["nonsense", "", "base64", "rot13"])
def test_an_encoding_that_is_none_is_refused(read: Read, encoding: str) -> None:
    with pytest.raises(Invalid, match="There is no encoding"):
        read(HEADER, encoding=encoding)


def test_a_file_that_is_not_there_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=rf"There is no file {tmp_path}/nowhere\.csv"):  # noqa: SIM117
        with csv_reading.open_records(tmp_path / "nowhere.csv"):
            pass
    with pytest.raises(Invalid, match="cannot be read"), csv_reading.open_records(tmp_path):
        pass


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(alphabet='",;\n\r\tab\u00e9 ', max_size=200))
def test_any_text_is_read_to_its_end(read: Read, text: str) -> None:
    try:
        records = read(text)
    except Invalid:
        return
    lines = [record.line for record in records]
    assert lines == sorted(set(lines)), "one after the other, and none twice"
