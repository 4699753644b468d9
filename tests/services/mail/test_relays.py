"""Tests that a failing mail server is rested for a while and that no message is lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi.testclient import TestClient
from sqlmodel import col, select

import worker
from main import create_app
from models import MessageState, OutboxMessage, Relay, Scope, Submission
from models.base import table_of
from services.assembly import Lobby
from services.mail import outbox, relays
from services.mail.couriers import Delivery, SmtpCourier
from services.mail.mail_builder import Envelope as OurEnvelope
from services.operations import checks
from services.signatures.recording import SignatureRequest
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, METRICS, PETITION, Clock
from tests.support.keys import key_for
from tests.support.lobbies import MakeLobby

ENOUGH = relays.MOST_FAILURES
REST = relays.FIRST_REST


@dataclass
class Server:
    """Accepts mail once it is up. Recipients get `answers` first, then '250 OK'."""

    port: int
    answers: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.taken.append(envelope.rcpt_tos[0])
        return "250 taken"

    @contextmanager
    def up(self) -> Iterator[None]:
        controller = Controller(self, hostname="127.0.0.1", port=self.port)
        controller.start()
        try:
            yield
        finally:
            controller.stop()


@pytest.fixture
def server(unused_port: int) -> Server:
    return Server(unused_port)


@pytest.fixture
def lobby(make_lobby: MakeLobby, server: Server) -> Lobby:
    """A lobby with an empty queue and a mail server that is down."""
    return with_connections(make_lobby(courier=courier_to(server)), 1)


def courier_to(server: Server) -> SmtpCourier:
    return SmtpCourier(host="127.0.0.1", port=server.port)


def with_connections(lobby: Lobby, connections: int) -> Lobby:
    settings = lobby.settings.model_copy(update={"smtp_connections": connections})
    return replace(lobby, settings=settings)


def sign(lobby: Lobby, people: int) -> None:
    """Records signatures, each of which queues a confirmation email."""
    requests = [
        SignatureRequest(PETITION, "Anna Example", f"anna{number}@example.org", CAN_SIGN)
        for number in range(people)
    ]
    signatures.sign_and_sort(lobby, *requests)


def waiting(lobby: Lobby) -> list[OutboxMessage]:
    """Returns the unsettled messages, oldest first."""
    open_states = (MessageState.QUEUED, MessageState.DEFERRED, MessageState.CLAIMED)
    with lobby.database.read() as session:
        statement = select(OutboxMessage).where(col(OutboxMessage.state).in_(open_states))
        return list(session.exec(statement.order_by(col(OutboxMessage.id))))


def attempts(lobby: Lobby) -> list[int]:
    return sorted(message.attempt for message in waiting(lobby))


def relay_of(lobby: Lobby) -> Relay:
    with lobby.database.read() as session:
        return session.get_one(Relay, lobby.courier.relay)


def break_down(lobby: Lobby, people: int = 12) -> None:
    """Sends to a server that is down until the relay is rested."""
    sign(lobby, people)
    assert worker.deliver_due(lobby) == ENOUGH


def test_after_five_troubles_in_a_row_nothing_is_claimed(lobby: Lobby, clock: Clock) -> None:
    break_down(lobby)
    before = waiting(lobby)
    for _ in range(3):
        assert worker.deliver_due(lobby) == 0
    clock.advance(seconds=REST.total_seconds() - 1)
    assert worker.deliver_due(lobby) == 0
    assert waiting(lobby) == before
    assert relay_of(lobby).resting_until == clock.now + timedelta(seconds=1)


def test_a_server_that_is_down_uses_up_no_messages_attempts(lobby: Lobby, clock: Clock) -> None:
    break_down(lobby)
    assert attempts(lobby) == [0] * (12 - ENOUGH) + [1] * ENOUGH
    left = [message for message in waiting(lobby) if not message.attempt]
    assert {message.state for message in left} == {MessageState.QUEUED}
    for _ in range(20):
        clock.advance(minutes=1)
        worker.deliver_due(lobby)
    assert sum(attempts(lobby)) <= ENOUGH + 20 * 60 / REST.total_seconds() / 2
    assert max(attempts(lobby)) <= 3


def test_several_connections_stop_together(lobby: Lobby) -> None:
    four = with_connections(lobby, 4)
    sign(four, 40)
    attempted = worker.deliver_due(four)
    assert ENOUGH <= attempted < ENOUGH + 4, "those that were under way end"
    assert sum(attempts(four)) == attempted
    assert worker.deliver_due(four) == 0


def test_after_the_rest_one_message_tries(lobby: Lobby, clock: Clock) -> None:
    break_down(lobby)
    clock.advance(seconds=REST.total_seconds())
    assert worker.deliver_due(lobby) == 1
    assert worker.deliver_due(lobby) == 0


def test_once_the_server_answers_all_go_on(lobby: Lobby, server: Server, clock: Clock) -> None:
    break_down(lobby)
    clock.advance(minutes=5)
    with server.up():
        assert worker.deliver_due(lobby) == 1, "first it is tried"
        assert worker.deliver_due(lobby) == 11
        lobby.courier.close()
    assert len(server.taken) == len(set(server.taken)) == 12
    relay = relay_of(lobby)
    assert (relay.failures, relay.resting_until) == (0, None)
    assert relay.answered_at == clock.now


def test_a_rest_doubles_with_every_try_up_to_a_quarter_of_an_hour(
    lobby: Lobby, clock: Clock
) -> None:
    break_down(lobby)
    rests = []
    for _ in range(8):
        until = relay_of(lobby).resting_until
        assert until is not None
        rests.append((until - clock.now).total_seconds())
        clock.now = until
        assert worker.deliver_due(lobby) == 1
    assert rests == [30, 60, 120, 240, 480, 900, 900, 900]


def test_the_next_trouble_after_good_days_begins_with_a_short_rest(
    lobby: Lobby, server: Server, clock: Clock
) -> None:
    break_down(lobby)
    clock.advance(minutes=5)
    with server.up():
        while worker.deliver_due(lobby):
            pass
        lobby.courier.close()
    clock.advance(days=1)
    break_down(lobby, people=20)
    assert relay_of(lobby).resting_until == clock.now + REST


@pytest.mark.parametrize("answer", ["450 4.2.0 try later", "550 5.1.1 no such box", "552 full"])
def test_what_is_said_of_one_recipient_is_no_trouble(
    lobby: Lobby, server: Server, answer: str
) -> None:
    sign(lobby, 12)
    server.answers = [answer] * 10
    with server.up():
        assert worker.deliver_due(lobby) == 12
        lobby.courier.close()
    assert len(server.taken) == 2
    with lobby.database.read() as session:
        assert session.get(Relay, lobby.courier.relay) is None


def test_a_server_that_closes_every_connection_is_in_trouble(lobby: Lobby, server: Server) -> None:
    sign(lobby, 12)
    server.answers = ["421 4.3.2 shutting down"] * 12
    with server.up():
        assert worker.deliver_due(lobby) == ENOUGH
        assert worker.deliver_due(lobby) == 0
        lobby.courier.close()
    assert relay_of(lobby).error == "421 4.3.2 shutting down"


def test_troubles_with_answers_in_between_are_not_in_a_row(lobby: Lobby, server: Server) -> None:
    sign(lobby, 12)
    server.answers = (["421 closing"] * 4 + ["250 OK"]) * 2
    with server.up():
        assert worker.deliver_due(lobby) == 12
        lobby.courier.close()
    # A kept-alive connection that closes is no failure yet: a new one is tried first.
    assert len(server.taken) == 5
    with lobby.database.read() as session:
        assert session.get(Relay, lobby.courier.relay) is None


def test_a_message_that_is_dropped_does_not_say_that_the_server_is_back(
    lobby: Lobby, clock: Clock
) -> None:
    """It never reached the server: its submission was withdrawn meanwhile."""
    break_down(lobby)
    with lobby.database.write() as session:
        session.connection().execute(sa.delete(table_of(Submission)))
    clock.advance(minutes=5)
    assert worker.deliver_due(lobby) == 1
    assert relay_of(lobby).failures == ENOUGH


def test_two_workers_share_what_they_know(lobby: Lobby, server: Server, clock: Clock) -> None:
    other = replace(lobby, courier=courier_to(server))
    break_down(lobby)
    assert worker.deliver_due(other) == 0
    clock.advance(seconds=REST.total_seconds())
    assert worker.deliver_due(other) == 1
    assert worker.deliver_due(lobby) == 0, "the other one has just tried"
    with server.up():
        clock.advance(minutes=5)
        assert worker.deliver_due(lobby) == 1
        assert worker.deliver_due(other) > 1
        for service in (lobby, other):
            service.courier.close()


def test_of_two_workers_at_once_one_tries_a_server_that_has_rested(
    lobby: Lobby, clock: Clock
) -> None:
    break_down(lobby)
    clock.advance(minutes=5)
    name = lobby.courier.relay
    with lobby.database.write() as session:
        assert relays.capacity(session, name, now=clock.now, limit=100) == 1
        assert relays.may_send(session, name, now=clock.now)
    # The second worker had read the queue before the first one's commit.
    with lobby.database.write() as session:
        assert not relays.may_send(session, name, now=clock.now)


def test_while_one_worker_tries_the_other_waits(lobby: Lobby, clock: Clock) -> None:
    break_down(lobby)
    clock.advance(minutes=5)
    attempted: list[int] = []

    @dataclass
    class Slow:
        """Lets the other worker look for work while this one is delivering."""

        relay = lobby.courier.relay

        def deliver(self, envelope: OurEnvelope, before_dot: Callable[[], bool]) -> Delivery:
            attempted.append(worker.deliver_due(lobby))
            return lobby.courier.deliver(envelope, before_dot)

        def close(self) -> None:
            """Has nothing to close."""

    before = sum(attempts(lobby))
    assert worker.deliver_due(replace(lobby, courier=Slow())) == 1
    assert attempted == [0]
    assert sum(attempts(lobby)) == before + 1


def test_a_try_whose_worker_dies_is_followed_by_another(lobby: Lobby, clock: Clock) -> None:
    break_down(lobby)
    clock.advance(minutes=5)
    with lobby.database.write() as session:
        assert relays.may_send(session, lobby.courier.relay, now=clock.now)
        outbox.claim(session, now=clock.now, limit=1)
    assert worker.deliver_due(lobby) == 0
    clock.advance(seconds=REST.total_seconds())
    assert worker.deliver_due(lobby) == 1


def test_a_rest_without_mail_delays_nothing(lobby: Lobby, server: Server, clock: Clock) -> None:
    """Checking an empty queue does not restart the rest."""
    break_down(lobby, people=ENOUGH)
    clock.advance(seconds=REST.total_seconds())
    assert worker.deliver_due(lobby) == 0, "all are put off for a minute"
    clock.advance(minutes=1)
    with server.up():
        assert worker.deliver_due(lobby) == 1
        lobby.courier.close()


# ---- how a resting server is shown


@pytest.mark.slow
def test_organisers_see_that_mail_waits_for_a_server(
    lobby: Lobby, server: Server, clock: Clock
) -> None:
    path, key = f"/v1/campaigns/{CAMPAIGN}/post", key_for(lobby, Scope.LETTERS_READ)
    with TestClient(create_app(lobby.settings, lobby=lobby)) as client:
        assert client.get(path, headers=key).json()["relay"] == {
            "is_resting": False,
            "resting_until": None,
            "error": None,
        }
        break_down(lobby)
        relay = client.get(path, headers=key).json()["relay"]
        assert (relay["is_resting"], relay["resting_until"]) == (True, "2026-07-01T12:00:30Z")
        assert "refused" in relay["error"]
        assert "lobby_relays_resting 1.0" in client.get("/metrics", headers=METRICS).text
        clock.advance(minutes=5)
        with server.up():
            worker.deliver_due(lobby)
            lobby.courier.close()
        assert client.get(path, headers=key).json()["relay"]["error"] is None
        assert "lobby_relays_resting 0.0" in client.get("/metrics", headers=METRICS).text


def test_the_check_tells_of_a_server_that_is_left_alone(lobby: Lobby) -> None:
    assert not [finding for finding in checks.run(lobby) if "left alone" in finding.text]
    break_down(lobby)
    (finding,) = [finding for finding in checks.run(lobby) if "left alone" in finding.text]
    assert lobby.courier.relay in finding.text
    assert not finding.is_trouble


def test_an_error_that_is_shown_has_no_address_of_anybody(lobby: Lobby, server: Server) -> None:
    sign(lobby, 12)
    server.answers = ["421 4.7.0 <anna1@example.org>: too much at once"] * 12
    with server.up():
        worker.deliver_due(lobby)
        lobby.courier.close()
    assert relay_of(lobby).error == "421 4.7.0 <[address]>: too much at once"
    assert {message.detail for message in waiting(lobby) if message.attempt} == {
        "421 4.7.0 <[address]>: too much at once"
    }
