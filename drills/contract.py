"""Every call of the OpenAPI document, asked with input that fits it and with input that does not.

schemathesis makes the input and holds each answer against the document: its status, headers, media
type and schema. No answer may be a 500, and a 503 only where Parliament has to be asked, for which
nobody answers here. In three of four cases the parts of a path are real ones, and half of the
fitting bodies are the document's example with one thing made up, so that calls get past the first
questions. See docs/drills.md.

`python -m drills.contract` serves the demonstration on loopback and prints what it found as tables
of Markdown; `--help` tells how to run less.
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

from core import logs
from services.assembly import open_lobby
from tools import sample_data
from tools.databases import fresh_database
from tools.live_service import LiveService, serving
from tools.settings import throwaway_settings

CASES = 12_000  # some calls have no input that does not fit: it comes to a tenth less
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# These ask Parliament for motions that are not known here.
MAY_BE_AWAY = {
    "campaigns_change_campaign",
    "campaigns_create_campaign",
    "campaigns_link_motion",
    "motions_search",
}
MEANT = {(503, name) for name in MAY_BE_AWAY}
MEANT.add((501, "petitions_read_oembed"))  # oEmbed 1.0, 2.3.3: for a format that is not had
# What reads comes first and what takes away last: so the others find something.
ORDER = ["get", "post", "put", "patch", "delete"]
LONGEST_FINDING = 300


@dataclass
class Found:
    """How many were asked and how they were answered; what was wrong, one of a kind a call."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: dict[tuple[str, str], str] = field(default_factory=dict)


def ask(service: LiveService, cases: int, *, number: int = 2017, is_telling: bool = False) -> Found:
    """Ask about so many cases, evenly of all calls; `number` seeds what is made up."""
    found = Found()
    schema = schemathesis.openapi.from_dict(service.document)
    every: Any = schema.get_all_operations()  # or why there is none, which `ok` would raise
    calls = [result.ok() for result in every]
    calls.sort(key=lambda call: (ORDER.index(call.method), call.path))
    each = max(1, cases // (2 * len(calls)))
    for call in track(calls, "Asking", disable=not is_telling):
        for mode in _modes_of(call):
            _ask_one(call, mode, service, each, number, found)
    return found


def _modes_of(call: Any) -> list[GenerationMode]:
    """No input is unfit for a call that takes none."""
    takes_some = bool(call.definition.raw.get("parameters") or "requestBody" in call.definition.raw)
    return [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if takes_some else [])]


def _ask_one(
    call: Any, mode: GenerationMode, service: LiveService, cases: int, number: int, found: Found
) -> None:
    operation = call.definition.raw
    headers = {"Authorization": f"Bearer {service.key}"} if _needs_key(operation) else {}

    def ask(case: Any, chance: int) -> None:
        if chance > 1 and mode is GenerationMode.POSITIVE:
            _take_from(case, operation, chance)
        if chance:
            _make_real(case, call.path, service.real)
        response = case.call(base_url=service.url, headers=headers)
        found.cases += 1
        found.statuses[response.status_code] += 1
        for kind, what in _wrong_with(case, response, operation["operationId"]):
            found.wrong.setdefault((f"{call.method.upper()} {call.path}", kind), what)

    cases_of = given(case=call.as_strategy(generation_mode=mode), chance=st.integers(0, 3))
    # Where every text fits, such as a slug, there is no input that does not.
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


def _needs_key(operation: dict[str, Any]) -> bool:
    ways = operation["security"]
    return bool(ways) and {} not in ways


def _take_from(case: Any, operation: dict[str, Any], chance: int) -> None:
    """The example of a body but for one thing of it: few made-up names and addresses pass the rules
    that a schema cannot tell."""
    content = operation.get("requestBody", {}).get("content", {})
    example = content.get("application/json", {}).get("example")
    if isinstance(example, dict) and isinstance(case.body, dict):
        fields = sorted(case.body)[chance - 2 :: 2][:1]
        case.body = example | {name: case.body[name] for name in fields}


def _make_real(case: Any, path: str, real: Mapping[str, Any]) -> None:
    """Slugs are of a petition or of a campaign, and tokens of a purpose: both go by the path."""
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
    """0 where every answer was as the document says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=2017)
    parser.add_argument("--backend", choices=["sqlite", "postgresql"], default="sqlite")
    told = parser.parse_args()
    logs.configure(level="CRITICAL")
    with fresh_database(told.backend) as (folder, url):
        lobby = open_lobby(throwaway_settings(folder, url))
        sample_data.load_demonstration(lobby)
        with serving(lobby) as service:
            found = ask(service, told.cases, number=told.seed, is_telling=True)
        lobby.close()
    print("| status | answers |\n|---|---|")
    for status, count in sorted(found.statuses.items()):
        print(f"| {status} | {count:,} |")
    print(f"\n{found.cases:,} cases, {len(found.wrong)} kinds of wrong answer")
    for (call, kind), what in found.wrong.items():
        print(f"\n{call}: {kind}\n{what}")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
