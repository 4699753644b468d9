"""Letters that a newer one to the same member about the same motion cannot replace.

Letters without a motion count by their campaign instead.
"""

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
    """Of which there is one letter: the blind index of an address, a member, and what it is about.

    That is a motion's id, or the campaign's if it has no motion.
    """

    address_index: bytes
    member_id: int
    about: int | UUID

    @classmethod
    def of(
        cls, address_index: bytes, *, member_id: int, motion_id: int | None, campaign_id: UUID
    ) -> "LetterKey":
        """Returns the key of a letter."""
        return cls(address_index, member_id, campaign_id if motion_id is None else motion_id)


def is_same(
    supporter_id: UUID, *, member_id: int, motion_id: int | None, campaign_id: UUID
) -> tuple[sa.ColumnElement[bool], ...]:
    """Returns the SQL conditions on the one letter of a supporter, as its UNIQUE constraints do."""
    about = _letter.c.motion_id == motion_id
    if motion_id is None:
        about = sa.and_(_letter.c.motion_id.is_(None), _letter.c.campaign_id == campaign_id)
    return _letter.c.supporter_id == supporter_id, _letter.c.member_id == member_id, about


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
        sa.select(
            _supporter.c.email_index,
            _letter.c.member_id,
            _letter.c.motion_id,
            _letter.c.campaign_id,
        )
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
    return {
        LetterKey.of(bytes(index), member_id=member, motion_id=motion, campaign_id=campaign)
        for index, member, motion, campaign in rows
    }
