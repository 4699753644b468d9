"""Fetches from Parliament the motion that a request names, where we do not have it yet."""

from services.assembly import Lobby
from services.errors import Invalid, NotFound
from services.parliament_sync import motion_fetch


def fetch_if_unknown(lobby: Lobby, motion_id: int | None) -> None:
    """Raises Invalid, naming the field, where Parliament does not know the motion either."""
    if motion_id is None:
        return
    try:
        motion_fetch.fetch_if_unknown(
            lobby.database, lobby.motions_api, motion_id, clock=lobby.clock
        )
    except NotFound as error:
        raise Invalid.field("motion_id", error.code, error.message) from error
