"""Deletes what teams keep about members, 12 months after the campaign ended.

Source of the rule: `docs/decisions/0015-whom-to-ask-next.md`.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col

from models import Campaign, MemberNote, QuickAnswer
from models.base import table_of

KEPT = timedelta(days=365)
_TABLES = (table_of(MemberNote), table_of(QuickAnswer))


def forget_old(session: Session, *, now: datetime) -> int:
    """Delete notes and quick answers of campaigns that ended a year ago; returns how many."""
    ended = sa.select(col(Campaign.id)).where(col(Campaign.ended_at) <= now - KEPT)
    deletions = [sa.delete(table).where(table.c.campaign_id.in_(ended)) for table in _TABLES]
    return sum(session.connection().execute(deletion).rowcount for deletion in deletions)
