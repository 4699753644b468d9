"""Fetches what a request names and the database does not have from Parliament."""

from services.assembly import Lobby
from services.errors import Invalid, NotFound
from services.parliament import motions
from services.parliament.official import backoff, motions_api
from services.parliament_sync import motion_sync


def fetch_if_unknown(lobby: Lobby, motion_id: int | None) -> None:
    """Ask Parliament for a motion that we do not hold, with no transaction open meanwhile."""
    if motion_id is None:
        return
    with lobby.database.read() as session:
        if motions.is_known(session, motion_id):
            return
    try:
        with lobby.asking(backoff.MOTIONS):
            found = motions_api.fetch_motion(lobby.motions_api, motion_id)
    except NotFound as error:
        raise Invalid.field("motion_id", error.code, error.message) from error
    with lobby.database.write() as session:
        motion_sync.apply_answer(
            session, found.answer, validators=found.validators, now=lobby.clock()
        )
