"""Tests that a mail server out of use, or set up wrong, costs no message, however long it lasts."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import col, select

import worker
from main import create_app
from models import Letter, LetterState, MessageKind, MessageState, OutboxMessage
from models.base import table_of
from services.assembly import Lobby
from services.letters import letter_states
from services.mail import outbox, relays
from services.mail.couriers import make_courier
from services.operations import checks, mail_server, mail_trials
from services.operations.findings import Finding
from tests.support.common import Clock
from tests.support.lobbies import MakeLobby
from tests.support.mail import sign, write_letter
from tests.support.outside.tls_relay import (
    ELSEWHERE,
    HERE,
    Authority,
    ScriptedRelay,
    TlsSink,
    smtp_server,
)

BARE = b"250 relay.example.org\r\n"
LATER = {b"RCPT": b"451 4.7.1 Greylisted, try again in 5 minutes\r\n"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def lobby(make_lobby: MakeLobby) -> Lobby:
    """A lobby without messages that wait."""
    return make_lobby()


@contextmanager
def sending(lobby: Lobby, url: str, authority: Authority | None = None) -> Iterator[Lobby]:
    """The same lobby after a change of LOBBY_SMTP_URL."""
    context = authority.trusted() if authority else None
    with closing(make_courier(url, context=context)) as courier:
        settings = lobby.settings.model_copy(update={"smtp_url": url})
        yield replace(lobby, courier=courier, settings=settings)


def write_both(lobby: Lobby) -> Letter:
    """Queues a letter to an MP and an email to a supporter."""
    letter = write_letter(lobby)
    sign(lobby, "berta@example.org")
    return letter


def states(lobby: Lobby) -> dict[MessageKind, MessageState]:
    """Returns the states of the newest letter and the newest email that asks to confirm."""
    kinds = (MessageKind.LETTER, MessageKind.CONFIRM_SIGNATURE)
    with lobby.database.read() as session:
        statement = select(OutboxMessage).where(col(OutboxMessage.kind).in_(kinds))
        rows = session.exec(statement.order_by(col(OutboxMessage.id)))
        return {row.kind: row.state for row in rows}


def work(lobby: Lobby, clock: Clock, *, days: float, every: float = 0.25) -> None:
    """Lets the worker run for some days, each time for as long as something is due."""
    for _ in range(int(days / every)):
        worker.clean_up(lobby)
        while worker.deliver_due(lobby):
            pass
        clock.advance(days=every)


BOTH_DEFERRED = {
    MessageKind.LETTER: MessageState.DEFERRED,
    MessageKind.CONFIRM_SIGNATURE: MessageState.DEFERRED,
}
BOTH_ACCEPTED = dict.fromkeys(BOTH_DEFERRED, MessageState.ACCEPTED)


@pytest.mark.slow
def test_a_relay_without_tls_delays_mail_for_ten_days_and_then_all_of_it_goes(
    lobby: Lobby, clock: Clock, authority: Authority
) -> None:
    """As after an upgrade: the operator set nothing, and the relay never had TLS."""
    letter = write_both(lobby)
    relay = ScriptedRelay(None, ehlo=BARE)
    with relay.up(ELSEWHERE) as port:
        with sending(lobby, f"smtp://{ELSEWHERE}:{port}", authority) as upgraded:
            work(upgraded, clock, days=10)
            assert states(lobby) == BOTH_DEFERRED
            with lobby.database.read() as session:
                assert letter_states.get(session, letter.id).state is LetterState.QUEUED
        assert set(relay.commands) == {b"EHLO"}
        with sending(lobby, f"smtp+insecure://{ELSEWHERE}:{port}") as mended:
            work(mended, clock, days=1)
    assert states(lobby) == BOTH_ACCEPTED
    with lobby.database.read() as session:
        assert letter_states.get(session, letter.id).state is LetterState.SENT


@pytest.mark.slow
def test_a_relay_that_is_away_for_five_days_loses_nothing(
    lobby: Lobby, clock: Clock, unused_port: int
) -> None:
    write_both(lobby)
    with sending(lobby, f"smtp://{HERE}:{unused_port}") as waiting:
        work(waiting, clock, days=5)
        assert states(lobby) == BOTH_DEFERRED
        with smtp_server(sink := TlsSink(), unused_port):
            work(waiting, clock, days=1)
    assert states(lobby) == BOTH_ACCEPTED
    assert len(sink.taken) == 2


@pytest.mark.slow
def test_after_an_outage_later_is_not_never(lobby: Lobby, clock: Clock, unused_port: int) -> None:
    """The relay has a limit, and puts off what is five days old by then."""
    write_both(lobby)
    with sending(lobby, f"smtp://{HERE}:{unused_port}") as waiting:
        work(waiting, clock, days=5)
        sink = TlsSink(answers=["451 4.7.1 too many at once"] * 8)
        with smtp_server(sink, unused_port):
            work(waiting, clock, days=3)
    assert sink.answers == []
    assert states(lobby) == BOTH_ACCEPTED


@pytest.mark.slow
def test_the_same_holds_at_another_relay_than_the_one_that_was_out(
    lobby: Lobby, clock: Clock, unused_port: int
) -> None:
    write_both(lobby)
    with sending(lobby, f"smtp://{HERE}:{unused_port}") as waiting:
        work(waiting, clock, days=5)
    relay = ScriptedRelay(None, answers=LATER)
    with relay.up() as port, sending(lobby, f"smtp://{HERE}:{port}") as another:
        work(another, clock, days=3)
        assert states(lobby) == BOTH_DEFERRED
        work(another, clock, days=3)
    assert set(states(lobby).values()) == {MessageState.REJECTED}


@pytest.mark.slow
def test_short_trouble_does_not_give_a_message_more_time(lobby: Lobby, clock: Clock) -> None:
    """A broken connection now and then is no outage: four days of 'later' end as ever."""
    sign(lobby)
    relay = ScriptedRelay(None, answers=LATER)
    with relay.up() as port, sending(lobby, f"smtp://{HERE}:{port}") as busy:
        work(busy, clock, days=3)
        relay.answers = {b"RCPT": b"421 4.3.2 shutting down\r\n"}
        worker.deliver_due(busy)
        relay.answers = LATER
        clock.advance(hours=5)
        work(busy, clock, days=3)
    assert states(lobby)[MessageKind.CONFIRM_SIGNATURE] is MessageState.REJECTED


@pytest.mark.slow
def test_mail_goes_within_two_minutes_of_the_end_of_an_outage(
    lobby: Lobby, clock: Clock, unused_port: int
) -> None:
    """The circuit breaker says when to try again, not the number of a message's attempts."""
    sign(lobby)
    with sending(lobby, f"smtp://{HERE}:{unused_port}") as waiting:
        work(waiting, clock, days=0.5, every=1 / 96)
        with lobby.database.write() as session:
            relays.note_success(session, waiting.courier.relay, now=clock.now)
        clock.advance(minutes=2)
        with smtp_server(TlsSink(), unused_port):
            assert worker.deliver_due(waiting) == 1
    assert states(lobby)[MessageKind.CONFIRM_SIGNATURE] is MessageState.ACCEPTED


