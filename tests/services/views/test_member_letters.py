"""Tests that the counts of what writers heard show no small group, and no way to work one out."""

import random
from datetime import UTC, date, datetime, timedelta

from models import LetterOutcome
from services.views.desk.members.member_letters import FEWEST, Heard, SentLetters

AT = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
OUTCOMES = [*LetterOutcome, None]


def letters(*counts: int) -> SentLetters:
    """Returns letters with so many of each outcome, the last without one."""
    pairs = zip(OUTCOMES, counts, strict=True)
    return SentLetters(tuple((AT, 1, outcome) for outcome, count in pairs for _ in range(count)))


def test_no_group_of_fewer_than_five_can_be_worked_out() -> None:
    chance = random.Random(19)
    shown_singly = 0
    for _ in range(3000):
        counts = [chance.choice((0, 1, 2, 4, 5, 6, 30)) for _ in OUTCOMES]
        shown = letters(*counts)
        rows = shown.heard()
        assert all(row.letters == 0 or row.letters >= FEWEST for row in rows), counts
        assert not rows or sum(row.letters for row in rows) == sum(counts), counts
        replies = shown.replies
        assert replies is None or replies == sum(counts[:2]), counts
        # The page shows the total too: the rest of it is no small group either.
        rest = sum(counts) - (replies or 0)
        assert replies is None or rest == 0 or rest >= FEWEST, counts
        shown_singly += len(rows) == len(OUTCOMES)
    assert shown_singly > 100


def test_few_of_one_kind_are_counted_with_the_kind_beside_it() -> None:
    rows = letters(2, 4, 19, 24).heard()
    assert [(row.kinds, row.letters) for row in rows] == [
        ((Heard.ANSWERED, Heard.ACKNOWLEDGED), 6),
        ((Heard.NOT_ANSWERED,), 19),
        ((Heard.NO_WORD,), 24),
    ]
    assert letters(2, 2, 19, 24).heard() == ()
    assert letters(2, 2, 19, 24).replies is None
    assert letters(0, 0, 0, 0).replies == 0


def test_weeks_begin_on_mondays_in_london_and_have_no_gaps() -> None:
    # Half past midnight on a Monday in London is Sunday evening in UTC.
    days = [datetime(2026, 6, 7, 23, 30, tzinfo=UTC), datetime(2026, 6, 23, 9, 0, tzinfo=UTC)]
    sent = SentLetters(tuple((at, 1, None) for at in days))
    weeks = sent.by_week(date(2026, 7, 1))
    assert weeks == [
        (date(2026, 6, 8), 1),
        (date(2026, 6, 15), 0),
        (date(2026, 6, 22), 1),
        (date(2026, 6, 29), 0),
    ]
    assert sent.by_week(date(2026, 6, 1))[-1] == (date(2026, 6, 22), 1), "no letter is left out"
    assert SentLetters(()).by_week(date(2026, 6, 1)) == []


def test_letters_of_a_seat_know_who_got_them_and_since_when() -> None:
    sent = SentLetters(((AT, 1, None), (AT + timedelta(days=9), 2, None)))
    assert (sent.to(2, since=AT), sent.to(1, since=AT), sent.to_others(2)) == (1, 0, 1)
