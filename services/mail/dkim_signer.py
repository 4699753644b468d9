"""Signs email with DKIM (RFC 6376), with an RSA or Ed25519 key (RFC 8463).

dkimpy canonicalises the message and writes the header, and `cryptography` computes the signature:
dkimpy would need another library for Ed25519, and computes RSA in Python, ten times slower.
"""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from services.errors import Invalid

SHORTEST_RSA = 2048  # RFC 8301 recommends it, and some receivers accept nothing shorter
HEADERS = (
    *(b"from", b"reply-to", b"to", b"subject", b"date", b"message-id"),
    *(b"mime-version", b"content-type", b"content-transfer-encoding"),
    *(b"list-unsubscribe", b"list-unsubscribe-post", b"x-campaign", b"auto-submitted"),
)
_CANONICAL = b"relaxed/relaxed"
Key = RSAPrivateKey | Ed25519PrivateKey
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _DkimpySignature:
    """The result of `_DkimpyKey.sign`, in the form that dkimpy expects."""

    signature: bytes


@dataclass(frozen=True, slots=True)
class _DkimpyKey:
    """Adapts a key to the interface of the Ed25519 keys that dkimpy uses."""

    key: Key

    def sign(self, digest: bytes) -> _DkimpySignature:
        if isinstance(self.key, RSAPrivateKey):
            return _DkimpySignature(self.key.sign(digest, PKCS1v15(), Prehashed(SHA256())))
        return _DkimpySignature(self.key.sign(digest))


class DkimSigner:
    """Signs for one domain with one key. It can be used by several threads at once."""

    def __init__(self, key: Key, *, selector: str, domain: str, clock: Clock) -> None:
        self.key, self.selector, self.domain = key, selector, domain
        self._clock = clock

    @property
    def kind(self) -> str:
        """The name of the algorithm in the DNS record."""
        return "rsa" if isinstance(self.key, RSAPrivateKey) else "ed25519"

    @property
    def public_key(self) -> bytes:
        """The bytes of `p=` in the DNS record."""
        public = self.key.public_key()
        if self.kind == "rsa":
            return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return public.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def record(self) -> str:
        """The text of the TXT record at `SELECTOR._domainkey.DOMAIN`."""
        return f"v=DKIM1; k={self.kind}; p={base64.b64encode(self.public_key).decode()}"

    def sign(self, content: bytes) -> bytes:
        """Returns a message, which has CRLF line ends, with its signature on top.

        `From` is signed once more than it occurs, so that adding another breaks the signature.
        """
        # Imported here: it takes a DNS library with it, and most processes sign nothing.
        import dkim  # type: ignore[import-untyped]  # noqa: PLC0415 - see above; it has no types
        from dkim import canonicalization  # noqa: PLC0415 - see above

        # For either kind of key: with this algorithm dkimpy calls `_DkimpyKey.sign`.
        message = dkim.DKIM(content, signature_algorithm=b"ed25519-sha256")
        message.hasher = hashlib.sha256
        policy = canonicalization.CanonicalizationPolicy.from_c_value(_CANONICAL)
        body = hashlib.sha256(policy.canonicalize_body(message.body)).digest()
        present = {name.lower() for name, _ in message.headers}
        signed = (*(name for name in HEADERS if name in present), b"from")
        fields = [
            (b"v", b"1"),
            (b"a", f"{self.kind}-sha256".encode("ascii")),
            (b"c", _CANONICAL),
            (b"d", self.domain.encode("ascii")),
            (b"s", self.selector.encode("ascii")),
            (b"t", str(int(self._clock().timestamp())).encode("ascii")),
            (b"h", b" : ".join(signed)),
            (b"bh", base64.b64encode(body)),
            (b"b", b"0" * 60),  # a placeholder, by which dkimpy folds the header
        ]
        value = message.gen_header(fields, signed, policy, b"DKIM-Signature", _DkimpyKey(self.key))
        return b"DKIM-Signature: " + bytes(value) + content


def load(file: Path, *, selector: str, domain: str, clock: Clock) -> DkimSigner:
    """Loads the key from a PEM file. Invalid, with a message for operators, if that fails."""
    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        message = f"LOBBY_DKIM_KEY: {file} cannot be read: {error.strerror}."
        raise Invalid("dkim_key", message) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        message = f"LOBBY_DKIM_KEY: {file} holds no private key in PEM without a password."
        raise Invalid("dkim_key", message) from error
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise Invalid("dkim_key", f"LOBBY_DKIM_KEY: {file} must hold an RSA or an Ed25519 key.")
    if isinstance(key, RSAPrivateKey) and key.key_size < SHORTEST_RSA:
        message = f"LOBBY_DKIM_KEY: {file} has {key.key_size} bits; {SHORTEST_RSA} are needed."
        raise Invalid("dkim_key", message)
    return DkimSigner(key, selector=selector, domain=domain, clock=clock)
