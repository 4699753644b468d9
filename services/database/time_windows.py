"""Conditions on when rows were created or modified, for clients that copy data elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

ModifiedAfter = Callable[[datetime, bool], sa.ColumnElement[bool]]
"""Makes the condition that a row was modified after a moment, or, with True, at it or after it."""


class TimeField(StrEnum):
    """The time of a row that a bound applies to."""

    CREATED = "created"
    MODIFIED = "modified"


@dataclass(frozen=True, slots=True)
class TimeBound:
    """One end of a span of time.

    Rows after `moment` match if `is_after`, rows before it otherwise. Rows at exactly that moment
    match if `is_inclusive`.
    """

    field: TimeField
    is_after: bool
    is_inclusive: bool
    moment: datetime


@dataclass(frozen=True, slots=True)
class PageRange:
    """The rows of one page: `offset` rows are skipped, then at most `limit` are returned."""

    offset: int
    limit: int


def conditions(
    bounds: Sequence[TimeBound], *, created: sa.ColumnElement[Any], modified: ModifiedAfter
) -> list[sa.ColumnElement[bool]]:
    """Returns a WHERE condition for each bound.

    `created` is the column with the time of creation; `modified` tests the time of modification.
    """
    return [_condition(bound, any_after(created), modified) for bound in bounds]


def any_after(*times: sa.ColumnElement[Any]) -> ModifiedAfter:
    """Takes each of these times as a modification of the row, unless it is NULL."""

    def is_modified_after(moment: datetime, is_inclusive: bool) -> sa.ColumnElement[bool]:
        return sa.or_(*(_after(time, moment, is_inclusive) for time in times))

    return is_modified_after


def _condition(
    bound: TimeBound, created_after: ModifiedAfter, modified_after: ModifiedAfter
) -> sa.ColumnElement[bool]:
    is_after = created_after if bound.field is TimeField.CREATED else modified_after
    if bound.is_after:
        return is_after(bound.moment, bound.is_inclusive)
    # A row was modified before a moment if nothing happened at it or after it.
    return sa.not_(is_after(bound.moment, not bound.is_inclusive))


def _after(
    time: sa.ColumnElement[Any], moment: datetime, is_inclusive: bool
) -> sa.ColumnElement[bool]:
    # Never NULL, so that NOT of it is true where the time is absent.
    passed = time >= moment if is_inclusive else time > moment
    return sa.and_(time.is_not(None), passed)
