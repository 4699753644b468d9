"""The OpenAPI document: FastAPI's, completed with what FastAPI cannot know.

Each operation gets the first sentence of its docstring as its summary, the key that it needs, and
examples (`examples.json`). All errors share one component. A test checks this for every operation.
"""

import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import iter_route_contexts

from api.answers.cached_answer import CachedAnswer
from api.http.dependencies import RequireScope, caller_of, require_metrics_token
from api.http.late_routes import Router
from api.http.problem import MEDIA_TYPE, Problem

ADDRESS = "/openapi.json"
SCHEME, METRICS_SCHEME = "key", "metrics_token"
EXAMPLES = Path(__file__).with_name("examples.json")
TAGS = {
    "campaigns": "Campaigns of an organisation: their petitions, motions, news and dates.",
    "petitions": "Petitions that the public signs, with their counts of signatures.",
    "signatures": "Signing, one by one or in bulk, links in emails, and reading signatures.",
    "exports": "Signatures and letters as streamed files.",
    "letters": "Letters to MPs: drafts, sending, MPs' replies, and a campaign's letter queue.",
    "motions": "Early Day Motions, found in Parliament's own list.",
    "tallies": "For all 650 seats: who signed the motion, and how many constituents asked.",
    "members": "MPs, and organisers' notes about them.",
    "replies": "Replies of MPs to a campaign.",
    "preferences": "Which emails a supporter gets.",
    "postcodes": "The constituency and the MP of a postcode.",
    "organisation": "The key's organisation: who it is, its privacy notice, logo and pictures.",
    "partners": "Organisations whose sites bring signatures, with counts of those.",
    "keys": "The API keys of an organisation and its partners, and revoking one.",
    "webhooks": "Notifications about events, by Standard Webhooks or REST hooks.",
    "health": "Health checks and metrics, for operators.",
    "parliament": "Petitions in the format of petition.parliament.uk, for tools that read it.",
}
# The operations of deprecated paths, which share the examples of the operations that follow them.
_DEPRECATED = {
    "letters_read_post": "letters_read_queue",
    "letters_list_letters": "letters_list_queue",
    "letters_pause": "letters_pause_queue",
    "letters_resume": "letters_resume_queue",
}
# These routes read a key themselves, so that requests without one skip the dependency.
_READ_KEY_THEMSELVES = {"read_campaign", "read_petition", "read_tally"}
_KEY = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "lobby_<prefix>_<secret>",
    "description": "A key of an organisation, or of a partner of it, with some scopes. Organisers "
    "make keys on their pages or with `lobby key create`. No call makes a key.",
}
_METRICS_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "The token that the operator has set as LOBBY_METRICS_TOKEN. It opens the "
    "metrics and nothing else.",
}
_SENTENCE = re.compile(r"(.+?)\.(?=\s|$)", re.DOTALL)


router = Router(include_in_schema=False)


@router.get(ADDRESS)
async def read_document(request: Request) -> Response:
    """Returns the document, made and gzipped once: that takes a good part of a second."""
    api: DescribedApi = request.app
    if api.made.packed is None:
        api.made.packed = await run_in_threadpool(_packed, api)
    return api.made.packed.response(request)


@dataclass(slots=True)
class Document:
    """The document of all applications that have the same routes, once one of them was asked."""

    whole: dict[str, Any] | None = None
    packed: CachedAnswer | None = None


class DescribedApi(FastAPI):
    """An application with the completed OpenAPI document, which applications may share."""

    def __init__(self, *, made: Document, **parts: Any) -> None:
        super().__init__(**parts)
        self.made = made

    def openapi(self) -> dict[str, Any]:
        """Returns the document. Makes it at the first call only."""
        if self.made.whole is None:
            document = super().openapi()
            self._complete(document)
            self.made.whole = document
        return self.made.whole

    def _complete(self, document: dict[str, Any]) -> None:
        calls = {
            (path, method): operation
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        }
        for route in iter_route_contexts(self.routes):
            for method in getattr(route, "methods", None) or ():
                operation = calls.get((route.path or "", method.lower()))
                if operation is not None:
                    _add_words(operation)
                    operation["security"] = _security(route)
        for operation in calls.values():
            _add_examples(operation)
            _name_problems(operation)
        schemas = document["components"]["schemas"]
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        problem.pop("$defs", None)
        schemas["Problem"] = problem
        document["components"]["securitySchemes"] = {
            SCHEME: _KEY,
            METRICS_SCHEME: _METRICS_TOKEN,
        }
        document["tags"] = [{"name": name, "description": TAGS[name]} for name in TAGS]


def _packed(app: FastAPI) -> CachedAnswer:
    return CachedAnswer.of_bytes(json.dumps(app.openapi(), ensure_ascii=False).encode())


def _add_words(operation: dict[str, Any]) -> None:
    """Sets the summary, and joins the lines of each paragraph of the description."""
    text = inspect.cleandoc(operation.get("description", ""))
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    operation["description"] = "\n\n".join(paragraphs)
    if sentence := _SENTENCE.match(paragraphs[0]):
        operation["summary"] = sentence[1]


def _security(route: Any) -> list[dict[str, list[str]]]:
    """Returns an empty list for a call that ignores keys, one with `{}` if a key is optional."""
    dependants = list(_dependants(route.dependant))
    if any(item.call is require_metrics_token for item in dependants):
        return [{METRICS_SCHEME: []}]
    required = [item.call for item in dependants if isinstance(item.call, RequireScope)]
    if required:
        return [{SCHEME: [item.scope.value for item in required if item.scope is not None]}]
    reads_key = route.name in _READ_KEY_THEMSELVES
    if reads_key or any(item.call is caller_of for item in dependants):
        return [{}, {SCHEME: []}]
    return []


def _dependants(dependant: Any) -> Iterator[Any]:
    for part in dependant.dependencies:
        yield part
        yield from _dependants(part)


def _add_examples(operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    parts = examples().get(_DEPRECATED.get(name, name), {})
    body = operation.get("requestBody", {}).get("content", {})
    for name, value in parts.get("body", {}).items():
        body[name]["example"] = value
    for status, answer in operation["responses"].items():
        for name, value in parts.get(status, {}).items():
            answer["content"][name]["example"] = value


def _name_problems(operation: dict[str, Any]) -> None:
    """Refers to the schema of a problem, in place of a copy in each response."""
    for answer in operation["responses"].values():
        if MEDIA_TYPE in answer.get("content", {}):
            answer["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


@cache
def examples() -> dict[str, Any]:
    """Returns examples by operation, then by 'body' or status, then by media type."""
    values: dict[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return values
