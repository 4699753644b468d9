"""Days in bodies."""

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from lobby.services import texts
from lobby.services.errors import Invalid


def _as_written(value: Any) -> Any:
    """Pydantic would take a number for seconds since 1970."""
    if isinstance(value, date):
        return value
    try:
        return texts.day(value if isinstance(value, str) else "", "day")
    except Invalid as error:
        raise PydanticCustomError("day_malformed", error.message) from error


Day = Annotated[date, BeforeValidator(_as_written)]
