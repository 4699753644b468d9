"""Tests the one rule for codes of countries."""

import string
import unicodedata
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common import countries
from services.errors import Invalid

ZONES = Path("/usr/share/zoneinfo/iso3166.tab")
PAIRS = ["".join(pair) for pair in product(string.ascii_uppercase, repeat=2)]


def taken(text: str) -> str | None:
    try:
        return countries.code_of(text)
    except Invalid as error:
        (field,) = error.fields
        assert (field.field, field.code) == ("country", "country_unknown")
        assert "two letters" in field.message
        return None


def test_of_all_pairs_of_letters_those_assigned_are_taken_and_two_more() -> None:
    assert len(countries.ASSIGNED) == 249
    assert set(PAIRS) > countries.ASSIGNED
    accepted = {pair: taken(pair) for pair in PAIRS if taken(pair)}
    assert accepted == {code: code for code in countries.ASSIGNED} | {"UK": "GB", "XK": "XK"}


@pytest.mark.parametrize("pair", ["UK", "GB", "FR", "XK", "GG", "JE", "IM", "XX", "ZZ", "EU", "XI"])
def test_upper_and_lower_case_are_the_same(pair: str) -> None:
    spellings = (pair, pair.lower(), pair.title())
    assert len({taken(spelling) for spelling in spellings}) == 1


@pytest.mark.skipif(not ZONES.exists(), reason="this system has no list of countries")
def test_the_assigned_codes_are_those_of_the_systems_list() -> None:
    lines = ZONES.read_text(encoding="utf-8").splitlines()
    assert {line[:2] for line in lines if not line.startswith("#")} == countries.ASSIGNED


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "G",
        "G1",
        "1G",
        "GBR",
        "Britain",
        " GB",
        "GB ",
        "G B",
        "GB\n",
        "G\u212a",
        "\x00\x00",
    ],
)
def test_what_is_no_pair_of_plain_letters_is_refused(text: str) -> None:
    assert taken(text) is None


@pytest.mark.parametrize(
    "text", ["\ufb01", "\u00df", "\u0131t", "\u017fe", "\ufb06", "u\u212a", "\uff27\uff22"]
)
def test_letters_that_only_turn_into_plain_ones_are_refused(text: str) -> None:
    assert unicodedata.normalize("NFKC", text).upper() in PAIRS
    assert taken(text) is None


@given(st.text(max_size=4))
def test_what_is_taken_is_a_code_and_is_taken_again_as_it_is(text: str) -> None:
    code = taken(text)
    assert code is None or (len(code) == 2 and code.isupper() and taken(code) == code)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "GB"),
        ("  ", "GB"),
        (" uk ", "GB"),
        ("GBR", "GB"),
        ("United Kingdom", "GB"),
        ("Great Britain", "GB"),
        ("ENGLAND", "GB"),
        ("scotland", "GB"),
        ("Wales", "GB"),
        ("Northern Ireland", "GB"),
        ("ie", "IE"),
        ("JE", "JE"),
    ],
)
def test_a_spreadsheet_may_name_the_united_kingdom(written: str, code: str) -> None:
    assert countries.code_of_written(written) == code


@pytest.mark.parametrize("written", ["France", "XX", "zz", "G1", "\ufb01"])
def test_a_spreadsheet_may_not_name_what_has_no_code(written: str) -> None:
    with pytest.raises(Invalid) as refused:
        countries.code_of_written(written, "person.country")
    assert [(item.field, item.code) for item in refused.value.fields] == [
        ("person.country", "country_unknown")
    ]


def test_stored_codes_that_would_be_refused_now_are_known() -> None:
    stored = ("GB", "FR", "XK", "ZZ", "UK", "XX", "gb")
    assert [code for code in stored if countries.is_unassigned(code)] == ["UK", "XX", "gb"]
