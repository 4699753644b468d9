"""An envelope sender of its own for every message (VERP), so that what comes back names it.

`bounces+TAG@lobby.example.org`: the tag is the outbox message's id with a short code (MAC) that
only our keys make, so that nobody can make up a message that came back. It survives servers that
change the case of a local part.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from models import Keyring

_MAC = 9  # with the id 25 bytes: 40 letters without a rest
_TAG = 40
MOST_LOOKED_AT = 20


@dataclass(frozen=True)
class BounceAddress:
    """Where reports go. `address` has a local part of at most 23 characters and no plus sign: with
    the tag it stays within the 64 that a local part may have (RFC 5321, 4.5.3.1.1)."""

    address: str
    keyring: Keyring

    def sender_of(self, message_id: UUID) -> str:
        """The envelope sender of a message, by the outbox's id."""
        local, _, domain = self.address.rpartition("@")
        code = _code(self._keys[-1], message_id)  # the newest
        tag = base64.b32encode(message_id.bytes + code).decode().lower()
        return f"{local}+{tag}@{domain}"

    def message_in(self, text: str) -> UUID | None:
        """The id in the first address of ours in a text, in any case; forged ones are none."""
        return next(self._messages_in(text), None)

    def _messages_in(self, text: str) -> Iterator[UUID]:
        local, _, domain = map(re.escape, self.address.rpartition("@"))
        pattern = rf"(?<![\w.+-]){local}\+([a-z2-7]{{{_TAG}}})@{domain}(?![\w.-])"
        for place, found in enumerate(re.finditer(pattern, text, re.IGNORECASE | re.ASCII)):
            if place >= MOST_LOOKED_AT:
                return
            message_id = self._read(found.group(1))
            if message_id is not None:
                yield message_id

    def _read(self, tag: str) -> UUID | None:
        try:
            content = base64.b32decode(tag.upper())
        except binascii.Error:
            return None
        message_id, code = UUID(bytes=content[:-_MAC]), content[-_MAC:]
        is_ours = any(hmac.compare_digest(code, _code(key, message_id)) for key in self._keys)
        return message_id if is_ours else None

    @cached_property
    def _keys(self) -> list[bytes]:
        """Oldest first. One purpose has one key, so that no code is good for another."""
        return [
            hmac.digest(key, b"lobby.bounce", hashlib.sha256) for key in self.keyring.token_keys()
        ]


def _code(key: bytes, message_id: UUID) -> bytes:
    return hmac.digest(key, message_id.bytes, hashlib.sha256)[:_MAC]
