"""Tests that answers carry `status` and `state`, and that requests take either."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from models import Scope
from services.assembly import Lobby
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION
from tests.support.keys import key_for
from tests.support.problems import assert_problem

CAMPAIGN_BODY = {"slug": "beds", "title": "Beds", "summary": "More of them."}
PETITION_BODY = {"slug": "more", "action": "More beds", "addressed_to": "Parliament"}
PETITIONS = f"/v1/campaigns/{CAMPAIGN}/petitions"
FOREIGN = ("/petitions.json", "/petitions/1.json", "/livez", "/readyz")


@pytest.fixture
def key(lobby: Lobby) -> dict[str, str]:
    return key_for(lobby, *Scope)


def objects(value: Any) -> list[dict[str, Any]]:
    """Returns all objects within a JSON value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [each for item in inner for each in objects(item)]
    return [value, *found] if isinstance(value, dict) else found


@pytest.mark.parametrize(
    "path",
    [
        "/v1/campaigns",
        f"/v1/campaigns/{CAMPAIGN}",
        f"/v1/campaigns/{CAMPAIGN}/tally",
        f"/v1/campaigns/{CAMPAIGN}/letter-queue/letters",
        f"/v1/petitions/{PETITION}",
        f"/v1/petitions/{PETITION}/signatures",
        f"/v1/postcodes/{CAN_SIGN}",
        "/v1/motions/900152",
        "/v1/keys",
    ],
)
def test_answers_carry_both_names_with_one_value(
    client: TestClient, key: dict[str, str], path: str
) -> None:
    answer = client.get(path, headers=key)
    assert answer.status_code == 200, answer.text
    named = [each for each in objects(answer.json()) if {"status", "state"} & each.keys()]
    assert named
    assert all(each["status"] == each["state"] for each in named)


@pytest.mark.parametrize("path", FOREIGN)
def test_the_formats_of_others_keep_their_one_name(client: TestClient, path: str) -> None:
    for each in objects(client.get(path).json()):
        assert not {"status", "state"} <= each.keys()


@pytest.mark.parametrize("name", ["status", "state"])
def test_a_body_may_have_either_name(client: TestClient, key: dict[str, str], name: str) -> None:
    made = client.post("/v1/campaigns", json=CAMPAIGN_BODY | {name: "draft"}, headers=key)
    assert (made.status_code, made.json()["status"]) == (201, "draft")
    opened = client.patch("/v1/campaigns/beds", json={name: "open"}, headers=key)
    assert (opened.status_code, opened.json()["state"]) == (200, "open")
    petition = client.post(PETITIONS, json=PETITION_BODY | {name: "draft"}, headers=key)
    assert (petition.status_code, petition.json()["state"]) == (201, "draft")
    closed = client.patch("/v1/petitions/more", json={name: "closed"}, headers=key)
    assert (closed.status_code, closed.json()["status"]) == (200, "closed")
    both = {"status": "open", "state": "open"}
    assert client.patch("/v1/petitions/more", json=both, headers=key).json()["state"] == "open"
    unknown = client.patch("/v1/petitions/more", json={name: "opne"}, headers=key)
    assert_problem(unknown, 422, "invalid", "state")
    assert "Did you mean 'open'?" in unknown.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/campaigns", CAMPAIGN_BODY),
        ("PATCH", f"/v1/campaigns/{CAMPAIGN}", {}),
        ("POST", PETITIONS, PETITION_BODY),
        ("PATCH", f"/v1/petitions/{PETITION}", {}),
    ],
)
def test_two_values_are_refused_with_both_names(
    client: TestClient, key: dict[str, str], method: str, path: str, body: dict[str, str]
) -> None:
    differ = body | {"status": "open", "state": "closed"}
    answer = client.request(method, path, json=differ, headers=key)
    assert_problem(answer, 422, "status_and_state_differ", "status", "state")


@pytest.mark.parametrize(
    ("path", "value", "other"),
    [
        ("/v1/petitions", "open", "closed"),
        (f"/v1/petitions/{PETITION}/signatures", "confirmed", "withdrawn"),
        (f"/v1/petitions/{PETITION}/signatures.csv", "confirmed", "withdrawn"),
        (f"/v1/campaigns/{CAMPAIGN}/letters.jsonl", "sent", "queued"),
        (f"/v1/campaigns/{CAMPAIGN}/letter-queue/letters", "sent", "queued"),
    ],
)
def test_a_query_may_have_either_name(
    client: TestClient, key: dict[str, str], path: str, value: str, other: str
) -> None:
    by_state = client.get(path, params={"state": value}, headers=key)
    by_status = client.get(path, params={"status": value}, headers=key)
    assert by_status.content == by_state.content != b""
    assert client.get(path, params={"status": other}, headers=key).content != by_state.content
    differ = client.get(path, params={"status": value, "state": other}, headers=key)
    assert_problem(differ, 422, "status_and_state_differ", "status", "state")
