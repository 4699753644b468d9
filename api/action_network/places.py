"""The paths, links and identifiers of the dialect."""

from datetime import UTC, datetime
from email.utils import parseaddr
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.assembly import Lobby
from services.errors import Invalid, NotFound
from services.supporters import supporter_pages

PREFIX = "/api/v2"
TOKEN = "OSDI-API-Token"  # noqa: S105 - the name of a header
SYSTEM = "action_network"
"""Clients look for an identifier with this prefix, and use what follows the colon."""

ORIGIN = "Central Lobby"
_NOBODY = UUID(int=0)
_NOT_OF_OSDI = ("campaigns", "event_campaigns", "surveys")
_CURIES = "https://actionnetwork.org/docs/v2/{rel}"


def is_dialect(path: str) -> bool:
    """Returns whether a path belongs to the dialect."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def relation(kind: str) -> str:
    """Returns the link relation of a collection, which OSDI or Action Network has named."""
    return f"{SYSTEM if kind in _NOT_OF_OSDI else 'osdi'}:{kind}"


class Veil(StrEnum):
    """What has hidden ids in the dialect: plain ids show when a row was made, and so who is new.

    A person's is that of their address (`supporter_pages.address_id`). It used to be the row's, and
    such ids are still understood.
    """

    PERSON = "person"
    SIGNATURE = "signature"
    TAGGING = "tagging"
    OUTREACH = "outreach"


class Places:
    """Makes links, and converts ids to and from those that one organisation sees."""

    def __init__(self, lobby: Lobby, organisation_id: UUID = _NOBODY) -> None:
        self.site = lobby.settings.base_url.rstrip("/")
        self.base = f"{self.site}{PREFIX}"
        self.sender = parseaddr(lobby.settings.mail_from)[1]
        """The address that the service writes from."""

        self._keyring, self._organisation_id = lobby.keyring, organisation_id

    def link(self, *parts: object) -> dict[str, str]:
        """Returns a HAL link, for example `link("people", id)`."""
        return {"href": "/".join([self.base, *map(str, parts)])}

    def curies(self) -> list[dict[str, Any]]:
        """Returns the CURIEs of the prefixes of links, which lead to Action Network's documents."""
        return [{"name": name, "href": _CURIES, "templated": True} for name in ("osdi", SYSTEM)]

    def hide(self, veil: Veil, row_id: UUID) -> UUID:
        """Converts a row's id to the public one."""
        return self._keyring.veil(self._organisation_id, row_id, veil)

    def person(self, email_index: bytes) -> UUID:
        """Returns the public id of the owner of an address, by the address's index."""
        return self.hide(Veil.PERSON, supporter_pages.address_id(email_index))

    def show(self, veil: Veil, public_id: UUID) -> UUID:
        """Converts a public id to the row's id."""
        return self._keyring.unveil(self._organisation_id, public_id, veil)


def identifiers(row_id: UUID, own: UUID | None = None) -> list[str]:
    """Returns the identifiers of a resource: the dialect's first, since clients take the first."""
    first = [f"{SYSTEM}:{row_id}"]
    return first if own is None else [*first, f"central_lobby:{own}"]


def id_in(text: str, thing: str) -> UUID:
    """Parses the id in a path. Raises NotFound if it is malformed."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("not_found", f"Couldn't find {thing} with id = {text[:40]}") from None


def id_behind(href: object, field: str) -> UUID:
    """Parses the id at the end of a link, on any host: integrations send Action Network's own."""
    text = href if isinstance(href, str) else ""
    try:
        return UUID(text.rstrip("/").rpartition("/")[2])
    except ValueError:
        message = "Give the address of a resource, which ends in its identifier."
        raise Invalid.field(field, "href_malformed", message) from None


def when(moment: datetime) -> str:
    """Formats a time as the dialect does, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
