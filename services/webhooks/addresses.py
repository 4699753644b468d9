"""Where webhooks may go: which addresses in the web, and which on the network.

Whoever has a key says where we connect to, and we sit inside a network that they do not. So only
public addresses are connected to, and an address in the web has no more in it than is needed.
Pure: nothing is asked of the network here.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from services.errors import Invalid

LONGEST_URL = 500
LOOPBACK_HOSTS = {"localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1", "::1": "::1"}
"""With the address that each stands for: nobody is asked for these."""

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# At least two labels, and a last one that is no number: `127.1` and `0x7f.1` are addresses to some.
_HOST = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)+(?!0x)[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])", re.A)
_PRINTABLE_ASCII = re.compile(r"[!-~]+", re.ASCII)
_FORBIDDEN = frozenset('\\<>"{}|^`')
# IANA's registries of special-purpose addresses, multicast, and what stands for IPv4 (6to4; NAT64
# and IPv4-mapped addresses are not within 2000::/3). Written out, since what Python counts as
# global has changed between its versions.
_NOT_PUBLIC_4 = tuple(
    ip_network(each)
    for each in (
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
    ip_network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


def is_public(text: str) -> bool:
    """Whether an address on the network is somebody's in the open internet. Not one on this
    machine or in a private network, of a carrier's NAT, reserved, multicast, or IPv4 in disguise;
    nor what is no address."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return _is_public_6(address)


def url(text: str, field: str = "url", *, to_loopback: bool = False) -> str:
    """An address in the web that webhooks may go to; Invalid with what is wrong.

    https, a full name or a public address, port 443, no name or password, no fragment. With
    `to_loopback` also this machine by http or https, on ports 80, 443, and from 8000 on.
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
    if host not in _public_hosts(host):
        message = "It must name a server in the open internet, such as hooks.example.org."
        raise _wrong(field, "host_not_public", message)
    _require_port(parts, field, {443}, least=None)
    return text


def _is_public_6(address: IPv6Address) -> bool:
    """A scope (`%eth0`) is only ever that of a link."""
    is_unicast = address in _UNICAST_6 and address.scope_id is None
    return is_unicast and not any(address in network for network in _NOT_PUBLIC_6)


def _parts(text: str, field: str) -> SplitResult:
    """Of what is written in plain letters: a name beyond ASCII is given as xn--."""
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an address in them, or a port that is none
        is_whole = False
    if not is_whole or not _PRINTABLE_ASCII.fullmatch(text) or _FORBIDDEN & set(text):
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


def _require_port(parts: SplitResult, field: str, known: set[int], *, least: int | None) -> None:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if port in known or (least is not None and port >= least):
        return
    raise _wrong(field, "port_not_allowed", "Leave the port out: webhooks go to 443.")


def _public_hosts(host: str) -> set[str]:
    """The host itself, where it may be one."""
    is_name = _HOST.fullmatch(host) and not host.endswith((".localhost", ".local", ".internal"))
    return {host} if is_name or is_public(host) else set()


def _wrong(field: str, code: str, message: str) -> Invalid:
    return Invalid.field(field, code, message)
