"""Refuses who sends too much. Plain ASGI, in front of everything that works.

Whatever changes something counts; reading does not, since most of it is answered from memory. With
a key the key counts, so that all who sign through a partner's server are not taken for one sender;
without one the address. A key that is not good is none: anybody can make up as many as they like,
and pages, and calls that need no key, never look at it.

Where very many sign one petition, from however many addresses, the next ones are asked for a proof
of work.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.action_network.dependencies import caller_of as token_caller_of
from api.action_network.places import TOKEN, id_in, is_dialect
from api.answers.state import state_of
from api.http import errors
from api.http.dependencies import caller_of
from api.http.errors import REFUSED
from core.settings import Settings
from models import Keyring
from services.assembly import utc_now
from services.errors import Limited, LobbyError, NotFound, ProofRequired
from services.keys.api_keys import Caller
from services.traffic.proof_of_work import ProofOfWork
from services.traffic.rate_limits import RateLimit, RateLimitResult, network_of

READING = frozenset({"GET", "HEAD", "OPTIONS"})
PROOF = "Lobby-Proof"
"""The header with a proof of work. A form, which has no headers, has it as `?proof=`."""
_SLUG = "([a-z0-9-]{1,80})"
_SIGN = re.compile(f"/v1/petitions/{_SLUG}/signatures")
_SIGN_IN_DIALECT = re.compile("/api/v2/petitions/([^/]+)/signatures/*")
_SIGN_ON_PAGE = re.compile(f"/(?:petitions|embed)/{_SLUG}/sign")
_WHOSE = {
    "address": "from your internet connection, which others may share",
    "key": "with your key",
}
Answer = Callable[[Request, Exception], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Sender:
    """By which limit somebody is counted, if by any, and as whom."""

    has_key: bool
    limit: RateLimit | None
    who: str | None


class Limits:
    """A share a minute for each address, each key and each petition; 0 is without end."""

    def __init__(
        self, app: ASGIApp, *, settings: Settings, keyring: Keyring, answer: Answer
    ) -> None:
        def limit(name: str, share: int) -> RateLimit | None:
            return RateLimit(name, share, utc_now, url=settings.rate_limit_url) if share else None

        self._app, self._keyring, self._answer = app, keyring, answer
        self._address = limit("address", settings.posts_per_address)
        self._key = limit("key", settings.posts_per_key)
        self._petition = limit("petition", settings.posts_per_petition)
        self._proofs = ProofOfWork(keyring, utc_now, url=settings.rate_limit_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            return await self._live(scope, receive, send)
        if scope["type"] != "http" or scope["method"] in READING:
            return await self._app(scope, receive, send)
        request = Request(scope)
        sender = await self._sender(request)
        error: LobbyError | None = None
        if sender.limit is not None and sender.who is not None:
            verdict = await sender.limit.hit(sender.who)
            send = _telling(send, _headers(sender.limit, verdict))
            error = None if verdict.is_allowed else _refusal(sender.limit, verdict)
        if error is None and not sender.has_key:
            error = await self._wish(request)
        if error is None:
            return await self._app(scope, receive, send)
        refusal = await self._answer(request, error)
        return await refusal(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """From the start of the process to its end."""
        try:
            await self._app(scope, receive, send)
        finally:
            for each in (self._address, self._key, self._petition, self._proofs):
                if each is not None:
                    await each.close()

    async def _sender(self, request: Request) -> _Sender:
        caller = await _caller_of(request)
        if caller is not None:
            return _Sender(True, self._key, self._unreadable(f"key {caller.key_id}"))
        client = request.client  # a socket of this machine has none
        who = self._unreadable(network_of(client.host)) if client else None
        return _Sender(False, self._address, who)

    def _unreadable(self, who: str) -> str:
        """Whoever can read the counters learns neither an address nor a key."""
        return self._keyring.request_index(b"sender", who.encode()).hex()

    async def _wish(self, request: Request) -> ProofRequired | None:
        """What a signature without a key lacks, where very many sign. A page is left to itself: it
        shows the form again."""
        path = request.url.path
        on_page = _SIGN_ON_PAGE.fullmatch(path)
        petition = on_page[1] if on_page else _signed_at(path)
        if self._petition is None or petition is None or await self._is_proved(request):
            return None
        verdict = await self._petition.hit(petition)
        if verdict.is_allowed:
            return None
        wanted = ProofRequired("proof_wanted", _MANY, verdict.seconds, self._proofs.challenge())
        if on_page is None:
            return wanted
        request.scope[REFUSED] = wanted
        return None

    async def _is_proved(self, request: Request) -> bool:
        proof = request.headers.get(PROOF) or request.query_params.get("proof")
        return proof is not None and await self._proofs.accept(proof)


_MANY = (
    "Very many people are signing right now. Prove some work, as 'proof' says, and send it as "
    f"{PROOF}, or try again in the next minute."
)


async def _caller_of(request: Request) -> Caller | None:
    """Whose good key comes with a request, whichever header has it, and however that is spelt."""
    find, header = caller_of, "Authorization"
    if is_dialect(request.url.path):
        find, header = token_caller_of, TOKEN
    if header not in request.headers:
        return None
    try:
        return await run_in_threadpool(find, request, state_of(request).lobby)
    except errors.KNOWN:  # whoever needs the key says what is wrong with it
        return None


def _signed_at(path: str) -> str | None:
    """The petition that a call signs, by its slug or its id. An id counts as one however it is
    written."""
    if found := _SIGN.fullmatch(path):
        return found[1]
    found = _SIGN_IN_DIALECT.fullmatch(path)
    try:
        return str(id_in(found[1], "petition")) if found else None
    except NotFound:  # as the call will say
        return None


def _refusal(limit: RateLimit, verdict: RateLimitResult) -> Limited:
    """In words for a supporter too, to whom an address is where they live."""
    message = (
        f"There have been too many requests {_WHOSE[limit.name]}: at most {verdict.share:,} a "
        f"minute. Please go back and try again in {verdict.seconds} seconds."
    )
    return Limited("rate_limited", message, verdict.seconds)


def _headers(limit: RateLimit, verdict: RateLimitResult) -> list[tuple[bytes, bytes]]:
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
