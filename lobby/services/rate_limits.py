"""How much one address or one key may send in a minute; counted in the memory of this process."""

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

# What one customer of a network is given (RFC 6177): with single addresses they would have 2^64.
IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is left of a minute's share: `remaining` requests for `seconds` more."""

    is_allowed: bool
    share: int
    remaining: int
    seconds: int


class RateLimit:
    """A share of so many requests a minute for everybody who is told apart.

    The library counts by the machine's own time: `clock` has to be that too.
    """

    def __init__(self, name: str, share: int, clock: Callable[[], datetime]) -> None:
        self.name = name
        self._share = share
        self._clock = clock
        self._item = RateLimitItemPerMinute(share, namespace=name)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def hit(self, who: str) -> Verdict:
        """Count one request; beyond the share it is not allowed."""
        is_allowed = await self._limiter.hit(self._item, who)
        told = await self._limiter.get_window_stats(self._item, who)
        seconds = max(1, math.ceil(told.reset_time - self._clock().timestamp()))
        return Verdict(is_allowed, self._share, max(0, told.remaining), seconds)


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
