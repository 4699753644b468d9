"""Rate limits requests per API key and per client address. Plain ASGI before the router.

Reads count for the client's address. A request that changes something counts for its key, if it has
one, so that signatures through one partner's server are not limited as those of one client. Without
a key it counts for the address too, apart from reads. An invalid key is ignored: anybody can invent
keys, and pages and public calls do not check them.

When one petition gets very many signatures without a key, from any addresses, further ones need a
proof of work.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.action_network.dependencies import caller_of as token_caller_of
from api.action_network.places import TOKEN, id_in, is_dialect
from api.answers.signature_intake import SENDER
from api.answers.state import state_of
from api.http import errors
from api.http.dependencies import caller_of
from api.http.errors import REFUSED
from core.settings import Settings
from models import Keyring
from services.assembly import utc_now
from services.errors import Limited, LobbyError, NotFound, ProofRequired
from services.keys.api_keys import Caller
from services.mail import recipients
from services.traffic.proof_of_work import ProofOfWork
from services.traffic.rate_limits import RateLimit, RateLimitResult, networks_of

READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
COUNTED_READS = frozenset({"GET", "HEAD"})
NOT_COUNTED = ("/static/", "/livez", "/readyz", "/metrics")
"""Paths of files that belong to pages, and of monitoring."""

PROOF = "Lobby-Proof"
"""The header with a proof of work. A form, which sends no headers, uses the query `?proof=`."""
_SLUG = "([a-z0-9-]{1,80})"
_SIGN = re.compile(f"/v1/petitions/{_SLUG}/signatures")
_SIGN_IN_DIALECT = re.compile("/api/v2/petitions/([^/]+)/signatures/*")
_SIGN_ON_PAGE = re.compile(f"/(?:petitions|embed)/{_SLUG}/sign")
_CAUSES = {
    "address": "from your internet connection, which others may share",
    "reads": "from your internet connection, which others may share",
    "key": "with your key",
}
ErrorResponse = Callable[[Request, Exception], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Sender:
    """The sender of a request: the limit that counts it, and the counter's name.

    `index` is the keyed hash by which mails to one mailbox are shared out among senders.
    """

    has_key: bool
    limit: RateLimit | None
    counter: str | None
    index: bytes | None


class Limits:
    """Limits per minute and address, key and petition, from the settings. 0 means no limit."""

    def __init__(
        self, app: ASGIApp, *, settings: Settings, keyring: Keyring, answer: ErrorResponse
    ) -> None:
        def limit(name: str, most: int) -> RateLimit | None:
            return RateLimit(name, most, utc_now, url=settings.rate_limit_url) if most else None

        self._app, self._keyring, self._answer = app, keyring, answer
        self._address = limit("address", settings.posts_per_address)
        self._reads = limit("reads", settings.gets_per_address)
        self._key = limit("key", settings.posts_per_key)
        self._petition = limit("petition", settings.posts_per_petition)
        # Most posts of a rush come in bursts from the same networks. It says nothing about signers.
        self._client = lru_cache(maxsize=4096)(self._make_client)
        self._proofs = ProofOfWork(keyring, utc_now, url=settings.rate_limit_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(scope, receive, send)
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        if scope["method"] in READING_METHODS:
            return await self._read(scope, receive, send)
        request = Request(scope)
        sender = await self._sender(request)
        scope[SENDER] = sender.index
        error: LobbyError | None = None
        if sender.limit is not None and sender.counter is not None:
            verdict = await sender.limit.hit(sender.counter)
            send = _with_headers(send, _headers(sender.limit, verdict))
            error = None if verdict.is_allowed else _refusal(sender.limit, verdict)
        if error is None and not sender.has_key:
            error = await self._proof_error(request)
        if error is None:
            return await self._app(scope, receive, send)
        refusal = await self._answer(request, error)
        return await refusal(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit, client = self._reads, scope.get("client")  # there is none on a Unix socket
        if (
            limit is None
            or client is None
            or scope["method"] not in COUNTED_READS
            or scope["path"].startswith(NOT_COUNTED)
        ):
            return await self._app(scope, receive, send)
        verdict = await limit.hit(self._client(client[0])[0])
        send = _with_headers(send, _headers(limit, verdict))
        if verdict.is_allowed:
            return await self._app(scope, receive, send)
        refusal = await self._answer(Request(scope), _refusal(limit, verdict))
        return await refusal(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            for store in (self._address, self._reads, self._key, self._petition, self._proofs):
                if store is not None:
                    await store.close()

    async def _sender(self, request: Request) -> _Sender:
        caller = await _caller_of(request)
        if caller is not None:
            name = f"key {caller.key_id}"
            index = recipients.sender_index(name, self._keyring)
            return _Sender(True, self._key, self._pseudonym(name), index)
        client = request.client  # None for a Unix socket
        if client is None:
            return _Sender(False, self._address, None, None)
        return _Sender(False, self._address, *self._client(client.host))

    def _make_client(self, address: str) -> tuple[str, bytes]:
        """Returns the counter of a client's network, and its hash for the limits on mails."""
        network, wide_network = networks_of(address)
        return self._pseudonym(network), recipients.sender_index(wide_network, self._keyring)

    def _pseudonym(self, sender: str) -> str:
        """Names a counter so that it shows neither an address nor a key."""
        return self._keyring.request_index(b"sender", sender.encode()).hex()

    async def _proof_error(self, request: Request) -> ProofRequired | None:
        """Returns an error if a signature without a key needs a proof of work, and has none.

        For a page it leaves the error in the scope: the page shows the form again.
        """
        path = request.url.path
        on_page = _SIGN_ON_PAGE.fullmatch(path)
        petition = on_page[1] if on_page else _signed_at(path)
        if self._petition is None or petition is None or await self._has_proof(request):
            return None
        verdict = await self._petition.hit(petition)
        if verdict.is_allowed:
            return None
        error = ProofRequired("proof_wanted", _MANY, verdict.reset_after, self._proofs.challenge())
        if on_page is None:
            return error
        request.scope[REFUSED] = error
        return None

    async def _has_proof(self, request: Request) -> bool:
        proof = request.headers.get(PROOF)
        if proof is None and request.scope["query_string"]:
            proof = request.query_params.get("proof")
        return proof is not None and await self._proofs.accept(proof)


