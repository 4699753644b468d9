"""Finding a motion in Parliament's own list."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from lobby.api.dependencies import CampaignsWriter, TheLobby
from lobby.api.schemas.motion import FoundMotionAnswer, found_answer
from lobby.services import official_apis, parliament, texts
from lobby.services.errors import LobbyError

router = APIRouter(tags=["motions"])


@router.get("/motions")
def search(
    lobby: TheLobby,
    caller: CampaignsWriter,
    query: Annotated[str, Query(max_length=100)],
    tabled_from: date | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 25,
) -> list[FoundMotionAnswer]:
    """Motions whose title has the words, newest first. Needs a key with `campaigns:write`, since
    every call asks Parliament. Link one with `motion_id` of the campaign."""
    del caller  # asked for its scope only
    words, now, name = texts.line(query, "query", longest=100), lobby.clock(), official_apis.MOTIONS
    with lobby.database.read() as session:
        official_apis.require_allowed(session, name, now=now)
    try:
        found = parliament.search_motions(
            lobby.motions_api, query=words, tabled_from=tabled_from, limit=limit
        )
    except LobbyError as error:
        with lobby.database.write() as session:
            official_apis.note_failed(session, name, error, now=now)
        raise
    return [found_answer(motion) for motion in found]
