"""What became of the names on a motion in a time. No queries."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from models import MotionEventKind
from services.alerts.news import NewsKind

OF_NAMES = (MotionEventKind.SIGNED, MotionEventKind.WITHDRAWN, MotionEventKind.RESTORED)
OF_MOTION = {
    MotionEventKind.MOTION_WITHDRAWN: NewsKind.MOTION_WITHDRAWN,
    MotionEventKind.MOTION_RESTORED: NewsKind.MOTION_RESTORED,
    MotionEventKind.LAPSED: NewsKind.MOTION_LAPSED,
}
WHAT = {
    (False, True): NewsKind.SIGNED,
    (True, False): NewsKind.TOOK_OFF,
    (True, True): NewsKind.TOOK_OFF_AND_SIGNED,
    (False, False): NewsKind.SIGNED_AND_TOOK_OFF,
}
"""By whether the name was on the motion before and after."""


class Event(NamedTuple):
    """An event of a motion. `had_signed` says whether we saw the member's name on it before."""

    motion_id: int
    kind: MotionEventKind
    happened_on: date
    seen_at: datetime
    member_id: int | None
    name: str | None
    had_signed: bool


def changes_of_names(events: Iterable[Event]) -> dict[NewsKind, list[str]]:
    """Returns the names of members by what became of them. Each member is named once.

    The events are one motion's, in their order.
    """
    by_member: dict[int, list[Event]] = {}
    for event in events:
        if event.member_id is not None and event.kind in OF_NAMES:
            by_member.setdefault(event.member_id, []).append(event)
    changes: dict[NewsKind, list[str]] = {}
    for own in by_member.values():
        changes.setdefault(_what_became(own), []).append(own[0].name or "")
    return changes


def change_of_motion(events: Iterable[Event]) -> NewsKind | None:
    """Returns what happened to the motion itself last."""
    kinds = [OF_MOTION[event.kind] for event in events if event.kind in OF_MOTION]
    return kinds[-1] if kinds else None


def _what_became(events: list[Event]) -> NewsKind:
    first, last = events[0], events[-1]
    was_on = first.kind is MotionEventKind.WITHDRAWN and first.had_signed
    return WHAT[was_on, last.kind is not MotionEventKind.WITHDRAWN]
