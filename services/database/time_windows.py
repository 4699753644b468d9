"""Rows by when they were made or last changed: what programs ask for that copy them elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

Touched = Callable[[datetime, bool], sa.ColumnElement[bool]]
"""Whether a row was changed after a moment, or, with True, at it too."""


class Stamp(StrEnum):
    """Which time is meant."""

    CREATED = "created"
    MODIFIED = "modified"


@dataclass(frozen=True, slots=True)
class Bound:
    """After `moment` where `is_after`, before it otherwise; `is_inclusive`: or at it."""

    stamp: Stamp
    is_after: bool
    is_inclusive: bool
    moment: datetime


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of many: how many rows to leave out, and how many to give at most."""

    offset: int
    limit: int


def conditions(
    bounds: Sequence[Bound], *, created: sa.ColumnElement[Any], touched: Touched
) -> list[sa.ColumnElement[bool]]:
    """For the WHERE of a statement; all of them hold."""
    return [_condition(bound, created, touched) for bound in bounds]


def any_after(*times: sa.ColumnElement[Any]) -> Touched:
    """A row is changed whenever one of these times is; an absent one never was."""

    def touched(moment: datetime, is_inclusive: bool) -> sa.ColumnElement[bool]:
        return sa.or_(*(_after(time, moment, is_inclusive) for time in times))

    return touched


def _condition(
    bound: Bound, created: sa.ColumnElement[Any], touched: Touched
) -> sa.ColumnElement[bool]:
    when = any_after(created) if bound.stamp is Stamp.CREATED else touched
    if bound.is_after:
        return when(bound.moment, bound.is_inclusive)
    # Before a moment is what was not touched at it or later; up to it, what was not touched later.
    return sa.not_(when(bound.moment, not bound.is_inclusive))


def _after(
    time: sa.ColumnElement[Any], moment: datetime, is_inclusive: bool
) -> sa.ColumnElement[bool]:
    # Never NULL, so that `not` of it is no surprise.
    passed = time >= moment if is_inclusive else time > moment
    return sa.and_(time.is_not(None), passed)
