"""Tests that one letter can be followed through the log, and that nobody is named in it."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select
from structlog.testing import capture_logs
from structlog.typing import EventDict

import worker
from core import logs
from main import create_app
from models import Letter, MessageKind, OutboxMessage, Scope
from services.assembly import Lobby
from services.letters import letter_states
from services.mail import outbox
from services.mail.couriers import SmtpCourier
from services.signatures.recording import SignatureRequest
from services.webhooks.sender import WebhookSender
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, Clock, Mailbox
from tests.support.keys import key_for
from tests.support.mail import confirm_letter, sign, submit_letter, write_letter
from tests.support.outside.tls_relay import ScriptedRelay
from tests.support.outside.webhook_receiver import GO_ON, Receiver
from tests.support.webhooks import create_webhook, sign_and_confirm

PERSONAL = ("@", "Anna", "anna", "Morag", "morag", "Example Street", "EH1")


@pytest.fixture(autouse=True)
def _every_level() -> Iterator[None]:
    """Writes what an operator sees; other tests log errors only."""
    logs.configure()
    yield
    logs.configure(level="ERROR")


def mail_lines(entries: list[EventDict]) -> list[EventDict]:
    """Returns the lines about emails; none of any line may name a person."""
    for entry in entries:
        assert not any(word in str(entry) for word in PERSONAL), entry
    return [entry for entry in entries if entry["event"].startswith("mail")]


def message_of(lobby: Lobby, subject_id: UUID, kind: MessageKind) -> OutboxMessage:
    with lobby.database.read() as session:
        statement = select(OutboxMessage).where(
            OutboxMessage.subject_id == subject_id, OutboxMessage.kind == kind
        )
        return session.exec(statement).one()


def about(entries: list[EventDict], letter: Letter) -> list[EventDict]:
    """What `grep` finds with the id of a letter."""
    return [entry for entry in mail_lines(entries) if str(letter.id) in str(entry)]


def with_courier(lobby: Lobby, port: int) -> Lobby:
    return replace(lobby, courier=SmtpCourier(host="127.0.0.1", port=port))


def test_the_id_of_a_letter_finds_all_its_emails_in_the_log(lobby: Lobby) -> None:
    """From the email that asks to confirm it to its acceptance, and the copy to its writer."""
    mailbox = Mailbox(lobby)
    mailbox.deliver()
    with capture_logs() as entries:
        letter_id = submit_letter(lobby, wants_copy=True).id
        mailbox.deliver()
        letter = confirm_letter(lobby, letter_id)
        sent = [mail for mail in mailbox.deliver() if "morag" in mail["To"]]
        mailbox.deliver()
    kinds = [MessageKind.CONFIRM_LETTER, MessageKind.LETTER, MessageKind.LETTER_RECEIPT]
    lines = about(entries, letter)
    assert [line["kind"] for line in lines] == kinds
    for line in lines:
        message = message_of(lobby, letter.id, line["kind"])
        assert line["message"] == str(message.id)
        assert line["letter"] == str(letter.id)
        assert line["campaign"] == CAMPAIGN
        assert (line["state"], line["attempt"]) == ("accepted", 1)
        assert line["queued_at"] == message.created_at.isoformat()
    assert [mail["Message-ID"].strip("<>").partition("@")[0] for mail in sent] == [
        lines[1]["message"]
    ]


def test_every_attempt_of_a_letter_is_in_the_log(lobby: Lobby, clock: Clock) -> None:
    Mailbox(lobby).deliver()
    with capture_logs() as entries:
        letter = write_letter(lobby)
        relay = ScriptedRelay(None, answers={b"RCPT": b"451 4.2.0 later\r\n"})
        with relay.up() as port:
            worker.deliver_due(with_courier(lobby, port))
            clock.advance(hours=1)
            relay.answers = {b"MAIL": b"421 4.3.2 <anna@example.org> closing\r\n"}
            worker.deliver_due(with_courier(lobby, port))
            clock.advance(hours=1)
            relay.answers = {b"RCPT": b"550 5.7.1 Anna may not\r\n"}
            worker.deliver_due(with_courier(lobby, port))
    lines = [line for line in about(entries, letter) if line["kind"] == MessageKind.LETTER]
    assert [(line["attempt"], line["state"], line["relay_trouble"]) for line in lines] == [
        (1, "deferred", False),
        (2, "deferred", True),
        (3, "rejected", False),
    ]


@pytest.mark.slow
def test_a_letter_that_is_given_up_says_so_in_the_log(lobby: Lobby, clock: Clock) -> None:
    Mailbox(lobby).deliver()
    letter = write_letter(lobby)
    relay = ScriptedRelay(None, answers={b"RCPT": b"451 4.2.0 later\r\n"})
    with capture_logs() as entries, relay.up() as port:
        for _ in range(outbox.FEWEST_ATTEMPTS):
            worker.deliver_due(with_courier(lobby, port))
            clock.advance(hours=5)
        assert {line["event"] for line in about(entries, letter)} == {"mail"}
        clock.advance(days=1)
        worker.deliver_due(with_courier(lobby, port))
    (line,) = [line for line in about(entries, letter) if line["event"] != "mail"]
    assert (line["event"], line["kind"]) == ("mail_given_up", MessageKind.LETTER)


def test_a_letter_that_does_not_go_says_why_in_the_log(lobby: Lobby) -> None:
    mailbox = Mailbox(lobby)
    mailbox.deliver()
    letter = write_letter(lobby)
    with lobby.database.write() as session:
        letter_states.cancel(session, letter.id)
    with capture_logs() as entries:
        mailbox.deliver()
    (line,) = [line for line in about(entries, letter) if line["kind"] == MessageKind.LETTER]
    assert (line["state"], line["reason"]) == ("dropped", "the letter is cancelled")
    assert line["campaign"] == CAMPAIGN


def test_a_letter_whose_worker_died_is_uncertain_in_the_log(lobby: Lobby, clock: Clock) -> None:
    Mailbox(lobby).deliver()
    letter = write_letter(lobby)
    with lobby.database.write() as session:
        for message in outbox.claim(session, now=clock.now, limit=50):
            assert outbox.before_dots(session, [message], outbox.held(session, [message]))
    clock.advance(minutes=11)
    with capture_logs() as entries:
        worker.clean_up(lobby)
    (line,) = about(entries, letter)
    assert (line["state"], line["log_level"]) == ("uncertain", "warning")


def test_an_email_about_a_signature_names_its_petition(lobby: Lobby) -> None:
    mailbox = Mailbox(lobby)
    mailbox.deliver()
    with capture_logs() as entries:
        sign(lobby, "anna@example.org")
        (asking,) = mailbox.deliver()
        signatures.sign_and_confirm(
            lobby, SignatureRequest(PETITION, "Anna Example", "berta@example.org", CAN_SIGN)
        )
        sign(lobby, "berta@example.org")
        mailbox.deliver()
    lines = mail_lines(entries)
    assert {line["kind"] for line in lines} >= {
        MessageKind.CONFIRM_SIGNATURE,
        MessageKind.ALREADY_SIGNED,
    }
    for line in lines:
        assert line["petition"] == PETITION
        assert "letter" not in line
    assert lines[0]["message"] in asking["Message-ID"]


def test_a_delivery_to_a_webhook_is_named_in_the_log(
    lobby: Lobby, receiver: Receiver, clock: Clock
) -> None:
    settings = lobby.settings.model_copy(update={"webhooks_to_loopback": True})
    open_to_loopback = replace(lobby, settings=settings, webhooks=WebhookSender(to_loopback=True))
    key = key_for(lobby, Scope.WEBHOOKS_WRITE, Scope.SIGNATURES_READ)
    with TestClient(create_app(settings, lobby=open_to_loopback)) as client:
        made = create_webhook(client, key, receiver.url)
    sign_and_confirm(lobby)
    with capture_logs() as entries:
        worker.deliver_webhooks(open_to_loopback, GO_ON)
    (line,) = [entry for entry in entries if entry["event"] == "webhook"]
    (taken,) = receiver.taken
    assert (line["endpoint"], line["message"]) == (made["id"], taken.id)
