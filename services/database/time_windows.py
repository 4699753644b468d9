"""Conditions on when rows were created or modified, for clients that copy data elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

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


class ChangePosition(NamedTuple):
    """A place in a list of rows by when they last changed."""

    changed_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class ChangeWindow:
    """Rows that changed at `since` or later, and stand behind the place `after`.

    In the order of changes, a row that changes while somebody reads page after page moves to the
    end, and no other row moves to a page that was read already.
    """

    since: datetime
    after: ChangePosition | None = None

    def conditions(
        self, changed_at: sa.Column[Any], row_id: sa.Column[Any]
    ) -> list[sa.ColumnElement[bool]]:
        """Returns WHERE conditions, which an index on both columns serves."""
        if self.after is None or self.after.changed_at < self.since:
            return [changed_at >= self.since]
        place = sa.tuple_(
            sa.literal(self.after.changed_at, changed_at.type),
            sa.literal(self.after.id, row_id.type),
        )
        # A condition on the time as well would make SQLite look up by the time alone, and many rows
        # can have one time: those of an import.
        return [sa.tuple_(changed_at, row_id) > place]


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
