"""Tests that log entries keep their order, and that a file that fails costs no more than lines."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import FileIO, RawIOBase
from threading import Event, Thread
from typing import Any

import pytest

from core.log_stream import (
    MOST_WAITING,
    TOGETHER,
    LogStream,
    RequestSeen,
    UnwaitingFile,
    render,
)

LONGEST = 30.0  # seconds for anything
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
FAILURES = [OSError(28, "No space left on device"), BrokenPipeError(), ValueError("closed file")]


class FullFile(RawIOBase):
    """Takes `room` bytes, at most 20,000 at once, and then fails: with None, it says 'later'."""

    def __init__(self, failure: Exception | None) -> None:
        self.failure, self.room, self.content = failure, 0, bytearray()

    def write(self, data: Any) -> int | None:
        if self.room:
            taken = data[: min(self.room, 20_000)]
            self.content += taken
            self.room -= len(taken)
            return len(taken)
        if self.failure is None:
            return None
        raise self.failure


class SlowDisk(RawIOBase):
    """Lets its writer wait until `is_readyy` is set."""

    def __init__(self) -> None:
        self.is_asked, self.is_ready, self.content = Event(), Event(), bytearray()

    def write(self, data: Any) -> int:
        self.is_asked.set()
        assert self.is_ready.wait(LONGEST)
        self.content += data
        return len(data)


def request(n: int) -> RequestSeen:
    return "GET", "/", 200, 0.0, f"request-{n}", NOON


def ids_of(content: bytes | bytearray) -> list[str]:
    """The ids in whole lines, and the events of other entries."""
    entries = [json.loads(line) for line in content.splitlines()]
    return [entry.get("request_id", entry["event"]) for entry in entries]


def read(reader: FileIO, *, lines: int) -> bytes:
    content = b""
    while content.count(b"\n") < lines:
        content += reader.read(10**6) or b""
    return content


@pytest.fixture
def pipe() -> Iterator[tuple[FileIO, UnwaitingFile]]:
    """The reading end and the writing end."""
    reading, writing = os.pipe()
    with FileIO(reading) as reader, UnwaitingFile(writing) as writer:
        yield reader, writer
    os.close(writing)


@pytest.mark.parametrize("microsecond", [0, 1, 999_999, 120_000])
def test_a_moment_is_written_as_structlog_writes_it(microsecond: int) -> None:
    moment = NOON.replace(microsecond=microsecond)
    entry = json.loads(render(("GET", "/", 200, 0.0, "request-1", moment)))
    assert entry["timestamp"] == moment.isoformat().replace("+00:00", "Z")


def test_lines_are_written_though_nobody_flushes(pipe: tuple[FileIO, UnwaitingFile]) -> None:
    reader, writer = pipe
    stream = LogStream(writer)
    for n in range(2):
        stream.add(request(n))
        assert ids_of(reader.readline()) == [f"request-{n}"]


def test_entries_keep_their_order() -> None:
    with FullFile(None) as file:
        stream = LogStream(file)
        for n in range(3 * TOGETHER):
            stream.add(b'{"event":"other"}\n' if n % 100 == 0 else request(n))
        file.room = 10**6
        stream.finish()
        expected = ["other" if n % 100 == 0 else f"request-{n}" for n in range(3 * TOGETHER)]
        assert ids_of(file.content) == expected


@pytest.mark.parametrize("failure", [None, *FAILURES], ids=str)
def test_a_file_that_fails_in_the_middle_of_a_line_gets_the_rest_when_it_works_again(
    failure: Exception | None,
) -> None:
    with FullFile(failure) as file:
        stream = LogStream(file)
        for n in range(1000):
            file.room = n % 7
            stream.add(request(n))
            stream.flush()
        file.room = 10**6
        stream.finish()
        assert ids_of(file.content) == [f"request-{n}" for n in range(1000)]


def test_a_file_that_takes_nothing_for_long_loses_the_newest_lines_and_tells_their_number() -> None:
    with FullFile(FAILURES[0]) as file:
        stream = LogStream(file)
        for n in range(3 * MOST_WAITING):
            stream.add(request(n))
        file.room = 10**8
        stream.finish()
        *ids, last = ids_of(file.content)
        assert ids[:MOST_WAITING] == [f"request-{n}" for n in range(MOST_WAITING)]
        assert MOST_WAITING <= len(ids) <= MOST_WAITING + TOGETHER
        assert last == "log_lines_lost"
        assert json.loads(file.content.splitlines()[-1])["lines"] == 3 * MOST_WAITING - len(ids)
        stream.add(request(1))
        stream.finish()
        assert ids_of(file.content)[-2:] == ["log_lines_lost", "request-1"], "it tells that once"


def test_a_full_pipe_lets_nobody_wait_and_loses_nothing(pipe: tuple[FileIO, UnwaitingFile]) -> None:
    reader, writer = pipe
    stream = LogStream(writer)
    for n in range(2000):  # it has room for some 400
        stream.add(request(n))
        if n % 10 == 0:
            stream.flush()
    assert not stream.flush()
    assert ids_of(read(reader, lines=2000)) == [f"request-{n}" for n in range(2000)]


def test_the_end_waits_for_a_slow_reader(pipe: tuple[FileIO, UnwaitingFile]) -> None:
    reader, writer = pipe
    stream = LogStream(writer)
    for n in range(2000):
        stream.add(request(n))
    with ThreadPoolExecutor(1) as pool:
        content = pool.submit(read, reader, lines=2000)
        stream.finish()
        assert stream.flush(), "all was written"
        assert ids_of(content.result()) == [f"request-{n}" for n in range(2000)]


def test_nobody_waits_long_for_another_thread_that_writes_to_a_slow_disk() -> None:
    with SlowDisk() as file:
        stream = LogStream(file)
        for n in range(TOGETHER):
            stream.add(request(n))
        assert file.is_asked.wait(LONGEST)
        stream.add(b'{"event":"other"}\n')
        stream.flush()
        assert not file.content
        file.is_ready.set()
        stream.finish()
        assert ids_of(file.content) == [*(f"request-{n}" for n in range(TOGETHER)), "other"]


def test_many_threads_lose_no_line_and_mix_none(pipe: tuple[FileIO, UnwaitingFile]) -> None:
    reader, writer = pipe
    stream = LogStream(writer)

    def log(number: int) -> None:
        for n in range(500):
            stream.add(request(1000 * number + n))
            if n % 50 == 0:
                stream.flush()

    threads = [Thread(target=log, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    ids = ids_of(read(reader, lines=2000))
    for thread in threads:
        thread.join()
    for number in range(4):
        of_it = [f"request-{1000 * number + n}" for n in range(500)]
        assert [one for one in ids if one in set(of_it)] == of_it
