"""Runs a short contract drill and checks that it detects faults; `make drill` runs it in full."""

import copy
from collections.abc import Iterator

import pytest

from drills.contract import ask
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
