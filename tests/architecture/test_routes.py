"""Tests that each call needs a key or is listed as public."""

import re
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.support.common import CAMPAIGN, PETITION
from tests.support.contract.routes import ANY_KEY, METRICS, PUBLIC, PUBLIC_ELSEWHERE, api_routes


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


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_of_the_calls_elsewhere_only_the_metrics_need_a_token(
    app: FastAPI, client: TestClient
) -> None:
    elsewhere = {
        f"{method.upper()} {path}"
        for path, methods in app.openapi()["paths"].items()
        for method in methods
        if not path.startswith("/v1/")
    }
    assert elsewhere == PUBLIC_ELSEWHERE | {METRICS}
    refused = {
        call
        for call in elsewhere
        if client.get(concrete_path(call.split(" ")[1])).status_code == 401
    }
    assert refused == {METRICS}


def concrete_path(path: str) -> str:
    """Returns the path with a value for each parameter: a slug, a number or an id."""
    slug = PETITION if "petitions/" in path else CAMPAIGN
    numbered = re.sub(r"\{(member|motion)_id\}", "1", path.replace("{slug}", slug))
    return re.sub(r"\{\w+\}", str(UUID(int=1)), numbered)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_call_that_needs_a_scope_is_refused_without_a_key(
    app: FastAPI, client: TestClient
) -> None:
    for call in sorted(api_routes(app).keys() - PUBLIC):
        method, path = call.split(" ")
        answer = client.request(method, concrete_path(path), json={})
        assert (answer.status_code, answer.json()["code"]) == (401, "key_missing"), call


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_call_is_described(app: FastAPI) -> None:
    described = {
        f"{method.upper()} {path}"
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    assert api_routes(app).keys() <= described
