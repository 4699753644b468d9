"""Tests postcodes in the JSON API."""

import pytest
from fastapi.testclient import TestClient

from tests.support.problems import assert_problem


@pytest.mark.parametrize("spelling", ["EH1 1YZ", "eh11yz", " Eh1  1yz "])
def test_a_postcode_in_any_case_and_spacing_tells_seat_and_member(
    client: TestClient, spelling: str
) -> None:
    body = client.get(f"/v1/postcodes/{spelling}").json()
    assert body == {
        "postcode": "EH1 1YZ",
        "status": "found",
        "constituency": {
            "code": "S14000078",
            "name": "Edinburgh East and Musselburgh",
            "nation": "Scotland",
            "region": "Scotland",
        },
        "member": {
            "id": 900001,
            "name": "Morag Ferncastle",
            "party": "Scottish National Party",
            "constituency": "Edinburgh East and Musselburgh",
        },
    }


def test_a_postcode_that_nobody_knows_is_a_404_and_one_that_is_none_a_422(
    client: TestClient,
) -> None:
    assert_problem(client.get("/v1/postcodes/ZZ1 1ZZ"), 404, "postcode_unknown")
    assert_problem(client.get("/v1/postcodes/nonsense"), 422, "postcode_malformed", "postcode")


def test_a_crown_dependency_is_not_in_the_uk_parliament(client: TestClient) -> None:
    body = client.get("/v1/postcodes/JE2 3AB").json()
    assert body["status"] == "not_in_uk_parliament"
    assert body["constituency"] is None
    assert body["member"] is None
