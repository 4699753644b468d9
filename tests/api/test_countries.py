"""Tests that every entry point takes countries by the same rule."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, func, select

from models import PetitionTally, Scope, Submission, Supporter
from services.assembly import Lobby
from services.campaigns import petitions
from tests.support import signatures
from tests.support.action_network import (
    READS,
    V2,
    Json,
    assert_error,
    id_of,
    person,
    signatures_of,
    token_for,
)
from tests.support.common import CAN_SIGN, PETITION
from tests.support.embeds import EMBED, newest_signature
from tests.support.keys import key_for
from tests.support.pages import SIGN as FORM

SIGN = f"/v1/petitions/{PETITION}/signatures"
ANNA: Json = {"name": "Anna", "email": "anna@example.org", "postcode": CAN_SIGN}
TAKEN = [
    ("GB", "GB"),
    ("UK", "GB"),
    ("uk", "GB"),
    ("gB", "GB"),
    ("FR", "FR"),
    ("fr", "FR"),
    ("JE", "JE"),
    ("gg", "GG"),
    ("IM", "IM"),
    ("XK", "XK"),
]
REFUSED = ["XX", "zz", "ZZ", "G1", "EU", "Utopia", "\ufb01"]

taken = pytest.mark.parametrize(("sent", "stored"), TAKEN)
refused = pytest.mark.parametrize("sent", REFUSED)


def count(lobby: Lobby, table: Any = Submission) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def seat_of(lobby: Lobby, country: str) -> str:
    """Returns the code that a signature with Anna's postcode has, given its country."""
    return (
        lobby.postcodes.lookup(CAN_SIGN).constituency_code or "" if country == "GB" else "overseas"
    )


def assert_stored(lobby: Lobby, country: str) -> None:
    signature = newest_signature(lobby)
    assert (signature.country, signature.constituency_code) == (country, seat_of(lobby, country))


def assert_problem_with_country(response: Any) -> None:
    assert response.status_code == 422
    problem = response.json()
    assert problem["code"] == "invalid"
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [
        ("country", "country_unknown")
    ]
    assert "two letters" in problem["errors"][0]["message"]


@taken
def test_a_signature_has_the_country_by_its_code(
    client: TestClient, lobby: Lobby, sent: str, stored: str
) -> None:
    before = count(lobby)
    response = client.post(SIGN, json=ANNA | {"country": sent})
    assert response.status_code == 201
    assert (response.json()["constituency"] is None) is (stored != "GB")
    assert count(lobby) == before + 1
    assert_stored(lobby, stored)


@refused
def test_a_signature_from_no_country_is_refused(
    client: TestClient, lobby: Lobby, sent: str
) -> None:
    before = count(lobby)
    assert_problem_with_country(client.post(SIGN, json=ANNA | {"country": sent}))
    assert count(lobby) == before


@pytest.mark.parametrize("sent", ["UK", "uk", "GB"])
def test_a_signature_from_the_united_kingdom_needs_a_postcode_of_it(
    client: TestClient, sent: str
) -> None:
    response = client.post(SIGN, json=ANNA | {"country": sent, "postcode": "75001"})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["postcode"]


@pytest.mark.parametrize("sent", [None, 12, ["GB"], {"code": "GB"}])
def test_a_country_that_is_no_text_is_refused(client: TestClient, sent: object) -> None:
    response = client.post(SIGN, json=ANNA | {"country": sent})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["country"]


def test_bulk_takes_and_refuses_countries_row_by_row(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.SIGNATURES_WRITE, Scope.SIGNATURES_READ)
    rows = [
        ANNA | {"email": f"n{number}@example.org", "country": country}
        for number, country in enumerate([*(sent for sent, _ in TAKEN), *REFUSED])
    ]
    response = client.post(f"{SIGN}/bulk", json=rows, headers=key)
    assert response.status_code == 200
    results = response.json()["results"]
    assert [result["status"] for result in results] == (
        ["accepted"] * len(TAKEN) + ["rejected"] * len(REFUSED)
    )
    for result in results[len(TAKEN) :]:
        assert [(error["field"], error["code"]) for error in result["errors"]] == [
            ("country", "country_unknown")
        ]
    with lobby.database.read() as session:
        ids = list(session.exec(select(Submission.id)))
    countries = [signatures.confirm(lobby, row_id).country for row_id in ids]
    assert sorted(countries) == sorted(stored for _, stored in TAKEN)


@pytest.mark.parametrize("sent", ["UK", "uk", "FR"])
def test_an_import_in_bulk_counts_where_the_country_says(
    client: TestClient, lobby: Lobby, sent: str
) -> None:
    key = key_for(lobby, Scope.SIGNATURES_WRITE, Scope.SIGNATURES_IMPORT)
    row = ANNA | {"country": sent, "provenance": "paper"}
    seat = seat_of(lobby, "FR" if sent == "FR" else "GB")
    before = tally(lobby).get(seat, 0)
    assert client.post(f"{SIGN}/bulk", json=[row], headers=key).json()["accepted"] == 1
    assert tally(lobby)[seat] == before + 1


