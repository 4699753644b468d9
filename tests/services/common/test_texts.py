"""Tests the validation of texts that people write into forms."""

import unicodedata

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from services.common import texts
from services.errors import Invalid

LOCAL = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}[a-zA-Z0-9]", fullmatch=True).filter(
    lambda text: ".." not in text
)


@given(st.text(max_size=150))
def test_a_line_that_is_taken_is_safe_in_a_header(text: str) -> None:
    try:
        accepted = texts.line(text, "field", longest=100)
    except Invalid:
        return
    assert accepted == accepted.strip()
    assert "=?" not in accepted
    assert len(accepted) <= 100
    assert not any(unicodedata.category(letter) == "Cc" for letter in accepted)
    assert texts.line(accepted, "field", longest=100) == accepted, "taking it twice changes nothing"


@given(st.text(max_size=300))
def test_paragraphs_that_are_taken_have_newlines_and_no_other_controls(text: str) -> None:
    try:
        accepted = texts.paragraphs(text, "field", longest=200)
    except Invalid:
        return
    assert "\r" not in accepted
    assert texts.paragraphs(accepted, "field", longest=200) == accepted


@pytest.mark.parametrize(
    "name",
    ["Anna", "Siân O'Neill", "Órfhlaith Ní Bhriain", "Nguyễn Văn An", "Jean-Luc", "X Æ", "李小龙"],
)
def test_real_names_are_names(name: str) -> None:
    assert texts.person_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "name", ["", "  ", "123", "www.spam.example", "http://x", "a@b.example", "A\nB", "A\x00B", "=?"]
)
def test_links_and_tricks_are_not_names(name: str) -> None:
    with pytest.raises(Invalid):
        texts.person_name(name)


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("Anna.B+x@GMAIL.com", "annab@gmail.com"),
        ("annab@googlemail.com", "annab@gmail.com"),
        ("anna+x@outlook.com", "anna@outlook.com"),
        ("Anna+x@Example.ORG", "Anna+x@example.org"),
        ("a.b@example.org", "a.b@example.org"),
    ],
)
def test_spellings_of_one_mailbox_are_one(spelling: str, canonical: str) -> None:
    assert texts.canonical_email(spelling) == canonical


@given(local=LOCAL, tag=st.from_regex(r"[a-z0-9]{0,8}", fullmatch=True))
def test_dots_and_tags_do_not_matter_at_gmail_only(local: str, tag: str) -> None:
    plain = texts.canonical_email(f"{local}@gmail.com")
    dotted = ".".join(local.replace(".", ""))
    assert texts.canonical_email(f"{dotted}+{tag}@GoogleMail.com") == plain
    elsewhere = texts.canonical_email(f"{local}+{tag}@example.org")
    assert elsewhere == f"{local}+{tag}@example.org"


@pytest.mark.slow
@given(st.emails())
def test_an_address_that_is_taken_has_a_canonical_form_that_is_stable(address: str) -> None:
    try:
        accepted = texts.email_address(address)
    except Invalid:
        return
    once = texts.canonical_email(accepted)
    assert texts.canonical_email(once) == once


PARTS = st.text("abzAZ019._+-", max_size=70)
ODD_DOMAINS = (
    "example.org EXAMPLE.org xn--bcher-kva.example xn--a localhost a.test local a.local 1.2.3.4 "
    "a.b. .a.b a..b -a.org a-.org a.1 ab--c.org"
)
DOMAINS = st.one_of(st.sampled_from(ODD_DOMAINS.split()), PARTS)


def by_the_library(text: str) -> str | None:
    try:
        valid = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    return valid.ascii_email or valid.normalized


@given(st.one_of(PARTS, st.sampled_from(["info", "Info", "postmaster", "a" * 90])), DOMAINS)
@example("info", "example.org")
@example("POSTMASTER", "Example.Org")
@example("a" * 65, "example.org")
@example("a", f"{'b' * 60}." * 4 + "org")
@example("a" * 100, f"{'b' * 60}." * 3 + "org")
def test_an_address_is_taken_as_the_library_takes_it_whole(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    try:
        accepted = texts.email_address(text)
    except Invalid:
        accepted = None
    assert accepted == by_the_library(text)


@pytest.mark.slow
def test_what_is_unfit_is_what_unicode_says() -> None:
    turning = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
    for letter in map(chr, range(0x110000)):
        is_control = unicodedata.category(letter) in ("Cc", "Cs")
        is_unfit = (
            is_control
            or unicodedata.category(letter) in ("Zl", "Zp")
            or unicodedata.bidirectional(letter) in turning
        )
        assert texts.is_fit_for_header(letter) is not is_unfit, hex(ord(letter))
        assert bool(texts._CONTROL.search(letter)) is (is_control and letter not in "\n\t")


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@", "@b.org", "a@b", "a b@example.org", "a@b.org\nBcc: c@d.org", "<a@example.org>"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(Invalid) as refused:
        texts.email_address(address)
    assert refused.value.fields[0].field == "email"


@pytest.mark.parametrize("slug", ["", "A", "a--b", "-a", "a-", "a_b", "ä", "a" * 81, "a/b"])
def test_what_cannot_stand_in_an_address_is_no_slug(slug: str) -> None:
    with pytest.raises(Invalid):
        texts.slug(slug)


@given(st.text(max_size=80))
def test_any_text_can_be_made_fit_for_a_header(text: str) -> None:
    fit = texts.fit_for_header(text)
    assert texts.is_fit_for_header(fit)
    assert fit == fit.strip()
    if texts.is_fit_for_header(text):
        assert fit.split() == texts.fit_for_header(fit).split()


@given(st.text(max_size=80))
def test_a_line_that_is_taken_is_fit_for_a_header(text: str) -> None:
    try:
        accepted = texts.line(text, "field", longest=100)
    except Invalid:
        return
    assert texts.is_fit_for_header(accepted)


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\n",
        "\ra",
        "a\N{LINE SEPARATOR}b",
        "a\N{PARAGRAPH SEPARATOR}",
        "a\x85b",
        "a\N{RIGHT-TO-LEFT OVERRIDE}b",
        "a\N{RIGHT-TO-LEFT ISOLATE}b",
        "a=?b",
        "a\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH QUESTION MARK}b",
        "a=\N{ZERO WIDTH SPACE}?b",
        "a\ud800",
        "\N{ZERO WIDTH SPACE}",
    ],
)
def test_what_no_header_can_carry_is_no_line(text: str) -> None:
    with pytest.raises(Invalid):
        texts.line(text, "field", longest=100)


def test_spaces_of_other_widths_become_plain_ones() -> None:
    spaced = "\N{NO-BREAK SPACE}Anna\N{IDEOGRAPHIC SPACE} \N{EM SPACE}Example\t"
    assert texts.line(spaced, "field", longest=100) == "Anna Example"


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("anna@münchen.example.org", "anna@xn--mnchen-3ya.example.org"),
        ("anna@例え.jp", "anna@xn--r8jz45g.jp"),
        ("Anna@Example.ORG", "Anna@example.org"),
    ],
)
def test_a_domain_in_other_letters_is_written_as_mail_servers_take_it(
    typed: str, taken: str
) -> None:
    assert texts.email_address(typed) == taken
    assert texts.email_address(taken) == taken
    assert texts.canonical_email(taken).isascii()
