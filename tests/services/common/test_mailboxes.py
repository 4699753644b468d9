"""Tests the folding of addresses to mailboxes."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common import texts
from services.common.mailboxes import mailbox_of
from services.errors import Invalid

WORD = st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True)


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Anna@Example.ORG", "anna@example.org"),
        ("anna+petition@example.org", "anna@example.org"),
        ("anna+a+b@example.org", "anna@example.org"),
        ("an.na@example.org", "an.na@example.org"),
        ("anna-b@example.org", "anna-b@example.org"),
        ("An.Na+x@googlemail.com", "anna@gmail.com"),
        ("anna-b@gmail.com", "anna-b@gmail.com"),
        ("anna-tag@yahoo.com", "anna@yahoo.com"),
        ("anna-tag@yahoo.co.uk", "anna@yahoo.co.uk"),
        ("anna-tag@yahoo.fr", "anna@yahoo.fr"),
        ("anna-tag@yahoo.com.au", "anna@yahoo.com.au"),
        ("anna-tag@ymail.com", "anna@ymail.com"),
        ("anna-a-b+c@rocketmail.com", "anna@rocketmail.com"),
        ("an.na@yahoo.com", "an.na@yahoo.com"),
        ("anna-tag@yahoo.example.org", "anna-tag@yahoo.example.org"),
        ("anna-tag@notyahoo.com", "anna-tag@notyahoo.com"),
        ("petition@anna.fastmail.com", "anna@fastmail.com"),
        ("x+y@Anna.FastMail.com", "anna@fastmail.com"),
        ("x@more.anna.fastmail.com", "anna@fastmail.com"),
        ("anna+x@fastmail.com", "anna@fastmail.com"),
        ("x@anna.notfastmail.com", "x@anna.notfastmail.com"),
    ],
)
def test_addresses_fold_as_their_provider_delivers(address: str, mailbox: str) -> None:
    assert mailbox_of(address) == mailbox


@pytest.mark.parametrize(
    "address", ["+tag@example.org", "+a.b@gmail.com", "-tag@yahoo.com", "-+tag@yahoo.com"]
)
def test_a_local_part_of_which_nothing_would_be_left_stays_whole(address: str) -> None:
    assert mailbox_of(address) == address


def test_forty_spellings_of_a_gmail_mailbox_are_one_mailbox() -> None:
    locals_ = ("anna.example", "annaexample", "A.n.n.a.Example", "ANNA.EXAMPLE", "a.nnaexampl.e")
    tags = ("", "+x", "+petition.2026", "+a+b")
    domains = ("gmail.com", "GoogleMail.com")
    spellings = {
        f"{local}{tag}@{domain}" for local, tag, domain in itertools.product(locals_, tags, domains)
    }
    assert len(spellings) == 40
    assert {mailbox_of(spelling) for spelling in spellings} == {"annaexample@gmail.com"}


@given(local=WORD, other=WORD, tag=WORD, domain=st.sampled_from(["gmail.com", "yahoo.ie", "a.org"]))
def test_tags_never_make_a_mailbox_and_names_always_do(
    local: str, other: str, tag: str, domain: str
) -> None:
    assert mailbox_of(f"{local}+{tag}@{domain}") == mailbox_of(f"{local}@{domain}")
    assert (mailbox_of(f"{local}@{domain}") == mailbox_of(f"{other}@{domain}")) is (local == other)


PARTS = st.text("abAB01._+-", min_size=1, max_size=20)
DOMAINS = "example.org Gmail.com googlemail.com yahoo.com yahoo.co.uk fastmail.com a.b.fastmail.com"


@pytest.mark.slow
@given(st.one_of(st.emails(), st.builds("{}@{}".format, PARTS, st.sampled_from(DOMAINS.split()))))
def test_folding_twice_changes_nothing(address: str) -> None:
    assert mailbox_of(mailbox_of(address)) == mailbox_of(address)


@given(PARTS, st.sampled_from([*DOMAINS.split(), "outlook.com", "icloud.com"]))
def test_spellings_of_one_person_are_never_two_mailboxes(local: str, domain: str) -> None:
    try:
        address = texts.email_address(f"{local}@{domain}")
    except Invalid:
        return
    canonical = texts.canonical_email(address)
    if not canonical.startswith("@"):  # a tag alone, which providers do not give
        assert mailbox_of(canonical) == mailbox_of(address)
