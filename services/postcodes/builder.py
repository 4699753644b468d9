"""Builds the postcode directory in memory, row by row, in the layout of `file_format`."""

from array import array
from enum import StrEnum

from services.errors import Invalid
from services.postcodes import file_format
from services.postcodes.directory import CROWN_DEPENDENCIES, NORTHERN_IRELAND, normalise
from services.postcodes.ons_names import is_constituency, is_pseudo_code


class RowOutcome(StrEnum):
    """How a row of the source file was classified."""

    FOUND = "found"
    TERMINATED = "terminated"
    WITHOUT_CONSTITUENCY = "without_constituency"
    NOT_IN_UK_PARLIAMENT = "not_in_uk_parliament"
    NORTHERN_IRELAND = "northern_ireland"
    MALFORMED = "malformed"
    DUPLICATE = "duplicate"


class PostcodeGrid:
    """The cells of each sector, and the constituency codes in the order of their numbers.

    It takes ten megabytes for the whole country. Nothing needs sorting, and duplicate postcodes
    are found at once.
    """

    def __init__(self, *, northern_ireland: bool) -> None:
        self.sectors: dict[str, array[int]] = {}
        self.codes: list[str] = []
        self._numbers: dict[str, int] = {"": file_format.NO_CONSTITUENCY}
        self._northern_ireland = northern_ireland

    def add(self, postcode: str, code: str, terminated: str) -> RowOutcome:
        """Adds a row. The first row of a postcode wins.

        `terminated` is the date on which the postcode ended, blank if it is live.
        """
        cells = self.sectors.get(postcode[:-2])
        unit = file_format.UNITS.get(postcode[-2:])
        if cells is None or unit is None:
            return self._normalise_and_add(postcode, code, terminated)
        number = self._numbers.get(code) or self._number(code.strip())
        if number is None:
            return RowOutcome.MALFORMED
        if cells[unit]:
            return RowOutcome.DUPLICATE
        if terminated and not terminated.isspace():
            cells[unit] = 2 * number + file_format.TERMINATED
            return RowOutcome.TERMINATED
        cells[unit] = 2 * number
        return (
            RowOutcome.FOUND
            if number > file_format.NO_CONSTITUENCY
            else RowOutcome.WITHOUT_CONSTITUENCY
        )

    def _normalise_and_add(self, postcode: str, code: str, terminated: str) -> RowOutcome:
        # The sector is new, or the postcode is not in normal form.
        try:
            postcode = normalise(postcode)
        except Invalid:
            return RowOutcome.MALFORMED
        if postcode[:2] in CROWN_DEPENDENCIES:
            return RowOutcome.NOT_IN_UK_PARLIAMENT
        if postcode[:2] == NORTHERN_IRELAND and not self._northern_ireland:
            return RowOutcome.NORTHERN_IRELAND
        if postcode[-2:] not in file_format.UNITS:
            return RowOutcome.MALFORMED
        if postcode[:-2] not in self.sectors:
            self.sectors[postcode[:-2]] = array("H", bytes(2 * file_format.CELLS_PER_SECTOR))
        return self.add(postcode, code, terminated)

    def _number(self, code: str) -> int | None:
        """Returns the number of a trimmed code, a new one if needed; None if it is no code."""
        if not code or is_pseudo_code(code):
            return file_format.NO_CONSTITUENCY
        if code not in self._numbers:
            if not is_constituency(code) or len(self.codes) >= file_format.MOST_CONSTITUENCIES:
                return None
            self._numbers[code] = file_format.FIRST_CONSTITUENCY + len(self.codes)
            self.codes.append(code)
        return self._numbers[code]
