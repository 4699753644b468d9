"""Runs a short contract drill and checks that it detects faults; `make drill` runs it in full."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from schemathesis import GenerationMode

from drills.contract import ask, modes_of
from services.assembly import Lobby
from tools.live_service import LiveService, serving

pytestmark = pytest.mark.slow

FEW = 150  # cases; takes a second or two. `python -m drills.contract` runs thousands.


@pytest.fixture
def service(lobby: Lobby) -> Iterator[LiveService]:
    with serving(lobby) as service:
        yield service


@pytest.mark.filterwarnings("default")  # warnings of schemathesis's own dependencies
def test_no_answer_is_a_500_or_other_than_the_document_says(service: LiveService) -> None:
    report = ask(service, FEW)
    assert report.cases >= FEW / 2
    assert report.wrong == {}
    assert {200, 404, 422} <= report.statuses.keys(), "it came past the door"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.filterwarnings("default")
def test_an_answer_that_is_other_than_the_document_says_is_found(service: LiveService) -> None:
    document = copy.deepcopy(service.document)
    livez = document["paths"]["/livez"]["get"]
    postcode = document["paths"]["/v1/postcodes/{postcode}"]["get"]
    petition = document["paths"]["/v1/petitions/{slug}"]["get"]
    document["paths"] = {
        "/livez": {"get": livez},
        "/v1/postcodes/{postcode}": {"get": postcode},
        "/v1/petitions/{slug}": {"get": petition},
    }
    livez["responses"] = {"204": {"description": "Nothing"}}
    del postcode["responses"]["422"]
    schema = document["components"]["schemas"]["PetitionAnswer"]
    schema["properties"]["number"] = {"type": "string"}
    report = ask(LiveService(service.url, document, service.key, service.real), 60)
    assert report.wrong.keys() >= {
        ("GET /livez", "status_code_conformance"),
        ("GET /v1/postcodes/{postcode}", "status_code_conformance"),
        ("GET /v1/petitions/{slug}", "response_schema_conformance"),
    }


TEXT = {"type": "string", "title": "Slug"}


@pytest.mark.parametrize(
    ("operation", "has_invalid"),
    [
        ({}, False),
        ({"parameters": [{"in": "path", "schema": TEXT}]}, False),
        ({"parameters": [{"in": "path", "schema": TEXT}], "requestBody": {}}, True),
        ({"parameters": [{"in": "path", "schema": TEXT | {"maxLength": 9}}]}, True),
        ({"parameters": [{"in": "path", "schema": {"type": "integer"}}]}, True),
        ({"parameters": [{"in": "path", "schema": {"anyOf": [TEXT]}}]}, True),
        ({"parameters": [{"in": "query", "schema": TEXT}]}, True),
        ({"parameters": [{"in": "path", "schema": TEXT}], "security": [{"key": []}]}, True),
        ({"parameters": [{"in": "path", "schema": TEXT}], "security": [{"key": []}, {}]}, False),
        ({"security": [{"key": []}]}, False),
    ],
)
def test_invalid_input_is_sent_wherever_there_is_some(
    operation: dict[str, Any], has_invalid: bool
) -> None:
    assert (GenerationMode.NEGATIVE in modes_of({"security": []} | operation)) is has_invalid
