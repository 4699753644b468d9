"""Bodies of the events of a tally, and their texts."""

from datetime import date, datetime
from uuid import UUID

from api.schemas.fields import Answer
from services.tallies.tally_events import TallyEvent, TallyEventKind

_WORDS = {
    TallyEventKind.TABLED: "{motion} was tabled",
    TallyEventKind.SIGNED: "{member} signed {motion}",
    TallyEventKind.WITHDRAWN: "{member} took their name off {motion}",
    TallyEventKind.RESTORED: "{member} put their name back on {motion}",
    TallyEventKind.AMENDED: "{motion} was reworded",
    TallyEventKind.MOTION_WITHDRAWN: "{motion} was withdrawn",
    TallyEventKind.MOTION_RESTORED: "{motion} was put back on the list",
    TallyEventKind.LAPSED: "{motion} fell with the end of its session of Parliament",
    TallyEventKind.REFUSES: "{member} signs no motions, as the campaign noted",
    TallyEventKind.REFUSES_ENDED: "{member}: the note that they sign no motions has ended",
    TallyEventKind.PPS: "{member} is a parliamentary private secretary, as the campaign noted",
    TallyEventKind.PPS_ENDED: "{member}: the note that they are a parliamentary private secretary "
    "has ended",
    TallyEventKind.SAYS_WILL_SIGN: "{member} said they will sign, as the campaign noted",
    TallyEventKind.SAYS_WILL_SIGN_ENDED: "{member}: the note that they will sign has ended",
    TallyEventKind.SAYS_WILL_NOT: "{member} said they will not sign, as the campaign noted",
    TallyEventKind.SAYS_WILL_NOT_ENDED: "{member}: the note that they will not sign has ended",
}


class EventMember(Answer):
    """The member who signed or withdrew, or whom the note is about."""

    id: int
    name: str
    party: str


class EventMotion(Answer):
    """The motion, with Parliament's id and its number."""

    id: int
    number: str


class TallyEventAnswer(Answer):
    """An event: of a motion, or an organiser's note about a member, for which `motion` is null.

    `happened_on` is the day according to Parliament or the organiser, `seen_at` when the service
    first saw it. `happened_at` is the time from which it counts. Where `is_estimated`, only the day
    is known, and that time is its beginning in London, or the time is that of `seen_at`, since
    Parliament gave one that was still to come. `link` is the source of a note.
    """

    id: UUID
    kind: TallyEventKind
    happened_on: date
    happened_at: datetime
    is_estimated: bool
    seen_at: datetime
    member: EventMember | None
    motion: EventMotion | None
    link: str | None


def event_answer(event: TallyEvent) -> TallyEventAnswer:
    """Converts an event."""
    return TallyEventAnswer.model_validate(event)


def event_words(event: TallyEvent) -> str:
    """Returns a text such as `Morag Ferncastle (Labour) signed EDM 152`."""
    member, motion = event.member, event.motion
    return _WORDS[event.kind].format(
        member=f"{member.name} ({member.party})" if member else "",
        motion=f"EDM {motion.number}" if motion else "",
    )