_MANY = (
    "Very many people are signing right now. Prove some work, as 'proof' says, and send it as "
    f"{PROOF}, or try again in the next minute."
)


async def _caller_of(request: Request) -> Caller | None:
    """Returns the caller if the request has a valid key, in the API's header or the dialect's."""
    find, header = caller_of, "Authorization"
    if is_dialect(request.url.path):
        find, header = token_caller_of, TOKEN
    if header not in request.headers:
        return None
    try:
        return await run_in_threadpool(find, request, state_of(request).lobby)
    except errors.KNOWN:  # a route that needs the key reports the error
        return None


def _signed_at(path: str) -> str | None:
    """Returns the slug or the id of the petition that a call signs. Spellings of an id are one."""
    if match := _SIGN.fullmatch(path):
        return match[1]
    match = _SIGN_IN_DIALECT.fullmatch(path)
    try:
        return str(id_in(match[1], "petition")) if match else None
    except NotFound:  # the route reports it
        return None


def _refusal(limit: RateLimit, verdict: RateLimitResult) -> Limited:
    """Pages show this text to supporters, for whom an address is where they live."""
    message = (
        f"There have been too many requests {_CAUSES[limit.name]}: at most {verdict.limit:,} a "
        f"minute. Please go back and try again in {verdict.reset_after} seconds."
    )
    return Limited("rate_limited", message, verdict.reset_after)


def _headers(limit: RateLimit, verdict: RateLimitResult) -> list[tuple[bytes, bytes]]:
    """`RateLimit` headers as in the draft of the IETF's httpapi working group."""
    policy = f'"{limit.name}";q={verdict.limit};w=60'
    left = f'"{limit.name}";r={verdict.remaining};t={verdict.reset_after}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


def _with_headers(send: Send, headers: list[tuple[bytes, bytes]]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return send_with_headers
