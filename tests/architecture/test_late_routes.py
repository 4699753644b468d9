"""Tests routes that FastAPI analyses at their first request."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient

from api.http.late_routes import LateRoute, Router, gathered
from core.settings import Settings
from main import create_app
from services.assembly import Lobby

router = Router(tags=["numbers"])


@router.get("/double/{number}", responses={404: {"description": "none"}})
def double(number: int, times: int = 2) -> int:
    """Multiplies."""
    return number * times


class Holder:
    router = router


def made(**options: object) -> LateRoute:
    (route,) = gathered([Holder], "/v1", **options)
    return route


def test_a_route_is_analysed_at_its_first_request_and_answers_as_any_other() -> None:
    route = made()
    app = FastAPI(routes=[route])
    client = TestClient(app)
    assert client.get("/v1/other").status_code == 404
    assert client.post("/v1/double/4").status_code == 405
    assert not route.is_analysed
    assert client.get("/v1/double/4?times=3").json() == 12
    assert route.is_analysed
    assert client.get("/v1/double/four").json()["detail"][0]["loc"] == ["path", "number"]


def test_a_route_is_what_fastapi_would_make_of_it() -> None:
    route = made()
    early = APIRoute("/v1/double/{number}", double, tags=["numbers"], methods=["GET"])
    matched = ("path", "name", "methods", "path_regex", "path_format", "include_in_schema")
    assert [getattr(route, name) for name in matched] == [getattr(early, name) for name in matched]
    assert not route.is_analysed
    assert (route.description, route.unique_id) == ("Multiplies.", "numbers_double")
    assert [each.name for each in route.dependant.query_params] == ["times"]
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = route.no_such_thing


def test_the_shared_responses_stand_beside_those_of_a_route() -> None:
    responses = made(responses={404: {"description": "shared"}, 429: {"description": "wait"}})
    assert {status: each["description"] for status, each in responses.responses.items()} == {
        404: "none",
        429: "wait",
    }
    assert not made(include_in_schema=False).include_in_schema
    (declared,) = router.routes
    assert isinstance(declared, LateRoute)
    assert declared.include_in_schema


def test_several_threads_may_ask_of_a_route_at_once() -> None:
    route = made()
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: route.dependant.query_params[0].name, range(64)))
    assert set(names) == {"times"}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_all_routes_of_the_service_can_be_analysed(lobby: Lobby) -> None:
    """A fault in a declaration shows here, and not at the first request."""
    app = create_app(Settings(), lobby=lobby)
    routes = [each.original_route for each in iter_route_contexts(app.routes)]
    ours = [route for route in routes if isinstance(route, APIRoute)]
    assert len(ours) > 300
    assert all(isinstance(route, LateRoute) for route in ours)
    assert all(route.dependant.call is route.endpoint for route in ours)
