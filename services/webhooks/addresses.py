"""Checks where webhooks may be sent: which URLs, and which IP addresses.

The holder of a key chooses where we connect to, and we run inside a network that they cannot reach.
To prevent server-side request forgery, only public IP addresses are allowed, and a URL contains no
credentials, fragment or unusual port. This module does no I/O.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from services.errors import Invalid

LONGEST_URL = 500
LOOPBACK_HOSTS = {"localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1", "::1": "::1"}
"""The IP address of each name of this machine, which is not looked up in DNS."""

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# At least two labels, and the last one no number: some resolvers take `127.1` and `0x7f.1` for
# addresses.
_HOST = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)+(?!0x)[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])", re.A)
_PRINTABLE_ASCII = re.compile(r"[!-~]+", re.ASCII)
_FORBIDDEN = frozenset('\\<>"{}|^`')
# IANA's registries of special-purpose addresses, multicast, and 6to4, which embeds IPv4 (NAT64 and
# IPv4-mapped addresses are outside 2000::/3). Listed here, because `is_global` differs between
# versions of Python.
_NOT_PUBLIC_4 = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_UNICAST_6 = ip_network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    ip_network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


def is_public(text: str) -> bool:
    """Returns whether a text is a public IP address.

    False for loopback, private, carrier NAT, reserved and multicast addresses, for IPv6 addresses
    that embed IPv4 ones, and for anything that is not an IP address.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return _is_public_6(address)


def url(text: str, field: str = "url", *, to_loopback: bool = False) -> str:
    """Returns a URL that webhooks may be sent to, or raises Invalid with the reason.

    It must have https, a full host name or a public IP address, port 443, no credentials and no
    fragment. `to_loopback` also allows this machine, by http or https, on ports 80, 443, and 8000
    and above.
    """
    text = text.strip()
    if len(text) > LONGEST_URL:
        raise Invalid.field(field, "too_long", f"At most {LONGEST_URL} characters, please.")
    parts = _parts(text, field)
    _require_no_credentials(parts, field)
    host = parts.hostname or ""
    if to_loopback and host in LOOPBACK_HOSTS:
        _require_port(parts, field, {80, 443}, least=8000)
        return text
    if parts.scheme != "https":
        raise _wrong(field, "not_https", "It must begin with https://.")
    if not _is_public_host(host):
        message = "It must name a server in the open internet, such as hooks.example.org."
        raise _wrong(field, "host_not_public", message)
    _require_port(parts, field, {443}, least=None)
    return text


def _is_public_6(address: IPv6Address) -> bool:
    # Only link-local addresses have a scope, such as `%eth0`.
    is_unicast = address in _UNICAST_6 and address.scope_id is None
    return is_unicast and not any(address in network for network in _NOT_PUBLIC_6)


def _parts(text: str, field: str) -> SplitResult:
    # ASCII only: international names have to be written as xn--.
    try:
        parts = urlsplit(text)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an IP address, or a bad port
        is_complete = False
    if not is_complete or not _PRINTABLE_ASCII.fullmatch(text) or _FORBIDDEN & set(text):
        message = "Please give an address such as https://hooks.example.org/lobby."
        raise _wrong(field, "url_malformed", message)
    if parts.scheme not in ("http", "https"):
        raise _wrong(field, "not_https", "It must begin with https://.")
    return parts


def _require_no_credentials(parts: SplitResult, field: str) -> None:
    if "@" in parts.netloc:
        raise _wrong(field, "url_has_credentials", "Leave name and password out of the address.")
    if parts.fragment:
        raise _wrong(field, "url_has_fragment", "Leave out what is behind the #.")


def _require_port(parts: SplitResult, field: str, allowed: set[int], *, least: int | None) -> None:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if port in allowed or (least is not None and port >= least):
        return
    raise _wrong(field, "port_not_allowed", "Leave the port out: webhooks go to 443.")


def _is_public_host(host: str) -> bool:
    is_name = bool(_HOST.fullmatch(host))
    is_local = host.endswith((".localhost", ".local", ".internal"))
    return (is_name and not is_local) or is_public(host)


def _wrong(field: str, code: str, message: str) -> Invalid:
    return Invalid.field(field, code, message)
