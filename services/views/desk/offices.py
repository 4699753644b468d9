"""MPs' offices to which email comes back, with the letters that it kept from arriving."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from models import Campaign, CampaignStatus, DeadAddress, Keyring, Letter, LetterState, Member
from services.mail import dead_addresses


@dataclass(frozen=True, slots=True)
class FailingOffices:
    """How many offices a campaign does not reach, and how many of its letters did not arrive."""

    offices: int
    letters: int


def by_campaign(
    session: Session, organisation_id: UUID, *, keyring: Keyring
) -> dict[UUID, FailingOffices]:
    """Returns the offices that letters of open campaigns do not reach, in one statement.

    A member's new address works at once, so an old one that is dead does not count.
    """
    letters: defaultdict[UUID, list[int]] = defaultdict(list)
    for campaign_id, count in _failing(session, organisation_id, keyring):
        letters[campaign_id].append(count)
    return {
        campaign_id: FailingOffices(offices=len(counts), letters=sum(counts))
        for campaign_id, counts in letters.items()
    }


def _failing(
    session: Session, organisation_id: UUID, keyring: Keyring
) -> Iterator[tuple[UUID, int]]:
    rows = session.execute(_STOPPED, {"organisation_id": organisation_id})
    for campaign_id, email, dead_index, count in rows:
        if email and dead_addresses.index_of(email, keyring) == bytes(dead_index):
            yield campaign_id, count


_STOPPED = (
    sa.select(
        col(Letter.campaign_id),
        col(Member.email),
        col(DeadAddress.address_index),
        sa.func.count(),
    )
    .join(Campaign, col(Campaign.id) == Letter.campaign_id)
    .join(Member, col(Member.id) == Letter.member_id)
    .join(DeadAddress, col(DeadAddress.member_id) == Letter.member_id)
    .where(
        col(Campaign.organisation_id) == sa.bindparam("organisation_id"),
        col(Campaign.status) == CampaignStatus.OPEN,
        # Both states are named, so that the index of letters by state serves.
        col(Letter.state).in_((LetterState.REJECTED, LetterState.HELD)),
        sa.or_(
            col(Letter.state) == LetterState.REJECTED,
            col(Letter.reason) == dead_addresses.REASON,
        ),
    )
    .group_by(col(Letter.campaign_id), col(Member.email), col(DeadAddress.address_index))
)
