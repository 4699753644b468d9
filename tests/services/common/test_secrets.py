"""Keys, tokens and what they protect."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Keyring, Private
from services.common.tokens import LIFETIMES, Purpose, Tokens
from services.errors import Gone, Invalid
from tests.support.common import SECRET, Clock

OTHER = "another secret that is quite long enough to be one"
RING = Keyring([SECRET])
ORGANISATION = UUID(int=7)


@given(st.text())
def test_what_is_sealed_opens_again(text: str) -> None:
    sealed = RING.seal(Private(ORGANISATION, text), "a.column")
    assert RING.open(sealed, "a.column") == Private(ORGANISATION, text)


def test_the_same_text_is_sealed_differently_every_time() -> None:
    value = Private(ORGANISATION, "text")
    assert RING.seal(value, "a.column") != RING.seal(value, "a.column")


@given(st.data())
def test_a_changed_byte_does_not_open(data: st.DataObject) -> None:
    sealed = bytearray(RING.seal(Private(ORGANISATION, "text"), "a.column"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ValueError, match="does not open"):
        RING.open(bytes(sealed), "a.column")


def test_an_old_secret_still_opens_after_a_new_one_was_put_in_front() -> None:
    sealed = RING.seal(Private(ORGANISATION, "text"), "a.column")
    both = Keyring([OTHER, SECRET])
    assert both.open(sealed, "a.column").text == "text"
    newer = both.seal(Private(ORGANISATION, "text"), "a.column")
    assert newer[0] == 2
    with pytest.raises(ValueError, match="does not open"):
        RING.open(newer, "a.column")
    assert both.blind_index(ORGANISATION, "a@b.org") == RING.blind_index(ORGANISATION, "a@b.org")


def test_an_address_has_another_index_in_every_organisation() -> None:
    assert RING.blind_index(UUID(int=1), "a@b.org") != RING.blind_index(UUID(int=2), "a@b.org")


def test_a_private_text_does_not_show_itself() -> None:
    assert "secret" not in repr(Private(ORGANISATION, "secret"))


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
    """Of another machine, or of this one before its clock was put right."""
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
