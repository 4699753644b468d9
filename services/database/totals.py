"""How many rows a list has, for clients that page through it: exactly, or not at all."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

MOST_COUNTED = 10_000
"""Counting more would take longer than reading the page that the total is for."""


def counted(
    session: Session,
    *lists: sa.Select[*tuple[Any, ...]],
    counter: sa.ScalarSelect[Any] | None = None,
) -> int | None:
    """Returns how many rows the lists have together, or None if one has over `MOST_COUNTED`.

    `counter` is a number that is kept already. All is read in one statement, and so at one moment.
    Each list needs an index that finds its rows: no more of them are read than are counted.
    """
    counts = [_bounded(rows) for rows in lists]
    columns = counts if counter is None else [*counts, counter]
    found = session.connection().execute(sa.select(*columns)).one()
    if any(count > MOST_COUNTED for count in found[: len(counts)]):
        return None
    return int(sum(found))


def _bounded(rows: sa.Select[*tuple[Any, ...]]) -> sa.ScalarSelect[Any]:
    # Without columns, an index that finds the rows is all that is read of them.
    bare = rows.with_only_columns(sa.literal(1).label("one"), maintain_column_froms=True)
    some = bare.limit(MOST_COUNTED + 1).subquery()
    return sa.select(sa.func.count()).select_from(some).scalar_subquery()
