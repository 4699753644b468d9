"""Organisers who sign in: how often, and how many at a time.

Checking a password takes a tenth of a second on all cores and 64 MB, by design. Whoever goes on
trying waits a minute first, then an hour, then a day. A device that has signed in to an account
before is counted on its own and has a queue of its own, so that no stranger can keep an organiser
out. So is a session in which the password is asked for again. Choosing a new password by email is
not counted here.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from services.assembly import Lobby, utc_now
from services.errors import Limited
from services.organisations import organisations, passwords
from services.traffic.rate_limits import RateLimit, network_of
from services.traffic.turns import Turns

MINUTE, HOUR, DAY = 1, 60, 24 * 60
_EVERY = {MINUTE: "a minute", HOUR: "an hour", DAY: "a day"}
PER_ADDRESS = 10
PER_ACCOUNT = 20
"""More than for an address: one stranger with one address uses up half of them."""
CODES_PER_ACCOUNT = 5

LONGEST_QUEUE = 50
"""They wait some seconds. Whoever waits longer has left."""

ResultT = TypeVar("ResultT")


class _Tier(NamedTuple):
    most: int
    minutes: int


_BY_ADDRESS = (_Tier(PER_ADDRESS, MINUTE), _Tier(60, HOUR), _Tier(200, DAY))
_BY_ACCOUNT = (_Tier(PER_ACCOUNT, MINUTE), _Tier(40, HOUR), _Tier(100, DAY))
_BY_DEVICE = (_Tier(10, MINUTE), _Tier(30, HOUR), _Tier(100, DAY))
# A code has six digits, and three are right at a time: somebody who knows the password finds one
# within a year with a chance of one in twenty.
_CODES = (_Tier(CODES_PER_ACCOUNT, MINUTE), _Tier(20, HOUR), _Tier(50, DAY))


class SignIns:
    """Counts attempts by address and by account, known or not, and runs those within the limits."""

    def __init__(
        self,
        lobby: Lobby,
        *,
        turns: Turns | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        url = lobby.settings.rate_limit_url
        self._keyring = lobby.keyring
        self._addresses = _Backoff("sign-in address", _BY_ADDRESS, clock, url)
        self._accounts = _Backoff("sign-in account", _BY_ACCOUNT, clock, url)
        self._devices = _Backoff("sign-in device", _BY_DEVICE, clock, url)
        self._codes = _Backoff("sign-in code", _CODES, clock, url)
        self._device_codes = _Backoff("sign-in device code", _CODES, clock, url)
        self._passwords_again = _Backoff("password again", _BY_DEVICE, clock, url)
        at_once = passwords.AT_ONCE
        self._turns = turns or Turns("sign-in", at_once=at_once, longest_queue=LONGEST_QUEUE)
        self._known_turns = Turns("known sign-in", at_once=1, longest_queue=LONGEST_QUEUE)

    async def run(
        self,
        address: str | None,
        email: str,
        call: Callable[[], ResultT],
        *,
        device: str | None = None,
    ) -> ResultT:
        """Returns what the call returns. Raises Limited, or Unavailable if too many wait.

        `address` is None for clients of a Unix socket, which are not told apart. `device` is the
        token of a device that is known for this account.
        """
        if device is not None:
            await self._count(self._devices, device, "to sign in on this device")
            return await self._known_turns.run(call)
        if address is not None:
            await self._count(
                self._addresses, network_of(address), "to sign in from your connection"
            )
        account = organisations.account_of(email).lower()
        await self._count(self._accounts, account, "to sign in for this account")
        return await self._turns.run(call)

    async def count_code(self, organiser_id: UUID, *, device: str | None = None) -> None:
        """Counts a code of the second step. Raises Limited. `device` is as for `run`."""
        if device is not None:
            await self._count(self._device_codes, device, "to sign in with a code on this device")
        else:
            cause = "to sign in with a code for this account"
            await self._count(self._codes, organiser_id.hex, cause)

    async def count_password_again(self, session_id: UUID) -> None:
        """Counts a password that somebody types who is signed in. Raises Limited.

        A session is one account's, and no other session and no sign-in waits for it.
        """
        await self._count(self._passwords_again, session_id.hex, "to give your password")

    def stop(self) -> None:
        """Ends the threads."""
        self._turns.stop()
        self._known_turns.stop()

    async def close(self) -> None:
        """Closes the connections to Redis."""
        for backoff in (
            self._addresses,
            self._accounts,
            self._devices,
            self._codes,
            self._device_codes,
            self._passwords_again,
        ):
            await backoff.close()

    async def _count(self, backoff: "_Backoff", name: str, cause: str) -> None:
        index = self._keyring.request_index(b"sign-in", name.encode()).hex()
        await backoff.hit(index, cause)


class _Backoff:
    """Limits of a minute, an hour and a day. What the first refuses does not count for the next."""

    def __init__(
        self, name: str, tiers: tuple[_Tier, ...], clock: Callable[[], datetime], url: str
    ) -> None:
        self._limits = [
            (
                tier,
                RateLimit(
                    f"{name} {tier.minutes}", tier.most, clock, minutes=tier.minutes, url=url
                ),
            )
            for tier in tiers
        ]

    async def hit(self, client: str, cause: str) -> None:
        """Counts one attempt; raises Limited with the time to wait."""
        for tier, limit in self._limits:
            verdict = await limit.hit(client)
            if not verdict.is_allowed:
                message = (
                    f"There have been too many attempts {cause}: at most {tier.most} "
                    f"{_EVERY[tier.minutes]}. Please try again in {_wait(verdict.reset_after)}."
                )
                raise Limited("rate_limited", message, verdict.reset_after)

    async def close(self) -> None:
        """Closes the connections to Redis."""
        for _, limit in self._limits:
            await limit.close()


def _wait(seconds: int) -> str:
    for unit, length in (("hours", HOUR * 60), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{-(-seconds // length)} {unit}"
    return f"{seconds} seconds"
