"""Many HTTP clients at once, each with a persistent connection, and a log of their answers.

A client whose connection breaks before the answer sends the request again, or gives up, as people
do. They use plain sockets: a client that costs as much as the server would measure itself.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

MOST_CONNECTIONS = 512
MOST_TRIES = 200  # of one request
LONGEST_WAIT = 10.0  # seconds: the most that is waited for a Retry-After
END_OF_HEAD, LENGTH, RETRY = b"\r\n\r\n", b"content-length:", b"retry-after:"
BUSY = {409, 503}  # the Idempotency-Key is in use, or the server is busy


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """The status of an answer, and the seconds of its Retry-After (0 without one)."""

    status: int
    retry_after: float


@dataclass(slots=True)
class Workload:
    """The requests to send, one per number, and what came of them.

    `sent` counts by number the requests that were sent whole, answered or not; `acknowledged` the
    answers with status `good`. `waits` are the seconds until each good answer.
    """

    request: Callable[[int], bytes]
    good: int
    sent: Counter[int] = field(default_factory=Counter)
    acknowledged: Counter[int] = field(default_factory=Counter)
    gave_up: set[int] = field(default_factory=set)
    busy: int = 0
    wrong: Counter[int] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    under_way: int = 0

    @property
    def answered(self) -> int:
        """Returns how many good answers there were so far, repeated ones included."""
        return len(self.waits)


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[HttpAnswer | None] | None = None
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(END_OF_HEAD)
        if end < 0:
            return
        head = self._buffer[:end].lower() + b"\r\n"
        if len(self._buffer) >= end + len(END_OF_HEAD) + _number_in(head, LENGTH):
            self._buffer = b""
            self._resolve(HttpAnswer(int(head[9:12]), _number_in(head, RETRY)))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self.is_open = False
        self._resolve(None)

    async def ask(self, request: bytes) -> HttpAnswer | None:
        """Returns the answer, or None when the connection broke before it was complete."""
        if not self.is_open:
            return None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self._transport.close()

    def _resolve(self, answer: HttpAnswer | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


class ClientPool:
    """Clients that share one sequence of numbers.

    `is_serving` is set by the owner while a server answers; until then the clients wait.
    """

    def __init__(self, port: int, connections: int) -> None:
        if not 1 <= connections <= MOST_CONNECTIONS:
            raise ValueError(f"at most {MOST_CONNECTIONS} connections")
        self._port, self._connections = port, connections
        self.is_serving = asyncio.Event()

    async def run(self, workload: Workload, numbers: Iterable[int], *, are_patient: bool) -> None:
        """Sends the request of every number until it gets a good answer, at most MOST_TRIES times.

        Without `are_patient`, every second number is given up when its connection breaks.
        """
        numbers_left = iter(numbers)
        clients = [
            Client(self, workload, numbers_left, are_patient) for _ in range(self._connections)
        ]
        await asyncio.gather(*(client.run() for client in clients))

    async def connect(self) -> Connection:
        """Connects to the server, and waits for it as long as that takes."""
        while True:
            await self.is_serving.wait()
            loop = asyncio.get_running_loop()
            try:
                return (await loop.create_connection(Connection, "127.0.0.1", self._port))[1]
            except OSError:
                await asyncio.sleep(0.05)


class Client:
    """One client of a pool."""

    def __init__(
        self, pool: ClientPool, workload: Workload, numbers_left: Iterator[int], is_patient: bool
    ) -> None:
        self._pool, self._workload, self._numbers_left = pool, workload, numbers_left
        self._is_patient = is_patient
        self._connection: Connection | None = None

    async def run(self) -> None:
        for number in self._numbers_left:
            if not await self._send_until_good(number):
                self._workload.gave_up.add(number)
        if self._connection is not None:
            self._connection.close()

    async def _send_until_good(self, number: int) -> bool:
        """Returns whether there was a good answer."""
        content = self._workload.request(number)
        for _ in range(MOST_TRIES):
            answer = await self._ask(number, content)
            if answer is None:
                if not self._is_patient and number % 2:
                    return False
            elif answer.status == self._workload.good:
                self._workload.acknowledged[number] += 1
                return True
            elif answer.status in BUSY:
                self._workload.busy += 1
                await asyncio.sleep(min(answer.retry_after, LONGEST_WAIT))
            else:
                self._workload.wrong[answer.status] += 1
                return False
        return False

    async def _ask(self, number: int, content: bytes) -> HttpAnswer | None:
        if self._connection is None or not self._connection.is_open:
            self._connection = await self._pool.connect()
        workload = self._workload
        workload.sent[number] += 1
        workload.under_way += 1
        started_at = time.perf_counter()
        answer = await self._connection.ask(content)
        workload.under_way -= 1
        if answer is not None and answer.status == workload.good:
            workload.waits.append(time.perf_counter() - started_at)
        return answer


def _number_in(head: bytes, name: bytes) -> int:
    """Returns the number in a header, or 0 without the header."""
    at = head.find(name)
    return int(head[at + len(name) : head.find(b"\r", at)]) if at >= 0 else 0
