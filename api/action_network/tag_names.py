"""Tags that a request names, to be put on a person or removed.

As in Action Network, a name that no tag has is ignored. A header of the answer says which.
"""

from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from fastapi import Response
from sqlmodel import Session

from api.action_network.bodies import Json
from api.action_network.schemas.reading import texts_in
from services.supporters import tags

IGNORED = "Central-Lobby-Ignored-Tags"
LONGEST_HEADER = 2_000
"""Proxies refuse answers with long headers. A name that does not fit any more becomes `...`."""


@dataclass(frozen=True, slots=True)
class TagNames:
    """The ids of the tags to add and to remove, and the names that were ignored."""

    added: tuple[UUID, ...] = ()
    removed: tuple[UUID, ...] = ()
    ignored: tuple[str, ...] = ()

    def mark(self, response: Response) -> Response:
        """Adds the header with the ignored names, percent-encoded and separated by commas."""
        if self.ignored:
            response.headers[IGNORED] = _listed(self.ignored)
        return response


def read(session: Session, body: Json, *, organisation_id: UUID) -> TagNames:
    """Looks up the names in `add_tags` and `remove_tags`. Raises Invalid unless they are lists."""
    added, removed = (
        tags.named(session, texts_in(body.get(field), field), organisation_id=organisation_id)
        for field in ("add_tags", "remove_tags")
    )
    return TagNames(added.ids, removed.ids, (*added.unknown, *removed.unknown))


def _listed(names: tuple[str, ...]) -> str:
    listed = ""
    for name in dict.fromkeys(names):
        longer = f"{listed}, {quote(name, safe='')}" if listed else quote(name, safe="")
        if len(longer) > LONGEST_HEADER:
            return f"{listed}, ..." if listed else "..."
        listed = longer
    return listed
