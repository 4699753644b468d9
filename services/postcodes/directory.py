"""Postcodes: their normal form, and the constituency of each."""

import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from models.postcode import PostcodeResult, PostcodeStatus
from services.errors import Invalid, Unavailable
from services.postcodes import file_format

NORTHERN_IRELAND = "BT"
CROWN_DEPENDENCIES = frozenset({"JE", "GY", "IM"})
"""Postcode areas of Jersey, Guernsey and the Isle of Man: in Royal Mail's system, not in the UK."""

LOOK_AGAIN_SECONDS = 1.0
_NEVER_LOOKED = float("-inf")

_LONGEST_INPUT = 40
_SHAPE = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][A-Z]{2})|(GIR)(0AA)")
# What people and their clipboards put into a postcode. The GOV.UK Design System asks services to
# accept spaces anywhere, hyphens, dashes, brackets and full stops.
_IGNORED = dict.fromkeys(
    map(
        ord,
        " \t\r\n-.()[]"
        "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{FIGURE SPACE}\N{THIN SPACE}"
        "\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}\N{SOFT HYPHEN}"
        "\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}\N{WORD JOINER}",
    )
)


def normalise(text: str) -> str:
    """The normal form of a postcode, 'EC1A 1BB', from what somebody typed, 'ec1a-1bb '.

    The shape alone is judged, not whether there is such a postcode; of letters where a digit
    belongs (SW1A OAA) none is guessed.

    :raises Invalid: `postcode_malformed`, with a sentence to show to a supporter
    """
    if not text or not (bare := text[: _LONGEST_INPUT + 1].translate(_IGNORED)):
        raise _malformed("Enter a postcode, such as SW1A 0AA.")
    # Before upper(), which turns some letters that are not ASCII into letters that are.
    if len(text) > _LONGEST_INPUT or not bare.isascii():
        raise _malformed("Enter a full UK postcode, such as SW1A 0AA.")
    if not _SHAPE.fullmatch(bare := bare.upper()):
        raise _malformed(
            "Enter a full UK postcode, such as SW1A 0AA. "
            "If it looks right, check for the letter O in place of a zero, or I in place of a one."
        )
    return f"{bare[:-3]} {bare[-3:]}"


def _malformed(message: str) -> Invalid:
    return Invalid.field("postcode", "postcode_malformed", message)


class PostcodeDirectory:
    """One import of the postcodes, mapped into memory. Never changes; safe from any thread."""

    def __init__(self, contents: file_format.Contents) -> None:
        self._sectors = contents.sectors
        self._cells = contents.cells
        self._postcodes = contents.postcodes
        self._codes = contents.codes
        self._meanings = _meanings(contents.codes)

    @classmethod
    def open(cls, path: Path) -> "PostcodeDirectory":
        """:raises Unavailable: missing, damaged, or not such a file"""
        return cls(file_format.read(path))

    @classmethod
    def empty(cls) -> "PostcodeDirectory":
        """Of no postcode: each one is unknown, but for those of the Crown dependencies."""
        return cls(file_format.Contents((), {}, memoryview(b"").cast("H"), 0))

    def __len__(self) -> int:
        return self._postcodes

    @property
    def constituency_codes(self) -> tuple[str, ...]:
        """GSS codes of all constituencies that have a postcode here, in order."""
        return tuple(sorted(self._codes))

    def lookup(self, postcode: str) -> PostcodeResult:
        """What is known of a postcode, however it is typed.

        :raises Invalid: `postcode_malformed`
        """
        # A sector and a unit that the directory has are in normal form already: that spares most
        # look-ups `normalise`, which costs more than the rest.
        start = self._sectors.get(postcode[:-2])
        unit = file_format.UNITS.get(postcode[-2:])
        if start is None or unit is None:
            postcode = normalise(postcode)
            start = self._sectors.get(postcode[:-2])
            unit = file_format.UNITS.get(postcode[-2:])
        if start is None or unit is None or not (cell := self._cells[start + unit]):
            return PostcodeResult(postcode, _status_of_absent(postcode), None)
        status, code = self._meanings[cell]
        return PostcodeResult(postcode, status, code)


def _meanings(codes: tuple[str, ...]) -> list[tuple[PostcodeStatus, str | None]]:
    numbered = (None, None, *codes)  # 0 stands for an absent postcode and is never asked for
    statuses = (PostcodeStatus.FOUND, PostcodeStatus.TERMINATED)
    return [(status, code) for code in numbered for status in statuses]


def _status_of_absent(postcode: str) -> PostcodeStatus:
    if postcode[:2] in CROWN_DEPENDENCIES:
        return PostcodeStatus.NOT_IN_UK_PARLIAMENT
    return PostcodeStatus.UNKNOWN


class CurrentDirectory:
    """The postcode directory that the running service uses, and its successors.

    A new import is noticed within about a second. No look-up ever fails for want of a directory:
    without one every well-formed postcode is unknown, and with a damaged new one the old one stays.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._directory = PostcodeDirectory.empty()
        self._identity: tuple[int, int, int, int] | None = None
        self._problem: str | None = None
        self._look_at = _NEVER_LOOKED
        self._looking = threading.Lock()

    def lookup(self, postcode: str) -> PostcodeResult:
        """As `PostcodeDirectory.lookup`, of the newest import.

        :raises Invalid: `postcode_malformed`
        """
        return self._current().lookup(postcode)

    def refresh(self) -> None:
        """Look for a new import now: for whoever has just made one."""
        self._look_at = _NEVER_LOOKED
        self._current()

    @property
    def available(self) -> bool:
        """Whether there is a directory to ask."""
        return len(self._current()) > 0

    @property
    def problem(self) -> str | None:
        """Why the file that lies there now is not in use, for an operator; None when it is."""
        self._current()
        return self._problem

    @property
    def constituency_codes(self) -> tuple[str, ...]:
        return self._current().constituency_codes

    def __len__(self) -> int:
        return len(self._current())

    def _current(self) -> PostcodeDirectory:
        if self._clock() >= self._look_at:
            self._look()
        return self._directory

    def _look(self) -> None:
        # The first look makes all wait. Later one thread looks while the others go on with what
        # there is: the swap itself is a single assignment.
        if not self._looking.acquire(blocking=self._look_at == _NEVER_LOOKED):
            return
        try:
            if (now := self._clock()) >= self._look_at:
                self._swap_if_replaced()
                self._look_at = now + LOOK_AGAIN_SECONDS
        finally:
            self._looking.release()

    def _swap_if_replaced(self) -> None:
        # Taken before opening: a file that is replaced in between is opened once too often, never
        # missed.
        identity = _identity(self._path)
        if identity is not None and identity == self._identity:
            return
        self._identity = identity
        try:
            self._directory = PostcodeDirectory.open(self._path)
            self._problem = None
        except Unavailable as error:
            self._problem = error.message


def _identity(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
