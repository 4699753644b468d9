"""Tests what pages of other sites may read and post (CORS)."""

import re
from collections.abc import Set
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from api.front import cross_origin
from api.front.rate_limiting import PROOF
from models import Scope
from services.assembly import Lobby
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION
from tests.support.contract.routes import PUBLIC
from tests.support.keys import key_for
from tests.support.rate_limits import client_with_limits

FROM_OTHER_SITE = {"Origin": "https://partner.example"}
SIGN = f"/v1/petitions/{PETITION}/signatures"
DRAFT = f"/v1/campaigns/{CAMPAIGN}/letters/draft"
ANNA = {"name": "Anna", "email": "anna@example.org", "postcode": CAN_SIGN}
ALLOWED = "access-control-allow-origin"
# Public files outside /v1.
FILES = {
    "/constituencies.json",
    "/openapi.json",
    "/petitions.csv",
    "/petitions.json",
    "/petitions/{number}.json",
    "/petitions/{number}/count.json",
}
# A partner's page posts these. All other public posts take a token from an email.
FORMS = {
    "POST /v1/campaigns/{slug}/letters",
    "POST /v1/campaigns/{slug}/letters/check",
    "POST /v1/campaigns/{slug}/letters/draft",
    "POST /v1/campaigns/{slug}/letters/opened",
    "POST /v1/petitions/{slug}/signatures",
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def preflight(client: TestClient, path: str, method: str, headers: str = "content-type") -> Any:
    request_headers = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    return client.options(path, headers=FROM_OTHER_SITE | request_headers)


def open_to_all() -> Set[str]:
    """Returns every call that pages of other sites may make."""
    reads = {call for call in PUBLIC if call.startswith("GET ")} | {f"GET {path}" for path in FILES}
    return reads | {call.replace("GET", "HEAD") for call in reads} | FORMS


def concrete_path(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "1", path)


# These set their cross-origin headers themselves.
BLIND = "/api/v2/petitions/{petition_id}/signatures"
WITH_OWN_HEADERS = {f"POST {BLIND}", f"OPTIONS {BLIND}", "GET /oembed", "GET /widget/v1.js"}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_of_all_routes_those_for_everybody_and_no_others_are_open_to_other_sites(
    client: TestClient,
) -> None:
    assert isinstance(client.app, FastAPI)
    paths = {route.path for route in iter_route_contexts(client.app.routes) if route.path}
    assert len(paths) > 90
    wanted = open_to_all()
    assert {call.partition(" ")[2] for call in wanted} <= paths
    for path in sorted(paths - {BLIND}):
        expected = {method for method in METHODS if f"{method} {path}" in wanted}
        assert set(cross_origin.methods_of(concrete_path(path))) == expected, path
        answer = preflight(client, concrete_path(path), "POST")
        if expected:
            assert answer.status_code == 204, path
            methods = set(answer.headers["access-control-allow-methods"].split(", "))
            assert methods == expected, path
        else:
            assert not [name for name in answer.headers if name.startswith("access-control")], path


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_no_answer_to_any_other_call_can_be_read_by_other_sites(client: TestClient) -> None:
    assert isinstance(client.app, FastAPI)
    wanted = open_to_all()
    calls = 0
    for route in iter_route_contexts(client.app.routes):
        for method in sorted(getattr(route, "methods", None) or ()):
            if f"{method} {route.path}" in wanted | WITH_OWN_HEADERS:
                continue
            calls += 1
            answer = client.request(
                method, concrete_path(route.path or ""), headers=FROM_OTHER_SITE
            )
            assert ALLOWED not in answer.headers, f"{method} {route.path}"
    assert calls > 90


def test_a_page_of_another_site_can_sign_and_read_what_it_needs(client: TestClient) -> None:
    answer_to_preflight = preflight(client, SIGN, "POST", "content-type,idempotency-key")
    assert (answer_to_preflight.status_code, answer_to_preflight.content) == (204, b"")
    assert answer_to_preflight.headers[ALLOWED] == "*"
    allowed = answer_to_preflight.headers["access-control-allow-headers"].lower()
    wanted = {"content-type", "idempotency-key", PROOF.lower()}
    assert wanted <= set(allowed.split(", "))
    assert int(answer_to_preflight.headers["access-control-max-age"]) > 0
    signed = client.post(SIGN, json=ANNA, headers=FROM_OTHER_SITE | {"Idempotency-Key": "k1"})
    assert (signed.status_code, signed.headers[ALLOWED]) == (201, "*")
    again = client.post(SIGN, json=ANNA, headers=FROM_OTHER_SITE | {"Idempotency-Key": "k1"})
    exposed = set(again.headers["access-control-expose-headers"].lower().split(", "))
    assert exposed >= {
        "etag",
        "idempotency-replayed",
        "link",
        "ratelimit",
        "retry-after",
    }
    assert again.headers["idempotency-replayed"] == "true"
    draft = client.post(DRAFT, json={"postcode": CAN_SIGN}, headers=FROM_OTHER_SITE)
    assert (draft.status_code, draft.headers[ALLOWED]) == (200, "*")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_neither_cookies_nor_keys_come_from_other_sites(client: TestClient, lobby: Lobby) -> None:
    answer = preflight(client, f"/v1/campaigns/{CAMPAIGN}", "GET", "authorization")
    assert "authorization" not in answer.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in answer.headers
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    for path in ("/v1/campaigns", f"/v1/campaigns/{CAMPAIGN}"):
        read = client.get(path, headers=FROM_OTHER_SITE)
        assert read.headers[ALLOWED] == "*"
        assert "access-control-allow-credentials" not in read.headers
        assert ALLOWED not in client.get(path, headers=FROM_OTHER_SITE | key).headers


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", [f"/v1/campaigns/{CAMPAIGN}", "/petitions.json"])
def test_the_headers_are_the_same_for_our_own_pages_and_for_what_is_unchanged(
    client: TestClient, path: str
) -> None:
    """A shared cache gives one answer to both."""
    ours = client.get(path)
    assert ours.headers[ALLOWED] == "*"
    unchanged = client.get(path, headers={"If-None-Match": ours.headers["etag"]})
    assert (unchanged.status_code, unchanged.headers[ALLOWED]) == (304, "*")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_other_sites_can_read_what_went_wrong(client: TestClient, lobby: Lobby) -> None:
    unknown = client.get("/v1/campaigns/none", headers=FROM_OTHER_SITE)
    assert (unknown.status_code, unknown.headers[ALLOWED]) == (404, "*")
    wrong = client.post(SIGN, json={}, headers=FROM_OTHER_SITE)
    assert (wrong.status_code, wrong.headers[ALLOWED]) == (422, "*")
    with client_with_limits(lobby, address=1) as limited:
        limited.post(SIGN, json=ANNA)
        refused = limited.post(SIGN, json=ANNA, headers=FROM_OTHER_SITE)
        assert (refused.status_code, refused.headers[ALLOWED]) == (429, "*")
        assert preflight(limited, SIGN, "POST").status_code == 204, "asking first costs nothing"
