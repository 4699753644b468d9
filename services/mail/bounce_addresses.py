"""Gives every message its own envelope sender (VERP), so that a bounce names the message.

In `bounces+TAG@lobby.example.org` the tag is the id of the outbox message and a short MAC of our
keys, so that nobody can forge a bounce. The tag survives servers that change the case of a local
part.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from models import Keyring

_MAC = 9  # bytes; with the id 25, which base32 encodes as 40 letters without padding
_TAG = 40
MOST_LOOKED_AT = 20


@dataclass(frozen=True)
class BounceAddress:
    """The address that receives bounces.

    Its local part has at most 23 characters and no plus sign, so that it stays within 64 with the
    tag (RFC 5321, 4.5.3.1.1).
    """

    address: str
    keyring: Keyring

    def sender_of(self, message_id: UUID) -> str:
        """Returns the envelope sender of an outbox message."""
        local, _, domain = self.address.rpartition("@")
        mac = _mac(self._keys[-1], message_id)
        tag = base64.b32encode(message_id.bytes + mac).decode().lower()
        return f"{local}+{tag}@{domain}"

    def message_in(self, text: str) -> UUID | None:
        """Returns the message id of the first genuine bounce address in a text, in any case."""
        return next(self._messages_in(text), None)

    def _messages_in(self, text: str) -> Iterator[UUID]:
        local, _, domain = map(re.escape, self.address.rpartition("@"))
        pattern = rf"(?<![\w.+-]){local}\+([a-z2-7]{{{_TAG}}})@{domain}(?![\w.-])"
        for number, match in enumerate(re.finditer(pattern, text, re.IGNORECASE | re.ASCII)):
            if number >= MOST_LOOKED_AT:
                return
            message_id = self._read(match.group(1))
            if message_id is not None:
                yield message_id

    def _read(self, tag: str) -> UUID | None:
        try:
            content = base64.b32decode(tag.upper())
        except binascii.Error:
            return None
        message_id, mac = UUID(bytes=content[:-_MAC]), content[-_MAC:]
        is_ours = any(hmac.compare_digest(mac, _mac(key, message_id)) for key in self._keys)
        return message_id if is_ours else None

    @property
    def _keys(self) -> list[bytes]:
        """Keys for this purpose only, so that a MAC is valid for nothing else. The last one signs.

        They are not kept: the secret that signs changes while a process runs.
        """
        return [
            hmac.digest(key, b"lobby.bounce", hashlib.sha256) for key in self.keyring.token_keys()
        ]


def _mac(key: bytes, message_id: UUID) -> bytes:
    return hmac.digest(key, message_id.bytes, hashlib.sha256)[:_MAC]
