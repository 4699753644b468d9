"""Letters that a newer one to the same member about the same motion cannot replace."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import Letter, LetterAnswer, LetterState, MemberReply, Supporter
from models.base import table_of
from services.database.bulk import BulkLookup

_letter, _supporter = table_of(Letter), table_of(Supporter)
_answer, _reply = table_of(LetterAnswer), table_of(MemberReply)
_NOT_SENT = (
    LetterState.PENDING,
    LetterState.CANCELLED,
    LetterState.HELD,
    LetterState.REJECTED,
)


class LetterKey(NamedTuple):
    """Of which there is one letter: the blind index of an address, a member and a motion."""

    address_index: bytes
    member_id: int
    motion_id: int


def stands() -> sa.ColumnElement[bool]:
    """Returns the SQL condition on letters: on its way or gone, or something was said of it.

    A letter that bounced late stays if its writer has already told us about an answer.
    """
    return sa.or_(
        _letter.c.state.not_in(_NOT_SENT),
        sa.exists().where(_answer.c.letter_id == _letter.c.id),
        sa.exists().where(_reply.c.letter_id == _letter.c.id),
    )


_STANDING = BulkLookup(
    lambda among: (
        sa.select(_supporter.c.email_index, _letter.c.member_id, _letter.c.motion_id)
        .join(_letter, _letter.c.supporter_id == _supporter.c.id)
        .where(
            among(_supporter.c.organisation_id, "organisations"),
            among(_supporter.c.email_index, "indexes"),
            stands(),
        )
    )
)


def of_addresses(
    session: Session, organisation_ids: Collection[UUID], indexes: Collection[bytes]
) -> set[LetterKey]:
    """Returns the standing letters of these organisations' supporters with these addresses."""
    if not indexes:
        return set()
    rows = _STANDING.rows(session, organisations=list(organisation_ids), indexes=list(indexes))
    return {LetterKey(bytes(index), member_id, motion_id) for index, member_id, motion_id in rows}
