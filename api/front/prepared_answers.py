"""Answers whose headers are rendered once, and which are written in one piece.

uvicorn checks and renders each header of each answer, and an answer of ours has a dozen. On the hot
route that would take longer than recording the signature. So `BoundedProtocol` offers, as an
extension of ASGI, to write an answer whose lines are rendered already. Without the extension, as
under another server, the same headers are sent in the usual way.
"""

from typing import Any, NamedTuple

from starlette.types import Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from api.http.response_headers import RawHeaders

EXTENSION = "lobby.prepared_answer"
_NONE: dict[str, Any] = {}


class Prepared(NamedTuple):
    """What many answers share: their status, and their headers with the lines of these."""

    status: int
    headers: RawHeaders
    lines: bytes

    @classmethod
    def of(cls, status: int, headers: RawHeaders) -> "Prepared":
        """Renders the lines. The caller knows that names and values are well-formed."""
        return cls(status, headers, _lines(headers))


async def answer(
    scope: Scope, send: Send, prepared: Prepared, headers: RawHeaders, body: bytes
) -> None:
    """Sends an answer with `headers` of its own. A body needs its Content-Length among these."""
    write = scope.get("extensions", _NONE).get(EXTENSION)
    if write is not None and write(prepared, headers, body):
        return
    every = [*prepared.headers, *headers]
    await send({"type": "http.response.start", "status": prepared.status, "headers": every})
    await send({"type": "http.response.body", "body": body})


def write(
    cycle: RequestResponseCycle, prepared: Prepared, headers: RawHeaders, body: bytes
) -> bool:
    """Writes an answer, as two calls of `cycle.send` would. False if it needs more than that."""
    if (
        cycle.disconnected
        or cycle.response_started
        or cycle.access_log
        or cycle.flow.write_paused
        or not cycle.keep_alive
    ):
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(
        b"".join(
            (
                STATUS_LINE[prepared.status],
                _defaults.lines_of(cycle.default_headers),
                prepared.lines,
                _lines(headers),
                b"\r\n",
                body,
            )
        )
    )
    cycle.message_event.set()
    cycle.on_response()
    return True


class _Defaults:
    """The lines of uvicorn's own headers. It makes a new list of these every second."""

    def __init__(self) -> None:
        self._of: RawHeaders = ()
        self._lines = b""

    def lines_of(self, headers: RawHeaders) -> bytes:
        if headers is not self._of:
            self._lines, self._of = _lines(headers), headers
        return self._lines


_defaults = _Defaults()


def _lines(headers: RawHeaders) -> bytes:
    return b"".join([b"%b: %b\r\n" % pair for pair in headers])
