"""Signing under `kill -9` in short (`make drill` is the long form), and that it can fail."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from core.settings import Settings
from drills import signature_ledger
from drills.crowd import Crowd, Errand
from drills.signature_ledger import Ledger
from drills.signing import Drill, address_of, run
from models import MessageKind, OutboxMessage, PetitionHour, PetitionTally, Signature
from models import SignatureState as State
from models.base import new_id, table_of
from services.assembly import Lobby
from services.mail import outbox
from services.organisations import organisations
from services.signatures import recording, signature_states
from services.signatures.recording import SignatureRequest
from tests.support.common import CAN_SIGN, PETITION
from tools.settings import throwaway_settings

SIGNATURES, CONNECTIONS, KILLS = 300, 32, 3
ALICE, BEN, CARA = range(3)  # Cara has not confirmed
_outbox, _signature = table_of(OutboxMessage), table_of(Signature)
_tally, _hour = table_of(PetitionTally), table_of(PetitionHour)
Value = TypeVar("Value")


@pytest.fixture
def drill_settings(empty_lobby: Lobby) -> Settings:
    return throwaway_settings(empty_lobby.settings.data_dir, empty_lobby.settings.database_url)


def test_nothing_is_lost_or_counted_twice_when_the_server_is_killed(
    drill_settings: Settings,
) -> None:
    outcome = run(Drill(SIGNATURES, CONNECTIONS, KILLS), drill_settings)
    found = outcome.found
    assert found.faults == {}
    assert outcome.killed_at_work == KILLS
    assert found.acknowledged == found.rows == found.confirmed == found.tally == SIGNATURES


def test_a_drill_is_bounded() -> None:
    for too_much in ((100_001, 512, 50), (100_000, 512, 51)):
        with pytest.raises(ValueError, match="at most 100000 signatures and 50 kills"):
            Drill(*too_much)
    with pytest.raises(ValueError, match="at most 512 connections"):
        Crowd(80, 513)


# ---- the ledger


@dataclass(frozen=True, slots=True)
class People:
    """Three who signed, and two of them confirmed, with nothing wrong."""

    lobby: Lobby
    ledger: Ledger
    signing: Errand
    confirming: Errand

    def faults(self, told: Callable[[str], Any] | None = None) -> dict[str, int]:
        return self.ledger.compare(self.signing, self.confirming, told=told).faults

    def execute(self, statement: sa.sql.base.Executable) -> None:
        with self.lobby.database.write() as session:
            session.connection().execute(statement)


def sign(lobby: Lobby, number: int) -> None:
    request = SignatureRequest(PETITION, "Anna Example", address_of(number), CAN_SIGN)
    with lobby.database.write() as session:
        recording.record(
            session,
            [request],
            postcodes=lobby.postcodes.lookup,
            keyring=lobby.keyring,
            now=lobby.clock(),
        )


def confirm(people: People, number: int) -> None:
    signature_id = people.ledger.rows()[number].id
    with people.lobby.database.write() as session:
        signature_states.confirm(session, signature_id, now=people.lobby.clock())


@pytest.fixture
def people(lobby: Lobby) -> People:
    before = signature_ledger.before(lobby, PETITION)
    everybody = (ALICE, BEN, CARA)
    ledger = Ledger(lobby, PETITION, before, {number: address_of(number) for number in everybody})
    made = People(lobby, ledger, Errand(lambda _: b"", 201), Errand(lambda _: b"", 200))
    for errand, numbers in ((made.signing, everybody), (made.confirming, (ALICE, BEN))):
        for number in numbers:
            errand.sent[number] += 1
            errand.acknowledged[number] += 1
    for number in everybody:
        sign(lobby, number)
    for number in (ALICE, BEN):
        confirm(made, number)
    return made


def test_a_database_that_agrees_shows_no_fault(people: People, client: TestClient) -> None:
    found = people.ledger.compare(
        people.signing, people.confirming, told=lambda path: client.get(path).json()
    )
    assert found.faults == {}
    assert (found.acknowledged, found.rows, found.confirmed, found.tally) == (3, 3, 2, 2)


def test_a_signature_that_is_gone_is_found(people: People) -> None:
    row = people.ledger.rows()[CARA]
    people.execute(sa.delete(_signature).where(_signature.c.id == row.id))
    assert people.faults() == {"lost": 1}


def test_a_signature_that_nobody_sent_is_found(people: People) -> None:
    sign(people.lobby, 99)
    assert people.faults() == {"unasked": 1}


def test_an_address_with_two_signatures_is_found(people: People) -> None:
    """No database of ours takes it from one organisation: so the second is another's."""
    index = people.ledger.rows()[CARA].index
    with people.lobby.database.write() as session:
        other = organisations.create(session, name="Other", slug="other", now=people.lobby.clock())
        found = session.connection().execute(_copy_of("supporter", "email_index", index))
        supporter = dict(found.mappings().one()) | {"id": new_id(), "organisation_id": other.id}
        session.connection().execute(sa.insert(_table("supporter")), supporter)
        found = session.connection().execute(
            _copy_of("signature", "id", people.ledger.rows()[CARA].id)
        )
        row = dict(found.mappings().one()) | {"id": new_id(), "supporter_id": supporter["id"]}
        session.connection().execute(sa.insert(_signature), row)
    assert people.faults()["doubled"] == 1


def _table(name: str) -> sa.Table:
    return _signature.metadata.tables[name]


