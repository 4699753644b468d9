"""The address of the page 'Who to ask next': its list, filters and page, and what was just done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from services.common import texts
from services.errors import Invalid
from services.targets.ask_lists import AskList
from services.views.desk.members.asking import AskFilter, Asking, LettersSoFar

PAGE_PATH = "/organiser/campaigns/{slug}/ask"
OF_MEMBER = "mp"
"""What a form on the page of one MP sends instead of a query string."""
MOST_PAGES = 1000
LONGEST_VALUE = 100
MOST_NAMED = 3
DONE = ("answered", "noted", "rung", "day", "undone")
Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class AskQuery:
    """What the page shows. `ignored` are the parts of its address that it does not know.

    Of what was just done, `answered` is the id of an answer and `noted` of a note. `rung` is the id
    of a member who was rung back, with the `day` of the note, and `undone` that of another.
    `is_of_member` is true for a form on the page of one MP.
    """

    show: AskList = AskList.TO_ASK
    party: str = ""
    region: str = ""
    letters: LettersSoFar | None = None
    page: int = 1
    done: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    is_of_member: bool = False

    @property
    def only(self) -> AskFilter:
        """Returns the filters."""
        return AskFilter(self.party, self.region, self.letters)

    @property
    def is_filtered(self) -> bool:
        """Returns whether any filter is set."""
        return bool(self.party or self.region or self.letters)

    @property
    def answered(self) -> UUID | None:
        """Returns the id of the answer that was just recorded."""
        return _uuid(self.done.get("answered", ""))

    @property
    def rung_back(self) -> tuple[int, date] | None:
        """Returns the member who was just rung back, and the day of the note."""
        number, day = self.done.get("rung", ""), self.done.get("day", "")
        try:
            return (int(number), texts.day(day, "day")) if number else None
        except (ValueError, Invalid):
            return None

    def address(self, **changes: Any) -> str:
        """Returns the query string with these changes, without what was just done."""
        query = replace(self, **changes)
        values = {
            "show": query.show if query.show is not AskList.TO_ASK else "",
            "party": query.party,
            "region": query.region,
            "letters": query.letters or "",
            "page": query.page if query.page > 1 else "",
        }
        given = {name: value for name, value in values.items() if value}
        return f"?{urlencode(given)}" if given else ""

    def checked(self, asking: Asking) -> "AskQuery":
        """Leaves out a party and a region that no MP on a list has."""
        query = self
        if self.party and self.party not in asking.parties():
            query = replace(query, party="", ignored=(*query.ignored, f"party={self.party}"))
        if self.region and self.region not in asking.regions():
            query = replace(query, region="", ignored=(*query.ignored, f"region={self.region}"))
        return query


def read(pairs: Pairs) -> AskQuery:
    """Reads a query string. What it does not know is ignored, and named."""
    values: dict[str, Any] = {}
    done: dict[str, str] = {}
    ignored: list[str] = []
    for name, text in pairs:
        if name in DONE:
            done[name] = text[:LONGEST_VALUE]
        elif text == "" and name in _READERS:
            continue
        elif (value := _READERS[name](text) if name in _READERS else None) is not None:
            values[name] = value
        else:
            ignored.append(f"{name[:LONGEST_VALUE]}={text[:LONGEST_VALUE]}")
    return AskQuery(**values, done=done, ignored=tuple(ignored[:MOST_NAMED]))


def read_back(text: str) -> AskQuery:
    """Reads the query string of the page that a form was on, without what was done there."""
    if text == OF_MEMBER:
        return AskQuery(is_of_member=True)
    return replace(read(parse_qsl(text.removeprefix("?"))), done={})


def back_to(slug: str, query: AskQuery, member_id: int, **done: object) -> str:
    """Returns the address of the page that a form was on, with the row of a member in focus.

    `done` is what was done, for the note that says so.
    """
    extra = urlencode({name: str(value) for name, value in done.items()})
    if query.is_of_member:
        return f"/organiser/campaigns/{slug}/mps/{member_id}?{extra}#m{member_id}"
    address = query.address()
    joined = f"{address}&{extra}" if address else f"?{extra}"
    return f"{PAGE_PATH.format(slug=slug)}{joined}#m{member_id}"


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _page(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_PAGES))
    return int(text) if is_number and 1 <= int(text) <= MOST_PAGES else None


def _name(text: str) -> str | None:
    return text if len(text) <= LONGEST_VALUE and text.isprintable() else None


def _choice(kind: Any) -> Any:
    return lambda text: kind(text) if text in set(kind) else None


_READERS: dict[str, Any] = {
    "show": _choice(AskList),
    "party": _name,
    "region": _name,
    "letters": _choice(LettersSoFar),
    "page": _page,
}
