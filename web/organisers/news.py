"""The news of a campaign at the desk: writing it, with a preview, changing and deleting it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Response
from pydantic import BaseModel
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from models import CampaignUpdate
from models.base import new_id
from services.campaigns import campaigns, entry_texts, events, news
from services.common import times
from services.errors import Conflict, Invalid, NotFound
from web.base import forms
from web.base.desk import Desk, EditorDesk
from web.base.rendering import see_other
from web.organisers import entry_forms
from web.organisers.builder import step_forms, versions
from web.organisers.entry_forms import NEWS, PREVIEW, DeleteFields, Done

NEW, ONE = f"{NEWS}/new", NEWS + "/{update_id}"
router = APIRouter()


class UpdateFields(BaseModel):
    """The fields as sent. `when` is 'now' or 'later'; `day` and `time` are those in London.

    New news has the `id` that was chosen when its form was shown.
    """

    id: UUID | None = None
    version: str = ""
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
        session,
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
    return _page(desk, session, slug, None, forms.Form({"id": new_id(), "when": "now"}), now)


@router.post(NEW)
def add(
    slug: Slug, fields: Fields, desk: EditorDesk, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Publishes news at once or at a time, or shows it as it will look."""
    update_id = fields.id or new_id()
    form = forms.Form(fields.model_dump() | {"id": update_id})
    if fields.do == PREVIEW:
        return _preview(desk, session, slug, None, form, now)
    try:
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            values = {"published_at": now} | _checked(form, None, now=now)
            news.add(writing, campaign, **values, now=now, update_id=update_id)
    except Invalid as error:
        status = step_forms.note(form, error)
        return _page(desk, session, slug, None, form, now, status=status)
    is_later = values["published_at"] > now
    return see_other(entry_forms.list_of(slug, "scheduled" if is_later else "published"))


@router.get(ONE)
def show(slug: Slug, update_id: UUID, desk: EditorDesk, session: ReadSession, now: Now) -> Response:
    """Shows news in a form."""
    values = shown(_own(desk, session, slug, update_id))
    form = forms.Form({**values, "when": "later", "version": versions.of(values)})
    return _page(desk, session, slug, update_id, form, now)


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
    try:
        if fields.do == PREVIEW:
            return _preview(desk, session, slug, update_id, form, now)
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            update = news.get(writing, campaign, update_id, published_by=None)
            current = shown(update)
            if update.published_at <= now or fields.when == "now":
                typed |= {"day": current["day"], "time": current["time"]}
            versions.require(fields.version, current, typed)
            news.change(writing, update, values=_checked(form, update, now=now), now=now)
    except (Invalid, Conflict) as error:
        status = step_forms.note(form, error, typed)
        return _page(desk, session, slug, update_id, form, now, status=status)
    except NotFound as error:
        form = entry_forms.as_new(form, error)
        return _page(desk, session, slug, None, form, now, status=409)
    return see_other(entry_forms.list_of(slug, "saved"))


@router.get(f"{ONE}/delete")
def ask_to_delete(slug: Slug, update_id: UUID, desk: EditorDesk, session: ReadSession) -> Response:
    """Shows news once more before it is deleted."""
    return _delete_page(desk, session, slug, update_id, forms.Form())


@router.post(f"{ONE}/delete")
def delete(
    slug: Slug,
    update_id: UUID,
    fields: Annotated[DeleteFields, Form()],
    desk: EditorDesk,
    lobby: TheLobby,
    session: ReadSession,
) -> Response:
    """Deletes news for good. If a colleague has changed it, asks again."""
    try:
        with lobby.database.write() as writing:
            campaign = campaigns.own_locked(writing, slug, organisation_id=desk.organisation_id)
            update = news.get(writing, campaign, update_id, published_by=None)
            entry_forms.require_version(fields.version, shown(update))
            news.delete(writing, update)
    except Conflict as error:
        form = forms.Form()
        form.note(error)
        return _delete_page(desk, session, slug, update_id, form, status=409)
    return see_other(entry_forms.list_of(slug, "deleted"))


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


def _own(desk: Desk, session: Session, slug: str, update_id: UUID) -> CampaignUpdate:
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    return news.get(session, campaign, update_id, published_by=None)


def _preview(
    desk: Desk, session: Session, slug: str, update_id: UUID | None, form: forms.Form, now: datetime
) -> Response:
    update = _own(desk, session, slug, update_id) if update_id else None
    try:
        values = _checked(form, update, now=now)
    except Invalid as error:
        status = step_forms.note(form, error)
        return _page(desk, session, slug, update_id, form, now, status=status)
    return _page(desk, session, slug, update_id, form, now, preview=values)


def _page(
    desk: Desk,
    session: Session,
    slug: str,
    update_id: UUID | None,
    form: forms.Form,
    now: datetime,
    *,
    status: int = 200,
    preview: dict[str, Any] | None = None,
) -> Response:
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    update = _own(desk, session, slug, update_id) if update_id else None
    return desk.page(
        "organisers/news/update.html",
        session,
        status=status,
        campaign=campaign,
        update=update,
        is_published=update is not None and update.published_at <= now,
        form=form,
        preview=preview,
        now=now,
    )


def _delete_page(
    desk: Desk,
    session: Session,
    slug: str,
    update_id: UUID,
    form: forms.Form,
    *,
    status: int = 200,
) -> Response:
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    update = news.get(session, campaign, update_id, published_by=None)
    form.put(version=versions.of(shown(update)))
    return desk.page(
        "organisers/news/delete.html",
        session,
        status=status,
        campaign=campaign,
        title=update.title,
        body=update.body,
        what="update",
        path=f"{NEWS.format(slug=slug)}/{update.id}",
        form=form,
    )
