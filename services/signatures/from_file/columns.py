"""Which column of somebody's file holds what about a signature."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.errors import Invalid
from services.files.csv_writing import as_written

# What headers are called, letters and digits only; of several that fit, the first in this order.
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
    # Only what nobody can mistake: 'opt in' may be to anything.
    "updates": ("updates",),
}
FIELDS = tuple(HEADERS)


@dataclass(frozen=True, slots=True)
class FileColumns:
    """The place of each field that a file has."""

    places: Mapping[str, int]

    def values(self, cells: Sequence[str]) -> dict[str, str]:
        """Of one row, by field; also of a file of ours, in which texts are no formulas."""
        return {field: as_written(cells[place]) for field, place in self.places.items()}


def find(header: Sequence[str], told: Sequence[str] = ()) -> FileColumns:
    """Columns by what they are called, or as told: `name=Full Name`; `country=` leaves one out.

    Invalid for a field or a column that does not exist, a column that stands there twice, and where
    name, e-mail address or postcode are nowhere.
    """
    wanted = dict(map(_parse_assignment, told))
    places: dict[str, int] = {}
    for field, known in HEADERS.items():
        names = (_normalised(wanted[field]),) if field in wanted else known
        found = [place for name in names for place in _positions(header, name)]
        if field in wanted and wanted[field] and not found:
            raise Invalid(
                "column_unknown", f"There is no column '{wanted[field]}'. {_list_columns(header)}"
            )
        if found:
            places[field] = found[0]
            _require_once(header, found[0])
    _require_all(places, header)
    return FileColumns(places)


def _parse_assignment(text: str) -> tuple[str, str]:
    field, is_given, name = text.partition("=")
    if not is_given or field.strip() not in HEADERS:
        fields = ", ".join(FIELDS)
        message = f"A column is FIELD=HEADER, such as 'name=Full Name'; FIELD is one of {fields}."
        raise Invalid("column_malformed", message)
    return field.strip(), name.strip()


def _normalised(text: str) -> str:
    """'E-Mail Address' -> 'emailaddress'."""
    return re.sub(r"[\W_]+", "", text.casefold())


def _positions(header: Sequence[str], name: str) -> list[int]:
    return [place for place, each in enumerate(header) if name and _normalised(each) == name]


def _require_once(header: Sequence[str], place: int) -> None:
    if len(_positions(header, _normalised(header[place]))) > 1:
        raise Invalid("column_twice", f"The column '{header[place]}' stands there twice.")


def _require_all(places: Mapping[str, int], header: Sequence[str]) -> None:
    missing = [field for field in ("email", "postcode") if field not in places]
    if not places.keys() & {"name", "first_name", "last_name"}:
        missing.insert(0, "name")
    if missing:
        message = (
            f"No column for {', '.join(missing)}. {_list_columns(header)} "
            f"Say which it is: --column '{missing[0]}=...'."
        )
        raise Invalid("columns_missing", message)


def _list_columns(header: Sequence[str]) -> str:
    return f"The columns are: {', '.join(header)}."
