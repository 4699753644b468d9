"""Tests calls that take turns: few at a time, in order, and not too many in the queue."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from services.errors import Unavailable
from services.traffic.turns import Turns


class Counter:
    """A call that waits until it may go on, and notes how many ran at the same time."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.started: list[int] = []
        self.most = 0
        self._running = 0
        self._lock = threading.Lock()

    def call(self, number: int) -> int:
        with self._lock:
            self.started.append(number)
            self._running += 1
            self.most = max(self.most, self._running)
        assert self.go_on.wait(30)
        with self._lock:
            self._running -= 1
        return number


@contextmanager
def turns(at_once: int, longest_queue: int) -> Iterator[Turns]:
    made = Turns("test", at_once=at_once, longest_queue=longest_queue)
    try:
        yield made
    finally:
        made.stop()


async def started(counter: Counter, count: int) -> None:
    while len(counter.started) < count:
        await asyncio.sleep(0.001)


def test_few_run_at_a_time_and_the_others_in_order() -> None:
    counter = Counter()

    async def run(queue: Turns) -> list[int]:
        tasks = [
            asyncio.create_task(queue.run(partial(counter.call, number))) for number in range(6)
        ]
        await started(counter, 2)
        counter.go_on.set()
        return await asyncio.gather(*tasks)

    with turns(2, 4) as queue:
        assert asyncio.run(run(queue)) == [0, 1, 2, 3, 4, 5]
    assert counter.most == 2
    assert sorted(counter.started[:2]) == [0, 1]


def test_one_at_a_time_runs_in_the_order_of_arrival() -> None:
    counter = Counter()
    counter.go_on.set()

    async def run(queue: Turns) -> None:
        await asyncio.gather(*(queue.run(partial(counter.call, number)) for number in range(20)))

    with turns(1, 19) as queue:
        asyncio.run(run(queue))
    assert counter.started == list(range(20))


def test_a_full_queue_refuses_and_takes_again_when_it_has_room() -> None:
    counter = Counter()

    async def run(queue: Turns) -> int:
        waiting = [asyncio.create_task(queue.run(lambda: counter.call(1))) for _ in range(2)]
        await started(counter, 1)
        with pytest.raises(Unavailable) as refused:
            await queue.run(lambda: counter.call(2))
        assert refused.value.retry_after > 0
        counter.go_on.set()
        await asyncio.gather(*waiting)
        return await queue.run(lambda: counter.call(3))

    with turns(1, 1) as queue:
        assert asyncio.run(run(queue)) == 3
    assert counter.started == [1, 1, 3]


def test_a_call_that_fails_gives_its_turn_back() -> None:
    def fail() -> None:
        raise ValueError("no")

    async def run(queue: Turns) -> str:
        for _ in range(3):
            with pytest.raises(ValueError, match="no"):
                await queue.run(fail)
        return await queue.run(lambda: threading.current_thread().name)

    with turns(1, 0) as queue:
        assert asyncio.run(run(queue)).startswith("test"), "in a thread of its own"
