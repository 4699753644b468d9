"""Tests the shortcut for great mail providers, and that checking an address keeps nothing."""

import gc
from collections.abc import Iterator
from functools import lru_cache
from types import FrameType
from uuid import uuid4

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from services.common import texts
from services.common.mail_providers import GREAT_PROVIDERS
from services.errors import Invalid

LOCALS = st.one_of(
    st.text("abzAZ019._+-", max_size=70),
    st.text("abAZ.!#$%&'*/=?^`{|}~\" é\u0130", max_size=20),
    st.sampled_from(["info", "Info", "postmaster", "ABUSE", "a" * 64, "a" * 65, "a" * 120]),
)


@st.composite
def spelt(draw: st.DrawFn) -> str:
    """Draws a provider's domain with any of its letters in upper case."""
    domain = draw(st.sampled_from(sorted(GREAT_PROVIDERS)))
    is_upper = draw(st.lists(st.booleans(), min_size=len(domain), max_size=len(domain)))
    return "".join(
        letter.upper() if up else letter for letter, up in zip(domain, is_upper, strict=True)
    )


def by_the_library(text: str) -> str | None:
    try:
        valid = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    address = valid.ascii_email or valid.normalized
    return None if "=?" in address else address  # no header can carry it


def taken(text: str) -> str | None:
    try:
        return texts.email_address(text)
    except Invalid:
        return None


@pytest.mark.parametrize("domain", sorted(GREAT_PROVIDERS))
def test_the_library_takes_every_great_provider_unchanged(domain: str) -> None:
    valid = validate_email(f"anna@{domain}", check_deliverability=False, allow_smtputf8=False)
    assert (valid.ascii_email, valid.ascii_domain, valid.domain) == (
        f"anna@{domain}",
        domain,
        domain,
    )
    assert domain == domain.lower()


@given(LOCALS, spelt())
@example("a" * 64, "gmail.com")
@example("a" * 118, "gmail.com")
@example("a" * 119, "gmail.com")
@example("postmaster", "Gmail.COM")
@example("a.", "gmail.com")
@example("a..b", "gmail.com")
@example("=?a", "gmail.com")
def test_an_address_at_a_great_provider_is_taken_as_the_library_takes_it(
    local: str, domain: str
) -> None:
    text = f"{local}@{domain}".strip(" ")
    assert taken(text) == by_the_library(text)


@given(st.text("abé.-_K\u212a\u0131\u0130\uff47", max_size=3), spelt(), st.booleans())
@example("\u212a", "tal\u212atal\u212a.net", False)
def test_a_domain_that_only_looks_like_a_great_provider_is_checked(
    letters: str, domain: str, is_before: bool
) -> None:
    text = f"anna@{letters}{domain}" if is_before else f"anna@{domain}{letters}"
    assert taken(text) == by_the_library(text)


@pytest.mark.slow
@given(st.emails())
def test_any_address_is_taken_as_the_library_takes_it(text: str) -> None:
    assert taken(text) == by_the_library(text)


def holders(needle: str) -> list[object]:
    """Returns every object of this process that holds a text with `needle` in it.

    It looks into every object that the garbage collector knows, and from there into tuples and
    dictionaries that it does not track because they hold nothing but texts and numbers.
    """
    gc.collect()
    found = []
    for owner in gc.get_objects():
        if not isinstance(owner, FrameType):  # such as this one
            # A loop, because a nested function would hold the needle.
            for held in _contents(owner):
                if isinstance(held, str) and needle in held:
                    found.append(owner)
                    break
    return found


def _contents(owner: object) -> Iterator[object]:
    yield from _referents(owner)
    for held in _referents(owner):
        if isinstance(held, tuple | dict) and not gc.is_tracked(held):
            yield from _referents(held)


def _referents(owner: object) -> list[object]:
    # The collector skips the keys of a dictionary if all of them are texts.
    keys = list(owner) if type(owner) is dict else []
    return keys + gc.get_referents(owner)


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "anna@{}.example.org",  # taken
        "Anna.{}@gmail.com",
        "{}@gmail.com",
        "anna@{}-é.example.org",  # taken, in other letters
        "anna@{}",  # refused
        "anna@{}..example.org",
        "anna {}@example.org",
    ],
)
def test_checking_an_address_keeps_nothing_of_it(address: str) -> None:
    needle = uuid4().hex
    taken(address.format(needle))
    assert holders(needle) == []


@pytest.mark.slow
def test_a_cache_of_domains_would_be_found() -> None:
    @lru_cache(maxsize=10)
    def check(domain: str) -> str | None:
        return taken(f"anna@{domain}")

    needle = uuid4().hex
    check(f"{needle}.example.org")
    assert check in holders(needle)


@pytest.mark.slow
def test_a_dictionary_of_domains_would_be_found() -> None:
    needle = uuid4().hex
    kept = [{f"{needle}.example.org": 1}]
    assert holders(needle)
    kept.clear()
    assert holders(needle) == []


def test_no_function_for_texts_has_a_cache() -> None:
    assert [name for name, value in vars(texts).items() if hasattr(value, "cache_info")] == []
