"""What the forms of a campaign's news and dates have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel
from sqlmodel import Session

from models import Campaign, CampaignEvent, CampaignUpdate
from models.base import new_id
from services.assembly import Lobby
from services.campaigns import campaigns
from services.errors import Conflict, Invalid, NotFound
from web.base import forms
from web.base.desk import Desk
from web.base.rendering import see_other
from web.organisers.builder import step_forms, versions

NEWS = "/organiser/campaigns/{slug}/news"
DATES = "/organiser/campaigns/{slug}/dates"
NOTICES = {
    "published": "Your update is published.",
    "scheduled": "Your update is saved. It’s published at the time you chose.",
    "added": "The date is added.",
    "saved": "Your changes are saved.",
    "deleted": "It’s deleted.",
}
PREVIEW = "preview"
"""The value of the button that shows how an entry will look."""
Done = Annotated[str, Query(max_length=20)]
EntryT = TypeVar("EntryT", CampaignUpdate, CampaignEvent)
FormPage = Callable[[forms.Form, UUID | None, int], Response]
"""Renders the form of an entry, or with None for a new one, with a status."""


class DeleteFields(BaseModel):
    """The version of what the page has shown."""

    version: str = ""


@dataclass(frozen=True, slots=True)
class EntryKind(Generic[EntryT]):
    """News or dates. `what` is the word for one of them, `path` the address of all of them.

    `get` raises NotFound for an entry of another campaign. `shown` returns the values as a form
    shows them, `text` the entry's text.
    """

    what: str
    path: str
    get: Callable[[Session, Campaign, UUID], EntryT]
    shown: Callable[[EntryT], dict[str, str]]
    text: Callable[[EntryT], str]
    delete: Callable[[Session, EntryT], None]

    def own(self, session: Session, desk: Desk, slug: str, entry_id: UUID) -> EntryT:
        """Returns an entry of a campaign of the organisation. Raises NotFound for any other."""
        campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
        return self.get(session, campaign, entry_id)


def list_of(slug: str, done: str) -> str:
    """Returns the address of the list, which then says what was done."""
    return f"{NEWS.format(slug=slug)}?done={done}"


def answer(
    act: Callable[[], Response],
    page: FormPage,
    form: forms.Form,
    entry_id: UUID | None,
    typed: dict[str, Any] | None = None,
) -> Response:
    """Saves or previews by `act`, or shows the form again with problems or a colleague's text.

    The text of an entry that a colleague has deleted meanwhile is shown as a new one.
    """
    try:
        return act()
    except (Invalid, Conflict) as error:
        return page(form, entry_id, step_forms.note(form, error, typed))
    except NotFound as error:
        return page(as_new(form, error), None, step_forms.CONFLICT)


def as_new(form: forms.Form, error: NotFound) -> forms.Form:
    """Returns a form for a new entry with the texts of one that a colleague has deleted.

    Raises the error where nothing was typed, or where it is about something else.
    """
    is_deleted = error.code in ("update_unknown", "event_unknown")
    if not is_deleted or not form.value("title").strip():
        raise error
    form.put(id=str(new_id()), version="")
    message = "A colleague deleted this while you were writing. Your text is still here."
    form.note(Invalid.field("", error.code, message))
    return form


def delete_page(
    kind: EntryKind[EntryT],
    session: Session,
    desk: Desk,
    slug: str,
    entry_id: UUID,
    error: Conflict | None = None,
) -> Response:
    """Shows an entry once more before it is deleted, perhaps with why it was not."""
    campaign = campaigns.own(session, slug, organisation_id=desk.organisation_id)
    entry = kind.get(session, campaign, entry_id)
    form = forms.Form({"version": versions.of(kind.shown(entry))})
    if error:
        form.note(error)
    return desk.page(
        "organisers/news/delete.html",
        status=step_forms.CONFLICT if error else 200,
        campaign=campaign,
        title=entry.title,
        body=kind.text(entry),
        what=kind.what,
        path=f"{kind.path.format(slug=slug)}/{entry.id}",
        form=form,
    )


def delete(
    kind: EntryKind[EntryT], lobby: Lobby, desk: Desk, slug: str, entry_id: UUID, version: str
) -> Response:
    """Deletes an entry for good. If a colleague has changed it, asks again."""
    try:
        with lobby.database.write() as session:
            campaign = campaigns.own_locked(session, slug, organisation_id=desk.organisation_id)
            entry = kind.get(session, campaign, entry_id)
            _require_version(version, kind.shown(entry))
            kind.delete(session, entry)
    except Conflict as error:
        with lobby.database.read() as session:
            return delete_page(kind, session, desk, slug, entry_id, error)
    return see_other(list_of(slug, "deleted"))


def _require_version(given: str, current: versions.Values) -> None:
    """Raises Conflict unless a page has shown these values."""
    if given != versions.of(current):
        message = "A colleague changed this meanwhile. Read it again before you delete it."
        raise Conflict("changed_by_colleague", message)
