"""What organisers note about members: who signs no motions, who is a PPS, who has said what.

An override holds from a day to a day, and ends with the membership in which it began.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from lobby.models import MemberOverride, Membership, OverrideKind


def facts(
    session: Session, organisation_id: UUID | None, member_ids: Iterable[int], *, today: date
) -> dict[int, set[OverrideKind]]:
    """What holds of each member today for all campaigns of an organisation."""
    statement = _in_force(today).where(
        MemberOverride.organisation_id == organisation_id,
        col(MemberOverride.campaign_id).is_(None),
        col(MemberOverride.member_id).in_(list(member_ids)),
    )
    found: defaultdict[int, set[OverrideKind]] = defaultdict(set)
    for row in session.exec(statement):
        found[row.member_id].add(row.kind)
    return found


def sayings(session: Session, campaign_id: UUID, *, today: date) -> dict[int, MemberOverride]:
    """The last thing that each member is noted to have said of a campaign's motion."""
    statement = _in_force(today).where(MemberOverride.campaign_id == campaign_id)
    in_order = statement.order_by(col(MemberOverride.starts_on), col(MemberOverride.id))
    return {row.member_id: row for row in session.exec(in_order)}


def _in_force(today: date) -> SelectOfScalar[MemberOverride]:
    """Begun, not ended, and begun in the membership that is open today."""
    return (
        select(MemberOverride)
        .join(Membership, col(Membership.member_id) == MemberOverride.member_id)
        .where(
            *_holds(col(MemberOverride.starts_on), col(MemberOverride.ends_on), today),
            *_holds(col(Membership.starts_on), col(Membership.ends_on), today),
            col(Membership.starts_on) <= col(MemberOverride.starts_on),
        )
    )


def _holds(
    starts_on: "sa.orm.Mapped[date]", ends_on: "sa.orm.Mapped[date | None]", today: date
) -> tuple[sa.ColumnElement[bool], ...]:
    return (starts_on <= today, sa.or_(ends_on.is_(None), ends_on > today))
