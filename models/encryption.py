"""Encrypts personal data at rest (AES-256-GCM, a key per organisation), and makes blind indexes.

A sealed value consists of one byte for the secret's version, 16 for the organisation's id, 12 for
the nonce, and the ciphertext with its tag. The organisation and the column's purpose are
authenticated: a value that is moved to another organisation's row or another column does not open.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from sqlalchemy.engine import Dialect

_HEAD = 1 + 16
_NONCE = 12
_BODY = _HEAD + _NONCE
_EVERYWHERE = UUID(int=0)
_Decrypt = Callable[[bytes, bytes, bytes], bytes]


@dataclass(frozen=True)
class Private:
    """A personal text that belongs to one organisation. Its repr never shows the text."""

    organisation_id: UUID
    text: str

    def __repr__(self) -> str:
        return "Private(...)"


class StoredSecret(NamedTuple):
    """A row of the table `secret`: a version of the secret, with the root sealed under it."""

    version: int
    root: bytes
    is_retired: bool


class WrongSecret(Exception):
    """The secrets do not fit the stored versions: `opened` by one of them, and `missing`.

    With nothing missing, the versions hold different roots: somebody has changed the table.
    """

    def __init__(self, missing: Sequence[int], opened: Sequence[int]) -> None:
        super().__init__(f"no secret opens the versions {list(missing)}" if missing else "damaged")
        self.missing, self.opened = tuple(missing), tuple(opened)


class Keyring:
    """The keys derived from the secrets. `secrets` lists them newest first.

    The database numbers the secrets, and keeps the root of all keys for look-ups: blind indexes,
    veiled ids and request digests stay the same when the secret changes. `learn` takes both over.
    Until then the version of a secret is its place counted from the end, and the root is that of
    the oldest. `source` is where the secrets come from, for messages.
    """

    def __init__(self, secrets: Sequence[str], source: str = "LOBBY_SECRET_KEY") -> None:
        if not secrets:
            raise ValueError("at least one secret is needed")
        self.source = source
        self.generation = 0  # another one with every change of what was learned
        self._secrets = [secret.encode() for secret in secrets]
        # A cache of the instance's own: it must not outlive the ring.
        self._cipher = lru_cache(maxsize=1024)(self._make_cipher)
        self._ciphers = lru_cache(maxsize=1024)(self._make_ciphers)
        self._keyed = lru_cache(maxsize=1024)(self._make_keyed)
        self._opener = lru_cache(maxsize=1024)(self._make_opener)
        self._veil = lru_cache(maxsize=1024)(self._make_veil)
        self._stored: tuple[StoredSecret, ...] = ()
        self.number_by_place()

    def number_by_place(self) -> None:
        """Numbers the secrets from the oldest on, which gives the root."""
        count = len(self._secrets)
        places = {version: count - version for version in range(1, count + 1)}
        self._take_over((), places, _extract(self._secrets[-1]))

    def learn(self, stored: Sequence[StoredSecret]) -> None:
        """Takes over the stored versions and their root.

        The newest version and each one that is not retired must be opened by a secret; AES-GCM
        rejects every other. Costs nothing if they are those of the last time.

        :raises WrongSecret: one does not open, or two versions hold different roots
        """
        if tuple(stored) == self._stored:
            return
        opened = {each.version: found for each in stored if (found := self._open_root(each))}
        newest = max(each.version for each in stored)
        needed = {each.version for each in stored if not each.is_retired} | {newest}
        if missing := sorted(needed - opened.keys()):
            raise WrongSecret(missing, sorted(opened))
        roots = {root for _, root in opened.values()}
        if len(roots) > 1:
            raise WrongSecret([], sorted(opened))
        places = {version: place for version, (place, _) in opened.items()}
        self._take_over(stored, places, roots.pop())

    def _take_over(
        self, stored: Sequence[StoredSecret], places: Mapping[int, int], root: bytes
    ) -> None:
        """Replaces the keys. Other threads go on: a version keeps its secret while a process runs.

        The newest version seals, and signs links: all processes know its secret. A secret that is
        not stored yet only opens and verifies.
        """
        self._places = dict(places)
        self._root = root
        request_key = _expand(root, b"request")
        self._of_request = hmac.new(request_key, digestmod=hashlib.sha256)
        self._newest = max(places)
        newest = places[self._newest]
        oldest_first = [place for place in reversed(range(len(self._secrets))) if place != newest]
        self._token_keys = [
            _derive(self._secrets[place], b"token") for place in (*oldest_first, newest)
        ]
        for cache in (self._cipher, self._keyed, self._opener, self._veil):
            cache.cache_clear()
        self._stored = tuple(stored)
        self.generation += 1

    @property
    def places(self) -> Mapping[int, int]:
        """The versions whose secret is known, with its place among the secrets, 0 in front."""
        return self._places

    @property
    def newest(self) -> int:
        """The version that seals."""
        return self._newest

    @property
    def front(self) -> int | None:
        """The version of the first secret; None if it is not stored yet."""
        return next((version for version, place in self._places.items() if place == 0), None)

    @property
    def is_by_place(self) -> bool:
        """Whether every stored version is its secret's place from the end, and the root fits."""
        count = len(self._secrets)
        versions = {each.version for each in self._stored}
        places = {version: count - version for version in versions}
        has_all = all(self._places.get(version) == place for version, place in places.items())
        return has_all and self._root == _extract(self._secrets[-1])

    def seal_root(self, version: int, place: int) -> bytes:
        """Seals the root under one of the secrets, as a version."""
        nonce = os.urandom(_NONCE)
        cipher = AESGCM(_derive(self._secrets[place], b"root"))
        return nonce + cipher.encrypt(nonce, self._root, bytes([version]))

    def _open_root(self, stored: StoredSecret) -> tuple[int, bytes] | None:
        """Returns the place of the secret that opens a stored root, and the root."""
        nonce, sealed = stored.root[:_NONCE], stored.root[_NONCE:]
        for place, secret in enumerate(self._secrets):
            with suppress(InvalidTag, ValueError):  # ValueError: the nonce is too short
                cipher = AESGCM(_derive(secret, b"root"))
                return place, cipher.decrypt(nonce, sealed, bytes([stored.version]))
        return None

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
        newest = self._newest  # read once: `learn` may run in another thread
        head = bytes([newest]) + owner.bytes
        return head, head + purpose.encode(), self._cipher(newest, owner).encrypt

    def open(self, sealed: bytes, purpose: str) -> Private:
        """Decrypts a value. Raises ValueError where it was made under another key or changed."""
        return Private(UUID(bytes=sealed[1:_HEAD]), self.text_of(sealed, purpose))

    def text_of(self, sealed: bytes, purpose: str) -> str:
        """Decrypts to the bare text: faster than `open`."""
        head, nonce = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE]
        try:
            decrypt, authenticated = self._opener(head, purpose)
            return decrypt(nonce, sealed[_HEAD + _NONCE :], authenticated).decode()
        except (InvalidTag, KeyError):
            return self._try_all(head, nonce, sealed[_HEAD + _NONCE :], purpose)

    def texts_of(self, values: Iterable[bytes | None], purpose: str) -> list[str | None]:
        """Decrypts the values of a column as `text_of` does; None stays None.

        Neighbours nearly always have one head, so that its key is looked up once for all of them.
        """
        texts: list[str | None] = []
        head: bytes | None = None
        for value in values:
            if value is None:
                texts.append(None)
                continue
            try:
                if value[:_HEAD] != head:
                    decrypt, authenticated = self._opener(value[:_HEAD], purpose)
                    head = value[:_HEAD]
                nonce, ciphertext = value[_HEAD:_BODY], value[_BODY:]
                texts.append(decrypt(nonce, ciphertext, authenticated).decode())
            except (InvalidTag, KeyError):
                texts.append(self.text_of(value, purpose))
        return texts

    def opens(self, sealed: bytes, purpose: str, *, strictly: bool = False) -> bool:
        """Returns whether a value opens; strictly, under the secret of its own version."""
        if strictly and sealed[:1] not in map(bytes, ([version] for version in self._places)):
            return False
        try:
            if not strictly:
                return bool(self.open(sealed, purpose))
            decrypt, authenticated = self._opener(sealed[:_HEAD], purpose)
            decrypt(sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :], authenticated)
        except (InvalidTag, ValueError, IndexError):
            return False
        return True

    def _try_all(self, head: bytes, nonce: bytes, sealed: bytes, purpose: str) -> str:
        """Decrypts with any of the secrets.

        The value's version may be unknown here, because another process has stored it since. Or an
        earlier program took a new secret for the first one, and numbered both of them 1.
        """
        for cipher in self._ciphers(UUID(bytes=head[1:])):
            with suppress(InvalidTag):
                return cipher.decrypt(nonce, sealed, head + purpose.encode()).decode()
        raise ValueError("stored personal data does not open with this secret key")

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
        """Returns the keys for links in emails, as itsdangerous wants them: the last one signs."""
        return self._token_keys

    def _make_cipher(self, version: int, organisation_id: UUID) -> AESGCM:
        return AESGCM(_data_key(self._secrets[self._places[version]], organisation_id))

    def _make_veil(self, organisation_id: UUID, purpose: str) -> "Cipher[modes.ECB]":
        # A UUID is exactly one block, and the same row must always give the same id, so ECB is what
        # we need.
        key = _expand(self._root, b"veil" + organisation_id.bytes + purpose.encode())
        return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - one block, see above

    def _make_opener(self, head: bytes, purpose: str) -> tuple[_Decrypt, bytes]:
        """Returns the decrypting function for values with this head, and their extra data."""
        cipher = self._cipher(head[0], UUID(bytes=head[1:]))
        return cipher.decrypt, head + purpose.encode()

    def _make_ciphers(self, organisation_id: UUID) -> list[AESGCM]:
        return [AESGCM(_data_key(secret, organisation_id)) for secret in self._secrets]

    def _make_keyed(self, organisation_id: UUID) -> hmac.HMAC:
        key = _expand(self._root, b"index" + organisation_id.bytes)
        return hmac.new(key, digestmod=hashlib.sha256)


def _data_key(secret: bytes, organisation_id: UUID) -> bytes:
    return _derive(secret, b"data" + organisation_id.bytes)


def _derive(secret: bytes, info: bytes) -> bytes:
    """HKDF with SHA-256 (RFC 5869)."""
    return _expand(_extract(secret), info)


def _extract(secret: bytes) -> bytes:
    """The first half of HKDF, without a salt. A root is what this returns for a secret."""
    return hmac.digest(bytes(32), secret, hashlib.sha256)


def _expand(root: bytes, info: bytes) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=32, info=b"lobby:" + info).derive(root)


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
