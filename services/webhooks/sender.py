"""Sends webhook deliveries over HTTP: to public addresses only, with limits of time and size.

To prevent server-side request forgery, a host name is resolved once, all its addresses are checked,
and the connection is made to a checked address, so that a later change in DNS has no effect (DNS
rebinding). TLS still verifies the certificate of the name. Redirects are not followed, proxies are
not used, and every delivery has its own connection.
"""

import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpcore2

from services.errors import Invalid
from services.webhooks import addresses

if TYPE_CHECKING:
    from dns.resolver import Resolver

SECONDS = 10.0  # for a whole attempt: DNS, connecting, sending and the reply
CONNECT_SECONDS = 4.0
LOOK_UP_SECONDS = 4.0
MOST_ADDRESSES = 4
MOST_BYTES = 64 * 1024  # of the reply's body, which is discarded
_HEADERS = (("User-Agent", "CentralLobby/0.1 (webhooks)"), ("Connection", "close"))

Resolve = Callable[[str], Sequence[str]]
"""Returns the IP addresses of a host name as texts; empty if it has none."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of an attempt: an HTTP status, or an `error` in our own words.

    `retry_after` is in seconds; None if the reply has no valid `Retry-After`.
    """

    status: int | None = None
    error: str | None = None
    retry_after: float | None = None

    @property
    def is_good(self) -> bool:
        """Returns whether the receiver accepted the delivery, with any 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Returns whether the receiver wants no more deliveries."""
        return self.status == 410  # RFC 9110, 15.5.11


class AddressNotAllowed(httpcore2.ConnectError):
    """The host name resolves to an address that we may not connect to."""


def look_up(name: str, *, resolver: "Resolver | None" = None) -> Sequence[str]:
    """Returns the addresses of a name from DNS, without the machine's hosts file; () on failure."""
    # Imported here: few processes send webhooks, and the library takes memory and time.
    from dns.exception import DNSException  # noqa: PLC0415 - see above
    from dns.resolver import Resolver  # noqa: PLC0415 - see above

    try:
        answers = (resolver or Resolver()).resolve_name(
            name, lifetime=LOOK_UP_SECONDS, search=False
        )
    except DNSException:
        return ()
    return tuple(answers.addresses())


