"""HTTP/1.1 for uvicorn, with bounds on what a client may send and how slowly.

uvicorn keeps headers of any size, and waits for ever for the rest of headers, of a body, and for a
client that does not read its answer. This subclass counts bytes and moves as they come, and the
patrol of `wire_bounds` compares them once a second.
"""

import asyncio
import socket
import struct
from enum import Enum, auto
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api.front import prepared_answers, wire_bounds
from api.front.prepared_answers import Prepared
from api.front.wire_bounds import Bounds, Refusal, patrol_of, size_of
from api.http.response_headers import RawHeaders

LINGERING_ROOM = 200
"""Connections above the bound that are told so. Further ones are closed at once."""


class Stage(Enum):
    """What a connection waits for."""

    IDLE = auto()  # an answer of ours, or another request: uvicorn limits that time
    HEAD = auto()
    BODY = auto()
    REFUSED = auto()  # the client's end of the connection; what it still sends is dropped


IDLE, HEAD, BODY, REFUSED = Stage  # looking them up in the class takes longer


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A subclass can have other `bounds`."""

    bounds: ClassVar[Bounds] = Bounds()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._service = self.app
        self._patrol = patrol_of(server_state, self.bounds)
        self._stage = HEAD
        self._running: RequestResponseCycle | None = None  # `cycle` is the newest
        # One for the connection: made for each request, it would hold its request in a cycle.
        self._extensions = {prepared_answers.EXTENSION: self._write_prepared}
        self._moves = 0  # how often something that the server waited for came
        self._received = 0  # bytes since the last move
        self._body_bytes = 0
        self._body_since: int | None = None
        # What the patrol saw last, and when
        self._seen_moves, self._moved_at = -1, 0
        self._answered_at: int | None = None
        self._unsent, self._unsent_at = 0, 0
        self._seen_unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        count, most = len(self._patrol.connections), self._patrol.most_connections
        if count >= most + LINGERING_ROOM:
            self._end(wire_bounds.TOO_MANY_CONNECTIONS.code)
            return
        self._patrol.watch(self, self.loop)
        if count >= most:
            self._refuse(wire_bounds.TOO_MANY_CONNECTIONS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._patrol.connections.discard(self)
        self._disconnect()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        self._patrol.stop(self.bounds.stop_seconds)
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._stage is IDLE:
            self._move(HEAD)
        most = self.bounds.head_bytes
        if len(data) <= most:
            self._feed(data)
            return
        for start in range(0, len(data), most):  # so that no more than this is parsed in vain
            self._feed(data[start : start + most])

    def _feed(self, data: bytes) -> None:
        if self._stage is REFUSED or self.transport.is_closing():
            return
        before = self._moves
        super().data_received(data)
        if self._moves == before:
            self._received += len(data)
        else:
            self._received = 0
            if self._stage is IDLE and not self.pipeline:  # as almost always
                return
        # Headers, but also what is between the parts of a chunked body.
        if self._received > self.bounds.head_bytes or self._has_too_many_trailers():
            self._refuse(wire_bounds.HEAD_TOO_LARGE)
        elif len(self.pipeline) > self.bounds.pipelined:
            self._end("too_many_pipelined")

    def _has_too_many_trailers(self) -> bool:
        """uvicorn adds the headers behind a chunked body to those before it."""
        return self._stage is BODY and len(self.headers) > 2 * self.bounds.headers

    def on_message_begin(self) -> None:
        if self._stage is not HEAD:
            self._move(HEAD)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._move(BODY)
        self._body_bytes, self._body_since, self._answered_at = 0, None, None
        refusal = self._refusal()
        if refusal is not None:
            self._patrol.note(refusal.code)
        self.app = refusal or self._service
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item] # one of ours
        super().on_headers_complete()
        self._running = self._running or self.cycle

    def on_body(self, body: bytes) -> None:
        self._moves += 1
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._move(IDLE)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._running = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's name
        self._refuse(wire_bounds.MALFORMED)

    def check(self, now: int) -> None:
        """Ends the connection if it is too slow."""
        if self._moves != self._seen_moves or self.flow.read_paused:
            self._seen_moves, self._moved_at = self._moves, now
        waited = now - self._moved_at
        if self._stage is REFUSED and waited >= self.bounds.linger_seconds:
            self.transport.abort()
        elif self._stage is HEAD and waited >= self.bounds.head_seconds:
            self._end_slow_head()
        elif self._stage is BODY:
            self._check_body(now, waited)
        self._check_reader(now)

    def _check_body(self, now: int, waited: int) -> None:
        if self._body_since is None:
            self._body_since = now
        if self.flow.read_paused:  # the application takes its time
            self._body_since += 1
        stops_at = self._patrol.stops_at
        paced = now - self._body_since - self.bounds.body_seconds
        if self.cycle.response_complete:
            self._check_drained(now)
        elif stops_at is not None and now >= stops_at:
            self._refuse(wire_bounds.STOPPING)
        elif waited >= self.bounds.body_seconds or self._body_bytes < paced * self.bounds.body_pace:
            self._refuse(wire_bounds.BODY_TOO_SLOW)

    def _check_drained(self, now: int) -> None:
        if self._answered_at is None:
            self._answered_at = now
        if now - self._answered_at >= self.bounds.drain_seconds:
            self._end("body_after_answer")

    def _check_reader(self, now: int) -> None:
        """Ends a connection whose client does not read: its answers wait in memory."""
        size, before = self.transport.get_write_buffer_size(), self._seen_unsent
        self._seen_unsent = size
        if size == 0 or size > before:  # it grows only after the client has read
            self._unsent, self._unsent_at = size, now
            return
        paced = now - self._unsent_at - self.bounds.reader_seconds
        if self._unsent - size < paced * self.bounds.reader_pace:
            self._end("answer_not_read")

    def _write_prepared(self, prepared: Prepared, headers: RawHeaders, body: bytes) -> bool:
        """Answers the request that is worked at (`prepared_answers.answer`)."""
        cycle = self._running
        return cycle is not None and prepared_answers.write(cycle, prepared, headers, body)

    def _move(self, stage: Stage) -> None:
        self._stage = stage
        self._moves += 1

    def _refusal(self) -> Refusal | None:
        """Returns why a request whose headers are complete is not passed on."""
        if len(self.headers) > self.bounds.headers:
            return wire_bounds.TOO_MANY_HEADERS
        if len(self.tasks) >= self.bounds.requests:
            return wire_bounds.TOO_MANY_REQUESTS
        # Only headers that came in several pieces can be as large.
        if self._received and size_of(self.url, self.headers) > self.bounds.head_bytes:
            return wire_bounds.HEAD_TOO_LARGE
        return None

    def _end_slow_head(self) -> None:
        if self._seen_moves == 0 and self._received == 0:  # browsers connect ahead of requests
            self.transport.close()
        else:
            self._refuse(wire_bounds.HEAD_TOO_SLOW)

    def _refuse(self, refusal: Refusal) -> None:
        """Answers and closes, also where a request is not whole."""
        if not self._may_answer() or not self.transport.can_write_eof():
            self._end(refusal.code)
            return
        self._disconnect()
        self._patrol.note(refusal.code)
        self._move(REFUSED)
        self.transport.write(refusal.answer(self.server_state.default_headers))
        self.transport.write_eof()
        self.flow.resume_reading()

    def _may_answer(self) -> bool:
        """Returns whether the next answer on this connection is the one to the unfinished request.

        Otherwise the client would take it for the answer to an earlier request.
        """
        if self._running is None:
            return self._stage is not BODY  # a body whose answer is out
        is_own = self._stage is BODY and self._running is self.cycle
        return is_own and not self._running.response_started

    def _disconnect(self) -> None:
        """Tells the application that the client is gone. uvicorn tells the newest request only."""
        if self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()

    def _end(self, code: str) -> None:
        """Closes at once, also what the system holds for a client that does not read."""
        self._patrol.note(code)
        self._move(REFUSED)
        resets = struct.pack("ii", 1, 0)
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, resets
        )
        self.transport.abort()
