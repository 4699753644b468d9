"""Tests the calls that list and revoke API keys. No call creates one."""

import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from models import Scope
from services.assembly import Lobby
from tests.support.common import PETITION, Clock
from tests.support.contract.routes import api_routes
from tests.support.keys import (
    Headers,
    count_keys,
    key_for,
    key_of,
    logged,
    others_key,
    revoke,
    secret_of,
)
from tests.support.partners import PAPER, ROUTE, add_partner, bearer, partner_key, secret
from tests.support.problems import assert_problem

KEYS = "/v1/keys"


def prefix_of(key: Headers) -> str:
    return key["Authorization"].split("_")[1]


def is_accepted(client: TestClient, key: Headers) -> bool:
    """Returns whether the service accepts the key, with or without the scope for this call."""
    return client.delete(f"{KEYS}/{'0' * 12}", headers=key).status_code != 401


def test_keys_are_listed_with_all_but_their_secrets(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    add_partner(lobby)
    ours = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    theirs = secret(
        lobby,
        Scope.SIGNATURES_WRITE,
        partner_slug=PAPER,
        name="their form",
        petition_slugs=[PETITION],
    )
    others_key(lobby, Scope.SIGNATURES_READ)
    revoke(lobby, theirs)
    answer = client.get(KEYS, headers=ours)
    first, second = answer.json()
    made = clock.now.isoformat().replace("+00:00", "Z")
    assert second == {
        "prefix": theirs.split("_")[1],
        "name": "their form",
        "partner": PAPER,
        "scopes": ["signatures:write"],
        "petitions": [PETITION],
        "state": "revoked",
        "status": "revoked",
        "created_at": made,
        "expires_at": None,
        "revoked_at": made,
        "last_used_at": None,
    }
    assert (first["prefix"], first["state"], first["petitions"]) == (prefix_of(ours), "live", [])
    for key in (ours["Authorization"], theirs):
        assert secret_of(key) not in answer.text


def test_keys_are_listed_by_pages(client: TestClient, lobby: Lobby) -> None:
    made = [key_for(lobby, Scope.CAMPAIGNS_WRITE) for _ in range(3)]
    prefixes, url = [], f"{KEYS}?limit=2"
    while url:
        page = client.get(url, headers=made[0])
        prefixes += [row["prefix"] for row in page.json()]
        url = page.links.get("next", {}).get("url", "")
    assert prefixes == [prefix_of(key) for key in made]


def test_only_who_may_change_campaigns_sees_which_keys_there_are(
    client: TestClient, lobby: Lobby
) -> None:
    add_partner(lobby)
    for key in (partner_key(lobby), key_for(lobby, Scope.SIGNATURES_READ)):
        assert_problem(client.get(KEYS, headers=key), 403, "scope_missing")


@pytest.mark.parametrize("scope", list(Scope))
def test_any_key_ends_itself(client: TestClient, lobby: Lobby, clock: Clock, scope: Scope) -> None:
    key = key_for(lobby, scope)
    with logged() as logs:
        answer = client.delete(f"{KEYS}/{prefix_of(key)}", headers=key)
    assert (answer.status_code, answer.content) == (204, b"")
    assert_problem(client.get(ROUTE, headers=key), 401, "key_invalid")
    row = key_of(lobby, key)
    assert row.revoked_at == clock.now
    (entry,) = [entry for entry in logs if entry["event"] == "key_revoked"]
    assert (entry["key_id"], entry["by"]) == (str(row.id), f"key {row.prefix}")
    assert secret_of(key["Authorization"]) not in json.dumps(logs, default=str)


def test_a_partners_key_ends_itself_and_no_other_key(client: TestClient, lobby: Lobby) -> None:
    add_partner(lobby)
    key, fellow = partner_key(lobby), partner_key(lobby)
    ours = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    for other in (prefix_of(fellow), prefix_of(ours), "0" * 12):
        answer = client.delete(f"{KEYS}/{other}", headers=key)
        assert_problem(answer, 403, "scope_missing")
    assert is_accepted(client, fellow)
    assert is_accepted(client, ours)
    assert client.delete(f"{KEYS}/{prefix_of(key)}", headers=key).status_code == 204
    assert not is_accepted(client, key)


def test_who_may_change_campaigns_ends_keys_of_the_organisation_and_of_its_partners(
    client: TestClient, lobby: Lobby
) -> None:
    add_partner(lobby)
    ours = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    for ended in (partner_key(lobby), key_for(lobby, Scope.SIGNATURES_READ)):
        for _ in range(2):
            answer = client.delete(f"{KEYS}/{prefix_of(ended)}", headers=ours)
            assert answer.status_code == 204, "again: the same"
        assert not is_accepted(client, ended)
    assert is_accepted(client, ours)


def test_another_organisations_key_is_not_there(client: TestClient, lobby: Lobby) -> None:
    ours = key_for(lobby, Scope.SIGNATURES_READ)
    theirs = others_key(lobby, Scope.CAMPAIGNS_WRITE)
    for prefix in (prefix_of(ours), "0" * 12):
        answer = client.delete(f"{KEYS}/{prefix}", headers=theirs)
        assert_problem(answer, 404, "key_unknown")
    assert is_accepted(client, ours)
    listed = [row["prefix"] for row in client.get(KEYS, headers=theirs).json()]
    assert listed == [prefix_of(theirs)]


def test_a_whole_key_has_no_place_in_an_address(client: TestClient, lobby: Lobby) -> None:
    whole = secret(lobby, Scope.CAMPAIGNS_WRITE)
    digits = whole.split("_")[1]
    for text in (whole, f"lobby_{digits}", digits.upper() + "G", digits[:-1], "%00", "a%09b"):
        answer = client.delete(f"{KEYS}/{text}", headers=bearer(whole))
        assert_problem(answer, 404, "key_unknown")
        assert whole not in answer.text
    assert is_accepted(client, bearer(whole))


def test_a_key_that_has_ended_ends_nothing(client: TestClient, lobby: Lobby) -> None:
    key, other = key_for(lobby, Scope.CAMPAIGNS_WRITE), key_for(lobby, Scope.SIGNATURES_READ)
    revoke(lobby, prefix_of(key))
    for prefix in (prefix_of(key), prefix_of(other)):
        answer = client.delete(f"{KEYS}/{prefix}", headers=key)
        assert_problem(answer, 401, "key_invalid")
    assert is_accepted(client, other)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_no_call_makes_a_key(client: TestClient, lobby: Lobby) -> None:
    assert isinstance(client.app, FastAPI)
    calls = {call for call in api_routes(client.app) if "/keys" in call}
    assert calls == {"GET /v1/keys", "DELETE /v1/keys/{prefix}"}
    before, key = count_keys(lobby) + 1, key_for(lobby, *Scope)
    body: dict[str, Any] = {"name": "another", "scopes": ["campaigns:write"]}
    assert client.post(KEYS, json=body, headers=key).status_code == 405
    assert count_keys(lobby) == before
