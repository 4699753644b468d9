"""The URL of the mail server in `LOBBY_SMTP_URL`, and when TLS is required.

A password, and mail to another machine, go over TLS with a certificate that is checked. Only
`smtp+insecure://` gives that up, in so many words, and never for a password. Without a password
`smtp://` to this machine needs no TLS: nobody is on the way.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import SplitResult, unquote, urlsplit

INSECURE = "smtp+insecure"
SCHEMES = ("smtp", "smtps", INSECURE)
# Narrower than `core.listening.is_loopback`: every other address needs TLS, also in 127.0.0.0/8.
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_DEFAULT_PORTS = {"smtps": 465}
_ESCAPED = "with special characters before the host as %XX: @ is %40, / is %2F, # is %23"


class RelayTls(StrEnum):
    """How a connection is encrypted. `NONE`: it is not. `IMPLICIT`: from the first byte on."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True)
class RelayUrl:
    """The parts of the URL of a mail server."""

    scheme: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)


def is_relay(url: str) -> bool:
    """Returns whether emails go to a mail server, and not to a folder."""
    return _split(url).scheme in SCHEMES


def parse(url: str) -> RelayUrl:
    """Returns the parts of `smtp://user:password@host:port` and its kin.

    Raises ValueError with what is wrong. The message never contains a part of the URL, because a
    password that is not escaped can be in any of them.
    """
    parts = _split(url)
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"needs a number as its port, {_ESCAPED}") from None
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"must end after the host and the port, {_ESCAPED}")
    if not parts.hostname:
        raise ValueError("must name a host, such as smtp://mail.example.org:587")
    if port == 0:
        raise ValueError("port 0 is none")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (user + password).isascii():
        raise ValueError("must have a user and a password in ASCII")
    tls_for(parts.scheme, parts.hostname, has_login=bool(user or password))
    port = port or _DEFAULT_PORTS.get(parts.scheme, 25)
    return RelayUrl(parts.scheme, parts.hostname, port, user, password)


def tls_for(scheme: str, host: str, *, has_login: bool) -> RelayTls:
    """Returns which TLS a scheme requires. Raises ValueError if a password would be readable."""
    if scheme == "smtps":
        return RelayTls.IMPLICIT
    if scheme == INSECURE:
        if not may_be_insecure(host, has_login=has_login):
            text = "smtp+insecure:// would show the password to everybody on the way"
            raise ValueError(f"{text}: use smtp:// or smtps://")
        return RelayTls.NONE
    return RelayTls.STARTTLS if has_login or host not in LOOPBACK else RelayTls.NONE


def may_be_insecure(host: str, *, has_login: bool) -> bool:
    """Returns whether an operator may choose to go without TLS."""
    return host in LOOPBACK or not has_login


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # its text can contain the password
        raise ValueError(f"must be a URL such as smtp://mail.example.org:587, {_ESCAPED}") from None
