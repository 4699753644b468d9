"""Proof of work: a browser computes for about a second before it may sign during a rush.

The browser looks for a number whose hash with a salt is given. That is expensive to find and cheap
to check, so that a thousand signatures cost a thousand searches. The protocol and the checks are
ALTCHA's (version 1, for which SHA-256 is enough); each proof is accepted once.
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
"""The largest number of hashes, half of it on average: a second on a laptop, more on a phone."""
LIFETIME = timedelta(minutes=10)
LONGEST_PROOF = 1000
_Text = Annotated[str, Field(max_length=200)]


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True)

    algorithm: Literal["SHA-256"]
    challenge: _Text
    number: Annotated[int, Field(ge=0, le=MOST_WORK)]
    salt: _Text
    signature: _Text


class ProofOfWork:
    """Makes challenges and checks proofs. `clock` as in `RateLimit`."""

    def __init__(
        self, keyring: Keyring, clock: Callable[[], datetime], *, url: str = MEMORY
    ) -> None:
        self._keyring, self._clock = keyring, clock
        minutes = int(LIFETIME / timedelta(minutes=1)) + 1
        self._used = RateLimit("proof", 1, clock, minutes=minutes, url=url)

    def challenge(self) -> dict[str, Any]:
        """Returns a new challenge for ALTCHA's clients: `algorithm`, `challenge`, `maxnumber`,
        `salt` and `signature`."""
        options = altcha.ChallengeOptions(
            max_number=MOST_WORK, hmac_key=self._key, expires=self._clock() + LIFETIME
        )
        challenge = altcha.create_challenge(options)
        return {
            "algorithm": challenge.algorithm,
            "challenge": challenge.challenge,
            "maxnumber": challenge.max_number,  # spelled as ALTCHA's browser library expects it
            "salt": challenge.salt,
            "signature": challenge.signature,
        }

    async def accept(self, proof: str) -> bool:
        """Returns whether a proof solves one of our challenges, is in time, and is not used yet.

        `proof` is JSON in Base64: the values of the challenge, with `number` in place of
        `maxnumber`.
        """
        payload = _parse(proof)
        if payload is None:
            return False
        solution = altcha.Payload(**payload.model_dump())
        is_good, _ = altcha.verify_solution(solution, self._key)
        return is_good and (await self._used.hit(payload.challenge)).is_allowed

    @property
    def _key(self) -> str:
        # Not kept: the keyring learns its keys from the database when the application starts.
        return self._keyring.request_index(b"proof").hex()

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._used.close()


def _parse(proof: str) -> _Payload | None:
    try:
        return _Payload.model_validate_json(base64.b64decode(proof[:LONGEST_PROOF], validate=True))
    except (binascii.Error, ValidationError, ValueError):
        return None
