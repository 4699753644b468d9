"""Checks tallies, quickly by their sums or completely by counting every row.

Each comparison is one statement, so it sees one state of the database, also while people sign.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    Letter,
    LetterHour,
    LetterState,
    LetterTally,
    PetitionHour,
    PetitionTally,
    Signature,
    SignatureState,
)
from models.base import table_of
from services.database.hours import HourOf
from services.operations.findings import Finding
from services.tallies import counts

_signature, _letter = table_of(Signature), table_of(Letter)
_petition_tally, _letter_tally = table_of(PetitionTally), table_of(LetterTally)
_hour, _letter_hour = table_of(PetitionHour), table_of(LetterHour)


def compare_sums(session: Session) -> list[Finding]:
    """Finds petitions and campaigns whose counts per seat and per hour have different sums.

    Reads no signatures and letters, so it overlooks errors that are equal in both, or that cancel
    out between two seats.
    """
    by_hour = sa.select(_hour.c.petition_id, sa.func.sum(_hour.c.change)).group_by(
        _hour.c.petition_id
    )
    letters = sa.select(_letter_hour.c.campaign_id, sa.func.sum(_letter_hour.c.sent)).group_by(
        _letter_hour.c.campaign_id
    )
    return [
        Finding(
            f"Petition {petition}: its seats sum up to {seats}, its hours to {hours}.",
            code="tally_sums_differ",
        )
        for petition, seats, hours in _differences(
            session, _petition_tally, _petition_tally.c.confirmed, by_hour
        )
    ] + [
        Finding(
            f"Campaign {campaign}: its seats sum up to {seats} letters, its hours to {hours}.",
            code="letter_sums_differ",
        )
        for campaign, seats, hours in _differences(
            session, _letter_tally, _letter_tally.c.sent, letters
        )
    ]


def recount(session: Session, *, report: Callable[[str], None]) -> list[Finding]:
    """Finds all differences between tallies and rows. Reads all signatures and letters.

    `report` is called with a line of text before each part.
    """
    report("Counting the signatures of every petition and seat ...")
    findings = [
        Finding(
            f"Petition {petition}, {seat}: the tally says {tally}, the signatures {count}.",
            code="tally_signatures_differ",
        )
        for petition, seat, tally, count in wrong_signatures(session)
    ]
    report("Counting the letters of every campaign, motion and seat ...")
    findings += [
        Finding(
            f"Campaign {campaign}, {f'motion {motion}' if motion else 'no motion'}, {seat}: "
            f"the tally says {tally}, the letters {sent}.",
            code="tally_letters_differ",
        )
        for campaign, motion, seat, tally, sent in wrong_letters(session)
    ]
    findings += [
        Finding(
            f"Campaign {campaign}, the hour from {hour:%Y-%m-%d %H:%M} UTC: the count is {count}, "
            f"the letters are {sent}.",
            code="letter_hours_differ",
        )
        for campaign, hour, count, sent in wrong_letter_hours(session)
    ]
    return findings


def wrong_signatures(session: Session) -> list[tuple[UUID, str, int, int]]:
    """Returns petition, seat, tally and count where a tally differs from confirmed signatures."""
    key = _signature.c.petition_id, _signature.c.constituency_code
    confirmed = (
        sa.select(*key, sa.func.count())
        .where(_signature.c.state == SignatureState.CONFIRMED)
        .group_by(*key)
    )
    return _differences(session, _petition_tally, _petition_tally.c.confirmed, confirmed)


def wrong_letters(session: Session) -> list[tuple[UUID, int, str, int, int]]:
    """Returns campaign, motion, seat, tally and count where a tally differs from the sent letters.

    The motion is 0 for letters from when the campaign had none. Letters that bounced do not count.
    Letters that people opened in their own email program have no rows, and are not checked.
    """
    motion_key = sa.func.coalesce(_letter.c.motion_id, sa.literal_column(str(counts.NO_MOTION)))
    key = _letter.c.campaign_id, motion_key.label("motion_key"), _letter.c.constituency_code
    sent = (
        sa.select(*key, sa.func.count()).where(_letter.c.state == LetterState.SENT).group_by(*key)
    )
    return _differences(session, _letter_tally, _letter_tally.c.sent, sent)


def wrong_letter_hours(session: Session) -> list[tuple[UUID, datetime, int, int]]:
    """Returns campaign, hour, count and letters where an hour's count differs from its letters."""
    hour = HourOf(_letter.c.sent_at)
    counts = (
        sa.select(_letter.c.campaign_id, hour.label("hour"), sa.func.count())
        .where(_letter.c.state == LetterState.SENT, _letter.c.sent_at.is_not(None))
        .group_by(_letter.c.campaign_id, hour)
    )
    return _differences(session, _letter_hour, _letter_hour.c.sent, counts)


def _differences(
    session: Session, tally: sa.Table, value: sa.Column[int], counts: sa.Select[*tuple[Any, ...]]
) -> list[Any]:
    """Returns rows of key, tally and count where tally and count differ.

    `value` is the column of the tally. The last column of `counts` is the count; the others are
    the key, and the tally has columns of the same names.
    """
    *key_columns, count = counts.subquery("counted").c
    zero: sa.ColumnElement[int] = sa.literal_column("0")
    both = sa.union_all(
        sa.select(
            *(tally.c[column.name] for column in key_columns),
            value.label("kept"),
            zero.label("real"),
        ),
        sa.select(*key_columns, zero, count),
    ).subquery("both")
    key = [both.c[column.name] for column in key_columns]
    sums = sa.func.sum(both.c.kept), sa.func.sum(both.c.real)
    statement = sa.select(*key, *sums).group_by(*key).having(sums[0] != sums[1]).order_by(*key)
    rows = session.connection().execute(statement)
    return [(*row[:-2], int(row[-2]), int(row[-1])) for row in rows]
