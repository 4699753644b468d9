"""Finds out from the log of a relay which of our emails it accepted.

The format of each line is recognised, so that no one has to name it:

- Postfix: `cleanup` logs a Message-ID when the headers arrive, before the final dot, which proves
  nothing. The queue manager's line `from=<...>, ... (queue active)` with the same queue id does.
- Exim: `<=` with `id=` is logged when a message has been accepted.
- A list: a line that is a Message-ID.

The part before the `@` identifies a Message-ID as ours: the domain may have changed since.
"""

import gzip
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from io import BufferedReader
from typing import BinaryIO
from uuid import UUID

LONGEST_LINE = 65_536
_GZIPPED = b"\x1f\x8b"
# The program's name must be among the first words: text of strangers comes after it.
_POSTFIX = re.compile(
    rb"(?:\S+\s+){0,6}?\S*/(?P<by>cleanup|qmgr|smtpd)\[\d+\]: "
    rb"(?P<id>[0-9A-Za-z]{5,30}): (?P<text>.*)"
)
_EXIM = re.compile(
    rb"(?:\S+\s+){2,8}?[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4} <= (?P<text>.*)"
)
_EXIM_ID = re.compile(rb" id=(\S+)")
_LISTED = re.compile(rb"<?[^\s<>@]+@[^\s<>@]+>?")
_OURS = re.compile(rb"<?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[^\s<>]+>?", re.IGNORECASE)
_ISO_TIME = re.compile(rb"(?:<\d+>)?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)")
_SYSLOG_TIME = re.compile(rb"(?:<\d+>)?([A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d)")


class RelayLog:
    """Reads a log line by line for the emails in `wanted`. It stores nothing about other emails.

    `taken` are the emails that the relay accepted. `doubtful` are emails whose headers arrived at a
    relay that holds email back for review: their outcome is unknown. `acceptances` counts all
    accepted emails, including those of others.
    """

    def __init__(self, wanted: Collection[UUID]) -> None:
        self._wanted = frozenset(wanted)
        self._arriving: dict[bytes, UUID] = {}  # by queue id
        self._mentioned: set[UUID] = set()
        self._holds_mail = False
        self.taken: set[UUID] = set()
        self.acceptances = 0

    @property
    def doubtful(self) -> set[UUID]:
        """Emails that may or may not have been accepted."""
        return self._mentioned - self.taken if self._holds_mail else set()

    @property
    def knows_us(self) -> bool:
        """True if the log contains any email of ours."""
        return bool(self.taken or self._mentioned)

    def read(self, line: bytes) -> None:
        """Reads one line. Lines in other formats are ignored."""
        if b"]: " in line and (match := _POSTFIX.match(line)):
            self._read_postfix(match["by"], match["id"], match["text"])
        elif b" <= " in line and (match := _EXIM.match(line)):
            # A subject may follow, which can contain anything.
            message_id = _EXIM_ID.search(match["text"].partition(b' T="')[0])
            self._note_taken(self._ours(message_id[1]) if message_id else None)
        elif b"@" in line and _LISTED.fullmatch(line.strip()):
            self._note_taken(self._ours(line.strip()))

    def _read_postfix(self, program: bytes, queue_id: bytes, text: bytes) -> None:
        if program == b"cleanup" and text.startswith(b"message-id="):
            # Short queue ids are reused: this is another message than before.
            self._arriving.pop(queue_id, None)
            message_id = self._ours(text.removeprefix(b"message-id=").strip())
            if message_id is not None:
                self._arriving[queue_id] = message_id
                self._mentioned.add(message_id)
        elif program == b"qmgr" and text.startswith(b"from=<") and b"(queue active)" in text:
            self._note_taken(self._arriving.pop(queue_id, None))
        elif program != b"qmgr" and text.startswith((b"hold: ", b"milter-hold: ")):
            self._holds_mail = True

    def _note_taken(self, message_id: UUID | None) -> None:
        self.acceptances += 1
        if message_id is not None:
            self.taken.add(message_id)

    def _ours(self, text: bytes) -> UUID | None:
        match = _OURS.fullmatch(text)
        message_id = UUID(match[1].decode()) if match else None
        return message_id if message_id in self._wanted else None


def lines_of(stream: BufferedReader) -> Iterator[bytes]:
    """Yields the lines of a log, gzipped or not, each cut off at `LONGEST_LINE` bytes.

    Raises EOFError or OSError if a gzipped log is damaged.
    """
    unpacked: BinaryIO = stream
    if stream.peek(2)[:2] == _GZIPPED:
        unpacked = gzip.GzipFile(fileobj=stream)  # type: ignore[assignment] # it can read lines
    is_rest = False
    while piece := unpacked.readline(LONGEST_LINE):
        if not is_rest:
            yield piece
        is_rest = not piece.endswith(b"\n")


def begins_at(line: bytes, *, now: datetime) -> datetime | None:
    """Returns the time at the beginning of a line, without a time zone; None if there is none.

    It only serves to sort the parts of one log. Classic syslog has no year: then it is the latest
    such day before `now`.
    """
    if match := _ISO_TIME.match(line):
        with suppress(ValueError):
            return datetime.fromisoformat(match[1].decode())
    if match := _SYSLOG_TIME.match(line):
        for year in (now.year, now.year - 1):
            with suppress(ValueError):  # 29 February
                text = f"{year} {match[1].decode()}"
                moment = datetime.strptime(text, "%Y %b %d %H:%M:%S")  # noqa: DTZ007 - it has none
                if moment <= now.replace(tzinfo=None) + timedelta(days=1):
                    return moment
    return None
