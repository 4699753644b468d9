"""Tests of answers in one piece, on a server of this process."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from api.front import prepared_answers
from api.front.bounded_protocol import BoundedProtocol
from api.front.prepared_answers import Prepared

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PREPARED = Prepared.of(200, [(b"content-type", b"text/plain")])
LENGTH = (b"content-length", b"4")


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
def test_an_answered_request_leaves_nothing_for_the_garbage_collector() -> None:
    cycles: list[weakref.ref[RequestResponseCycle]] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        cycles.append(weakref.ref(send.__self__))  # type: ignore[attr-defined] # uvicorn's method
        await prepared_answers.answer(scope, send, PREPARED, [LENGTH], b"fine")

    answers = asyncio.run(_answers(app, count=4))
    assert [answer.partition(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * 4
    assert all(answer.endswith(b"\r\n\r\nfine") for answer in answers)
    assert [cycle() for cycle in cycles[:3]] == [None] * 3, "the connection holds the last one"


def test_a_prepared_answer_is_written_in_one_piece() -> None:
    sent: list[bool] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        write = scope["extensions"][prepared_answers.EXTENSION]
        sent.append(write(PREPARED, [LENGTH], b"fine"))
        sent.append(write(PREPARED, [LENGTH], b"more"))  # it is answered already
        assert not sent[1]

    (answer,) = asyncio.run(_answers(app, count=1))
    assert sent == [True, False]
    assert b"more" not in answer


async def _answers(app: Any, count: int) -> list[bytes]:
    """Returns the answers to requests on one connection, one after the other."""
    loop, state = asyncio.get_running_loop(), ServerState()
    config = Config(app, http=BoundedProtocol, access_log=False, log_level="error")
    config.load()
    server = await loop.create_server(lambda: BoundedProtocol(config, state, {}), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for _ in range(count):
        writer.write(ASK)
        head = await reader.readuntil(b"\r\n\r\n")
        answers.append(head + await reader.readexactly(4))
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0.05)  # the server learns that the client is gone
    server.close()
    await server.wait_closed()
    return answers
