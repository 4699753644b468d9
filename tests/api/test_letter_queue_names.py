"""Tests a campaign's letter queue under its current and its former name."""

import pytest
from fastapi.testclient import TestClient

from models import Scope
from services.assembly import Lobby
from tests.support.common import CAMPAIGN
from tests.support.keys import key_for, others_key

QUEUE = f"/v1/campaigns/{CAMPAIGN}/letter-queue"
FORMER = f"/v1/campaigns/{CAMPAIGN}/post"
CALLS = [
    ("GET", "", {}),
    ("GET", "/letters", {}),
    ("GET", "/letters", {"state": "queued", "limit": "2"}),
    ("POST", "/pause", {}),
    ("POST", "/resume", {}),
]


@pytest.mark.parametrize(("method", "path", "query"), CALLS)
def test_both_names_answer_the_same(
    client: TestClient, lobby: Lobby, method: str, path: str, query: dict[str, str]
) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE, Scope.LETTERS_READ)
    new, former = (
        client.request(method, f"{start}{path}", params=query, headers=key)
        for start in (QUEUE, FORMER)
    )
    assert new.status_code == former.status_code == 200
    assert new.json() == former.json()
    links = [answer.headers.get("Link", "").replace(FORMER, QUEUE) for answer in (new, former)]
    assert links[0] == links[1]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("start", [QUEUE, FORMER])
def test_another_organisations_queue_is_not_there(
    client: TestClient, lobby: Lobby, start: str
) -> None:
    other = others_key(lobby, Scope.CAMPAIGNS_WRITE, Scope.LETTERS_READ)
    for method, path, _ in CALLS:
        assert client.request(method, f"{start}{path}", headers=other).status_code == 404


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_document_says_which_name_is_the_former(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    start = "/v1/campaigns/{slug}"
    for method, path, query in CALLS:
        if query:
            continue
        new = paths[f"{start}/letter-queue{path}"][method.lower()]
        former = paths[f"{start}/post{path}"][method.lower()]
        assert "deprecated" not in new
        assert former["deprecated"] is True
        assert former["operationId"] != new["operationId"]
        assert f"`{start}/letter-queue{path}`" in former["description"]
        for part in ("parameters", "security", "tags"):
            assert former.get(part) == new.get(part)
