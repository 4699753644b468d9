"""A fast path for the most frequent public calls, in plain ASGI before the router.

FastAPI's routing costs several times as much as recording a signature. So this module handles
signatures and cached responses. It passes all other requests (with an API key, a query, another
media type or invalid input) to the declared route, which decides about them alone.
"""

import re
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import signature_intake
from api.answers.caching import cacheable
from api.answers.state import state_of
from api.http import errors, idempotency
from api.schemas.signature import NewSignature
from api.v1 import postcodes
from services.errors import LobbyError
from services.traffic.idempotency import Attempt, is_well_formed

LARGEST = 100_000  # bytes: a signature with the longest comment has a few thousand
SIGN = "/v1/petitions/{slug}/signatures"
READS = {
    "/v1/petitions/{slug}": "petitions",
    "/v1/campaigns/{slug}": "campaigns",
    "/v1/campaigns/{slug}/tally": "tallies",
}
POSTCODE = "/v1/postcodes/{postcode}"


def _pattern(template: str) -> re.Pattern[str]:
    slugs = template.replace("{slug}", "([a-z0-9-]{1,80})")
    return re.compile(slugs.replace("{postcode}", "([A-Za-z0-9 ]{5,9})"))


_JSON = (b"content-type", b"application/json")
_KEY = idempotency.HEADER.lower().encode()
_REPLAYED = (idempotency.REPLAYED.lower().encode(), b"true")
_SIGN, _POSTCODE = _pattern(SIGN), _pattern(POSTCODE)
_READS = [(_pattern(template), template, name) for template, name in READS.items()]


class HotRoute:
    """Middleware that answers the frequent calls, and passes on all others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            headers = dict(reversed(scope["headers"]))  # of a repeated header, the first counts
            if b"authorization" not in headers and not scope["query_string"]:
                if scope["method"] == "POST":
                    return await self._post(scope, receive, send, headers)
                if scope["method"] == "GET":
                    return await self._get(scope, receive, send, headers)
        return await self._app(scope, receive, send)

    async def _get(self, scope: Scope, receive: Receive, send: Send, headers: Any) -> None:
        response, template = _cached(scope, headers)
        if response is None:
            return await self._app(scope, receive, send)
        scope["route_template"] = template
        return await response(scope, receive, send)

    async def _post(self, scope: Scope, receive: Receive, send: Send, headers: Any) -> None:
        match = _SIGN.fullmatch(scope["path"])
        key = headers.get(_KEY)
        if (
            not match
            or headers.get(b"content-type", b"").partition(b";")[0] != _JSON[1]
            or (key is not None and not is_well_formed(key.decode("latin-1")))
        ):
            return await self._app(scope, receive, send)
        content, is_whole = await _content(receive)
        body = _parsed(content) if is_whole else None
        if body is None:  # the declared route reports what is wrong
            return await self._app(scope, _replayed(content, is_whole, receive), send)
        scope["route_template"] = SIGN
        attempt = idempotency.attempt_of(scope, key.decode(), content) if key else None
        return await _sign(scope, receive, send, match[1], body, attempt)


async def _sign(
    scope: Scope,
    receive: Receive,
    send: Send,
    slug: str,
    body: NewSignature,
    attempt: Attempt | None,
) -> None:
    is_replayed = False
    sender = signature_intake.sender_of(scope)
    try:
        if attempt is None:
            answers, outcome = await signature_intake.sign(
                state_of(scope), slug, body, sender=sender
            )
            content = answers.content(outcome.constituency_code or "")
        else:
            answer = await signature_intake.sign_once(
                state_of(scope), slug, body, attempt, sender=sender
            )
            content, is_replayed = answer.content, answer.is_replayed
    except errors.KNOWN as error:
        problem = await errors.problem(Request(scope), error)
        await problem(scope, receive, send)
        return
    headers = [_JSON, (b"content-length", str(len(content)).encode())]
    if is_replayed:
        headers.append(_REPLAYED)
    await send(
        {"type": "http.response.start", "status": signature_intake.SIGNED, "headers": headers}
    )
    await send({"type": "http.response.body", "body": content})


def _cached(scope: Scope, headers: Any) -> tuple[Response | None, str]:
    """Returns a response without any work, or None, and the template of the route."""
    path, state = scope["path"], state_of(scope)
    if match := _POSTCODE.fullmatch(path):
        answer = postcodes.cached(state, match[1])
        if answer is None:
            return None, POSTCODE
        return cacheable(Request(scope), answer), POSTCODE
    for pattern, template, name in _READS:
        match = pattern.fullmatch(path)
        if match and b"text/csv" not in headers.get(b"accept", b""):
            cached = getattr(state.public_answers, name).cached(match[1])
            return cached and cached.response(Request(scope)), template
    return None, ""


def _parsed(content: bytes) -> NewSignature | None:
    try:
        return NewSignature.model_validate_json(content)
    except (ValidationError, LobbyError):
        return None


async def _content(receive: Receive) -> tuple[bytes, bool]:
    """Returns the body, and whether it is complete. Stops reading at the limit."""
    content, more = b"", True
    while more and len(content) <= LARGEST:
        message = await receive()
        if message["type"] == "http.disconnect":
            return content, False
        content += message.get("body", b"")
        more = message.get("more_body", False)
    return content, not more


def _replayed(content: bytes, is_whole: bool, receive: Receive) -> Receive:
    """Returns a `receive` that gives what was read already, and then the rest."""
    first = [{"type": "http.request", "body": content, "more_body": not is_whole}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay
