"""Tests campaigns and their petitions in the JSON API."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from models import Scope
from services.assembly import Lobby
from services.errors import Unavailable
from services.parliament.official import backoff
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, Clock
from tests.support.keys import key_for, others_key
from tests.support.problems import assert_problem

ANNA = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
SIGN = f"/v1/petitions/{PETITION}/signatures"


def test_a_campaign_tells_its_petitions_motion_totals_and_news(client: TestClient) -> None:
    body = client.get(f"/v1/campaigns/{CAMPAIGN}").json()
    assert body["organisation"]["is_demonstration"] is True
    assert [petition["slug"] for petition in body["petitions"]] == [PETITION]
    assert body["motion"]["number"] == "152"
    assert body["motion"]["signatories"] == 4
    assert body["totals"]["signatures"] == body["petitions"][0]["signature_count"] == 360
    assert body["updates"]


@pytest.mark.parametrize(
    "path",
    [f"/v1/campaigns/{CAMPAIGN}", f"/v1/petitions/{PETITION}", f"/v1/campaigns/{CAMPAIGN}/tally"],
)
def test_a_read_that_has_not_changed_is_a_304(client: TestClient, clock: Clock, path: str) -> None:
    first = client.get(path)
    assert first.status_code == 200
    clock.advance(seconds=30)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_unknown_slugs_are_404(client: TestClient) -> None:
    assert_problem(client.get("/v1/campaigns/none"), 404, "campaign_unknown")
    assert_problem(client.get("/v1/campaigns/none/tally"), 404, "campaign_unknown")
    assert_problem(client.get("/v1/petitions/none"), 404, "petition_unknown")
    response = client.post("/v1/petitions/none/signatures", json=ANNA)
    assert_problem(response, 404, "petition_unknown")


def test_a_key_makes_a_campaign_and_a_petition(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    campaign = {"slug": "new", "title": "New", "summary": "A new one.", "motion_id": 900152}
    made = client.post("/v1/campaigns", json=campaign, headers=key)
    assert made.status_code == 201
    assert made.json()["motion"]["id"] == 900152
    petition = {"slug": "new-one", "action": "Do it", "addressed_to": "the House", "goal": 10}
    made = client.post("/v1/campaigns/new/petitions", json=petition, headers=key)
    assert made.status_code == 201
    assert made.json()["number"] == 2
    assert client.post("/v1/petitions/new-one/signatures", json=ANNA).status_code == 201
    assert_problem(client.post("/v1/campaigns", json=campaign, headers=key), 409, "exists_already")
    changed = client.patch("/v1/campaigns/new", json={"title": "Newer"}, headers=key)
    assert changed.json()["title"] == "Newer"
    assert changed.json()["summary"] == "A new one."


def test_a_draft_campaign_is_seen_by_its_own_organisation_only(
    client: TestClient, lobby: Lobby
) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    body = {"slug": "draft", "title": "Draft", "summary": "Not yet.", "status": "draft"}
    client.post("/v1/campaigns", json=body, headers=key)
    assert client.get("/v1/campaigns/draft", headers=key).status_code == 200
    assert_problem(client.get("/v1/campaigns/draft"), 404, "campaign_unknown")
    listed = [campaign["slug"] for campaign in client.get("/v1/campaigns").json()]
    assert listed == [CAMPAIGN]


def test_another_organisation_finds_nothing_of_ours_to_change_or_read(
    client: TestClient, lobby: Lobby
) -> None:
    every = (Scope.CAMPAIGNS_WRITE, Scope.SIGNATURES_READ, Scope.SIGNATURES_WRITE)
    key = others_key(lobby, *every)
    calls = [
        client.patch(f"/v1/campaigns/{CAMPAIGN}", json={"title": "Ours"}, headers=key),
        client.patch(f"/v1/petitions/{PETITION}", json={"action": "Ours"}, headers=key),
        client.post(f"/v1/campaigns/{CAMPAIGN}/petitions", json={}, headers=key),
        client.get(SIGN, headers=key),
        client.post(f"{SIGN}/bulk", json=[], headers=key),
    ]
    assert [call.status_code for call in calls] == [404, 404, 422, 404, 404]
    petition = {"slug": "theirs", "action": "Theirs", "addressed_to": "them"}
    call = client.post(f"/v1/campaigns/{CAMPAIGN}/petitions", json=petition, headers=key)
    assert call.status_code == 404


def test_keys_are_asked_for_and_checked(client: TestClient, lobby: Lobby) -> None:
    body = {"slug": "x", "title": "X", "summary": "X"}
    assert_problem(client.post("/v1/campaigns", json=body), 401, "key_missing")
    good = key_for(lobby, Scope.TALLIES_READ)
    assert_problem(client.post("/v1/campaigns", json=body, headers=good), 403, "scope_missing")
    for value in (good["Authorization"][:-2] + "xx", "Bearer nonsense", "Basic abc"):
        headers = {"Authorization": value}
        response = client.post("/v1/campaigns", json=body, headers=headers)
        assert_problem(response, 401, "key_invalid")
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_search_for_motions_needs_a_key_and_obeys_parliament(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    assert_problem(client.get("/v1/motions?query=NHS"), 401, "key_missing")
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    with lobby.database.write() as session:
        limited = Unavailable("motions_api_limited", "Wait.", 3100)
        backoff.note_failed(session, "motions", limited, now=clock.now)
    unknown = {"slug": "x", "title": "X", "summary": "X", "motion_id": 77}
    for response in (
        client.get("/v1/motions?query=NHS", headers=key),
        client.post("/v1/campaigns", json=unknown, headers=key),
    ):
        assert_problem(response, 503, "motions_api_limited")
        assert int(response.headers["Retry-After"]) >= 3100
    assert client.get("/v1/motions", headers=key).status_code == 422


def test_petitions_that_are_made_at_once_get_a_number_each(
    client: TestClient, lobby: Lobby
) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    slugs = [f"at-once-{number}" for number in range(8)]

    def make(slug: str) -> Any:
        body = {"slug": slug, "action": slug, "addressed_to": "Them"}
        return client.post(f"/v1/campaigns/{CAMPAIGN}/petitions", json=body, headers=key)

    with ThreadPoolExecutor(len(slugs)) as pool:
        answers = list(pool.map(make, slugs))
    assert [answer.status_code for answer in answers] == [201] * len(slugs)
    numbers = {answer.json()["number"] for answer in answers}
    assert len(numbers) == len(slugs)
    assert_problem(make(slugs[0]), 409, "exists_already")
