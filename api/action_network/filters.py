"""The parameter `filter`: as much of OData as clients of Action Network use."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends

from services.database.time_windows import TimeBound, TimeField
from services.errors import Invalid

_TERM = re.compile(r"\s*(\w+)\s+(\w+)\s+('(?:[^']|'')*'|[^\s']+)\s*")
_AND = re.compile(r"and\b", re.IGNORECASE)
_STAMPS = {"created_date": TimeField.CREATED, "modified_date": TimeField.MODIFIED}
_TIMES = ("gt", "ge", "lt", "le")
# The older client pyactionnetwork calls it so.
_ADDRESS = ("email_address", "email")
LONGEST = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """All of it holds. `email` is as it was given."""

    bounds: tuple[TimeBound, ...] = ()
    email: str | None = None


def _by_time(filter: str = "") -> Filter:  # noqa: A002 - the parameter's name
    found = _read(filter)
    if found.email is not None:
        raise _unsupported("People alone are found by address.")
    return found


def _by_time_or_address(filter: str = "") -> Filter:  # noqa: A002 - the parameter's name
    return _read(filter)


TimeFilter = Annotated[Filter, Depends(_by_time)]
PeopleFilter = Annotated[Filter, Depends(_by_time_or_address)]


def _read(text: str) -> Filter:
    bounds: list[TimeBound] = []
    email = None
    for name, operator, value in _terms(text):
        if name in _ADDRESS and operator == "eq" and email is None:
            email = value
        elif name in _STAMPS and operator in _TIMES:
            bounds.append(_bound(_STAMPS[name], operator, value))
        else:
            raise _unsupported("")
    return Filter(tuple(bounds), email)


def _terms(text: str) -> Iterator[tuple[str, str, str]]:
    """Name, operator and value of each part."""
    if len(text) > LONGEST:
        raise _unsupported("It is too long.")
    rest = text
    while rest.strip():
        found = _TERM.match(rest)
        if found is None:
            raise _unsupported("It is malformed.")
        value = found[3]
        if value.startswith("'"):
            value = value[1:-1].replace("''", "'")
        yield found[1].lower(), found[2].lower(), value
        rest = rest[found.end() :]
        if rest:
            joined = _AND.match(rest)
            if joined is None or not rest[joined.end() :].strip():
                raise _unsupported("It is malformed.")
            rest = rest[joined.end() :]


def _bound(stamp: TimeField, operator: str, value: str) -> TimeBound:
    return TimeBound(stamp, operator in ("gt", "ge"), operator in ("ge", "le"), _moment(value))


def _moment(text: str) -> datetime:
    """A day or a time; in UTC where it has no zone."""
    if "T" in text:  # a + that was not encoded comes as a space
        text = text.replace(" ", "+")
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _unsupported("Give times as 2026-05-03 or 2026-05-03T12:00:00Z.") from None


def _unsupported(why: str) -> Invalid:
    """Without what was given: it may be somebody's address."""
    message = (
        "This filter is not supported. Known are modified_date and created_date with gt, ge, lt or "
        "le, of people also email_address eq, joined by 'and'."
    )
    return Invalid.field("filter", "filter_unsupported", f"{why} {message}".strip())
