"""How much one sender may send in a minute, by whatever they are told apart.

Counted in the memory of this process, or in a Redis that all processes share. Where that does not
answer, each process counts by itself for a while: people sign on, within a share a process.
"""

import ipaddress
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

if TYPE_CHECKING:
    from redis.asyncio import ConnectionPool

# What one customer of a network is given (RFC 6177): with single addresses they would have 2^64.
IPV6_PREFIX = 64
MEMORY = "memory"
# A request must not wait long for a Redis that is down, and not each one has to find that out.
PATIENCE, REST = 0.5, 5.0  # seconds
CONNECTIONS = 20  # of a process; who finds them all at work waits for one
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """What is left of a minute's share: `remaining` requests for `seconds` more."""

    is_allowed: bool
    share: int
    remaining: int
    seconds: int


class RateLimit:
    """A share of so many requests in a minute, or in several, for everybody who is told apart.

    The library counts by the machine's own time: `clock` has to be that too.
    """

    def __init__(
        self,
        name: str,
        share: int,
        clock: Callable[[], datetime],
        *,
        minutes: int = 1,
        url: str = MEMORY,
    ) -> None:
        self.name = name
        self._share = share
        self._clock = clock
        self._item = RateLimitItemPerMinute(share, minutes, namespace=name)
        self._alone = FixedWindowRateLimiter(MemoryStorage())
        self._pool = None if url == MEMORY else _pool(url)
        self._shared = FixedWindowRateLimiter(_shared(url, self._pool)) if self._pool else None
        self._alone_until = 0.0

    async def hit(self, who: str) -> RateLimitResult:
        """Count one request; beyond the share it is not allowed."""
        if self._shared is not None and time.monotonic() >= self._alone_until:
            try:
                return await self._hit(self._shared, who)
            except StorageError as error:
                self._alone_until = time.monotonic() + REST
                log.warning("rate_limits_alone", error=type(error.storage_error).__name__)
        return await self._hit(self._alone, who)

    async def close(self) -> None:
        """Give back the connections to what is shared."""
        if self._pool is not None:
            await self._pool.disconnect()

    async def _hit(self, limiter: FixedWindowRateLimiter, who: str) -> RateLimitResult:
        is_allowed = await limiter.hit(self._item, who)
        told = await limiter.get_window_stats(self._item, who)
        seconds = max(1, math.ceil(told.reset_time - self._clock().timestamp()))
        return RateLimitResult(is_allowed, self._share, max(0, told.remaining), seconds)


def _pool(url: str) -> "ConnectionPool":
    # Only here: most have no Redis, and need not wait for its library at each start.
    from redis.asyncio import BlockingConnectionPool  # noqa: PLC0415 - see above

    return BlockingConnectionPool.from_url(
        url,
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        timeout=PATIENCE,
        max_connections=CONNECTIONS,
    )


def _shared(url: str, pool: "ConnectionPool") -> Storage:
    return RedisStorage(
        f"async+{url}",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix="lobby",
        connection_pool=pool,  # type: ignore[arg-type] # documented, and left out of its types
    )


def network_of(address: str) -> str:
    """By what senders are told apart: an IPv4 address, or the /64 of an IPv6 address.

    What is no address, such as a name, stands for itself.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, IPV6_PREFIX), strict=False).network_address)
