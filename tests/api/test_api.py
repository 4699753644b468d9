"""Tests the JSON API as a whole."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from models import Scope
from services.assembly import Lobby
from tests.support.common import CAMPAIGN, METRICS, PETITION
from tests.support.keys import key_for
from tests.support.problems import assert_problem

SIGN = f"/v1/petitions/{PETITION}/signatures"


def test_the_process_tells_how_it_is(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 200
    client.get(f"/v1/campaigns/{CAMPAIGN}")
    metrics = client.get("/metrics", headers=METRICS).text
    assert 'route="/v1/campaigns/{slug}"' in metrics
    assert CAMPAIGN not in metrics


def test_paths_that_do_not_exist_are_problems_too(client: TestClient) -> None:
    assert_problem(client.get("/v1/nothing"), 404, "http")
    assert_problem(client.delete(f"/v1/campaigns/{CAMPAIGN}"), 405, "http")


def test_every_answer_has_the_headers_of_safety(client: TestClient) -> None:
    for path in ("/", f"/v1/campaigns/{CAMPAIGN}", "/v1/nothing"):
        headers = client.get(path).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_body_that_is_far_too_large_is_refused_early(client: TestClient) -> None:
    response = client.post(SIGN, content=b" " * 22_000_000)
    assert_problem(response, 413, "http")


def test_of_very_many_wrong_fields_some_are_told_and_how_many_there_are(client: TestClient) -> None:
    for path in (SIGN, f"/v1/campaigns/{CAMPAIGN}/letters/draft"):
        response = client.post(path, json={f"field{n}": n for n in range(10_000)})
        problem = response.json()
        assert (response.status_code, len(problem["errors"])) == (422, 50)
        assert "10,00" in problem["detail"]
        assert len(response.content) < 10_000


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("path", "status"),
    [
        (SIGN, 400),
        (f"{SIGN}/bulk", 422),
        ("/api/v2/petitions/0197c5a0-0000-7000-8000-000000000001/signatures", 400),
        (f"/petitions/{PETITION}/sign", 400),
    ],
)
def test_a_sender_who_goes_away_half_way_is_no_failure_of_ours(
    client: TestClient, lobby: Lobby, path: str, status: int
) -> None:
    key = key_for(lobby, Scope.SIGNATURES_WRITE)["Authorization"]
    headers = {"content-type": "application/json", "content-length": "1000"}
    if path.endswith("bulk"):
        headers["authorization"] = key
    if path.endswith("sign"):
        headers["content-type"] = "application/x-www-form-urlencoded"
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
    }
    messages = [{"type": "http.request", "body": b"[{", "more_body": True}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    assert client.portal is not None
    client.portal.call(client.app, scope, receive, send)
    assert sent[0]["status"] == status


def test_a_path_with_a_nul_is_a_404(client: TestClient) -> None:
    for path in ("/v1/campaigns/%00", "/v1/petitions/a%00b", "/campaigns/%00"):
        assert client.get(path).status_code == 404


def test_head_answers_as_get_without_a_body(client: TestClient) -> None:
    for path in ("/", f"/v1/campaigns/{CAMPAIGN}"):
        get, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]


def test_a_long_answer_travels_compressed(client: TestClient) -> None:
    response = client.get(f"/v1/campaigns/{CAMPAIGN}/tally", headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"


def test_the_api_describes_itself(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert "/v1/petitions/{slug}/signatures" in document["paths"]
    assert not [path for path in document["paths"] if path.startswith("/confirm")]
