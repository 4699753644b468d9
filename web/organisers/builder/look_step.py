"""The builder's sixth step: the picture of a campaign, and the look of its organisation."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign
from services.assembly import Lobby
from services.campaigns import campaigns
from services.errors import Conflict, Invalid
from services.organisations import brand_colours
from services.pictures import cutting, pictures
from services.pictures.cutting import CutFile
from web.base import forms
from web.base.desk import Desk, EditorDesk
from web.base.rendering import see_other
from web.organisers.builder import frame, step_forms, uploads, versions
from web.organisers.builder.frame import Done, Step
from web.organisers.builder.uploads import Upload

PATH = "/organiser/campaigns/{slug}/edit/look"
Text = Annotated[str, Form()]
router = Router()


class LookFields(BaseModel):
    """The fields as sent, besides the file."""

    version: str = ""
    alt: str = ""
    credit: str = ""


@router.get(PATH)
def show(slug: Slug, desk: EditorDesk, session: ReadSession, now: Now, done: Done = "") -> Response:
    """Shows the picture with its words, and the organisation's colour and logo."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    values = _shown(session, campaign)
    form = forms.Form({**values, "version": versions.of(values)})
    return _page(desk, session, campaign, form, now, done=done)


@router.post(PATH)
async def save(
    slug: Slug,
    request: Request,
    desk: EditorDesk,
    lobby: TheLobby,
    picture: Upload = None,
    version: Text = "",
    alt: Text = "",
    credit: Text = "",
) -> Response:
    """Keeps a new picture or new words, and leads to the next step."""
    fields = LookFields(version=version, alt=alt, credit=credit)
    await run_in_threadpool(_require_own, lobby, desk, slug)
    try:
        files = await uploads.cut(request, picture, cutting.picture)
    except Invalid as error:
        return await run_in_threadpool(_again, lobby, desk, slug, fields, error)
    return await run_in_threadpool(partial(_save, lobby, desk, slug, fields, files))


@router.get(PATH + "/remove")
def ask_to_remove(slug: Slug, desk: EditorDesk, session: ReadSession) -> Response:
    """Asks once more."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    return desk.page(
        "organisers/builder/remove_picture.html",
        campaign=campaign,
        picture=pictures.shown(session, campaign.id),
        back=frame.path_of(slug, Step.LOOK),
    )


@router.post(PATH + "/remove")
def remove(slug: Slug, desk: EditorDesk, lobby: TheLobby, now: Now) -> Response:
    """Removes the picture. Doing it twice changes nothing more."""
    with lobby.database.write() as session:
        campaign = campaigns.own_locked(session, slug, organisation_id=desk.organisation_id)
        pictures.remove_from_campaign(session, campaign, now=now)
    return see_other(f"{frame.path_of(slug, Step.LOOK)}?done=removed")


def _require_own(lobby: Lobby, desk: Desk, slug: str) -> None:
    """Raises NotFound before a picture is decoded."""
    with lobby.database.read() as session:
        campaigns.own(session, slug, organisation_id=desk.organisation_id)


def _save(
    lobby: Lobby, desk: Desk, slug: str, fields: LookFields, files: tuple[CutFile, ...]
) -> Response:
    now = lobby.clock()
    try:
        with lobby.database.write() as session:
            campaign = campaigns.own_locked(session, slug, organisation_id=desk.organisation_id)
            before, typed = _shown(session, campaign), fields.model_dump()
            if files or typed["alt"].strip() or typed["credit"].strip() or before["alt"]:
                versions.require(fields.version, before, typed)
                _keep(session, campaign, fields, files, now)
    except (Invalid, Conflict) as error:
        return _again(lobby, desk, slug, fields, error, is_chosen=bool(files))
    return frame.to_next(slug, Step.LOOK)


def _keep(
    session: Session,
    campaign: Campaign,
    fields: LookFields,
    files: tuple[CutFile, ...],
    now: datetime,
) -> None:
    words = {"alt": fields.alt, "credit": fields.credit}
    if files:
        pictures.keep_for_campaign(session, campaign, files, **words, now=now)
    elif pictures.shown(session, campaign.id) is None:
        raise Invalid.field("picture", "picture_missing", "Choose a picture for these words.")
    else:
        pictures.describe(session, campaign, **words, now=now)


def _again(
    lobby: Lobby,
    desk: Desk,
    slug: str,
    fields: LookFields,
    error: Invalid | Conflict,
    *,
    is_chosen: bool = False,
) -> Response:
    """Shows the form again. Browsers never keep the file in it, so the page asks for it again."""
    form = forms.Form(fields.model_dump())
    status = step_forms.note(form, error, fields.model_dump())
    with lobby.database.read() as session:
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        return _page(
            desk, session, campaign, form, lobby.clock(), status=status, asks_again=is_chosen
        )


def _shown(session: Session, campaign: Campaign) -> dict[str, str]:
    picture = pictures.shown(session, campaign.id)
    return {"alt": picture.alt if picture else "", "credit": picture.credit if picture else ""}


def _page(
    desk: Desk,
    session: Session,
    campaign: Campaign,
    form: forms.Form,
    now: datetime,
    *,
    status: int = 200,
    done: str = "",
    asks_again: bool = False,
) -> Response:
    colour = desk.face.brand_colour or brand_colours.DEFAULT
    return frame.show(
        desk,
        session,
        campaign,
        Step.LOOK,
        "organisers/builder/look.html",
        now=now,
        status=status,
        done=done,
        form=form,
        picture=pictures.shown(session, campaign.id),
        asks_again=asks_again,
        colour=colour,
        palette=brand_colours.light(colour),
        contrast=brand_colours.contrast_on_button(colour),
    )
