"""The organisation for its organisers: its name, details, colour, logo and privacy notice."""

from functools import partial
from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from models import Organisation
from services.assembly import Lobby
from services.building import identities
from services.errors import Conflict, Invalid
from services.organisations import (
    brand_colours,
    faces,
    identity,
    notices,
    organisations,
)
from services.pictures import cutting, pictures
from services.pictures.cutting import CutFile
from web.base import forms
from web.base.desk import Desk, EditorDesk
from web.base.rendering import see_other
from web.organisers.builder import step_forms, uploads, versions
from web.organisers.builder.frame import Done
from web.organisers.builder.uploads import Upload

PATH = "/organiser/look"
NOTICES = {
    "saved": "Saved.",
    "logo": "Your logo is saved.",
    "removed": "The logo is removed.",
    "published": "Your privacy notice is published.",
}
router = Router()


class IdentityFields(BaseModel):
    """The fields as sent."""

    version: str = ""
    name: str = ""
    website: str = ""
    charity_number: str = ""
    company_number: str = ""
    postal_address: str = ""
    contact_email: str = ""
    brand_colour: str = ""


class NoticeFields(BaseModel):
    """The fields as sent."""

    version: str = ""
    notice: str = ""


@router.get(PATH)
def show(desk: EditorDesk, session: ReadSession, done: Done = "") -> Response:
    """Shows the forms for the organisation."""
    return _page(desk, session, done=done)


@router.post(PATH)
def save(
    fields: Annotated[IdentityFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Saves who the organisation is."""
    form, typed = forms.Form(fields.model_dump()), fields.model_dump()
    try:
        values = {field: form.check(field, check, missing="") for field, check in _checks().items()}
        name = form.check("name", identity.name, missing="Enter the name.")
        form.finish()
        with lobby.database.write() as writing:
            organisation = identities.locked(writing, desk.organisation_id)
            versions.require(fields.version, _shown(organisation), typed)
            identities.change(writing, organisation, name=name, values=values, now=now)
    except (Invalid, Conflict) as error:
        status = step_forms.note(form, error, typed)
        return _page(desk, session, form=form, status=status)
    return see_other(f"{PATH}?done=saved")


@router.post(f"{PATH}/notice")
def publish_notice(
    fields: Annotated[NoticeFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Publishes the privacy notice as a new version. The same text again changes nothing."""
    form, typed = forms.Form(fields.model_dump()), fields.model_dump()
    try:
        form.check("notice", _notice, missing="Enter your privacy notice.")
        form.finish()
        with lobby.database.write() as writing:
            organisation = identities.locked(writing, desk.organisation_id)
            versions.require(fields.version, _shown_notice(writing, organisation), typed)
            notices.publish(writing, organisation, fields.notice, now=now)
    except (Invalid, Conflict) as error:
        status = step_forms.note(form, error, typed)
        return _page(desk, session, notice_form=form, status=status)
    return see_other(f"{PATH}?done=published")


@router.post(f"{PATH}/logo")
async def keep_logo(
    request: Request, desk: EditorDesk, lobby: TheLobby, logo: Upload = None
) -> Response:
    """Keeps a logo in place of an earlier one."""
    try:
        files = await uploads.cut(request, logo, cutting.logo)
        if not files:
            raise Invalid.field("logo", "logo_missing", "Choose a file.")
    except Invalid as error:
        return await run_in_threadpool(_logo_again, lobby, desk, error)
    await run_in_threadpool(partial(_keep_logo, lobby, desk, files))
    return see_other(f"{PATH}?done=logo")


@router.post(f"{PATH}/logo/remove")
def remove_logo(desk: EditorDesk, lobby: TheLobby) -> Response:
    """Removes the logo. Doing it twice changes nothing more."""
    with lobby.database.write() as session:
        pictures.remove_logo(session, organisations.get(session, desk.organisation_id))
    return see_other(f"{PATH}?done=removed")


def _checks() -> dict[str, forms.Rule]:
    """Returns the rules of all fields but the name. Each may be empty."""
    return {name: partial(_optional, check) for name, check in identity.CHECKS.items()}


def _optional(check: forms.Rule, text: str) -> str:
    return check(text) if text.strip() else ""


def _notice(text: str) -> str:
    return notices.checked(text, "notice")


def _shown(organisation: Organisation) -> dict[str, str]:
    names = ("name", *identity.CHECKS)
    return {name: getattr(organisation, name) or "" for name in names}


def _shown_notice(session: Session, organisation: Organisation) -> dict[str, str]:
    """Returns the notice in force or, without one, the text to begin with."""
    current = notices.current(session, organisation.id)
    if current is not None:
        return {"notice": current.text}
    face = faces.of_organisation(session, organisation)
    return {"notice": notices.as_text(notices.generated(face))}


def _keep_logo(lobby: Lobby, desk: Desk, files: tuple[CutFile, ...]) -> None:
    with lobby.database.write() as session:
        organisation = organisations.get(session, desk.organisation_id)
        pictures.keep_logo(session, organisation, files, now=lobby.clock())


def _logo_again(lobby: Lobby, desk: Desk, error: Invalid) -> Response:
    form = forms.Form()
    status = step_forms.note(form, error)
    with lobby.database.read() as session:
        return _page(desk, session, logo_form=form, status=status)


def _page(
    desk: Desk,
    session: Session,
    *,
    form: forms.Form | None = None,
    notice_form: forms.Form | None = None,
    logo_form: forms.Form | None = None,
    status: int = 200,
    done: str = "",
) -> Response:
    organisation = organisations.get(session, desk.organisation_id)
    all_versions = notices.every_version(session, organisation.id)
    colour = organisation.brand_colour or brand_colours.DEFAULT
    shown_forms = {
        "form": form or _filled(_shown(organisation)),
        "notice_form": notice_form or _filled(_shown_notice(session, organisation)),
        "logo_form": logo_form or forms.Form(),
    }
    return desk.page(
        "organisers/organisation_look.html",
        status=status,
        **shown_forms,
        wrong=next((each for each in shown_forms.values() if each.problems), None),
        organisation=organisation,
        all_versions=all_versions,
        palette=brand_colours.light(colour),
        contrast=brand_colours.contrast_on_button(colour),
        default_colour=brand_colours.DEFAULT,
        notice=NOTICES.get(done),
    )


def _filled(values: dict[str, str]) -> forms.Form:
    return forms.Form({**values, "version": versions.of(values)})
