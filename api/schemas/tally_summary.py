"""Bodies of the tally by party, by nation and by region, as JSON and as CSV."""

from datetime import datetime

from api.schemas.fields import Answer
from api.schemas.tally import TallyMembers, TallyMotion, TallySignatures, motion_answer
from services.files.csv_writing import csv_text, two_digits
from services.tallies.tally_summaries import SummaryRow, TallySummary

CSV_COLUMNS = (
    "name",
    "seats",
    "seats_filled",
    "can_sign",
    "signed",
    "withdrawn",
    "signed_of_can_sign",
    "signatures",
    "letters_sent",
    "electorate",
    "signatures_per_1000",
    "signed_in_seats",
)


class WithoutSeat(Answer):
    """Members who signed or withdrew and no longer hold a seat. They are in no row."""

    signed: int
    withdrawn: int


class SummaryRowAnswer(Answer):
    """The seats of one party, nation or region. By party, vacant seats are a row 'Vacant'.

    A row has seats alone, so that `signed_in_seats` equals `signed`.
    `signed_of_can_sign` is between 0 and 1, or null if nobody can sign. `electorate` and
    `signatures_per_1000` are null unless the electorate of every seat is known.
    """

    name: str
    seats: int
    seats_filled: int
    can_sign: int
    signed: int
    withdrawn: int
    signed_of_can_sign: float | None
    signatures: int
    letters_sent: int
    electorate: int | None
    signatures_per_1000: float | None
    signed_in_seats: int


class SummaryAnswer(Answer):
    """The rows of each grouping.

    With `without_seat`, and with unknown and overseas signatures, they add up to `members` and
    `signatures`, which are those of the tally.
    """

    as_of: datetime
    motion: TallyMotion | None
    members: TallyMembers
    signatures: TallySignatures
    without_seat: WithoutSeat
    by_party: list[SummaryRowAnswer]
    by_nation: list[SummaryRowAnswer]
    by_region: list[SummaryRowAnswer]


def summary_answer(summary: TallySummary) -> SummaryAnswer:
    """Converts the summary of a tally."""
    tally = summary.tally
    return SummaryAnswer(
        as_of=tally.as_of,
        motion=motion_answer(tally),
        members=TallyMembers.model_validate(tally),
        signatures=TallySignatures.model_validate(tally),
        without_seat=WithoutSeat(
            signed=summary.signed_without_seat, withdrawn=summary.withdrawn_without_seat
        ),
        by_party=_rows(summary.by_party),
        by_nation=_rows(summary.by_nation),
        by_region=_rows(summary.by_region),
    )


def summary_csv(rows: tuple[SummaryRow, ...]) -> str:
    """Returns the rows of one grouping as CSV."""
    return csv_text(CSV_COLUMNS, map(_cells, rows))


def _rows(rows: tuple[SummaryRow, ...]) -> list[SummaryRowAnswer]:
    return [SummaryRowAnswer.model_validate(row) for row in rows]


def _cells(row: SummaryRow) -> tuple[object, ...]:
    share = row.signed_of_can_sign
    return (
        row.name,
        row.seats,
        row.seats_filled,
        row.can_sign,
        row.signed,
        row.withdrawn,
        None if share is None else f"{share:.3f}",
        row.signatures,
        row.letters_sent,
        row.electorate,
        two_digits(row.signatures_per_1000),
        row.signed_in_seats,
    )
