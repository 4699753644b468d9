"""Tests that the OpenAPI document describes every call and that answers agree with it."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient

from api.openapi import EXAMPLES, METRICS_SCHEME, SCHEME, TAGS, examples
from core.version import version
from tests.support.contract.routes import ANY_KEY, METRICS, api_routes

PROBLEM = "application/problem+json"
JSON = "application/json"


_documents: dict[str, Any] = {}


@pytest.fixture
def document(client: TestClient) -> Any:
    """Returns the document. It takes a second to build and is equal in every application."""
    if "json" not in _documents:
        _documents["json"] = client.get("/openapi.json").json()
    return _documents["json"]


def operations(document: Any) -> Iterator[tuple[str, Any]]:
    """Yields each call, such as `GET /path`, with its description."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def resolved(document: Any, schema: Any) -> Any:
    """Returns the schema with the components that it refers to."""
    return {"components": document["components"], **schema}


only_once = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@only_once
def test_the_document_has_the_version_of_the_service(document: Any) -> None:
    assert document["info"]["version"] == version()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version())


@only_once
def test_every_call_has_a_summary_of_its_own_a_description_and_a_described_tag(
    document: Any,
) -> None:
    summaries = []
    for call, operation in operations(document):
        summary = operation["summary"]
        assert operation["description"].startswith(summary), call
        assert not summary.endswith("."), call
        assert "\n" not in summary, call
        assert set(operation["tags"]) <= TAGS.keys(), call
        assert len(operation["tags"]) == 1, call
        summaries.append(summary)
    assert len(summaries) == len(set(summaries)) > 70
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert described == TAGS
    assert {tag for _, operation in operations(document) for tag in operation["tags"]} == set(TAGS)


@only_once
def test_every_call_has_a_name_of_its_own_for_clients_that_are_made_from_it(
    document: Any,
) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch("[a-z_]+", name) for name in names)


@only_once
def test_no_two_schemas_have_one_name(document: Any) -> None:
    """FastAPI would prefix such names with their modules, which breaks client generators."""
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


@only_once
def test_every_error_is_a_problem(document: Any) -> None:
    for call, operation in operations(document):
        errors = {status for status in operation["responses"] if status >= "400"}
        assert {"404", "422", "429", "503"} <= errors, call
        for status in errors:
            answer = operation["responses"][status]
            assert answer["description"], call
            assert answer["content"] == {
                PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}
            }, call


@only_once
def test_every_call_says_whether_it_needs_a_key_and_for_what(
    client: TestClient, document: Any
) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes.keys() == {SCHEME, METRICS_SCHEME}
    for scheme in schemes.values():
        assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert isinstance(client.app, FastAPI)
    needed = api_routes(client.app)
    for call, operation in operations(document):
        scopes = [str(scope) for scope in needed.get(call, ())]
        if scopes or call in ANY_KEY:
            assert operation["security"] == [{SCHEME: scopes}], call
        elif call == METRICS:
            assert operation["security"] == [{METRICS_SCHEME: []}]
        else:
            assert operation["security"] in ([], [{}, {SCHEME: []}]), call


@only_once
def test_a_call_says_that_a_key_is_looked_at_wherever_one_is(
    client: TestClient, document: Any
) -> None:
    """An invalid key makes these calls fail. All other calls ignore it."""
    assert isinstance(client.app, FastAPI)
    for call, operation in operations(document):
        method, path = call.split(" ")
        if method != "GET":
            continue
        answer = client.get(
            re.sub(r"\{\w+\}", "1", path), headers={"Authorization": "Bearer lobby_none_none"}
        )
        assert (answer.status_code == 401) == bool(operation["security"]), call


@only_once
def test_every_body_and_every_answer_has_an_example_that_fits(document: Any) -> None:
    for call, operation in operations(document):
        parts = {"body": operation["requestBody"]["content"]} if "requestBody" in operation else {}
        for status, answer in operation["responses"].items():
            if status < "300" and status != "204":
                parts[status] = answer["content"]
        for part, content in parts.items():
            for media_type, media in content.items():
                where = f"{call}: {part} as {media_type}"
                assert "schema" in media, where
                assert "example" in media, where
                schema = resolved(document, media["schema"])
                validator = jsonschema_rs.Draft202012Validator(schema)
                assert [str(error) for error in validator.iter_errors(media["example"])] == [], (
                    where
                )


@only_once
def test_no_example_is_of_a_call_that_there_is_not(document: Any) -> None:
    names = {operation["operationId"] for _, operation in operations(document)}
    assert examples().keys() <= names, EXAMPLES


@only_once
def test_whatever_is_made_and_can_be_read_says_where_it_is(document: Any) -> None:
    """Signatures, letters, replies, notes and privacy notices have no address of their own."""
    calls = dict(operations(document))
    located = {
        call
        for call, operation in calls.items()
        if "Location" in operation["responses"].get("201", {}).get("headers", {})
    }
    made = {call for call, operation in calls.items() if "201" in operation["responses"]}
    ends = ("{slug}", "{id}", "_id}")
    readable = {
        call
        for call in made
        for other in calls
        if other.startswith(call.replace("POST ", "GET ") + "/{") and other.endswith(ends)
    }
    at_home = {"POST /v1/campaigns/{slug}/petitions", "POST /v1/hooks"}  # read at other paths
    assert located == readable | at_home
    assert len(located) == 7


@only_once
def test_every_call_has_a_docstring(client: TestClient) -> None:
    assert isinstance(client.app, FastAPI)
    for context in iter_route_contexts(client.app.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.include_in_schema:
            assert inspect.getdoc(route.endpoint), context.path


@only_once
def test_a_document_that_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/openapi.json")
    assert (first.headers["content-type"], first.headers["content-encoding"]) == (JSON, "gzip")
    again = client.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
