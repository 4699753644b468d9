"""Pages on which organisers write a campaign's news, with a preview, change and delete it."""

from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Annotated, Any
from uuid import UUID

from fastapi import Form, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from models import Campaign, CampaignUpdate
from models.base import new_id
from services.campaigns import campaigns, entry_texts, events, news
from services.common import times
from services.errors import Invalid
from web.base import forms
from web.base.desk import Desk, EditorDesk
from web.base.rendering import see_other
from web.organisers import entry_forms
from web.organisers.builder import versions
from web.organisers.builder.step_forms import OwnFields
from web.organisers.entry_forms import NEWS, PREVIEW, DeleteFields, Done, EntryKind

NEW, ONE = f"{NEWS}/new", NEWS + "/{update_id}"
router = Router()


class UpdateFields(OwnFields):
    """The fields as sent. `when` is 'now' or 'later'; `day` and `time` are those in London."""

    title: str = ""
    body: str = ""
    when: str = "now"
    day: str = ""
    time: str = ""
    do: str = ""


Fields = Annotated[UpdateFields, Form()]


@router.get(NEWS)
def list_entries(
    slug: Slug, desk: EditorDesk, session: ReadSession, now: Now, done: Done = ""
) -> Response:
    """Lists the news and the dates of a campaign."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    dates, today = events.of_campaign(session, campaign), times.today(now)
    return desk.page(
        "organisers/news/list.html",
        campaign=campaign,
        updates=news.of_campaign(session, campaign),
        coming=[event for event in dates if event.day >= today],
        past=[event for event in reversed(dates) if event.day < today],
        notice=entry_forms.NOTICES.get(done),
        now=now,
    )


@router.get(NEW)
def ask_for_new(slug: Slug, desk: EditorDesk, session: ReadSession, now: Now) -> Response:
    """Shows an empty form."""
    return _page(desk, session, slug, now, forms.Form({"id": new_id(), "when": "now"}), None)


@router.post(NEW)
def add(
    slug: Slug, fields: Fields, desk: EditorDesk, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Publishes news at once or at a time, or shows it as it will look."""
    update_id = fields.id or new_id()
    form = forms.Form(fields.model_dump() | {"id": update_id})
    page = partial(_page, desk, session, slug, now)

    def act() -> Response:
        values = _checked(form, None, now=now)
        if fields.do == PREVIEW:
            return page(form, None, preview=values)
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            news.add(writing, campaign, **values, now=now, update_id=update_id)
        is_later = values["published_at"] > now
        return see_other(entry_forms.list_of(slug, "scheduled" if is_later else "published"))

    return entry_forms.answer(act, page, form, None)


@router.get(ONE)
def show(slug: Slug, update_id: UUID, desk: EditorDesk, session: ReadSession, now: Now) -> Response:
    """Shows news in a form."""
    values = shown(ENTRIES.own(session, desk, slug, update_id))
    form = forms.Form({**values, "when": "later", "version": versions.of(values)})
    return _page(desk, session, slug, now, form, update_id)


@router.post(ONE)
def save(
    slug: Slug,
    update_id: UUID,
    fields: Fields,
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Saves changes, or shows the form again: with its problems, or with a colleague's text."""
    form, typed = forms.Form(fields.model_dump()), fields.model_dump()
    page = partial(_page, desk, session, slug, now)

    def act() -> Response:
        if fields.do == PREVIEW:
            update = ENTRIES.own(session, desk, slug, update_id)
            return page(form, update_id, preview=_checked(form, update, now=now))
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            update = _get(writing, campaign, update_id)
            current = shown(update)
            if update.published_at <= now or fields.when == "now":
                typed.update(day=current["day"], time=current["time"])
            versions.require(fields.version, current, typed)
            news.change(writing, update, values=_checked(form, update, now=now), now=now)
        return see_other(entry_forms.list_of(slug, "saved"))

    return entry_forms.answer(act, page, form, update_id, typed)


@router.get(f"{ONE}/delete")
def ask_to_delete(slug: Slug, update_id: UUID, desk: EditorDesk, session: ReadSession) -> Response:
    """Shows news once more before it is deleted."""
    return entry_forms.delete_page(ENTRIES, session, desk, slug, update_id)


@router.post(f"{ONE}/delete")
def delete(
    slug: Slug,
    update_id: UUID,
    fields: Annotated[DeleteFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
) -> Response:
    """Deletes news for good. If a colleague has changed it, asks again."""
    return entry_forms.delete(ENTRIES, lobby, desk, slug, update_id, fields.version)


def shown(update: CampaignUpdate) -> dict[str, str]:
    """Returns the values of news as the form shows them."""
    local = update.published_at.astimezone(times.LONDON)
    return {
        "title": update.title,
        "body": update.body,
        "day": local.date().isoformat(),
        "time": f"{local:%H:%M}",
    }


def _checked(form: forms.Form, update: CampaignUpdate | None, *, now: datetime) -> dict[str, Any]:
    """Returns the values to keep. The time of published news stays. Raises Invalid."""
    values: dict[str, Any] = {
        "title": form.check("title", entry_texts.title, missing="Enter a title."),
        "body": form.check("body", entry_texts.news, missing="Write what’s new."),
    }
    if update is None or update.published_at > now:
        values["published_at"] = _published_at(form, now)
    form.finish()
    return values


def _published_at(form: forms.Form, now: datetime) -> datetime:
    """Returns when to publish. Collects the problems of a day and a time."""
    if form.value("when") != "later":
        return now
    try:
        at = entry_texts.moment(form.value("day"), form.value("time"))
        if at > now:
            return at
        message = "This is in the past. Choose a later time, or publish it now."
        form.collect(Invalid.field("day", "in_the_past", message))
    except Invalid as error:
        form.collect(error)
    return now


def _get(session: Session, campaign: Campaign, update_id: UUID) -> CampaignUpdate:
    return news.get(session, campaign, update_id, published_by=None)


def _page(
    desk: Desk,
    session: Session,
    slug: str,
    now: datetime,
    form: forms.Form,
    update_id: UUID | None,
    status: int = 200,
    *,
    preview: dict[str, Any] | None = None,
) -> Response:
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    update = _get(session, campaign, update_id) if update_id else None
    return desk.page(
        "organisers/news/update.html",
        status=status,
        campaign=campaign,
        update=update,
        is_published=update is not None and update.published_at <= now,
        form=form,
        preview=preview,
        now=now,
    )


ENTRIES = EntryKind(
    what="update",
    path=NEWS,
    get=_get,
    shown=shown,
    text=attrgetter("body"),
    delete=news.delete,
)
