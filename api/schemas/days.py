"""Dates and times in bodies, as texts only."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

from services.campaigns.entry_texts import FIRST_YEAR, LAST_YEAR
from services.common import texts
from services.errors import Invalid

When = TypeVar("When", date, datetime)


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


def _near(value: When) -> When:
    """Refuses what is surely a slip, and what calendars and London's time cannot express."""
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        years = {"first": FIRST_YEAR, "last": LAST_YEAR}
        raise PydanticCustomError("year_out_of_range", "Give a year from {first} to {last}.", years)
    return value


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Moment = Annotated[AwareDatetime, BeforeValidator(_require_text)]
Day = Annotated[date, BeforeValidator(_parse_day)]
# Days and moments of a campaign.
NearMoment = Annotated[Moment, AfterValidator(_near), AfterValidator(_in_utc)]
NearDay = Annotated[Day, AfterValidator(_near)]
