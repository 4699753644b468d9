"""Tests how letters address members, by the titles in Parliament's data."""

import csv

import pytest

from services.parliament import salutations
from tests.support.common import REAL_DATA, needs_real_data


@pytest.mark.parametrize(
    ("full_title", "family_name", "salutation"),
    [
        ("Ms Morag Ferncastle MP", "Ferncastle", "Ms Ferncastle"),
        ("Mr Angus MacDonald MP", "MacDonald", "Mr MacDonald"),
        ("The Rt Hon Dr Caoimhe Ní Ardgail MP", "Ní Ardgail", "Dr Ní Ardgail"),
        ("Rt Hon Sir Keir Starmer MP", "Starmer", "Sir Keir"),
        ("The Rt Hon. Dame Ann Example DBE MP", "Example", "Dame Ann"),
        ("The Rt Hon Wendy Morton MP", "Morton", ""),
        ("Colonel Ann Example MP", "Example", ""),
        ("Ms Ann Example MP", "", ""),
        ("Sir", "Example", ""),
        ("", "", ""),
        ("Ms Ann Example MP", "Exa\0mple", ""),
        ("Ms Ann Example MP", "x" * 101, ""),
    ],
)
def test_a_title_makes_a_salutation_and_without_one_there_is_none(
    full_title: str, family_name: str, salutation: str
) -> None:
    assert salutations.of_member(full_title, family_name) == salutation


@needs_real_data
def test_most_real_members_have_a_salutation() -> None:
    with (REAL_DATA / "parliament" / "mps.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["name"]]
    found = [salutations.of_member(row["title_name"], row["family_name"]) for row in rows]
    assert sum(map(bool, found)) > len(rows) * 0.85
    assert {text.split()[0] for text in found if text} <= {"Mr", "Mrs", "Ms", "Miss", "Dr"} | {
        *("Sir", "Dame", "Mx", "Prof", "Professor", "Rev", "Reverend")
    }
