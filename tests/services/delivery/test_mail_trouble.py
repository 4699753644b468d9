"""Tests that a message that cannot be rendered or delivered does not block the others."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select
from structlog.testing import capture_logs

import worker
from models import (
    Campaign,
    Letter,
    LetterState,
    MessageKind,
    MessageState,
    Organisation,
    OutboxMessage,
    Petition,
    Private,
    Signature,
    Submission,
    Supporter,
)
from models.base import table_of
from services.assembly import Lobby
from services.letters import letter_mails, letter_states
from services.mail import outbox
from services.mail.couriers import Delivery
from services.mail.mail_builder import Envelope
from services.signatures.recording import SignatureRequest
from tests.support import signatures
from tests.support.common import CAN_SIGN, PETITION, Clock, text_of
from tests.support.mail import write_letter

Deliver = Callable[[], list[EmailMessage]]
PEOPLE = [f"person{number}@example.org" for number in range(6)]
BODY = "Dear Morag Ferncastle,\n\nPlease sign, since my ward depends on it.\n"


def sign(lobby: Lobby, *emails: str) -> None:
    requests = [SignatureRequest(PETITION, "Anna Example", email, CAN_SIGN) for email in emails]
    signatures.sign_and_sort(lobby, *requests)


def write(lobby: Lobby) -> UUID:
    """Creates a confirmed letter and returns its id."""
    return write_letter(lobby, body=BODY).id


def message_about(lobby: Lobby, subject_id: UUID, kind: MessageKind) -> OutboxMessage:
    with lobby.database.read() as session:
        statement = select(OutboxMessage).where(
            OutboxMessage.subject_id == subject_id, OutboxMessage.kind == kind
        )
        return session.exec(statement).one()


def newest(session: Session, model: type[Submission] | type[Letter]) -> UUID:
    table = table_of(model)
    statement = sa.select(table.c.id).order_by(table.c.id.desc()).limit(1)
    newest_id: UUID = session.connection().execute(statement).scalar_one()
    return newest_id


def break_newest(lobby: Lobby, model: type[Submission] | type[Letter]) -> UUID:
    """Makes a stored text undecryptable, as after a lost secret or a disk fault."""
    table = table_of(model)
    column = "payload" if model is Submission else "name"
    with lobby.database.write() as session:
        broken = newest(session, model)
        raw = sa.update(table).where(table.c.id == broken)
        value = sa.type_coerce(sa.literal(b"\x01" * 60, sa.LargeBinary), sa.LargeBinary)
        session.connection().execute(raw.values({column: value}))
    return broken


def test_a_mail_that_cannot_be_made_waits_and_the_others_go(
    lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    deliver()
    sign(lobby, *PEOPLE)
    broken = break_newest(lobby, Submission)
    with capture_logs() as entries:
        sent = deliver()
    assert len(sent) == len(PEOPLE) - 1
    message = message_about(lobby, broken, MessageKind.CONFIRM_SIGNATURE)
    assert (message.state, message.attempt) == (MessageState.DEFERRED, 1)
    assert message.detail == "cannot be made: Unreadable"
    assert message.due_at > clock.now
    (entry,) = [entry for entry in entries if entry["event"] == "mail_rendering_failed"]
    assert entry["message"] == str(message.id)
    assert entry["error"] == "Unreadable"
    assert not any("Anna" in str(entry) or "@" in str(entry) for entry in entries)


def test_a_letter_that_cannot_be_made_waits_longer_each_time(
    lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    deliver()
    letter_id = write(lobby)
    assert break_newest(lobby, Letter) == letter_id
    for attempt in (1, 2, 3):
        assert deliver() == []
        message = message_about(lobby, letter_id, MessageKind.LETTER)
        assert (message.state, message.attempt) == (MessageState.DEFERRED, attempt)
        clock.now = message.due_at


def test_nothing_past_the_dot_is_deferred(lobby: Lobby, clock: Clock) -> None:
    write(lobby)
    with lobby.database.write() as session:
        claimed = outbox.claim(session, now=clock.now, limit=50)
        (message,) = [candidate for candidate in claimed if candidate.kind is MessageKind.LETTER]
        assert outbox.before_dots(session, [message], outbox.held(session, [message]))
        deferred, state_before = MessageState.DEFERRED, outbox.BEFORE_THE_DOT
        ended = outbox.finish(
            session,
            message,
            deferred,
            now=clock.now,
            detail="cannot be made",
            expected=state_before,
        )
        assert ended is None
    after = message_about(lobby, message.subject_id, MessageKind.LETTER)
    assert after.state is MessageState.DOT_PENDING


@dataclass
class FailingCourier:
    """A courier that raises an unexpected error for some emails, before or after the final dot."""

    courier: Any
    after_the_dot: bool = False
    attempts: list[str] = field(default_factory=list)
    relay: str = "stumbling"

    def deliver(self, envelope: Envelope, before_dot: Callable[[], bool]) -> Delivery:
        self.attempts.append(envelope.recipient)
        if envelope.recipient in ("person2@example.org", "morag.ferncastle@example.org"):
            if self.after_the_dot:
                assert before_dot()
            raise KeyError(f"secret of {envelope.recipient}")
        done: Delivery = self.courier.deliver(envelope, before_dot)
        return done

    def close(self) -> None:
        """Has nothing to close."""


@pytest.mark.parametrize("connections", [1, 4])
def test_a_mail_that_cannot_be_handed_over_is_left_for_its_lease_and_the_others_go(
    lobby: Lobby, deliver: Deliver, clock: Clock, connections: int
) -> None:
    deliver()
    sign(lobby, *PEOPLE)
    settings = lobby.settings.model_copy(update={"smtp_connections": connections})
    stumbling = replace(lobby, courier=FailingCourier(lobby.courier), settings=settings)
    with capture_logs() as entries:
        assert worker.deliver_due(stumbling) == len(PEOPLE)
        assert worker.deliver_due(stumbling) == 0, "nobody takes it before its lease ends"
    assert len(deliver()) == len(PEOPLE) - 1
    (entry,) = [entry for entry in entries if entry["event"] == "mail_delivery_failed"]
    assert entry["error"] == "KeyError"
    assert not any("person2" in str(entry) for entry in entries)
    clock.advance(minutes=11)
    worker.clean_up(lobby)
    assert [mail["To"] for mail in deliver()] == ["person2@example.org"]


@pytest.mark.parametrize(
    ("after_the_dot", "then"),
    [(False, LetterState.SENT), (True, LetterState.UNCERTAIN)],
)
def test_a_letter_that_failed_in_the_hand_goes_again_only_from_before_the_dot(
    lobby: Lobby, deliver: Deliver, clock: Clock, after_the_dot: bool, then: LetterState
) -> None:
    deliver()
    letter_id = write(lobby)
    stumbling = FailingCourier(lobby.courier, after_the_dot)
    worker.deliver_due(replace(lobby, courier=stumbling))
    assert stumbling.attempts == ["morag.ferncastle@example.org"]
    clock.advance(minutes=11)
    worker.clean_up(lobby)
    deliver()
    with lobby.database.read() as session:
        assert letter_states.get(session, letter_id).state is then


# ---- rows stored before a rule existed


def set_titles(lobby: Lobby, title: str) -> None:
    """Stores names and titles that today's validation would refuse."""
    with lobby.database.write() as session:
        for organisation in session.exec(select(Organisation)):
            organisation.name = title
        for campaign in session.exec(select(Campaign)):
            campaign.title = title
        for petition in session.exec(select(Petition)):
            petition.action = title


