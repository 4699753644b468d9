"""Sends requests to a server on this machine over several connections, one at a time on each.

It uses plain sockets: a client that costs as much as the server would measure itself.

`python -m bench.http_load PORT CONNECTIONS REQUESTS FILE [BESIDE]` prints a JSON object. FILE holds
whole HTTP requests, each behind its length in four bytes, big-endian. The requests in BESIDE are
sent over one more connection, and the run ends when all of these have an answer.
"""

import asyncio
import itertools
import json
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import uvloop

MOST_REQUESTS, MOST_CONNECTIONS = 400_000, 512
LONGEST = 120.0  # seconds
END_OF_HEAD, LENGTH = b"\r\n\r\n", b"content-length:"


class Client(asyncio.Protocol):
    """A connection that sends the next request as soon as it has the whole answer to the last.

    With `slots` (of the loop's clock) it waits until the next one, and takes the time from there.
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
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(END_OF_HEAD)
        if head < 0:
            return
        at = self._buffer.lower().find(LENGTH, 0, head)
        size = int(self._buffer[at + len(LENGTH) : self._buffer.find(b"\r", at)]) if at >= 0 else 0
        if len(self._buffer) < head + 4 + size:
            return
        self._times.append(time.perf_counter() - self._sent_at)
        self._statuses.append(self._buffer[9:12])
        self._buffer = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
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
) -> dict[str, object]:
    """Returns answers per second, latencies in milliseconds, and the count of each status.

    `beside` is sent over one more connection. Its latencies are separate, in order. With a `rate`
    the connections share out that many requests a second, and a latency begins when the request
    was due.
    """
    times: list[float] = []
    times_beside: list[float] = []
    statuses: list[bytes] = []
    is_over = asyncio.Event()
    left = iter(requests)
    main = itertools.takewhile(lambda _: not is_over.is_set(), left)
    start = time.perf_counter()
    now = asyncio.get_running_loop().time()
    slots = (now + number / rate for number in itertools.count()) if rate else None
    clients = [
        await _connect(port, Client(main, times, statuses, slots)) for _ in range(connections)
    ]
    if beside:
        aside = _then_set(is_over, beside)
        clients.append(await _connect(port, Client(aside, times_beside, statuses)))
    async with asyncio.timeout(LONGEST):
        await asyncio.gather(*(client.done for client in clients))
    took = time.perf_counter() - start
    if beside and next(left, None) is None:
        raise RuntimeError("the load ended before the requests beside it")
    times.sort()
    return {
        "rate": len(times) / took,
        "p50": times[len(times) // 2] * 1000,
        "p99": times[int(len(times) * 0.99)] * 1000,
        "beside": [seconds * 1000 for seconds in times_beside],
        "statuses": {status.decode(): statuses.count(status) for status in set(statuses)},
    }


async def _connect(port: int, client: Client) -> Client:
    await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", port)
    return client


def _then_set(is_over: asyncio.Event, requests: Sequence[bytes]) -> Iterator[bytes]:
    yield from requests
    is_over.set()


def read(file: Path, most: int) -> list[bytes]:
    """Reads at most `most` requests from a file."""
    content, at = file.read_bytes(), 0
    requests: list[bytes] = []
    while at < len(content) and len(requests) < most:
        (size,) = struct.unpack_from(">I", content, at)
        requests.append(content[at + 4 : at + 4 + size])
        at += 4 + size
    return requests


def write(file: Path, requests: Iterator[bytes]) -> None:
    """Writes requests in the form that `read` takes."""
    with file.open("wb") as stream:
        for request in requests:
            stream.write(struct.pack(">I", len(request)) + request)


def main() -> None:
    port, connections, most = (int(part) for part in sys.argv[1:4])
    if connections > MOST_CONNECTIONS or most > MOST_REQUESTS:
        sys.exit("that is more load than this is for")
    files = [read(Path(name), most) for name in sys.argv[4:6]]
    result = uvloop.run(run(port, connections, *files))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
