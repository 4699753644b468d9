"""Lets pages of other sites read public data, and post what their visitors may post (CORS).

Plain ASGI before the router. It also answers the preflight that a browser sends before it posts
JSON to another site. Cookies and keys stay out: the origin `*` excludes credentials,
`Authorization` is not an allowed header, and neither calls that need a key nor organisers' pages
are in these lists. A test checks all routes.
"""

import re
from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.front.rate_limiting import PROOF

PUBLIC_READS = (
    "/openapi.json",
    "/constituencies.json",
    "/petitions.csv",
    "/petitions.json",
    "/petitions/{number}.json",
    "/petitions/{number}/count.json",
    "/v1/campaigns",
    "/v1/campaigns/{slug}",
    "/v1/campaigns/{slug}/events",
    "/v1/campaigns/{slug}/events.ics",
    "/v1/campaigns/{slug}/events/{event_id}",
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
    "/v1/campaigns/{slug}/updates",
    "/v1/campaigns/{slug}/updates/{update_id}",
    "/v1/constituencies",
    "/v1/members",
    "/v1/members/{member_id}",
    "/v1/motions/{motion_id}",
    "/v1/petitions",
    "/v1/petitions/{slug}",
    "/v1/postcodes/{postcode}",
)
# What a form on a partner's page needs. Calls with a token are left out: emails link to our pages.
PUBLIC_POSTS = (
    "/v1/campaigns/{slug}/letters",
    "/v1/campaigns/{slug}/letters/check",
    "/v1/campaigns/{slug}/letters/draft",
    "/v1/campaigns/{slug}/letters/opened",
    "/v1/petitions/{slug}/signatures",
)
REQUEST_HEADERS = f"Content-Type, Idempotency-Key, If-None-Match, {PROOF}"
RESPONSE_HEADERS = (
    "ETag, Idempotency-Replayed, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
)
MAX_AGE = 7200  # seconds: the longest that Chromium caches the answer to a preflight
HEADERS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", RESPONSE_HEADERS.encode()),
]


def _any_of(templates: Iterable[str]) -> re.Pattern[str]:
    paths = (re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)) for template in templates)
    return re.compile("|".join(paths))


_OPEN = {"GET": _any_of(PUBLIC_READS), "POST": _any_of(PUBLIC_POSTS)}
_OPEN["HEAD"] = _OPEN["GET"]


def methods_of(path: str) -> list[str]:
    """Returns the methods with which other sites' pages may call a path."""
    return [method for method, paths in _OPEN.items() if paths.fullmatch(path)]


class CrossOrigin:
    """Adds the headers to errors too, so that a page can read them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        is_options = scope["method"] == "OPTIONS"
        is_preflight = is_options and _has(scope, b"access-control-request-method")
        if is_preflight and (methods := methods_of(scope["path"])):
            scope["route_template"] = "(preflight)"
            return await _preflight(methods)(scope, receive, send)
        paths = _OPEN.get(scope["method"])
        # Responses to our own pages get the headers too: a shared cache gives them to other sites.
        if paths and paths.fullmatch(scope["path"]) and not _has(scope, b"authorization"):
            return await self._app(scope, receive, _with_headers(send))
        return await self._app(scope, receive, send)


def _has(scope: Scope, header: bytes) -> bool:
    return any(name == header for name, _ in scope["headers"])


def _preflight(methods: list[str]) -> Response:
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": REQUEST_HEADERS,
        "Access-Control-Max-Age": str(MAX_AGE),
    }
    return Response(status_code=204, headers=headers)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *HEADERS]
        await send(message)

    return send_with_headers