@pytest.mark.parametrize(
    "title",
    [
        "=?utf-8?q?=0D=0ABcc:x@example.org?=",
        "Save it\r\nBcc: x@example.org",
        "Save\x00it\N{LINE SEPARATOR}now\N{RIGHT-TO-LEFT OVERRIDE}",
        "Achub y GIG – dŵr " * 8,
    ],
)
def test_an_unfit_title_from_before_loses_no_mail(
    lobby: Lobby, deliver: Deliver, title: str, backend: str
) -> None:
    if backend == "postgresql" and "\x00" in title:
        title = title.replace("\x00", "\x01")  # PostgreSQL cannot store it
    deliver()
    sign(lobby, "anna@example.org")
    letter_id = write(lobby)
    set_titles(lobby, title)
    confirmation, letter = sorted(deliver(), key=lambda mail: "morag" in mail["To"])
    assert confirmation["To"] == "anna@example.org"
    assert "/confirm/" in text_of(confirmation)
    assert letter["To"] == "morag.ferncastle@example.org"
    for mail in (confirmation, letter):
        assert mail["X-Campaign"]
        assert mail["Bcc"] is None
        assert "=?" not in mail["X-Campaign"]
    with lobby.database.read() as session:
        assert letter_states.get(session, letter_id).state is LetterState.SENT


def test_an_unfit_letter_from_before_is_held_and_its_writer_told(
    lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    letter_id = write(lobby)
    with lobby.database.write() as session:
        letter = letter_states.get(session, letter_id)
        letter.subject = Private(letter.subject.organisation_id, "A subject\r\nBcc: x@example.org")
    (mail,) = deliver()
    assert mail["To"] == "anna@example.org"
    assert letter_mails.HELD_REASONS["unsendable"] in " ".join(text_of(mail).split())
    with lobby.database.read() as session:
        letter = letter_states.get(session, letter_id)
        assert (letter.state, letter.reason) == (LetterState.HELD, "unsendable")
    assert deliver() == []


def test_an_address_from_before_with_letters_of_its_own_is_written_to_in_ascii(
    lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    request = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
    (signature_id,) = signatures.sign_and_confirm(lobby, request)
    sign(lobby, "anna@example.org")
    with lobby.database.write() as session:
        signature = session.get_one(Signature, signature_id)
        supporter = session.get_one(Supporter, signature.supporter_id)
        organisation_id = supporter.email.organisation_id
        supporter.email = Private(organisation_id, "anna@münchen.example.org")
    (mail,) = deliver()
    assert mail["To"] == "anna@xn--mnchen-3ya.example.org"
