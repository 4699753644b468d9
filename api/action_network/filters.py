"""The query `filter`: the part of OData that clients of Action Network use."""

import re
from collections.abc import Callable, Iterator
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
_ADDRESS = ("email_address", "email")  # pyactionnetwork uses the second name
LONGEST = 500
NOT_GIVEN = "None"
"""Clients in Python send it for what their caller leaves out."""

Total = Callable[[], int | None]
"""Counts a list; None if that would take long."""


def _not_counted() -> None:
    """Counts nothing."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that must all hold. `email` is not normalised."""

    bounds: tuple[TimeBound, ...] = ()
    email: str | None = None

    def total(self, of_all: Total) -> Total:
        """Returns what counts a list: nothing does with a condition, since no index has its rows.

        The page that turns out to be the last one has its total all the same.
        """
        return _not_counted if self.bounds or self.email is not None else of_all


def _by_time(filter: str = "") -> Filter:  # noqa: A002 - the parameter's name
    query = _read(filter)
    if query.email is not None:
        raise _unsupported("People alone are found by address.")
    return query


def _by_time_or_address(filter: str = "") -> Filter:  # noqa: A002 - the parameter's name
    return _read(filter)


TimeFilter = Annotated[Filter, Depends(_by_time)]
PeopleFilter = Annotated[Filter, Depends(_by_time_or_address)]


def _read(text: str) -> Filter:
    bounds: list[TimeBound] = []
    email = None
    text = "" if text == NOT_GIVEN else text
    for name, operator, value in _terms(text):
        if name in _ADDRESS and operator == "eq" and email is None:
            email = value
        elif name in _STAMPS and operator in _TIMES:
            bounds.append(_bound(_STAMPS[name], operator, value))
        else:
            raise _unsupported("")
    return Filter(tuple(bounds), email)


def _terms(text: str) -> Iterator[tuple[str, str, str]]:
    """Yields the name, operator and value of each condition."""
    if len(text) > LONGEST:
        raise _unsupported("It is too long.")
    rest = text
    while rest.strip():
        term = _TERM.match(rest)
        if term is None:
            raise _unsupported("It is malformed.")
        value = term[3]
        if value.startswith("'"):
            value = value[1:-1].replace("''", "'")
        yield term[1].lower(), term[2].lower(), value
        rest = rest[term.end() :]
        if rest:
            joined = _AND.match(rest)
            if joined is None or not rest[joined.end() :].strip():
                raise _unsupported("It is malformed.")
            rest = rest[joined.end() :]


def _bound(stamp: TimeField, operator: str, value: str) -> TimeBound:
    return TimeBound(stamp, operator in ("gt", "ge"), operator in ("ge", "le"), _moment(value))


def _moment(text: str) -> datetime:
    """Parses a day or a time. Without a time zone, it is in UTC."""
    if "T" in text:  # an unencoded + arrives as a space
        text = text.replace(" ", "+")
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _unsupported("Give times as 2026-05-03 or 2026-05-03T12:00:00Z.") from None


def _unsupported(why: str) -> Invalid:
    """Leaves the filter out of the message: it may contain an email address."""
    message = (
        "This filter is not supported. Known are modified_date and created_date with gt, ge, lt or "
        "le, of people also email_address eq, joined by 'and'."
    )
    return Invalid.field("filter", "filter_unsupported", f"{why} {message}".strip())
