"""Records the history of motions.

Each difference between two successful answers from Parliament becomes one event.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlmodel import Session, col, select

from models import Motion, MotionEvent, MotionEventKind, MotionSignatory, MotionStatus
from services.parliament.official.motions_api import PublishedMotion
from services.parliament.standing import NOT_SIGNED, Position, Standing

_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a member's name on a motion, or to the motion itself (`member_id` is None).

    `happened_at` is the moment that Parliament gives; None where it gives only the day.
    """

    kind: MotionEventKind
    happened_on: date
    member_id: int | None = None
    happened_at: datetime | None = None


def changes_of_motion(
    motion: Motion | None, answer: PublishedMotion, *, today: date
) -> list[Change]:
    """Returns how the motion itself differs from the answer; `motion` is None where it is new."""
    if motion is None:
        return [Change(MotionEventKind.TABLED, answer.tabled_on)]
    changes = []
    if (motion.title, motion.text) != (answer.title, answer.text):
        changes.append(Change(MotionEventKind.AMENDED, today))
    was_withdrawn = motion.status is MotionStatus.WITHDRAWN
    if answer.is_withdrawn != was_withdrawn:
        kind = (
            MotionEventKind.MOTION_WITHDRAWN
            if answer.is_withdrawn
            else MotionEventKind.MOTION_RESTORED
        )
        changes.append(Change(kind, answer.status_on or today, happened_at=answer.status_at))
    return changes


def changes_of_names(
    before: Mapping[int, Position], after: Mapping[int, Position], *, today: date
) -> list[Change]:
    """Returns the changes between two sets of positions by member, in the order of their times."""
    changes = []
    for member_id, new_position in after.items():
        old_position = before.get(member_id, NOT_SIGNED)
        change = _change_of_name(old_position, new_position, member_id, today)
        if change is not None:
            changes.append(change)
    return sorted(
        changes,
        key=lambda change: (
            change.happened_on,
            change.happened_at or _NO_TIME,
            change.member_id or 0,
        ),
    )


def add(session: Session, motion_id: int, changes: list[Change], *, now: datetime) -> None:
    session.add_all(
        MotionEvent(
            motion_id=motion_id,
            member_id=change.member_id,
            kind=change.kind,
            happened_on=change.happened_on,
            happened_at=change.happened_at,
            seen_at=now,
        )
        for change in changes
    )
    session.flush()


def fill_in_moments(session: Session, motion_id: int, rows: Iterable[MotionSignatory]) -> None:
    """Gives events that have only a day the moments of the names on that day, where known.

    Events from before the service kept moments need this. `rows` are the motion's.
    """
    moments: dict[tuple[MotionEventKind, int | None, date | None], datetime] = {}
    for row in rows:
        for kind, day, moment in (
            (MotionEventKind.SIGNED, row.signed_on, row.signed_at),
            (MotionEventKind.WITHDRAWN, row.withdrawn_on, row.withdrawn_at),
        ):
            if moment is not None:
                key = (kind, row.member_id, day)
                moments[key] = min(moment, moments.get(key, moment))
    statement = select(MotionEvent).where(
        MotionEvent.motion_id == motion_id,
        col(MotionEvent.happened_at).is_(None),
        col(MotionEvent.member_id).is_not(None),
    )
    for event in session.exec(statement):
        event.happened_at = moments.get((event.kind, event.member_id, event.happened_on))
    session.flush()


def of_motion(session: Session, motion_id: int) -> list[MotionEvent]:
    """Returns the events of a motion in the order in which we saw them."""
    statement = select(MotionEvent).where(MotionEvent.motion_id == motion_id)
    return list(session.exec(statement.order_by(col(MotionEvent.id))))


def _change_of_name(old: Position, new: Position, member_id: int, today: date) -> Change | None:
    """Uses Parliament's time for a signature, and for a withdrawal where Parliament gives one."""
    if old.standing is new.standing:
        return None
    if new.standing is Standing.WITHDRAWN:
        day, moment = new.withdrawn_on or today, new.withdrawn_at
        return Change(MotionEventKind.WITHDRAWN, day, member_id, moment)
    if old.standing is Standing.WITHDRAWN:
        return Change(MotionEventKind.RESTORED, today, member_id, _restored_at(old, new, today))
    return Change(MotionEventKind.SIGNED, new.signed_on or today, member_id, new.signed_at)


def _restored_at(old: Position, new: Position, today: date) -> datetime | None:
    """Returns the moment of a new signature of today; a name put back on has only its old one."""
    if new.signed_on != today or new.signed_at is None or old.withdrawn_at is None:
        return None
    return new.signed_at if new.signed_at > old.withdrawn_at else None
