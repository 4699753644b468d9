"""The filters of the page with all MPs, and the tabs that are links to some of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from models.constituency import NATIONS
from services.common import texts
from services.errors import Invalid
from services.parliament.standing import Eligibility, Standing, StatedIntent
from services.tallies.seat_table import TallyFilter, TallyRow
from services.views import campaign_maps
from services.views.campaign_maps import Mark
from web.base import words

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)
DEFAULT_SORT = "constituency"
_UNKNOWN = "This is none of the choices. Please choose one from the list."


@dataclass(frozen=True, slots=True)
class Stance:
    """A value of `?standing=`: the label of its tab, and the marks that its seats have on maps."""

    label: str
    marks: frozenset[Mark]


STANCES = {
    "signed": Stance("Signed", frozenset({Mark.SIGNED})),
    "will_sign": Stance("Said they will", frozenset({Mark.WILL_SIGN})),
    "not_yet": Stance("Not yet", frozenset({Mark.NOT_YET})),
    "cannot": Stance("Can’t", frozenset({Mark.DOES_NOT_SIGN})),
    "withdrawn": Stance("Withdrew", frozenset({Mark.WITHDREW})),
}
# A value of links made before there were tabs: everybody whose name never was on the motion.
_OTHERS = frozenset({Mark.SIGNED, Mark.WITHDREW})
_NOT_SIGNED = Stance("Not signed", frozenset(Mark) - _OTHERS)


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to the MPs with one stance, or to all, with their number."""

    label: str
    query: str
    count: int
    is_current: bool


class MpQuery(BaseModel):
    """The fields as sent: the choice 'any' is an empty text.

    `constituency` is a GSS code of links made before seats had pages of their own.
    """

    constituency: str = ""
    standing: str = ""
    search: str = Field(default="", max_length=100)
    eligibility: str = ""
    party: str = ""
    nation: str = ""
    region: str = ""
    said: str = ""
    signed_since: str = ""
    sort: str = ""
    show: str = ""
    page: int = Field(default=1, ge=1, le=1000)

    @property
    def order(self) -> str:
        """The order of the rows. An unknown one is ignored: people follow links they did not
        write."""
        return self.sort if self.sort in words.SORTS else DEFAULT_SORT

    @property
    def has_more(self) -> bool:
        """Whether one of the filters is set that the page folds away."""
        return any((self.nation, self.region, self.said, self.signed_since))

    @property
    def is_common(self) -> bool:
        """Whether so many ask for it that the page is worth caching: all MPs, or those of a tab."""
        return not self.address(standing="") and self.standing in ("", *STANCES)

    def address(self, **changes: str | int) -> str:
        """Returns the query string with these changes; empty where all values are defaults."""
        changed = self.model_copy(update={"constituency": "", **changes})
        values = changed.model_dump(exclude_defaults=True)
        return f"?{urlencode(values)}" if values else ""

    def rows(self, rows: Sequence[TallyRow]) -> tuple[TallyRow, ...]:
        """Returns those of the rows that the page shows, sorted. Raises Invalid as below."""
        found, stance = self.tally_filter().apply(rows), self._stance()
        if stance is None:
            return found
        return tuple(row for row in found if campaign_maps.mark_of(row) in stance.marks)

    def tally_filter(self) -> TallyFilter:
        """Returns all filters but `standing`. Raises Invalid for an unknown choice."""
        if self.nation and self.nation.casefold() not in map(str.casefold, NATIONS.values()):
            raise Invalid.field("nation", "choice_unknown", _UNKNOWN)
        eligibility = _choice(Eligibility, "eligibility", self.eligibility)
        return TallyFilter(
            eligibilities=frozenset({eligibility} if eligibility else ()),
            party=self.party or None,
            nation=self.nation or None,
            region=self.region or None,
            said=_choice(StatedIntent, "said", self.said),
            signed_since=_day(self.signed_since),
            search=self.search,
            sort=self.order,
        )

    def tabs(self, rows: Sequence[TallyRow]) -> list[Tab]:
        """Returns the tabs, with the numbers among `rows`. 'Withdrew' is left out where it is 0.

        A tab has as many seats as its mark has in the key of the map.
        """
        marks = Counter(map(campaign_maps.mark_of, rows))
        counted = {
            value: sum(marks[mark] for mark in stance.marks) for value, stance in STANCES.items()
        }
        shown = [value for value in STANCES if value != "withdrawn" or counted[value]]
        every = Tab("All", self._tab(""), len(rows), not self.standing)
        return [
            every,
            *(
                Tab(STANCES[value].label, self._tab(value), counted[value], self.standing == value)
                for value in shown
            ),
        ]

    def _tab(self, value: str) -> str:
        return self.address(standing=value, eligibility="", page=1)

    def _stance(self) -> Stance | None:
        if self.standing == Standing.NOT_SIGNED:
            return _NOT_SIGNED
        if self.standing and self.standing not in STANCES:
            raise Invalid.field("standing", "choice_unknown", _UNKNOWN)
        return STANCES.get(self.standing)


def _choice(values: type[ChoiceT], field: str, text: str) -> ChoiceT | None:
    if not text:
        return None
    try:
        return values(text)
    except ValueError as error:
        raise Invalid.field(field, "choice_unknown", _UNKNOWN) from error


def _day(text: str) -> date | None:
    return texts.day(text, "signed_since") if text else None
