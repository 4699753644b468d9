"""Each call asks for a key, or is meant for everybody."""

import re
from collections.abc import Set
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from api.action_network.dependencies import RequireToken
from api.http.dependencies import RequireScope
from models import Scope
from tests.support.common import CAMPAIGN, PETITION

PUBLIC = {
    "GET /v1/campaigns",
    "GET /v1/campaigns/{slug}",
    "GET /v1/campaigns/{slug}/tally",
    "GET /v1/campaigns/{slug}/events.ics",
    "GET /v1/campaigns/{slug}/motions",
    "GET /v1/campaigns/{slug}/news.atom",
    "GET /v1/campaigns/{slug}/tally/events",
    "GET /v1/campaigns/{slug}/tally/events.atom",
    "GET /v1/campaigns/{slug}/tally/history",
    "GET /v1/campaigns/{slug}/tally/history.csv",
    "GET /v1/campaigns/{slug}/tally/summary",
    "GET /v1/campaigns/{slug}/tally/summary.csv",
    "GET /v1/campaigns/{slug}/tally.csv",
    "GET /v1/campaigns/{slug}/tally.jsonl",
    "GET /v1/members/{member_id}",
    "GET /v1/petitions/{slug}",
    "GET /v1/postcodes/{postcode}",
    "POST /v1/campaigns/{slug}/letters",
    "POST /v1/campaigns/{slug}/letters/check",
    "POST /v1/campaigns/{slug}/letters/draft",
    "POST /v1/campaigns/{slug}/letters/opened",
    "POST /v1/letters/answer",
    "POST /v1/letters/cancel",
    "POST /v1/letters/confirm",
    "POST /v1/letters/copy",
    "POST /v1/petitions/{slug}/signatures",
    "POST /v1/preferences",
    "POST /v1/preferences/read",
    "POST /v1/signatures/confirm",
    "POST /v1/signatures/disown",
    "POST /v1/signatures/watch",
    "POST /v1/signatures/withdraw",
}
ANY_KEY = {"DELETE /v1/keys/{prefix}"}  # which says by itself what each key may do


def scopes_in(dependant: Dependant) -> Set[Scope]:
    """The scopes that a route's dependencies ask for."""
    scopes = {scope for part in dependant.dependencies for scope in scopes_in(part)}
    if isinstance(dependant.call, RequireScope) and dependant.call.scope is not None:
        scopes.add(dependant.call.scope)
    if isinstance(dependant.call, RequireToken):
        scopes.add(Scope.ACTION_NETWORK)
    return scopes


def api_routes(app: FastAPI) -> dict[str, Set[Scope]]:
    """Every call under /v1, with the scopes that it needs."""
    calls = {}
    for route in iter_route_contexts(app.routes):
        path = route.path or ""
        if path.startswith("/v1/"):
            dependant: Any = getattr(route, "dependant", None)
            assert isinstance(dependant, Dependant), f"{path} is no route of the API's kind"
            for method in route.methods or ():
                calls[f"{method} {path}"] = scopes_in(dependant)
    return calls


@pytest.fixture
def app(client: TestClient) -> FastAPI:
    assert isinstance(client.app, FastAPI)
    return client.app


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_call_needs_a_scope_or_is_meant_for_everybody(app: FastAPI) -> None:
    calls = api_routes(app)
    assert {call for call, scopes in calls.items() if not scopes} == PUBLIC | ANY_KEY
    assert len(calls) > len(PUBLIC)
    assert all(len(scopes) <= 1 for scopes in calls.values())


def filled(path: str) -> str:
    """A path with something in each of its places: a slug, a number of Parliament's, or an id."""
    slug = PETITION if "petitions/" in path else CAMPAIGN
    numbered = re.sub(r"\{(member|motion)_id\}", "1", path.replace("{slug}", slug))
    return re.sub(r"\{\w+\}", str(UUID(int=1)), numbered)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_call_that_needs_a_scope_is_refused_without_a_key(
    app: FastAPI, client: TestClient
) -> None:
    for call in sorted(api_routes(app).keys() - PUBLIC):
        method, path = call.split(" ")
        answer = client.request(method, filled(path), json={})
        assert (answer.status_code, answer.json()["code"]) == (401, "key_missing"), call


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_call_is_described(app: FastAPI) -> None:
    described = {
        f"{method.upper()} {path}"
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    assert api_routes(app).keys() <= described
