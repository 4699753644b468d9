"""Computes when failed deliveries are retried, and for how long failing endpoints are paused."""

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
"""The wait after each failed attempt, about three days in all; the tenth attempt is the last."""
LONGEST_WAIT = timedelta(hours=24)
"""The longest wait that a receiver can ask for with `Retry-After`."""
MOST_FAILURES = 5
"""The number of failures in a row after which an endpoint is paused."""
FIRST_REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=10)


def wait_after(
    attempt: int, retry_after: float | None, *, chance: Callable[[], float] = random.random
) -> timedelta | None:
    """Returns how long a delivery waits after a failed attempt, or None after the last one.

    Each wait is up to a fifth longer at random, so that deliveries that failed together are not
    retried together. It is at least the receiver's `retry_after` in seconds, up to a day.
    """
    if attempt > len(WAITS):
        return None
    return max(WAITS[attempt - 1] * (1 + chance() / 5), bounded(retry_after))


def rest_after(failures: int) -> timedelta:
    """Returns how long an endpoint is paused: 30 seconds, doubled per failure, up to 10 minutes."""
    doublings: int = min(failures - MOST_FAILURES, 10)
    return min(FIRST_REST * (1 << doublings), LONGEST_REST)


def bounded(seconds: float | None) -> timedelta:
    """Returns a receiver's `Retry-After` capped at a day; zero for None."""
    return min(timedelta(seconds=seconds or 0), LONGEST_WAIT)
