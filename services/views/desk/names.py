"""SQL conditions for names that came on or off a motion since we first looked at it.

The names of the first look are no news: they were there before.
"""

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import col

from models import MotionEvent, MotionEventKind

_first, _earlier = aliased(MotionEvent), aliased(MotionEvent)
# Somebody who signed and withdrew between two looks never counted.
_WAS_COUNTED = sa.exists().where(
    col(_earlier.motion_id) == MotionEvent.motion_id,
    col(_earlier.member_id) == MotionEvent.member_id,
    col(_earlier.kind) == MotionEventKind.SIGNED,
)
_FIRST_LOOK = (
    sa.select(sa.func.min(col(_first.seen_at)))
    .where(col(_first.motion_id) == MotionEvent.motion_id)
    .correlate(MotionEvent)
    .scalar_subquery()
)
IS_LATER_LOOK: sa.ColumnElement[bool] = col(MotionEvent.seen_at) > _FIRST_LOOK
CHANGE: sa.ColumnElement[int] = sa.case(
    (col(MotionEvent.kind).in_((MotionEventKind.SIGNED, MotionEventKind.RESTORED)), 1),
    (sa.and_(col(MotionEvent.kind) == MotionEventKind.WITHDRAWN, _WAS_COUNTED), -1),
    else_=0,
)
"""By how much an event changes the number of members on a motion."""
