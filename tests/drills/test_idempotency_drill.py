"""Tests idempotency keys on a running server: concurrent retries and `kill -9`."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count

import pytest
from sqlmodel import col, func, select

import worker
from core.settings import Settings
from drills.killed_server import Server, serving
from models import IdempotencyKey, MessageKind, OutboxMessage, Petition, Submission
from services.assembly import Lobby, open_lobby
from tests.support.common import CAN_SIGN, PETITION
from tools import sample_data
from tools.settings import throwaway_settings

pytestmark = pytest.mark.slow

SIGN = f"/v1/petitions/{PETITION}/signatures"
THREADS, RETRIES = 16, 1000
PEOPLE, KILLS = 60, 2
GOOD, IN_USE = 201, 409


@dataclass
class ReceivedAnswers:
    """Collects the status codes, and the distinct 201 responses per idempotency key."""

    statuses: Counter[int] = field(default_factory=Counter)
    answers: dict[str, set[bytes]] = field(default_factory=dict)
    replays: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, key: str, status: int, content: bytes, is_replay: bool) -> None:
        with self.lock:
            self.statuses[status] += 1
            self.replays += is_replay
            if status == GOOD:
                self.answers.setdefault(key, set()).add(content)


class Client:
    """Sends one request at a time on a kept-alive connection."""

    def __init__(self, port: int, received: ReceivedAnswers) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=30)
        self._received = received

    def sign(self, number: int) -> int:
        """Returns the HTTP status, or 0 if the connection broke."""
        body = {"name": "Anna", "email": f"anna{number}@example.org", "postcode": CAN_SIGN}
        key = f"key {number}"
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        try:
            self._connection.request("POST", SIGN, json.dumps(body), headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            self._connection.close()
            return 0
        is_replay = answer.headers.get("Idempotency-Replayed") == "true"
        if answer.status == IN_USE:
            assert int(answer.headers["Retry-After"]) > 0
        self._received.note(key, answer.status, content, is_replay)
        return answer.status

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def drill_settings(empty_lobby: Lobby) -> Settings:
    sample_data.load_demonstration(empty_lobby)
    worker.sort_submissions(empty_lobby)
    return throwaway_settings(empty_lobby.settings.data_dir, empty_lobby.settings.database_url)


@pytest.fixture
def served(drill_settings: Settings) -> Iterator[Lobby]:
    """The database with the servers' keys."""
    lobby = open_lobby(drill_settings)
    yield lobby
    lobby.close()


@pytest.fixture
def servers(drill_settings: Settings, backend: str) -> Iterator[list[Server]]:
    """One server on SQLite, two sharing the database on PostgreSQL; all are ready."""
    with ExitStack() as stack:
        number = 1 if backend == "sqlite" else 2
        running = [stack.enter_context(serving(drill_settings)) for _ in range(number)]
        for server in running:
            wait_until_ready(server)
        yield running


def wait_until_ready(server: Server) -> None:
    asyncio.run(server.answers())


def run_in_threads(work: Callable[[int], object]) -> None:
    """Runs `work` in 16 threads and raises the first exception."""
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(work, place) for place in range(THREADS)]:
            done.result(timeout=120)


def row_counts(lobby: Lobby, first: int) -> tuple[int, int, int]:
    """Sorts; returns the numbers of new submissions, confirmation emails and idempotency keys."""
    worker.sort_submissions(lobby)
    with lobby.database.read() as session:
        of_petition = select(Petition.id).where(Petition.slug == PETITION)
        submitted = select(Submission.id).where(col(Submission.petition_id).in_(of_petition))
        mails = select(func.count()).where(
            OutboxMessage.kind == MessageKind.CONFIRM_SIGNATURE,
            col(OutboxMessage.subject_id).in_(submitted),
        )
        keys = select(func.count()).select_from(IdempotencyKey)
        rows = session.exec(select(func.count()).select_from(submitted.subquery())).one()
        return rows - first, session.exec(mails).one(), session.exec(keys).one()


def test_a_thousand_retries_with_one_key_are_one_signature_and_one_mail(
    servers: list[Server], served: Lobby
) -> None:
    first, mails, _ = row_counts(served, 0)
    received, turns = ReceivedAnswers(), count()

    def retry(place: int) -> None:
        client = Client(servers[place % len(servers)].port, received)
        while next(turns) < RETRIES:
            client.sign(1)
        client.close()

    run_in_threads(retry)
    assert set(received.statuses) <= {GOOD, IN_USE}
    assert received.statuses.total() == RETRIES
    assert [len(contents) for contents in received.answers.values()] == [1]
    assert received.replays == received.statuses[GOOD] - 1
    assert row_counts(served, first) == (1, mails + 1, 1)


def test_a_server_that_is_killed_leaves_a_signature_with_its_key_or_neither(
    servers: list[Server], served: Lobby
) -> None:
    first, mails, _ = row_counts(served, 0)
    received, left, is_over = ReceivedAnswers(), list(range(PEOPLE)) * 4, threading.Event()

    def insist(place: int) -> None:
        """Sends every request four times, each until it gets a response."""
        client = Client(servers[place % len(servers)].port, received)
        while True:
            with suppress(IndexError):
                number = left.pop()
                while client.sign(number) != GOOD:
                    assert not is_over.wait(0.02)
                continue
            client.close()
            return

    def kill() -> None:
        for _ in range(KILLS):
            for server in servers:
                target = received.statuses[GOOD] + 15
                while received.statuses[GOOD] < target and left:
                    is_over.wait(0.001)
                server.kill()
                server.start()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        run_in_threads(insist)
    finally:
        killer.join(60)
        is_over.set()
    assert set(received.statuses) <= {GOOD, IN_USE}
    assert {len(contents) for contents in received.answers.values()} == {1}
    assert row_counts(served, first) == (PEOPLE, mails + PEOPLE, PEOPLE)