def test_trouble_gives_up_no_message_that_is_old_already(
    lobby: Lobby, clock: Clock, authority: Authority
) -> None:
    """As after an upgrade for which the worker was stopped: no outage is on record yet."""
    write_both(lobby)
    with lobby.database.write() as session:
        session.connection().execute(sa.update(table_of(OutboxMessage)).values(attempt=40))
    clock.advance(days=10)
    relay = ScriptedRelay(None, ehlo=BARE)
    with (
        relay.up(ELSEWHERE) as port,
        sending(lobby, f"smtp://{ELSEWHERE}:{port}", authority) as upgraded,
    ):
        assert worker.deliver_due(upgraded) == 2
    assert states(lobby) == BOTH_DEFERRED


@pytest.mark.slow
def test_a_message_that_waited_for_a_worker_is_not_given_up_at_its_first_attempt(
    lobby: Lobby, clock: Clock
) -> None:
    write_both(lobby)
    clock.advance(days=6)
    relay = ScriptedRelay(None, answers=LATER)
    with relay.up() as port, sending(lobby, f"smtp://{HERE}:{port}") as started:
        work(started, clock, days=1)
        assert states(lobby) == BOTH_DEFERRED
        relay.answers = {}
        work(started, clock, days=1)
    assert states(lobby) == BOTH_ACCEPTED


# ---- how it is told


def of_the_server(findings: list[Finding], lobby: Lobby) -> list[Finding]:
    return [each for each in findings if lobby.courier.relay in each.text]


def break_down(lobby: Lobby, clock: Clock) -> None:
    """Tries one email every two minutes, until the relay is left alone."""
    sign(lobby)
    work(lobby, clock, days=1 / 48, every=1 / 720)


