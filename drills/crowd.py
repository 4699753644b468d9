"""Many people at once, each with a connection of their own that is kept, and what they remember.

Whose connection breaks before the answer asks for the same again, or gives up: as people do. Plain
sockets, since a client that costs as much as the server would measure itself.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

MOST_CONNECTIONS = 512
MOST_TRIES = 200  # of one request
LONGEST_WAIT = 10.0  # seconds: a Retry-After beyond it is not kept
END_OF_HEAD, LENGTH, RETRY = b"\r\n\r\n", b"content-length:", b"retry-after:"
BUSY = {409, 503}  # their key is in use, or the server is busy


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of an answer, and for how many seconds it asks to wait."""

    status: int
    retry_after: float


@dataclass(slots=True)
class Errand:
    """What people want, each known by a number, and what they remember of it.

    `sent` counts what went out whole, whatever became of it; `acknowledged`, the good answers.
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
        """Good answers so far, repeated ones among them."""
        return len(self.waits)


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[Answer | None] | None = None
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Part of an answer, or all of it."""
        self._buffer += data
        end = self._buffer.find(END_OF_HEAD)
        if end < 0:
            return
        head = self._buffer[:end].lower() + b"\r\n"
        if len(self._buffer) >= end + len(END_OF_HEAD) + _number_in(head, LENGTH):
            self._buffer = b""
            self._settle(Answer(int(head[9:12]), _number_in(head, RETRY)))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        """The server went."""
        self.is_open = False
        self._settle(None)

    async def ask(self, request: bytes) -> Answer | None:
        """The answer; None where the connection broke before all of it was here."""
        if not self.is_open:
            return None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def _settle(self, answer: Answer | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


class Crowd:
    """So many clients, who take turns with the numbers. `gate` is open while a server answers."""

    def __init__(self, port: int, connections: int) -> None:
        if not 1 <= connections <= MOST_CONNECTIONS:
            raise ValueError(f"at most {MOST_CONNECTIONS} connections")
        self._port, self._connections = port, connections
        self.gate = asyncio.Event()

    async def run(self, errand: Errand, numbers: Iterable[int], *, are_patient: bool) -> None:
        """See everybody through. Of those who are not patient every second one gives up when their
        connection breaks, and nobody tries more often than `MOST_TRIES`."""
        left = iter(numbers)
        clients = [Client(self, errand, left, are_patient) for _ in range(self._connections)]
        await asyncio.gather(*(client.run() for client in clients))

    async def connect(self) -> Connection:
        """A connection to a server that is there, however long that takes."""
        while True:
            await self.gate.wait()
            loop = asyncio.get_running_loop()
            try:
                return (await loop.create_connection(Connection, "127.0.0.1", self._port))[1]
            except OSError:
                await asyncio.sleep(0.05)


class Client:
    """One of a crowd."""

    def __init__(self, crowd: Crowd, errand: Errand, left: Iterator[int], is_patient: bool) -> None:
        self._crowd, self._errand, self._left = crowd, errand, left
        self._is_patient = is_patient
        self._connection: Connection | None = None

    async def run(self) -> None:
        """Until no number is left."""
        for number in self._left:
            if not await self._see_through(number):
                self._errand.gave_up.add(number)
        if self._connection is not None:
            self._connection.close()

    async def _see_through(self, number: int) -> bool:
        """Whether this one got a good answer."""
        content = self._errand.request(number)
        for _ in range(MOST_TRIES):
            answer = await self._ask(number, content)
            if answer is None:
                if not self._is_patient and number % 2:
                    return False
            elif answer.status == self._errand.good:
                self._errand.acknowledged[number] += 1
                return True
            elif answer.status in BUSY:
                self._errand.busy += 1
                await asyncio.sleep(min(answer.retry_after, LONGEST_WAIT))
            else:
                self._errand.wrong[answer.status] += 1
                return False
        return False

    async def _ask(self, number: int, content: bytes) -> Answer | None:
        if self._connection is None or not self._connection.is_open:
            self._connection = await self._crowd.connect()
        errand = self._errand
        errand.sent[number] += 1
        errand.under_way += 1
        begun = time.perf_counter()
        answer = await self._connection.ask(content)
        errand.under_way -= 1
        if answer is not None and answer.status == errand.good:
            errand.waits.append(time.perf_counter() - begun)
        return answer


def _number_in(head: bytes, name: bytes) -> int:
    """Of a header; 0 where there is none."""
    at = head.find(name)
    return int(head[at + len(name) : head.find(b"\r", at)]) if at >= 0 else 0