class WebhookSender:
    """Sends deliveries.

    `resolve` looks up host names, `is_allowed` decides on each address, and `connect` opens the
    connection to an address (as `httpcore2.NetworkBackend.connect_tcp`). `seconds` limits a whole
    attempt.
    """

    def __init__(
        self,
        *,
        resolve: Resolve = look_up,
        to_loopback: bool = False,
        is_allowed: Callable[[str], bool] = addresses.is_public,
        connect: Callable[..., httpcore2.NetworkStream] | None = None,
        tls: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self.to_loopback = to_loopback
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._connect = connect or httpcore2.SyncBackend().connect_tcp
        self._tls = tls
        self._seconds = seconds

    def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        """Make one attempt. Failures of the receiver are returned in the reply, not raised."""
        deadline = time.monotonic() + self._seconds
        backend = _CheckedBackend(self._addresses, self._connect, deadline)
        timeouts = dict.fromkeys(("read", "write", "pool"), self._seconds)
        timeouts["connect"] = min(CONNECT_SECONDS, self._seconds)
        try:
            addresses.url(url, to_loopback=self.to_loopback)
            with (
                httpcore2.ConnectionPool(
                    ssl_context=self._context(url), network_backend=backend, max_connections=1
                ) as pool,
                pool.stream(
                    "POST",
                    url,
                    headers=[*headers.items(), *_HEADERS],
                    content=content,
                    extensions={"timeout": timeouts},
                ) as response,
            ):
                return _reply(response)
        except Invalid:
            return Reply(error="this address is not allowed")
        except _FAULTS as error:
            return Reply(error=_error_text(error))

    def _context(self, url: str) -> ssl.SSLContext | None:
        # Made once, when first needed: loading the certificate authorities is slow.
        if self._tls is None and url.startswith("https:"):
            self._tls = httpcore2.default_ssl_context()
        return self._tls

    def _addresses(self, host: str) -> Sequence[str]:
        """Returns the addresses to connect to.

        Raises AddressNotAllowed if any of them is not allowed: a name with both public and private
        addresses is suspicious.
        """
        if self.to_loopback and host in addresses.LOOPBACK_HOSTS:
            return (addresses.LOOPBACK_HOSTS[host],)
        resolved = (host,) if self._is_allowed(host) else self._resolve(host)
        if not resolved:
            raise httpcore2.ConnectError("the name is not known")
        if not all(self._is_allowed(address) for address in resolved):
            raise AddressNotAllowed("an address is not allowed")
        return resolved[:MOST_ADDRESSES]


class _CheckedBackend(httpcore2.NetworkBackend):
    """Connects only to addresses from `address_lookup`, which checks them, before a deadline."""

    def __init__(
        self,
        address_lookup: Callable[[str], Sequence[str]],
        connect: Callable[..., httpcore2.NetworkStream],
        deadline: float,
    ) -> None:
        self._addresses = address_lookup
        self._connect = connect
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first address that answers; addresses are not resolved again."""
        failed: Exception = httpcore2.ConnectError("no address")
        for address in self._addresses(host):
            try:
                stream = self._connect(
                    address,
                    port,
                    timeout=_time_left(self._deadline, timeout),
                    local_address=local_address,
                    socket_options=socket_options,
                )
                return _DeadlineStream(stream, self._deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed


class _DeadlineStream(httpcore2.NetworkStream):
    """A stream with a deadline for all its operations together.

    Timeouts of single reads would let a receiver keep us busy by sending a byte now and then.
    """

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read before the deadline."""
        return self._stream.read(max_bytes, _time_left(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write before the deadline."""
        self._stream.write(buffer, _time_left(self._deadline, timeout))

    def close(self) -> None:
        """Close the underlying stream."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Start TLS before the deadline."""
        remaining = _time_left(self._deadline, timeout)
        return _DeadlineStream(
            self._stream.start_tls(ssl_context, server_hostname, remaining), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        """Return the extra info of the underlying stream."""
        return self._stream.get_extra_info(info)


_FAULTS = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
)


def _time_left(deadline: float, timeout: float | None) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise httpcore2.ReadTimeout("no time is left")
    return remaining if timeout is None else min(remaining, timeout)


def _reply(response: httpcore2.Response) -> Reply:
    received = 0
    try:
        for chunk in response.iter_stream():
            received += len(chunk)
            if received > MOST_BYTES:
                break
    except _FAULTS:
        pass  # the status counts, even if the body never arrives
    return Reply(status=response.status, retry_after=_retry_after(response))


def _retry_after(response: httpcore2.Response) -> float | None:
    """Returns `Retry-After` in seconds (RFC 9110, 10.2.3); None if it is missing or invalid."""
    headers = {name.lower(): value.decode("latin-1") for name, value in response.headers}
    text = headers.get(b"retry-after", "").strip()
    if text.isdecimal() and len(text) < 9:  # three years
        return float(text)
    # A date counts by the receiver's own clock.
    try:
        until, now = (_utc(date) for date in (text, headers.get(b"date", "")))
    except (ValueError, OverflowError):
        return None
    return max(0.0, (until - now).total_seconds())


def _utc(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _error_text(error: Exception) -> str:
    """Returns a text of our own, because the error's could reveal details of our network."""
    if isinstance(error, AddressNotAllowed):
        return "the name stands for an address that is not public"
    if isinstance(error, httpcore2.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpcore2.ConnectError):
        is_tls = isinstance(error.__cause__ or error.__context__, ssl.SSLError)
        return "no secure connection: is the certificate good?" if is_tls else "no connection"
    if isinstance(error, httpcore2.NetworkError):
        return "the connection broke"
    return "no answer in HTTP"


def host_of(url: str) -> str:
    """Returns the host of a URL, for logs and checks: the rest is often a secret."""
    return urlsplit(url).hostname or ""
