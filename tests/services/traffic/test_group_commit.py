"""Tests group commit: concurrent requests share a transaction and get answers after its commit."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.answers.state import set_state, state_of
from services.database.batch_writer import LARGEST_BATCH
from services.errors import Unavailable
from services.signatures.recording import Outcome, SignatureRequest
from services.traffic.group_commit import GroupCommit
from tests.support.common import CAN_SIGN, PETITION

ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)


class Recorder:
    """Notes the sizes of batches. It waits for `may_go`, and fails for a request named "poison"."""

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
    assert [outcome.constituency_code for outcome in outcomes] == [
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


def test_a_full_queue_is_told_and_not_waited_for() -> None:
    intake = GroupCommit(Recorder(), longest_queue=2)  # not started, so the queue never empties

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


class FailingRecorder:
    """Keeps the requests that it records. A batch that contains a bad request fails as a whole."""

    def __init__(self, *bad: int, error: type[Exception] = ValueError) -> None:
        self.bad, self.error = set(bad), error
        self.calls: list[int] = []
        self.recorded: list[int] = []
        self.may_go = threading.Event()

    def __call__(self, requests: Sequence[int]) -> list[int]:
        self.may_go.wait(5)
        self.calls.append(len(requests))
        if self.bad & set(requests):
            raise self.error("bad")
        self.recorded += requests
        return [-request for request in requests]


async def _record_all(
    intake: "GroupCommit[int, int]", numbers: Sequence[int], recorder: FailingRecorder
) -> list[int | BaseException]:
    """Queues all requests before the recorder may start."""
    waiting = [asyncio.create_task(intake.record(number)) for number in numbers]
    await asyncio.sleep(0.05)
    recorder.may_go.set()
    return await asyncio.gather(*waiting, return_exceptions=True)


def _outcomes(recorder: FailingRecorder, numbers: Sequence[int]) -> list[int | BaseException]:
    intake: GroupCommit[int, int] = GroupCommit(recorder)
    intake.start()
    try:
        return asyncio.run(asyncio.wait_for(_record_all(intake, numbers, recorder), 20))
    finally:
        intake.stop()


@pytest.mark.parametrize("bad", [(0,), (63,), (37,), (12, 40)])
def test_few_calls_find_what_spoils_a_batch_and_the_others_are_recorded_once(
    bad: tuple[int, ...],
) -> None:
    recorder, numbers = FailingRecorder(*(number + 1 for number in bad)), range(1, 65)
    outcomes = _outcomes(recorder, numbers)
    for number, outcome in zip(numbers, outcomes, strict=True):
        assert isinstance(outcome, ValueError) if number in recorder.bad else outcome == -number
    assert sorted(recorder.recorded) == [number for number in numbers if number not in recorder.bad]
    # Halving 64 takes at most 13 calls for each bad request; two more for the first request alone.
    assert len(recorder.calls) <= 13 * len(bad) + 2


def test_more_than_the_largest_batch_is_recorded_in_their_order() -> None:
    recorder, numbers = FailingRecorder(), range(1, 2 * LARGEST_BATCH + 101)
    assert _outcomes(recorder, numbers) == [-number for number in numbers]
    assert recorder.recorded == list(numbers)
    assert max(recorder.calls) == LARGEST_BATCH


def test_a_database_that_is_away_is_not_asked_again_for_each() -> None:
    recorder = FailingRecorder(5, error=PoolTimeout)
    outcomes = _outcomes(recorder, range(2, 102))
    assert all(isinstance(outcome, PoolTimeout) for outcome in outcomes[1:])
    assert len(recorder.calls) <= 2


def test_two_event_loops_are_each_told_in_their_own() -> None:
    recorder = FailingRecorder(7)
    intake: GroupCommit[int, int] = GroupCommit(recorder)
    intake.start()
    outcomes: dict[int, list[int | BaseException]] = {}

    def loop(start: int) -> None:
        numbers = range(start, start + 10)
        outcomes[start] = asyncio.run(asyncio.wait_for(_record_all(intake, numbers, recorder), 10))

    threads = [threading.Thread(target=loop, args=(start,)) for start in (1, 101, 201)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    intake.stop()
    assert outcomes.keys() == {1, 101, 201}
    assert outcomes[101] == [-number for number in range(101, 111)]
    assert [
        number for number, outcome in enumerate(outcomes[1], 1) if not isinstance(outcome, int)
    ] == [7]
    assert len(recorder.calls) < 20, "they shared batches"


def test_a_loop_that_has_closed_stops_nobody_else() -> None:
    recorder = FailingRecorder()
    intake: GroupCommit[int, int] = GroupCommit(recorder)
    intake.start()

    async def leave() -> None:
        asyncio.get_running_loop().create_task(intake.record(1))
        await asyncio.sleep(0.05)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    loop.close()
    assert asyncio.run(asyncio.wait_for(_record_all(intake, [2], recorder), 10)) == [-2]
    intake.stop()


def test_a_recorder_that_miscounts_leaves_nobody_waiting() -> None:
    intake: GroupCommit[int, int] = GroupCommit(lambda _requests: [])
    intake.start()

    async def ask() -> int:
        return await asyncio.wait_for(intake.record(1), 5)

    for _ in range(2):
        with pytest.raises(RuntimeError, match="another number"):
            asyncio.run(ask())
    intake.stop()


def test_who_signs_while_the_database_is_away_is_asked_to_come_again(client: TestClient) -> None:
    def fail(_requests: Sequence[SignatureRequest]) -> list[Outcome]:
        raise OperationalError("INSERT", {}, Exception("away"))

    assert isinstance(client.app, FastAPI)
    intake = GroupCommit(fail)
    set_state(client.app, replace(state_of({"app": client.app}), intake=intake))
    intake.start()
    body = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
    answer = client.post(f"/v1/petitions/{PETITION}/signatures", json=body)
    intake.stop()
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
