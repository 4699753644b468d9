"""Whether tallies are right: at a glance by what they sum up to, or by counting every row.

Each comparison is one statement, so that it sees one moment, also while people sign.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    Letter,
    LetterState,
    LetterTally,
    PetitionHour,
    PetitionTally,
    Signature,
    SignatureState,
)
from models.base import table_of
from services.operations.findings import Finding

_signature, _letter = table_of(Signature), table_of(Letter)
_petition_tally, _letter_tally = table_of(PetitionTally), table_of(LetterTally)
_hour = table_of(PetitionHour)


def at_a_glance(session: Session) -> list[Finding]:
    """Petitions whose seats do not sum up to their hours, which change with them.

    Reads no signatures, and so overlooks what is wrong in both, or in two seats that make up for
    each other.
    """
    kept = _petition_tally.c.confirmed
    by_hour = sa.select(_hour.c.petition_id, sa.func.sum(_hour.c.change)).group_by(
        _hour.c.petition_id
    )
    return [
        Finding(f"Petition {petition}: its seats sum up to {seats}, its hours to {hours}.")
        for petition, seats, hours in _differing(session, _petition_tally, kept, by_hour)
    ]


def recount(session: Session, *, tell: Callable[[str], None]) -> list[Finding]:
    """Every difference between tallies and rows. Reads all signatures and letters; `tell` hears
    what is being counted."""
    tell("Counting the signatures of every petition and seat ...")
    found = [
        f"Petition {petition}, {code}: the tally says {kept}, the signatures {real}."
        for petition, code, kept, real in wrong_signatures(session)
    ]
    tell("Counting the letters of every campaign, motion and seat ...")
    found += [
        f"Campaign {campaign}, motion {motion}, {code}: the tally says {kept}, the letters {real}."
        for campaign, motion, code, kept, real in wrong_letters(session)
    ]
    return [Finding(text) for text in found]


def wrong_signatures(session: Session) -> list[tuple[UUID, str, int, int]]:
    """Where a tally is not the count of confirmed signatures: petition, seat, tally, count."""
    key = _signature.c.petition_id, _signature.c.constituency_code
    counted = (
        sa.select(*key, sa.func.count())
        .where(_signature.c.state == SignatureState.CONFIRMED)
        .group_by(*key)
    )
    return _differing(session, _petition_tally, _petition_tally.c.confirmed, counted)


def wrong_letters(session: Session) -> list[tuple[UUID, int, str, int, int]]:
    """Where a tally is not the count of letters that were sent and have not come back: campaign,
    motion, seat, tally, count. Of those that writers opened elsewhere there are no rows."""
    key = _letter.c.campaign_id, _letter.c.motion_id, _letter.c.constituency_code
    counted = (
        sa.select(*key, sa.func.count()).where(_letter.c.state == LetterState.SENT).group_by(*key)
    )
    return _differing(session, _letter_tally, _letter_tally.c.sent, counted)


def _differing(
    session: Session, tally: sa.Table, kept: sa.Column[int], counted: sa.Select[*tuple[Any, ...]]
) -> list[Any]:
    """Rows of key, kept and counted where the last two differ; the key has the names that it has
    in `counted`, whose last column is the count."""
    *names, number = counted.subquery("counted").c
    nothing: sa.ColumnElement[int] = sa.literal_column("0")
    both = sa.union_all(
        sa.select(
            *(tally.c[name.name] for name in names), kept.label("kept"), nothing.label("real")
        ),
        sa.select(*names, nothing, number),
    ).subquery("both")
    key = [both.c[name.name] for name in names]
    sums = sa.func.sum(both.c.kept), sa.func.sum(both.c.real)
    statement = sa.select(*key, *sums).group_by(*key).having(sums[0] != sums[1]).order_by(*key)
    found = session.connection().execute(statement)
    return [(*row[:-2], int(row[-2]), int(row[-1])) for row in found]
