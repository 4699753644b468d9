"""Every request in the log and in the metrics, by the template of its route.

Paths and unknown methods may have personal data. Neither is logged or measured.
"""

import structlog

from core import logs, stamps
from core.request_seconds import RequestSeconds

# Clients can invent methods, so only these become labels: each new label is a series for ever.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "(other)"
_seconds = RequestSeconds()
log = structlog.get_logger()


def note(method: str, route: str, status: int, seconds: float, request_id: str) -> None:
    """Logs and measures a request. `method` may be anything, `route` is a template."""
    if method not in METHODS:
        method = OTHER_METHOD
    _seconds.observe(method, route, status, seconds)
    if logs.requests is not None:
        logs.requests.add((method, route, status, seconds, request_id, stamps.now()))
        return
    token = logs.request_id.set(request_id)
    log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))
    logs.request_id.reset(token)
