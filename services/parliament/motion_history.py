"""The history of motions: every difference between two good answers is an event, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from models import Motion, MotionEvent, MotionEventKind, MotionStatus
from services.parliament.official.motions_api import PublishedMotion
from services.parliament.standing import Position, Standing, position_of


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened, on a day; to a member's name, or to the motion itself."""

    kind: MotionEventKind
    happened_on: date
    member_id: int | None = None


def changes_of_motion(
    motion: Motion | None, answer: PublishedMotion, *, today: date
) -> list[Change]:
    """What an answer says that happened to the motion itself."""
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
    """What happened to each member's name, in the order of the days."""
    changes = []
    for member_id, now_stands in after.items():
        then = before.get(member_id, position_of(()))
        change = _change_of_name(then, now_stands, member_id, today)
        if change is not None:
            changes.append(change)
    return sorted(changes, key=lambda change: (change.happened_on, change.member_id or 0))


def add(session: Session, motion_id: int, changes: list[Change], *, now: datetime) -> None:
    """Write changes down."""
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
    """Everything that happened to a motion, as we saw it."""
    statement = select(MotionEvent).where(MotionEvent.motion_id == motion_id)
    return list(session.exec(statement.order_by(col(MotionEvent.id))))


def _change_of_name(then: Position, now: Position, member_id: int, today: date) -> Change | None:
    """The day of a signing is Parliament's; so is that of a withdrawal where it gives one."""
    if then.standing is now.standing:
        return None
    if now.standing is Standing.WITHDRAWN:
        return Change(MotionEventKind.WITHDRAWN, now.withdrawn_on or today, member_id)
    if then.standing is Standing.WITHDRAWN:
        return Change(MotionEventKind.RESTORED, today, member_id)
    return Change(MotionEventKind.SIGNED, now.signed_on or today, member_id)
