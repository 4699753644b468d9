"""Tests copies of sent letters: who gets one, what it contains, and that only one is sent."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi.testclient import TestClient
from sqlmodel import select

import worker
from main import create_app
from models import Letter, LetterState, MessageKind, MessageState, OutboxMessage, Scope
from services.assembly import Lobby
from services.consents import preferences
from services.letters import letter_states
from services.mail import outbox
from services.mail.couriers import make_courier
from services.mail.outbox import NewMessage
from services.mail.recipients import recipient_of
from tests.support.common import CAMPAIGN, Clock, text_of, token_in
from tests.support.keys import key_for
from tests.support.lobbies import MakeLobby
from tests.support.mail import confirm_letter
from tests.support.pages import ANNA, BODY, HOME, LETTERS, visible, write

Deliver = Callable[[], list[EmailMessage]]
COPY = "/v1/letters/copy"
GAPPY = BODY.replace("\n\n", "\n\n\n\n") + "\n.\nA dot, and   spaces.\n"


def write_by_api(client: TestClient, **changes: Any) -> dict[str, Any]:
    letter = {
        "name": ANNA["name"],
        "email": ANNA["email"],
        "address": {**HOME, "postcode": ANNA["postcode"]},
        "subject": "Please sign EDM 152",
        "body": GAPPY,
        **changes,
    }
    answer = client.post(f"/v1{LETTERS}", json=letter)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def confirmed_token(client: TestClient, deliver: Deliver, **changes: Any) -> dict[str, str]:
    """Writes and confirms Anna's letter without delivering it; returns the token of her link."""
    deliver()
    write_by_api(client, **changes)
    (mail,) = deliver()
    token = {"token": token_in(mail, "letters/confirm")}
    assert client.post("/v1/letters/confirm", json=token).status_code == 200
    return token


def copies(mails: list[EmailMessage]) -> list[EmailMessage]:
    return [mail for mail in mails if mail["To"] == ANNA["email"]]


def receipts(lobby: Lobby) -> list[OutboxMessage]:
    kind = MessageKind.LETTER_RECEIPT
    with lobby.database.read() as session:
        return list(session.exec(select(OutboxMessage).where(OutboxMessage.kind == kind)))


def annas_letter(lobby: Lobby) -> Letter:
    with lobby.database.read() as session:
        return max(session.exec(select(Letter)), key=lambda letter: letter.id)


def test_a_writer_who_wants_a_copy_gets_all_of_the_letter_as_it_went(
    client: TestClient, deliver: Deliver
) -> None:
    confirmed_token(client, deliver, copy=True)
    mails = deliver()
    (letter,) = [mail for mail in mails if mail["To"] != ANNA["email"]]
    (copy,) = copies(mails)
    text = text_of(copy)
    assert copy["Subject"] == "Your letter to Morag Ferncastle has been sent"
    assert "Morag Ferncastle, MP for Edinburgh East and Musselburgh" in text
    assert "we handed your letter over on 1 July 2026, 13:00, London time." in text
    assert "answered: written to" in text
    assert f"Subject: Please sign EDM 152\n\n{text_of(letter).rstrip()}\n\n" in text
    assert text.rstrip().splitlines()[-1].startswith("Change what ")
    assert letter["List-Unsubscribe"] is None, "an MP's office is no subscriber"


def test_without_a_wish_there_is_no_copy(client: TestClient, deliver: Deliver) -> None:
    confirmed_token(client, deliver)
    assert copies(deliver()) == []
    assert deliver() == []


