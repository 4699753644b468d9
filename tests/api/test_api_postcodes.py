"""Tests postcodes in the JSON API."""

import pytest
from fastapi.testclient import TestClient

from services.assembly import Lobby
from services.postcodes.ons_import import import_postcodes
from tests.support.common import CAMPAIGN
from tests.support.problems import assert_problem


@pytest.mark.parametrize("spelling", ["EH1 1YZ", "eh11yz", " Eh1  1yz "])
def test_a_postcode_in_any_case_and_spacing_tells_seat_and_member(
    client: TestClient, spelling: str
) -> None:
    body = client.get(f"/v1/postcodes/{spelling}").json()
    assert body == {
        "postcode": "EH1 1YZ",
        "status": "found",
        "state": "found",
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
            "party_name": "Scottish National Party",
            "party_group": "Scottish National Party",
            "constituency": "Edinburgh East and Musselburgh",
        },
    }


def test_a_postcode_that_nobody_knows_is_a_404_and_one_that_is_none_a_422(
    client: TestClient,
) -> None:
    assert_problem(client.get("/v1/postcodes/ZZ1 1ZZ"), 404, "postcode_unknown")
    assert_problem(client.get("/v1/postcodes/nonsense"), 422, "postcode_malformed", "postcode")


def test_a_postcode_without_a_constituency_says_so(client: TestClient, lobby: Lobby) -> None:
    source, target = lobby.settings.data_dir / "onspd.csv", lobby.settings.postcode_file
    columns = ("pcds", "doterm", "ctry25cd", "pcon24cd", "osgrdind")
    rows = (("EH1 1YZ", "", "S92000003", "S14000078", "1"), ("EH1 1AA", "", "S92000003", "", "1"))
    source.write_text("\n".join(",".join(row) for row in (columns, *rows)), encoding="utf-8")
    import_postcodes(source, target)
    lobby.postcodes.refresh()
    body = client.get("/v1/postcodes/EH1 1AA").json()
    assert (body["status"], body["constituency"]) == ("no_constituency", None)
    assert client.get("/v1/postcodes/EH1 1YZ").json()["status"] == "found"
    campaign = client.post(f"/campaigns/{CAMPAIGN}/mps", data={"postcode": "EH1 1AA"})
    assert campaign.status_code == 422


def test_a_crown_dependency_is_not_in_the_uk_parliament(client: TestClient) -> None:
    body = client.get("/v1/postcodes/JE2 3AB").json()
    assert body["status"] == "not_in_uk_parliament"
    assert body["constituency"] is None
    assert body["member"] is None
