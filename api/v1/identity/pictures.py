"""Uploads: the picture of a campaign, and the logo of an organisation.

The body is the file itself. It is decoded in a thread of its own, one file at a time, before the
transaction that keeps it begins.
"""

from functools import partial
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.concurrency import run_in_threadpool

from api.answers.state import state_of
from api.http.dependencies import CampaignsWriter, Now, Slug, WriteSession
from api.http.late_routes import Router
from api.schemas.fields import rule
from api.schemas.organisation import PictureAnswer, picture_answer
from services.assembly import Lobby
from services.campaigns import campaigns
from services.keys.api_keys import Caller
from services.organisations import organisations
from services.pictures import cutting, pictures
from services.pictures.cutting import CutFile

router = Router(tags=["organisation"])
Alt = Annotated[
    str,
    Query(description="What the picture shows, in a sentence, for people who don't see it"),
    rule(pictures.checked_alt),
]
Credit = Annotated[
    str, Query(description="Who made it, as shown below it"), rule(pictures.checked_credit)
]
_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: dict(_FILE) for kind in ("image/png", "image/jpeg", "image/webp")},
    }
}


@router.put("/campaigns/{slug}/picture", response_model=PictureAnswer, openapi_extra=_BODY)
async def put_picture(
    slug: Slug, request: Request, caller: CampaignsWriter, alt: Alt, credit: Credit = ""
) -> PictureAnswer:
    """Replace the picture of a campaign by the file in the body.

    A PNG, JPEG or WebP file of at most 10 MB and 40 megapixels. It is turned upright and stored as
    WebP in up to three widths (390, 780 and 1560 pixels), without the place, the camera and all
    other metadata. Pages show it 16 wide by 9 high. Needs a key with `campaigns:write`. Another
    organisation's campaign is a 404.
    """
    state = state_of(request)
    await run_in_threadpool(_require_own, state.lobby, slug, caller)
    content = await request.body()
    files = await state.uploads.run(partial(cutting.picture, content))
    return await run_in_threadpool(
        _keep_picture, state.lobby, slug, caller, files, alt=alt, credit=credit
    )


@router.delete("/campaigns/{slug}/picture", status_code=204)
def delete_picture(slug: Slug, caller: CampaignsWriter, session: WriteSession, now: Now) -> None:
    """Delete the picture of a campaign, if it has one.

    Needs a key with `campaigns:write`. Another organisation's campaign is a 404.
    """
    campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
    pictures.remove_from_campaign(session, campaign, now=now)


@router.put("/organisation/logo", response_model=PictureAnswer, openapi_extra=_BODY)
async def put_logo(request: Request, caller: CampaignsWriter) -> PictureAnswer:
    """Replace the logo of the key's organisation by the file in the body.

    A PNG, JPEG or WebP file of at most 10 MB and 40 megapixels. It is stored as WebP, at most 144
    pixels high, without metadata. What is transparent stays so. Needs a key with
    `campaigns:write`.
    """
    state = state_of(request)
    content = await request.body()
    files = await state.uploads.run(partial(cutting.logo, content))
    return await run_in_threadpool(_keep_logo, state.lobby, caller, files)


@router.delete("/organisation/logo", status_code=204)
def delete_logo(caller: CampaignsWriter, session: WriteSession) -> None:
    """Delete the logo of the key's organisation, if it has one.

    Needs a key with `campaigns:write`.
    """
    pictures.remove_logo(session, organisations.get(session, caller.organisation_id))


def _require_own(lobby: Lobby, slug: str, caller: Caller) -> None:
    """Raises NotFound before the body is read."""
    with lobby.database.read() as session:
        campaigns.own(session, slug, organisation_id=caller.organisation_id)


def _keep_picture(
    lobby: Lobby, slug: str, caller: Caller, files: tuple[CutFile, ...], *, alt: str, credit: str
) -> PictureAnswer:
    with lobby.database.write() as session:
        campaign = campaigns.own(session, slug, organisation_id=caller.organisation_id)
        now = lobby.clock()
        pictures.keep_for_campaign(session, campaign, files, alt=alt, credit=credit, now=now)
    return picture_answer(files, alt=alt, credit=credit, base_url=lobby.settings.base_url)


def _keep_logo(lobby: Lobby, caller: Caller, files: tuple[CutFile, ...]) -> PictureAnswer:
    with lobby.database.write() as session:
        organisation = organisations.get(session, caller.organisation_id)
        pictures.keep_logo(session, organisation, files, now=lobby.clock())
    return picture_answer(files, base_url=lobby.settings.base_url)
