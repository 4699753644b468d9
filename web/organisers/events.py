"""Pages on which organisers add, change and delete the dates of a campaign."""

from datetime import date, datetime
from functools import partial
from operator import attrgetter
from typing import Annotated, Any
from uuid import UUID

from fastapi import Form, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import CampaignEvent, EventKind
from models.base import new_id
from services.campaigns import campaigns, entry_texts, events
from services.common import times
from services.errors import Invalid
from web.base import forms
from web.base.desk import Desk, EditorDesk
from web.base.rendering import see_other
from web.base.words import EVENT_KINDS
from web.organisers import entry_forms
from web.organisers.builder import versions
from web.organisers.builder.step_forms import OwnFields
from web.organisers.entry_forms import DATES, PREVIEW, DeleteFields, EntryKind

NEW, ONE = f"{DATES}/new", DATES + "/{event_id}"
router = Router()


class EventFields(OwnFields):
    """The fields as sent. Without a `time`, it has the whole day. Both are those in London."""

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
    return _page(desk, session, slug, forms.Form({"id": new_id()}), None)


@router.post(NEW)
def add(
    slug: Slug, fields: Fields, desk: EditorDesk, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Adds a date, or shows it as it will look."""
    event_id = fields.id or new_id()
    form = forms.Form(fields.model_dump() | {"id": event_id})
    page = partial(_page, desk, session, slug)

    def act() -> Response:
        values = _checked(form)
        if fields.do == PREVIEW:
            return page(form, None, preview=values)
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            events.add(writing, campaign, values=values | {"id": event_id}, now=now)
        return see_other(entry_forms.list_of(slug, "added"))

    return entry_forms.answer(act, page, form, None)


@router.get(ONE)
def show(slug: Slug, event_id: UUID, desk: EditorDesk, session: ReadSession) -> Response:
    """Shows a date in a form."""
    values = shown(ENTRIES.own(session, desk, slug, event_id))
    form = forms.Form({**values, "version": versions.of(values)})
    return _page(desk, session, slug, form, event_id)


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
    page = partial(_page, desk, session, slug)

    def act() -> Response:
        if fields.do == PREVIEW:
            ENTRIES.own(session, desk, slug, event_id)
            return page(form, event_id, preview=_checked(form))
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            event = events.get(writing, campaign, event_id)
            versions.require(fields.version, shown(event), typed)
            events.change(writing, event, values=_checked(form), now=now)
        return see_other(entry_forms.list_of(slug, "saved"))

    return entry_forms.answer(act, page, form, event_id, typed)


@router.get(f"{ONE}/delete")
def ask_to_delete(slug: Slug, event_id: UUID, desk: EditorDesk, session: ReadSession) -> Response:
    """Shows a date once more before it is deleted."""
    return entry_forms.delete_page(ENTRIES, session, desk, slug, event_id)


@router.post(f"{ONE}/delete")
def delete(
    slug: Slug,
    event_id: UUID,
    fields: Annotated[DeleteFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
) -> Response:
    """Deletes a date for good. If a colleague has changed it, asks again."""
    return entry_forms.delete(ENTRIES, lobby, desk, slug, event_id, fields.version)


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


def _page(
    desk: Desk,
    session: Session,
    slug: str,
    form: forms.Form,
    event_id: UUID | None,
    status: int = 200,
    *,
    preview: dict[str, Any] | None = None,
) -> Response:
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    return desk.page(
        "organisers/news/event.html",
        status=status,
        campaign=campaign,
        event=events.get(session, campaign, event_id) if event_id else None,
        form=form,
        kinds={kind.value: words for kind, words in EVENT_KINDS.items()},
        preview=preview,
    )


ENTRIES = EntryKind(
    what="date",
    path=DATES,
    get=events.get,
    shown=shown,
    text=attrgetter("text"),
    delete=events.delete,
)
