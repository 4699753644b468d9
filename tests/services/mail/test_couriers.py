"""Tests delivery to a real SMTP server on loopback: each email once, despite faults."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col, select

import worker
from core.settings import Settings
from models import (
    Letter,
    LetterState,
    Member,
    MessageKind,
    MessageState,
    MotionSignatory,
    OutboxMessage,
    Submission,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.errors import Conflict, Invalid
from services.letters import letter_states
from services.mail import mail_builder, outbox
from services.mail.couriers import Delivery, FileCourier, SmtpCourier, make_courier
from services.mail.mail_builder import Envelope as OurEnvelope
from services.mail.mail_builder import Mail
from services.tallies import seat_table
from tests.support.common import CAMPAIGN, CAN_SIGN, SIGNED, START, Clock, text_of
from tests.support.lobbies import MakeLobby
from tests.support.mail import (
    LETTER_BODY,
    confirm_letter,
    deliver_due,
    sign,
    submit_letter,
    write_letter,
)
from tests.support.outside.smtp_server import Sink


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def smtp(sink: Sink, unused_port: int) -> Iterator[SmtpCourier]:
    controller = Controller(sink, hostname="127.0.0.1", port=unused_port)
    controller.start()
    courier = make_courier(f"smtp://127.0.0.1:{unused_port}")
    assert isinstance(courier, SmtpCourier)
    yield courier
    courier.close()
    controller.stop()


@pytest.fixture
def lobby(make_lobby: MakeLobby, smtp: SmtpCourier) -> Lobby:
    return make_lobby(courier=smtp)


def messages_of(lobby: Lobby, kind: MessageKind) -> list[OutboxMessage]:
    with lobby.database.read() as session:
        return list(
            session.exec(
                select(OutboxMessage)
                .where(OutboxMessage.kind == kind)
                .order_by(col(OutboxMessage.id))  # ids are time-ordered
            )
        )


def last(lobby: Lobby, kind: MessageKind) -> OutboxMessage:
    return messages_of(lobby, kind)[-1]


def state_of(lobby: Lobby, letter: Letter) -> LetterState:
    with lobby.database.read() as session:
        return letter_states.get(session, letter.id).state


def sent_letters(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        return seat_table.of_campaign(session, campaign, now=lobby.clock()).letters_sent


def test_a_mail_arrives_as_it_was_written(lobby: Lobby, sink: Sink) -> None:
    letter = write_letter(lobby)
    deliver_due(lobby)
    message = next(mail for mail in sink.messages() if "morag" in mail["To"])
    assert text_of(message).startswith(LETTER_BODY.rstrip())
    assert text_of(message).rstrip().endswith(CAN_SIGN)
    assert message["Subject"] == "A subject"
    assert message["X-Campaign"] == "Keep NHS Professionals public"
    assert state_of(lobby, letter) is LetterState.SENT


def test_a_letter_goes_once_however_often_it_is_confirmed(lobby: Lobby, sink: Sink) -> None:
    before = sent_letters(lobby)
    letter = write_letter(lobby)
    for _ in range(3):
        confirm_letter(lobby, letter.id)
        deliver_due(lobby)
    assert len([mail for mail in sink.messages() if "morag" in mail["To"]]) == 1
    assert sent_letters(lobby) == before + 1


def test_a_deferred_mail_goes_again_later_and_counts_once(
    lobby: Lobby, sink: Sink, clock: Clock
) -> None:
    sink.answers = ["451 try later", "421 closing"]
    sign(lobby)
    deliver_due(lobby)
    message = last(lobby, MessageKind.CONFIRM_SIGNATURE)
    assert message.state is MessageState.DEFERRED
    soonest = clock.now + outbox.wait_after(1, chance=lambda: 0.0)
    assert soonest <= message.due_at < clock.now + outbox.wait_after(1, chance=lambda: 1.0)
    assert sink.taken == []
    for _ in range(2):
        clock.advance(hours=4)
        deliver_due(lobby)
    message = last(lobby, MessageKind.CONFIRM_SIGNATURE)
    assert (message.state, message.attempt) == (MessageState.ACCEPTED, 3)
    assert len(sink.taken) == 1


@pytest.mark.slow
def test_a_mail_that_is_deferred_for_four_days_is_given_up(
    lobby: Lobby, sink: Sink, clock: Clock
) -> None:
    sink.answers = ["451 try later"] * 100
    sign(lobby)
    for _ in range(40):
        deliver_due(lobby)
        clock.advance(hours=4)
    assert last(lobby, MessageKind.CONFIRM_SIGNATURE).state is MessageState.REJECTED


def test_a_letter_that_is_refused_says_why_and_is_not_counted(lobby: Lobby, sink: Sink) -> None:
    sink.refused_recipients = {"morag.ferncastle@example.org"}
    before = sent_letters(lobby)
    letter = write_letter(lobby)
    deliver_due(lobby)
    with lobby.database.read() as session:
        refused = letter_states.get(session, letter.id)
    assert refused.state is LetterState.REJECTED
    assert "no such box" in (refused.reason or "")
    assert sent_letters(lobby) == before


@pytest.mark.parametrize("answer", ["drop", "garbled"])
def test_a_letter_without_a_clear_answer_after_the_dot_is_uncertain_and_never_goes_again(
    lobby: Lobby, sink: Sink, clock: Clock, answer: str
) -> None:
    letter = write_letter(lobby)
    # The confirmation email comes first; it is dropped because the letter is confirmed.
    sink.answers = [answer]
    deliver_due(lobby)
    assert state_of(lobby, letter) is LetterState.UNCERTAIN
    for _ in range(5):
        clock.advance(days=1)
        worker.clean_up(lobby)
        deliver_due(lobby)
    assert len(sink.taken) == 1
    assert last(lobby, MessageKind.LETTER).state is MessageState.UNCERTAIN


def test_a_confirmation_without_an_answer_after_the_dot_is_sent_again(
    lobby: Lobby, sink: Sink, clock: Clock
) -> None:
    sink.answers = ["drop"]
    sign(lobby)
    deliver_due(lobby)
    clock.advance(hours=1)
    deliver_due(lobby)
    first, second = sink.messages()
    assert first["Message-ID"] == second["Message-ID"]
    assert last(lobby, MessageKind.CONFIRM_SIGNATURE).state is MessageState.ACCEPTED


def test_a_server_that_is_away_loses_nothing(
    make_lobby: MakeLobby, clock: Clock, sink: Sink, smtp: SmtpCourier
) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = SmtpCourier(host="127.0.0.1", port=probe.getsockname()[1])
        lobby = make_lobby(courier=nobody)
        sign(lobby)
        deliver_due(lobby)
    assert last(lobby, MessageKind.CONFIRM_SIGNATURE).state is MessageState.DEFERRED
    clock.advance(hours=1)
    deliver_due(replace(lobby, courier=smtp))
    assert len(sink.taken) == 1


def test_a_worker_that_dies_before_the_dot_is_followed_by_another(
    lobby: Lobby, sink: Sink, clock: Clock
) -> None:
    write_letter(lobby)
    with lobby.database.write() as session:
        claimed = outbox.claim(session, now=clock.now, limit=50)
    assert claimed
    deliver_due(lobby)
    assert sink.taken == []
    clock.advance(minutes=11)
    worker.clean_up(lobby)
    deliver_due(lobby)
    assert len(sink.taken) == 1


def test_a_worker_that_dies_after_committing_to_the_dot_leaves_a_letter_uncertain(
    lobby: Lobby, sink: Sink, clock: Clock
) -> None:
    letter = write_letter(lobby)
    with lobby.database.write() as session:
        for message in outbox.claim(session, now=clock.now, limit=50):
            assert outbox.before_dots(session, [message], outbox.held(session, [message]))
    clock.advance(minutes=11)
    worker.clean_up(lobby)
    deliver_due(lobby)
    assert sink.messages() == []
    assert state_of(lobby, letter) is LetterState.UNCERTAIN


def test_a_worker_back_from_the_dead_cannot_send_what_another_has_taken_over(
    lobby: Lobby, clock: Clock
) -> None:
    write_letter(lobby)
    with lobby.database.write() as session:
        (old,) = outbox.claim(session, now=clock.now, limit=50)[-1:]
    clock.advance(minutes=11)
    worker.clean_up(lobby)
    with lobby.database.write() as session:
        outbox.claim(session, now=clock.now, limit=50)
        assert not outbox.before_dots(session, [old], outbox.held(session, [old]))
        done = outbox.finish(session, old, MessageState.ACCEPTED, now=clock.now, detail=None)
        assert done is None


@pytest.mark.slow
def test_two_workers_at_once_send_every_mail_once(lobby: Lobby, sink: Sink) -> None:
    for number in range(30):
        sign(lobby, f"person{number}@example.org")
    host, _, port = lobby.courier.relay.rpartition(":")
    couriers = [SmtpCourier(host=host, port=int(port)) for _ in range(2)]
    threads = [
        threading.Thread(target=deliver_due, args=(replace(lobby, courier=courier),))
        for courier in couriers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for courier in couriers:
        courier.close()
    recipients = sorted(envelope.rcpt_tos[0] for envelope in sink.taken)
    assert recipients == sorted(f"person{number}@example.org" for number in range(30))


def test_a_member_who_signs_in_between_does_not_get_the_old_letter(
    lobby: Lobby, sink: Sink, clock: Clock
) -> None:
    letter = write_letter(lobby)
    assert letter.motion_id
    with lobby.database.write() as session:
        name = MotionSignatory(
            id=1,
            motion_id=letter.motion_id,
            member_id=letter.member_id,
            signed_on=START.date(),
            first_seen_at=START,
        )
        session.add(name)
    deliver_due(lobby)
    assert state_of(lobby, letter) is LetterState.HELD
    (mail,) = sink.messages()
    assert mail["To"] == "anna@example.org"
    assert "We haven't sent your letter" in mail["Subject"]
    assert "/letter" in text_of(mail)


def test_a_letter_to_a_member_who_lost_their_address_is_held(lobby: Lobby) -> None:
    letter = write_letter(lobby)
    with lobby.database.write() as session:
        session.get_one(Member, letter.member_id).email = None
    deliver_due(lobby)
    assert state_of(lobby, letter) is LetterState.HELD


def test_a_cancelled_letter_does_not_go(lobby: Lobby, sink: Sink) -> None:
    letter = write_letter(lobby)
    with lobby.database.write() as session:
        assert letter_states.cancel(session, letter.id).state is LetterState.CANCELLED
    deliver_due(lobby)
    assert sink.taken == []
    with pytest.raises(Conflict):
        confirm_letter(lobby, letter.id)


def test_a_letter_that_went_cannot_be_cancelled(lobby: Lobby) -> None:
    letter = write_letter(lobby)
    deliver_due(lobby)
    with pytest.raises(Conflict), lobby.database.write() as session:
        letter_states.cancel(session, letter.id)
    assert state_of(lobby, letter) is LetterState.SENT


def test_a_letter_cancelled_while_it_travels_stops_before_the_dot(
    lobby: Lobby, sink: Sink, smtp: SmtpCourier
) -> None:
    letter = write_letter(lobby)

    @dataclass
    class Slow:
        """Cancels the letter just before its body is sent."""

        relay = smtp.relay

        def deliver(self, envelope: OurEnvelope, before_dot: Callable[[], bool]) -> Delivery:
            with lobby.database.write() as session:
                letter_states.cancel(session, letter.id)
            return smtp.deliver(envelope, before_dot)

        def close(self) -> None:
            """Has nothing to close."""

    deliver_due(replace(lobby, courier=Slow()))
    assert sink.taken == []
    assert state_of(lobby, letter) is LetterState.CANCELLED


def test_a_letter_that_went_is_not_written_again_and_the_answer_does_not_tell(
    lobby: Lobby, sink: Sink
) -> None:
    first = write_letter(lobby)
    deliver_due(lobby)
    again = submit_letter(lobby, subject="Again")
    assert again.state is LetterState.PENDING
    assert again.id != first.id
    deliver_due(lobby)
    assert len(sink.taken) == 1
    with lobby.database.read() as session:
        assert session.get(Letter, again.id) is None
        assert session.get(Submission, again.id) is None


def test_the_thank_you_goes_to_who_has_signed(lobby: Lobby, sink: Sink) -> None:
    letter = write_letter(lobby, postcode=SIGNED)
    assert letter.variant == "thank"
    deliver_due(lobby)
    assert sink.taken[-1].rcpt_tos == ["adaeze.hartwhistle@example.org"]


@pytest.mark.slow
@given(
    name=st.text(max_size=60),
    subject=st.text(max_size=200),
    address=st.sampled_from(["mp@example.org", "mp@example.org\r\nBcc: x@example.org"]),
)
def test_no_text_becomes_a_header_or_a_recipient(name: str, subject: str, address: str) -> None:
    mail = Mail(
        recipient=address,
        sender_name=name,
        reply_to=(name, "anna@example.org"),
        subject=subject,
        body="text",
        message_id="<1@lobby.example.org>",
    )
    try:
        message = mail_builder.build(mail, mail_from="Lobby <post@lobby.example.org>", now=START)
    except (Invalid, ValueError):
        return
    parsed = BytesParser(policy=default).parsebytes(message.content)
    allowed = {"From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted"}
    allowed |= {"MIME-Version", "Content-Type", "Content-Transfer-Encoding"}
    assert set(parsed.keys()) <= allowed
    assert [recipient.addr_spec for recipient in parsed["To"].addresses] == ["mp@example.org"]
    assert [recipient.addr_spec for recipient in parsed["From"].addresses] == [
        "post@lobby.example.org"
    ]


def test_mails_in_a_folder_are_whole_or_not_there(lobby: Lobby, tmp_path: Any) -> None:
    folder = FileCourier(tmp_path / "mail")
    write_letter(lobby)
    deliver_due(replace(lobby, courier=folder))
    assert [file.suffix for file in folder.folder.iterdir()] == [".eml"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_mails_in_a_folder_are_for_the_owner_alone(lobby: Lobby, tmp_path: Any) -> None:
    previous = os.umask(0)
    try:
        folder = FileCourier(tmp_path / "new" / "mail")
        write_letter(lobby)
        deliver_due(replace(lobby, courier=folder))
    finally:
        os.umask(previous)
    (file,) = folder.folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    for made in (folder.folder, folder.folder.parent):
        assert made.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("url", ["", "file:", "file://", "FILE:"])
def test_mails_without_a_folder_go_to_the_data_folder(tmp_path: Any, url: str) -> None:
    data = tmp_path / "50% of a?b#c"
    courier = make_courier(Settings(data_dir=data, smtp_url=url).smtp_url)
    assert isinstance(courier, FileCourier)
    assert courier.folder == data / "mail"


def test_no_personal_data_waits_in_the_outbox(lobby: Lobby) -> None:
    write_letter(lobby)
    with lobby.database.read() as session:
        rows = session.connection().exec_driver_sql("SELECT * FROM outbox_message").all()
    stored = repr(rows)
    assert "anna" not in stored.lower()
    assert "Example Street" not in stored
