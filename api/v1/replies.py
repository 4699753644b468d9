"""Members' replies to a campaign, for keys of its own organisation."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from sqlmodel import Session

from api.http.dependencies import (
    CampaignsWriter,
    Now,
    ReadSession,
    Slug,
    TalliesReader,
    WriteSession,
)
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.http.paging import ThePage
from api.http.query_names import KNOWN_NAMES
from api.schemas.reply import NewReply, ReplyAnswer, ReplyChange, reply_answer
from api.v1.campaigns import changes
from models import ReplyKind
from services.campaigns import campaigns, member_replies

router = Router(tags=["replies"])
CLEARED_BY_NULL = {"text", "link", "verified_by"}


@router.post(
    "/campaigns/{slug}/replies",
    status_code=201,
    response_model=ReplyAnswer,
    responses=once_responses(),
)
def create_reply(
    slug: Slug, body: NewReply, caller: CampaignsWriter, once: Once, now: Now
) -> Response:
    """Record a member's reply to a campaign.

    Once a reply is verified, its kind, day and link are public. Its text is never public. Needs a
    key with `campaigns:write`.
    """

    def create(session: Session) -> ReplyAnswer:
        campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
        view = member_replies.record(
            session,
            campaign,
            member_id=body.member_id,
            values=body.values(),
            api_key_id=caller.key_id,
            now=now,
        )
        return reply_answer(view)

    return once.answer(create)


@router.get("/campaigns/{slug}/replies", dependencies=[KNOWN_NAMES])
def list_replies(
    slug: Slug,
    request: Request,
    response: Response,
    page: ThePage,
    caller: TalliesReader,
    session: ReadSession,
    member_id: Annotated[int | None, Query(gt=0, lt=2**31)] = None,
    kind: ReplyKind | None = None,
    verified: bool | None = None,
) -> list[ReplyAnswer]:
    """List replies to a campaign of the key's organisation, decrypted, the last recorded first.

    Needs a key with `tallies:read`.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    views = member_replies.page(
        session,
        campaign,
        member_id=member_id,
        kind=kind,
        is_verified=verified,
        after=page.after,
        limit=page.limit + 1,
    )
    page.link_next(request, response, [view.reply.id for view in views])
    return [reply_answer(view) for view in views[: page.limit]]


@router.patch("/replies/{reply_id}")
def change_reply(
    reply_id: UUID, body: ReplyChange, caller: CampaignsWriter, session: WriteSession, now: Now
) -> ReplyAnswer:
    """Change the given fields of a reply.

    Needs a key with `campaigns:write`. Another organisation's reply is a 404.
    """
    view = member_replies.change(
        session,
        reply_id,
        organisation_id=caller.organisation_id,
        values=changes(body, keep=CLEARED_BY_NULL),
        api_key_id=caller.key_id,
        now=now,
    )
    return reply_answer(view)


@router.delete("/replies/{reply_id}", status_code=204)
def delete_reply(reply_id: UUID, caller: CampaignsWriter, session: WriteSession) -> None:
    """Delete a reply permanently.

    Needs a key with `campaigns:write`. Another organisation's reply is a 404.
    """
    member_replies.delete(session, reply_id, organisation_id=caller.organisation_id)
