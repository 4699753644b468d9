"""The filters of the page with all MPs, and the tabs that are links to some of them."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from models.constituency import NATIONS
from services.common import texts
from services.errors import Invalid
from services.parliament.standing import Eligibility, Standing, StatedIntent
from services.tallies.seat_table import TallyFilter, TallyRow
from web.base import words

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)
DEFAULT_SORT = "constituency"
_UNKNOWN = "This is none of the choices. Please choose one from the list."
_CANNOT = (Eligibility.CONVENTION, Eligibility.CANNOT, Eligibility.REFUSES)


@dataclass(frozen=True, slots=True)
class Stance:
    """A value of `?standing=`, as filters of the tally. Its label is that of a tab."""

    label: str
    standing: Standing
    eligibilities: tuple[Eligibility, ...] = ()
    said: StatedIntent | None = None


STANCES = {
    "signed": Stance("Signed", Standing.SIGNED),
    "will_sign": Stance("Said they will", Standing.NOT_SIGNED, said=StatedIntent.WILL_SIGN),
    "not_yet": Stance("Not yet", Standing.NOT_SIGNED, (Eligibility.CAN_SIGN,)),
    "cannot": Stance("Can’t", Standing.NOT_SIGNED, _CANNOT),
    "withdrawn": Stance("Withdrew", Standing.WITHDRAWN),
}
# The value of links made before there were tabs. It has no tab of its own.
_NOT_SIGNED = Stance("Not signed", Standing.NOT_SIGNED)


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to the MPs with one stance, or to all, with their number."""

    label: str
    query: str
    count: int
    is_current: bool


class MpQuery(BaseModel):
    """The fields as sent: the choice 'any' is an empty text.

    `constituency` is a GSS code, whose MP is shown above the table. It filters nothing, and the
    links of the page leave it out.
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

    def address(self, **changes: str | int) -> str:
        """Returns the query string with these changes; empty where all values are defaults."""
        changed = self.model_copy(update={"constituency": "", **changes})
        values = changed.model_dump(exclude_defaults=True)
        return f"?{urlencode(values)}" if values else ""

    def csv_address(self) -> str:
        """Returns the query string for the CSV of the same rows, which is not split into pages."""
        tally_filter = self.tally_filter()
        values: dict[str, Any] = {
            "standing": tally_filter.standing,
            "eligibility": sorted(tally_filter.eligibilities),
            "said": tally_filter.said,
            "party": self.party,
            "nation": self.nation,
            "region": self.region,
            "search": self.search,
            "signed_since": self.signed_since,
            "sort": self.order if self.sort else "",
        }
        given = {name: value for name, value in values.items() if value}
        return f"?{urlencode(given, doseq=True)}" if given else ""

    def tally_filter(self) -> TallyFilter:
        """Raises Invalid, with its field, for an unknown choice."""
        if self.nation and self.nation.casefold() not in map(str.casefold, NATIONS.values()):
            raise Invalid.field("nation", "choice_unknown", _UNKNOWN)
        stance = self._stance()
        eligibility = _choice(Eligibility, "eligibility", self.eligibility)
        said = _choice(StatedIntent, "said", self.said)
        eligibilities = (eligibility,) if eligibility else stance.eligibilities if stance else ()
        return TallyFilter(
            standing=stance.standing if stance else None,
            eligibilities=frozenset(eligibilities),
            party=self.party or None,
            nation=self.nation or None,
            region=self.region or None,
            said=said or (stance.said if stance else None),
            signed_since=_day(self.signed_since),
            search=self.search,
            sort=self.order,
        )

    def tabs(self, rows: tuple[TallyRow, ...]) -> list[Tab]:
        """Returns the tabs, with the numbers among `rows`. 'Withdrew' is left out where it is 0."""
        counted = {
            value: len(MpQuery(standing=value).tally_filter().apply(rows)) for value in STANCES
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
