"""Tests that no response has anything of the Host header, and that foreign hosts are refused."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from main import create_app
from models import Scope
from services.assembly import Lobby
from tests.support.common import CAMPAIGN, METRICS, PETITION
from tests.support.contract.every_route import every_route, path_to
from tests.support.keys import key_for
from tests.support.mail import sign
from tests.support.problems import assert_problem

only_once = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
FOREIGN = (
    "evil.example.org",
    "evil.example.org:80",
    "testserver.evil.example.org",
    "eviltestserver",
    "testserver@evil.example.org",
    "evil.example.org#testserver",
    "192.0.2.7",
    "[2001:db8::7]:8000",
    "127.0.0.1.evil.example.org",
    "[::1",
    "test server",
    "",
)
OWN = (
    "testserver",
    "testserver:8443",
    "TestServer",
    "testserver.",
    "localhost:8000",
    "127.0.0.1",
    "127.9.9.9:1",
    "[::1]:8000",
)


@pytest.mark.parametrize("host", FOREIGN)
@only_once
def test_a_request_for_another_host_is_refused(client: TestClient, host: str) -> None:
    answer = client.get(f"/v1/petitions/{PETITION}", headers={"Host": host})
    assert_problem(answer, 421, "host_unknown")
    assert "http://testserver" in answer.json()["detail"]
    assert "LOBBY_BASE_URL" in answer.json()["detail"]
    page = client.get("/", headers={"Host": host})
    assert page.status_code == 421
    assert page.headers["content-type"].startswith("text/html")
    for text in (answer.text, page.text, str(answer.headers), str(page.headers)):
        assert "evil" not in text
        assert "2001:db8" not in text


@only_once
def test_a_second_host_header_does_not_help(client: TestClient) -> None:
    headers = [("Host", "testserver"), ("Host", "evil.example.org")]
    assert client.get("/", headers=headers).status_code == 421


@only_once
def test_nothing_is_signed_at_another_host(client: TestClient) -> None:
    body = {"name": "Anna Example", "email": "anna@example.org", "postcode": "EH1 1YZ"}
    path = f"/v1/petitions/{PETITION}/signatures"
    answer = client.post(path, json=body, headers={"Host": "evil.example.org"})
    assert_problem(answer, 421, "host_unknown")
    answer = client.post("/api/v2/people", json={}, headers={"Host": "evil.example.org"})
    assert answer.status_code == 421
    assert answer.json().keys() == {"error"}


@pytest.mark.parametrize("host", OWN)
@only_once
def test_the_own_host_and_loopback_are_served(client: TestClient, host: str) -> None:
    for path in ("/", f"/embed/{PETITION}", "/widget/v1.js", f"/v1/campaigns/{CAMPAIGN}"):
        assert client.get(path, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["10.0.0.7:8000", "lobby", "[2001:db8::7]"])
@only_once
def test_health_checks_and_prometheus_may_use_any_address(client: TestClient, host: str) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert client.get(path, headers={"Host": host, **METRICS}).status_code == 200


@only_once
def test_a_request_without_a_host_is_served(client: TestClient) -> None:
    # HTTP/1.0 has no Host. httpx always sends one, so the scope is changed.
    async def without(scope, receive, send):  # type: ignore[no-untyped-def] # plain ASGI
        if scope["type"] == "http":
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"host"]
        await client.app(scope, receive, send)

    bare = TestClient(without, follow_redirects=False)
    assert bare.get("/campaigns/").status_code == 404
    assert bare.get(f"/campaigns/{CAMPAIGN}").status_code == 200


@pytest.mark.slow
@only_once
def test_no_header_and_no_body_has_anything_of_the_host(client: TestClient) -> None:
    # Loopback is served whatever LOBBY_BASE_URL says, so this reaches every route.
    app = client.app
    assert isinstance(app, FastAPI)
    headers = {
        "Host": "127.0.0.1:4711",
        "X-Forwarded-Host": "forwarded.example.org",
        "Forwarded": "host=forwarded.example.org",
    }
    routes = set(every_route(app))
    assert len(routes) > 100
    for method, template in sorted(routes):
        for path in (path_to(template), path_to(template) + "/"):
            answer = client.request(method, path, headers=headers)
            assert answer.status_code != 421
            for text in (str(answer.headers.raw), answer.text):
                assert ":4711" not in text, (method, path)
                assert "forwarded.example.org" not in text, (method, path)


def test_the_link_to_the_next_page_begins_with_the_base_url(
    client: TestClient, lobby: Lobby
) -> None:
    for name in ("anna", "berta"):
        sign(lobby, email=f"{name}@example.org")
    key = key_for(lobby, Scope.SIGNATURES_READ)
    path = f"/v1/petitions/{PETITION}/signatures?limit=1&state=pending"
    answer = client.get(path, headers={**key, "Host": "localhost:4711"})
    assert answer.headers["Link"].startswith(f"<http://testserver/v1/petitions/{PETITION}/sig")
    assert "state=pending" in answer.headers["Link"]
    assert "limit=1" in answer.headers["Link"]


# ---- a slash at the end


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (f"/campaigns/{CAMPAIGN}/", f"/campaigns/{CAMPAIGN}"),
        (f"/campaigns/{CAMPAIGN}///", f"/campaigns/{CAMPAIGN}"),
        (f"/petitions/{PETITION}/?source=a%20b", f"/petitions/{PETITION}?source=a%20b"),
        ("/v1/postcodes/EH1%201YZ/", "/v1/postcodes/EH1%201YZ"),
        ("/confirm/a%25b/", "/confirm/a%25b"),
    ],
)
@only_once
def test_a_slash_at_the_end_leads_to_the_path_without_it(
    client: TestClient, path: str, target: str
) -> None:
    answer = client.get(path, headers={"Host": "localhost:4711"})
    assert answer.status_code == 307
    assert answer.headers["Location"] == target


@pytest.mark.parametrize("path", ["//evil.example.org/", "/\\evil.example.org/", "/nothing/", "//"])
@only_once
def test_a_slash_at_the_end_leads_to_no_other_site(lobby: Lobby, path: str) -> None:
    async def with_path(scope, receive, send):  # type: ignore[no-untyped-def] # plain ASGI
        if scope["type"] == "http":
            scope["path"] = path
        await app(scope, receive, send)

    app = create_app(lobby.settings, lobby=lobby)
    answer = TestClient(with_path, follow_redirects=False).get("/x")
    location = answer.headers.get("Location", "/")
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert answer.status_code == 404 or location == "/"
