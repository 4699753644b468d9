"""Sends valid and invalid input to every call of the OpenAPI document, and checks the answers.

schemathesis generates the input and compares each answer with the document: its status, headers,
media type and schema. No answer may be a 500, and a 503 only where the call asks Parliament, which
cannot be reached here. Generated ids and texts would seldom pass the first checks: so in three of
four cases the path parameters are real ones, and half of the valid bodies are the document's
example with one generated field. See docs/operators/drills.md.

`python -m drills.contract` serves the demonstration on loopback and prints Markdown tables;
`--help` shows how to run less.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from rich.progress import track
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.failures import FailureGroup

from api.openapi import METRICS_SCHEME
from core import logs
from services.assembly import open_lobby
from tools import sample_data
from tools.databases import fresh_database
from tools.live_service import LiveService, serving
from tools.settings import throwaway_settings

CASES = 12_000  # about a tenth less is sent: some calls have no invalid input
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# They ask Parliament for motions that are not in the database.
MAY_BE_AWAY = {
    "campaigns_change_campaign",
    "campaigns_create_campaign",
    "campaigns_link_motion",
    "motions_search",
}
MEANT = {(503, name) for name in MAY_BE_AWAY}
MEANT.add((501, "petitions_read_oembed"))  # oEmbed 1.0, 2.3.3: the format is not supported
# Calls that delete come last, so that the others find something.
ORDER = ["get", "post", "put", "patch", "delete"]
LONGEST_FINDING = 300


@dataclass
class ContractReport:
    """The number of cases, the statuses of the answers, and one fault per call and kind."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: dict[tuple[str, str], str] = field(default_factory=dict)


def ask(
    service: LiveService, cases: int, *, number: int = 2017, shows_progress: bool = False
) -> ContractReport:
    """Sends about `cases` requests, spread evenly over all calls. `number` is the random seed."""
    report = ContractReport()
    schema = schemathesis.openapi.from_dict(service.document)
    operations: Any = schema.get_all_operations()  # `ok` raises for an unreadable one
    calls = [result.ok() for result in operations]
    calls.sort(key=lambda call: (ORDER.index(call.method), call.path))
    cases_per_mode = max(1, cases // (2 * len(calls)))
    for call in track(calls, "Asking", disable=not shows_progress):
        for mode in modes_of(call.definition.raw):
            _ask_one(call, mode, service, cases_per_mode, number, report)
    return report


def modes_of(operation: Mapping[str, Any]) -> list[GenerationMode]:
    """Returns whether a call is sent valid input alone, or invalid input too.

    A call without a body has no invalid input if its path takes nothing, or any text from anybody.
    For each of the latter schemathesis would make hundreds of cases, and send none.
    """
    parameters = operation.get("parameters", ())
    is_of_text = all(map(_takes_any_text, parameters)) and (_is_open(operation) or not parameters)
    has_invalid = "requestBody" in operation or not is_of_text
    return [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if has_invalid else [])]


def _is_open(operation: Mapping[str, Any]) -> bool:
    """Returns whether a call can be made without a key."""
    ways = operation["security"]
    return not ways or {} in ways


def _takes_any_text(parameter: Mapping[str, Any]) -> bool:
    schema = parameter["schema"]
    has_limits = bool(schema.keys() - {"type", "title", "description", "example", "examples"})
    return parameter["in"] == "path" and schema.get("type") == "string" and not has_limits


def _ask_one(
    call: Any,
    mode: GenerationMode,
    service: LiveService,
    cases: int,
    number: int,
    report: ContractReport,
) -> None:
    operation = call.definition.raw
    headers = _headers(operation, service)

    def ask(case: Any, chance: int) -> None:
        if chance > 1 and mode is GenerationMode.POSITIVE:
            _take_from(case, operation, chance)
        if chance:
            _make_real(case, call.path, service.real)
        response = case.call(base_url=service.url, headers=headers)
        report.cases += 1
        report.statuses[response.status_code] += 1
        for kind, detail in _wrong_with(case, response, operation["operationId"]):
            report.wrong.setdefault((f"{call.method.upper()} {call.path}", kind), detail)

    cases_of = given(case=call.as_strategy(generation_mode=mode), chance=st.integers(0, 3))
    # A call has no invalid input where every text is valid, such as a slug.
    tolerated = [Unsatisfiable] if mode is GenerationMode.NEGATIVE else []
    with suppress(*tolerated):
        seed(number)(_few(cases)(cases_of(ask)))()


def _few(cases: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def _headers(operation: dict[str, Any], service: LiveService) -> dict[str, str]:
    """Returns the header with what a call needs: a key, the token of the metrics, or nothing."""
    if _is_open(operation):
        return {}
    is_metrics = METRICS_SCHEME in operation["security"][0]
    token = service.metrics_token if is_metrics else service.key
    return {"Authorization": f"Bearer {token}"}


def _take_from(case: Any, operation: dict[str, Any], chance: int) -> None:
    """Replaces a body by the document's example with one generated field.

    Few generated names and addresses pass the rules that a schema cannot express.
    """
    content = operation.get("requestBody", {}).get("content", {})
    example = content.get("application/json", {}).get("example")
    if isinstance(example, dict) and isinstance(case.body, dict):
        fields = sorted(case.body)[chance - 2 :: 2][:1]
        case.body = example | {name: case.body[name] for name in fields}


def _make_real(case: Any, path: str, real: Mapping[str, Any]) -> None:
    """Replaces path parameters and tokens by real ones; see `LiveService.real`."""
    for name in case.path_parameters or {}:
        value = real.get(f"{name} {path.split('/')[2]}", real.get(name))
        if value is not None:
            case.path_parameters[name] = value
    token = real.get(f"token {path}")
    if token and isinstance(case.body, dict) and isinstance(case.body.get("token"), str):
        case.body["token"] = token


def _wrong_with(case: Any, response: Any, name: str) -> Iterator[tuple[str, str]]:
    status = response.status_code
    if status >= 500 and (status, name) not in MEANT:
        yield str(status), f"{case.as_curl_command()} -> {response.text[:LONGEST_FINDING]}"
    for check in CHECKS:
        try:
            case.validate_response(response, checks=[check])
        except FailureGroup as group:
            for failure in group.exceptions:
                yield check.__name__, str(failure)[:LONGEST_FINDING]


def main() -> int:
    """Returns 1 when an answer was not as the document says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=2017)
    parser.add_argument("--backend", choices=["sqlite", "postgresql"], default="sqlite")
    arguments = parser.parse_args()
    logs.configure(level="CRITICAL")
    with fresh_database(arguments.backend) as (folder, url):
        lobby = open_lobby(throwaway_settings(folder, url))
        sample_data.load_demonstration(lobby)
        with serving(lobby) as service:
            report = ask(service, arguments.cases, number=arguments.seed, shows_progress=True)
        lobby.close()
    print("| status | answers |\n|---|---|")
    for status, count in sorted(report.statuses.items()):
        print(f"| {status} | {count:,} |")
    print(f"\n{report.cases:,} cases, {len(report.wrong)} kinds of wrong answer")
    for (call, kind), detail in report.wrong.items():
        print(f"\n{call}: {kind}\n{detail}")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
