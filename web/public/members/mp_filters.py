"""The filters of the page with all MPs, and the tabs that are links to some of them."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from pydantic import BaseModel, Field

from models.constituency import NATIONS
from services.common import texts
from services.common.nearest import nearest
from services.errors import Invalid
from services.parliament.standing import Eligibility, Standing, StatedIntent
from services.tallies import known_values
from services.tallies.seat_table import TallyFilter, TallyRow
from services.views import campaign_maps
from services.views.campaign_maps import Mark
from web.base import words

DEFAULT_SORT = "constituency"
LONGEST_SHOWN, MOST_SHOWN = 40, 3
"""How much of an address that we do not know the page repeats."""


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

    `constituency` is a GSS code of links made before seats had pages of their own. What is unknown
    is ignored and named in `ignored`: people follow links that they did not write.
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
    _ignored: tuple[str, ...] = ()

    @property
    def ignored(self) -> tuple[str, ...]:
        """The first parts of the address that we do not know."""
        return tuple(part[:LONGEST_SHOWN] for part in self._ignored[:MOST_SHOWN])

    @property
    def order(self) -> str:
        """The order of the rows."""
        return self.sort if self.sort in words.SORTS else DEFAULT_SORT

    @property
    def has_more(self) -> bool:
        """Whether one of the filters is set that the page folds away."""
        return any((self.nation, self.region, self.said, self.signed_since))

    @property
    def is_common(self) -> bool:
        """Whether so many ask for it that the page is worth caching: all MPs, or those of a tab."""
        is_plain = not self.address(standing="") and not self._ignored
        return is_plain and self.standing in ("", *STANCES)

    def address(self, **changes: str | int) -> str:
        """Returns the query string with these changes; empty where all values are defaults."""
        changed = self.model_copy(update={"constituency": "", **changes})
        values = changed.model_dump(exclude_defaults=True)
        return f"?{urlencode(values)}" if values else ""

    def naming(self, sent: Iterable[str]) -> "MpQuery":
        """Notes names that look like one of ours: 'standng'. Trackers add names of their own."""
        known = type(self).model_fields
        unknown = [name for name in sent if name not in known and nearest(name, known)]
        return self._without((), unknown)

    def checked(self, rows: Sequence[TallyRow]) -> "MpQuery":
        """Leaves out the values that are no choice, and names that no row has."""
        choices: dict[str, Collection[str]] = {
            "standing": (*STANCES, Standing.NOT_SIGNED),
            "eligibility": list(Eligibility),
            "said": list(StatedIntent),
            "sort": words.SORTS,
        }
        names = {
            "party": known_values.parties_of(rows),
            "nation": {*NATIONS.values(), *known_values.nations_of(rows)},
            "region": known_values.regions_of(rows),
        }
        values = {name: str(getattr(self, name)) for name in type(self).model_fields}
        unknown = [name for name in choices if values[name] and values[name] not in choices[name]]
        unknown += [
            name for name in names if values[name] and not _is_named(values[name], names[name])
        ]
        if self.signed_since and not _is_day(self.signed_since):
            unknown.append("signed_since")
        return self._without(unknown, [f"{name}={values[name]}" for name in unknown])

    def _without(self, names: Iterable[str], ignored: Iterable[str]) -> "MpQuery":
        changed = self.model_copy(update=dict.fromkeys(names, ""))
        changed._ignored = (*self._ignored, *ignored)
        return changed

    def rows(self, rows: Sequence[TallyRow]) -> tuple[TallyRow, ...]:
        """Returns those of the rows that the page shows, sorted. The query is a `checked` one."""
        found, stance = self.tally_filter().apply(rows), self._stance()
        if stance is None:
            return found
        return tuple(row for row in found if campaign_maps.mark_of(row) in stance.marks)

    def tally_filter(self) -> TallyFilter:
        """Returns all filters but `standing`."""
        return TallyFilter(
            eligibilities=frozenset({Eligibility(self.eligibility)} if self.eligibility else ()),
            party=self.party or None,
            nation=self.nation or None,
            region=self.region or None,
            said=StatedIntent(self.said) if self.said else None,
            signed_since=date.fromisoformat(self.signed_since) if self.signed_since else None,
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
        return _NOT_SIGNED if self.standing == Standing.NOT_SIGNED else STANCES.get(self.standing)


def _is_named(value: str, names: Iterable[str]) -> bool:
    return value.casefold() in {name.casefold() for name in names}


def _is_day(text: str) -> bool:
    with suppress(Invalid):
        return bool(texts.day(text, "signed_since"))
    return False
