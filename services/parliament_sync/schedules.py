"""Rules on when to ask Parliament again. No queries."""

from datetime import UTC, datetime, time, timedelta

from services.common.times import LONDON

WHILE_SITTING = timedelta(minutes=15)
OTHERWISE = timedelta(hours=1)
MEMBERS_AT = time(4, 0)  # London time: the API is quiet, and the day's changes are in
# When names can be added: the hours of the House's Table Office, in London time. Recesses are not
# known here, because a few more requests in them do no harm.
_OPENS = time(9, 0)
_CLOSES = {0: time(23, 0), 1: time(20, 0), 2: time(20, 0), 3: time(18, 30), 4: time(15, 30)}


def is_sitting(now: datetime) -> bool:
    """Returns whether the House of Commons usually sits at this day and hour."""
    local = now.astimezone(LONDON)
    closes = _CLOSES.get(local.weekday())
    return closes is not None and _OPENS <= local.time() <= closes


def next_sync(now: datetime) -> datetime:
    """Returns when to fetch the campaigns' motions again."""
    return now + (WHILE_SITTING if is_sitting(now) else OTHERWISE)


def next_members_sync(now: datetime) -> datetime:
    """Returns when to fetch members again: at the next 04:00 in London."""
    day = now.astimezone(LONDON).date()
    moments = (
        datetime.combine(day + timedelta(days=days), MEMBERS_AT, tzinfo=LONDON) for days in (0, 1)
    )
    return next(moment.astimezone(UTC) for moment in moments if moment > now)
