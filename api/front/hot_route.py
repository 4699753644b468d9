"""A fast path for the most frequent public calls, in front of all layers of the framework.

FastAPI's layers cost several times as much as recording a signature. So this module answers
signatures and cached reads. It applies the same limits, hosts and headers as the layers, and writes
the same log. It passes all other requests (with an API key, a query, another media type or invalid
input) to the application, and also everything that ends in an error, so that only one place tells
what is wrong.
"""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import confirmations, signature_intake
from api.answers.cached_answer import CachedAnswer, Head
from api.answers.state import state_of
from api.front import cross_origin, prepared_answers
from api.front.hosts import ServedHosts
from api.front.prepared_answers import Prepared
from api.front.rate_limiting import ADMISSION, PROOF, Admission, Limiter
from api.http import idempotency
from api.http.middleware import begin
from api.http.response_headers import REQUEST_ID, RawHeaders, ResponseHeaders
from api.schemas.signature import NewSignature, TokenBody
from api.v1 import postcodes
from core import logs, requests_seen
from services.errors import LobbyError
from services.traffic.idempotency import is_well_formed

LARGEST = 100_000  # bytes: a signature with the longest comment has a few thousand
SIGN, CONFIRM = "/v1/petitions/{slug}/signatures", "/v1/signatures/confirm"
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
_PROOF = PROOF.lower().encode()
_REPLAYED = (idempotency.REPLAYED.lower().encode(), b"true")
_SIGN, _POSTCODE = _pattern(SIGN), _pattern(POSTCODE)
_READS = [(_pattern(template), template, name) for template, name in READS.items()]
_OPEN = {*cross_origin.PUBLIC_READS, *cross_origin.PUBLIC_POSTS}
Headers = Mapping[bytes, bytes]


Result = TypeVar("Result")
Read = Callable[[], Awaitable[CachedAnswer | None]]
Work = Callable[[Scope, Any, bytes, Admission], Awaitable[tuple[bytes, bool]]]
"""Gets the scope, the body, its bytes and the admission. Returns the answer, and whether an earlier
request with the same key has stored it."""


class _Call(NamedTuple):
    """A call that changes something: the model of its body, and what its answers share."""

    template: str
    model: type[BaseModel]
    answered: Prepared
    replayed: Prepared


