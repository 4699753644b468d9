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
from functools import lru_cache
from typing import NamedTuple

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
from api.http.response_headers import RawHeaders
from core.settings import Settings
from models import Keyring
from services.assembly import utc_now
from services.errors import Limited, NotFound, ProofRequired
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
Client = tuple[str, int] | None

ADMISSION = "lobby.admission"
"""The key of an `Admission` in the ASGI scope."""


class Admission(NamedTuple):
    """What the limits say of a request: the headers of its answer, and why it is refused.

    `sender_index` is the keyed hash by which mails to one mailbox are shared out among senders.
    """

    sender_index: bytes | None
    headers: RawHeaders
    error: Exception | None


class _Sender(NamedTuple):
    """The sender of a request: the limit that counts it, and the counter's name."""

    has_key: bool
    limit: "_CountedLimit | None"
    counter: str | None
    sender_index: bytes | None


class _CountedLimit:
    """A limit a minute, with `RateLimit` headers as in the draft of the IETF's working group."""

    def __init__(self, name: str, most: int, settings: Settings) -> None:
        self.name, self.store = name, RateLimit(name, most, utc_now, url=settings.rate_limit_url)
        self._policy = (b"ratelimit-policy", f'"{name}";q={most};w=60'.encode())
        self._left = f'"{name}";r=%d;t=%d'.encode()

    async def admit(self, counter: str, sender_index: bytes | None) -> Admission:
        """Counts a request."""
        verdict = self.store.hit_here(counter) or await self.store.hit(counter)
        left = (b"ratelimit", self._left % (verdict.remaining, verdict.reset_after))
        error = None if verdict.is_allowed else _refusal(self.name, verdict)
        return Admission(sender_index, (self._policy, left), error)


class Limiter:
    """Limits per minute and address, key and petition, from the settings. 0 means no limit."""

    def __init__(self, settings: Settings, keyring: Keyring) -> None:
        def limit(name: str, most: int) -> _CountedLimit | None:
            return _CountedLimit(name, most, settings) if most else None

        self._keyring = keyring
        self._address = limit("address", settings.posts_per_address)
        self._reads = limit("reads", settings.gets_per_address)
        self._key = limit("key", settings.posts_per_key)
        self._petition = limit("petition", settings.posts_per_petition)
        # Most posts of a rush come in bursts from the same networks. It says nothing about signers.
        self._client = lru_cache(maxsize=4096)(self._make_client)
        self._proofs = ProofOfWork(keyring, utc_now, url=settings.rate_limit_url)

    async def close(self) -> None:
        """Closes the connections to Redis."""
        for limit in (self._address, self._reads, self._key, self._petition):
            if limit is not None:
                await limit.store.close()
        await self._proofs.close()

    async def read(self, client: Client) -> Admission:
        """Counts a read. `client` is the ASGI scope's: there is none on a Unix socket."""
        if self._reads is None or client is None:
            return ADMITTED
        return await self._reads.admit(self._client(client[0])[0], None)

    async def change(self, scope: Scope) -> Admission:
        """Counts a request that changes something, for its key or its address."""
        request = Request(scope)
        sender = await self._sender(request)
        admission = await _counted(sender)
        if admission.error is not None or sender.has_key:
            return admission
        return await self._for_petition(admission, request)

    async def public_change(self, client: Client) -> Admission:
        """Works like `change`, for a request without a key that signs nothing."""
        if client is None:
            return ADMITTED
        counter, index = self._client(client[0])
        if self._address is None:
            return Admission(index, (), None)
        return await self._address.admit(counter, index)

    async def signature(self, client: Client, slug: str, proof: str | None) -> Admission:
        """Works like `change`, for a signature without a key."""
        admission = await self.public_change(client)
        if admission.error is not None or self._petition is None:
            return admission
        return await self._signing(admission, self._petition, slug, proof)

    async def _for_petition(self, admission: Admission, request: Request) -> Admission:
        path = request.url.path
        on_page = _SIGN_ON_PAGE.fullmatch(path)
        petition = on_page[1] if on_page else _signed_at(path)
        if self._petition is None or petition is None:
            return admission
        proof = request.headers.get(PROOF)
        if proof is None and request.scope["query_string"]:
            proof = request.query_params.get("proof")
        admission = await self._signing(admission, self._petition, petition, proof)
        if on_page is None or admission.error is None:
            return admission
        request.scope[REFUSED] = admission.error  # the page shows the form again
        return admission._replace(error=None)

    async def _signing(
        self, admission: Admission, limit: _CountedLimit, petition: str, proof: str | None
    ) -> Admission:
        """Counts a signature without a key for its petition, unless it has a proof of work."""
        if proof is not None and await self._proofs.accept(proof):
            return admission
        verdict = limit.store.hit_here(petition) or await limit.store.hit(petition)
        if verdict.is_allowed:
            return admission
        wait, challenge = verdict.reset_after, self._proofs.challenge()
        return admission._replace(error=ProofRequired("proof_wanted", _MANY, wait, challenge))

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


class Limits:
    """Middleware that asks the limiter, unless `api.front.hot_route` has asked it already.

    The hot route leaves its `Admission` in the scope. The error in it may also be one of the work
    itself. It is answered here, so that its answer passes the same layers as every other.
    """

    def __init__(self, app: ASGIApp, *, limiter: Limiter, answer: ErrorResponse) -> None:
        self._app, self._limiter, self._answer = app, limiter, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(scope, receive, send)
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        admission: Admission = scope.pop(ADMISSION, None) or await self._admission(scope)
        scope[SENDER] = admission.sender_index
        if admission.headers:
            send = _with_headers(send, admission.headers)
        error = admission.error
        if error is None:
            return await self._app(scope, receive, send)
        if not isinstance(error, errors.KNOWN):
            raise error
        answer = await self._answer(Request(scope), error)
        return await answer(scope, receive, send)

    async def _admission(self, scope: Scope) -> Admission:
        if scope["method"] not in READING_METHODS:
            return await self._limiter.change(scope)
        if scope["method"] not in COUNTED_READS or scope["path"].startswith(NOT_COUNTED):
            return ADMITTED
        return await self._limiter.read(scope.get("client"))

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            await self._limiter.close()


async def _counted(sender: _Sender) -> Admission:
    if sender.limit is None or sender.counter is None:
        return Admission(sender.sender_index, (), None)
    return await sender.limit.admit(sender.counter, sender.sender_index)


ADMITTED = Admission(None, (), None)
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


def _refusal(name: str, verdict: RateLimitResult) -> Limited:
    """Pages show this text to supporters, for whom an address is where they live."""
    message = (
        f"There have been too many requests {_CAUSES[name]}: at most {verdict.limit:,} a "
        f"minute. Please go back and try again in {verdict.reset_after} seconds."
    )
    return Limited("rate_limited", message, verdict.reset_after)


def _with_headers(send: Send, headers: RawHeaders) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers]
        await send(message)

    return send_with_headers
