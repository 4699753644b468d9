"""The address and port on which `lobby serve` listens, and whether an address is this machine."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000


@dataclass(frozen=True, slots=True)
class Listening:
    """A host as `lobby serve` takes it, and a port from 1 to 65535."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT

    @property
    def url(self) -> str:
        """The address to open on this machine, as browsers write it: without port 80."""
        host = self.host
        if self.is_everywhere:
            host = "::1" if ":" in self.host else "127.0.0.1"
        return f"http://{_bracketed(host)}" + ("" if self.port == 80 else f":{self.port}")

    @property
    def is_everywhere(self) -> bool:
        """Returns whether this means every address of the machine."""
        try:
            return not self.host or ip_address(self.host).is_unspecified
        except ValueError:
            return False

    @property
    def is_public(self) -> bool:
        """Returns whether other machines can connect."""
        return not is_loopback_host(self.host)

    def __str__(self) -> str:
        return f"{_bracketed(self.host or '*')}:{self.port}"


def is_loopback_host(host: str | None) -> bool:
    """Returns whether a name or IP address without brackets is this machine's own."""
    if host is None or host.lower() == "localhost":
        return host is not None
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def is_loopback(url: str) -> bool:
    """Returns whether the host of a URL is this machine."""
    return is_loopback_host(urlsplit(url).hostname)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
