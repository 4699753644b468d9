"""Tests signed tokens: each is valid for one purpose and for a limited time."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Keyring
from services.common import times
from services.common.tokens import LIFETIMES, Purpose, Tokens
from services.errors import Gone, Invalid
from services.submissions import ending
from tests.support.common import SECRET, START, Clock

OTHER = "another secret that is quite long enough to be one"
RING = Keyring([SECRET])
ORGANISATION = UUID(int=7)


@pytest.mark.parametrize("purpose", sorted(Purpose))
def test_a_token_is_good_for_its_purpose_and_its_time_only(purpose: Purpose) -> None:
    clock = Clock()
    tokens = Tokens(RING, clock)
    row = uuid4()
    token = tokens.issue(purpose, row)
    assert tokens.read(purpose, token) == row
    for other in set(Purpose) - {purpose}:
        with pytest.raises(Invalid):
            tokens.read(other, token)
    clock.now += LIFETIMES[purpose] - timedelta(seconds=2)
    assert tokens.read(purpose, token) == row
    clock.now += timedelta(seconds=4)
    with pytest.raises(Gone):
        tokens.read(purpose, token)


def test_a_token_gives_back_what_it_is_bound_to_and_no_byte_of_it_can_change() -> None:
    tokens, row = Tokens(RING, Clock()), uuid4()
    token = tokens.issue(Purpose.RESET, row, bound_to=b"fingerprint")
    assert tokens.read_bound(Purpose.RESET, token) == (row, b"fingerprint")
    assert tokens.read_bound(Purpose.RESET, tokens.issue(Purpose.RESET, row)) == (row, b"")
    for place in range(len(token)):
        # Two bits of a signature's last character mean nothing: 'A' and 'Q' differ in others.
        forged = f"{token[:place]}{'Q' if token[place] == 'A' else 'A'}{token[place + 1 :]}"
        with pytest.raises(Invalid):
            tokens.read_bound(Purpose.RESET, forged)


@pytest.mark.parametrize("purpose", [Purpose.CONFIRM, Purpose.LETTER])
@pytest.mark.parametrize(
    ("received", "end"),
    [
        ("2026-11-30T15:00", "2026-12-14T00:00"),
        ("2026-12-01T00:00", "2026-12-15T00:00"),  # the day ends when the submission is deleted
        ("2026-11-30T23:59:59", "2026-12-14T00:00"),
        ("2026-07-01T22:59:59", "2026-07-14T23:00"),  # in summer, the day in London ends at 23:00
        ("2026-07-01T23:00", "2026-07-15T23:00"),
        ("2026-10-12T00:30", "2026-10-26T00:00"),  # the last day has 25 hours
        ("2027-03-15T00:30", "2027-03-28T23:00"),  # it has 23 hours
    ],
)
def test_a_link_works_until_the_day_that_its_mail_names_ends_and_not_after_the_deletion(
    purpose: Purpose, received: str, end: str
) -> None:
    clock = Clock(datetime.fromisoformat(received).replace(tzinfo=UTC))
    deleted_at, named = clock.now + ending.KEPT_FOR, ending.last_day(clock.now)
    tokens, row = Tokens(RING, clock), uuid4()
    token = tokens.issue(purpose, row)
    clock.now = datetime.fromisoformat(end).replace(tzinfo=UTC) - timedelta(seconds=1)
    assert clock.now.astimezone(times.LONDON).date() == named
    assert tokens.read(purpose, token) == row
    clock.now = deleted_at
    assert times.today(clock.now) > named
    assert tokens.read(purpose, token) == row
    clock.advance(seconds=1)
    with pytest.raises(Gone):
        tokens.read(purpose, token)


@pytest.mark.parametrize("purpose", [Purpose.CONFIRM, Purpose.LETTER])
@given(
    after=st.timedeltas(timedelta(0), timedelta(days=2000)),
    delay=st.timedeltas(timedelta(0), timedelta(days=14)),
)
def test_a_link_in_a_mail_that_was_late_works_until_its_submission_is_deleted(
    purpose: Purpose, after: timedelta, delay: timedelta
) -> None:
    received_at = START + after
    clock, deleted_at = Clock(received_at + delay), received_at + ending.KEPT_FOR
    named = ending.last_day(received_at)
    # The last whole day. It is the 12th one after midnight, where the clocks go back on the 14th.
    assert times.end_of_day(named) <= deleted_at < times.end_of_day(named + timedelta(days=1))
    tokens, row = Tokens(RING, clock), uuid4()
    token = tokens.issue(purpose, row)
    clock.now = deleted_at
    assert tokens.read(purpose, token) == row


@given(st.text(max_size=120))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    with pytest.raises(Invalid):
        Tokens(RING, Clock()).read(Purpose.CONFIRM, text)


@pytest.mark.parametrize("purpose", [Purpose.CONFIRM, Purpose.RESET])
def test_a_token_from_a_clock_ahead_of_ours_is_good(purpose: Purpose) -> None:
    """The clock of another machine may be ahead, or this clock may have been corrected."""
    ahead, row = Clock(), uuid4()
    ahead.advance(minutes=5)
    token = Tokens(RING, ahead).issue(purpose, row)
    assert Tokens(RING, Clock()).read(purpose, token) == row


def test_tokens_outlive_a_new_secret_but_not_the_loss_of_theirs() -> None:
    clock, row = Clock(), uuid4()
    token = Tokens(RING, clock).issue(Purpose.CONFIRM, row)
    assert Tokens(Keyring([OTHER, SECRET]), clock).read(Purpose.CONFIRM, token) == row
    with pytest.raises(Invalid):
        Tokens(Keyring([OTHER]), clock).read(Purpose.CONFIRM, token)


def test_a_link_with_its_token_fits_on_a_line_of_a_mail() -> None:
    token = Tokens(RING, Clock()).issue(Purpose.CONFIRM, uuid4())
    assert len(token) <= 80
