"""Proofs of work: what a browser computes for a second before it may sign while very many do.

A number is to be found whose hash with a salt is known: dear to find and cheap to check, so that
who signs a thousand times pays a thousand times. The protocol and the checks are ALTCHA's (its
first version, for which SHA-256 is enough); each proof counts once.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from altcha import v1 as altcha
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models import Keyring
from services.traffic.rate_limits import MEMORY, RateLimit

MOST_WORK = 60_000
"""Hashes at most, half of them on average: a second on a laptop, some on a phone."""
LIFETIME = timedelta(minutes=10)
LONGEST = 1000
_Text = Annotated[str, Field(max_length=200)]


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True)

    algorithm: Literal["SHA-256"]
    challenge: _Text
    number: Annotated[int, Field(ge=0, le=MOST_WORK)]
    salt: _Text
    signature: _Text


class ProofOfWork:
    """Challenges of this service, and whether they were met. `clock` as in `RateLimit`."""

    def __init__(
        self, keyring: Keyring, clock: Callable[[], datetime], *, url: str = MEMORY
    ) -> None:
        self._clock = clock
        self._key = keyring.request_index(b"proof").hex()
        minutes = int(LIFETIME / timedelta(minutes=1)) + 1
        self._used = RateLimit("proof", 1, clock, minutes=minutes, url=url)

    def challenge(self) -> dict[str, Any]:
        """As ALTCHA's clients take it: `algorithm`, `challenge`, `maxnumber`, `salt` and
        `signature`."""
        options = altcha.ChallengeOptions(
            max_number=MOST_WORK, hmac_key=self._key, expires=self._clock() + LIFETIME
        )
        made = altcha.create_challenge(options)
        return {
            "algorithm": made.algorithm,
            "challenge": made.challenge,
            "maxnumber": made.max_number,  # as browsers' side of ALTCHA spells it
            "salt": made.salt,
            "signature": made.signature,
        }

    async def accept(self, proof: str) -> bool:
        """Whether this proves work that was done for us in time, and is seen for the first time.

        `proof` is Base64 of JSON with the challenge's values, and the `number` in place of
        `maxnumber`.
        """
        payload = _payload(proof)
        if payload is None:
            return False
        whole = altcha.Payload(**payload.model_dump())
        is_good, _ = altcha.verify_solution(whole, self._key)
        return is_good and (await self._used.hit(payload.challenge)).is_allowed

    async def close(self) -> None:
        """Give back what it holds."""
        await self._used.close()


def _payload(proof: str) -> _Payload | None:
    try:
        return _Payload.model_validate_json(base64.b64decode(proof[:LONGEST], validate=True))
    except (binascii.Error, ValidationError, ValueError):
        return None
