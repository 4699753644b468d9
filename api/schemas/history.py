"""The history of a campaign as JSON and as CSV."""

from datetime import datetime

from api.schemas.fields import Answer
from api.schemas.tally_event import TallyEventAnswer, event_answer
from services.files.csv_writing import csv_text
from services.tallies.histories import History, Interval

CSV_COLUMNS = ("at", "signatories", "signatures", "letters_sent", "is_estimated")


class PointAnswer(Answer):
    """The totals at one time.

    Where `is_estimated`, a name came on or off in the course of this day and Parliament gives no
    time for it. It counts from midnight, so `signatories` may be too early by some hours.
    """

    at: datetime
    signatories: int
    signatures: int
    letters_sent: int
    is_estimated: bool


class HistoryAnswer(Answer):
    """The points in order of time.

    `events` are those of the current motion, and starts and ends of notes about members, in the
    same period.
    """

    every: Interval
    points: list[PointAnswer]
    events: list[TallyEventAnswer]


def history_answer(history: History) -> HistoryAnswer:
    """Converts the history of a campaign."""
    return HistoryAnswer(
        every=history.every,
        points=[PointAnswer.model_validate(point) for point in history.points],
        events=[event_answer(event) for event in history.events],
    )


def history_csv(history: History) -> str:
    """Returns the points as CSV, with `at` as in JSON."""
    rows = [
        (
            point.at.isoformat().replace("+00:00", "Z"),
            point.signatories,
            point.signatures,
            point.letters_sent,
            "yes" if point.is_estimated else "no",
        )
        for point in history.points
    ]
    return csv_text(CSV_COLUMNS, rows)
