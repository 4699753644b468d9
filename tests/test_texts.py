"""What people may write into a form."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby.services import texts
from lobby.services.errors import Invalid

LOCAL = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}[a-zA-Z0-9]", fullmatch=True).filter(
    lambda text: ".." not in text
)


@given(st.text(max_size=150))
def test_a_line_that_is_taken_is_safe_in_a_header(text: str) -> None:
    try:
        taken = texts.line(text, "field", longest=100)
    except Invalid:
        return
    assert taken == taken.strip()
    assert "=?" not in taken
    assert len(taken) <= 100
    assert not any(unicodedata.category(letter) == "Cc" for letter in taken)
    assert texts.line(taken, "field", longest=100) == taken, "taking it twice changes nothing"


@given(st.text(max_size=300))
def test_paragraphs_that_are_taken_have_newlines_and_no_other_controls(text: str) -> None:
    try:
        taken = texts.paragraphs(text, "field", longest=200)
    except Invalid:
        return
    assert "\r" not in taken
    assert texts.paragraphs(taken, "field", longest=200) == taken


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


@given(st.emails())
def test_an_address_that_is_taken_has_a_canonical_form_that_is_stable(address: str) -> None:
    try:
        taken = texts.email_address(address)
    except Invalid:
        return
    once = texts.canonical_email(taken)
    assert texts.canonical_email(once) == once


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
        taken = texts.line(text, "field", longest=100)
    except Invalid:
        return
    assert texts.is_fit_for_header(taken)


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
