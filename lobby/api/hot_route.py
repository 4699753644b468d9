"""The public's way to sign, past everything that such a request does not need: plain ASGI.

FastAPI's own way to a route costs several times what signing does. Whatever is not the common case
(a key, another form of body, anything wrong with the input) is handed on to the route in
`api.signatures`, which declares the call and answers the rest: nothing is decided twice.
"""

import re

from pydantic import ValidationError
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lobby.api import errors, signing
from lobby.api.schemas.signature import NewSignature
from lobby.services.errors import LobbyError

TEMPLATE = "/v1/petitions/{slug}/signatures"
LARGEST = 100_000  # bytes: with the longest comment it is some thousands
_PATH = re.compile(r"/v1/petitions/([a-z0-9-]{1,80})/signatures")
_HEADERS = (b"content-type", b"application/json")


class HotRoute:
    """In front of the application. Takes signatures of the public, and nothing else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        slug = _slug_of(scope)
        if slug is None:
            await self._app(scope, receive, send)
            return
        content, is_whole = await _read(receive)
        try:
            body = NewSignature.model_validate_json(content) if is_whole else None
        except (ValidationError, LobbyError):
            body = None
        if body is None:  # the other way says what is wrong
            await self._app(scope, _again(content, is_whole, receive), send)
            return
        scope["route_template"] = TEMPLATE
        try:
            answers, outcome = await signing.sign(scope["app"].state, slug, body)
        except LobbyError as error:
            answer = await errors.problem(Request(scope), error)
            await answer(scope, receive, send)
            return
        await _send(send, answers.content(outcome.constituency_code or ""))


def _slug_of(scope: Scope) -> str | None:
    """The petition of a request that is ours to answer; None for every other request."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    found = _PATH.fullmatch(scope["path"])
    if found is None:
        return None
    headers = dict(scope["headers"])
    is_common = headers.get(b"content-type", b"").startswith(b"application/json")
    return found[1] if is_common and b"authorization" not in headers else None


async def _read(receive: Receive) -> tuple[bytes, bool]:
    """The body, and whether that is all of it: we stop where it grows too large."""
    content, more = b"", True
    while more and len(content) <= LARGEST:
        message = await receive()
        if message["type"] == "http.disconnect":
            return content, False
        content += message.get("body", b"")
        more = message.get("more_body", False)
    return content, not more


def _again(content: bytes, is_whole: bool, receive: Receive) -> Receive:
    """What was read, for whoever reads it next, and then the rest."""
    first = [{"type": "http.request", "body": content, "more_body": not is_whole}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


async def _send(send: Send, content: bytes) -> None:
    headers = [_HEADERS, (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": content})
