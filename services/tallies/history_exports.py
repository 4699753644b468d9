"""Exports the history of a campaign, one line per day. It contains no personal data."""

from services.files.csv_writing import csv_text
from services.tallies.histories import DailyHistory

COLUMNS = ("day", "signatories", "signatures_a_day", "letters_a_day")


def days_file(history: DailyHistory) -> str:
    """Returns the days as CSV with a header, the earliest first."""
    rows = zip(
        history.days,
        history.signatories,
        history.signatures_a_day,
        history.letters_a_day,
        strict=True,
    )
    return csv_text(COLUMNS, rows)
