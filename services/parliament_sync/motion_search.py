"""Finds a motion for a campaign: in Parliament's list, and among those that we have."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlmodel import Session

from models import Motion, MotionStatus
from services.common import texts
from services.database.engine import Database
from services.errors import Invalid, NotFound, Unavailable
from services.parliament import motions
from services.parliament.official.motion_lists import ListSearch, MotionLists
from services.parliament.official.motions_api import ListedMotion
from services.parliament_sync import sessions
from services.parliament_sync.sessions import Calendar

MOST = 50
LONGEST_QUERY, LONGEST_WORDS = 300, 100
MOST_WORDS = 12
_ADDRESS = re.compile(
    r"(?:https?://)?edm\.parliament\.uk/early-day-motion/([0-9]{1,9})(?:[/?#].*)?", re.IGNORECASE
)
_LOOKS_LIKE_ADDRESS = re.compile(r"://|\bparliament\.uk\b|^www\.", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?:(?:EDM|early[ -]day[ -]motion)\s*)?(?:(?:no\.?|number|#)\s*)?"
    r"([0-9]{1,5}(?:A[0-9]{1,3})?)",
    re.IGNORECASE,
)


class MotionState(StrEnum):
    """Whether MPs can sign a motion, and if not, why. An amendment is no campaign's motion."""

    OPEN = "open"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    AMENDMENT = "amendment"


@dataclass(frozen=True, slots=True)
class FoundMotion:
    """A motion that was found. `names` counts the MPs who have signed it.

    `tabled_by` is None where Parliament does not say. `ended_on` is the day of its withdrawal.
    """

    id: int
    number: str
    title: str
    tabled_on: date
    tabled_by: str | None
    names: int
    state: MotionState
    ended_on: date | None = None

    @property
    def address(self) -> str:
        """Returns the address of the motion at Parliament."""
        return f"https://edm.parliament.uk/early-day-motion/{self.id}"


@dataclass(frozen=True, slots=True)
class FoundMotions:
    """What a search found, newest first.

    `asked_at` is when Parliament answered; None with a `problem`, where only motions that we have
    were searched.
    """

    motions: tuple[FoundMotion, ...]
    asked_at: datetime | None = None
    problem: Unavailable | None = None


def read_query(text: str) -> ListSearch:
    """Reads what somebody typed: words of a title, a number, or an address at parliament.uk.

    Raises Invalid for the field `q`.
    """
    typed = texts.line(text, "q", longest=LONGEST_QUERY)
    if address := _ADDRESS.fullmatch(typed):
        motion_id = int(address[1])
        if 0 < motion_id < 2**31:
            return ListSearch(motion_id=motion_id, limit=MOST)
    if address or _LOOKS_LIKE_ADDRESS.search(typed):
        message = (
            "This isn’t the address of a motion. It looks like "
            "edm.parliament.uk/early-day-motion/66112."
        )
        raise Invalid.field("q", "address_unknown", message)
    if number := _NUMBER.fullmatch(typed):
        return ListSearch(number=number[1].upper().lstrip("0") or "0", limit=MOST)
    words = texts.line(typed, "q", longest=LONGEST_WORDS)
    return ListSearch(words=words, limit=MOST)


def find(
    database: Database,
    lists: MotionLists,
    query: ListSearch,
    *,
    this_session_only: bool,
    now: datetime,
) -> FoundMotions:
    """Searches Parliament's list and our own motions. Open no transaction around it.

    An address finds its motion, of this session of Parliament or an earlier one. Where Parliament
    cannot be asked, the answer says so and has only the motions that we have.
    """
    with database.read() as session:
        calendar = sessions.calendar(session)
    current = calendar.begun_by(now.date())
    is_limited = this_session_only and query.motion_id is None and current is not None
    tabled_from = current[1] if is_limited and current else None
    search = ListSearch(query.words, query.number, query.motion_id, tabled_from, query.limit)
    listed, asked_at, problem = _ask(lists, search)
    with database.read() as session:
        ours = _held(session, search, [motion.id for motion in listed])
        names = motions.live_counts(session, list(ours))
        sponsors = motions.primary_sponsors(session, list(ours))
    found = {
        motion.id: _of_ours(motion, names[motion.id], sponsors.get(motion.id), calendar, now)
        for motion in ours.values()
    }
    for motion in listed:
        held = ours.get(motion.id)
        # Parliament's own count has names that were withdrawn.
        count = names[motion.id] if held and held.synced_at else motion.sponsors_count
        found[motion.id] = _of_list(motion, count, calendar, now)
    in_order = sorted(found.values(), key=lambda each: (each.tabled_on, each.id), reverse=True)
    return FoundMotions(tuple(in_order[:MOST]), asked_at, problem)


