"""Tests the tally in the JSON API."""

import pytest
from fastapi.testclient import TestClient

from tests.support.common import CAMPAIGN


def test_the_tally_has_a_row_for_every_seat_and_honest_sums(client: TestClient) -> None:
    body = client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()
    assert len(body["rows"]) == body["members"]["total"] == 14
    assert body["members"] == {
        "total": 14,
        "seats_filled": 13,
        "can_sign": 8,
        "signed": 4,
        "withdrawn": 1,
    }
    seats = sum(row["signatures"] for row in body["rows"])
    sums = body["signatures"]
    assert seats + sums["unknown"] + sums["overseas"] == sums["confirmed"] == 360
    assert sum(row["letters_sent"] for row in body["rows"]) == body["letters"]["sent"] > 0
    assert body["motion"]["parliament_session"] == "2026-27"
    assert body["motion"]["sync_failed"] is False
    eligibilities = {row["eligibility"] for row in body["rows"]}
    assert eligibilities == {"can_sign", "convention", "cannot", "refuses", "vacant"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("standing=signed", 4),
        ("standing=withdrawn", 1),
        ("eligibility=vacant", 1),
        ("nation=Scotland", 1),
        ("region=london", 2),
        ("party=Sinn Féin", 1),
        ("standing=not_signed&eligibility=can_sign", 3),
        ("standing=not_signed&eligibility=convention&eligibility=cannot&eligibility=refuses", 5),
        ("search=FERNCASTLE", 1),
        ("search=ni ardgail", 1),
        ("search=belfast", 2),
        ("search=nobody", 0),
    ],
)
def test_the_tally_is_filtered_by_rows_and_keeps_its_sums(
    client: TestClient, query: str, expected: int
) -> None:
    body = client.get(f"/v1/campaigns/{CAMPAIGN}/tally?{query}").json()
    assert len(body["rows"]) == expected
    assert body["members"]["total"] == 14


def test_the_tally_is_sorted_as_asked(client: TestClient) -> None:
    rows = client.get(f"/v1/campaigns/{CAMPAIGN}/tally?sort=-signatures").json()["rows"]
    counts = [row["signatures"] for row in rows]
    assert counts == sorted(counts, reverse=True)


def test_a_filter_that_does_not_exist_names_the_field(client: TestClient) -> None:
    for query, field in (("standing=maybe", "standing"), ("sort=colour", "sort")):
        response = client.get(f"/v1/campaigns/{CAMPAIGN}/tally?{query}")
        assert response.status_code == 422
        assert [error["field"] for error in response.json()["errors"]] == [field]


def test_the_tally_comes_as_csv_by_name_and_by_header(client: TestClient) -> None:
    by_name = client.get(f"/v1/campaigns/{CAMPAIGN}/tally.csv")
    by_header = client.get(f"/v1/campaigns/{CAMPAIGN}/tally", headers={"Accept": "text/csv"})
    assert by_name.text == by_header.text
    lines = by_name.text.splitlines()
    assert len(lines) == 15
    assert lines[0].startswith("constituency_code,constituency,nation,region,member_id,member")
