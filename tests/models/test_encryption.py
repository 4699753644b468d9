"""Tests private columns: encryption, the choice of secret and the index of addresses."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Keyring, Private
from tests.support.common import SECRET

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
