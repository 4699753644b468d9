"""The charts of the overview, with their tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from models import EventKind, MotionEventKind
from services.tallies.histories import DailyHistory
from services.views.desk.by_party import Part, PartyRow
from services.views.desk.campaign_changes import DayEvent
from services.views.desk.overview import Overview
from web.base.charts import axes, bars, lines, stacks
from web.base.charts.axes import Mark
from web.base.charts.drawing import Chart
from web.base.charts.tables import Table
from web.base.words import EVENT_KINDS

SPANS = {"7": 7, "30": 30}
"""The spans of days that the address can name; any other value is all days."""
HISTORY_COLUMNS = ("Day", "MPs in all", "Signatures a day", "Letters a day")
PARTY_COLUMNS = (
    "Party",
    "MPs",
    "Signed",
    "Left to ask",
    "Said no or took name off",
    "Do not normally sign",
)
MOTION_EVENTS = {
    MotionEventKind.TABLED: "Motion tabled",
    MotionEventKind.AMENDED: "The words of the motion changed",
    MotionEventKind.MOTION_WITHDRAWN: "Motion withdrawn",
    MotionEventKind.MOTION_RESTORED: "MPs can sign the motion again",
    MotionEventKind.LAPSED: "Motion ended",
}
PARTS = {
    Part.SIGNED: ("signed", "Signed"),
    Part.LEFT: ("left", "Left to ask"),
    Part.SAID_NO: ("said-no", "Said no or removed their name"),
    Part.DOES_NOT_SIGN: (stacks.HATCHED, "Don’t normally sign: ministers, whips and some others"),
}
"""The class and the words of each part of a party's bar."""


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """An event with the number that marks it on the charts, in words."""

    number: int
    day: date
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class DayCharts:
    """Three charts on one axis of days. `names` is None for a campaign without a motion."""

    names: Chart | None
    letters: Chart
    signatures: Chart
    axis: Markup
    events: tuple[NumberedEvent, ...]
    table: Table

    @property
    def is_empty(self) -> bool:
        """Returns whether there is nothing to draw at all."""
        return all(chart is None or chart.is_empty for chart in self._all)

    @property
    def _all(self) -> tuple[Chart | None, ...]:
        return (self.names, self.letters, self.signatures)


@dataclass(frozen=True, slots=True)
class PartyBar:
    """A party with its bar."""

    row: PartyRow
    bar: Markup


@dataclass(frozen=True, slots=True)
class PartyBars:
    """The parties, and the parts of bars that occur: those who said no are seldom any."""

    bars: tuple[PartyBar, ...]
    parts: tuple[Part, ...]
    hatching: Markup = stacks.HATCHING

    @property
    def key(self) -> list[tuple[str, str]]:
        """The classes and words of the parts that occur."""
        return [PARTS[part] for part in self.parts]

    @property
    def small(self) -> tuple[str, ...]:
        """The parties that have no row of their own."""
        return self.bars[-1].row.parties if self.bars else ()


def of_history(shown: Overview) -> DayCharts:
    """Draws the days of an overview."""
    history = shown.history
    events = numbered(shown.events)
    marks = [Mark(event.number, event.day) for event in events]
    names = lines.step_line(
        list(zip(history.days, history.signatories, strict=True)),
        title="MPs who have signed",
        goal=shown.campaign.member_goal,
        marks=marks,
    )
    daily = {
        "letters": bars.day_bars(
            list(zip(history.days, history.letters_a_day, strict=True)),
            title="Letters sent",
            css_class="letters",
            marks=marks,
            is_last_over=shown.has_ended,
        ),
        "signatures": bars.day_bars(
            list(zip(history.days, history.signatures_a_day, strict=True)),
            title="Signatures",
            css_class="signatures",
            marks=marks,
            is_last_over=shown.has_ended,
        ),
    }
    return DayCharts(
        names=names if shown.motion else None,
        axis=axes.time_axis(history.days),
        events=events,
        table=history_table(history),
        **daily,
    )


def numbered(events: Sequence[DayEvent]) -> tuple[NumberedEvent, ...]:
    """Numbers the events in their order, and says what they are."""
    return tuple(
        NumberedEvent(number, event.day, *_words(event))
        for number, event in enumerate(events, start=1)
    )


def history_table(history: DailyHistory) -> Table:
    """Returns the days with the numbers of all three charts."""
    return Table(
        HISTORY_COLUMNS,
        tuple(
            zip(
                history.days,
                history.signatories,
                history.signatures_a_day,
                history.letters_a_day,
                strict=True,
            )
        ),
    )


def party_table(rows: Sequence[PartyRow]) -> Table:
    """Returns the parties with the numbers of their bars."""
    return Table(
        PARTY_COLUMNS,
        tuple(
            (row.name, row.members, row.signed, row.left, row.said_no, row.does_not_sign)
            for row in rows
        ),
    )


def of_parties(rows: Sequence[PartyRow]) -> PartyBars:
    """Draws a bar for each party. Each is all of a party's MPs."""
    parts = tuple(part for part in Part if part is not Part.SAID_NO or any(r.said_no for r in rows))
    return PartyBars(tuple(PartyBar(row, _bar(row)) for row in rows), parts)


def _bar(row: PartyRow) -> Markup:
    numbers = {
        Part.SIGNED: row.signed,
        Part.LEFT: row.left,
        Part.SAID_NO: row.said_no,
        Part.DOES_NOT_SIGN: row.does_not_sign,
    }
    return stacks.stack([(PARTS[part][0], number) for part, number in numbers.items()])


def _words(event: DayEvent) -> tuple[str, str]:
    if isinstance(event.kind, MotionEventKind):
        return MOTION_EVENTS[event.kind], f"Early Day Motion {event.title}"
    kind = "" if event.kind is EventKind.OTHER else EVENT_KINDS[event.kind]
    return event.title, kind
