"""Letters by pages, as programs read them that keep a copy."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session, col, select

from models import Letter, Member
from models.base import table_of
from services.database.time_windows import PageRange, TimeBound, any_after, conditions
from services.errors import NotFound

_letter = table_of(Letter)
_TIMES = any_after(
    _letter.c.created_at, _letter.c.confirmed_at, _letter.c.sent_at, _letter.c.bounced_at
)


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Of a campaign, a supporter, or both, which are the reader's own: the caller has made sure."""

    campaign_id: UUID | None = None
    supporter_id: UUID | None = None

    def has(self, letter: Letter) -> bool:
        """Whether a letter is one of these."""
        return self.campaign_id in (None, letter.campaign_id) and self.supporter_id in (
            None,
            letter.supporter_id,
        )


@dataclass(frozen=True, slots=True)
class LetterView:
    """A letter and to whom it is."""

    letter: Letter
    member: Member


def page(
    session: Session, whose: LetterFilter, where: PageRange, *, bounds: Sequence[TimeBound] = ()
) -> list[LetterView]:
    """Oldest first, in whatever state."""
    statement = (
        select(Letter, Member)
        .join(Member, col(Member.id) == Letter.member_id)
        .where(*conditions(bounds, created=_letter.c.created_at, modified=_TIMES))
    )
    if whose.campaign_id is not None:
        statement = statement.where(Letter.campaign_id == whose.campaign_id)
    if whose.supporter_id is not None:
        statement = statement.where(Letter.supporter_id == whose.supporter_id)
    statement = statement.order_by(col(Letter.id)).offset(where.offset).limit(where.limit)
    return [LetterView(letter, member) for letter, member in session.exec(statement)]


def get(session: Session, letter_id: UUID, whose: LetterFilter) -> LetterView:
    """One of these, or NotFound."""
    found = session.get(Letter, letter_id, populate_existing=True)
    if found is None or not whose.has(found):
        raise NotFound("outreach_unknown", "There is no such outreach.")
    return LetterView(found, session.get_one(Member, found.member_id))