def require_open(session: Session, motion_id: int, *, now: datetime) -> Motion:
    """Returns a stored motion that MPs can sign. Raises Invalid otherwise, with the reason."""
    motion = session.get(Motion, motion_id)
    if motion is None:
        raise NotFound("motion_unknown", f"We have no motion {motion_id}.")
    state = _state_of_ours(motion, sessions.calendar(session), now)
    if state is MotionState.OPEN:
        return motion
    message = {
        MotionState.WITHDRAWN: "was withdrawn, so MPs can’t sign it.",
        MotionState.LAPSED: "is from an earlier session of Parliament, so MPs can’t sign it.",
        MotionState.AMENDMENT: "is an amendment to another motion. Choose that one.",
    }[state]
    raise Invalid.field("q", f"motion_{state}", f"EDM {motion.number} {message}")


def _ask(
    lists: MotionLists, search: ListSearch
) -> tuple[tuple[ListedMotion, ...], datetime | None, Unavailable | None]:
    try:
        answer = lists.find(search)
    except Unavailable as problem:
        return (), None, problem
    return answer.motions, answer.asked_at, None


def _held(session: Session, search: ListSearch, listed: list[int]) -> dict[int, Motion]:
    """Returns the motions that we have, of those that match and those that Parliament listed."""
    matching = motions.search(
        session,
        words=search.words.split()[:MOST_WORDS],
        number=search.number,
        motion_id=search.motion_id,
        tabled_from=search.tabled_from,
        limit=search.limit,
    )
    by_id = motions.by_ids(session, listed)
    return by_id | {motion.id: motion for motion in matching}


def _of_ours(
    motion: Motion, names: int, tabled_by: str | None, calendar: Calendar, now: datetime
) -> FoundMotion:
    state = _state_of_ours(motion, calendar, now)
    return FoundMotion(
        motion.id, motion.number, motion.title, motion.tabled_on, tabled_by, names, state
    )


def _of_list(motion: ListedMotion, names: int, calendar: Calendar, now: datetime) -> FoundMotion:
    state = _state(
        motion.amends_id,
        is_withdrawn=motion.is_withdrawn,
        has_lapsed=calendar.has_lapsed(motion.tabled_on, today=now.date()),
    )
    return FoundMotion(
        id=motion.id,
        number=motion.number,
        title=motion.title,
        tabled_on=motion.tabled_on,
        tabled_by=motion.primary_sponsor.name if motion.primary_sponsor else None,
        names=names,
        state=state,
        ended_on=motion.status_on if motion.is_withdrawn else None,
    )


def _state_of_ours(motion: Motion, calendar: Calendar, now: datetime) -> MotionState:
    is_over = calendar.has_lapsed(motion.tabled_on, today=now.date())
    return _state(
        motion.amends_id,
        is_withdrawn=motion.status is MotionStatus.WITHDRAWN,
        has_lapsed=is_over or motion.status is MotionStatus.LAPSED,
    )


def _state(amends_id: int | None, *, is_withdrawn: bool, has_lapsed: bool) -> MotionState:
    if is_withdrawn:
        return MotionState.WITHDRAWN
    if has_lapsed:
        return MotionState.LAPSED
    return MotionState.AMENDMENT if amends_id is not None else MotionState.OPEN
