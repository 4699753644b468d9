"""The moments on log entries and metrics, from the machine as structlog and prometheus_client do.

Everything else takes the time from the clock of the lobby.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """Returns the machine's time, in UTC."""
    return datetime.now(UTC)
