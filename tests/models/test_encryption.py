"""Tests private columns: encryption, the choice of secret and the index of addresses."""

import threading
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Keyring, Private
from models.encryption import StoredSecret, WrongSecret
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


PURPOSE = "a.column"
# Rings whose values have different versions, or have one that the opening ring does not know.
SEALERS = (RING, Keyring([OTHER, SECRET]), Keyring([OTHER]))
OPENER = Keyring([OTHER, SECRET])


@given(
    st.lists(
        st.none() | st.tuples(st.sampled_from(SEALERS), st.sampled_from([1, 2, 7]), st.text()),
        max_size=12,
    )
)
def test_a_column_opens_as_its_values_do_one_by_one(
    column: list[tuple[Keyring, int, str] | None],
) -> None:
    sealed = [
        each and each[0].seal(Private(UUID(int=each[1]), each[2]), PURPOSE) for each in column
    ]
    assert OPENER.texts_of(sealed, PURPOSE) == [each and each[2] for each in column]
    assert OPENER.texts_of(sealed, PURPOSE) == [
        each and OPENER.text_of(each, PURPOSE) for each in sealed
    ]


@given(st.data())
def test_one_damaged_value_in_a_column_is_refused(data: st.DataObject) -> None:
    """Its version, organisation, nonce, text and tag: each byte of them counts."""
    values = [Private(ORGANISATION, f"text {number}") for number in range(3)]
    sealed: list[bytes | None] = [None, *RING.seal_all(values, PURPOSE)]
    which = data.draw(st.integers(1, 3))
    damaged = bytearray(sealed[which] or b"")
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    sealed[which] = bytes(damaged)
    with pytest.raises(ValueError, match="does not open"):
        RING.texts_of(sealed, PURPOSE)


def test_a_value_in_the_column_of_another_purpose_or_organisation_is_refused() -> None:
    ours, theirs = (RING.seal(Private(UUID(int=n), "text"), PURPOSE) for n in (7, 8))
    assert RING.texts_of([ours, theirs, ours], PURPOSE) == ["text"] * 3
    relabelled = theirs[:1] + ours[1:17] + theirs[17:]
    with pytest.raises(ValueError, match="does not open"):
        RING.texts_of([ours, relabelled, ours], PURPOSE)
    with pytest.raises(ValueError, match="does not open"):
        RING.texts_of([ours, ours], "another.column")


def test_an_old_secret_still_opens_after_a_new_one_was_put_in_front() -> None:
    sealed = RING.seal(Private(ORGANISATION, "text"), "a.column")
    both = Keyring([OTHER, SECRET])
    assert both.open(sealed, "a.column").text == "text"
    newer = both.seal(Private(ORGANISATION, "text"), "a.column")
    assert newer[0] == 2
    with pytest.raises(ValueError, match="does not open"):
        RING.open(newer, "a.column")
    assert both.blind_index(ORGANISATION, "a@b.org") == RING.blind_index(ORGANISATION, "a@b.org")


def stored(ring: Keyring, *places: int) -> list[StoredSecret]:
    """Returns rows of the versions 1, 2, ..., whose secrets have these places in the ring."""
    return [
        StoredSecret(version, ring.seal_root(version, place), is_retired=False)
        for version, place in enumerate(places, start=1)
    ]


def test_the_root_of_the_first_secret_outlives_it() -> None:
    both = Keyring([OTHER, SECRET])
    _, newest = stored(both, 1, 0)
    alone = Keyring([OTHER])
    alone.learn([newest])
    assert alone.blind_index(ORGANISATION, "a@b.org") == RING.blind_index(ORGANISATION, "a@b.org")
    assert alone.request_index(b"a") == RING.request_index(b"a")
    assert alone.seal(Private(ORGANISATION, "text"), "a.column")[0] == 2


def test_a_version_that_was_stored_since_the_start_is_opened_by_trying() -> None:
    running, rotated = Keyring([OTHER, SECRET]), Keyring([OTHER, SECRET])
    rows = stored(running, 1, 0)
    running.learn(rows[:1])
    rotated.learn(rows)
    sealed = rotated.seal(Private(ORGANISATION, "text"), "a.column")
    assert (sealed[0], running.newest) == (2, 1)
    assert running.open(sealed, "a.column").text == "text"
    with pytest.raises(ValueError, match="does not open"):
        running.open(sealed, "another.column")


def test_a_secret_that_is_not_stored_seals_and_signs_nothing() -> None:
    ring = Keyring([OTHER, SECRET])
    before = RING.token_keys()[-1]
    assert ring.token_keys()[-1] != before
    ring.learn(stored(ring, 1))
    assert ring.token_keys()[-1] == before
    assert len(ring.token_keys()) == 2
    assert RING.open(ring.seal(Private(ORGANISATION, "text"), "a.column"), "a.column")


def test_learning_the_same_again_changes_nothing() -> None:
    ring = Keyring([OTHER, SECRET])
    rows = stored(ring, 1, 0)
    ring.learn(rows)
    generation = ring.generation
    ring.learn(rows)
    assert ring.generation == generation


@pytest.mark.parametrize(
    ("secrets", "missing", "opened"),
    [((SECRET,), (2,), (1,)), ((OTHER,), (1,), (2,)), (("wrong" * 8,), (1, 2), ())],
    ids=["the newest", "the oldest", "both"],
)
def test_secrets_that_open_too_little_are_refused(
    secrets: tuple[str, ...], missing: tuple[int, ...], opened: tuple[int, ...]
) -> None:
    ring = Keyring(secrets)
    with pytest.raises(WrongSecret) as caught:
        ring.learn(stored(Keyring([OTHER, SECRET]), 1, 0))
    assert (caught.value.missing, caught.value.opened) == (missing, opened)
    assert ring.newest == 1, "nothing was taken over"


@pytest.mark.parametrize("_round", range(20))
def test_a_thread_that_seals_while_another_learns_makes_only_values_that_open(_round: int) -> None:
    ring = Keyring([OTHER, SECRET])
    rows = stored(ring, 1, 0)
    ring.learn(rows[:1])
    sealed: list[bytes] = []

    def seal() -> None:
        while not sealed or sealed[-1][0] == 1:
            sealed.append(ring.seal(Private(UUID(int=len(sealed) % 50), "text"), "a.column"))

    thread = threading.Thread(target=seal)
    thread.start()
    while not sealed:
        pass
    ring.learn(rows)
    thread.join(30)
    assert sealed[-1][0] == 2
    assert all(ring.opens(value, "a.column", strictly=True) for value in sealed)


def test_an_address_has_another_index_in_every_organisation() -> None:
    assert RING.blind_index(UUID(int=1), "a@b.org") != RING.blind_index(UUID(int=2), "a@b.org")


def test_a_private_text_does_not_show_itself() -> None:
    assert "secret" not in repr(Private(ORGANISATION, "secret"))
