"""The OpenAPI document: what FastAPI makes of the routes, and what it cannot know.

Each call has the first sentence of its docstring for a summary, the key that it needs, and examples
(`examples.json`); errors are one component. A test asks all of this of every call.
"""

import inspect
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute, iter_route_contexts

from api.answers.public_answers import CachedAnswer
from api.http.dependencies import RequireScope, caller_of
from api.http.problem import MEDIA_TYPE, Problem

ADDRESS = "/openapi.json"
SCHEME = "key"
EXAMPLES = Path(__file__).with_name("examples.json")
TAGS = {
    "campaigns": "What an organisation fights for: petitions, motions, news.",
    "petitions": "Texts that the public signs, with their counts.",
    "signatures": "Signing, one by one or many at once; the links in mails; reading one's own.",
    "exports": "Signatures and letters as files, streamed.",
    "letters": "Letters to MPs: drafts, sending, what came back, and a campaign's post.",
    "motions": "Early Day Motions in Parliament's own list.",
    "tallies": "Of all 650 seats: who has signed the motion, and how many constituents asked.",
    "members": "MPs, and what organisers note about them.",
    "replies": "What MPs wrote back.",
    "preferences": "What a supporter gets by mail.",
    "postcodes": "Where a postcode is, and who is its MP.",
    "partners": "Organisations whose sites bring signatures, and what came through them.",
    "keys": "Which keys an organisation and its partners have, and ending one.",
    "webhooks": "Being told what happens, by Standard Webhooks or REST hooks.",
    "health": "For whoever runs the service.",
    "parliament": "Petitions in the form of petition.parliament.uk, for tools made for that.",
}
# The operations of deprecated paths, which share the examples of the operations that follow them.
_DEPRECATED = {
    "letters_read_post": "letters_read_queue",
    "letters_list_letters": "letters_list_queue",
    "letters_pause": "letters_pause_queue",
    "letters_resume": "letters_resume_queue",
}
# These read a key themselves, so that the public's way past them stays short.
_LOOK_FOR_A_KEY = {"read_campaign", "read_petition"}
_KEY = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "lobby_<prefix>_<secret>",
    "description": "A key of an organisation or of a partner of it, for some scopes. It is made at "
    "the organisers' desk or with `lobby key create`, and by no call.",
}
_SENTENCE = re.compile(r"(.+?)\.(?=\s|$)", re.DOTALL)


router = APIRouter(include_in_schema=False)


@router.get(ADDRESS)
async def read_document(request: Request) -> Response:
    """The document, made and packed once: that takes a good part of a second."""
    api: DescribedApi = request.app
    if api.packed_document is None:
        api.packed_document = await run_in_threadpool(_packed, api)
    return api.packed_document.response(request)


def operation_id(route: APIRoute) -> str:
    """`letters_confirm`: what clients that are made from the document call it."""
    tag = route.tags[0] if route.tags else "lobby"
    return f"{tag}_{route.name}"


class DescribedApi(FastAPI):
    """An application whose document says all of it."""

    packed_document: CachedAnswer | None = None

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        is_new = self.openapi_schema is None
        document = super().openapi()
        if is_new:
            self._complete(document)
        return document

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
        document["components"]["securitySchemes"] = {SCHEME: _KEY}
        document["tags"] = [{"name": name, "description": TAGS[name]} for name in TAGS]


def _packed(app: FastAPI) -> CachedAnswer:
    return CachedAnswer.of_bytes(json.dumps(app.openapi(), ensure_ascii=False).encode())


def _add_words(operation: dict[str, Any]) -> None:
    """Lines are broken for the source's sake only: of the document, each paragraph is a line."""
    text = inspect.cleandoc(operation.get("description", ""))
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    operation["description"] = "\n\n".join(paragraphs)
    if found := _SENTENCE.match(paragraphs[0]):
        operation["summary"] = found[1]


def _security(route: Any) -> list[dict[str, list[str]]]:
    """Empty where no key is looked at; `{}` stands for none."""
    dependants = list(_dependants(route.dependant))
    required = [item.call for item in dependants if isinstance(item.call, RequireScope)]
    if required:
        return [{SCHEME: [item.scope.value for item in required if item.scope is not None]}]
    may_bring = route.name in _LOOK_FOR_A_KEY
    if may_bring or any(item.call is caller_of for item in dependants):
        return [{}, {SCHEME: []}]
    return []


def _dependants(dependant: Any) -> Iterator[Any]:
    for part in dependant.dependencies:
        yield part
        yield from _dependants(part)


def _add_examples(operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    told = examples().get(_DEPRECATED.get(name, name), {})
    body = operation.get("requestBody", {}).get("content", {})
    for name, value in told.get("body", {}).items():
        body[name]["example"] = value
    for status, answer in operation["responses"].items():
        for name, value in told.get(status, {}).items():
            answer["content"][name]["example"] = value


def _name_problems(operation: dict[str, Any]) -> None:
    """In place of the whole schema, a dozen times a call."""
    for answer in operation["responses"].values():
        if MEDIA_TYPE in answer.get("content", {}):
            answer["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


@cache
def examples() -> dict[str, Any]:
    """By call: of its body, and of its answers by status; each by media type."""
    found: dict[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return found
