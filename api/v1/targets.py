"""The members whom a campaign should ask next."""

from typing import Annotated

from fastapi import Query

from api.http.dependencies import Now, ReadSession, Slug, TalliesReader
from api.http.late_routes import Router
from api.http.query_names import KNOWN_NAMES
from api.schemas.target import TargetAnswer, target_answer
from services.campaigns import campaigns
from services.targets import targets

router = Router(tags=["tallies"])


@router.get("/campaigns/{slug}/targets", dependencies=[KNOWN_NAMES])
def read_targets(
    slug: Slug,
    caller: TalliesReader,
    session: ReadSession,
    now: Now,
    limit: Annotated[int, Query(ge=1, le=650)] = 20,
) -> list[TargetAnswer]:
    """List the members whom the campaign should ask next, best first, with the reasons.

    Needs a key with `tallies:read`.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    return [
        target_answer(target)
        for target in targets.of_campaign(session, campaign, limit=limit, now=now)
    ]
