"""The history of a campaign."""

from datetime import date, datetime

from lobby.api.schemas.fields import Answer
from lobby.models import Member, MotionEvent, MotionEventKind
from lobby.services.histories import Every, History


class PointAnswer(Answer):
    """All that there was at a moment."""

    at: datetime
    signatories: int
    signatures: int
    letters_sent: int


class EventMember(Answer):
    """Whose name it was."""

    id: int
    name: str
    party: str


class EventAnswer(Answer):
    """What happened: on which day by Parliament's word, and when we first saw it."""

    kind: MotionEventKind
    happened_on: date
    seen_at: datetime
    member: EventMember | None


class HistoryAnswer(Answer):
    """Points in the order of time, and the motion's events in the same span."""

    every: Every
    points: list[PointAnswer]
    events: list[EventAnswer]


def history_answer(history: History, every: Every) -> HistoryAnswer:
    """From the history of a campaign."""
    return HistoryAnswer(
        every=every,
        points=[PointAnswer.model_validate(point) for point in history.points],
        events=[_event(event, member) for event, member in history.events],
    )


def _event(event: MotionEvent, member: Member | None) -> EventAnswer:
    return EventAnswer(
        kind=event.kind,
        happened_on=event.happened_on,
        seen_at=event.seen_at,
        member=EventMember.model_validate(member) if member else None,
    )
