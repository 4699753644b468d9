"""Requests that arrive together share a transaction, and each is answered after its commit."""

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError
from support import CAN_SIGN, PETITION

from lobby.services.errors import Unavailable
from lobby.services.group_commit import GroupCommit
from lobby.services.signatures import Outcome, SignatureRequest

ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)


class Recorder:
    """Notes the batches, and waits or fails as told."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.may_go = threading.Event()
        self.may_go.set()

    def __call__(self, requests: Sequence[SignatureRequest]) -> list[Outcome]:
        self.may_go.wait(5)
        if any(request.name == "poison" for request in requests):
            raise RuntimeError("poison")
        self.batches.append(len(requests))
        return [Outcome(constituency_code=request.email) for request in requests]


def test_what_arrives_during_a_commit_shares_the_next_one() -> None:
    recorder = Recorder()
    intake = GroupCommit(recorder)
    intake.start()

    async def crowd() -> list[Outcome]:
        recorder.may_go.clear()
        waiting = [
            asyncio.create_task(intake.record(replace(ANNA, email=f"{number}@example.org")))
            for number in range(20)
        ]
        await asyncio.sleep(0.05)
        recorder.may_go.set()
        return await asyncio.gather(*waiting)

    outcomes = asyncio.run(crowd())
    intake.stop()
    assert [found.constituency_code for found in outcomes] == [
        f"{number}@example.org" for number in range(20)
    ]
    assert sum(recorder.batches) == 20
    assert len(recorder.batches) <= 3


def test_a_poisoned_request_fails_alone() -> None:
    recorder = Recorder()
    intake = GroupCommit(recorder)
    intake.start()

    async def crowd() -> list[Outcome | BaseException]:
        recorder.may_go.clear()
        names = ["good", "poison", "good"]
        waiting = [asyncio.create_task(intake.record(replace(ANNA, name=name))) for name in names]
        await asyncio.sleep(0.05)
        recorder.may_go.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    first, second, third = asyncio.run(crowd())
    intake.stop()
    assert isinstance(first, Outcome)
    assert isinstance(second, RuntimeError)
    assert isinstance(third, Outcome)


def test_a_batch_that_waited_long_in_vain_fails_as_a_whole() -> None:
    tries: list[int] = []

    def wait_in_vain(requests: Sequence[SignatureRequest]) -> list[Outcome]:
        tries.append(len(requests))
        time.sleep(0.2)
        raise RuntimeError("the database is away")

    intake = GroupCommit(wait_in_vain, long=0.1)

    async def crowd() -> list[Outcome | BaseException]:
        waiting = [asyncio.create_task(intake.record(ANNA)) for _ in range(8)]
        await asyncio.sleep(0)
        intake.start()
        return await asyncio.gather(*waiting, return_exceptions=True)

    outcomes = asyncio.run(crowd())
    intake.stop()
    assert tries == [8]
    assert [type(outcome) for outcome in outcomes] == [RuntimeError] * 8


def test_a_full_queue_is_told_and_not_waited_for() -> None:
    intake = GroupCommit(Recorder(), longest_queue=2)  # not started: nothing leaves the queue

    async def crowd() -> None:
        for _ in range(2):
            task = asyncio.create_task(intake.record(ANNA))
            await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(Unavailable) as refused:
            await intake.record(ANNA)
        assert refused.value.retry_after > 0

    asyncio.run(crowd())


def test_a_client_that_went_away_harms_nobody() -> None:
    recorder = Recorder()
    intake = GroupCommit(recorder)
    intake.start()

    async def crowd() -> Outcome:
        recorder.may_go.clear()
        first = asyncio.create_task(intake.record(ANNA))
        gone = asyncio.create_task(intake.record(ANNA))
        stays = asyncio.create_task(intake.record(ANNA))
        await asyncio.sleep(0.05)
        gone.cancel()
        await asyncio.sleep(0)
        recorder.may_go.set()
        await first
        return await stays

    assert isinstance(asyncio.run(crowd()), Outcome)
    intake.stop()


def test_stopping_commits_what_waits() -> None:
    recorder = Recorder()
    intake = GroupCommit(recorder)
    intake.start()

    async def crowd() -> list[Outcome]:
        recorder.may_go.clear()
        waiting = [asyncio.create_task(intake.record(ANNA)) for _ in range(5)]
        await asyncio.sleep(0.05)
        recorder.may_go.set()
        await asyncio.get_running_loop().run_in_executor(None, intake.stop)
        return await asyncio.gather(*waiting)

    assert len(asyncio.run(crowd())) == 5


def test_who_signs_while_the_database_is_away_is_asked_to_come_again(client: TestClient) -> None:
    def fail(_requests: Sequence[SignatureRequest]) -> list[Outcome]:
        raise OperationalError("INSERT", {}, Exception("away"))

    assert isinstance(client.app, FastAPI)
    intake = client.app.state.intake = GroupCommit(fail)
    intake.start()
    body = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
    answer = client.post(f"/v1/petitions/{PETITION}/signatures", json=body)
    intake.stop()
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
