"""What the forms of the builder have in common."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from services.errors import Conflict, Invalid
from web.base.forms import Form
from web.organisers.builder import versions
from web.organisers.builder.versions import ChangedByColleague

CONFLICT, UNPROCESSABLE = 409, 422


class OwnFields(BaseModel):
    """What every form of a row sends.

    A new row has the `id` that was chosen when its form was shown: a form that is sent twice adds
    one row. The form of an old one has the `version` of the values that it showed.
    """

    id: UUID | None = None
    version: str = ""


def note(
    form: Form,
    error: Invalid | Conflict,
    typed: Mapping[str, Any] | None = None,
    *,
    field_of_conflict: str = "",
) -> int:
    """Puts an error into a form, and returns the status with which to show it again.

    `typed` are the values that were sent. A conflict over an address that is taken or final is
    shown at `field_of_conflict`.
    """
    if isinstance(error, ChangedByColleague):
        versions.note(form, error, typed or {})
        return CONFLICT
    if isinstance(error, Invalid):
        form.note(error)
        return UNPROCESSABLE
    is_about_address = error.code in ("exists_already", "address_final")
    field = field_of_conflict if is_about_address else ""
    form.note(Invalid.field(field, error.code, error.message))
    return CONFLICT
