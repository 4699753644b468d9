"""Ids are UUIDv7: they sort by the millisecond in which they were made (RFC 9562, 5.7)."""

from datetime import UTC, datetime
from uuid import UUID


def first_id_at(moment: datetime) -> UUID:
    """Returns an id below all that are made from a moment on, and above all made before it.

    Ids cannot tell of a time before 1970, in which none was made.
    """
    milliseconds = max(0, int(moment.timestamp() * 1000))
    return UUID(int=(milliseconds << 80) | (7 << 76) | (0b10 << 62))


def moment_of(row_id: UUID) -> datetime:
    """Returns when an id was made, to the millisecond."""
    return datetime.fromtimestamp((row_id.int >> 80) / 1000, UTC)
