"""Tests the links that open a letter in the writer's own email program."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from fastapi.testclient import TestClient

from services.errors import Invalid
from services.letters.drafting.compose_links import (
    LONGEST_MAILTO,
    LONGEST_PAGE,
    PASTE,
    ComposeLinks,
    Via,
    compose_links,
)
from services.mail.text_templates import MailText
from tests.support.common import CAMPAIGN, CAN_SIGN

TO = "morag.ferncastle@example.org"
TEXT = MailText("Motion 152 & more: 50% + 1?", "Dear Morag,\n\nOne & two = three + 100%.\nŵ – done")


def links(subject: str = TEXT.subject, body: str = TEXT.body, to: str = TO) -> ComposeLinks:
    return compose_links(to, MailText(subject, body))


def fields(link: str) -> dict[str, str]:
    query = urlsplit(link).query
    assert "+" not in query, "mail programs show it as a plus"
    return {name: value for name, [value] in parse_qs(query, strict_parsing=True).items()}


def test_a_mailto_link_says_what_the_letter_says() -> None:
    link = links().mailto
    assert urlsplit(link).path == TO
    assert fields(link) == {"subject": TEXT.subject, "body": TEXT.body.replace("\n", "\r\n")}
    assert "Dear%20Morag%2C%0D%0A%0D%0AOne" in link


@pytest.mark.parametrize(
    ("link", "host", "subject"),
    [(links().gmail, "mail.google.com", "su"), (links().outlook, "outlook.office.com", "subject")],
)
def test_a_link_to_a_page_says_what_the_letter_says(link: str, host: str, subject: str) -> None:
    assert urlsplit(link).netloc == host
    link_fields = fields(link)
    assert (link_fields["to"], link_fields[subject]) == (TO, TEXT.subject)
    assert link_fields["body"] == TEXT.body.replace("\n", "\r\n")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_becomes_one_of_mail(line_end: str) -> None:
    assert fields(links(body=f"one{line_end}two").mailto)["body"] == "one\r\ntwo"


def test_an_address_begins_no_field_of_its_own() -> None:
    link = links(to="a?bcc=b@c&d%20@example.org").mailto
    assert set(fields(link)) == {"subject", "body"}
    assert unquote(urlsplit(link).path) == "a?bcc=b@c&d%20@example.org"


@pytest.mark.parametrize("subject", ["one\r\nBcc: all@example.org", "=?utf-8?q?Bcc?=", "a\x00b"])
def test_a_subject_that_smuggles_a_header_is_refused(subject: str) -> None:
    with pytest.raises(Invalid):
        links(subject=subject)


def test_a_letter_too_long_for_mailto_is_pasted_there_and_whole_elsewhere() -> None:
    body = "A sentence of some length. " * 100
    made = links(body=body)
    assert made.shortened == (Via.MAILTO,)
    assert fields(made.mailto) == {"subject": TEXT.subject, "body": PASTE}
    assert fields(made.gmail)["body"] == body
    assert made.text == body


def test_a_letter_too_long_for_any_link_is_there_to_copy() -> None:
    body = "ŵ" * 10_000
    made = links(body=body)
    assert made.shortened == (Via.MAILTO, Via.GMAIL, Via.OUTLOOK)
    assert made.text == body
    assert max(map(len, (made.mailto, made.gmail, made.outlook))) < LONGEST_MAILTO


def test_links_are_shortened_at_their_limits_and_not_before() -> None:
    room = LONGEST_MAILTO - len(links(body="").mailto)
    assert len(links(body="a" * room).mailto) == LONGEST_MAILTO
    assert links(body="a" * room).shortened == ()
    assert links(body="a" * (room + 1)).shortened == (Via.MAILTO,)
    room = LONGEST_PAGE - len(links(body="").gmail)
    assert Via.GMAIL not in links(body="a" * room).shortened
    assert Via.GMAIL in links(body="a" * (room + 1)).shortened


def test_a_draft_tells_which_links_are_shortened(client: TestClient) -> None:
    request_body = {"postcode": CAN_SIGN, "personal": "My ward depends on it. " * 60}
    draft = client.post(f"/v1/campaigns/{CAMPAIGN}/letters/draft", json=request_body).json()
    compose = draft["compose"]
    assert compose["is_shortened"] == {"mailto": True, "gmail": False, "outlook": False}
    assert compose["text"] == draft["body"]
    assert compose["recipient"] == TO
