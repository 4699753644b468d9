"""Tests signed tokens: each is valid for one purpose and for a limited time."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Keyring
from services.common.tokens import LIFETIMES, Purpose, Tokens
from services.errors import Gone, Invalid
from tests.support.common import SECRET, Clock

OTHER = "another secret that is quite long enough to be one"
RING = Keyring([SECRET])
ORGANISATION = UUID(int=7)


@pytest.mark.parametrize("purpose", list(Purpose))
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


@given(st.text(max_size=120))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    with pytest.raises(Invalid):
        Tokens(RING, Clock()).read(Purpose.CONFIRM, text)


@pytest.mark.parametrize("purpose", [Purpose.CONFIRM, Purpose.ORGANISER])
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
