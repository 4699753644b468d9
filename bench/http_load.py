"""Sends requests to a server on this machine over several connections, one at a time on each.

It uses plain sockets: a client that costs as much as the server would measure itself.

`python -m bench.http_load PORT CONNECTIONS FILE` prints a JSON object. FILE holds whole HTTP
requests, each behind its length in four bytes, big-endian. With `--beside FILE` these requests are
sent over one more connection, and the run ends when all of these have an answer. With `--seconds`
it ends after that time. `--pid` is the server's, whose processor time it measures too.
"""

import argparse
import asyncio
import itertools
import json
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import uvloop

from tools.processes import cpu_seconds_of_all

MOST_REQUESTS, MOST_CONNECTIONS = 400_000, 512
LONGEST = 120.0  # seconds
FIRST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
END_OF_HEAD, LENGTH = b"\r\n\r\n", b"content-length:"


class Client(asyncio.Protocol):
    """A connection that sends the next request as soon as it has the whole answer to the last.

    It is `ready` after an answer that does not count: before that, a busy server has accepted some
    connections and not others. With `slots` (of the loop's clock) it waits until the next one, and
    takes the time from there.
    """

    def __init__(
        self,
        requests: Iterator[bytes],
        times: list[float],
        statuses: list[bytes],
        slots: Iterator[float] | None = None,
    ) -> None:
        self._requests, self._times, self._statuses = requests, times, statuses
        self._slots = slots
        self._buffer, self._sent_at = b"", 0.0
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._transport.write(FIRST)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(END_OF_HEAD)
        if head < 0:
            return
        at = self._buffer.lower().find(LENGTH, 0, head)
        size = int(self._buffer[at + len(LENGTH) : self._buffer.find(b"\r", at)]) if at >= 0 else 0
        if len(self._buffer) < head + 4 + size:
            return
        if not self.ready.done():
            self._buffer = b""
            self.ready.set_result(None)
            return
        self._times.append(time.perf_counter() - self._sent_at)
        self._statuses.append(self._buffer[9:12])
        self._buffer = b""
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the server closed a new connection"))
        if not self.done.done():
            self.done.set_result(None)

    def send(self) -> None:
        """Sends the next request, or ends."""
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            if (
                not self.done.done()
            ):  # connection_lost is not always called on a transport closed at once
                self.done.set_result(None)
            return
        if self._slots is None:
            self._write(request, time.perf_counter())
            return
        loop, slot = asyncio.get_running_loop(), next(self._slots)
        planned = time.perf_counter() + slot - loop.time()
        loop.call_at(slot, self._write, request, planned)

    def _write(self, request: bytes, sent_at: float) -> None:
        self._sent_at = sent_at
        self._transport.write(request)


async def run(
    port: int,
    connections: int,
    requests: Sequence[bytes],
    beside: Sequence[bytes] = (),
    *,
    rate: float = 0.0,
    seconds: float = 0.0,
    pid: int = 0,
) -> dict[str, object]:
    """Returns answers per second, latencies in milliseconds, and the count of each status.

    `client_cpu` is this process's own time for a request in microseconds, and `cpu` that of the
    process `pid` and those that it started, if it is given. `beside` is sent over one more
    connection. Its latencies are separate, in order. With a `rate` the connections share out that
    many requests a second, and a latency begins when the request was due. The load ends after
    `seconds`, if any.
    """
    times: list[float] = []
    times_beside: list[float] = []
    statuses: list[bytes] = []
    is_over = asyncio.Event()
    left = iter(requests)
    main = itertools.takewhile(lambda _: not is_over.is_set(), left)
    loop = asyncio.get_running_loop()
    slots = _slots(rate) if rate else None
    clients = [Client(main, times, statuses, slots) for _ in range(connections)]
    if beside:
        clients.append(Client(_then_set(is_over, beside), times_beside, statuses))
    async with asyncio.timeout(LONGEST):
        for client in clients:
            await loop.create_connection(partial(_same, client), "127.0.0.1", port)
        await asyncio.gather(*(client.ready for client in clients))
        start, cpu, client_cpu = _now(pid)
        if seconds:
            loop.call_later(seconds, is_over.set)
        for client in clients:
            client.send()
        await asyncio.gather(*(client.done for client in clients))
    end, cpu_at_end, client_cpu_at_end = _now(pid)
    if beside and next(left, None) is None:
        raise RuntimeError("the load ended before the requests beside it")
    times.sort()
    return {
        "rate": len(times) / (end - start),
        "p50": times[len(times) // 2] * 1000,
        "p99": times[int(len(times) * 0.99)] * 1000,
        "cpu": (cpu_at_end - cpu) / len(times) * 1e6,
        "client_cpu": (client_cpu_at_end - client_cpu) / len(times) * 1e6,
        "answers": len(times),
        "beside": [taken * 1000 for taken in times_beside],
        "statuses": {status.decode(): statuses.count(status) for status in set(statuses)},
    }


def _now(pid: int) -> tuple[float, float, float]:
    """Returns the time, the processor time of a server, and that of this process, in seconds."""
    return time.perf_counter(), cpu_seconds_of_all(pid) if pid else 0.0, time.process_time()


def _same(client: Client) -> Client:
    return client


def _slots(rate: float) -> Iterator[float]:
    """Yields times of the loop's clock, the first of which is when it is asked for."""
    start = asyncio.get_running_loop().time()
    for number in itertools.count():
        yield start + number / rate


def _then_set(is_over: asyncio.Event, requests: Sequence[bytes]) -> Iterator[bytes]:
    yield from requests
    is_over.set()


def read(file: Path) -> list[bytes]:
    """Reads the requests in a file. Raises ValueError where there are too many."""
    content, at = file.read_bytes(), 0
    requests: list[bytes] = []
    while at < len(content):
        (size,) = struct.unpack_from(">I", content, at)
        requests.append(content[at + 4 : at + 4 + size])
        at += 4 + size
    if len(requests) > MOST_REQUESTS:
        raise ValueError("that is more load than this is for")
    return requests


def write(file: Path, requests: Iterable[bytes]) -> None:
    """Writes requests in the form that `read` takes."""
    with file.open("wb") as stream:
        for request in requests:
            stream.write(struct.pack(">I", len(request)) + request)


def main() -> None:
    parser = argparse.ArgumentParser(prog="http_load", description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("connections", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--pid", type=int, default=0)
    arguments = parser.parse_args()
    if not 0 < arguments.connections <= MOST_CONNECTIONS or arguments.seconds > LONGEST:
        parser.error("that is more load than this is for")
    beside = read(arguments.beside) if arguments.beside else []
    load = run(
        arguments.port,
        arguments.connections,
        read(arguments.file),
        beside,
        seconds=arguments.seconds,
        pid=arguments.pid,
    )
    print(json.dumps(uvloop.run(load)))


if __name__ == "__main__":
    main()
