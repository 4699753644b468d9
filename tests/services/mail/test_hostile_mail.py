"""Tests with ten thousand hostile inputs that an email contains exactly what was meant.

The inputs combine, at random with a fixed seed, tricks that have worked on some mail program or
server. Each goes through the rules for forms, the building of the email and the bytes that the
courier sends. The result is parsed as a receiver would parse it.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32, default
from email.utils import getaddresses
from quopri import decodestring
from typing import Any
from uuid import UUID

import hypothesis
import pytest
from aiosmtpd.controller import Controller
from fastapi.testclient import TestClient
from hypothesis import strategies as st
from sqlmodel import select

import worker
from main import create_app
from models import Campaign, Member, Scope, Submission
from services.assembly import Lobby
from services.common import texts
from services.common.tokens import Purpose
from services.errors import Invalid
from services.mail import html_parts, mail_builder, mail_templates
from services.mail.couriers import make_courier
from services.mail.letterheads import Letterhead
from services.mail.mail_builder import Envelope, Mail
from services.organisations import organisations
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, START
from tests.support.keys import key_for
from tests.support.lobbies import MakeLobby
from tests.support.outside.hostile_mail import (
    INPUTS,
    SEED,
    TRICKS,
    HostileInput,
    content_received,
    hostile_inputs,
    letter_mail,
)
from tests.support.outside.smtp_server import Sink

OWN = "post@lobby.example.org"
OURS = {"From", "To", "Reply-To", "Subject", "Date", "Message-ID", "X-Campaign", "Auto-Submitted"}
TO_SUPPORTERS = {"List-Unsubscribe", "List-Unsubscribe-Post"}
MIME = {"MIME-Version", "Content-Type", "Content-Transfer-Encoding"}


def validated(hostile_input: HostileInput) -> HostileInput:
    """Applies the validation of forms, the API and commands."""
    return HostileInput(
        name=texts.person_name(hostile_input.name),
        email=texts.email_address(hostile_input.email),
        subject=texts.line(hostile_input.subject, "subject", longest=200),
        body=texts.paragraphs(hostile_input.body, "body", longest=10_000, shortest=50),
        title=texts.line(hostile_input.title, "title", longest=200),
        organisation=texts.line(hostile_input.organisation, "name", longest=120),
        member=texts.email_address(hostile_input.member),
        action=texts.line(hostile_input.action, "action", longest=200),
    )


def second_signature(hostile_input: HostileInput) -> Mail:
    """Builds the email to somebody who has signed already. It names them and the petition."""
    letterhead = Letterhead(hostile_input.organisation, hostile_input.member, hostile_input.action)
    values = {
        "name": hostile_input.name,
        "action": hostile_input.action,
        "organisation": letterhead.name,
    }
    links = {"confirm_link": "x", "disown_link": "y", "withdraw_link": "z"}
    links |= {"has_vacant_seat": "", "letter_link": "z"}
    content = mail_templates.render("already_signed.txt", values | links)
    return Mail(
        recipient=hostile_input.email,
        sender_name=letterhead.display_name,
        reply_to=letterhead.reply_to,
        subject=texts.fit_for_header(content.subject),
        body=content.plain,
        html=html_parts.render(
            content, sender=letterhead.name, brand_colour=letterhead.brand_colour
        ),
        message_id="<1@lobby.example.org>",
        campaign=texts.fit_for_header(hostile_input.title),
    )


def seal(mail: Mail) -> Envelope:
    return mail_builder.sealed(mail_builder.build(mail, mail_from=f"Lobby <{OWN}>", now=START))


def parse_headers(head: bytes) -> list[tuple[str, str]]:
    """Parses strictly: name, colon, space; a line that begins with a space is a continuation."""
    headers: list[tuple[str, str]] = []
    for line in head.decode("ascii").split("\r\n"):
        if line[:1] in (" ", "\t"):
            assert line.strip(), "a line of spaces ends the headers for some"
            name, value = headers.pop()
            headers.append((name, value + line))
        else:
            name, colon, value = line.partition(": ")
            assert colon, line
            assert re.fullmatch(r"[A-Za-z][A-Za-z-]*", name), line
            headers.append((name, value))
    return headers


def decoded(value: str) -> str:
    text = str(make_header(decode_header(value)))
    return " ".join(text.split())


def address_in(value: str) -> str:
    addresses = getaddresses([value])
    assert len(addresses) == 1, value
    return str(addresses[0][1])


def check_received(mail: Mail, envelope: Envelope, *, deeply: bool = False) -> None:
    """Checks that a receiver sees what was meant and nothing else."""
    recipient = ascii_of(mail.recipient)
    assert envelope.recipient == recipient
    assert envelope.sender == OWN
    for command in (f"MAIL FROM:<{envelope.sender}>", f"RCPT TO:<{envelope.recipient}>"):
        assert re.fullmatch(r"[A-Z]+ [A-Z]+:<[!-;=?-~]+>", command), command
    content = content_received(envelope.content)
    head, _, body = content.partition(b"\r\n\r\n")
    by_hand = parse_headers(head)
    by_python: Message = BytesParser(policy=compat32).parsebytes(content)
    names = [name for name, _ in by_hand]
    assert names == by_python.keys()
    meant = {"From", "To", "Subject", "Date", "Message-ID", *MIME}
    meant -= {"Content-Transfer-Encoding"} if mail.html else set()
    meant |= {"Reply-To"} if mail.reply_to else set()
    meant |= {"X-Campaign"} if mail.campaign else set()
    meant |= {"Auto-Submitted"} if mail.is_automatic else set()
    assert set(names) == meant
    assert len(names) == len(meant), "each header once"
    header_values = dict(by_hand)
    assert header_values["To"] == recipient
    assert address_in(header_values["From"]) == OWN
    if mail.reply_to:
        assert address_in(header_values["Reply-To"]) == ascii_of(mail.reply_to[1])
    for name, text in (("Subject", mail.subject), ("X-Campaign", mail.campaign)):
        if text:
            assert decoded(header_values[name]) == " ".join(text.split())
            assert "\r" not in decoded(header_values[name])
    assert max(map(len, body.split(b"\r\n"))) <= 76, "RFC 2045, 6.7"
    if mail.html is None:
        assert not by_python.is_multipart()
        assert by_python.get_content_type() == "text/plain"
        assert as_read(decodestring(body).decode()) == as_read(mail.body)
    else:
        check_parts(mail, BytesParser(policy=compat32).parsebytes(head + b"\r\n\r\n" + body))
    if deeply:
        modern = BytesParser(policy=default).parsebytes(content)
        assert [address.addr_spec for address in modern["To"].addresses] == [recipient]
        assert [address.addr_spec for address in modern["From"].addresses] == [OWN]
        assert not any(modern[name] for name in ("Bcc", "Cc", "Sender"))


def check_parts(mail: Mail, message: Message) -> None:
    """Checks that a mail has the two parts that were meant, the text first, and nothing else."""
    assert message.get_content_type() == "multipart/alternative"
    assert (message.preamble or "", message.epilogue or "") == ("", "")
    parts = list(message.walk())[1:]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    for part, meant in zip(parts, (mail.body, mail.html), strict=True):
        assert part.keys() == ["Content-Type", "Content-Transfer-Encoding"]
        assert part.get_content_charset() == "utf-8"
        decoded_part = part.get_payload(decode=True)
        assert isinstance(decoded_part, bytes)
        assert meant is not None
        assert as_read(decoded_part.decode()) == as_read(meant)
        assert part.defects == []


def as_read(text: str) -> str:
    """Returns a text with the same line ends, and none at the end."""
    return re.sub(r"\r\n|\r", "\n", text).rstrip("\n")


def ascii_of(address: str) -> str:
    return address if address.isascii() else texts.email_address(address)


@pytest.mark.slow
def test_whatever_is_built_of_hostile_input_is_what_was_meant() -> None:
    ends: Counter[str] = Counter()
    for number, hostile_input in hostile_inputs():
        kind = "rules" if number % 2 else "rows"  # rows older than a rule were never validated
        try:
            accepted = validated(hostile_input) if kind == "rules" else hostile_input
            mail = letter_mail(accepted) if number % 4 < 2 else second_signature(accepted)
            envelope = seal(mail)
        except Invalid:
            ends[f"{kind} refused"] += 1
            continue
        check_received(mail, envelope, deeply=number % 8 < 2)
        ends[f"{kind} built"] += 1
    assert sum(ends.values()) == INPUTS
    assert ends["rules refused"] > 2000
    assert ends["rules built"] > 500
    assert ends["rows refused"] > 1000
    assert ends["rows built"] > 1000


@pytest.mark.slow
def test_every_trick_alone_in_every_field_is_refused_or_harmless() -> None:
    good = {"name": "Anna", "email": "anna@example.org", "subject": "A subject"}
    good |= {"body": "Dear MP, please sign. " * 4, "title": "A title", "organisation": "Us"}
    good |= {"member": "mp@example.org", "action": "Keep it public"}
    ends: Counter[str] = Counter()
    for field in good:
        for trick in TRICKS:
            for text in (trick, good[field] + trick, trick + good[field]):
                hostile_input = HostileInput(**{**good, field: text})
                for make in (letter_mail, second_signature):
                    for look in (validated, lambda unchanged: unchanged):
                        try:
                            mail = make(look(hostile_input))
                            check_received(mail, seal(mail))
                            ends["built"] += 1
                        except Invalid:
                            ends["refused"] += 1
    assert ends["built"] > 3000
    assert ends["refused"] > 1500


@pytest.mark.slow
def test_a_text_that_the_rules_take_is_always_built() -> None:
    """Accepted input must not be lost at delivery."""
    built = 0
    for number, hostile_input in hostile_inputs():
        try:
            accepted = validated(hostile_input)
        except Invalid:
            continue
        seal(letter_mail(accepted))
        seal(second_signature(accepted))
        built += 1
        if number > INPUTS / 2:
            break
    assert built > 300


@pytest.mark.slow
@hypothesis.given(st.emails())
def test_an_address_that_the_rules_take_is_always_written_to(address: str) -> None:
    try:
        accepted = texts.email_address(address)
    except Invalid:
        return
    good = HostileInput("Anna", accepted, "S", "Body", "Title", "Us", accepted, "Act")
    assert seal(letter_mail(good)).recipient == accepted


@pytest.mark.parametrize("space", [" ", "\t", "  ", ""])
@pytest.mark.parametrize("length", range(60, 80))
def test_a_line_that_ends_in_a_space_is_no_longer_than_others(length: int, space: str) -> None:
    body = f"{'é' + 'x' * length}{space}\nDear MP,\n"
    hostile_input = HostileInput(
        "Anna", "a@example.org", "S", body, "Title", "Us", "mp@example.org", "Act"
    )
    check_received(letter_mail(hostile_input), seal(letter_mail(hostile_input)))


@pytest.mark.parametrize(
    "title",
    [
        "Cadwch y GIG yn gyhoeddus – dŵr, iechyd a gofal i bawb yng Nghymru",
        "👩\u200d⚕️ for the NHS",
        "Ünser " * 30,
        "plain",
        'with "quotes", commas; and <angles>',
        "x" * 200,
    ],
)
def test_a_campaigns_title_arrives_whatever_its_letters(title: str) -> None:
    hostile_input = HostileInput(
        "Anna", "a@example.org", "S", "Body", title, "Us", "mp@example.org", "Act"
    )
    message = BytesParser(policy=default).parsebytes(seal(letter_mail(hostile_input)).content)
    assert " ".join(str(message["X-Campaign"]).split()) == " ".join(title.split())


# ---- through the whole service, to a real server


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def service(make_lobby: MakeLobby, sink: Sink, unused_port: int) -> Iterator[Lobby]:
    controller = Controller(sink, hostname="127.0.0.1", port=unused_port)
    controller.start()
    yield make_lobby(courier=make_courier(f"smtp://127.0.0.1:{unused_port}"))
    controller.stop()


@pytest.fixture
def caller(service: Lobby) -> Iterator[TestClient]:
    everybody = service.settings.model_copy(update={"posts_per_address": 0})
    app = create_app(everybody, lobby=service)
    with TestClient(app, client=("127.0.0.1", 50000), follow_redirects=False) as client:
        yield client


def signature_of(hostile_input: HostileInput, number: int) -> dict[str, Any]:
    email = hostile_input.email.replace("anna@", f"anna{number}@", 1)
    return {"name": hostile_input.name, "email": email, "postcode": CAN_SIGN}


def letter_of(hostile_input: HostileInput, number: int) -> dict[str, Any]:
    email = hostile_input.email.replace("anna@", f"anna{number}@", 1)
    home = {
        "line1": hostile_input.action[:90],
        "line2": "",
        "town": "Edinburgh",
        "postcode": CAN_SIGN,
    }
    person = {"name": hostile_input.name, "email": email, "address": home}
    return {**person, "subject": hostile_input.subject, "body": hostile_input.body}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_hostile_input_through_the_api_brings_no_error_and_no_strange_mail(
    service: Lobby, caller: TestClient, sink: Sink
) -> None:
    headers = key_for(service, Scope.CAMPAIGNS_WRITE)
    while worker.deliver_due(service):
        pass
    sink.taken.clear()
    chance = random.Random(SEED)
    answers: Counter[int] = Counter()
    for number in range(240):
        hostile_input = HostileInput.by_chance(chance)
        calls = [
            ("PATCH", f"/v1/campaigns/{CAMPAIGN}", {"title": hostile_input.title}),
            ("PATCH", f"/v1/petitions/{PETITION}", {"action": hostile_input.action}),
            ("POST", f"/v1/petitions/{PETITION}/signatures", signature_of(hostile_input, number)),
            ("POST", f"/v1/campaigns/{CAMPAIGN}/letters", letter_of(hostile_input, number)),
        ]
        for method, path, body in calls:
            # Sent with backslash escapes: the client's own JSON encoder refuses lone surrogates.
            content = json.dumps(body).encode("ascii")
            sent_as = {"Content-Type": "application/json"}
            sent_as |= headers if method == "PATCH" else {}
            answer = caller.request(method, path, content=content, headers=sent_as)
            answers[answer.status_code] += 1
            assert answer.status_code in (200, 201, 422), answer.text
            if answer.status_code == 422:
                assert all(error["field"] for error in answer.json()["errors"])
            elif path.endswith("/letters"):
                confirm(service, caller, answer.json()["id"])
        worker.sort_submissions(service)
        while worker.deliver_due(service):
            pass
    assert answers[201] > 100
    assert answers[422] > 100
    check_sink(service, sink)


def confirm(service: Lobby, caller: TestClient, letter_id: str) -> None:
    """Confirms the letter. A second one of a writer to an MP is deleted or conflicts."""
    worker.sort_submissions(service)
    token = service.tokens.issue(Purpose.LETTER, UUID(letter_id))
    answer = caller.post("/v1/letters/confirm", json={"token": token})
    with service.database.read() as session:
        is_waiting = session.get(Submission, UUID(letter_id)) is not None
    assert answer.status_code in ((409,) if is_waiting else (200, 410)), answer.text


def check_sink(service: Lobby, sink: Sink) -> None:
    with service.database.read() as session:
        members = {member.email for member in session.exec(select(Member))}
    to_members = 0
    for envelope in sink.taken:
        assert isinstance(envelope.content, bytes)
        head, _, _ = envelope.content.partition(b"\r\n\r\n")
        headers = parse_headers(head)
        names = [name for name, _ in headers]
        assert set(names) <= OURS | MIME | TO_SUPPORTERS
        assert len(names) == len(set(names))
        header_values = dict(headers)
        assert envelope.rcpt_tos == [header_values["To"]]
        assert envelope.mail_from == OWN
        assert address_in(header_values["From"]) == OWN
        to_members += header_values["To"] in members
        assert header_values["To"] in members or re.fullmatch(
            r"anna\d+@\S+|\S+@example\.org", header_values["To"]
        )
    assert to_members > 20
    assert len(sink.taken) - to_members > 50


@pytest.mark.parametrize("trick", ["=?utf-8?q?x?=", "a\r\nb", "a\x00b", "a\u2028b", "a\u202eb"])
def test_what_no_header_can_carry_is_refused_where_it_is_set(
    lobby: Lobby, client: TestClient, trick: str
) -> None:
    headers = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    for path, body in (
        (f"/v1/campaigns/{CAMPAIGN}", {"title": trick}),
        (f"/v1/petitions/{PETITION}", {"action": trick}),
    ):
        answer = client.patch(path, json=body, headers=headers)
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == list(body)
    with pytest.raises(Invalid) as refused, lobby.database.write() as session:
        organisations.create(session, name=trick, slug="tricks", now=lobby.clock())
    assert refused.value.fields[0].field == "name"
    with lobby.database.read() as session:
        assert trick not in {campaign.title for campaign in session.exec(select(Campaign))}
