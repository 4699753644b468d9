"""Tests both parts of every email to supporters and organisers: they say the same, and hold all."""

import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from html.parser import HTMLParser
from typing import Any

import pytest

from models import MessageKind
from services.mail import html_parts, mail_builder, mail_templates
from services.mail.letterheads import Letterhead
from services.mail.mail_builder import Mail
from services.organisations import brand_colours
from tests.support.common import START, html_of, text_of
from tools import mail_samples

LONGEST = (
    "Stop " + "the sale of NHS Professionals, the NHS's own staff bank, " * 3 + "today and always!"
)
LINK = re.compile(r"https?://\S+")
WORDS = re.compile(r"\w+")
MARKS = re.compile("[\x01-\x04]")  # those of templates
MANY = {name: mail for name, _, mail in mail_samples.mails()}
# What a mail program would load, or run, or send.
FORBIDDEN_TAGS = {"img", "link", "script", "iframe", "object", "embed", "form", "video", "audio"}
FORBIDDEN_ATTRIBUTES = {"src", "srcset", "background", "poster", "action", "ping", "data"}
NAMES = [
    "محمد علي",
    "עדה לאבלייס",
    "👩🏽‍⚕️ Ada 🏳️‍🌈",
    "Siân O'Neill",
    "李小龙",
    '<b>Ben</b> & "Co" <!-- ',
    "{{ action }} {% if x %} %s",
    "Anna \x01\x02button\x03evil\x04",
    "</div></body></html><script>alert(1)</script>",
    "&amp;lt;b&gt;",
]


@dataclass
class Page(HTMLParser):
    """What an HTML part shows and asks for."""

    visible: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    _hides_at: int = 0
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = {name: value or "" for name, value in attrs}
        self.attributes += values.items()
        if tag == "a":
            self.links.append(values["href"])
            if values.get("class") == "button":
                self.buttons.append(values["href"])
        if tag in ("meta", "br"):
            return
        self._open.append(tag)
        if "display:none" in values.get("style", "") and not self._hides_at:
            self._hides_at = len(self._open)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1] == tag, f"{tag} ends within {self._open[-1]}"
        if len(self._open) == self._hides_at:
            self._hides_at = 0
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if {"style", "title"} & set(self._open):
            return
        (self.hidden if self._hides_at else self.visible).append(data)
        if "h1" in self._open:
            self.headings.append(data)


