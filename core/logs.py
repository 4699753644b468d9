"""Logs without personal data: no addresses, names, texts or paths.

Entries are JSON lines, or coloured text if standard error is a terminal.
"""

import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar

import orjson
import structlog
from structlog.typing import EventDict

from core.log_stream import LogStream, UnwaitingFile

# The id of the request that this context works for; None outside of one. A variable of our own
# costs a tenth of structlog's.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
requests: LogStream | None = None
"""Takes the entries of requests; None if structlog does, or nobody."""


def add_request_id(_logger: object, _method: str, entry: EventDict) -> EventDict:
    """Gives every log entry of a request the id of the request."""
    if current := request_id.get():
        entry["request_id"] = current
    return entry


def configure(*, level: str = "INFO", is_final: bool = False) -> None:
    """Sends structlog to standard error, and silences libraries that would log personal data.

    `is_final` makes entries cheaper: every logger keeps this configuration from its first use on,
    and lines of requests are written up to a second late, but before any other entry that follows.
    """
    # orjson and a logger of bytes: the standard library's encoder costs as much as an email check.
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer(
        serializer=lambda entry, default, **_: orjson.dumps(entry, default)
    )
    factory: Callable[..., object] = structlog.BytesLoggerFactory(sys.stderr.buffer)
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer()
        factory = structlog.PrintLoggerFactory(sys.stderr)
    elif is_final and _has_descriptor():
        factory = _through_stream(level)
    structlog.configure(
        processors=[
            add_request_id,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=factory,
        cache_logger_on_first_use=is_final,
    )
    # httpx2 logs URLs with their queries; uvicorn's access log has paths with tokens in them.
    for name in ("httpx2", "httpcore2", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It logs every email that it cannot parse. The worker moves those to a folder instead.
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


def _has_descriptor() -> bool:
    """Returns whether standard error is a file of the system. In a test it may be in memory."""
    try:
        sys.stderr.fileno()
    except OSError:
        return False
    return True


def finish() -> None:
    """Writes what waits. A server calls it when it stops: a signal may end the process then."""
    if requests is not None:
        requests.finish()


def _through_stream(level: str) -> Callable[..., object]:
    global requests  # noqa: PLW0603 - a process has one standard error
    stream = LogStream(UnwaitingFile(sys.stderr.fileno()))
    if logging.getLevelName(level) <= logging.INFO:
        requests = stream
    # These write tracebacks to standard error: behind the line of the request that failed.
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).addFilter(_flush_first)
    return lambda *_: _StreamLogger(stream)


def _flush_first(_record: logging.LogRecord) -> bool:
    if requests is not None:
        requests.flush()
    return True


class _StreamLogger:
    """What structlog's loggers write to."""

    def __init__(self, stream: LogStream) -> None:
        self._stream = stream

    def msg(self, line: bytes) -> None:
        self._stream.add(line + b"\n")
        self._stream.flush()

    debug = info = warning = error = critical = msg
