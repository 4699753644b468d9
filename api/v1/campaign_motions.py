"""The motions of a campaign: reading them, and linking them with a key."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Path, Request, Response
from pydantic import TypeAdapter
from sqlmodel import Session

from api.answers.caching import MEDIA_TYPE, cacheable_bytes
from api.http.dependencies import (
    Anyone,
    CampaignsWriter,
    Now,
    ReadSession,
    Slug,
    TheLobby,
    WriteSession,
)
from api.http.late_routes import Router
from api.http.query_names import KNOWN_NAMES
from api.schemas.campaign_motion import LinkedMotionAnswer, RoleChange, linked_motion_answer
from api.v1.fetching import fetch_if_unknown
from services.campaigns import campaign_motions, campaigns

router = Router(tags=["campaigns"])
MotionId = Annotated[int, Path(gt=0, lt=2**31, description="Parliament's Id of a motion")]
_LIST = TypeAdapter(list[LinkedMotionAnswer])


@router.get(
    "/campaigns/{slug}/motions", response_model=list[LinkedMotionAnswer], dependencies=[KNOWN_NAMES]
)
def list_motions(
    slug: Slug, request: Request, caller: Anyone, session: ReadSession, now: Now
) -> Response:
    """List the motions of a campaign: the current one, then amendments, then earlier ones."""
    viewer = caller.organisation_id if caller else None
    campaign = campaigns.public(session, slug, viewer=viewer)
    content = _LIST.dump_json(_answers(session, campaign.id, now.date()))
    return cacheable_bytes(request, content, etag_source=content, media_type=MEDIA_TYPE)


@router.put("/campaigns/{slug}/motions/{motion_id}")
def link_motion(
    slug: Slug, motion_id: MotionId, body: RoleChange, caller: CampaignsWriter, lobby: TheLobby
) -> LinkedMotionAnswer:
    """Link a motion, or change its role. A motion new to this service is fetched from Parliament.

    With a new current motion, the former one becomes an earlier one in the same call. Needs a key
    with `campaigns:write`. Another organisation's campaign is a 404.
    """
    with lobby.database.read() as session:
        campaigns.own(session, slug, organisation_id=caller.organisation_id)
    fetch_if_unknown(lobby, motion_id)
    now = lobby.clock()
    with lobby.database.write() as session:
        campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
        campaign_motions.link(session, campaign, motion_id, role=body.role, now=now)
        answers = _answers(session, campaign.id, now.date())
        return next(answer for answer in answers if answer.id == motion_id)


@router.delete("/campaigns/{slug}/motions/{motion_id}", status_code=204)
def unlink_motion(
    slug: Slug, motion_id: MotionId, caller: CampaignsWriter, session: WriteSession, now: Now
) -> None:
    """Remove the link to an earlier motion or an amendment. Letters keep their motion.

    Needs a key with `campaigns:write`. Another organisation's campaign is a 404.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    campaign_motions.unlink(session, campaign, motion_id, now=now)


def _answers(session: Session, campaign_id: UUID, today: date) -> list[LinkedMotionAnswer]:
    return [
        linked_motion_answer(motion)
        for motion in campaign_motions.of_campaign(session, campaign_id, today=today)
    ]
