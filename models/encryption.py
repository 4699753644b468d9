"""Encrypts personal data at rest (AES-256-GCM, a key per organisation), and makes blind indexes.

A sealed value consists of one byte for the secret's version, 16 for the organisation's id, 12 for
the nonce, and the ciphertext with its tag. The organisation and the column's purpose are
authenticated: a value that is moved to another organisation's row or another column does not open.
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
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.engine import Dialect

_HEAD = 1 + 16
_NONCE = 12
_EVERYWHERE = UUID(int=0)
_Decrypt = Callable[[bytes, bytes, bytes], bytes]


@dataclass(frozen=True)
class Private:
    """A personal text that belongs to one organisation. Its repr never shows the text."""

    organisation_id: UUID
    text: str

    def __repr__(self) -> str:
        return "Private(...)"


class Keyring:
    """The keys derived from the secrets. `secrets` lists them newest first.

    The newest secret seals; the oldest makes the blind indexes, veiled ids and request digests. The
    version of a secret is its place counted from the end, so a new secret goes in front.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("at least one secret is needed")
        self._secrets = {
            version: secret.encode() for version, secret in enumerate(reversed(secrets), start=1)
        }
        self._newest = len(secrets)
        request_key = _derive(self._secrets[1], b"request")
        self._of_request = hmac.new(request_key, digestmod=hashlib.sha256)
        # A cache of the instance's own: it must not outlive the ring.
        self._cipher = lru_cache(maxsize=1024)(self._make_cipher)
        self._keyed = lru_cache(maxsize=1024)(self._make_keyed)
        self._opener = lru_cache(maxsize=1024)(self._make_opener)
        self._veil = lru_cache(maxsize=1024)(self._make_veil)

    def seal(self, value: Private, purpose: str) -> bytes:
        """Encrypts a value for the column that `purpose` names."""
        (sealed,) = self.seal_all([value], purpose)
        assert sealed is not None  # noqa: S101 - there was a value
        return sealed

    def seal_all(self, values: Sequence[Private | None], purpose: str) -> list[bytes | None]:
        """Seals many values, each with its own nonce; None stays None.

        Key material is prepared once per organisation, and random bytes are read once.
        """
        nonces = os.urandom(_NONCE * len(values))
        kits = {
            owner: self._kit(owner, purpose)
            for owner in {value.organisation_id for value in values if value is not None}
        }
        sealed: list[bytes | None] = []
        for place, value in enumerate(values):
            if value is None:
                sealed.append(None)
                continue
            head, authenticated, encrypt = kits[value.organisation_id]
            nonce = nonces[place * _NONCE : (place + 1) * _NONCE]
            sealed.append(head + nonce + encrypt(nonce, value.text.encode(), authenticated))
        return sealed

    def _kit(self, owner: UUID, purpose: str) -> tuple[bytes, bytes, Callable[..., bytes]]:
        head = bytes([self._newest]) + owner.bytes
        return head, head + purpose.encode(), self._cipher(self._newest, owner).encrypt

    def open(self, sealed: bytes, purpose: str) -> Private:
        """Decrypts a value. Raises ValueError where it was made under another key or changed."""
        return Private(UUID(bytes=sealed[1:_HEAD]), self.text_of(sealed, purpose))

    def text_of(self, sealed: bytes, purpose: str) -> str:
        """Decrypts to the bare text: faster than `open`, for exports of millions of rows."""
        head, nonce = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE]
        try:
            decrypt, authenticated = self._opener(head, purpose)
            return decrypt(nonce, sealed[_HEAD + _NONCE :], authenticated).decode()
        except (InvalidTag, KeyError) as error:
            raise ValueError("stored personal data does not open with this secret key") from error

    def blind_index(self, organisation_id: UUID, canonical: str) -> bytes:
        """Returns a digest that is equal for equal addresses of one organisation.

        It reveals nothing without the secret.
        """
        # Copying a keyed HMAC costs half of building one.
        keyed = self._keyed(organisation_id).copy()
        keyed.update(canonical.encode())
        return keyed.digest()

    def everywhere_index(self, canonical: str) -> bytes:
        """Returns the blind index across all organisations, for the daily email limit alone."""
        return self.blind_index(_EVERYWHERE, canonical)

    def request_index(self, *parts: bytes) -> bytes:
        """Returns a digest that recognises a repeated request and reveals nothing else."""
        # We copy a keyed HMAC: `hmac.digest` releases the interpreter to another thread, and the
        # event loop would wait for it.
        digest = self._of_request.copy()
        digest.update(b"".join(len(part).to_bytes(8, "big") + part for part in parts))
        return digest.digest()

    def veil(self, organisation_id: UUID, row_id: UUID, purpose: str) -> UUID:
        """Returns a public id for a row, since its own UUIDv7 reveals when it was made.

        The same row always gets the same public id; `purpose` separates the tables.
        """
        hidden = self._veil(organisation_id, purpose).encryptor()
        return UUID(bytes=hidden.update(row_id.bytes) + hidden.finalize())

    def unveil(self, organisation_id: UUID, veiled: UUID, purpose: str) -> UUID:
        """Returns the row's own id. An invalid public id yields an id that no row has."""
        shown = self._veil(organisation_id, purpose).decryptor()
        return UUID(bytes=shown.update(veiled.bytes) + shown.finalize())

    def token_keys(self) -> list[bytes]:
        """Returns the keys for links in emails, oldest first, as itsdangerous wants them."""
        return [_derive(secret, b"token") for secret in self._secrets.values()]

    def _make_cipher(self, version: int, organisation_id: UUID) -> AESGCM:
        return AESGCM(_derive(self._secrets[version], b"data" + organisation_id.bytes))

    def _make_veil(self, organisation_id: UUID, purpose: str) -> "Cipher[modes.ECB]":
        # The oldest secret, so that public ids survive a new one. A UUID is exactly one block, and
        # the same row must always give the same id, so ECB is what we need.
        key = _derive(self._secrets[1], b"veil" + organisation_id.bytes + purpose.encode())
        return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - one block, see above

    def _make_opener(self, head: bytes, purpose: str) -> tuple[_Decrypt, bytes]:
        """Returns the decrypting function for values with this head, and their extra data."""
        cipher = self._cipher(head[0], UUID(bytes=head[1:]))
        return cipher.decrypt, head + purpose.encode()

    def _make_keyed(self, organisation_id: UUID) -> hmac.HMAC:
        key = _derive(self._secrets[1], b"index" + organisation_id.bytes)
        return hmac.new(key, digestmod=hashlib.sha256)


def _derive(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"lobby:" + info).derive(secret)


_active: Keyring | None = None


def use_keyring(keyring: Keyring) -> None:
    """Sets the keyring that the columns of this process seal and open with.

    It is global because SQLAlchemy makes column types when the classes are defined.
    """
    global _active  # noqa: PLW0603 - one keyring a process, set once at start-up
    _active = keyring


def _ring() -> Keyring:
    if _active is None:
        raise RuntimeError("use_keyring() has not been called")
    return _active


class PrivateText(sa.types.TypeDecorator[Private]):
    """A column of encrypted text. Its values are `Private` in Python."""

    impl = sa.LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: Private | None, dialect: Dialect) -> bytes | None:
        return None if value is None else _ring().seal(value, self.purpose)

    def seal_all(self, values: Sequence[Private | None]) -> list[bytes | None]:
        """Seals the values of many rows, for `services.database.bulk`."""
        return _ring().seal_all(values, self.purpose)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Private | None:
        return None if value is None else _ring().open(bytes(value), self.purpose)
