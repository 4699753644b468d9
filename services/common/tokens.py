"""Signed tokens for links in mails: nothing to store, nothing to leak from a dump.

A token is a row's id with a time and a signature. Each purpose has a salt of its own, so that a
link to withdraw cannot confirm. Single use follows from the row's state, not from the token.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from itsdangerous import BadSignature, TimestampSigner

from models import Keyring
from services.errors import Gone, Invalid

Clock = Callable[[], datetime]


class Purpose(StrEnum):
    """What a link in a mail is for. `organiser` is the cookie of somebody signed in, `new_key` a
    form of theirs that makes one key: the token is of the row that it will be."""

    CONFIRM = "confirm"
    DISOWN = "disown"
    WITHDRAW = "withdraw"
    LETTER = "letter"
    LETTER_ANSWER = "letter_answer"
    UNSUBSCRIBE = "unsubscribe"
    ORGANISER = "organiser"
    NEW_KEY = "new_key"


LIFETIMES = {
    Purpose.CONFIRM: timedelta(days=14),
    Purpose.DISOWN: timedelta(days=60),
    Purpose.WITHDRAW: timedelta(days=3650),
    Purpose.LETTER: timedelta(days=14),
    Purpose.LETTER_ANSWER: timedelta(days=120),
    Purpose.UNSUBSCRIBE: timedelta(days=3650),
    Purpose.ORGANISER: timedelta(hours=12),
    Purpose.NEW_KEY: timedelta(hours=12),
}


_SECOND = timedelta(seconds=1)  # the time in a token is a whole one


class Tokens:
    """Makes and reads tokens with the keys of one ring."""

    def __init__(self, keyring: Keyring, clock: Clock) -> None:
        keys = keyring.token_keys()
        self._clock = clock
        self._signers = {purpose: _signer(keys, purpose, clock) for purpose in Purpose}

    def issue(self, purpose: Purpose, row_id: UUID) -> str:
        """About 75 characters, safe in a URL."""
        text = base64.urlsafe_b64encode(row_id.bytes).rstrip(b"=")
        return self._signers[purpose].sign(text).decode()

    def read(self, purpose: Purpose, token: str) -> UUID:
        """The row's id. Gone where expired, Invalid where forged or made for something else.

        One from later than now is good: our machines' clocks differ, and are put right.
        """
        try:
            signed = self._signers[purpose].unsign(token.strip().encode(), return_timestamp=True)
            text, issued_at = signed
            if self._clock() - issued_at >= LIFETIMES[purpose] + _SECOND:
                raise Gone("token_expired", "This link has expired. Please start again.")
            return UUID(bytes=base64.urlsafe_b64decode(text + b"=="))
        except (BadSignature, binascii.Error, ValueError) as error:
            message = "This link is not complete or not valid. Please copy all of it."
            raise Invalid.field("token", "token_invalid", message) from error


def _signer(keys: list[bytes], purpose: Purpose, clock: Clock) -> TimestampSigner:
    derived: dict[str | bytes | None, bytes] = {}

    class ClockSigner(TimestampSigner):
        """Tells the time by our clock, so that tests can let it pass; derives each key once."""

        def get_timestamp(self) -> int:
            return int(clock().timestamp())

        def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
            if secret_key not in derived:
                derived[secret_key] = super().derive_key(secret_key)
            return derived[secret_key]

    options: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return ClockSigner(keys, salt=f"lobby.{purpose}", sep=".", **options)
