"""When to ask Parliament again: pure rules."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
WHILE_SITTING = timedelta(minutes=15)
OTHERWISE = timedelta(hours=1)
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
