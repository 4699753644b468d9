"""Runs a short signature drill and checks that it detects faults; `make drill` runs it in full."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from core.settings import Settings
from drills import signature_audit
from drills.clients import ClientPool, Workload
from drills.signature_audit import SignatureAudit
from drills.signatures import Drill, address_of, run
from models import (
    MessageKind,
    OutboxMessage,
    PetitionHour,
    PetitionTally,
    Private,
    Signature,
    Submission,
)
from models import SignatureState as State
from models.base import new_id, table_of
from services.assembly import Lobby
from services.campaigns import petitions
from services.mail import outbox
from services.mail.recipients import recipient_of
from services.organisations import organisations
from services.signatures.recording import SignatureRequest
from tests.support import signatures
from tests.support.common import CAN_SIGN, PETITION
from tools.settings import throwaway_settings

pytestmark = pytest.mark.slow

SIGNATURES, CONNECTIONS, KILLS = 300, 32, 3
ALICE, BEN, CARA = range(3)  # Cara has not confirmed
_outbox, _signature = table_of(OutboxMessage), table_of(Signature)
_submission = table_of(Submission)
_tally, _hour = table_of(PetitionTally), table_of(PetitionHour)
Value = TypeVar("Value")


@pytest.fixture
def drill_settings(empty_lobby: Lobby) -> Settings:
    return throwaway_settings(empty_lobby.settings.data_dir, empty_lobby.settings.database_url)


def test_nothing_is_lost_or_counted_twice_when_the_server_is_killed(
    drill_settings: Settings,
) -> None:
    outcome = run(Drill(SIGNATURES, CONNECTIONS, KILLS), drill_settings)
    report = outcome.report
    assert report.faults == {}
    assert outcome.killed_at_work == KILLS
    assert report.acknowledged == report.rows == report.confirmed == report.tally == SIGNATURES


def test_a_drill_is_bounded() -> None:
    for too_much in ((100_001, 512, 50), (100_000, 512, 51)):
        with pytest.raises(ValueError, match="at most 100000 signatures and 50 kills"):
            Drill(*too_much)
    with pytest.raises(ValueError, match="at most 512 connections"):
        ClientPool(80, 513)


# ---- the audit


@dataclass(frozen=True, slots=True)
class People:
    """Three consistent signatures, two of them confirmed."""

    lobby: Lobby
    audit: SignatureAudit
    submissions: Workload
    confirmations: Workload

    def faults(self, get_json: Callable[[str], Any] | None = None) -> dict[str, int]:
        return self.audit.compare(self.submissions, self.confirmations, get_json=get_json).faults

    def execute(self, statement: sa.sql.base.Executable) -> None:
        with self.lobby.database.write() as session:
            session.connection().execute(statement)


def sign(lobby: Lobby, number: int) -> None:
    signatures.sign_and_sort(
        lobby, SignatureRequest(PETITION, "Anna Example", address_of(number), CAN_SIGN)
    )


def confirm(people: People, number: int) -> None:
    signatures.confirm(people.lobby, people.audit.rows()[number].id)


@pytest.fixture
def people(lobby: Lobby) -> People:
    baseline = signature_audit.baseline(lobby, PETITION)
    everybody = (ALICE, BEN, CARA)
    audit = SignatureAudit(
        lobby,
        PETITION,
        baseline,
        {number: address_of(number) for number in everybody},
        name=lambda _: "Anna Example",
    )
    made = People(lobby, audit, Workload(lambda _: b"", 201), Workload(lambda _: b"", 200))
    for workload, numbers in ((made.submissions, everybody), (made.confirmations, (ALICE, BEN))):
        for number in numbers:
            workload.sent[number] += 1
            workload.acknowledged[number] += 1
    for number in everybody:
        sign(lobby, number)
    for number in (ALICE, BEN):
        confirm(made, number)
    return made


def test_a_database_that_agrees_shows_no_fault(people: People, client: TestClient) -> None:
    report = people.audit.compare(
        people.submissions, people.confirmations, get_json=lambda path: client.get(path).json()
    )
    assert report.faults == {}
    assert (report.acknowledged, report.rows, report.confirmed, report.tally) == (3, 3, 2, 2)


def test_a_signature_that_is_gone_is_found(people: People) -> None:
    row = people.audit.rows()[BEN]
    people.execute(sa.delete(_signature).where(_signature.c.id == row.id))
    # The tally is one too high for its seat and in total, and so are the hourly counts.
    assert people.faults() == {"lost": 1, "not_counted": 1, "miscounted": 3}


def test_a_submission_that_is_gone_is_found(people: People) -> None:
    row = people.audit.rows()[CARA]
    people.execute(sa.delete(_submission).where(_submission.c.id == row.id))
    assert people.faults() == {"lost": 1}


def test_a_submission_that_does_not_open_is_lost_and_unasked(people: People) -> None:
    row = people.audit.rows()[CARA]
    broken = sa.type_coerce(sa.literal(b"\x01" * 60, sa.LargeBinary), sa.LargeBinary)
    change = sa.update(_submission).where(_submission.c.id == row.id)
    people.execute(change.values(payload=broken))
    assert people.faults() == {"lost": 1, "unasked": 1}


def test_a_post_that_was_recorded_twice_is_found(people: People) -> None:
    sign(people.lobby, CARA)
    assert people.faults() == {"doubled": 1, "mails_too_many": 1}
    people.submissions.sent[CARA] += 1
    assert people.faults() == {}
    people.audit._have_keys = {CARA}
    assert people.faults() == {"doubled": 1, "mails_too_many": 1}


def test_a_third_mail_of_one_network_is_found(people: People) -> None:
    people.submissions.sent[CARA] += 5
    for _ in range(5):
        sign(people.lobby, CARA)
    assert people.faults() == {}, "the third waits"
    queue_another_mail(people)
    assert people.faults() == {"mails_too_many": 1}


def test_a_signature_that_nobody_sent_is_found(people: People) -> None:
    sign(people.lobby, 99)
    assert people.faults() == {"unasked": 1}


def test_an_address_with_two_signatures_is_found(people: People) -> None:
    """A unique index forbids two in one organisation, so the second belongs to another one."""
    index = people.audit.rows()[BEN].index
    with people.lobby.database.write() as session:
        other = organisations.create(session, name="Other", slug="other", now=people.lobby.clock())
        result = session.connection().execute(_copy_of("supporter", "email_index", index))
        supporter = dict(result.mappings().one()) | {"id": new_id(), "organisation_id": other.id}
        session.connection().execute(sa.insert(_table("supporter")), supporter)
        result = session.connection().execute(
            _copy_of("signature", "id", people.audit.rows()[BEN].id)
        )
        row = dict(result.mappings().one()) | {"id": new_id(), "supporter_id": supporter["id"]}
        session.connection().execute(sa.insert(_signature), row)
    assert people.faults()["doubled"] == 1


def _table(name: str) -> sa.Table:
    return _signature.metadata.tables[name]


def _copy_of(name: str, column: str, value: object) -> sa.Select[Any]:
    table = _table(name)
    return sa.select(table).where(table.c[column] == value)


def test_a_mail_that_was_never_queued_is_found(people: People) -> None:
    row = people.audit.rows()[CARA]
    people.execute(sa.delete(_outbox).where(_outbox.c.subject_id == row.id))
    assert people.faults() == {"without_mail": 1}


def queue_another_mail(people: People, row_id: UUID | None = None) -> None:
    """Queues a mail to Cara about another submission, or about this one."""
    recipient = recipient_of(address_of(CARA), people.lobby.keyring)
    note = outbox.NewMessage(MessageKind.CONFIRM_SIGNATURE, row_id or new_id(), recipient)
    with people.lobby.database.write() as session:
        outbox.queue(session, [note], now=people.lobby.clock())


def test_a_mail_more_than_was_asked_for_is_found(people: People) -> None:
    queue_another_mail(people)
    assert people.faults() == {"mails_too_many": 1}
    # A repeated request may sign twice, but not with an idempotency key.
    people.submissions.sent[CARA] += 1
    assert people.faults() == {}
    people.audit._have_keys = {CARA}
    assert people.faults() == {"mails_too_many": 1}


def test_a_submission_that_was_sorted_twice_is_found(people: People) -> None:
    queue_another_mail(people, people.audit.rows()[CARA].id)
    assert people.faults() == {"mails_too_many": 1, "sorted_twice": 1}


def test_a_forged_name_in_a_confirmed_signature_is_found(people: People) -> None:
    owner = people.audit.rows()[BEN]
    with people.lobby.database.write() as session:
        session.get_one(Signature, owner.id).name = Private(
            petitions.public(session, PETITION).organisation_id, "Forged Name"
        )
    assert people.faults() | {"forged": 1} == people.faults()
    assert people.faults()["lost"] == 1


def test_a_strangers_post_is_nobodys_signature(people: People) -> None:
    people.audit._forged = {CARA}
    forged = SignatureRequest(PETITION, "Forged Name", address_of(CARA), CAN_SIGN)
    signatures.sign_and_sort(people.lobby, forged)
    assert people.faults() == {}


def test_a_confirmation_that_is_gone_is_found(people: People) -> None:
    people.execute(
        sa.update(_signature)
        .where(_signature.c.id == people.audit.rows()[BEN].id)
        .values(state=State.PENDING)
    )
    # The tally is one too high for its seat and in total, and so are the hourly counts.
    assert people.faults() == {"not_counted": 1, "miscounted": 3}


def test_a_confirmation_that_nobody_sent_is_found(people: People) -> None:
    confirm(people, CARA)
    assert people.faults() == {"unasked": 1}


@pytest.mark.parametrize(
    ("table", "column", "error"), [(_tally, "confirmed", 2), (_hour, "change", 1)]
)
def test_a_count_that_is_wrong_is_found(
    people: People, table: sa.Table, column: str, error: int
) -> None:
    key = list(table.primary_key.columns)[1]
    row_id = people.audit.rows()[ALICE].id
    of_alice = sa.select(_signature.c.petition_id).where(_signature.c.id == row_id)
    last_key = (
        sa.select(sa.func.max(key))
        .where(table.c.petition_id == of_alice.scalar_subquery())
        .scalar_subquery()
    )
    people.execute(
        sa.update(table)
        .where(table.c.petition_id == of_alice.scalar_subquery(), key == last_key)
        .values({column: table.c[column] + 1})
    )
    assert people.faults() == {"miscounted": error}


def test_an_api_that_tells_otherwise_is_found(people: People, client: TestClient) -> None:
    answers: dict[str, Any] = {}

    def get_json(path: str) -> Any:
        if path not in answers:
            answers[path] = client.get(path).json()
        return answers[path]

    assert people.faults(get_json) == {}
    people.confirmations.sent[CARA] += 1
    confirm(people, CARA)
    # The counts of its petition, campaign and seat and the tally's total are one too low.
    assert people.faults(get_json) == {"told_otherwise": 4}


def test_an_answer_that_is_neither_good_nor_busy_is_found(people: People) -> None:
    people.submissions.wrong[500] += 1
    assert people.faults() == {"wrong_answers": 1}


# ---- the clients


BUSY = b"HTTP/1.1 503 Not available\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}"
IN_USE = BUSY.replace(b"503 Not available", b"409 Conflict")
TAKEN = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}"
BROKEN = b""
HALF = TAKEN[:-1]


def client_against(
    answers: list[bytes], numbers: list[int], *, are_patient: bool
) -> tuple[Workload, float]:
    """Runs one client against a server that sends these responses and closes after a broken one.

    Returns the workload and the seconds that it took.
    """
    workload = Workload(lambda number: f"{number}\r\n".encode(), 201)

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
        clients = ClientPool(server.sockets[0].getsockname()[1], 1)
        clients.is_serving.set()
        begun = asyncio.get_running_loop().time()
        await clients.run(workload, numbers, are_patient=are_patient)
        server.close()
        return asyncio.get_running_loop().time() - begun

    return workload, _within(play(), 20)


def _within(work: Coroutine[Any, Any, Value], seconds: float) -> Value:
    async def bounded() -> Value:
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(bounded())


@pytest.mark.parametrize("broken", [BROKEN, HALF])
def test_who_got_no_whole_answer_asks_for_the_same_again(broken: bytes) -> None:
    workload, _ = client_against([broken, TAKEN, TAKEN], [1, 2], are_patient=True)
    assert workload.sent == {1: 2, 2: 1}
    assert workload.acknowledged == {1: 1, 2: 1}


def test_who_is_not_patient_gives_up() -> None:
    workload, _ = client_against([BROKEN, BROKEN, TAKEN], [1, 2], are_patient=False)
    assert workload.gave_up == {1}
    assert workload.acknowledged == {2: 1}


@pytest.mark.parametrize("busy", [BUSY, IN_USE])
def test_who_is_told_to_wait_does_so(busy: bytes) -> None:
    workload, took = client_against([busy, TAKEN], [1], are_patient=True)
    assert (workload.busy, workload.acknowledged) == (1, {1: 1})
    assert took >= 1


def test_another_answer_is_noted_and_not_asked_for_again() -> None:
    workload, _ = client_against([TAKEN.replace(b"201", b"500")], [1], are_patient=True)
    assert (workload.wrong, workload.sent, workload.gave_up) == ({500: 1}, {1: 1}, {1})
