"""Members: public data about them, and organisers' notes."""

from typing import Annotated
from uuid import UUID

from fastapi import Request, Response
from pydantic import AfterValidator
from sqlmodel import Session

from api.answers.caching import cacheable
from api.http.dependencies import (
    Anyone,
    CampaignsWriter,
    Now,
    ReadSession,
    TalliesReader,
    WriteSession,
)
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.http.query_names import KNOWN_NAMES
from api.schemas.member import MemberPageAnswer, member_page_answer
from api.schemas.override import NewOverrideBody, OverrideAnswer, OverrideEnd, override_answer
from models import Campaign, Scope
from services.campaigns import campaigns
from services.errors import Invalid, NotFound
from services.parliament import member_overrides
from services.views import member_views

router = Router(tags=["members"])


def _storable(member_id: int) -> int:
    """Raises NotFound for a number that no database column can hold."""
    if not 0 < member_id < 2**31:
        raise NotFound("member_unknown", f"There is no member {member_id}.")
    return member_id


MemberId = Annotated[int, AfterValidator(_storable)]


@router.get("/members/{member_id}", response_model=MemberPageAnswer)
def read_member(
    member_id: MemberId, request: Request, caller: Anyone, session: ReadSession, now: Now
) -> Response:
    """Read a member: seats, offices, motions of campaigns, and verified replies.

    With a key, the organisation's notes count for the eligibility, and its drafts are shown. With
    `tallies:read`, its own replies are shown in full.
    """
    view = member_views.of_member(
        session,
        member_id,
        viewer=caller.organisation_id if caller else None,
        reads_replies=caller is not None and Scope.TALLIES_READ in caller.scopes,
        today=now.date(),
    )
    return cacheable(request, member_page_answer(view))


@router.post(
    "/members/{member_id}/overrides",
    status_code=201,
    response_model=OverrideAnswer,
    responses=once_responses(),
)
def create_override(
    member_id: MemberId, body: NewOverrideBody, caller: CampaignsWriter, once: Once, now: Now
) -> Response:
    """Note that a member signs no motions, is a PPS, or said what they will do about a motion.

    An earlier note on the same matter ends on the day on which this one begins: 'will not' ends
    'will sign'. Needs a key with `campaigns:write`.
    """

    def create(session: Session) -> OverrideAnswer:
        view = member_overrides.record(
            session,
            body.as_new(),
            organisation_id=caller.organisation_id,
            member=member_views.get_member(session, member_id),
            campaign=_campaign(session, body.campaign, caller.organisation_id),
            api_key_id=caller.key_id,
            now=now,
        )
        return override_answer(view)

    return once.answer(create)


@router.get("/members/{member_id}/overrides", dependencies=[KNOWN_NAMES])
def list_overrides(
    member_id: MemberId, caller: TalliesReader, session: ReadSession, now: Now
) -> list[OverrideAnswer]:
    """List the notes of the key's organisation about a member, newest first, with ended ones.

    Needs a key with `tallies:read`.
    """
    views = member_overrides.of_member(
        session,
        organisation_id=caller.organisation_id,
        member_id=member_views.get_member(session, member_id).id,
        today=now.date(),
    )
    return [override_answer(view) for view in views]


@router.patch("/overrides/{override_id}")
def end_override(
    override_id: UUID,
    body: OverrideEnd,
    caller: CampaignsWriter,
    session: WriteSession,
    now: Now,
) -> OverrideAnswer:
    """End a note about a member. It can still be read.

    Needs a key with `campaigns:write`. Another organisation's note is a 404.
    """
    view = member_overrides.end(
        session,
        override_id,
        organisation_id=caller.organisation_id,
        ends_on=body.ends_on,
        now=now,
    )
    return override_answer(view)


def _campaign(session: Session, slug: str | None, organisation_id: UUID) -> Campaign | None:
    """Returns the campaign that a body names. Raises Invalid alike for unknown and another's."""
    try:
        return campaigns.own(session, slug, organisation_id=organisation_id) if slug else None
    except NotFound as error:
        raise Invalid.field("campaign", error.code, error.message) from error
