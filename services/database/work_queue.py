"""A queue in a table, which several workers share: outgoing mail, deliveries to webhooks.

A worker claims rows that are due, and every claim gets a new attempt number. Each later step is a
conditional update on the state and the attempt number, so that only one of two workers goes on,
even if one of them was taken for dead.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models.base import table_of
from services.database import bulk


class QueueRow(Protocol):
    """What every row of such a queue has, beside `state` and `claimed_at`."""

    id: UUID
    attempt: int
    due_at: datetime


Row = TypeVar("Row", bound=QueueRow)


class WorkQueue(Generic[Row]):
    """The rows of one table, from `due` states over `claimed` to whatever ends an attempt.

    The first of the `due` states is that of a row that was never attempted.
    """

    def __init__(self, model: Any, *, due: Sequence[StrEnum], claimed: StrEnum) -> None:
        self._model = model
        self._table = table_of(model)
        self._due, self._claimed = due, claimed
        self._moves: dict[tuple[tuple[StrEnum, ...], tuple[str, ...]], sa.Update] = {}
        columns = self._table.c
        # Built once, because building it costs more than running it.
        self._lock = (
            sa.select(columns.id, columns.attempt, columns.state)
            .where(columns.id.in_(sa.bindparam("rows", expanding=True)))
            .order_by(columns.id)  # so that two workers do not wait for each other
            .with_for_update()
        )

    def is_due(self, now: datetime) -> sa.ColumnElement[bool]:
        """SQL condition: the row waits, and its time has come."""
        return sa.and_(self._table.c.state.in_(self._due), self._table.c.due_at <= now)

    def claim(self, session: Session, ids: sa.Select[Any], *, now: datetime) -> list[Row]:
        """Claims the rows that a statement selects by id; returns them, the longest due first.

        Rows that another worker is claiming at this moment are left out.
        """
        found = ids.with_for_update(skip_locked=True)
        among = list(session.connection().execute(found).scalars())
        if not among:
            return []
        statement = (
            sa.update(self._model)
            .where(self._table.c.id.in_(among), self._table.c.state.in_(self._due))
            .values(state=self._claimed, attempt=self._table.c.attempt + 1, claimed_at=now)
            .returning(self._model)
        )
        rows = session.scalars(statement, execution_options={"synchronize_session": False})
        return sorted(rows, key=lambda row: (row.due_at, row.id))

    def move(self, session: Session, row: Row, *expected: StrEnum, **values: Any) -> bool:
        """Updates a row in one of the `expected` states; False if another attempt has it now."""
        changed = session.connection().execute(
            self._move(expected, tuple(values)), _params(row, values)
        )
        return changed.rowcount == 1

    def move_many(
        self, session: Session, rows: Sequence[tuple[Row, dict[str, Any]]], *expected: StrEnum
    ) -> None:
        """Updates rows, all with the same columns, in one statement.

        It skips rows that another attempt has now.
        """
        if rows:
            statement = self._move(expected, tuple(rows[0][1]))
            session.connection().execute(statement, [_params(*row) for row in rows])

    def held(self, session: Session, rows: Sequence[Row]) -> dict[UUID, StrEnum]:
        """Locks rows, and returns by id the states of those that no other attempt has now."""
        if not rows:
            return {}
        attempts = {row.id: row.attempt for row in rows}
        found = session.connection().execute(self._lock, {"rows": list(attempts)})
        return {row_id: state for row_id, attempt, state in found if attempts[row_id] == attempt}

    def move_held(
        self,
        session: Session,
        ids: Sequence[UUID],
        varying: Mapping[str, Sequence[Any]],
        **shared: Any,
    ) -> None:
        """Updates rows that `held` has returned in this transaction.

        `varying` and `shared` are as in `bulk.update_columns`.
        """
        bulk.update_columns(session, self._table, ids, varying, shared)

    def give_back(self, session: Session, rows: Sequence[Row], *, now: datetime) -> None:
        """Queues rows again that were claimed but not attempted, with their old attempt number."""
        for row in rows:
            values = {"state": self._due[0], "due_at": now, "attempt": row.attempt - 1}
            self.move(session, row, self._claimed, **values)

    def _move(self, expected: tuple[StrEnum, ...], names: tuple[str, ...]) -> sa.Update:
        """Returns a statement that is kept: building it costs more than running it."""
        if (kept := self._moves.get((expected, names))) is not None:
            return kept
        table = self._table
        statement = (
            sa.update(table)
            .where(
                table.c.id == sa.bindparam("row"),
                table.c.attempt == sa.bindparam("held_attempt"),
                sa.or_(*(table.c.state == state for state in expected)),
            )
            .values({name: sa.bindparam(f"new_{name}") for name in names})
        )
        return self._moves.setdefault((expected, names), statement)


def _params(row: QueueRow, values: dict[str, Any]) -> dict[str, Any]:
    params = {f"new_{name}": value for name, value in values.items()}
    return params | {"row": row.id, "held_attempt": row.attempt}
