"""How many people of one constituency have signed and written, for somebody who lives there."""

from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import LetterTally, PetitionTally
from models.base import table_of
from services.tallies import counts

FEWEST = 5
"""Fewer are not shown: small numbers tell who has signed."""
_signed, _written = table_of(PetitionTally), table_of(LetterTally)


class Neighbours(NamedTuple):
    """The other signers of a constituency, and the letters that were sent from it."""

    signed: int
    written: int


def of_signer(
    session: Session, *, petition_id: UUID, campaign_id: UUID, motion_id: int | None, code: str
) -> Neighbours | None:
    """Returns a signer's neighbours in one statement; None if there are fewer than five."""
    signed = (
        sa.select(_signed.c.confirmed)
        .where(_signed.c.petition_id == petition_id, _signed.c.constituency_code == code)
        .scalar_subquery()
    )
    written = (
        sa.select(_written.c.sent)
        .where(
            _written.c.campaign_id == campaign_id,
            _written.c.motion_key == counts.motion_key(motion_id),
            _written.c.constituency_code == code,
        )
        .scalar_subquery()
    )
    row = session.connection().execute(sa.select(signed, written)).one()
    others = (row[0] or 0) - 1  # without the signer
    return Neighbours(others, row[1] or 0) if others >= FEWEST else None
