"""Organisers who sign in: how often, and how many at a time.

Checking a password takes a tenth of a second on all cores and 64 MB, by design. The limits are per
minute, so that a stranger who tries passwords keeps an organiser out for a minute at most.
"""

from collections.abc import Callable
from typing import TypeVar

from services.assembly import Lobby, utc_now
from services.errors import Limited
from services.organisations import organisations, passwords
from services.traffic.rate_limits import RateLimit, network_of
from services.traffic.turns import Turns

PER_ADDRESS = 10
PER_ACCOUNT = 20
"""More than for an address: one stranger with one address never keeps an organiser out."""

LONGEST_QUEUE = 50
"""They wait some seconds. Whoever waits longer has left."""

ResultT = TypeVar("ResultT")


class SignIns:
    """Counts attempts by address and by account, known or not, and runs those within the limits."""

    def __init__(self, lobby: Lobby, *, turns: Turns | None = None) -> None:
        url = lobby.settings.rate_limit_url
        self._keyring = lobby.keyring
        self._addresses = RateLimit("sign-in address", PER_ADDRESS, utc_now, url=url)
        self._accounts = RateLimit("sign-in account", PER_ACCOUNT, utc_now, url=url)
        at_once = passwords.AT_ONCE
        self._turns = turns or Turns("sign-in", at_once=at_once, longest_queue=LONGEST_QUEUE)

    async def run(self, address: str | None, email: str, call: Callable[[], ResultT]) -> ResultT:
        """Returns what the call returns. Raises Limited, or Unavailable if too many wait.

        `address` is None for clients of a Unix socket, which are not told apart.
        """
        if address is not None:
            await self._count(self._addresses, network_of(address), "from your connection")
        await self._count(
            self._accounts, organisations.account_of(email).lower(), "for this account"
        )
        return await self._turns.run(call)

    def stop(self) -> None:
        """Ends the threads."""
        self._turns.stop()

    async def close(self) -> None:
        """Closes the connections to Redis."""
        await self._addresses.close()
        await self._accounts.close()

    async def _count(self, limit: RateLimit, name: str, cause: str) -> None:
        index = self._keyring.request_index(b"sign-in", name.encode()).hex()
        verdict = await limit.hit(index)
        if not verdict.is_allowed:
            message = (
                f"There have been too many attempts to sign in {cause}: at most {verdict.limit} a "
                f"minute. Please try again in {verdict.reset_after} seconds."
            )
            raise Limited("rate_limited", message, verdict.reset_after)
