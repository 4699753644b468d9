"""Origins of web sites, as browsers tell them (RFC 6454): `https://example.org`.

Only what a browser would send can ever be equal to what it sends. So a text is taken as that or
refused with what is wrong with it, and nothing is guessed.

Addresses in the web that organisers give as proof; pages show them as links.
"""

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from services.common import texts
from services.errors import Invalid

MOST_ORIGINS = 50
_LOOPBACK = frozenset({"localhost", "127.0.0.1"})
_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST_HOST = 253
LONGEST_LINK = 500
_SCHEMES = ("http", "https")
_NEVER = frozenset('\\<>"{}|^`')


def checked_origins(given: Sequence[str], field: str) -> list[str]:
    """Origins as browsers write them, each once, in their order. Invalid with every one that is
    none: `https://host[:port]`, or http on this machine."""
    found: list[str] = []
    problems: list[Invalid] = []
    if len(given) > MOST_ORIGINS:
        raise Invalid.field(field, "too_many", f"At most {MOST_ORIGINS} origins, please.")
    for place, text in enumerate(given):
        try:
            found.append(_origin(text, f"{field}.{place}"))
        except Invalid as error:
            problems.append(error)
    if problems:
        raise texts.together(problems)
    return list(dict.fromkeys(found))


def _origin(text: str, field: str) -> str:
    parts, port = _parts(text.strip(), field)
    host = (parts.hostname or "").lower()
    for is_wrong, code, message in (
        ("*" in text, "wildcard", "name each site: a wildcard would let in sites of others"),
        (parts.scheme not in _PORTS, "scheme_unknown", "begin with https://"),
        ("@" in parts.netloc, "has_password", "leave out the name and password"),
        (bool(parts.path), "has_path", "leave out what follows the host, also a closing '/'"),
        (bool(parts.query or parts.fragment), "has_path", "leave out what follows the host"),
        (not _is_host(host), "host_malformed", "give a host in ASCII, such as example.org"),
        (
            parts.scheme == "http" and host not in _LOOPBACK,
            "not_https",
            "begin with https://; http is for localhost and 127.0.0.1 alone",
        ),
    ):
        if is_wrong:
            raise _wrong(text, field, code, message)
    shown = "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def _parts(text: str, field: str) -> tuple[SplitResult, int | None]:
    if not text.isprintable() or " " in text or "\\" in text or text.endswith(("?", "#", ":")):
        raise _malformed(text, field)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:  # brackets without an address in them, or a port that is none
        raise _malformed(text, field) from error
    if port == 0:
        raise _malformed(text, field)
    return parts, port


def _is_host(host: str) -> bool:
    return len(host) <= _LONGEST_HOST and _HOST.fullmatch(host) is not None


def _malformed(text: str, field: str) -> Invalid:
    message = "write it as https://example.org or https://example.org:8443"
    return _wrong(text, field, "origin_malformed", message)


def _wrong(text: str, field: str, code: str, message: str) -> Invalid:
    shown = texts.visible(text)[:100]
    return Invalid.field(field, code, f"'{shown}' is no origin: {message}.")


def web_link(text: str, field: str = "link") -> str:
    """An http or https address, trimmed, at most 500 characters; Invalid with a name or password
    in it, since the public sees it."""
    text = text.strip()
    if len(text) > LONGEST_LINK:
        raise Invalid.field(field, "too_long", f"At most {LONGEST_LINK} characters, please.")
    if not _is_address(text):
        message = "Please give the address of a page, such as https://example.org/page."
        raise Invalid.field(field, "link_malformed", message)
    return text


def _is_address(text: str) -> bool:
    if not text.isprintable() or " " in text or _NEVER & set(text):
        return False
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address in them, or a port that is none
        return False
    return has_host and parts.scheme in _SCHEMES and "@" not in parts.netloc
