"""Tests the cache of responses: how old values may be, and how much time building may take."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from services.traffic.answer_cache import (
    BUILD_SHARE,
    MAX_AGE,
    MOST_BUILD_SECONDS,
    RENEWED_AT,
    AnswerCache,
)
from tests.support.common import Clock

Result = TypeVar("Result")


@dataclass
class Source:
    """Builds values that contain the number of calls so far. It can be slow, or raise an error."""

    seconds: float = 0
    version: int = 0
    built_keys: list[str] = field(default_factory=list)
    error: Exception | None = None
    while_building: Callable[[], None] = lambda: None

    def build(self, key: str) -> str:
        self.built_keys.append(key)
        time.sleep(self.seconds)
        self.while_building()
        if self.error:
            raise self.error
        return f"{key} {len(self.built_keys)}"

    def cache(self, clock: Clock, **parts: int) -> AnswerCache[str, str]:
        return AnswerCache(self.build, version=lambda: self.version, clock=clock, **parts)


def test_a_value_is_built_once_while_nothing_changes(clock: Clock) -> None:
    source = Source()
    values = source.cache(clock)
    assert values.cached("a") is None, "looking builds nothing"
    assert [values.get("a") for _ in range(3)] == ["a 1"] * 3
    assert values.cached("a") == "a 1"
    assert values.get("b") == "b 2"
    assert source.built_keys == ["a", "b"]


def test_a_change_in_this_process_is_seen_at_the_next_look(clock: Clock) -> None:
    source = Source()
    values = source.cache(clock)
    for number in range(1, 30):
        assert values.get("a") == f"a {number}"
        source.version += 1
        assert values.cached("a") is None


def test_what_changes_elsewhere_is_seen_after_a_second(clock: Clock) -> None:
    values = Source().cache(clock)
    values.get("a")
    clock.advance(seconds=RENEWED_AT.total_seconds() - 0.001)
    assert values.get("a") == "a 1"
    clock.advance(seconds=0.001)
    assert values.cached("a") is None
    assert values.get("a") == "a 2"


def test_while_one_builds_a_value_again_the_others_get_the_old_one_until_it_is_a_second_old(
    clock: Clock,
) -> None:
    source, seen = Source(), []
    values = source.cache(clock)
    values.get("a")

    def ask() -> None:
        seen.append(values.cached("a"))
        clock.advance(seconds=(MAX_AGE - RENEWED_AT).total_seconds())
        seen.append(values.cached("a"))

    source.while_building = ask
    clock.advance(seconds=RENEWED_AT.total_seconds())
    assert values.get("a") == "a 2"
    assert seen == ["a 1", None]


def test_a_clock_that_is_put_back_keeps_no_value_any_longer(clock: Clock) -> None:
    values = Source().cache(clock)
    values.get("a")
    clock.advance(hours=-1)
    assert values.get("a") == "a 2"


def test_a_change_while_it_was_being_built_builds_it_again(clock: Clock) -> None:
    source = Source()

    def change() -> None:
        source.version += 1

    source.while_building = change
    values = source.cache(clock)
    values.get("a")
    source.while_building = lambda: None
    assert values.cached("a") is None
    assert values.get("a") == "a 2"
    assert values.cached("a") == "a 2"


@pytest.mark.slow
def test_under_load_building_takes_its_share_and_what_is_in_hand(clock: Clock) -> None:
    source = Source(seconds=MOST_BUILD_SECONDS / 8)
    values = source.cache(clock)
    begun = time.monotonic()
    while time.monotonic() - begun < 2 * MOST_BUILD_SECONDS:
        source.version += 1
        values.get("a")
    spent = len(source.built_keys) * source.seconds
    passed = time.monotonic() - begun
    assert spent <= MOST_BUILD_SECONDS + BUILD_SHARE * passed + 2 * source.seconds
    assert spent >= MOST_BUILD_SECONDS - source.seconds, "what is in hand is used"
    assert values.cached("a") is not None, "a little older instead"
    clock.advance(seconds=MAX_AGE.total_seconds())
    assert values.cached("a") is None, "but no older than that"


def test_an_error_is_kept_for_nobody(clock: Clock) -> None:
    source = Source(error=LookupError("away"))
    values = source.cache(clock)
    for _ in range(2):
        with pytest.raises(LookupError):
            values.get("a")
    assert values.cached("a") is None
    source.error = None
    assert values.get("a") == "a 3"


def test_an_error_leaves_no_older_value_behind_it(clock: Clock) -> None:
    source = Source()
    values = source.cache(clock)
    values.get("a")
    source.version, source.error = 1, LookupError("taken off")
    with pytest.raises(LookupError):
        values.get("a")
    assert values.cached("a") is None


@pytest.mark.slow
def test_of_many_who_wait_one_builds(clock: Clock) -> None:
    source = Source(seconds=0.2)
    values = source.cache(clock)
    assert _run_at_once(20, lambda _: values.get("a")) == ["a 1"] * 20
    assert source.built_keys == ["a"]


def test_an_error_of_the_builder_is_not_the_others(clock: Clock) -> None:
    source = Source(seconds=0.05)

    def fail_first() -> None:
        source.error = LookupError("away") if len(source.built_keys) == 1 else None

    source.while_building = fail_first
    values = source.cache(clock)

    def ask(_number: int) -> str:
        try:
            return values.get("a")
        except LookupError:
            return "away"

    assert sorted(_run_at_once(8, ask)) == ["a 2"] * 7 + ["away"]


def test_no_more_keys_are_kept_than_allowed_and_the_oldest_goes(clock: Clock) -> None:
    source = Source()
    values = source.cache(clock, most_keys=3)
    for key in "abcd":
        values.get(key)
    assert [values.cached(key) for key in "abcd"] == [None, "b 2", "c 3", "d 4"]
    source.version += 1
    values.get("b")  # built again, so it is the newest key now
    values.get("e")
    source.version -= 1
    assert values.cached("c") is None
    assert values.cached("d") == "d 4"


@pytest.mark.slow
def test_threads_see_only_whole_values_of_their_own_key(clock: Clock) -> None:
    source = Source()
    values = source.cache(clock, most_keys=4)

    def ask(number: int) -> bool:
        for turn in range(300):
            key = "abcdefgh"[(number + turn) % 8]
            source.version += turn % 3 == 0
            if not values.get(key).startswith(key):
                return False
            cached = values.cached(key)
            if cached is not None and not cached.startswith(key):
                return False
        return True

    assert _run_at_once(8, ask) == [True] * 8
    assert sum(values.cached(key) is not None for key in "abcdefgh") <= 4


def _run_at_once(number: int, act: Callable[[int], Result]) -> list[Result]:
    """Calls `act` in several threads that start together, and returns the results."""
    start, results = threading.Barrier(number), []

    def run(place: int) -> None:
        start.wait(5)
        results.append(act(place))

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_all_that_wait_on_an_event_loop_for_a_value_share_one_thread(clock: Clock) -> None:
    source, threads = Source(), set()
    source.while_building = lambda: threads.add(threading.current_thread())
    values = source.cache(clock)

    async def ask() -> list[str]:
        asked = [asyncio.create_task(values.fetch("a")) for _ in range(50)]
        await asyncio.sleep(0)
        asked[0].cancel()
        return list(await asyncio.gather(*asked[1:]))

    assert asyncio.run(ask()) == ["a 1"] * 49, "one who goes away stops it for nobody else"
    assert source.built_keys == ["a"]
    assert threading.current_thread() not in threads, "the loop goes on meanwhile"
    assert values.cached("a") == "a 1"


def test_all_that_wait_for_a_value_that_cannot_be_built_get_the_error(clock: Clock) -> None:
    source = Source(error=LookupError("away"))
    values = source.cache(clock)

    async def ask() -> list[str | BaseException]:
        return await asyncio.gather(*[values.fetch("a") for _ in range(3)], return_exceptions=True)

    assert [type(error) for error in asyncio.run(ask())] == [LookupError] * 3
    source.error = None
    assert asyncio.run(values.fetch("a")) == "a 2"
