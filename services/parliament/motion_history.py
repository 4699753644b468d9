"""Records the history of motions.

Each difference between two successful answers from Parliament becomes one event.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from models import Motion, MotionEvent, MotionEventKind, MotionStatus
from services.parliament.official.motions_api import PublishedMotion
from services.parliament.standing import Position, Standing, position_of


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a member's name on a motion, or to the motion itself (`member_id` is None)."""

    kind: MotionEventKind
    happened_on: date
    member_id: int | None = None


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
    if answer.is_withdrawn and not was_withdrawn:
        changes.append(Change(MotionEventKind.MOTION_WITHDRAWN, answer.status_on or today))
    if was_withdrawn and not answer.is_withdrawn:
        changes.append(Change(MotionEventKind.MOTION_RESTORED, answer.status_on or today))
    return changes


def changes_of_names(
    before: Mapping[int, Position], after: Mapping[int, Position], *, today: date
) -> list[Change]:
    """Returns the changes between two sets of positions by member, in the order of their days."""
    changes = []
    for member_id, new_position in after.items():
        old_position = before.get(member_id, position_of(()))
        change = _change_of_name(old_position, new_position, member_id, today)
        if change is not None:
            changes.append(change)
    return sorted(changes, key=lambda change: (change.happened_on, change.member_id or 0))


def add(session: Session, motion_id: int, changes: list[Change], *, now: datetime) -> None:
    session.add_all(
        MotionEvent(
            motion_id=motion_id,
            member_id=change.member_id,
            kind=change.kind,
            happened_on=change.happened_on,
            seen_at=now,
        )
        for change in changes
    )
    session.flush()


def of_motion(session: Session, motion_id: int) -> list[MotionEvent]:
    """Returns the events of a motion in the order in which we saw them."""
    statement = select(MotionEvent).where(MotionEvent.motion_id == motion_id)
    return list(session.exec(statement.order_by(col(MotionEvent.id))))


def _change_of_name(old: Position, new: Position, member_id: int, today: date) -> Change | None:
    """Uses Parliament's day for a signature, and for a withdrawal where Parliament gives one."""
    if old.standing is new.standing:
        return None
    if new.standing is Standing.WITHDRAWN:
        return Change(MotionEventKind.WITHDRAWN, new.withdrawn_on or today, member_id)
    if old.standing is Standing.WITHDRAWN:
        return Change(MotionEventKind.RESTORED, today, member_id)
    return Change(MotionEventKind.SIGNED, new.signed_on or today, member_id)
