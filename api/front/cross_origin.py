"""Lets pages of other sites read what everybody may read, and post what their visitors may post.

Plain ASGI, in front of everything that works. Browsers ask first (a preflight) before they post
JSON to another site: that is answered here. No cookie and no key ever comes along: `*` stands for
all sites and forbids both, `Authorization` is not among the headers that are allowed, and calls
that need a key, and organisers' pages, are not in these lists. A test goes over all routes.
"""

import re
from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.front.rate_limiting import PROOF

READ = (
    "/openapi.json",
    "/constituencies.json",
    "/petitions.csv",
    "/petitions.json",
    "/petitions/{number}.json",
    "/petitions/{number}/count.json",
    "/v1/campaigns",
    "/v1/campaigns/{slug}",
    "/v1/campaigns/{slug}/events.ics",
    "/v1/campaigns/{slug}/motions",
    "/v1/campaigns/{slug}/news.atom",
    "/v1/campaigns/{slug}/tally",
    "/v1/campaigns/{slug}/tally.csv",
    "/v1/campaigns/{slug}/tally.jsonl",
    "/v1/campaigns/{slug}/tally/events",
    "/v1/campaigns/{slug}/tally/events.atom",
    "/v1/campaigns/{slug}/tally/history",
    "/v1/campaigns/{slug}/tally/history.csv",
    "/v1/campaigns/{slug}/tally/summary",
    "/v1/campaigns/{slug}/tally/summary.csv",
    "/v1/members/{member_id}",
    "/v1/petitions/{slug}",
    "/v1/postcodes/{postcode}",
)
# What a form on a partner's page needs. Tokens come by mail and lead to our own pages.
POSTED = (
    "/v1/campaigns/{slug}/letters",
    "/v1/campaigns/{slug}/letters/check",
    "/v1/campaigns/{slug}/letters/draft",
    "/v1/campaigns/{slug}/letters/opened",
    "/v1/petitions/{slug}/signatures",
)
ASKED = f"Content-Type, Idempotency-Key, If-None-Match, {PROOF}"
TOLD = "ETag, Idempotency-Replayed, Link, RateLimit, RateLimit-Policy, Retry-After"
KEPT_FOR = 7200  # seconds: the longest that Chromium keeps the answer to a preflight
_HEADERS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", TOLD.encode()),
]


def _any_of(templates: Iterable[str]) -> re.Pattern[str]:
    paths = (re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)) for template in templates)
    return re.compile("|".join(paths))


_OPEN = {"GET": _any_of(READ), "POST": _any_of(POSTED)}
_OPEN["HEAD"] = _OPEN["GET"]


def methods_of(path: str) -> list[str]:
    """With which methods other sites' pages may call a path."""
    return [method for method, paths in _OPEN.items() if paths.fullmatch(path)]


class CrossOrigin:
    """Whatever the answer, an error too: a page must be able to read it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        is_asking = scope["method"] == "OPTIONS" and _has(scope, b"access-control-request-method")
        if is_asking and (methods := methods_of(scope["path"])):
            scope["route_template"] = "(preflight)"
            return await _preflight(methods)(scope, receive, send)
        paths = _OPEN.get(scope["method"])
        # The headers stand in answers to our own pages too: a cache gives them to others.
        if paths and paths.fullmatch(scope["path"]) and not _has(scope, b"authorization"):
            return await self._app(scope, receive, _to_all(send))
        return await self._app(scope, receive, send)


def _has(scope: Scope, header: bytes) -> bool:
    return any(name == header for name, _ in scope["headers"])


def _preflight(methods: list[str]) -> Response:
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": ASKED,
        "Access-Control-Max-Age": str(KEPT_FOR),
    }
    return Response(status_code=204, headers=headers)


def _to_all(send: Send) -> Send:
    async def send_to_all(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_HEADERS]
        await send(message)

    return send_to_all
