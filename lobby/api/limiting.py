"""Refuses who sends too much. Plain ASGI, in front of everything that works.

Whatever changes something counts; reading does not, since most of it is answered from memory. With
a key the key counts, so that all who sign through a partner's server are not taken for one sender;
without one the address. A key that is not good is none: anybody can make up as many as they like,
and pages, and calls that need no key, never look at it.
"""

import hashlib
from collections.abc import Awaitable, Callable

from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lobby.api import errors
from lobby.api.action_network.dependencies import caller_of as token_caller_of
from lobby.api.action_network.places import TOKEN, is_dialect
from lobby.api.dependencies import caller_of
from lobby.services.errors import Limited
from lobby.services.lobby import utc_now
from lobby.services.rate_limits import RateLimit, Verdict, network_of

READING = frozenset({"GET", "HEAD", "OPTIONS"})
_WHOSE = {
    "address": "from your internet connection, which others may share",
    "key": "with your key",
}
Answer = Callable[[Request, Exception], Awaitable[Response]]


class Limits:
    """A share a minute for each address, and one for each key; 0 is without end."""

    def __init__(self, app: ASGIApp, *, address: int, key: int, answer: Answer) -> None:
        self._app = app
        self._address = RateLimit("address", address, utc_now) if address else None
        self._key = RateLimit("key", key, utc_now) if key else None
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] in READING:
            return await self._app(scope, receive, send)
        limit, who = await self._counted(Request(scope))
        if limit is None or who is None:
            return await self._app(scope, receive, send)
        verdict = await limit.hit(who)
        telling = _telling(send, _headers(limit, verdict))
        if verdict.is_allowed:
            return await self._app(scope, receive, telling)
        refusal = await self._answer(Request(scope), _refusal(limit, verdict))
        return await refusal(scope, receive, telling)

    async def _counted(self, request: Request) -> tuple[RateLimit | None, str | None]:
        key = _key_in(request)
        if key is not None and await run_in_threadpool(_has_key, request):
            return self._key, hashlib.sha256(key.encode()).hexdigest()
        client = request.client  # a socket of this machine has none
        return self._address, network_of(client.host) if client else None


def _key_in(request: Request) -> str | None:
    """The same for the same key, whichever header has it."""
    if is_dialect(request.url.path):
        token = request.headers.get(TOKEN)
        return None if token is None else f"Bearer {token.strip()}"
    return request.headers.get("Authorization")


def _has_key(request: Request) -> bool:
    find = token_caller_of if is_dialect(request.url.path) else caller_of
    try:
        return find(request, request.app.state.lobby) is not None
    except errors.KNOWN:  # whoever needs the key says what is wrong with it
        return False


def _refusal(limit: RateLimit, verdict: Verdict) -> Limited:
    """In words for a supporter too, to whom an address is where they live."""
    message = (
        f"There have been too many requests {_WHOSE[limit.name]}: at most {verdict.share:,} a "
        f"minute. Please go back and try again in {verdict.seconds} seconds."
    )
    return Limited("rate_limited", message, verdict.seconds)


def _headers(limit: RateLimit, verdict: Verdict) -> list[tuple[bytes, bytes]]:
    """As the draft of the IETF's httpapi group has them."""
    policy = f'"{limit.name}";q={verdict.share};w=60'
    left = f'"{limit.name}";r={verdict.remaining};t={verdict.seconds}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


def _telling(send: Send, headers: list[tuple[bytes, bytes]]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return send_with_headers
