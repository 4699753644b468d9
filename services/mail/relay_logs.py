"""Which of our mails a relay took, by its own log: lines in, ids out.

Each line is recognised by itself, so that nobody has to say which kind of log it is:

- Postfix: `cleanup` notes a Message-ID while the headers arrive, before the final dot, which proves
  nothing. The queue manager's `from=<...>, ... (queue active)` for the same queue id does.
- Exim: `<=` with `id=` is written once a message is accepted.
- A list: a Message-ID on a line of its own.

A Message-ID is ours by what stands before the `@`: the domain can have been changed since.
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
# The tag stands among the first words: what strangers write comes behind it.
_POSTFIX = re.compile(
    rb"(?:\S+\s+){0,6}?\S*/(?P<by>cleanup|qmgr|smtpd)\[\d+\]: "
    rb"(?P<id>[0-9A-Za-z]{5,30}): (?P<told>.*)"
)
_EXIM = re.compile(
    rb"(?:\S+\s+){2,8}?[0-9A-Za-z]{6}-[0-9A-Za-z]{6,11}-[0-9A-Za-z]{2,4} <= (?P<told>.*)"
)
_EXIM_ID = re.compile(rb" id=(\S+)")
_LISTED = re.compile(rb"<?[^\s<>@]+@[^\s<>@]+>?")
_OURS = re.compile(rb"<?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@[^\s<>]+>?", re.IGNORECASE)
_ISO_TIME = re.compile(rb"(?:<\d+>)?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)")
_SYSLOG_TIME = re.compile(rb"(?:<\d+>)?([A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d)")


class RelayLog:
    """What a log tells of the mails in `wanted`, line after line. Keeps nothing of other mails.

    `taken`: the relay took them. `doubtful`: their headers came, and the relay keeps mails back for
    somebody to look at, so that nobody can tell. `acceptances` counts mails of anybody's.
    """

    def __init__(self, wanted: Collection[UUID]) -> None:
        self._wanted = frozenset(wanted)
        self._arriving: dict[bytes, UUID] = {}  # by queue id
        self._mentioned: set[UUID] = set()
        self._keeps_back = False
        self.taken: set[UUID] = set()
        self.acceptances = 0

    @property
    def doubtful(self) -> set[UUID]:
        """Neither known to have been taken nor known not to have been."""
        return self._mentioned - self.taken if self._keeps_back else set()

    @property
    def knows_us(self) -> bool:
        """Whether any mail of ours stands in it."""
        return bool(self.taken or self._mentioned)

    def read(self, line: bytes) -> None:
        """Take one line in. A line that tells nothing is passed over."""
        if b"]: " in line and (found := _POSTFIX.match(line)):
            self._read_postfix(found["by"], found["id"], found["told"])
        elif b" <= " in line and (found := _EXIM.match(line)):
            # The subject may stand at the end, and say what it likes.
            told = _EXIM_ID.search(found["told"].partition(b' T="')[0])
            self._note_taken(self._ours(told[1]) if told else None)
        elif b"@" in line and _LISTED.fullmatch(line.strip()):
            self._note_taken(self._ours(line.strip()))

    def _read_postfix(self, by: bytes, queue_id: bytes, told: bytes) -> None:
        if by == b"cleanup" and told.startswith(b"message-id="):
            # Short queue ids are used again: what came under this one before is over.
            self._arriving.pop(queue_id, None)
            ours = self._ours(told.removeprefix(b"message-id=").strip())
            if ours is not None:
                self._arriving[queue_id] = ours
                self._mentioned.add(ours)
        elif by == b"qmgr" and told.startswith(b"from=<") and b"(queue active)" in told:
            self._note_taken(self._arriving.pop(queue_id, None))
        elif by != b"qmgr" and told.startswith((b"hold: ", b"milter-hold: ")):
            self._keeps_back = True

    def _note_taken(self, ours: UUID | None) -> None:
        self.acceptances += 1
        if ours is not None:
            self.taken.add(ours)

    def _ours(self, message_id: bytes) -> UUID | None:
        found = _OURS.fullmatch(message_id)
        ours = UUID(found[1].decode()) if found else None
        return ours if ours in self._wanted else None


def lines_of(stream: BufferedReader) -> Iterator[bytes]:
    """Lines of a log, gzipped or not. What is longer than any log line is cut off.

    Raises EOFError or OSError where a gzipped one is damaged.
    """
    unpacked: BinaryIO = stream
    if stream.peek(2)[:2] == _GZIPPED:
        unpacked = gzip.GzipFile(fileobj=stream)  # type: ignore[assignment] # reads all the same
    is_rest = False
    while piece := unpacked.readline(LONGEST_LINE):
        if not is_rest:
            yield piece
        is_rest = not piece.endswith(b"\n")


def begins_at(line: bytes, *, now: datetime) -> datetime | None:
    """The time at a line's head, as the log's own clock has it; None where there is none.

    Only to put the parts of one log in their order: the classic form has no year, so that the last
    such day before `now` is taken, and no form's time zone is looked at.
    """
    if found := _ISO_TIME.match(line):
        with suppress(ValueError):
            return datetime.fromisoformat(found[1].decode())
    if found := _SYSLOG_TIME.match(line):
        for year in (now.year, now.year - 1):
            with suppress(ValueError):  # 29 February
                text = f"{year} {found[1].decode()}"
                moment = datetime.strptime(text, "%Y %b %d %H:%M:%S")  # noqa: DTZ007 - it has none
                if moment <= now.replace(tzinfo=None) + timedelta(days=1):
                    return moment
    return None
