"""The token in the address of the page after signing: 'One more step: check your email'.

It is sealed, so that neither a log nor somebody who sees the address can read it. The page and its
buttons know what is in the token and nothing else. They never look for the submission, so that they
answer alike whether or not somebody has signed.
"""

import base64
import binascii
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from models import Keyring, Private

LIFETIME = timedelta(minutes=30)
_PURPOSE = "submission.sent"
_LONGEST = 1000
# The page opens the token before it knows the organisation, so the key is that of none.
_NOBODY = UUID(int=0)
_OWNER = slice(1, 17)


@dataclass(frozen=True, slots=True)
class SentSubmission:
    """What the page after signing knows.

    `petition` is a slug, `address` the masked email address. `is_sent_again` is True once the
    button 'Send it again' was pressed.
    """

    submission_id: UUID
    petition: str
    constituency_code: str
    address: str
    sent_at: datetime
    is_sent_again: bool = False

    @property
    def domain(self) -> str:
        """The domain of the email address."""
        return self.address.rpartition("@")[2]

    def again(self) -> "SentSubmission":
        """Returns the same with a used button. It ends no later."""
        return replace(self, is_sent_again=True)


def masked(email: str) -> str:
    """Returns an email address with the first letter of its local part alone: `a…@example.org`."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"


def seal(sent: SentSubmission, keyring: Keyring) -> str:
    """Returns the token. It is safe in a URL."""
    values = (
        sent.submission_id.hex,
        sent.petition,
        sent.constituency_code,
        sent.address,
        int(sent.sent_at.timestamp()),
        sent.is_sent_again,
    )
    sealed = keyring.seal(Private(_NOBODY, json.dumps(values, ensure_ascii=False)), _PURPOSE)
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def open_sealed(token: str, keyring: Keyring, *, now: datetime) -> SentSubmission | None:
    """Returns what is in a token; None for one that is missing, forged or 30 minutes old."""
    try:
        sealed = base64.urlsafe_b64decode(token[:_LONGEST].encode("ascii") + b"==")
        # Any other owner would make the keyring derive a key for it.
        if sealed[_OWNER] != _NOBODY.bytes:
            return None
        sent = _of_values(json.loads(keyring.text_of(sealed, _PURPOSE)))
    except (ValueError, TypeError, binascii.Error, IndexError, KeyError):
        return None
    return sent if now < sent.sent_at + LIFETIME else None


def _of_values(values: list[Any]) -> SentSubmission:
    submission_id, petition, code, address, sent_at, is_sent_again = values
    return SentSubmission(
        UUID(submission_id),
        petition,
        code,
        address,
        datetime.fromtimestamp(sent_at, UTC),
        is_sent_again,
    )
