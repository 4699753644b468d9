"""Signed tokens for links in emails. They are not stored, so a dump of the database has none.

A token has a row's id, the time of issue and a signature. Each purpose has its own salt, so that a
link to withdraw cannot be used to confirm. A token can be read any number of times: the state of
its row decides whether an action is still possible. A link to choose a new password is also bound
to the present one, and ends with it.

The token of a link to confirm is issued no earlier than its submission was received, and so ends no
earlier than the submission is deleted. Emails name the last full day before that
(`services.submissions.ending.last_day`).
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
    """What a token allows.

    `lift_refusal` is part of the page after 'that was not me': its id stands for the address.
    `write` is in the answer to the confirmation of a signature, never in a mail or a URL: it proves
    that the sender of a letter has the mailbox of that signature.
    `thanks` is in the address of the page after confirming. People paste addresses into chats, so
    it alone shows no person. `signer` is the cookie that shows that this browser confirmed it.
    `opened` is part of a draft: its id is random, and names the campaign and the member
    (`services.letters.opened`).
    `invitation` and `reset` are in the emails of those names. `set_up` is in the link that `lobby
    serve` prints while there is no organisation. `new_key` is part of the form that
    makes an API key: its id is that of the new key, so that the form makes one key only.
    """

    CONFIRM = "confirm"
    DISOWN = "disown"
    WITHDRAW = "withdraw"
    LIFT_REFUSAL = "lift_refusal"
    LETTER = "letter"
    LETTER_ANSWER = "letter_answer"
    WRITE = "write"
    THANKS = "thanks"
    SIGNER = "signer"
    OPENED = "opened"
    UNSUBSCRIBE = "unsubscribe"
    INVITATION = "invitation"
    RESET = "reset"
    SET_UP = "set_up"
    NEW_KEY = "new_key"


LIFETIMES = {
    Purpose.CONFIRM: timedelta(days=14),
    Purpose.DISOWN: timedelta(days=60),
    Purpose.WITHDRAW: timedelta(days=3650),
    Purpose.LIFT_REFUSAL: timedelta(days=1),
    Purpose.LETTER: timedelta(days=14),
    Purpose.LETTER_ANSWER: timedelta(days=120),
    Purpose.WRITE: timedelta(hours=2),
    Purpose.THANKS: timedelta(days=14),
    Purpose.SIGNER: timedelta(days=2),  # the browser may be a shared one
    Purpose.OPENED: timedelta(hours=12),  # shorter than `idempotency.KEPT_FOR`, to count once
    Purpose.UNSUBSCRIBE: timedelta(days=3650),
    Purpose.INVITATION: timedelta(days=7),
    Purpose.RESET: timedelta(hours=1),
    Purpose.SET_UP: timedelta(days=1),
    Purpose.NEW_KEY: timedelta(hours=12),
}
_SECOND = timedelta(seconds=1)  # the time in a token is in whole seconds
_ID = 16  # bytes of a UUID


class Tokens:
    """Issues and reads tokens with the keys of a keyring."""

    def __init__(self, keyring: Keyring, clock: Clock) -> None:
        self._keyring, self._clock = keyring, clock
        self._signers = self._make_signers()

    def issue(self, purpose: Purpose, row_id: UUID, *, bound_to: bytes = b"") -> str:
        """Returns a token of about 75 characters that is safe in a URL.

        `bound_to`, which the token then contains, is for `read_bound` to compare.
        """
        text = base64.urlsafe_b64encode(row_id.bytes + bound_to).rstrip(b"=")
        return self._signer(purpose).sign(text).decode()

    def read(self, purpose: Purpose, token: str) -> UUID:
        """Returns the row's id.

        A token from the future is accepted, because the clocks of our machines may differ.

        :raises Gone: the token has expired
        :raises Invalid: the token is forged, damaged or has another purpose
        """
        return self.read_bound(purpose, token)[0]

    def read_bound(self, purpose: Purpose, token: str) -> tuple[UUID, bytes]:
        """Returns the row's id and what the token is bound to; raises as `read` does."""
        row_id, bound_to, issued_at = self._unsigned(purpose, token)
        if self._clock() >= issued_at + LIFETIMES[purpose] + _SECOND:
            raise Gone("token_expired", "This link has expired. Please start again.")
        return row_id, bound_to

    def read_expired(self, purpose: Purpose, token: str) -> tuple[UUID, bytes]:
        """Works like `read_bound`, for an expired token too.

        It allows nothing any more: it is only for a page that says what the link was about.
        """
        return self._unsigned(purpose, token)[:2]

    def read_if_good(self, purpose: Purpose, token: str | None) -> UUID | None:
        """Works like `read`, and returns None for a token that is missing, expired or forged."""
        try:
            return self.read(purpose, token) if token else None
        except (Gone, Invalid):
            return None

    def _unsigned(self, purpose: Purpose, token: str) -> tuple[UUID, bytes, datetime]:
        """Returns the row's id, what the token is bound to, and when it was issued."""
        try:
            signed = self._signer(purpose).unsign(token.strip().encode(), return_timestamp=True)
            text, issued_at = signed
            content = base64.urlsafe_b64decode(text + b"==")
            return UUID(bytes=content[:_ID]), content[_ID:], issued_at
        except (BadSignature, binascii.Error, ValueError) as error:
            message = "This link is not complete or not valid. Please copy all of it."
            raise Invalid.field("token", "token_invalid", message) from error

    def _signer(self, purpose: Purpose) -> TimestampSigner:
        # The secret that signs changes while a process runs.
        if self._signers[0] != self._keyring.generation:
            self._signers = self._make_signers()
        return self._signers[1][purpose]

    def _make_signers(self) -> tuple[int, dict[Purpose, TimestampSigner]]:
        generation, keys = self._keyring.generation, self._keyring.token_keys()
        return generation, {purpose: _signer(keys, purpose, self._clock) for purpose in Purpose}


def _signer(keys: list[bytes], purpose: Purpose, clock: Clock) -> TimestampSigner:
    derived: dict[str | bytes | None, bytes] = {}

    class ClockSigner(TimestampSigner):
        """Takes the time from `clock`, which tests can set, and derives each key only once."""

        def get_timestamp(self) -> int:
            return int(clock().timestamp())

        def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
            if secret_key not in derived:
                derived[secret_key] = super().derive_key(secret_key)
            return derived[secret_key]

    options: dict[str, Any] = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return ClockSigner(keys, salt=f"lobby.{purpose}", sep=".", **options)
