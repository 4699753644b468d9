"""Checks the URLs of settings, and shows them without passwords.

An error never repeats a part of a URL: with a character too many, it can be a part of a password.
"""

import re
from urllib.parse import SplitResult, urlsplit

HIGHEST_PORT = 65535
_ESCAPES = "before the host, write @ as %40, / as %2F, ? as %3F and # as %23"
# As SQLAlchemy reads it, with one difference: a second @ would make it take the end of a password
# for a host, and name that host in its errors.
_POSTGRESQL = re.compile(
    r"[a-z+]+://([^:/@]*(:[^@]*)?@)?(\[[^]/?@]+\]|[^]:/?@[]*)(:(?P<port>[0-9]*))?([/?][^@]*)?"
)


def check_server(url: str, example: str) -> SplitResult:
    """Checks the URL of a server, and returns its parts.

    :raises ValueError: it has no host, its port is not from 1 to 65535, or an @ stands behind the
        host: then a character of the password has ended the host
    """
    parts = _split(url)
    if parts is None or not parts.hostname or "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(f"must be an address such as {example}; {_ESCAPES}")
    return parts


def check_web(url: str) -> None:
    """Checks an http or https URL.

    :raises ValueError: it is none, or what `check_server` raises
    """
    example = "https://lobby.example.org"
    if check_server(url, example).scheme not in ("http", "https"):
        raise ValueError(f"must be an address such as {example}")


def check_public(url: str) -> None:
    """Checks a web address with which links begin.

    :raises ValueError: it has a login, a query or a space, or what `check_web` raises
    """
    if not url.isprintable() or set("@?# ") & set(url):
        raise ValueError("must be an address such as https://lobby.example.org, and nothing more")
    check_web(url)


def check_mail(url: str) -> None:
    """Checks where emails go: a folder, or a server.

    :raises ValueError: what `check_server` raises
    """
    if not url.lower().startswith("file:"):
        check_server(url, "smtp://relay.example.org:25")


def check_postgresql(url: str) -> None:
    """Checks the URL of a PostgreSQL database.

    :raises ValueError: SQLAlchemy would read it in another way than its author
    """
    match = _POSTGRESQL.fullmatch(url)
    port = match["port"] if match else None
    if match is None or (port and not 1 <= int(port) <= HIGHEST_PORT):
        example = "postgresql://name@host:5432/database"
        raise ValueError(f"LOBBY_DATABASE_URL must be an address such as {example}; {_ESCAPES}")


def without_password(url: str) -> str:
    """Returns a checked URL without the password, the query and the name of the driver."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    login, at, place = rest.rpartition("@")
    name = login.partition(":")[0]
    return f"{scheme.removesuffix('+psycopg')}://{name}{at}{place.partition('?')[0]}"


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return None if parts.port == 0 else parts
    except ValueError:  # its text has a part of the URL
        return None