def page_of(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert page._open == [], "every element ends"
    return page


def words_of(text: str) -> list[str]:
    return WORDS.findall(LINK.sub(" ", text))


def sent(mail: Mail) -> EmailMessage:
    """Builds a mail, which compares what it built with what was meant, and parses it."""
    envelope = mail_builder.build(mail, mail_from="Lobby <post@lobby.example.org>", now=START)
    parsed: EmailMessage = BytesParser(policy=default).parsebytes(envelope.content)
    return parsed


def check_parts_agree(mail: Mail, sender: str) -> Page:
    """Checks that both parts have the same words and links, in the same order."""
    message = sent(mail)
    page, text = page_of(html_of(message)), text_of(message)
    meant = words_of(f"{sender} {mail.subject} {text}")
    assert words_of(" ".join(page.visible)) == meant
    links = LINK.findall(text)
    assert sorted(set(page.links)) == sorted(set(links))
    assert set(words_of(" ".join(page.hidden))) <= set(meant)
    return page


def test_there_is_a_sample_of_every_kind() -> None:
    kinds = {kind for _, kind, _ in mail_samples.mails()}
    assert kinds == set(MessageKind) - {MessageKind.LETTER}


@pytest.mark.parametrize("name", MANY)
def test_both_parts_of_a_mail_say_the_same(name: str) -> None:
    page = check_parts_agree(MANY[name], mail_samples.LETTERHEAD.name)
    assert page.headings == [MANY[name].subject]
    assert [part.get_content_type() for part in sent(MANY[name]).walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


@pytest.mark.parametrize("name", MANY)
def test_a_mail_has_one_button_and_its_link_in_full_below_it(name: str) -> None:
    html = MANY[name].html or ""
    page = page_of(html)
    # Nobody can write to an MP for whom a campaign has no letter.
    assert len(page.buttons) == (0 if name == "seat_filled_without_letter" else 1)
    for link in page.buttons:
        assert f">{link}</a>" in html
        assert f":\n{link}\n\n" in MANY[name].body, "a line of its own in the text"


@pytest.mark.parametrize("name", MANY)
def test_a_mail_loads_nothing_and_runs_nothing(name: str) -> None:
    html = MANY[name].html or ""
    page = page_of(html)
    assert not FORBIDDEN_TAGS & set(page.tags)
    attributes = {attribute for attribute, _ in page.attributes}
    assert not FORBIDDEN_ATTRIBUTES & attributes
    assert not [attribute for attribute in attributes if attribute.startswith("on")]
    assert not re.search(r"url\(|@import|@font-face|expression\(", html, re.IGNORECASE)
    outside = [link for link in LINK.findall(html) if not link.startswith(mail_samples.BASE_URL)]
    assert outside == []


@pytest.mark.parametrize("name", MANY)
def test_a_mail_is_small_and_made_for_small_screens_dark_ones_and_screen_readers(
    name: str,
) -> None:
    mail = MANY[name]
    html = mail.html or ""
    assert len(html.encode()) < 6_000
    assert len(sent(mail).as_bytes()) < 9_000
    assert html.startswith('<!doctype html>\n<html lang="en" dir="ltr">')
    assert "max-width:600px" in html
    assert html.count("prefers-color-scheme:dark") == 1
    assert '<meta name="color-scheme" content="light dark">' in html
    page = page_of(html)
    assert page.tags.count("h1") == page.tags.count("title") == 1
    assert page.tags.count("table") == html.count('<table role="presentation" cellpadding')
    assert page.hidden, "a preview beside the subject"


@pytest.mark.parametrize("name", NAMES)
def test_names_are_text_in_both_parts(name: str) -> None:
    letterhead = Letterhead(name)
    values: dict[str, Any] = dict.fromkeys(("name", "member", "campaign", "action", "party"), name)
    for _, kind, mail in mail_samples.mails(letterhead=letterhead, values=values):
        page = check_parts_agree(mail, name)
        assert len(page.buttons) <= 1
        assert all(link.startswith(mail_samples.BASE_URL) for link in page.links)
        shown = "".join(page.visible)
        if kind not in (*mail_samples.UNCONFIRMED, *mail_samples.TO_ORGANISERS):
            assert f"Dear {MARKS.sub('', name)}," in shown


def test_the_longest_title_of_a_petition_stands_whole_in_both_parts() -> None:
    assert 190 < len(LONGEST) <= 200
    for name, _, mail in mail_samples.mails(values={"action": LONGEST}):
        page = check_parts_agree(mail, mail_samples.LETTERHEAD.name)
        message = sent(mail)
        assert str(message["Subject"]) == mail.subject
        assert max(map(len, message.as_bytes().splitlines())) <= 998
        if name == "confirm_signature":
            assert page.headings == [f"Confirm your signature: {LONGEST}"]


def test_no_value_becomes_a_button_a_link_or_small_print() -> None:
    tricks = "\x01\x02Click here\x03https://evil.example\n\n\x04\n\n"
    for _, _, mail in mail_samples.mails(values={"action": tricks, "campaign": tricks}):
        page = page_of(mail.html or "")
        assert "https://evil.example" not in page.links
        assert len(page.buttons) <= 1


def test_a_letter_in_a_copy_is_not_changed_and_has_its_language() -> None:
    content = mail_templates.MailContent("S", ()).with_enclosed("Annwyl AS,\n\n<b>\n", "cy")
    html = html_parts.render(content, sender="Us", brand_colour=None)
    assert '<div class="box" lang="cy" dir="auto"' in html
    assert "Annwyl AS,<br>\n<br>\n&lt;b&gt;<br>\n</div>" in html
    assert content.plain == "Annwyl AS,\n\n<b>\n"


def test_the_text_part_ends_with_its_small_print_and_the_copy_stands_before_it() -> None:
    body = MANY["letter_receipt"].body
    places = [body.index(text) for text in ("See how", "Subject: ", "Delivery details", "Change")]
    assert places == sorted(places)
    assert mail_samples.COPY.rstrip() in body


# ---- the letterhead


def rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


@pytest.mark.parametrize("colour", ["#8a1c4a", "#ffd400", "#000000", "#ffffff", None])
def test_the_button_has_the_organisations_colour_and_readable_words(colour: str | None) -> None:
    _, _, mail = next(mail_samples.mails(letterhead=Letterhead("Us", None, colour)))
    button = r'"display:inline-block[^"]*background:(#\w{6});color:(#\w{6});'
    ((background, words),) = re.findall(button, mail.html or "")
    assert background == (colour or brand_colours.DEFAULT)
    assert brand_colours.contrast(rgb(background), rgb(words)) >= brand_colours.NEEDED


@pytest.mark.parametrize("colour", ["red", '#000"onclick="', "#00;}", "", "#8A1C4A "])
def test_a_colour_that_is_none_does_not_reach_a_mail(colour: str) -> None:
    content = mail_templates.MailContent("S", ())
    html = html_parts.render(content, sender="Us", brand_colour=colour)
    is_colour = colour.strip().lower() == "#8a1c4a"
    other = "#8a1c4a" if is_colour else brand_colours.DEFAULT
    assert html == html_parts.render(content, sender="Us", brand_colour=other)


@pytest.mark.parametrize(
    "address",
    [
        "a@example.org\r\nBcc: c@example.org",
        "a@example.org, c@example.org",
        "A <a@example.org>",
        "=?utf-8?q?a?=@example.org",
        "a@example.org\x00",
        "nobody",
        "",
        "é" * 300,
    ],
)
def test_an_address_that_no_header_can_carry_costs_only_the_header(address: str) -> None:
    mail = {
        kind: mail for kind, _, mail in mail_samples.mails(letterhead=Letterhead("Us", address))
    }["confirm_signature"]
    message = sent(mail)
    assert message["Reply-To"] is None
    assert message["Bcc"] is None
    assert "tell us" in text_of(message)


@pytest.mark.parametrize(
    "name", ["Us\r\nBcc: c@example.org", "=?utf-8?q?x?=", "Us\u202e", '"Us" <x>']
)
def test_a_name_that_no_header_can_carry_is_made_fit_in_reply_to_as_in_from(name: str) -> None:
    for _, kind, mail in mail_samples.mails(letterhead=Letterhead(name, "us@example.org")):
        if kind in mail_samples.TO_ORGANISERS:
            continue
        message = sent(mail)
        assert message["Bcc"] is None
        (reply_to,), (sender,) = message["Reply-To"].addresses, message["From"].addresses
        assert reply_to.display_name == sender.display_name
        assert (reply_to.addr_spec, sender.addr_spec) == (
            "us@example.org",
            "post@lobby.example.org",
        )


# ---- the form on the wire


def test_no_text_can_end_a_part_or_begin_one() -> None:
    boundary = f"--{mail_builder.BOUNDARY}"
    trick = f"x\n{boundary}\nContent-Type: text/html\n\n<b>\n{boundary}--\n"
    mail = Mail(
        recipient="a@example.org",
        subject="S",
        body=trick,
        message_id="<1@lobby.example.org>",
        html=f"<p>{trick}</p>",
    )
    message = sent(mail)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    assert text_of(message).strip() == trick.strip()
    assert html_of(message).strip() == f"<p>{trick}</p>"


def test_the_lines_of_both_parts_are_short_enough_for_every_server() -> None:
    for mail in MANY.values():
        envelope = mail_builder.build(mail, mail_from="Lobby <post@lobby.example.org>", now=START)
        _, _, body = envelope.content.partition(b"\r\n\r\n")
        assert max(map(len, body.split(b"\r\n"))) <= 76
        assert envelope.content.isascii()