class HotRoute:
    """Answers frequent HTTP requests, and passes all others to `app`."""

    def __init__(
        self, app: ASGIApp, *, limiter: Limiter, hosts: ServedHosts, headers: ResponseHeaders
    ) -> None:
        self._app, self._limiter, self._hosts = app, limiter, hosts
        self._headers = headers
        signed = self._prepared(SIGN, signature_intake.SIGNED, (_JSON,), None)
        replayed = Prepared.of(signed.status, (*signed.headers, _REPLAYED))
        self._signing = _Call(SIGN, NewSignature, signed, replayed)
        confirmed = self._prepared(CONFIRM, 200, (_JSON,), None)
        self._confirming = _Call(CONFIRM, TokenBody, confirmed, confirmed)
        self._read = lru_cache(maxsize=64)(self._prepared_read)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/v1/") and not scope["query_string"]:
            headers = dict(reversed(scope["headers"]))  # of a repeated header, the first counts
            if b"authorization" not in headers and self._hosts.serve(scope["headers"]):
                if scope["method"] == "POST":
                    return await self._post(scope, receive, send, headers)
                if scope["method"] == "GET":
                    return await self._get(scope, receive, send, headers)
        return await self._app(scope, receive, send)

    # ---- reads

    async def _get(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        found = _read_of(scope, headers)
        if found is None:
            return await self._app(scope, receive, send)
        template, read = found
        begin(scope)
        admission = await self._limiter.read(scope.get("client"))
        if admission.error is not None:
            return await self._hand_over(scope, receive, send, admission, template)
        cached = await _outcome(scope, read())
        if isinstance(cached, Exception):
            failed = admission._replace(error=cached)
            return await self._hand_over(scope, receive, send, failed, template)
        if cached is None:  # the declared route reports what is wrong
            return await self._hand_over(scope, receive, send, admission)
        has, accepted = headers.get(b"if-none-match"), headers.get(b"accept-encoding", b"")
        status, head, body = cached.chosen(
            None if has is None else has.decode("latin-1"), accepted.decode("latin-1")
        )
        own = [*admission.headers, (b"etag", cached.tag.encode())]
        if status == 200:
            own.append(_length(body))
        return await _send(scope, send, template, self._read(template, status, head), own, body)

    def _prepared_read(self, template: str, status: int, head: Head) -> Prepared:
        pairs = head.headers() | ({"Content-Type": head.media_type} if head.media_type else {})
        raw = tuple((name.lower().encode(), value.encode()) for name, value in pairs.items())
        return self._prepared(template, status, raw, template)

    # ---- signatures and confirmations

    async def _post(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        if headers.get(b"content-type", b"").partition(b";")[0] != _JSON[1]:
            return await self._app(scope, receive, send)
        client = scope.get("client")
        if scope["path"] == CONFIRM:
            begin(scope)
            admission = await self._limiter.public_change(client)
            return await self._work(scope, receive, send, admission, self._confirming, _confirm)
        match, key = _SIGN.fullmatch(scope["path"]), headers.get(_KEY)
        if not match or (key is not None and not is_well_formed(key.decode("latin-1"))):
            return await self._app(scope, receive, send)
        begin(scope)
        proof = headers.get(_PROOF)
        admission = await self._limiter.signature(
            client, match[1], None if proof is None else proof.decode("latin-1")
        )
        sign = partial(_sign, match[1], key)
        return await self._work(scope, receive, send, admission, self._signing, sign)

    async def _work(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        admission: Admission,
        call: _Call,
        work: Work,
    ) -> None:
        if admission.error is not None:
            return await self._hand_over(scope, receive, send, admission, call.template)
        content, is_whole = await _content(receive)
        body = _parsed(call.model, content) if is_whole else None
        if body is None:  # the declared route reports what is wrong
            rest = _replayed(content, is_whole, receive)
            return await self._hand_over(scope, rest, send, admission)
        outcome = await _outcome(scope, work(scope, body, content, admission))
        if isinstance(outcome, Exception):
            failed = admission._replace(error=outcome)
            return await self._hand_over(scope, receive, send, failed, call.template)
        answer, is_replayed = outcome
        prepared = call.replayed if is_replayed else call.answered
        own = (*admission.headers, _length(answer))
        return await _send(scope, send, call.template, prepared, own, answer)

    # ---- both

    async def _hand_over(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        admission: Admission,
        template: str | None = None,
    ) -> None:
        """Passes on a request that was counted, and with a template one that has ended."""
        scope[ADMISSION] = admission
        if template is not None:
            scope["route_template"] = template
        await self._app(scope, receive, send)

    def _prepared(
        self, path: str, status: int, own: tuple[tuple[bytes, bytes], ...], template: str | None
    ) -> Prepared:
        missing = self._headers.missing(path, own, template)
        shared = cross_origin.HEADERS if path in _OPEN else ()
        return Prepared.of(status, (*own, *shared, *missing))


async def _outcome(scope: Scope, work: Awaitable[Result]) -> Result | Exception:
    """Returns what the work returns, or its error. Entries of the log have the request's id."""
    token = logs.request_id.set(begin(scope)[1])
    try:
        return await work
    except Exception as error:
        return error
    finally:
        logs.request_id.reset(token)


async def _send(
    scope: Scope, send: Send, template: str, prepared: Prepared, own: RawHeaders, body: bytes
) -> None:
    """Sends an answer with its id, and writes it to the log."""
    began_at, request_id = begin(scope)
    headers = (*own, (REQUEST_ID, request_id.encode()))
    await prepared_answers.answer(scope, send, prepared, headers, body)
    seconds = time.perf_counter() - began_at
    requests_seen.note(scope["method"], template, prepared.status, seconds, request_id)


async def _sign(
    slug: str,
    key: bytes | None,
    scope: Scope,
    body: NewSignature,
    content: bytes,
    admission: Admission,
) -> tuple[bytes, bool]:
    state, sender = state_of(scope), admission.sender_index
    if key is None:
        answers, outcome = await signature_intake.sign(state, slug, body, sender=sender)
        return answers.content(outcome.constituency_code or ""), False
    attempt = idempotency.attempt_of(scope, key.decode(), content)
    stored = await signature_intake.sign_once(state, slug, body, attempt, sender=sender)
    return stored.content, stored.is_replayed


async def _confirm(
    scope: Scope, body: TokenBody, _content: bytes, _admission: Admission
) -> tuple[bytes, bool]:
    return await confirmations.confirmed_content(state_of(scope), body.token), False


def _read_of(scope: Scope, headers: Headers) -> tuple[str, Read] | None:
    """Returns the template of a cached read, and what reads it; None for all other calls."""
    path, state = scope["path"], state_of(scope)
    if match := _POSTCODE.fullmatch(path):
        return POSTCODE, partial(postcodes.known, state, match[1])
    for pattern, template, name in _READS:
        match = pattern.fullmatch(path)
        if match and b"text/csv" not in headers.get(b"accept", b""):
            return template, partial(getattr(state.public_answers, name).fetch, match[1])
    return None


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)


def _parsed(model: type[BaseModel], content: bytes) -> BaseModel | None:
    try:
        return model.model_validate_json(content)
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
