"""Finding a motion in Parliament's own list, and reading one with the names on it."""

from datetime import date
from typing import Annotated

from fastapi import Query, Request, Response

from api.answers.caching import cacheable
from api.http.dependencies import Anyone, CampaignsWriter, Now, ReadSession, TheLobby
from api.http.late_routes import Router
from api.http.query_names import KNOWN_NAMES
from api.schemas.motion import (
    FoundMotionAnswer,
    MotionWithNames,
    found_answer,
    motion_with_names,
)
from api.v1.campaign_motions import MotionId
from services.common import texts
from services.parliament.official.motion_lists import ListSearch
from services.views import motion_views

router = Router(tags=["motions"])


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


@router.get("/motions/{motion_id}", response_model=MotionWithNames)
def read_motion(
    motion_id: MotionId, request: Request, caller: Anyone, session: ReadSession, now: Now
) -> Response:
    """Read a motion with every name that is or was on it.

    It is what Parliament published when the service looked last. Everybody can read the motions of
    public campaigns. With a key, you can read every motion that the service has.
    """
    view = motion_views.of_motion(
        session,
        motion_id,
        viewer=caller.viewer if caller else None,
        has_key=caller is not None,
        today=now.date(),
    )
    return cacheable(request, motion_with_names(view))
