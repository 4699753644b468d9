"""The dates of a campaign at the desk: adding, changing and deleting them."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from models import CampaignEvent, EventKind
from models.base import new_id
from services.campaigns import campaigns, entry_texts, events
from services.common import times
from services.errors import Conflict, Invalid, NotFound
from web.base import forms
from web.base.desk import Desk, EditorDesk
from web.base.rendering import see_other
from web.base.words import EVENT_KINDS
from web.organisers import entry_forms
from web.organisers.builder import step_forms, versions
from web.organisers.entry_forms import DATES, PREVIEW, DeleteFields

NEW, ONE = f"{DATES}/new", DATES + "/{event_id}"
router = APIRouter()


class EventFields(BaseModel):
    """The fields as sent. Without a `time`, it has the whole day. Both are those in London.

    A new date has the `id` that was chosen when its form was shown.
    """

    id: UUID | None = None
    version: str = ""
    kind: str = ""
    title: str = ""
    day: str = ""
    time: str = ""
    place: str = ""
    link: str = ""
    text: str = ""
    do: str = ""


Fields = Annotated[EventFields, Form()]


@router.get(NEW)
def ask_for_new(slug: Slug, desk: EditorDesk, session: ReadSession) -> Response:
    """Shows an empty form."""
    return _page(desk, session, slug, None, forms.Form({"id": new_id()}))


@router.post(NEW)
def add(
    slug: Slug, fields: Fields, desk: EditorDesk, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Adds a date, or shows it as it will look."""
    event_id = fields.id or new_id()
    form = forms.Form(fields.model_dump() | {"id": event_id})
    if fields.do == PREVIEW:
        return _preview(desk, session, slug, None, form)
    try:
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            events.add(writing, campaign, values=_checked(form) | {"id": event_id}, now=now)
    except Invalid as error:
        status = step_forms.note(form, error)
        return _page(desk, session, slug, None, form, status=status)
    return see_other(entry_forms.list_of(slug, "added"))


@router.get(ONE)
def show(slug: Slug, event_id: UUID, desk: EditorDesk, session: ReadSession) -> Response:
    """Shows a date in a form."""
    values = shown(_own(desk, session, slug, event_id))
    form = forms.Form({**values, "version": versions.of(values)})
    return _page(desk, session, slug, event_id, form)


@router.post(ONE)
def save(
    slug: Slug,
    event_id: UUID,
    fields: Fields,
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Saves changes, or shows the form again: with its problems, or with a colleague's text."""
    form, typed = forms.Form(fields.model_dump()), fields.model_dump()
    try:
        if fields.do == PREVIEW:
            return _preview(desk, session, slug, event_id, form)
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            event = events.get(writing, campaign, event_id)
            versions.require(fields.version, shown(event), typed)
            events.change(writing, event, values=_checked(form), now=now)
    except (Invalid, Conflict) as error:
        status = step_forms.note(form, error, typed)
        return _page(desk, session, slug, event_id, form, status=status)
    except NotFound as error:
        form = entry_forms.as_new(form, error)
        return _page(desk, session, slug, None, form, status=409)
    return see_other(entry_forms.list_of(slug, "saved"))


@router.get(f"{ONE}/delete")
def ask_to_delete(slug: Slug, event_id: UUID, desk: EditorDesk, session: ReadSession) -> Response:
    """Shows a date once more before it is deleted."""
    return _delete_page(desk, session, slug, event_id, forms.Form())


@router.post(f"{ONE}/delete")
def delete(
    slug: Slug,
    event_id: UUID,
    fields: Annotated[DeleteFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
) -> Response:
    """Deletes a date for good. If a colleague has changed it, asks again."""
    try:
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            event = events.get(writing, campaign, event_id)
            entry_forms.require_version(fields.version, shown(event))
            events.delete(writing, event)
    except Conflict as error:
        form = forms.Form()
        form.note(error)
        return _delete_page(desk, session, slug, event_id, form, status=409)
    return see_other(entry_forms.list_of(slug, "deleted"))


def shown(event: CampaignEvent) -> dict[str, str]:
    """Returns the values of a date as the form shows them."""
    at = event.starts_at.astimezone(times.LONDON) if event.starts_at else None
    return {
        "kind": event.kind.value,
        "title": event.title,
        "day": event.day.isoformat(),
        "time": f"{at:%H:%M}" if at else "",
        "place": event.place,
        "link": event.link or "",
        "text": event.text,
    }


def _checked(form: forms.Form) -> dict[str, Any]:
    """Returns the values to keep. Raises Invalid."""
    values: dict[str, Any] = {
        "kind": form.check("kind", entry_texts.kind, missing="Choose what happens."),
        "title": form.check("title", entry_texts.title, missing="Enter a title."),
        **_when(form),
        "place": form.check("place", entry_texts.place, missing=""),
        "link": form.check("link", entry_texts.link, missing="") or None,
        "text": form.check("text", entry_texts.text, missing=""),
    }
    form.finish()
    return values | {"kind": EventKind(values["kind"])}


def _when(form: forms.Form) -> dict[str, date | datetime]:
    """Returns a `day`, or a moment as `starts_at`. Collects their problems."""
    try:
        if form.value("time").strip():
            return {"starts_at": entry_texts.moment(form.value("day"), form.value("time"))}
        return {"day": entry_texts.day(form.value("day"))}
    except Invalid as error:
        form.collect(error)
        return {}


def _own(desk: Desk, session: Session, slug: str, event_id: UUID) -> CampaignEvent:
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    return events.get(session, campaign, event_id)


def _preview(
    desk: Desk, session: Session, slug: str, event_id: UUID | None, form: forms.Form
) -> Response:
    if event_id:
        _own(desk, session, slug, event_id)
    try:
        values = _checked(form)
    except Invalid as error:
        status = step_forms.note(form, error)
        return _page(desk, session, slug, event_id, form, status=status)
    return _page(desk, session, slug, event_id, form, preview=values)


def _page(
    desk: Desk,
    session: Session,
    slug: str,
    event_id: UUID | None,
    form: forms.Form,
    *,
    status: int = 200,
    preview: dict[str, Any] | None = None,
) -> Response:
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    return desk.page(
        "organisers/news/event.html",
        session,
        status=status,
        campaign=campaign,
        event=_own(desk, session, slug, event_id) if event_id else None,
        form=form,
        kinds={kind.value: words for kind, words in EVENT_KINDS.items()},
        preview=preview,
    )


def _delete_page(
    desk: Desk,
    session: Session,
    slug: str,
    event_id: UUID,
    form: forms.Form,
    *,
    status: int = 200,
) -> Response:
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    event = events.get(session, campaign, event_id)
    form.put(version=versions.of(shown(event)))
    return desk.page(
        "organisers/news/delete.html",
        session,
        status=status,
        campaign=campaign,
        title=event.title,
        body=event.text,
        what="date",
        path=f"{DATES.format(slug=slug)}/{event.id}",
        form=form,
    )
