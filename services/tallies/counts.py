"""Counts signatures and letters per constituency, so that reading a tally never scans them.

A counter changes in the transaction that changes what it counts. Rows are changed in the order of
their keys, so that concurrent transactions do not deadlock. A CHECK refuses counts below zero.
Codes are those of constituencies, 'unknown' or 'overseas'.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import LetterHour, LetterTally, PetitionHour, PetitionTally
from models.base import table_of
from services.database.engine import increment

_petition_tally = table_of(PetitionTally)
_petition_hour = table_of(PetitionHour)
_letter_tally = table_of(LetterTally)
_letter_hour = table_of(LetterHour)
_LETTER_KEY = ["campaign_id", "motion_key", "constituency_code"]
_OF_MOTION = ("motion_id",)
NO_MOTION = 0
"""The `motion_key` of letters from when their campaign had no motion."""


def count_signatures(
    session: Session, confirmed: Iterable[tuple[str, str]], *, now: datetime
) -> None:
    """Adds confirmed signatures, in two statements.

    Each signature is a petition's id in hex digits and a constituency's code.
    """
    by_constituency = Counter(confirmed)
    _add_to_seats(session, by_constituency)
    hour = _hour_of(now)
    by_hour: Counter[tuple[str, datetime]] = Counter()
    for (petition_id, _), count in by_constituency.items():
        by_hour[petition_id, hour] += count
    _add_to_hours(session, by_hour)


def count_given_signatures(
    session: Session, confirmed: Iterable[tuple[str, str, datetime]]
) -> None:
    """Adds confirmed signatures like `count_signatures`, each in the hour in which it was given.

    Each is a petition's id in hex digits, a constituency's code, and the time.
    """
    signatures = list(confirmed)
    _add_to_seats(session, Counter((petition_id, code) for petition_id, code, _ in signatures))
    _add_to_hours(
        session, Counter((petition_id, _hour_of(at)) for petition_id, _, at in signatures)
    )


def remove_signature(session: Session, petition_id: UUID, code: str, *, now: datetime) -> None:
    """Subtracts one confirmed signature."""
    _subtract_signatures(session, petition_id, code, 1)
    _add_to_hours(session, {(petition_id.hex, _hour_of(now)): -1})


def move_signatures(session: Session, changes: Mapping[tuple[UUID, str], int]) -> None:
    """Moves confirmed signatures between constituencies of their petitions.

    `changes` are by petition and constituency's code. They add up to 0 for each petition, so that
    its hours stay as they are.
    """
    for (petition_id, code), change in sorted(changes.items()):
        if change < 0:
            _subtract_signatures(session, petition_id, code, -change)
        elif change > 0:
            row = {"petition_id": petition_id, "constituency_code": code, "confirmed": change}
            increment(session, _petition_tally, [row], key=["petition_id", "constituency_code"])


def _subtract_signatures(session: Session, petition_id: UUID, code: str, count: int) -> None:
    session.connection().execute(
        sa.update(_petition_tally)
        .where(
            _petition_tally.c.petition_id == petition_id,
            _petition_tally.c.constituency_code == code,
        )
        .values(confirmed=_petition_tally.c.confirmed - count)
    )


def add_letter(
    session: Session, campaign_id: UUID, motion_id: int | None, code: str, *, sent_at: datetime
) -> None:
    """Adds one sent letter."""
    add_letters(session, [(campaign_id, motion_id, code, sent_at)])


def add_letters(session: Session, sent: Iterable[tuple[UUID, int | None, str, datetime]]) -> None:
    """Adds sent letters, given by campaign, motion (None: without one), constituency and time.

    Each counts in the hour in which it went.
    """
    by_seat: Counter[tuple[UUID, int | None, str]] = Counter()
    by_hour: Counter[tuple[UUID, datetime]] = Counter()
    for campaign_id, motion_id, code, sent_at in sent:
        by_seat[campaign_id, motion_id, code] += 1
        by_hour[campaign_id, _hour_of(sent_at)] += 1
    seats = [_letter_row(key, sent=count) for key, count in by_seat.items()]
    seats.sort(key=lambda row: tuple(row[name] for name in _LETTER_KEY))
    increment(session, _letter_tally, seats, key=_LETTER_KEY, kept=_OF_MOTION)
    hours: list[dict[str, Any]] = [
        {"campaign_id": campaign_id, "hour": hour, "sent": count}
        for (campaign_id, hour), count in sorted(by_hour.items())
    ]
    increment(session, _letter_hour, hours, key=["campaign_id", "hour"])


def remove_letter(
    session: Session, campaign_id: UUID, motion_id: int | None, code: str, *, sent_at: datetime
) -> None:
    """Subtracts one sent letter that bounced, also from the hour in which it went."""
    session.connection().execute(
        sa.update(_letter_tally)
        .where(
            _letter_tally.c.campaign_id == campaign_id,
            _letter_tally.c.motion_key == motion_key(motion_id),
            _letter_tally.c.constituency_code == code,
        )
        .values(sent=_letter_tally.c.sent - 1)
    )
    session.connection().execute(
        sa.update(_letter_hour)
        .where(_letter_hour.c.campaign_id == campaign_id, _letter_hour.c.hour == _hour_of(sent_at))
        .values(sent=_letter_hour.c.sent - 1)
    )


def add_opened(session: Session, campaign_id: UUID, motion_id: int | None, code: str) -> None:
    """Adds one letter that its writer opened in their own mail program, and may have sent."""
    row = _letter_row((campaign_id, motion_id, code), opened=1)
    increment(session, _letter_tally, [row], key=_LETTER_KEY, kept=_OF_MOTION)


def motion_key(motion_id: int | None) -> int:
    """Returns the key of a motion, or of letters without one, in `letter_tally`."""
    return NO_MOTION if motion_id is None else motion_id


def _letter_row(
    key: tuple[UUID, int | None, str], *, sent: int = 0, opened: int = 0
) -> dict[str, Any]:
    campaign_id, motion_id, code = key
    values = (campaign_id, motion_key(motion_id), code)
    counts = {"motion_id": motion_id, "sent": sent, "opened": opened}
    return dict(zip(_LETTER_KEY, values, strict=True)) | counts


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _add_to_seats(session: Session, counts: Mapping[tuple[str, str], int]) -> None:
    rows = [
        {"petition_id": petition_id, "constituency_code": code, "confirmed": count}
        for (petition_id, code), count in sorted(counts.items())
    ]
    increment(session, _petition_tally, rows, key=["petition_id", "constituency_code"])


def _add_to_hours(session: Session, changes: Mapping[tuple[str, datetime], int]) -> None:
    rows = [
        {"petition_id": petition_id, "hour": hour, "change": change}
        for (petition_id, hour), change in sorted(changes.items())
    ]
    increment(session, _petition_hour, rows, key=["petition_id", "hour"])
