"""Pages of letters for API clients that synchronise a copy."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import Letter, Member
from models.base import table_of
from services.database.time_windows import PageRange, TimeBound, any_after, conditions
from services.database.totals import counted
from services.errors import NotFound

_letter = table_of(Letter)
_TIMES = any_after(
    _letter.c.created_at, _letter.c.confirmed_at, _letter.c.sent_at, _letter.c.bounced_at
)


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Selects letters of a campaign, a supporter, or both.

    The caller has checked that both belong to the client's organisation.
    """

    campaign_id: UUID | None = None
    supporter_id: UUID | None = None

    def has(self, letter: Letter) -> bool:
        """True if the filter selects a letter."""
        return self.campaign_id in (None, letter.campaign_id) and self.supporter_id in (
            None,
            letter.supporter_id,
        )


@dataclass(frozen=True, slots=True)
class LetterView:
    """A letter and its recipient."""

    letter: Letter
    member: Member


def page(
    session: Session,
    letter_filter: LetterFilter,
    where: PageRange,
    *,
    bounds: Sequence[TimeBound] = (),
) -> list[LetterView]:
    """Lists letters in any state, the oldest first."""
    statement = (
        select(Letter, Member)
        .join(Member, col(Member.id) == Letter.member_id)
        .where(*conditions(bounds, created=_letter.c.created_at, modified=_TIMES))
    )
    statement = statement.where(*_selected(letter_filter))
    statement = statement.order_by(col(Letter.id)).offset(where.offset).limit(where.limit)
    return [LetterView(letter, member) for letter, member in session.exec(statement)]


def total(session: Session, letter_filter: LetterFilter) -> int | None:
    """Returns how many letters the filter selects; None as `counted`."""
    return counted(session, sa.select(_letter.c.id).where(*_selected(letter_filter)))


def _selected(letter_filter: LetterFilter) -> list[sa.ColumnElement[bool]]:
    wanted = (
        (_letter.c.campaign_id, letter_filter.campaign_id),
        (_letter.c.supporter_id, letter_filter.supporter_id),
    )
    return [column == value for column, value in wanted if value is not None]


def get(session: Session, letter_id: UUID, letter_filter: LetterFilter) -> LetterView:
    """Returns a letter that the filter selects, or raises NotFound."""
    letter = session.get(Letter, letter_id, populate_existing=True)
    if letter is None or not letter_filter.has(letter):
        raise NotFound("outreach_unknown", "There is no such outreach.")
    return LetterView(letter, session.get_one(Member, letter.member_id))
