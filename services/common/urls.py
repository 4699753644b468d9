"""Checks URLs that organisers enter: origins of web sites, and links that pages show.

An origin is what browsers send as `Origin` (RFC 6454), such as `https://example.org`. It has to
equal what a browser sends, so a text that is no origin is refused and never corrected.
"""

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from services.common import texts
from services.errors import Invalid

MOST_ORIGINS = 50
LONGEST_LINK = 500
_LOOPBACK = frozenset({"localhost", "127.0.0.1"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LONGEST_HOST = 253
# Characters that no URL has.
_NOT_IN_URLS = frozenset('\\<>"{}|^`')


def checked_origins(origins: Sequence[str], field: str) -> list[str]:
    """Returns origins as browsers write them, without duplicates, in their order.

    An origin is `https://host[:port]`; on this machine http is allowed too.

    :raises Invalid: some are no origins, or there are too many; it names each of them
    """
    checked: list[str] = []
    problems: list[Invalid] = []
    if len(origins) > MOST_ORIGINS:
        raise Invalid.field(field, "too_many", f"At most {MOST_ORIGINS} origins, please.")
    for place, text in enumerate(origins):
        try:
            checked.append(_origin(text, f"{field}.{place}"))
        except Invalid as error:
            problems.append(error)
    if problems:
        raise texts.combined(problems)
    return list(dict.fromkeys(checked))


def _origin(text: str, field: str) -> str:
    parts, port = _origin_parts(text.strip(), field)
    host = (parts.hostname or "").lower()
    for is_wrong, code, message in (
        ("*" in text, "wildcard", "name each site: a wildcard would let in sites of others"),
        (parts.scheme not in _DEFAULT_PORTS, "scheme_unknown", "begin with https://"),
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
            raise _no_origin(text, field, code, message)
    port_suffix = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{port_suffix}"


def _origin_parts(text: str, field: str) -> tuple[SplitResult, int | None]:
    if not text.isprintable() or " " in text or "\\" in text or text.endswith(("?", "#", ":")):
        raise _malformed_origin(text, field)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:  # brackets without an address in them, or a port that is no number
        raise _malformed_origin(text, field) from error
    if port == 0:
        raise _malformed_origin(text, field)
    return parts, port


def _is_host(host: str) -> bool:
    return len(host) <= _LONGEST_HOST and _HOST.fullmatch(host) is not None


def _malformed_origin(text: str, field: str) -> Invalid:
    message = "write it as https://example.org or https://example.org:8443"
    return _no_origin(text, field, "origin_malformed", message)


def _no_origin(text: str, field: str, code: str, message: str) -> Invalid:
    excerpt = texts.visible(text)[:100]
    return Invalid.field(field, code, f"'{excerpt}' is no origin: {message}.")


def web_link(text: str, field: str = "link") -> str:
    """Returns a trimmed http or https URL of at most 500 characters.

    :raises Invalid: it is no such URL, or it has a name or password, which the public would see
    """
    text = text.strip()
    if len(text) > LONGEST_LINK:
        raise Invalid.field(field, "too_long", f"At most {LONGEST_LINK} characters, please.")
    if not _is_web_url(text):
        message = "Please give the address of a page, such as https://example.org/page."
        raise Invalid.field(field, "link_malformed", message)
    return text


def _is_web_url(text: str) -> bool:
    if not text.isprintable() or " " in text or _NOT_IN_URLS & set(text):
        return False
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address in them, or a port that is no number
        return False
    return has_host and parts.scheme in _DEFAULT_PORTS and "@" not in parts.netloc