def tally(lobby: Lobby) -> dict[str, int]:
    with lobby.database.read() as session:
        petition = petitions.by_slug(session, PETITION)
        rows = select(PetitionTally).where(PetitionTally.petition_id == petition.id)
        return {row.constituency_code: row.confirmed for row in session.exec(rows)}


def dialect(country: str | None) -> Json:
    address = {"postal_code": CAN_SIGN, "country": country}
    return {"person": person(postal_addresses=[address])}


@pytest.mark.parametrize("has_key", [True, False])
@taken
def test_the_dialect_takes_a_signature_by_the_same_rule(
    client: TestClient, lobby: Lobby, sent: str, stored: str, has_key: bool
) -> None:
    headers = token_for(lobby, *READS) if has_key else {}
    response = client.post(signatures_of(lobby), headers=headers, json=dialect(sent))
    assert response.status_code == 200, response.text
    assert_stored(lobby, stored)


@pytest.mark.parametrize("has_key", [True, False])
@refused
def test_the_dialect_refuses_a_signature_by_the_same_rule(
    client: TestClient, lobby: Lobby, sent: str, has_key: bool
) -> None:
    headers, before = token_for(lobby, *READS) if has_key else {}, count(lobby)
    response = client.post(signatures_of(lobby), headers=headers, json=dialect(sent))
    assert_error(response, 400, "person.postal_addresses.country")
    assert "two letters" in response.text
    assert count(lobby) == before


@pytest.mark.parametrize("sent", [None, "", "  ", "GBR", "united kingdom", "Scotland"])
def test_the_dialect_takes_no_country_and_names_of_the_united_kingdom_for_it(
    client: TestClient, lobby: Lobby, sent: str | None
) -> None:
    response = client.post(
        signatures_of(lobby), headers=token_for(lobby, *READS), json=dialect(sent)
    )
    assert response.status_code == 200, response.text
    assert_stored(lobby, "GB")


def stored_person(lobby: Lobby, email: str = "anna@example.org") -> Supporter:
    with lobby.database.read() as session:
        newest = select(Supporter).order_by(col(Supporter.id).desc()).limit(1)
        supporter = session.exec(newest).one()
    assert supporter.email.text == email
    return supporter


@taken
def test_a_person_is_added_by_the_same_rule(
    client: TestClient, lobby: Lobby, sent: str, stored: str
) -> None:
    response = client.post(f"{V2}/people", headers=token_for(lobby, *READS), json=dialect(sent))
    assert response.status_code == 200, response.text
    assert stored_person(lobby).constituency_code == seat_of(lobby, stored)


@pytest.mark.parametrize("scopes", [READS, ()], ids=["reads", "only posts"])
@refused
def test_a_person_from_no_country_is_refused(
    client: TestClient, lobby: Lobby, sent: str, scopes: tuple[Scope, ...]
) -> None:
    before = count(lobby, Supporter)
    response = client.post(f"{V2}/people", headers=token_for(lobby, *scopes), json=dialect(sent))
    assert_error(response, 400, "person.postal_addresses.country")
    assert count(lobby, Supporter) == before


@pytest.mark.parametrize(("sent", "status"), [("uk", 200), ("FR", 200), ("zz", 400), ("G1", 400)])
def test_a_person_is_changed_by_the_same_rule(
    client: TestClient, lobby: Lobby, sent: str, status: int
) -> None:
    token = token_for(lobby, *READS)
    added = client.post(f"{V2}/people", headers=token, json=dialect("GB")).json()
    address = {"postal_code": CAN_SIGN, "country": sent}
    response = client.put(
        f"{V2}/people/{id_of(added)}", headers=token, json={"postal_addresses": [address]}
    )
    assert response.status_code == status
    if status == 400:
        assert_error(response, 400, "postal_addresses.country")
    expected = seat_of(lobby, "FR" if sent == "FR" else "GB")
    assert stored_person(lobby).constituency_code == expected


def test_a_person_abroad_signs_by_a_link_although_nobody_can_send_their_code(
    client: TestClient, lobby: Lobby
) -> None:
    token = token_for(lobby, *READS)
    added = client.post(f"{V2}/people", headers=token, json=dialect("FR")).json()
    link = {"_links": {"osdi:person": {"href": added["_links"]["self"]["href"]}}}
    response = client.post(signatures_of(lobby), headers=token, json=link)
    assert response.status_code == 200, response.text
    assert_stored(lobby, "ZZ")


@pytest.mark.parametrize("path", [FORM, f"{EMBED}/sign"])
@pytest.mark.parametrize("sent", ["UK", "uk", "GB", "XX", "zz", "G1", "FR"])
def test_forms_know_only_home_and_abroad_whatever_country_is_sent(
    client: TestClient, lobby: Lobby, path: str, sent: str
) -> None:
    for abroad, stored in (("", "GB"), ("yes", "ZZ")):
        email = f"anna{abroad}@example.org"
        fields = {**ANNA, "email": email, "country": sent, "abroad": abroad, "updates": "no"}
        response = client.post(path, data=fields, follow_redirects=False)
        assert response.status_code == 303, response.text
        assert_stored(lobby, stored)
