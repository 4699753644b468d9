"""Rate limits: how many requests a client may send in a minute.

Counts are kept in the memory of this process, or in a Redis that all processes share. If Redis does
not answer, each process counts separately for a few seconds, so that requests are still served.
"""

import ipaddress
import math
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage, Storage
from limits.errors import StorageError

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

# One customer is given a /64 (RFC 6177): counted by single addresses, they would have 2^64 limits.
IPV6_PREFIX = 64
WIDE_IPV6_PREFIX = 48
MEMORY = "memory"
# A request must not wait long for a Redis that is down, and not every request should try it.
REDIS_TIMEOUT, FALLBACK_SECONDS = 0.5, 5.0  # seconds
MOST_CONNECTIONS = 20  # per process; when all are in use, a request waits for one
log = structlog.get_logger()


class RateLimitResult(NamedTuple):
    """The state of a limit: `remaining` requests are left for the next `reset_after` seconds."""

    is_allowed: bool
    limit: int
    remaining: int
    reset_after: int


class RateLimit:
    """Allows each client `limit` requests in a window of one minute, or of `minutes`.

    Redis counts by the machine's own time: there `clock` has to return that too.
    """

    def __init__(
        self,
        name: str,
        limit: int,
        clock: Callable[[], datetime],
        *,
        minutes: int = 1,
        url: str = MEMORY,
    ) -> None:
        self.name = name
        self._limit = limit
        self._clock = clock
        self._item = RateLimitItemPerMinute(limit, minutes, namespace=name)
        self._local = _Windows(self._item.get_expiry())
        self._pool = None if url == MEMORY else _pool(url)
        self._shared = _redis_storage(url, self._pool) if self._pool else None
        self._local_until = 0.0

    async def hit(self, client: str) -> RateLimitResult:
        """Count one request of a client; it is not allowed beyond the limit."""
        if self._shared is not None and time.monotonic() >= self._local_until:
            try:
                return await self._hit(self._shared, client)
            except StorageError as error:
                self._local_until = time.monotonic() + FALLBACK_SECONDS
                log.warning("rate_limits_alone", error=type(error.storage_error).__name__)
        return self._hit_here(client)

    def hit_here(self, client: str) -> RateLimitResult | None:
        """Works like `hit` where this process counts alone; None where Redis has to be asked."""
        return self._hit_here(client) if self._shared is None else None

    async def close(self) -> None:
        """Close the connections to Redis."""
        if self._pool is not None:
            await self._pool.disconnect()

    def _hit_here(self, client: str) -> RateLimitResult:
        now = self._clock().timestamp()
        return self._result(*self._local.hit(client, now), now)

    async def _hit(self, storage: Storage, client: str) -> RateLimitResult:
        # As the library's FixedWindowRateLimiter, which would ask the storage once more.
        key = self._item.key_for(client)
        count = await storage.incr(key, self._item.get_expiry())
        return self._result(count, await storage.get_expiry(key), self._clock().timestamp())

    def _result(self, count: int, ends_at: float, now: float) -> RateLimitResult:
        reset_after = max(1, math.ceil(ends_at - now))
        remaining = max(0, self._limit - count)
        return RateLimitResult(count <= self._limit, self._limit, remaining, reset_after)


class _Windows:
    """Counts in the memory of this process.

    The library's own storage looks through all counters at every request.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._windows: dict[str, tuple[int, float]] = {}
        self._cleared_at = 0.0

    def hit(self, client: str, now: float) -> tuple[int, float]:
        """Returns the count of the client's window and when that ends. Times are in seconds."""
        if now >= self._cleared_at + self._seconds:
            self._clear(now)
        count, ends_at = self._windows.get(client, (0, 0.0))
        if ends_at <= now:
            count, ends_at = 0, now + self._seconds
        self._windows[client] = (count + 1, ends_at)
        return count + 1, ends_at

    def _clear(self, now: float) -> None:
        self._cleared_at = now
        self._windows = {
            client: window for client, window in self._windows.items() if window[1] > now
        }


def _pool(url: str) -> "ConnectionPool":
    # Imported here, because most installations have no Redis and should not load its library.
    from redis.asyncio import BlockingConnectionPool  # noqa: PLC0415 - see above

    return BlockingConnectionPool.from_url(
        url,
        socket_timeout=REDIS_TIMEOUT,
        socket_connect_timeout=REDIS_TIMEOUT,
        timeout=REDIS_TIMEOUT,
        max_connections=MOST_CONNECTIONS,
    )


def _redis_storage(url: str, pool: "ConnectionPool") -> Storage:
    return RedisStorage(
        f"async+{url}",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix="lobby",
        connection_pool=pool,  # type: ignore[arg-type] # documented, but missing from its types
    )


def reason_away(url: str) -> str | None:
    """Returns why the Redis of a setting does not answer; None if it does, or if there is none."""
    if url == MEMORY:
        return None
    from redis import Redis, RedisError  # noqa: PLC0415 - as in `_pool`

    try:
        wait = REDIS_TIMEOUT
        with Redis.from_url(url, socket_timeout=wait, socket_connect_timeout=wait) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        return type(error).__name__
    return None


def network_of(address: str) -> str:
    """Returns the network by which clients are counted: an IPv4 address, or the /64 of an IPv6 one.

    Anything that is not an address, such as a host name, is returned unchanged.
    """
    return networks_of(address)[0]


def networks_of(address: str) -> tuple[str, str]:
    """Returns the network as `network_of` does, and the wider one for limits on mails.

    The wider one is the /24 of an IPv4 address and the /48 of an IPv6 one: it only shares out the
    mails to one mailbox among those who ask for them.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address, address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return _ipv6_prefix(parsed, IPV6_PREFIX), _ipv6_prefix(parsed, WIDE_IPV6_PREFIX)
        parsed = parsed.ipv4_mapped
    text = str(parsed)
    return text, text.rpartition(".")[0] + ".0"


def _ipv6_prefix(address: ipaddress.IPv6Address, bits: int) -> str:
    # Building an IPv6Network would cost three times as much.
    return str(ipaddress.IPv6Address(int(address) >> (128 - bits) << (128 - bits)))
