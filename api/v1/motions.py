"""Finding a motion in Parliament's own list."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from api.http.dependencies import CampaignsWriter, TheLobby
from api.http.query_names import KNOWN_NAMES
from api.schemas.motion import FoundMotionAnswer, found_answer
from services.common import texts
from services.parliament.official.motion_lists import ListSearch

router = APIRouter(tags=["motions"])


@router.get("/motions", dependencies=[KNOWN_NAMES])
def search(
    lobby: TheLobby,
    caller: CampaignsWriter,
    query: Annotated[str, Query(max_length=100)],
    tabled_from: date | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 25,
) -> list[FoundMotionAnswer]:
    """Search Parliament's motions by words of the title, newest first.

    Answers are at most ten minutes old. Needs a key with `campaigns:write`, since a call can query
    Parliament. To link a motion, set `motion_id` of a campaign.
    """
    del caller  # a dependency for the scope only
    words = texts.line(query, "query", longest=100)
    search = ListSearch(words=words, tabled_from=tabled_from, limit=limit)
    return [found_answer(motion) for motion in lobby.motion_lists.find(search).motions]
