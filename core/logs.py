"""Logs without personal data: no addresses, names, texts or paths. JSON, or words on a screen."""

import logging
import sys

import structlog


def configure(*, level: str = "INFO") -> None:
    """Send structlog to standard error, and keep libraries quiet about what they send."""
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # httpx2 logs addresses with their queries; uvicorn's access log has paths with tokens in them.
    for name in ("httpx2", "httpcore2", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It tells of every mail that it cannot read, and we move those aside.
    logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)
