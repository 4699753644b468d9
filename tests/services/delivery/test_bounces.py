"""Tests what bounced emails change for letters, tallies, writers and addresses."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi.testclient import TestClient
from pydantic import ValidationError
from sqlmodel import Session as SqlSession
from sqlmodel import col, select

import worker
from core.settings import Settings
from main import create_app
from models import (
    DeadAddress,
    Letter,
    LetterSketch,
    LetterState,
    LetterTally,
    Member,
    MessageKind,
    MessageState,
    OutboxMessage,
    Scope,
)
from services.assembly import Lobby
from services.database.engine import Database
from services.delivery import bounces
from services.delivery.bounces import ReportHandling
from services.mail import dead_addresses, delivery_reports
from services.mail.couriers import SmtpCourier
from services.operations import checks, recounts
from services.signatures.recording import SignatureRequest
from services.submissions import sorting
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, Clock, text_of, token_in
from tests.support.keys import add_campaign, key_for, others_key
from tests.support.lobbies import MakeLobby
from tests.support.mail import deliver_due
from tests.support.outside.bounce_reports import (
    MORAG,
    Failure,
    by_hand,
    exchange,
    exim,
    postfix,
    strange,
    vacation,
)
from tests.support.pages import LETTER, confirmed_count, sign, visible, write
from worker import bounces as reader

Deliver = Callable[[], list[EmailMessage]]
ADDRESS = "bounces@lobby.example.org"
POST = f"/v1/campaigns/{CAMPAIGN}/post"
DEAD = "550 5.1.1 No mailbox of this name"
GO_ON = threading.Event()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("new", "cur", "tmp"):
        (tmp_path / "returned" / part).mkdir(parents=True)
    return tmp_path / "returned"


def with_bounces(lobby: Lobby, folder: Path | None) -> Lobby:
    changes = {"bounce_address": ADDRESS, "bounce_folder": folder}
    return replace(lobby, settings=lobby.settings.model_copy(update=changes))


@pytest.fixture
def lobby(make_lobby: MakeLobby, folder: Path) -> Lobby:
    return with_bounces(make_lobby(), folder)


@dataclass
class Sink:
    """SMTP handler that accepts everything except mail to unknown addresses."""

    unknown: set[str] = field(default_factory=set)
    answer: str = "550 5.1.1 no such box"
    refused_senders: bool = False
    taken: list[Envelope] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        if self.refused_senders:
            return "550 5.1.2 we do not know your domain"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        if address in self.unknown:
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.taken.append(envelope)
        return "250 taken"


@pytest.fixture
def sink(unused_port: int, lobby: Lobby) -> Iterator[tuple[Sink, Lobby]]:
    """Starts an SMTP server and points the lobby at it."""
    handler = Sink()
    controller = Controller(handler, hostname="127.0.0.1", port=unused_port)
    controller.start()
    courier = SmtpCourier(host="127.0.0.1", port=unused_port)
    yield handler, replace(lobby, courier=courier)
    courier.close()
    controller.stop()


def confirm(client: TestClient, deliver: Deliver, **changes: str) -> None:
    """Writes a letter to Morag Ferncastle and confirms it."""
    deliver()
    assert write(client, **changes).status_code == 303
    (mail,) = deliver()
    answer = client.post("/v1/letters/confirm", json={"token": token_in(mail, "letters/confirm")})
    assert answer.status_code == 200, answer.text


def send(client: TestClient, deliver: Deliver, **changes: str) -> None:
    """Confirms a letter and delivers it."""
    confirm(client, deliver, **changes)
    assert [mail["To"] for mail in deliver()] == [MORAG]


def newest(lobby: Lobby, kind: MessageKind = MessageKind.LETTER) -> OutboxMessage:
    with lobby.database.read() as session:
        statement = select(OutboxMessage).where(OutboxMessage.kind == kind)
        return session.exec(statement.order_by(col(OutboxMessage.id).desc())).all()[0]


def letter_of(lobby: Lobby, message: OutboxMessage) -> Letter:
    with lobby.database.read() as session:
        return session.get_one(Letter, message.subject_id)


def tally_and_letters(lobby: Lobby) -> tuple[int, int]:
    """Returns the sent letters by the tally and by their states; the two must be equal."""
    with lobby.database.read() as session:
        assert recounts.wrong_letter_hours(session) == []
        counted = sum(row.sent for row in session.exec(select(LetterTally)))
        real = session.exec(select(Letter.id).where(Letter.state == LetterState.SENT))
        return counted, len(real.all())


def stored_dead_addresses(lobby: Lobby) -> list[DeadAddress]:
    with lobby.database.read() as session:
        return list(session.exec(select(DeadAddress)))


def failure_of(lobby: Lobby, message: OutboxMessage, **changes: str) -> Failure:
    """Builds the failure report of a message that we sent."""
    assert lobby.bounces is not None
    return Failure(to=lobby.bounces.sender_of(message.id)).but(**changes)


def receive_bounce(
    lobby: Lobby, content: bytes, name: str = "1751371200.M1P1.relay", part: str = "new"
) -> int:
    """Puts an email into the folder and reads it; returns the number of emails handled."""
    folder = lobby.settings.bounce_folder
    assert folder is not None
    (folder / part / name).write_bytes(content)
    return worker.read_bounces(lobby, GO_ON)


def files(lobby: Lobby) -> list[str]:
    """Lists the files in the subfolders of the Maildir."""
    folder = lobby.settings.bounce_folder
    assert folder is not None
    mail_files = (file for file in folder.rglob("*") if file.is_file() and file.parent != folder)
    return sorted(
        str(file.relative_to(folder)) for file in mail_files if file.name != "maildirfolder"
    )


def apply(lobby: Lobby, content: bytes) -> ReportHandling:
    report = delivery_reports.read(content, bounces=lobby.bounces, domain="lobby.example.org")
    with lobby.database.write() as session:
        return bounces.apply(session, report, keyring=lobby.keyring, now=lobby.clock())


def set_state(lobby: Lobby, message: OutboxMessage, state: MessageState) -> None:
    with lobby.database.write() as session:
        session.add(session.get_one(OutboxMessage, message.id).sqlmodel_update({"state": state}))


def mark_morag_dead(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        member = session.exec(select(Member).where(Member.email == MORAG)).one()
        index = dead_addresses.index_of(MORAG, lobby.keyring)
        now = lobby.clock()
        dead_addresses.note(session, index, member_id=member.id, detail=DEAD, now=now)


def mark_dead(lobby: Lobby, email: str) -> None:
    with lobby.database.write() as session:
        index = dead_addresses.index_of(email, lobby.keyring)
        dead_addresses.note(session, index, member_id=None, detail=DEAD, now=lobby.clock())


# ---- senders


def test_every_message_has_a_sender_of_its_own(sink: tuple[Sink, Lobby]) -> None:
    server, lobby = sink
    with TestClient(create_app(lobby.settings, lobby=lobby)) as client:
        sign(client)
        sign(client, email="other@example.org")
    deliver_due(lobby)
    assert lobby.bounces is not None
    named = [lobby.bounces.message_in(envelope.mail_from or "") for envelope in server.taken]
    with lobby.database.read() as session:
        accepted = session.exec(
            select(OutboxMessage.id).where(
                OutboxMessage.state == MessageState.ACCEPTED,
                OutboxMessage.kind == MessageKind.CONFIRM_SIGNATURE,
            )
        )
        assert set(accepted.all()) >= set(named)
    assert len(set(named)) == len(server.taken) == 2
    assert not any("bounces+" in str(envelope.content) for envelope in server.taken)


def test_without_an_address_for_reports_the_sender_is_our_own(sink: tuple[Sink, Lobby]) -> None:
    server, lobby = sink
    plain = lobby.settings.model_copy(update={"bounce_address": "", "bounce_folder": None})
    lobby = replace(lobby, settings=plain)
    with TestClient(create_app(lobby.settings, lobby=lobby)) as client:
        sign(client)
    deliver_due(lobby)
    assert [envelope.mail_from for envelope in server.taken] == ["post@lobby.example.org"]


# ---- a letter that came back


@pytest.mark.parametrize("writer", [postfix, exchange, exim])
def test_a_letter_that_came_back_counts_no_more_and_its_writer_is_told_once(
    client: TestClient,
    deliver: Deliver,
    lobby: Lobby,
    clock: Clock,
    writer: Callable[[Failure], bytes],
) -> None:
    before = tally_and_letters(lobby)
    send(client, deliver)
    message = newest(lobby)
    clock.advance(hours=1)
    content = writer(failure_of(lobby, message))
    assert receive_bounce(lobby, content) == 1
    letter = letter_of(lobby, message)
    assert (letter.state, letter.bounced_at) == (LetterState.REJECTED, clock.now)
    assert letter.reason == newest(lobby).detail == DEAD
    assert newest(lobby).state is MessageState.REJECTED
    assert tally_and_letters(lobby) == before
    with lobby.database.read() as session:
        assert session.get(LetterSketch, letter.id) is None
    (mail,) = deliver()
    assert (mail["To"], mail["Subject"]) == (
        "anna@example.org",
        "We couldn't deliver your letter to Morag Ferncastle",
    )
    assert "House of Commons, London SW1A 0AA" in text_of(mail)
    assert f"http://testserver{LETTER}" in text_of(mail)
    # The same report again, and one from another server.
    assert receive_bounce(lobby, content) == 1
    assert receive_bounce(lobby, postfix(failure_of(lobby, message, status="5.7.1"))) == 1
    assert deliver() == []
    assert tally_and_letters(lobby) == before
    assert letter_of(lobby, message).reason == DEAD
    assert files(lobby) == []


def test_a_letter_is_found_by_its_message_id_where_the_tag_was_lost(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    send(client, deliver)
    message = newest(lobby)
    failure = Failure(to=ADDRESS, returned_id=lobby.mail_context.message_id(message.id))
    assert apply(lobby, postfix(failure)) is ReportHandling.DONE
    assert letter_of(lobby, message).state is LetterState.REJECTED


def test_an_uncertain_letter_that_came_back_was_never_counted(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    send(client, deliver, email="first@example.org")  # counted in the seat's tally
    confirm(client, deliver)
    before = tally_and_letters(lobby)
    message = newest(lobby)
    with lobby.database.write() as session:
        letter = session.get_one(Letter, message.subject_id)
        letter.state = LetterState.UNCERTAIN
        session.get_one(OutboxMessage, message.id).state = MessageState.UNCERTAIN
    assert apply(lobby, postfix(failure_of(lobby, message))) is ReportHandling.DONE
    assert letter_of(lobby, message).state is LetterState.REJECTED
    assert tally_and_letters(lobby) == before
    assert [mail["To"] for mail in deliver()] == ["anna@example.org"]


@pytest.mark.parametrize(
    ("status", "diagnostic"),
    [("5.2.2", "552 5.2.2 mailbox full"), ("5.7.1", "550 5.7.1 no mail from campaigns")],
)
def test_a_full_box_or_a_rule_returns_a_letter_but_the_address_lives(
    client: TestClient, deliver: Deliver, lobby: Lobby, status: str, diagnostic: str
) -> None:
    send(client, deliver)
    message = newest(lobby)
    failure = failure_of(lobby, message, status=status, diagnostic=diagnostic)
    assert apply(lobby, postfix(failure)) is ReportHandling.DONE
    assert letter_of(lobby, message).state is LetterState.REJECTED
    assert stored_dead_addresses(lobby) == []
    deliver()
    send(client, deliver, email="second@example.org")


@pytest.mark.parametrize(
    "content",
    [
        lambda failure: postfix(failure.but(action="delayed", status="4.4.1")),
        lambda failure: postfix(failure.but(action="relayed", status="2.1.9")),
        lambda failure: exchange(failure.but(action="delivered", status="2.1.5")),
        vacation,
    ],
)
def test_delays_deliveries_and_answers_change_nothing(
    client: TestClient, deliver: Deliver, lobby: Lobby, content: Callable[[Failure], bytes]
) -> None:
    send(client, deliver)
    message, counted = newest(lobby), tally_and_letters(lobby)
    assert receive_bounce(lobby, content(failure_of(lobby, message))) == 1
    assert letter_of(lobby, message).state is LetterState.SENT
    assert newest(lobby) == message
    assert tally_and_letters(lobby) == counted
    assert (deliver(), stored_dead_addresses(lobby), files(lobby)) == ([], [], [])


def test_a_report_that_comes_before_the_outcome_is_written_down_waits(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    """A relay on the same machine can report before our own write is committed."""
    send(client, deliver)
    message = newest(lobby)
    content = postfix(failure_of(lobby, message))
    for state in (MessageState.CLAIMED, MessageState.DOT_PENDING):
        set_state(lobby, message, state)
        assert receive_bounce(lobby, content) == 1
        assert files(lobby) == ["new/1751371200.M1P1.relay"]
        assert stored_dead_addresses(lobby) == []
    set_state(lobby, message, MessageState.ACCEPTED)
    assert worker.read_bounces(lobby, GO_ON) == 1
    assert letter_of(lobby, message).state is LetterState.REJECTED
    assert files(lobby) == []


def test_a_letter_that_waits_to_go_again_is_left_to_go(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    """An organiser resent it before a second report about the first attempt arrived."""
    send(client, deliver)
    message = newest(lobby)
    content = postfix(failure_of(lobby, message, status="5.7.1", diagnostic="550 5.7.1 no"))
    apply(lobby, content)
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    assert client.post(f"/v1/letters/{message.subject_id}/retry", headers=key).status_code == 200
    assert apply(lobby, content) is ReportHandling.DONE
    again = letter_of(lobby, message)
    assert (again.state, again.bounced_at) == (LetterState.QUEUED, None)
    deliver()
    assert letter_of(lobby, message).state is LetterState.SENT


def test_a_report_of_a_message_that_is_gone_changes_nothing(lobby: Lobby) -> None:
    assert lobby.bounces is not None
    failure = Failure(to=lobby.bounces.sender_of(uuid4()))
    assert apply(lobby, postfix(failure)) is ReportHandling.DONE
    assert stored_dead_addresses(lobby) == []


def test_a_writer_whose_letter_came_back_can_write_another(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    send(client, deliver)
    message = newest(lobby)
    apply(lobby, postfix(failure_of(lobby, message, status="5.7.1", diagnostic="550 5.7.1 no")))
    send(client, deliver, subject="Once more")
    assert letter_of(lobby, newest(lobby)).subject.text == "Once more"


# ---- dead addresses


def test_a_members_dead_address_is_found_and_no_letter_goes_there(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    send(client, deliver)
    first = newest(lobby)
    confirm(client, deliver, email="second@example.org")  # already being sent
    message = newest(lobby)
    apply(lobby, postfix(failure_of(lobby, first)))
    (address,) = stored_dead_addresses(lobby)
    assert (address.member_id, address.detail) == (letter_of(lobby, first).member_id, DEAD)
    mail_texts = {mail["To"]: text_of(mail) for mail in deliver()}
    assert MORAG not in mail_texts
    assert "it came back" not in mail_texts["second@example.org"]
    assert "House of Commons, London SW1A 0AA" in mail_texts["second@example.org"]
    held_letter = letter_of(lobby, message)
    assert (held_letter.state, held_letter.reason) == (LetterState.HELD, "address_dead")


def test_drafts_and_forms_say_beforehand_that_an_address_is_dead(
    client: TestClient, lobby: Lobby
) -> None:
    mark_morag_dead(lobby)
    draft = client.post(f"/v1{LETTER}s/draft", json={"postcode": CAN_SIGN}).json()
    assert (draft["can_send"], draft["reason"], draft["compose"]) == (False, "address_dead", None)
    assert "Dear Ms Ferncastle" in draft["body"]
    refused = write(client)
    assert refused.status_code == 409
    page_text = visible(client.post(LETTER, data={"postcode": CAN_SIGN}))
    assert "Emails to this MP’s address come back to us" in page_text.replace("&#39;", "’")
    assert "House of Commons, London SW1A 0AA" in page_text
    assert "Dear Ms Ferncastle" in page_text


@pytest.mark.slow
def test_a_new_address_of_the_member_works_at_once(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    send(client, deliver)
    apply(lobby, postfix(failure_of(lobby, newest(lobby))))
    key = key_for(lobby, Scope.LETTERS_READ)
    assert len(client.get(POST, headers=key).json()["addresses_to_check"]) == 1
    with lobby.database.write() as session:
        member = session.exec(select(Member).where(Member.email == MORAG)).one()
        member.email = "office.of.morag@example.org"
    assert client.get(POST, headers=key).json()["addresses_to_check"] == []
    confirm(client, deliver, email="second@example.org")
    assert [mail["To"] for mail in deliver()] == ["office.of.morag@example.org"]


@pytest.mark.parametrize("named", ["staff.of.morag@example.org", "old.morag@example.org"])
def test_a_report_that_names_another_address_does_not_kill_the_members(
    client: TestClient, deliver: Deliver, lobby: Lobby, named: str
) -> None:
    """An office may forward its mail, or the member may have a new address since."""
    send(client, deliver)
    message = newest(lobby)
    apply(lobby, exchange(failure_of(lobby, message, recipient=named)))
    assert letter_of(lobby, message).state is LetterState.REJECTED
    assert stored_dead_addresses(lobby) == []


def test_a_supporters_dead_address_gets_no_mail_and_the_answer_does_not_tell(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    deliver()
    sign(client)
    assert len(deliver()) == 1
    message = newest(lobby, MessageKind.CONFIRM_SIGNATURE)
    assert (
        receive_bounce(lobby, postfix(failure_of(lobby, message, recipient="anna@example.org")))
        == 1
    )
    assert newest(lobby, MessageKind.CONFIRM_SIGNATURE).state is MessageState.REJECTED
    (address,) = stored_dead_addresses(lobby)
    assert address.member_id is None
    count = confirmed_count(lobby)
    body = {"name": "Anna Example", "email": "ANNA@example.org", "postcode": CAN_SIGN}
    path = f"/v1/petitions/{PETITION}/signatures"
    answers = [
        client.post(path, json=body | {"email": email})
        for email in ("anna@example.org", "new@example.org")
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert write(client).status_code == 303
    assert [mail["To"] for mail in deliver()] == ["new@example.org"]
    assert confirmed_count(lobby) == count


def test_whoever_has_a_dead_address_is_not_known_from_the_tables(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    deliver()
    sign(client)
    deliver()
    message = newest(lobby, MessageKind.CONFIRM_SIGNATURE)
    words = "550 5.1.1 <anna@example.org>: unknown"
    apply(
        lobby, postfix(failure_of(lobby, message, recipient="anna@example.org", diagnostic=words))
    )
    with lobby.database.read() as session:
        for table in ("dead_address", "outbox_message"):
            rows = session.connection().exec_driver_sql(f"SELECT * FROM {table}").all()
            assert "anna" not in repr(rows)


def test_looking_for_dead_addresses_takes_one_statement_for_any_number_of_signatures(
    lobby: Lobby,
) -> None:
    mark_dead(lobby, "person3@example.org")
    for people in (1, 40):
        queries: list[str] = []
        with lobby.database.write() as session:
            engine = session.connection().engine

            def note(*parts: Any, queries: list[str] = queries) -> None:
                queries.append(str(parts[2]))

            sa.event.listen(engine, "before_cursor_execute", note)
            requests = [
                SignatureRequest(PETITION, "Anna Example", f"person{number}@example.org", CAN_SIGN)
                for number in range(people)
            ]
            signatures.record_in(session, lobby, requests)
            assert "dead_address" not in str(queries), "the answer does not depend on it"
            rows = sorting.read(session, now=lobby.clock())
            batch = sorting.prepare(rows, keyring=lobby.keyring)
            assert sorting.sort(session, batch, now=lobby.clock()) == people
            sa.event.remove(engine, "before_cursor_execute", note)
        assert len([text for text in queries if "dead_address" in text]) == 1
    with lobby.database.read() as session:
        statement = select(OutboxMessage.id).where(
            OutboxMessage.kind == MessageKind.CONFIRM_SIGNATURE,
            OutboxMessage.state == MessageState.QUEUED,
        )
        assert len(session.exec(statement).all()) == 40, "41 but for the dead one"


# ---- refused at once


def test_an_address_that_is_refused_at_once_is_dead_too(sink: tuple[Sink, Lobby]) -> None:
    server, lobby = sink
    server.unknown = {MORAG, "anna@example.org"}
    with TestClient(create_app(lobby.settings, lobby=lobby)) as client:
        sign(client)
        deliver_due(lobby)
    (address,) = stored_dead_addresses(lobby)
    assert bytes(address.address_index) == dead_addresses.index_of(
        "anna@example.org", lobby.keyring
    )
    assert address.detail == "550 5.1.1 no such box"


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        ("550 5.1.1 no such box", 1),
        ("550-5.1.1 no such\r\n550 5.1.1 box", 1),
        ("553 5.1.3 bad address", 1),
        ("552 5.2.2 full", 0),
        ("550 5.7.1 not you", 0),
        ("550 no such box", 0),
        ("450 4.1.1 later", 0),
    ],
)
def test_a_member_that_is_refused_at_once_is_to_be_checked(
    sink: tuple[Sink, Lobby], deliver: Deliver, answer: str, count: int
) -> None:
    server, lobby = sink
    server.unknown, server.answer = {MORAG}, answer
    with TestClient(create_app(lobby.settings, lobby=lobby), follow_redirects=False) as client:
        confirm(client, deliver)
        deliver_due(lobby)
        key = key_for(lobby, Scope.LETTERS_READ)
        summary = client.get(POST, headers=key).json()
    assert [row["member"]["name"] for row in summary["addresses_to_check"]] == (
        ["Morag Ferncastle"] * count
    )
    assert summary["bounced"] == 0, "it never got as far"


def test_a_server_that_refuses_us_kills_nobodys_address(sink: tuple[Sink, Lobby]) -> None:
    server, lobby = sink
    server.refused_senders = True
    with TestClient(create_app(lobby.settings, lobby=lobby)) as client:
        sign(client)
    deliver_due(lobby)
    message = newest(lobby, MessageKind.CONFIRM_SIGNATURE)
    assert message.state is MessageState.REJECTED
    assert message.detail == "550 to our sender: 5.1.2 we do not know your domain"
    assert stored_dead_addresses(lobby) == []


# ---- the folder


def test_mail_that_is_no_report_is_deleted_and_what_nobody_understands_is_kept(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    send(client, deliver)
    failure = failure_of(lobby, newest(lobby))
    assert receive_bounce(lobby, by_hand(Failure()), "1.person") == 1
    assert files(lobby) == []
    for number, content in enumerate((strange(failure), by_hand(failure), postfix(Failure()))):
        assert receive_bounce(lobby, content, f"{number}.unknown:2,S", part="cur") == 1
    assert files(lobby) == [f".Unknown/new/{number}.unknown" for number in range(3)]
    assert worker.read_bounces(lobby, GO_ON) == 0
    (finding,) = [finding for finding in checks.run(lobby) if "nobody understood" in finding.text]
    assert finding.text.startswith("3 mails")
    assert not finding.is_trouble


def test_a_folder_that_is_not_there_is_trouble(lobby: Lobby, folder: Path) -> None:
    def folder_findings() -> list[str]:
        return [finding.text for finding in checks.run(lobby) if "Maildir" in finding.text]

    assert folder_findings() == []
    (folder / "new").rmdir()
    assert len(folder_findings()) == 1
    assert worker.read_bounces(lobby, GO_ON) == 0


def test_without_a_folder_nothing_is_read(lobby: Lobby) -> None:
    assert worker.read_bounces(with_bounces(lobby, None), GO_ON) == 0


def test_of_two_workers_one_reads_a_file(
    client: TestClient, deliver: Deliver, lobby: Lobby, folder: Path
) -> None:
    send(client, deliver)
    for number in range(40):
        (folder / "new" / f"{number:02}.relay").write_bytes(by_hand(Failure()))
    (folder / "new" / "99.relay").write_bytes(postfix(failure_of(lobby, newest(lobby))))
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda: done.append(worker.read_bounces(lobby, GO_ON)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(done), files(lobby)) == (41, [])
    assert len(deliver()) == 1


def test_what_a_worker_that_died_had_claimed_is_read_again(
    client: TestClient, deliver: Deliver, lobby: Lobby, folder: Path, clock: Clock
) -> None:
    send(client, deliver)
    message = newest(lobby)
    file = folder / "new" / "1.relay"
    file.write_bytes(postfix(failure_of(lobby, message)))
    claimed = reader._claim(file, clock.now)
    assert claimed is not None
    assert reader._claim(file, clock.now) is None
    # The process died before the commit, or after it but before it deleted the file.
    assert worker.read_bounces(lobby, GO_ON) == 0
    clock.advance(minutes=11)
    assert worker.read_bounces(lobby, GO_ON) == 1
    assert letter_of(lobby, message).state is LetterState.REJECTED
    assert files(lobby) == []


class Killed(BaseException):
    """Stands for a killed process; no handler catches it."""


@dataclass
class DyingDatabase:
    """A database whose process is killed around a commit."""

    real: Database
    is_after: bool

    @contextmanager
    def write(self) -> Iterator[SqlSession]:
        with self.real.write() as session:
            yield session
            if not self.is_after:
                raise Killed
        raise Killed


@pytest.mark.parametrize("is_after", [False, True], ids=["before the commit", "after it"])
def test_a_kill_loses_no_report_and_counts_none_twice(
    client: TestClient,
    deliver: Deliver,
    lobby: Lobby,
    folder: Path,
    clock: Clock,
    is_after: bool,
) -> None:
    before = tally_and_letters(lobby)
    send(client, deliver)
    message = newest(lobby)
    (folder / "new" / "1.relay").write_bytes(postfix(failure_of(lobby, message)))
    dying: Any = DyingDatabase(lobby.database, is_after)
    with pytest.raises(Killed):
        worker.read_bounces(replace(lobby, database=dying), GO_ON)
    assert (letter_of(lobby, message).state is LetterState.REJECTED) == is_after
    assert len(files(lobby)) == 1
    clock.advance(minutes=11)
    assert worker.read_bounces(lobby, GO_ON) == 1
    assert letter_of(lobby, message).state is LetterState.REJECTED
    assert tally_and_letters(lobby) == before
    assert (files(lobby), len(deliver())) == ([], 1)


def test_a_file_that_fails_stays_and_stops_no_other(
    client: TestClient, deliver: Deliver, lobby: Lobby, folder: Path, clock: Clock
) -> None:
    send(client, deliver)
    message = newest(lobby)
    (folder / "new" / "1.relay").mkdir()  # unreadable
    (folder / "new" / ".hidden").write_bytes(b"")
    assert receive_bounce(lobby, postfix(failure_of(lobby, message)), "2.relay") == 1
    assert letter_of(lobby, message).state is LetterState.REJECTED
    assert files(lobby) == ["new/.hidden"]


def test_a_stopped_worker_reads_no_more(lobby: Lobby, folder: Path) -> None:
    (folder / "new" / "1.relay").write_bytes(by_hand(Failure()))
    stopped = threading.Event()
    stopped.set()
    assert worker.read_bounces(lobby, stopped) == 0
    assert files(lobby) == ["new/1.relay"]


def test_the_worker_reads_the_folder_by_itself(
    client: TestClient, deliver: Deliver, lobby: Lobby, folder: Path
) -> None:
    send(client, deliver)
    message = newest(lobby)
    (folder / "new" / "1.relay").write_bytes(postfix(failure_of(lobby, message)))
    stop, has_written = threading.Event(), threading.Event()
    thread = threading.Thread(target=worker.run, args=(lobby, stop), kwargs={"look_every": 0.1})
    thread.start()
    for _ in range(200):
        if letter_of(lobby, message).state is LetterState.REJECTED and not files(lobby):
            has_written.set()
            break
        stop.wait(0.05)
    stop.set()
    thread.join()
    assert has_written.is_set()


# ---- how bounces are shown


def test_organisers_see_what_came_back_and_whose_address_to_check(
    client: TestClient, deliver: Deliver, lobby: Lobby, clock: Clock
) -> None:
    key = key_for(lobby, Scope.LETTERS_READ)
    before = client.get(POST, headers=key).json()
    assert (before["bounced"], before["addresses_to_check"]) == (0, [])
    send(client, deliver)
    message = newest(lobby)
    clock.advance(minutes=3)
    apply(lobby, postfix(failure_of(lobby, message)))
    summary = client.get(POST, headers=key).json()
    assert (summary["bounced"], summary["rejected"], summary["sent"]) == (1, 1, before["sent"])
    (row,) = summary["addresses_to_check"]
    member = row["member"]
    assert (member["name"], set(member)) == ("Morag Ferncastle", {"id", "name", "party"})
    assert (row["detail"], row["since"]) == (DEAD, "2026-07-01T12:03:00Z")
    (letter,) = client.get(f"{POST}/letters?state=rejected", headers=key).json()
    assert letter["bounced_at"] == "2026-07-01T12:03:00Z"
    assert letter["reason"] == DEAD


def test_other_campaigns_are_not_told_of_addresses_that_they_did_not_meet(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    send(client, deliver)
    apply(lobby, postfix(failure_of(lobby, newest(lobby))))
    other = others_key(lobby, Scope.LETTERS_READ)
    add_campaign(lobby, "another", organisation="others")
    assert client.get(POST, headers=other).status_code == 404
    summary = client.get("/v1/campaigns/another/post", headers=other).json()
    assert (summary["bounced"], summary["addresses_to_check"]) == (0, [])


def test_the_check_names_members_whose_mail_comes_back(lobby: Lobby) -> None:
    mark_morag_dead(lobby)
    mark_dead(lobby, "anna@example.org")
    (finding,) = [finding for finding in checks.run(lobby) if "comes back" in finding.text]
    assert "Morag Ferncastle" in finding.text
    assert not finding.is_trouble


def test_the_page_of_a_letter_that_came_back_says_so(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    deliver()
    write(client)
    (mail,) = deliver()
    path = f"/letters/confirm/{token_in(mail, 'letters/confirm')}"
    client.post(path)
    deliver()
    apply(lobby, postfix(failure_of(lobby, newest(lobby))))
    assert "We couldn’t deliver your letter" in visible(client.get(path))


# ---- settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"bounce_address": "no address"},
        {"bounce_address": f"{'b' * 24}@lobby.example.org"},
        {"bounce_address": "boun+ces@lobby.example.org"},
        {"bounce_address": "lobby@localhost.localdomain"},  # an address for people
        {"bounce_folder": "/srv/returned"},
    ],
)
def test_settings_that_could_lose_mail_are_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(data_dir=tmp_path, **wrong)  # type: ignore[arg-type] # raw texts


def test_settings_that_fit_are_taken(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, bounce_address=f"{'b' * 23}@lobby.example.org", bounce_folder=tmp_path
    )
    assert settings.bounce_folder == tmp_path