def _copy_of(name: str, column: str, value: object) -> sa.Select[Any]:
    table = _table(name)
    return sa.select(table).where(table.c[column] == value)


def test_a_mail_that_was_never_queued_is_found(people: People) -> None:
    row = people.ledger.rows()[CARA]
    people.execute(sa.delete(_outbox).where(_outbox.c.subject_id == row.id))
    assert people.faults() == {"without_mail": 1}


def test_a_mail_more_than_was_asked_for_is_found(people: People) -> None:
    note = outbox.Note(MessageKind.CONFIRM_SIGNATURE, people.ledger.rows()[CARA].id, None)
    with people.lobby.database.write() as session:
        outbox.queue(session, [note], now=people.lobby.clock())
    assert people.faults() == {"mails_too_many": 1}
    people.signing.sent[CARA] += 1  # who asks twice may get two, but not with a key
    assert people.faults() == {}
    people.ledger._have_keys = {CARA}
    assert people.faults() == {"mails_too_many": 1}


def test_a_confirmation_that_is_gone_is_found(people: People) -> None:
    people.execute(
        sa.update(_signature)
        .where(_signature.c.id == people.ledger.rows()[BEN].id)
        .values(state=State.PENDING)
    )
    # The tally is one too high in its seat and in sum, and so are the hours.
    assert people.faults() == {"not_counted": 1, "miscounted": 3}


def test_a_confirmation_that_nobody_sent_is_found(people: People) -> None:
    confirm(people, CARA)
    assert people.faults() == {"unasked": 1}


@pytest.mark.parametrize(
    ("table", "column", "wrong"), [(_tally, "confirmed", 2), (_hour, "change", 1)]
)
def test_a_count_that_is_wrong_is_found(
    people: People, table: sa.Table, column: str, wrong: int
) -> None:
    key = list(table.primary_key.columns)[1]
    row_id = people.ledger.rows()[ALICE].id
    of_alice = sa.select(_signature.c.petition_id).where(_signature.c.id == row_id)
    one = (
        sa.select(sa.func.max(key))
        .where(table.c.petition_id == of_alice.scalar_subquery())
        .scalar_subquery()
    )
    people.execute(
        sa.update(table)
        .where(table.c.petition_id == of_alice.scalar_subquery(), key == one)
        .values({column: table.c[column] + 1})
    )
    assert people.faults() == {"miscounted": wrong}


def test_an_api_that_tells_otherwise_is_found(people: People, client: TestClient) -> None:
    answers: dict[str, Any] = {}

    def told(path: str) -> Any:
        if path not in answers:
            answers[path] = client.get(path).json()
        return answers[path]

    assert people.faults(told) == {}
    people.confirming.sent[CARA] += 1
    confirm(people, CARA)
    # Its petition, its campaign, the tally's sum and its seat are one behind.
    assert people.faults(told) == {"told_otherwise": 4}


def test_an_answer_that_is_neither_good_nor_busy_is_found(people: People) -> None:
    people.signing.wrong[500] += 1
    assert people.faults() == {"wrong_answers": 1}


# ---- the crowd


BUSY = b"HTTP/1.1 503 Not available\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}"
IN_USE = BUSY.replace(b"503 Not available", b"409 Conflict")
TAKEN = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}"
BROKEN = b""
HALF = TAKEN[:-1]


def crowd_against(
    answers: list[bytes], numbers: list[int], *, are_patient: bool
) -> tuple[Errand, float]:
    """One client against a server that gives these answers; it hangs up behind one not whole."""
    errand = Errand(lambda number: f"{number}\r\n".encode(), 201)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while answers and await reader.readline():
                answer = answers.pop(0)
                writer.write(answer)
                if not answer or answer is HALF:
                    break
        writer.close()

    async def play() -> float:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        crowd = Crowd(server.sockets[0].getsockname()[1], 1)
        crowd.gate.set()
        begun = asyncio.get_running_loop().time()
        await crowd.run(errand, numbers, are_patient=are_patient)
        server.close()
        return asyncio.get_running_loop().time() - begun

    return errand, _within(play(), 20)


def _within(work: Coroutine[Any, Any, Value], seconds: float) -> Value:
    async def bounded() -> Value:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(bounded())


@pytest.mark.parametrize("broken", [BROKEN, HALF])
def test_who_got_no_whole_answer_asks_for_the_same_again(broken: bytes) -> None:
    errand, _ = crowd_against([broken, TAKEN, TAKEN], [1, 2], are_patient=True)
    assert errand.sent == {1: 2, 2: 1}
    assert errand.acknowledged == {1: 1, 2: 1}


def test_who_is_not_patient_gives_up() -> None:
    errand, _ = crowd_against([BROKEN, BROKEN, TAKEN], [1, 2], are_patient=False)
    assert errand.gave_up == {1}
    assert errand.acknowledged == {2: 1}


@pytest.mark.parametrize("busy", [BUSY, IN_USE])
def test_who_is_told_to_wait_does_so(busy: bytes) -> None:
    errand, took = crowd_against([busy, TAKEN], [1], are_patient=True)
    assert (errand.busy, errand.acknowledged) == (1, {1: 1})
    assert took >= 1


def test_another_answer_is_noted_and_not_asked_for_again() -> None:
    errand, _ = crowd_against([TAKEN.replace(b"201", b"500")], [1], are_patient=True)
    assert (errand.wrong, errand.sent, errand.gave_up) == ({500: 1}, {1: 1}, {1})
