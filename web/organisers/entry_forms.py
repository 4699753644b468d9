"""What the forms of a campaign's news and dates have in common."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from models.base import new_id
from services.errors import Conflict, Invalid, NotFound
from web.base import forms
from web.organisers.builder import versions

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


class DeleteFields(BaseModel):
    """The version of what the page has shown."""

    version: str = ""


def list_of(slug: str, done: str) -> str:
    """Returns the address of the list, which then says what was done."""
    return f"{NEWS.format(slug=slug)}?done={done}"


def require_version(given: str, current: versions.Values) -> None:
    """Raises Conflict unless a page has shown these values."""
    if given != versions.of(current):
        message = "A colleague changed this meanwhile. Read it again before you delete it."
        raise Conflict("changed_by_colleague", message)


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
