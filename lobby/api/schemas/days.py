"""Days in bodies."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _as_written(value: Any) -> Any:
    """Pydantic would take a number for seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    message = "Give a day as year, month and day, such as 2026-05-03."
    raise PydanticCustomError("day_malformed", message)


Day = Annotated[date, BeforeValidator(_as_written)]
