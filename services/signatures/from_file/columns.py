"""Matches the columns of a CSV file to the fields of a signature."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.errors import Invalid
from services.files.csv_writing import as_written

# The headers of each field, in lower case, letters and digits only; the first match wins.
HEADERS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "fullname", "yourname", "supportername", "signatory"),
    "first_name": ("firstname", "forename", "forenames", "givenname"),
    "last_name": ("lastname", "surname", "familyname"),
    "email": ("email", "emailaddress", "youremail", "mail"),
    "postcode": ("postcode", "zip", "zipcode", "postalcode", "zippostalcode"),
    "country": ("country", "countrycode"),
    "comment": ("comment", "comments", "reasonforsigning"),
    "signed_at": (
        *("signedat", "signedon", "datesigned", "signaturedate", "signed"),
        *("submittedat", "createdat", "timestamp", "date"),
    ),
    "locale": ("locale", "language"),
    "source": ("source", "sourcecode"),
    # Only the unambiguous header: 'opt in' may mean consent to anything.
    "updates": ("updates",),
}
FIELDS = tuple(HEADERS)


@dataclass(frozen=True, slots=True)
class FileColumns:
    """The index of the column of each field that a file has."""

    positions: Mapping[str, int]

    def values(self, cells: Sequence[str]) -> dict[str, str]:
        """Returns the values of a row by field, without the escapes of our own exports."""
        return {field: as_written(cells[index]) for field, index in self.positions.items()}


def find(header: Sequence[str], assignments: Sequence[str] = ()) -> FileColumns:
    """Finds the column of each field by its header or by an assignment.

    `name=Full Name` assigns a column to a field; `country=` ignores a field. Raises Invalid for an
    unknown field or column, a header that occurs twice, and if there is no column for the name, the
    email address or the postcode.
    """
    assigned = dict(map(_parse_assignment, assignments))
    positions: dict[str, int] = {}
    for field, headers in HEADERS.items():
        names = (_normalised(assigned[field]),) if field in assigned else headers
        matches = [index for name in names for index in _positions(header, name)]
        if field in assigned and assigned[field] and not matches:
            message = f"There is no column '{assigned[field]}'. {_list_columns(header)}"
            raise Invalid("column_unknown", message)
        if matches:
            positions[field] = matches[0]
            _require_once(header, matches[0])
    _require_all(positions, header)
    return FileColumns(positions)


def _parse_assignment(text: str) -> tuple[str, str]:
    field, separator, name = text.partition("=")
    if not separator or field.strip() not in HEADERS:
        fields = ", ".join(FIELDS)
        message = f"A column is FIELD=HEADER, such as 'name=Full Name'; FIELD is one of {fields}."
        raise Invalid("column_malformed", message)
    return field.strip(), name.strip()


def _normalised(text: str) -> str:
    """Returns lower-case letters and digits only, such as 'emailaddress' for 'E-Mail Address'."""
    return re.sub(r"[\W_]+", "", text.casefold())


def _positions(header: Sequence[str], name: str) -> list[int]:
    return [index for index, title in enumerate(header) if name and _normalised(title) == name]


def _require_once(header: Sequence[str], index: int) -> None:
    if len(_positions(header, _normalised(header[index]))) > 1:
        raise Invalid("column_twice", f"The column '{header[index]}' stands there twice.")


def _require_all(positions: Mapping[str, int], header: Sequence[str]) -> None:
    missing = [field for field in ("email", "postcode") if field not in positions]
    if not positions.keys() & {"name", "first_name", "last_name"}:
        missing.insert(0, "name")
    if missing:
        message = (
            f"No column for {', '.join(missing)}. {_list_columns(header)} "
            f"Say which it is: --column '{missing[0]}=...'."
        )
        raise Invalid("columns_missing", message)


def _list_columns(header: Sequence[str]) -> str:
    return f"The columns are: {', '.join(header)}."
