"""The postcode directory: the normal form of a postcode, and its constituency."""

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

_NOT_WHOLE = "Enter a full UK postcode, like SW1A 0AA"
CHECK_INTERVAL_SECONDS = 1.0
_NEVER_CHECKED = float("-inf")

_LONGEST_INPUT = 40
_POSTCODE = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][A-Z]{2})|(GIR)(0AA)")
# Characters that people type or paste into a postcode. The GOV.UK Design System asks services to
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
    """Returns the normal form of a postcode: 'EC1A 1BB' for 'ec1a-1bb '.

    Only the form is checked, not whether the postcode exists. Letters in place of digits (SW1A OAA)
    are not corrected.

    :raises Invalid: `postcode_malformed`, with a message to show to a supporter
    """
    if not text or not (bare := text[: _LONGEST_INPUT + 1].translate(_IGNORED)):
        raise _malformed()
    # Checked before upper(), which turns some letters outside ASCII into ASCII letters.
    if len(text) > _LONGEST_INPUT or not bare.isascii():
        raise _malformed()
    if not _POSTCODE.fullmatch(bare := bare.upper()):
        raise _malformed()
    return f"{bare[:-3]} {bare[-3:]}"


def _malformed() -> Invalid:
    return Invalid.field("postcode", "postcode_malformed", _NOT_WHOLE)


class PostcodeDirectory:
    """One import of the postcodes, mapped into memory. It never changes and is thread-safe."""

    def __init__(self, mapped: file_format.MappedFile) -> None:
        self._sectors = mapped.sectors
        self._cells = mapped.cells
        self._postcodes = mapped.postcodes
        self._codes = mapped.codes
        self._results = _results_by_cell(mapped.codes)

    @classmethod
    def open(cls, path: Path) -> "PostcodeDirectory":
        """Maps a file that `file_format.write` wrote.

        :raises Unavailable: the file is missing, damaged, or no postcode directory
        """
        return cls(file_format.read(path))

    @classmethod
    def empty(cls) -> "PostcodeDirectory":
        """Returns a directory that knows only the areas of the Crown dependencies."""
        return cls(file_format.MappedFile((), {}, memoryview(b"").cast("H"), 0))

    def __len__(self) -> int:
        return self._postcodes

    @property
    def constituency_codes(self) -> tuple[str, ...]:
        """The sorted GSS codes of all constituencies that have a postcode here."""
        return tuple(sorted(self._codes))

    def lookup(self, postcode: str) -> PostcodeResult:
        """Looks up a postcode, in any form that `normalise` accepts.

        :raises Invalid: `postcode_malformed`
        """
        # A sector and a unit that the directory has are in normal form. Most look-ups thus need no
        # `normalise`, which costs more than the rest.
        start = self._sectors.get(postcode[:-2])
        unit = file_format.UNITS.get(postcode[-2:])
        if start is None or unit is None:
            postcode = normalise(postcode)
            start = self._sectors.get(postcode[:-2])
            unit = file_format.UNITS.get(postcode[-2:])
        if start is None or unit is None or not (cell := self._cells[start + unit]):
            return PostcodeResult(postcode, _status_of_absent(postcode), None)
        status, code = self._results[cell]
        return PostcodeResult(postcode, status, code)


def _results_by_cell(codes: tuple[str, ...]) -> list[tuple[PostcodeStatus, str | None]]:
    codes_by_number = (None, None, *codes)  # a cell of 0 is an absent postcode, never looked up
    statuses = (PostcodeStatus.FOUND, PostcodeStatus.TERMINATED)
    none = PostcodeStatus.NO_CONSTITUENCY
    return [(status if code else none, code) for code in codes_by_number for status in statuses]


def _status_of_absent(postcode: str) -> PostcodeStatus:
    if postcode[:2] in CROWN_DEPENDENCIES:
        return PostcodeStatus.NOT_IN_UK_PARLIAMENT
    return PostcodeStatus.UNKNOWN


class CurrentDirectory:
    """The postcode directory that the running service uses. It follows new imports.

    A new import is noticed within about a second. A look-up never fails because of the directory:
    without one, every well-formed postcode is unknown; if a new one is damaged, the old one stays
    in use.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._directory = PostcodeDirectory.empty()
        self._identity: tuple[int, int, int, int] | None = None
        self._problem: str | None = None
        self._next_check = _NEVER_CHECKED
        self._checking = threading.Lock()

    def lookup(self, postcode: str) -> PostcodeResult:
        """Looks up a postcode in the newest import, as `PostcodeDirectory.lookup` does.

        :raises Invalid: `postcode_malformed`
        """
        return self._current().lookup(postcode)

    def refresh(self) -> None:
        """Checks for a new import at once."""
        self._next_check = _NEVER_CHECKED
        self._current()

    @property
    def available(self) -> bool:
        """Returns whether there is a directory with postcodes."""
        return len(self._current()) > 0

    @property
    def problem(self) -> str | None:
        """Returns why the present file is not in use, as a message for operators; None if it is."""
        self._current()
        return self._problem

    @property
    def constituency_codes(self) -> tuple[str, ...]:
        return self._current().constituency_codes

    def __len__(self) -> int:
        return len(self._current())

    def _current(self) -> PostcodeDirectory:
        if self._clock() >= self._next_check:
            self._check()
        return self._directory

    def _check(self) -> None:
        # All threads wait for the first check. Later, one thread checks while the others use the
        # present directory: replacing it is a single assignment.
        if not self._checking.acquire(blocking=self._next_check == _NEVER_CHECKED):
            return
        try:
            if (now := self._clock()) >= self._next_check:
                self._open_if_replaced()
                self._next_check = now + CHECK_INTERVAL_SECONDS
        finally:
            self._checking.release()

    def _open_if_replaced(self) -> None:
        # Read before opening: a file that is replaced in between is opened once more than needed,
        # but never missed.
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
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
