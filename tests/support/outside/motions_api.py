"""Parliament's Motions API on loopback, with answers in the form of real ones."""

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

from services.demonstration import invented_campaign

KNOWN = 900152  # the demonstration's motion
MOTION = 70001
JSON = {"Content-Type": "application/json; charset=utf-8"}


# ---- the API on loopback


@dataclass
class Reply:
    """An answer. `breaks` closes the connection without one, `hangs` sends none."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    breaks: bool = False
    hangs: bool = False


class Parliament(ThreadingHTTPServer):
    """Gives its `replies` in turn, and the last one from then on.

    `asked` has the path and query of each request, `headers` its headers.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: list[Reply] = []
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.closing = threading.Event()
        self._last = Reply(status=500)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answers(self, *replies: Reply | bytes) -> None:
        """Adds replies; bytes become the body of a good one."""
        self.replies += [
            reply if isinstance(reply, Reply) else Reply(reply, headers=JSON) for reply in replies
        ]

    def next_reply(self) -> Reply:
        if self.replies:
            self._last = self.replies.pop(0)
        return self._last

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is part of some tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Parliament

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.headers.append(dict(self.headers.items()))
        reply = self.server.next_reply()
        if reply.hangs:
            self.server.closing.wait(30)
        if reply.hangs or reply.breaks:
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Prints nothing."""


Kind = TypeVar("Kind", bound=Parliament)


@contextmanager
def serving_as(kind: type[Kind]) -> Iterator[Kind]:
    """Serves a kind of the API until the end of the block."""
    with kind() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


def serving() -> AbstractContextManager[Parliament]:
    """Serves the API until the end of the block."""
    return serving_as(Parliament)


# ---- answers made by hand


def sponsor(number: int, order: int | None = None, **changes: Any) -> dict[str, Any]:
    """Returns a row of names. `number` is its id, and the member's without `MemberId`."""
    member_id = changes.get("MemberId", number)
    return {
        "Id": number,
        "MemberId": member_id,
        "Member": {"MnisId": member_id, "Name": f"Member {member_id}", "Party": "Labour"},
        "SponsoringOrder": order,
        "CreatedWhen": "2026-06-02T10:15:00.5",
        "IsWithdrawn": False,
        "WithdrawnDate": None,
        **changes,
    }


def withdrawn(number: int, when: str = "2026-06-20T09:00:00", **changes: Any) -> dict[str, Any]:
    """Returns a withdrawn name: Parliament removes the order and rewrites CreatedWhen."""
    rewritten = {"CreatedWhen": when, "IsWithdrawn": True, "WithdrawnDate": when}
    return sponsor(number, None, **rewritten, **changes)


def motion(*sponsors: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Returns the `Response` of a motion."""
    return {
        "Sponsors": list(sponsors),
        "Amendments": [],
        "Id": MOTION,
        "Status": 0,
        "Title": "Beds in hospitals",
        "MotionText": "That this House wants more of them.",
        "UIN": 77,
        "UINWithAmendmentSuffix": "77",
        "DateTabled": "2026-06-01T00:00:00",
        "SponsorsCount": 0,
        **changes,
    }


def envelope(response: Any, **changes: Any) -> bytes:
    parts: dict[str, Any] = {"PagingInfo": None, "StatusCode": 200, "Success": True, "Errors": []}
    return json.dumps({**parts, "Response": response, **changes}).encode()


def answer(*sponsors: dict[str, Any], **changes: Any) -> bytes:
    return envelope(motion(*sponsors, **changes))


def without(part: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name != key}


FAILURE = envelope(None, Success=False, StatusCode=400, Errors=["Object reference not set."])
DEMONSTRATION = (invented_campaign.FOLDER / "motion.json").read_bytes()


def demonstration_with(**changes: Any) -> bytes:
    parsed = json.loads(DEMONSTRATION)
    parsed["Response"] |= changes
    return json.dumps(parsed).encode()