def test_a_copy_that_is_asked_for_later_goes_once_however_often_it_is_asked_for(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    token = confirmed_token(client, deliver)
    deliver()
    for _ in range(2):
        answer = client.post(COPY, json=token)
        assert answer.status_code == 200
        assert answer.json()["status"] == "sent"
        assert answer.json()["member"]["name"] == "Morag Ferncastle"
    assert len(copies(deliver())) == 1
    assert client.post(COPY, json=token).status_code == 200
    assert deliver() == []
    assert len(receipts(lobby)) == 1


def test_a_copy_that_is_asked_for_before_the_letter_goes_waits_for_it(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    token = confirmed_token(client, deliver)
    for _ in range(2):
        assert client.post(COPY, json=token).json()["status"] == "queued"
    assert receipts(lobby) == []
    assert len(copies(deliver())) == 1


def test_two_who_ask_at_once_get_one_copy(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    confirmed_token(client, deliver)
    deliver()
    letter_id, gate = annas_letter(lobby).id, threading.Barrier(4)

    def ask() -> None:
        gate.wait()
        with lobby.database.write() as session:
            letter_states.want_copy(session, letter_id, keyring=lobby.keyring, now=lobby.clock())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts(lobby)) == 1


def test_there_is_no_copy_of_a_cancelled_letter(client: TestClient, deliver: Deliver) -> None:
    token = confirmed_token(client, deliver, copy=True)
    assert client.post("/v1/letters/cancel", json=token).json()["status"] == "cancelled"
    answer = client.post(COPY, json=token)
    assert (answer.status_code, answer.json()["code"]) == (409, "letter_cancelled")
    assert deliver() == []


def test_whoever_wants_no_mail_is_told_that_no_copy_comes(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    token = confirmed_token(client, deliver)
    deliver()
    supporter_id = annas_letter(lobby).supporter_id
    for mail, status in ((False, 409), (True, 200)):
        with lobby.database.write() as session:
            preferences.change(session, supporter_id, mail=mail, now=lobby.clock())
        assert client.post(COPY, json=token).status_code == status
    assert len(copies(deliver())) == 1


def test_a_copy_that_was_dropped_can_be_asked_for_again(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    token = confirmed_token(client, deliver, copy=True)
    supporter_id = annas_letter(lobby).supporter_id
    with lobby.database.write() as session:
        preferences.change(session, supporter_id, mail=False, now=lobby.clock())
    assert copies(deliver()) == []
    assert [message.state for message in receipts(lobby)] == [MessageState.DROPPED]
    with lobby.database.write() as session:
        preferences.change(session, supporter_id, mail=True, now=lobby.clock())
    assert client.post(COPY, json=token).status_code == 200
    assert len(copies(deliver())) == 1


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 301])
def test_a_copy_needs_the_link_of_its_writer(client: TestClient, token: str) -> None:
    answer = client.post(COPY, json={"token": token})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "token")


def test_a_letter_link_dies_after_two_weeks_for_copies_too(
    client: TestClient, deliver: Deliver, clock: Clock
) -> None:
    token = confirmed_token(client, deliver)
    deliver()
    clock.advance(days=15)
    assert client.post(COPY, json=token).status_code == 410


# ---- over SMTP


@dataclass
class Sink:
    """SMTP handler that stores emails and can drop the connection after a letter."""

    drops_letters: bool = False
    taken: list[Envelope] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if self.drops_letters and envelope.rcpt_tos[0].startswith("morag"):
            assert server.transport is not None
            server.transport.close()
            return ""
        self.taken.append(envelope)
        return "250 2.0.0 taken as 4711"


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def relayed(make_lobby: MakeLobby, sink: Sink, unused_port: int) -> Iterator[Lobby]:
    """A lobby that sends its emails to the sink."""
    controller = Controller(sink, hostname="127.0.0.1", port=unused_port)
    controller.start()
    yield make_lobby(courier=make_courier(f"smtp://127.0.0.1:{unused_port}"))
    controller.stop()


def send_letter(lobby: Lobby, client: TestClient) -> UUID:
    """Writes Anna's letter with a copy, confirms and delivers it; returns the letter's id."""
    letter_id = UUID(write_by_api(client, copy=True)["id"])
    confirm_letter(lobby, letter_id)
    while worker.deliver_due(lobby):
        pass
    return letter_id


def texts_to_anna(sink: Sink) -> list[str]:
    """Returns the emails to Anna as sent, without quoted-printable soft line breaks."""
    contents = [mail.content for mail in sink.taken if mail.rcpt_tos == [ANNA["email"]]]
    texts = [content.decode() for content in contents if isinstance(content, bytes)]
    assert len(texts) == len(contents)
    return [text.replace("=\r\n", "") for text in texts]


def test_the_copy_tells_what_the_mail_server_answered(relayed: Lobby, sink: Sink) -> None:
    with TestClient(create_app(relayed.settings, lobby=relayed)) as client:
        send_letter(relayed, client)
    (copy,) = [text for text in texts_to_anna(sink) if "Here's the copy" in text]
    assert "answered: 250 2.0.0 taken as 4711" in copy


def test_the_copy_of_an_uncertain_letter_goes_when_an_organiser_says_that_it_went(
    relayed: Lobby, sink: Sink
) -> None:
    sink.drops_letters = True
    key = key_for(relayed, Scope.CAMPAIGNS_WRITE)
    with TestClient(create_app(relayed.settings, lobby=relayed)) as client:
        letter_id = send_letter(relayed, client)
        assert annas_letter(relayed).state is LetterState.UNCERTAIN
        assert receipts(relayed) == []
        answer = client.post(
            f"/v1/letters/{letter_id}/settle", json={"outcome": "sent"}, headers=key
        )
        assert answer.json()["status"] == "sent"
    while worker.deliver_due(relayed):
        pass
    (copy,) = [text for text in texts_to_anna(sink) if "Here's the copy" in text]
    assert "got no clear answer at first" in copy
    assert "answered:" not in copy


def test_a_letter_that_bounced_before_its_copy_went_has_none(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    token = confirmed_token(client, deliver)
    deliver()
    client.post(COPY, json=token)
    with lobby.database.write() as session:
        letter = session.get_one(Letter, annas_letter(lobby).id)
        letter.state = LetterState.REJECTED
    assert deliver() == []
    assert [message.state for message in receipts(lobby)] == [MessageState.DROPPED]


# ---- pages


def test_the_editor_offers_a_copy_with_an_empty_box_that_survives_mistakes(
    client: TestClient, deliver: Deliver
) -> None:
    page = client.post(f"/campaigns/{CAMPAIGN}/letter", data={"postcode": ANNA["postcode"]})
    assert '<label for="wants_copy">Email me a copy</label>' in page.text
    assert 'name="wants_copy" value="yes">' in page.text
    again = write(client, subject="", wants_copy="yes")
    assert 'name="wants_copy" value="yes" checked>' in again.text
    deliver()
    assert write(client, wants_copy="yes").status_code == 303
    (mail,) = deliver()
    page = client.post(f"/letters/confirm/{token_in(mail, 'letters/confirm')}")
    assert "We’ll email you a copy." in visible(page)
    assert len(copies(deliver())) == 1


def test_the_page_of_a_letter_that_went_shows_when_and_what_the_server_said(
    client: TestClient, deliver: Deliver, clock: Clock, lobby: Lobby
) -> None:
    token = confirmed_token(client, deliver)["token"]
    assert "Email me a copy" in visible(client.get(f"/letters/confirm/{token}"))
    deliver()
    page = client.get(f"/letters/confirm/{token}")
    assert "at 1pm on 1 July" in visible(page)
    assert "The MP’s email system answered: written to" in visible(page)
    assert f'<form method="post" action="/letters/copy/{token}">' in page.text
    assert client.get(f"/letters/copy/{token}").headers["Location"] == f"/letters/confirm/{token}"
    assert receipts(lobby) == []
    for _ in range(2):
        page = client.post(f"/letters/copy/{token}")
        assert "We’ve emailed you a copy." in visible(page)
        assert "Email me a copy" not in visible(page)
    assert len(copies(deliver())) == 1


def test_a_copy_is_one_of_the_five_mails_a_day_and_comes_tomorrow(
    client: TestClient, deliver: Deliver, lobby: Lobby, clock: Clock
) -> None:
    token = confirmed_token(client, deliver)
    deliver()
    note = NewMessage(
        MessageKind.ALREADY_SIGNED, UUID(int=0), recipient_of(ANNA["email"], lobby.keyring)
    )
    with lobby.database.write() as session:  # with the mail that asked to confirm, these are five
        outbox.queue(session, [note] * 4, now=lobby.clock())
    assert client.post(COPY, json=token).status_code == 200
    assert [mail for mail in deliver() if "has been sent" in mail["Subject"]] == []
    clock.advance(days=1, minutes=1)
    assert len(copies(deliver())) == 1
    assert client.post(COPY, json=token).status_code == 200
    assert copies(deliver()) == []
