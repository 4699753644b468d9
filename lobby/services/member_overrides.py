"""What organisers note about members: who signs no motions, who is a PPS, who has said what.

An override holds from a day to a day, and ends with the membership in which it began.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import MemberOverride, Membership


def in_force(
    session: Session,
    *,
    organisation_id: UUID | None,
    campaign_id: UUID | None,
    member_ids: Iterable[int],
    today: date,
) -> dict[int, list[MemberOverride]]:
    """What holds of each member today, in order of its day: for all campaigns of an organisation,
    and for one of them.

    Begun, not ended, and begun in the membership that is open today.
    """
    campaign = col(MemberOverride.campaign_id)
    statement = (
        select(MemberOverride)
        .join(Membership, col(Membership.member_id) == MemberOverride.member_id)
        .where(
            MemberOverride.organisation_id == organisation_id,
            sa.or_(campaign.is_(None), campaign == campaign_id),
            col(MemberOverride.member_id).in_(list(member_ids)),
            *_holds(MemberOverride, today),
            *_holds(Membership, today),
            col(Membership.starts_on) <= col(MemberOverride.starts_on),
        )
        .order_by(col(MemberOverride.starts_on), col(MemberOverride.id))
    )
    found: defaultdict[int, list[MemberOverride]] = defaultdict(list)
    for row in session.exec(statement):
        found[row.member_id].append(row)
    return found


def _holds(
    model: type[MemberOverride] | type[Membership], today: date
) -> tuple[sa.ColumnElement[bool], ...]:
    ends_on = col(model.ends_on)
    return (col(model.starts_on) <= today, sa.or_(ends_on.is_(None), ends_on > today))
