"""How long deliveries of webhooks wait after a failure, and endpoints are left alone. Pure."""

import random
from collections.abc import Callable
from datetime import timedelta

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""After each attempt that failed, three days in all; the tenth attempt is the last."""
LONGEST_WAIT = timedelta(hours=24)  # that a receiver can ask for
MOST_FAILURES = 5
"""In a row, after which an endpoint is left alone for a while."""
FIRST_REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=10)


def wait_after(
    attempt: int, asked: float | None, *, chance: Callable[[], float] = random.random
) -> timedelta | None:
    """How long a delivery waits after an attempt that failed; None after the last one.

    Each wait up to a fifth longer by chance: what failed together does not come back together. What
    a receiver asks for (`asked`, in seconds) is obeyed, up to a day.
    """
    if attempt > len(WAITS):
        return None
    return max(WAITS[attempt - 1] * (1 + chance() / 5), bounded(asked))


def rest_after(failures: int) -> timedelta:
    """From half a minute, doubled with each failed try, to ten minutes."""
    doublings: int = min(failures - MOST_FAILURES, 10)
    return min(FIRST_REST * (1 << doublings), LONGEST_REST)


def bounded(seconds: float | None) -> timedelta:
    """What a receiver asks for, up to a day; nothing where it does not ask."""
    return min(timedelta(seconds=seconds or 0), LONGEST_WAIT)