def test_the_check_connects_and_says_what_to_set_before_any_mail_is_tried(
    lobby: Lobby, authority: Authority
) -> None:
    relay = ScriptedRelay(None, ehlo=BARE)
    with (
        relay.up(ELSEWHERE) as port,
        sending(lobby, f"smtp://{ELSEWHERE}:{port}", authority) as upgraded,
    ):
        (finding,) = of_the_server(checks.run(upgraded), upgraded)
    assert finding.is_trouble
    assert "does not offer STARTTLS" in finding.text
    assert "set LOBBY_SMTP_URL to smtps:// with the port for it, or to smtp+insecure" in (
        finding.text
    )
    assert set(relay.commands) == {b"EHLO"}


def test_the_check_has_nothing_to_say_of_a_server_that_works(
    lobby: Lobby, authority: Authority, unused_port: int
) -> None:
    sink = TlsSink()
    with (
        smtp_server(sink, unused_port, host=ELSEWHERE, starttls=authority.server(ELSEWHERE)),
        sending(lobby, f"smtp://{ELSEWHERE}:{unused_port}", authority) as good,
    ):
        assert of_the_server(checks.run(good), good) == []
    assert sink.taken == []
    assert list(mail_server.check(lobby.courier, smtp_url=lobby.settings.smtp_url)) == []


def test_the_check_reminds_of_insecure_mail_to_another_machine(lobby: Lobby) -> None:
    relay = ScriptedRelay(None, ehlo=BARE)
    with relay.up(ELSEWHERE) as port, relay.up(HERE) as here:
        for host, number, hints in ((ELSEWHERE, port, 1), (HERE, here, 0)):
            url = f"smtp+insecure://{host}:{number}"
            with closing(make_courier(url)) as courier:
                found = list(mail_server.check(courier, smtp_url=url))
            assert len(found) == hints
            assert not any(finding.is_trouble for finding in found)


def test_readiness_says_that_mail_waits_for_tls_without_the_servers_own_words(
    lobby: Lobby, clock: Clock, authority: Authority
) -> None:
    relay = ScriptedRelay(None, ehlo=BARE)
    with (
        relay.up(ELSEWHERE) as port,
        sending(lobby, f"smtp://{ELSEWHERE}:{port}", authority) as upgraded,
        TestClient(create_app(upgraded.settings, lobby=upgraded)) as client,
    ):
        assert client.get("/readyz").json()["mail_server"] is None
        break_down(upgraded, clock)
        answer = client.get("/readyz")
    assert answer.status_code == 200, "pages and signatures still work"
    assert answer.json()["mail_server"] == mail_server.OUTAGE_OF_TLS
    assert "LOBBY_SMTP_URL" in answer.json()["mail_server"]


@pytest.mark.slow
def test_readiness_says_that_mail_waits_for_a_server_that_is_away(
    lobby: Lobby, clock: Clock, unused_port: int
) -> None:
    with sending(lobby, f"smtp://{HERE}:{unused_port}") as waiting:
        break_down(waiting, clock)
        with TestClient(create_app(waiting.settings, lobby=waiting)) as client:
            assert client.get("/readyz").json()["mail_server"] == mail_server.OUTAGE
            with smtp_server(TlsSink(), unused_port):
                work(waiting, clock, days=1)
            assert client.get("/readyz").json()["mail_server"] is None


def test_a_good_test_email_ends_the_rest_of_a_server(
    lobby: Lobby, clock: Clock, unused_port: int
) -> None:
    with sending(lobby, f"smtp://{HERE}:{unused_port}") as waiting:
        break_down(waiting, clock)
        mail_trials.send(waiting, "operator@example.org", waiting.courier)
        with lobby.database.read() as session:
            assert relays.outage(session, waiting.courier.relay), "a bad one changes nothing"
        sink = TlsSink()
        with smtp_server(sink, unused_port):
            mail_trials.send(waiting, "operator@example.org", waiting.courier)
            with lobby.database.read() as session:
                assert relays.outage(session, waiting.courier.relay) is None
            clock.advance(minutes=2)
            assert worker.deliver_due(waiting) == 1
    test_mail, confirmation = sink.messages()
    assert test_mail["Subject"] == mail_trials.SUBJECT
    assert test_mail["To"] == "operator@example.org"
    assert confirmation["To"] == "anna@example.org"
    with lobby.database.read() as session:
        assert outbox.counts(session)[MessageState.DEFERRED] == 0
