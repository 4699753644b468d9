"""Tests of the token of the page after signing."""

import base64
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Keyring, Private
from services.submissions import payload, sent_tokens
from services.submissions.sent_tokens import SentSubmission
from tests.support.common import PETITION, SECRET, START

RING = Keyring([SECRET])
SENT = SentSubmission(uuid4(), PETITION, "S14000023", sent_tokens.masked("anna@example.org"), START)


def bytes_of(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "==")


def test_a_token_says_what_was_put_into_it() -> None:
    opened = sent_tokens.open_sealed(sent_tokens.seal(SENT, RING), RING, now=START)
    assert opened == SENT
    assert (opened.address, opened.domain) == ("a…@example.org", "example.org")
    again = sent_tokens.open_sealed(sent_tokens.seal(SENT.again(), RING), RING, now=START)
    assert again is not None
    assert (again.is_sent_again, again.sent_at) == (True, START)


def test_a_token_works_for_thirty_minutes_also_after_its_button_was_used() -> None:
    for sent in (SENT, SENT.again()):
        token = sent_tokens.seal(sent, RING)
        before = START + timedelta(minutes=30) - timedelta(seconds=1)
        assert sent_tokens.open_sealed(token, RING, now=before) is not None
        assert sent_tokens.open_sealed(token, RING, now=START + timedelta(minutes=30)) is None


def test_nobody_reads_a_token_without_the_secret() -> None:
    token = sent_tokens.seal(SENT, RING)
    for hidden in (b"example.org", b"S14000023", PETITION.encode(), SENT.submission_id.bytes):
        assert hidden not in bytes_of(token)
        assert hidden not in token.encode()
    assert SENT.submission_id.hex not in token
    assert sent_tokens.seal(SENT, RING) != token, "the same content looks different each time"
    assert sent_tokens.open_sealed(token, Keyring(["another secret" * 3]), now=START) is None


def test_tokens_of_two_addresses_of_one_length_have_one_length() -> None:
    """So the answer to a post shows nothing but what was typed."""
    other = SentSubmission(uuid4(), PETITION, "E14001172", "b…@example.com", START)
    assert len(sent_tokens.seal(SENT, RING)) == len(sent_tokens.seal(other, RING))


@pytest.mark.parametrize("place", [0, 1, 5, 17, 30, 60, -1])
def test_a_changed_token_is_no_token(place: int) -> None:
    sealed = bytearray(bytes_of(sent_tokens.seal(SENT, RING)))
    sealed[place] ^= 1
    token = base64.urlsafe_b64encode(sealed).decode()
    assert sent_tokens.open_sealed(token, RING, now=START) is None


@given(st.text(max_size=2000))
def test_no_text_is_a_token_by_chance(text: str) -> None:
    assert sent_tokens.open_sealed(text, RING, now=START) is None


@pytest.mark.parametrize("owner", [UUID(int=0), uuid4()])
def test_what_was_sealed_for_another_purpose_is_no_token(owner: UUID) -> None:
    sealed = RING.seal(Private(owner, '["00"]'), payload.PURPOSE)
    token = base64.urlsafe_b64encode(sealed).decode()
    assert sent_tokens.open_sealed(token, RING, now=START) is None


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("anna@example.org", "a…@example.org"),
        ("a@example.org", "a…@example.org"),
        ('"odd@local"@example.org', '"…@example.org'),
    ],
)
def test_of_an_address_its_first_letter_and_its_domain_are_shown(email: str, shown: str) -> None:
    assert sent_tokens.masked(email) == shown
