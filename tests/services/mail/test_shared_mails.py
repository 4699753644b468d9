"""Tests that emails whose shared part is made once are, byte for byte, what they are made alone."""

from dataclasses import replace
from email.parser import BytesParser
from email.policy import default
from typing import Any
from uuid import UUID, uuid4

import pytest

from models import MessageKind
from services.errors import Invalid
from services.mail import mail_builder, shared_mails
from services.mail.letterheads import Letterhead
from services.mail.mail_builder import Mail
from services.mail.shared_mails import Personal, SharedMail
from tests.support.common import START, html_of, text_of
from tools import mail_samples
from tools.mail_samples import LETTERHEAD, UNCONFIRMED

FROM = "Lobby <post@lobby.example.org>"
LETTERHEADS = (
    LETTERHEAD,
    Letterhead("Grŵp 李小龙 <b>& “Co”</b>, Ltd", None, "#ffee00"),
    Letterhead("x" * 200, "Not an address", "no colour"),
    Letterhead(".", "hello@bücher.example", None),
)
TEXTS = (
    "Stop the sale of NHS Professionals",
    "Stopiwch werthu'r GIG — 停止出售 🏥",
    ".\n.dot = =3D =20 \t",
    "{{ confirm_link }} {% raw %} <a href='x'>&amp;</a>",
    "Stop " + "the sale of NHS Professionals, the NHS's own staff bank, " * 4,
    "https://lobby.example.org/confirm/abc.def",
    "Date: Mon, 30 Nov 2026 15:00:00 +0000",
    " ends with spaces   ",
)
ADDRESSES = (
    "a@example.org",
    "anna+tag.x@sub.example.org",
    f"{'l' * 64}@example.org",
    "a@bücher.de",
)


def mail_to(
    kind: MessageKind,
    text: str = TEXTS[0],
    *,
    letterhead: Letterhead = LETTERHEAD,
    row_id: UUID | None = None,
    email: str = ADDRESSES[0],
    is_known: bool = False,
) -> SharedMail[Any]:
    row_id = row_id or uuid4()
    values = mail_samples.sample_values(row_id)
    values["letter_link"] = values["letter_confirm_link"]
    values |= dict.fromkeys(("action", "campaign", "member", "constituency"), text)
    return mail_samples.shared_mail(
        kind, values, letterhead=letterhead, row_id=row_id, email=email, is_known=is_known
    )


def alone(mail: SharedMail[Any]) -> mail_builder.Envelope:
    return mail_builder.build(mail.make(mail.shared, mail.personal), mail_from=FROM, now=START)


def counted(mail: SharedMail[Any]) -> tuple[SharedMail[Any], list[Personal]]:
    """Returns the same email, and a list to which each email that is made plainly is added."""
    made: list[Personal] = []

    def make(shared: Any, personal: Personal) -> Mail:
        made.append(personal)
        return mail.make(shared, personal)

    return replace(mail, make=make), made


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("kind", UNCONFIRMED)
@pytest.mark.parametrize("letterhead", LETTERHEADS, ids=range(len(LETTERHEADS)))
def test_an_email_is_the_same_whether_made_alone_or_from_what_it_shares(
    kind: MessageKind, letterhead: Letterhead, is_known: bool
) -> None:
    for text in TEXTS:
        for email in ADDRESSES:
            plain = mail_to(kind, text, letterhead=letterhead, email=email, is_known=is_known)
            mail, made = counted(plain)
            assert shared_mails.build(mail, mail_from=FROM, now=START) == alone(plain)
            assert len(made) == 2  # both invented: this one came from what they share
            assert mail.personal not in made


def test_what_emails_share_is_made_once() -> None:
    kind = MessageKind.CONFIRM_SIGNATURE
    first, made = counted(mail_to(kind))
    others = [replace(mail_to(kind, email=f"a{n}@example.org"), make=first.make) for n in range(9)]
    contents = {shared_mails.build(mail, mail_from=FROM, now=START).content for mail in others}
    assert len(contents) == len(others)
    assert len(made) == 2  # two with invented recipients, to find the places and to check them
    assert not {each.recipient for each in made} & {mail.personal.recipient for mail in others}


def test_each_email_has_its_own_links_address_and_id_and_nobody_elses() -> None:
    mails = [
        mail_to(MessageKind.CONFIRM_SIGNATURE, email=f"person{n}@example.org", is_known=True)
        for n in range(20)
    ]
    built = [shared_mails.build(mail, mail_from=FROM, now=START) for mail in mails]
    for mail, envelope in zip(mails, built, strict=True):
        parsed = BytesParser(policy=default).parsebytes(envelope.content)
        confirm, disown, withdraw, preferences = mail.personal.links
        assert (parsed["To"], envelope.recipient) == (mail.personal.recipient,) * 2
        assert (parsed["Message-ID"], envelope.message_id) == (mail.personal.message_id,) * 2
        assert parsed["List-Unsubscribe"] == f"<{preferences}>"
        for text in (text_of(parsed), html_of(parsed)):
            assert all(link in text for link in (confirm, disown, withdraw, preferences))
            others = (link for each in mails if each is not mail for link in each.personal.links)
            assert not any(link in text for link in others)


def test_a_changed_text_link_or_sender_shows_in_the_next_email() -> None:
    kind = MessageKind.CONFIRM_LETTER
    for mail in (
        mail_to(kind),
        mail_to(kind, "Another campaign"),
        mail_to(kind, letterhead=replace(LETTERHEAD, brand_colour="#004080")),
        replace(
            (moved := mail_to(kind)),
            personal=moved.personal._replace(
                links=tuple(link.replace("lobby", "other") for link in moved.personal.links)
            ),
        ),
    ):
        assert shared_mails.build(mail, mail_from=FROM, now=START) == alone(mail)
    other = shared_mails.build(mail, mail_from="Other <a@other.example.org>", now=START)
    assert other.sender == "a@other.example.org"
    assert b"\r\nFrom: Public Health Alliance <a@other.example.org>" in b"\r\n" + other.content


def test_an_email_that_does_more_with_its_parts_than_show_them_is_made_alone() -> None:
    def shortened(_shared: str, personal: Personal) -> Mail:
        body = f"Dear {personal.recipient.partition('@')[0]},\n{personal.links[0][-20:]}\n"
        return Mail(personal.recipient, "Hello", body, personal.message_id)

    links = mail_to(MessageKind.CONFIRM_SIGNATURE).personal.links
    personal = Personal("anna@example.org", "<anna@lobby.example.org>", links)
    mail = SharedMail(shortened, "", personal)
    assert shared_mails.build(mail, mail_from=FROM, now=START) == alone(mail)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": "a@example.org, b@example.org"},
        {"recipient": "a@example.org\r\nBcc: b@example.org"},
        {"message_id": "<a@example.org>\r\nX: y"},
        {"links": ("https://lobby.example.org/x/a\r\nBcc: b@example.org",) * 3},
    ],
    ids=["two addresses", "a header after the address", "after the id", "after the link"],
)
def test_parts_that_could_add_a_header_or_an_address_are_refused(changes: dict[str, Any]) -> None:
    mail = mail_to(MessageKind.CONFIRM_SIGNATURE)
    bad = replace(mail, personal=mail.personal._replace(**changes))
    with pytest.raises(Invalid):
        shared_mails.build(bad, mail_from=FROM, now=START)
