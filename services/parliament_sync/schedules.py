"""When to ask Parliament again: pure rules."""

from datetime import UTC, datetime, time, timedelta

from services.common.times import LONDON

WHILE_SITTING = timedelta(minutes=15)
OTHERWISE = timedelta(hours=1)
MEMBERS_AT = time(4, 0)  # when nobody waits for the Members API, and the day's news is in
# When names can be added: the Table Office's days. Recesses are not known here: asking a few times
# more in them does no harm.
_OPENS = time(9, 0)
_CLOSES = {0: time(23, 0), 1: time(20, 0), 2: time(20, 0), 3: time(18, 30), 4: time(15, 30)}


def is_sitting(now: datetime) -> bool:
    """True on the days and at the hours at which the House usually sits."""
    local = now.astimezone(LONDON)
    closes = _CLOSES.get(local.weekday())
    return closes is not None and _OPENS <= local.time() <= closes


def next_sync(now: datetime) -> datetime:
    """When campaign motions are to be asked for again."""
    return now + (WHILE_SITTING if is_sitting(now) else OTHERWISE)


def next_members_sync(now: datetime) -> datetime:
    """When members are to be asked for again: the next time that it is 04:00 in London."""
    day = now.astimezone(LONDON).date()
    moments = (
        datetime.combine(day + timedelta(days=days), MEMBERS_AT, tzinfo=LONDON) for days in (0, 1)
    )
    return next(moment.astimezone(UTC) for moment in moments if moment > now)
