"""Where the dialect is, and what makes its paths and identifiers."""

from datetime import UTC, datetime
from email.utils import parseaddr
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.assembly import Lobby
from services.errors import Invalid, NotFound

PREFIX = "/api/v2"
TOKEN = "OSDI-API-Token"  # noqa: S105 - the name of a header
SYSTEM = "action_network"
"""Clients look for the identifier of this system, and take what is behind its colon."""

ORIGIN = "Central Lobby"
_NOBODY = UUID(int=0)
_WORDS = "https://actionnetwork.org/docs/v2/{rel}"


def is_dialect(path: str) -> bool:
    """Whether a path belongs to the dialect."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


class Veil(StrEnum):
    """Tables whose rows' own ids would tell when they were made, and so who is new."""

    PERSON = "person"
    SIGNATURE = "signature"
    TAGGING = "tagging"
    OUTREACH = "outreach"


class Places:
    """Addresses within the dialect, and ids as one organisation knows them."""

    def __init__(self, lobby: Lobby, organisation_id: UUID = _NOBODY) -> None:
        self.site = lobby.settings.base_url.rstrip("/")
        self.base = f"{self.site}{PREFIX}"
        self.sender = parseaddr(lobby.settings.mail_from)[1]
        """The address that the service writes from."""

        self._keyring, self._organisation_id = lobby.keyring, organisation_id

    def link(self, *parts: object) -> dict[str, str]:
        """A link of HAL's: `link("people", id)`."""
        return {"href": "/".join([self.base, *map(str, parts)])}

    def curies(self) -> list[dict[str, Any]]:
        """What the prefixes of the links stand for, in the words of whose they are."""
        return [{"name": name, "href": _WORDS, "templated": True} for name in ("osdi", SYSTEM)]

    def hide(self, veil: Veil, row_id: UUID) -> UUID:
        """A row's id, as it is told."""
        return self._keyring.veil(self._organisation_id, row_id, veil)

    def show(self, veil: Veil, told: UUID) -> UUID:
        """The row's own id, of one that was told."""
        return self._keyring.unveil(self._organisation_id, told, veil)


def identifiers(row_id: UUID, own: UUID | None = None) -> list[str]:
    """How a thing is known: the dialect's id first, since clients take the first."""
    known = [f"{SYSTEM}:{row_id}"]
    return known if own is None else [*known, f"central_lobby:{own}"]


def id_in(text: str, thing: str) -> UUID:
    """The id in a path; what has another form is not there."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("not_found", f"Couldn't find {thing} with id = {text[:40]}") from None


def id_behind(href: object, field: str) -> UUID:
    """What a link points to: its last segment, whatever host it names, since integrations write
    that of Action Network itself."""
    text = href if isinstance(href, str) else ""
    try:
        return UUID(text.rstrip("/").rpartition("/")[2])
    except ValueError:
        message = "Give the address of a resource, which ends in its identifier."
        raise Invalid.field(field, "href_malformed", message) from None


def when(moment: datetime) -> str:
    """A time as the dialect writes it, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
