"""Refuses names in a query that a call does not know, and says which one was meant.

A filter whose name is mistyped would select nothing, and the answer would be taken for another.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import Depends, Request

from api.http.errors import LONGEST_NAME, MOST_ERRORS
from services.common.nearest import hint
from services.errors import FieldError, Invalid


async def _refuse_unknown(request: Request) -> None:  # async: tallies are read often
    if not request.query_params:
        return
    known = frozenset(_names(request.scope["route"].dependant))
    unknown = [name for name in request.query_params if name not in known][:MOST_ERRORS]
    if unknown:
        faults = tuple(_fault(name[:LONGEST_NAME], known) for name in unknown)
        names = ", ".join(fault.field for fault in faults)
        raise Invalid("invalid", f"This call knows no query {names}.{_only_hint(faults)}", faults)


KNOWN_NAMES = Depends(_refuse_unknown)
"""A dependency of calls that list and filter. Others ignore what they do not know."""


def _names(dependant: Any) -> Iterator[str]:
    for parameter in dependant.query_params:
        yield parameter.alias
    for part in dependant.dependencies:
        yield from _names(part)


def _fault(name: str, known: frozenset[str]) -> FieldError:
    message = f"This call has no such name in its query.{hint(name, known)}"
    return FieldError(name, "unknown_field", message)


def _only_hint(faults: tuple[FieldError, ...]) -> str:
    _, _, question = faults[0].message.partition(". ")
    return f" {question}" if question and len(faults) == 1 else ""
