"""Dates and times in bodies, as texts only."""

from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

from services.common import texts
from services.errors import Invalid


def _parse_day(value: Any) -> Any:
    """Refuses a number, which pydantic would take for seconds since 1970."""
    if isinstance(value, date):
        return value
    try:
        return texts.day(value if isinstance(value, str) else "", "day")
    except Invalid as error:
        raise PydanticCustomError("day_malformed", error.message) from error


def _require_text(value: Any) -> Any:
    if not isinstance(value, str):
        message = "Give a moment with its offset, such as 2026-05-03T12:00:00+01:00."
        raise PydanticCustomError("moment_malformed", message)
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_require_text)]
Day = Annotated[date, BeforeValidator(_parse_day)]
