"""The tally as everybody sees it on pages: without small numbers of people.

A number under five tells neighbours who has signed or written. Here it is 0, so that no page, order
or file can tell the numbers from 0 to 4 apart. The API has all numbers, as its contract says: see
`docs/guide/members-pages.md`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from models import Campaign
from services.tallies import seat_table, tally_summaries
from services.tallies.neighbours import FEWEST
from services.tallies.seat_table import Tally, TallyRow
from services.tallies.tally_summaries import SummaryRow, TallySummary


def of_campaign(session: Session, campaign: Campaign, *, now: datetime) -> Tally:
    """Returns the tally of `seat_table.of_campaign` without small numbers."""
    return without_small(seat_table.of_campaign(session, campaign, now=now))


def without_small(tally: Tally) -> Tally:
    """Returns the same tally; its rows, and those outside the seats, have no small numbers."""
    return replace(
        tally,
        unknown=_public(tally.unknown),
        overseas=_public(tally.overseas),
        rows=tuple(map(_row, tally.rows)),
    )


def summary_of(tally: Tally) -> TallySummary:
    """Sums up a tally of `seat_table` by party, nation and region, without small sums."""
    summary = tally_summaries.of_tally(tally)
    return replace(
        summary,
        tally=without_small(tally),
        by_party=_groups(summary.by_party),
        by_nation=_groups(summary.by_nation),
        by_region=_groups(summary.by_region),
    )


def _public(count: int) -> int:
    return count if count >= FEWEST else 0


def _row(row: TallyRow) -> TallyRow:
    counts = (row.signatures, row.letters_sent, row.letters_opened)
    if not any(0 < count < FEWEST for count in counts):
        return row
    return row._replace(
        signatures=_public(row.signatures),
        letters_sent=_public(row.letters_sent),
        letters_opened=_public(row.letters_opened),
    )


def _groups(rows: Sequence[SummaryRow]) -> tuple[SummaryRow, ...]:
    return tuple(
        replace(
            row,
            signatures=_public(row.signatures),
            signatures_per_1000=row.signatures_per_1000 if _public(row.signatures) else None,
            letters_sent=_public(row.letters_sent),
        )
        for row in rows
    )
