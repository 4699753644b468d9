"""Personal data at rest: AES-256-GCM under a key of each organisation, and the blind index.

A sealed value is: one byte for the secret's version, 16 for the organisation, 12 for the nonce,
then the ciphertext with its tag. The organisation and the column's purpose are authenticated, so
a value moved to another organisation's row or another column does not open.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.engine import Dialect

_HEAD = 1 + 16
_NONCE = 12
_Decrypt = Callable[[bytes, bytes, bytes], bytes]


@dataclass(frozen=True)
class Private:
    """A text that belongs to one organisation. Its repr never shows the text."""

    organisation_id: UUID
    text: str

    def __repr__(self) -> str:
        return "Private(...)"


class Keyring:
    """Keys derived from the secrets, newest first. The oldest secret makes the blind indexes.

    The version of a secret is its place from the end, so a new secret goes in front.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("at least one secret is needed")
        self._secrets = {
            version: secret.encode() for version, secret in enumerate(reversed(secrets), start=1)
        }
        self._newest = len(secrets)
        # A cache of the instance's own: it must not outlive the ring.
        self._cipher = lru_cache(maxsize=1024)(self._make_cipher)
        self._opener = lru_cache(maxsize=1024)(self._make_opener)
        self._index_key = lru_cache(maxsize=1024)(self._make_index_key)

    def seal(self, value: Private, purpose: str) -> bytes:
        """Encrypt for storage in the column `purpose` names."""
        head = bytes([self._newest]) + value.organisation_id.bytes
        nonce = os.urandom(_NONCE)
        cipher = self._cipher(self._newest, value.organisation_id)
        return head + nonce + cipher.encrypt(nonce, value.text.encode(), head + purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> Private:
        """Decrypt; ValueError where the value was made elsewhere or tampered with."""
        return Private(UUID(bytes=sealed[1:_HEAD]), self.text_of(sealed, purpose))

    def text_of(self, sealed: bytes, purpose: str) -> str:
        """As `open`, without whose it is: for those who decrypt by the million."""
        head, nonce = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE]
        try:
            decrypt, authenticated = self._opener(head, purpose)
            return decrypt(nonce, sealed[_HEAD + _NONCE :], authenticated).decode()
        except (InvalidTag, KeyError) as error:
            raise ValueError("stored personal data does not open with this secret key") from error

    def blind_index(self, organisation_id: UUID, canonical: str) -> bytes:
        """Equal for equal addresses of one organisation, meaningless without the secret."""
        return hmac.digest(self._index_key(organisation_id), canonical.encode(), hashlib.sha256)

    def everywhere_index(self, canonical: str) -> bytes:
        """The same address across all organisations: only for the limit on mails a day."""
        return self.blind_index(UUID(int=0), canonical)

    def token_keys(self) -> list[bytes]:
        """Keys for links in mails, oldest first, as itsdangerous wants them."""
        return [_derive(secret, b"token") for secret in self._secrets.values()]

    def _make_cipher(self, version: int, organisation_id: UUID) -> AESGCM:
        return AESGCM(_derive(self._secrets[version], b"data" + organisation_id.bytes))

    def _make_opener(self, head: bytes, purpose: str) -> tuple[_Decrypt, bytes]:
        """What opens every value with this head, and what is authenticated beside each."""
        cipher = self._cipher(head[0], UUID(bytes=head[1:]))
        return cipher.decrypt, head + purpose.encode()

    def _make_index_key(self, organisation_id: UUID) -> bytes:
        return _derive(self._secrets[1], b"index" + organisation_id.bytes)


def _derive(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"lobby:" + info).derive(secret)


_active: Keyring | None = None


def use_keyring(keyring: Keyring) -> None:
    """Set the ring that the columns of this process seal and open with.

    A column type has no other way to reach it: SQLAlchemy makes types when classes are defined.
    """
    global _active  # noqa: PLW0603 - one ring a process, set once at start-up
    _active = keyring


def _ring() -> Keyring:
    if _active is None:
        raise RuntimeError("use_keyring() has not been called")
    return _active


class PrivateText(sa.types.TypeDecorator[Private]):
    """A column of sealed text. Values go in and come out as `Private`."""

    impl = sa.LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: Private | None, dialect: Dialect) -> bytes | None:
        return None if value is None else _ring().seal(value, self.purpose)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Private | None:
        return None if value is None else _ring().open(bytes(value), self.purpose)
