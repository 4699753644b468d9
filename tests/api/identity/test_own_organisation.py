"""Tests the calls for the key's own organisation, and the texts of a campaign's page."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from models import Scope
from services.assembly import Lobby
from tests.support.common import CAMPAIGN
from tests.support.keys import OTHERS, key_for, others_key
from tests.support.pages import visible
from tests.support.problems import assert_problem

ORGANISATION, NOTICE = "/v1/organisation", "/v1/organisation/privacy-notice"
TEXT = "Others runs this campaign.\n\nWe keep your name and address for two years."


@pytest.fixture
def key(lobby: Lobby) -> dict[str, str]:
    return others_key(lobby, Scope.CAMPAIGNS_WRITE)


def test_an_organisation_says_who_it_is(client: TestClient, key: dict[str, str]) -> None:
    empty = client.get(ORGANISATION, headers=key).json()
    assert (empty["slug"], empty["website"], empty["logo"]) == (OTHERS, None, None)
    values = {
        "website": "https://others.example.org/about",
        "charity_number": "SC012345",
        "company_number": "01234567",
        "postal_address": "1 High Street\nLeeds",
        "contact_email": "us@others.example.org",
        "brand_colour": "#005EB8",
    }
    changed = client.patch(ORGANISATION, json=values, headers=key)
    assert changed.status_code == 200
    expected = values | {"brand_colour": "#005eb8"}
    assert {name: changed.json()[name] for name in values} == expected
    assert client.get(ORGANISATION, headers=key).json() == changed.json()
    page = visible(client.get(f"/contact/{OTHERS}"))
    for shown in ("us@others.example.org", "1 High Street", "registered charity SC012345"):
        assert shown in page
    fewer = client.patch(ORGANISATION, json={"company_number": None}, headers=key).json()
    assert fewer == changed.json() | {"company_number": None}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("website", "javascript:alert(1)"),
        ("website", "https://user:secret@others.example.org"),
        ("website", "https://others.example.org/" + "x" * 500),
        ("charity_number", "x" * 61),
        ("charity_number", "12\n34"),
        ("company_number", "=?utf-8?q?x?="),
        ("postal_address", "x" * 301),
        ("postal_address", "a\x00b"),
        ("contact_email", "us at others.example.org"),
        ("contact_email", "us@others.example.org\r\nBcc: all@example.org"),
        ("brand_colour", "blue"),
        ("brand_colour", "#757b83"),
        ("name", "Another"),
        ("slug", "another"),
    ],
)
def test_a_wrong_value_names_its_field_and_changes_nothing(
    client: TestClient, key: dict[str, str], field: str, value: str
) -> None:
    before = client.get(ORGANISATION, headers=key).json()
    values = {"website": None} | {field: value}
    answer = client.patch(ORGANISATION, json=values, headers=key)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert client.get(ORGANISATION, headers=key).json() == before


def test_each_notice_is_a_version_that_stays_readable(
    client: TestClient, key: dict[str, str]
) -> None:
    first = client.post(NOTICE, json={"text": TEXT}, headers=key)
    assert (first.status_code, first.json()["version"]) == (201, 1)
    second = client.post(NOTICE, json={"text": TEXT + " Or three."}, headers=key).json()
    assert second["version"] == 2
    again = client.post(NOTICE, json={"text": TEXT + " Or three."}, headers=key).json()
    assert again == second, "the same text is no new version"
    own = client.get(ORGANISATION, headers=key).json()
    assert own["privacy_notice"] == second
    shown = client.get(first.json()["address"].removeprefix("http://testserver"))
    assert "two years." in visible(shown)
    assert "three" not in visible(shown)
    assert_problem(client.post(NOTICE, json={"text": "No."}, headers=key), 422, "invalid", "text")


def test_a_notice_of_the_greatest_length_in_any_script_fits_the_body(
    client: TestClient, key: dict[str, str]
) -> None:
    longest = "ŵ" * 30_000  # six bytes each in JSON
    assert client.post(NOTICE, json={"text": longest}, headers=key).status_code == 201


def test_a_repeated_publication_is_answered_once(client: TestClient, key: dict[str, str]) -> None:
    once = key | {"Idempotency-Key": "notice-1"}
    first = client.post(NOTICE, json={"text": TEXT}, headers=once)
    client.post(NOTICE, json={"text": TEXT + " Or three."}, headers=key)
    again = client.post(NOTICE, json={"text": TEXT}, headers=once)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")


def test_a_campaign_says_what_its_motion_asks_for_and_how_it_ended(
    client: TestClient, lobby: Lobby
) -> None:
    key, path = key_for(lobby, Scope.CAMPAIGNS_WRITE), f"/v1/campaigns/{CAMPAIGN}"
    values = {
        "hero_line": "Sign, then ask your MP.",
        "purpose": "  Stop the sale of the staff bank. ",
        "purpose_welsh": "atal y gwerthiant",
        "outcome": "The sale was dropped.\n\nThank you.",
        "outcome_on": "2026-06-30",
    }
    answer = client.patch(path, json=values, headers=key)
    assert answer.status_code == 200
    expected = values | {"purpose": "Stop the sale of the staff bank"}
    assert {name: client.get(path).json()[name] for name in values} == expected
    cleared = client.patch(path, json={"outcome": "", "outcome_on": None}, headers=key).json()
    assert (cleared["outcome"], cleared["outcome_on"]) == ("", None)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"outcome_on": "2026-06-30"}, "outcome_on"),
        ({"outcome": "Won.", "outcome_on": "2026-07-02"}, "outcome_on"),
        ({"outcome": "Won.", "outcome_on": 20_000}, "outcome_on"),
        ({"outcome": "Won.", "outcome_on": "30 June 2026"}, "outcome_on"),
        ({"outcome": "x" * 5001}, "outcome"),
        ({"purpose": "x" * 201}, "purpose"),
        ({"purpose": "stop\nit"}, "purpose"),
        ({"purpose_welsh": "x" * 201}, "purpose_welsh"),
        ({"hero_line": "x" * 201}, "hero_line"),
        ({"hero_line": None}, "hero_line"),
    ],
)
def test_a_wrong_text_of_a_campaign_names_its_field(
    client: TestClient, lobby: Lobby, values: dict[str, Any], field: str
) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    before = client.get(f"/v1/campaigns/{CAMPAIGN}").json()
    changed = client.patch(f"/v1/campaigns/{CAMPAIGN}", json=values, headers=key)
    new = {"slug": "new", "title": "New", "summary": "New", **values}
    made = client.post("/v1/campaigns", json=new, headers=key)
    for answer in (changed, made):
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert client.get(f"/v1/campaigns/{CAMPAIGN}").json() == before


def test_today_in_london_is_not_in_the_future(client: TestClient, lobby: Lobby) -> None:
    """At 23:30 UTC in summer, London has the next day."""
    clock: Any = lobby.clock
    clock.advance(hours=11, minutes=30)
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    values = {"outcome": "Won.", "outcome_on": "2026-07-02"}
    path = f"/v1/campaigns/{CAMPAIGN}"
    assert client.patch(path, json=values, headers=key).status_code == 200


def test_without_its_outcome_a_day_cannot_stay(client: TestClient, lobby: Lobby) -> None:
    key, path = key_for(lobby, Scope.CAMPAIGNS_WRITE), f"/v1/campaigns/{CAMPAIGN}"
    client.patch(path, json={"outcome": "Won.", "outcome_on": "2026-06-30"}, headers=key)
    answer = client.patch(path, json={"outcome": ""}, headers=key)
    assert_problem(answer, 422, "outcome_missing", "outcome_on")


def test_a_campaign_opens_without_any_of_this(client: TestClient, key: dict[str, str]) -> None:
    new = {"slug": "bare", "title": "Bare", "summary": "Bare"}
    assert client.post("/v1/campaigns", json=new, headers=key).json()["status"] == "open"
