"""The address of the page 'All MPs': its filters, order and page."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from services.views.desk.members.all_members import DEFAULT_SORT, SORTS, AllMembers, MpFilter
from services.views.desk.members.stances import Stance
from web.organisers.members.ask_query import LONGEST_VALUE, MOST_NAMED, MOST_PAGES, Pairs

PAGE_PATH = "/organiser/campaigns/{slug}/mps"
ORDERS = {
    "-signatures": "Signatures, most first",
    "-signatures_per_1000": "Signatures per 1,000, most first",
    "-letters_sent": "Letters, most first",
    "-heard": "Heard from, last first",
    "constituency": "Constituency, A to Z",
    "member": "MP, A to Z",
    "standing": "Motion, signed first",
    "signatures": "Signatures, fewest first",
    "signatures_per_1000": "Signatures per 1,000, fewest first",
    "letters_sent": "Letters, fewest first",
    "heard": "Heard from, longest ago first",
    "-constituency": "Constituency, Z to A",
    "-member": "MP, Z to A",
    "-standing": "Motion, signed last",
}
_OFFERED = 7
"""How many orders the list offers; others come from the heads of the table."""


@dataclass(frozen=True, slots=True)
class Head:
    """The link of a column: the order it leads to, and the order that the column has now."""

    sort: str
    aria: str


@dataclass(frozen=True, slots=True)
class MpsQuery:
    """What the page shows. `ignored` are the parts of its address that it does not know."""

    standing: Stance | None = None
    party: str = ""
    region: str = ""
    q: str = ""
    sort: str = DEFAULT_SORT
    page: int = 1
    ignored: tuple[str, ...] = ()

    @property
    def only(self) -> MpFilter:
        """Returns the filters and the order."""
        return MpFilter(self.standing, self.party, self.region, self.q, self.sort)

    @property
    def is_filtered(self) -> bool:
        """Returns whether any filter is set."""
        return bool(self.standing or self.party or self.region or self.q)

    def address(self, **changes: Any) -> str:
        """Returns the query string with these changes; empty where all values are defaults."""
        query = replace(self, **changes)
        values = {
            "standing": query.standing or "",
            "party": query.party,
            "region": query.region,
            "q": query.q,
            "sort": query.sort if query.sort != DEFAULT_SORT else "",
            "page": query.page if query.page > 1 else "",
        }
        given = {name: value for name, value in values.items() if value}
        return f"?{urlencode(given)}" if given else ""

    def cleared(self) -> str:
        """Returns the query string without filters, in the same order."""
        return self.address(standing=None, party="", region="", q="", page=1)

    def head(self, name: str) -> Head:
        """Returns the link of a column, which turns the order round where it is sorted by it."""
        first = next(sort for sort in ORDERS if sort.removeprefix("-") == name)
        other = name if first.startswith("-") else f"-{name}"
        if self.sort.removeprefix("-") != name:
            return Head(first, "")
        return Head(
            other if self.sort == first else first,
            "descending" if self.sort.startswith("-") else "ascending",
        )

    def orders(self) -> list[tuple[str, str]]:
        """Returns the choices of the list 'Sort by', the present one among them."""
        offered = list(ORDERS.items())
        return [
            (sort, label)
            for number, (sort, label) in enumerate(offered)
            if number < _OFFERED or sort == self.sort
        ]

    def checked(self, found: AllMembers) -> "MpsQuery":
        """Leaves out a party and a region that no seat has."""
        query = self
        if self.party and self.party not in found.parties():
            query = replace(query, party="", ignored=(*query.ignored, f"party={self.party}"))
        if self.region and self.region not in found.regions():
            query = replace(query, region="", ignored=(*query.ignored, f"region={self.region}"))
        return query


def read(pairs: Pairs, *, besides: Iterable[str] = ()) -> MpsQuery:
    """Reads a query string. What it does not know is ignored, and named, but for `besides`."""
    values: dict[str, Any] = {}
    ignored: list[str] = []
    for name, text in pairs:
        if name in besides or (text.strip() == "" and name in _READERS):
            continue
        value = _READERS[name](text) if name in _READERS else None
        if value is None:
            ignored.append(f"{name[:LONGEST_VALUE]}={text[:LONGEST_VALUE]}")
        else:
            values[name] = value
    return MpsQuery(**values, ignored=tuple(ignored[:MOST_NAMED]))


def _words(text: str) -> str | None:
    return text.strip() if len(text) <= LONGEST_VALUE and text.isprintable() else None


def _page(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_PAGES))
    return int(text) if is_number and 1 <= int(text) <= MOST_PAGES else None


_READERS: dict[str, Any] = {
    "standing": lambda text: Stance(text) if text in set(Stance) else None,
    "party": _words,
    "region": _words,
    "q": _words,
    "sort": lambda text: text if text.removeprefix("-") in SORTS else None,
    "page": _page,
}
