"""Charts show the numbers of their tables, and no text in them lies on another."""

import csv
import io
import re
from collections.abc import Sequence
from datetime import date, timedelta
from html import unescape
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from web.base.charts import axes, bars, labels, lines, scales, stacks
from web.base.charts.axes import Mark
from web.base.charts.drawing import Chart, Point
from web.base.charts.labels import NARROWEST, Box, Label
from web.base.charts.tables import Table

A_MILLION = 1_000_000
FIRST = date(2026, 2, 26)
counts = st.integers(0, A_MILLION)
changes = st.integers(-A_MILLION, A_MILLION)
days = st.dates(date(2024, 1, 1), date(2028, 12, 31))


def points_of(values: Sequence[int], first: date = FIRST, step: int = 1) -> list[Point]:
    return [(first + timedelta(days=step * index), value) for index, value in enumerate(values)]


def tree_of(svg: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def share(text: str) -> float:
    assert text.endswith("%")
    return float(text[:-1])


def heights_of_bars(chart: Chart, number: int) -> list[float]:
    """Returns the height in pixels of each day's bar; below 0 for one that hangs."""
    heights = [0.0] * number
    base = 18 + bars.PLOT
    for rect in tree_of(chart.svg).iter("rect"):
        index = int(share(rect.attrib["x"]) / 100 * number)
        y, height = float(rect.attrib["y"]), float(rect.attrib["height"])
        heights[index] = height if y < base else -height
    return heights


def heights_of_steps(chart: Chart, number: int) -> list[float]:
    """Returns the height in pixels of the line on each day."""
    path = next(
        path.attrib["d"]
        for path in tree_of(chart.svg).iter("path")
        if path.attrib["class"] == "line"
    )
    base = float(path[3:].partition("H")[0])
    steps = [(int(at), float(y)) for at, y in re.findall(r"H(\d+)V([\d.]+)", path)]
    assert path.endswith(f"H{number}")
    heights: list[float] = []
    for index in range(number):
        heights.append(next((base - y for at, y in steps if at == index), (heights or [0])[-1]))
    return heights


def boxes_of(svg: Markup, width: float) -> list[Box]:
    """Returns the boxes of the texts in a chart of this width, and of the signs of its marks."""
    tree = tree_of(svg)
    texts = [
        Label(
            text.text or "",
            share(text.attrib["x"]),
            float(text.attrib["y"]),
            text.attrib.get("text-anchor", "start"),
        ).box(width)
        for text in tree.iter("text")
        if text.attrib.get("class") != "event-number"
    ]
    signs = []
    for circle in tree.iter("circle"):
        if circle.attrib["class"] == "event-sign":
            x = share(circle.attrib["cx"]) / 100 * width
            y, r = float(circle.attrib["cy"]), float(circle.attrib["r"])
            signs.append(Box(x - r, y - r, x + r, y + r))
    return texts + signs


def assert_apart(svg: Markup) -> None:
    for width in (NARROWEST, 333, 1000):
        boxes = boxes_of(svg, width)
        for index, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[index + 1 :])


def assert_same(heights: Sequence[float], values: Sequence[int], chart: Chart, plot: int) -> None:
    """Compares heights with values, to the tenth of a pixel with which charts are drawn."""
    expected = [plot * value / chart.scale.top for value in values]
    assert heights == pytest.approx(expected, abs=0.051)


@given(st.integers(0, 10 * A_MILLION))
def test_a_scale_reaches_its_numbers_with_a_few_round_steps(most: int) -> None:
    scale = scales.reaching(most)
    assert scale.top >= max(most, 1)
    assert 1 <= len(scale.ticks) <= 4
    assert scale.ticks[-1] == scale.top
    step = scale.ticks[0]
    assert str(step).rstrip("0") in ("1", "2", "5")
    assert scale.ticks == tuple(range(step, scale.top + 1, step))
    assert scale.top - step < max(most, 1)


@given(st.lists(changes, min_size=1, max_size=120))
def test_a_bar_is_as_high_as_the_number_of_its_day(values: list[int]) -> None:
    chart = bars.day_bars(points_of(values), title="Letters sent", css_class="letters")
    assert chart.is_empty == (not any(values))
    if any(values):
        assert_same(heights_of_bars(chart, len(values)), values, chart, bars.PLOT)
        assert_apart(chart.svg)


@given(st.lists(changes, min_size=1, max_size=40), st.booleans())
def test_a_bar_of_a_week_has_its_number_on_it(values: list[int], is_over: bool) -> None:
    points = points_of(values, step=7)
    chart = bars.week_bars(points, title="Letters", css_class="letters", is_last_over=is_over)
    if any(values):
        assert_same(heights_of_bars(chart, len(values)), values, chart, bars.PLOT)
        assert_apart(chart.svg)
        shown = {f"{value:,}" for value in values}
        numbers = [text.text for text in tree_of(chart.svg).iter("text") if "class" in text.attrib]
        assert numbers
        assert set(numbers) <= shown
        assert f"{max(values):,}" in numbers


@given(
    st.lists(counts, min_size=1, max_size=120),
    st.one_of(st.none(), st.integers(1, 650)),
    days,
    st.lists(st.integers(-5, 125), max_size=axes.MOST_MARKS),
)
def test_a_line_is_as_high_as_the_total_of_each_day(
    values: list[int], goal: int | None, first: date, events: list[int]
) -> None:
    points = points_of(values, first)
    marks = [Mark(n, first + timedelta(days=at)) for n, at in enumerate(sorted(events), 1)]
    chart = lines.step_line(points, title="MPs who have signed", goal=goal, marks=marks)
    assert chart.is_empty == (not any(values))
    if any(values):
        assert_same(heights_of_steps(chart, len(values)), values, chart, lines.PLOT)
        assert_apart(chart.svg)
        shown = sum(0 <= at < len(values) for at in events)
        assert chart.svg.count("event-sign") == shown
        texts = [text.text for text in tree_of(chart.svg).iter("text")]
        assert f"{values[-1]:,}" in texts


@pytest.mark.slow
@given(days, st.integers(1, 1500))
def test_the_axis_names_days_that_lie_apart(first: date, number: int) -> None:
    shown = [first + timedelta(days=index) for index in range(number)]
    svg = axes.time_axis(shown)
    texts = [text.text or "" for text in tree_of(svg).iter("text")]
    assert texts
    assert_apart(svg)
    for box in boxes_of(svg, NARROWEST):
        assert box.left >= -8
        assert box.right <= NARROWEST + 8


@given(st.lists(st.integers(0, 650), min_size=3, max_size=3).filter(any))
def test_the_parts_of_a_bar_are_shares_of_the_whole(values: list[int]) -> None:
    names = ("signed", "left", stacks.HATCHED)
    rects = list(tree_of(stacks.stack(list(zip(names, values, strict=True)))).iter("rect"))
    widths = {rect.attrib["class"]: share(rect.attrib["width"]) for rect in rects}
    for name, value in zip(names, values, strict=True):
        assert widths.get(name, 0) == pytest.approx(100 * value / sum(values), abs=0.006)
    ends = [share(rect.attrib["x"]) + share(rect.attrib["width"]) for rect in rects]
    assert ends[-1] == pytest.approx(100, abs=0.02)


def test_a_party_of_one_is_a_whole_bar_and_one_of_none_is_no_bar() -> None:
    assert 'width="100%" height="18"/>' in stacks.stack([("signed", 1), ("left", 0)])
    assert "<rect" not in stacks.stack([("signed", 0), ("left", 0)])


@given(
    st.lists(
        st.tuples(
            st.one_of(days, st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")))),
            st.one_of(st.none(), changes),
        )
    )
)
def test_a_table_has_the_same_rows_on_the_page_and_in_its_file(
    rows: list[tuple[date | str, int | None]],
) -> None:
    table = Table(("Day", "Letters sent"), tuple(rows))
    header, *lines_of_file = csv.reader(io.StringIO(table.csv))
    assert header == ["day", "letters_sent"]
    page = [
        [unescape(cell) for cell in re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", line)]
        for line in re.findall(r"<tr><th scope=\"row\">.*</tr>", table.html)
    ]
    assert len(page) == len(lines_of_file) == len(rows)
    for (name, value), (name_on_page, shown), (name_in_file, written) in zip(
        rows, page, lines_of_file, strict=True
    ):
        assert shown.replace(",", "") == written == ("" if value is None else str(value))
        if isinstance(name, date):
            assert (name_on_page, name_in_file) == (
                f"{name.day} {name:%B %Y}",
                name.isoformat(),
            )
        else:
            assert name_on_page == name
            assert name_in_file.removeprefix("'") == name.removeprefix("'")


def test_today_is_outlined_because_it_is_not_over() -> None:
    points = points_of([3, 4])
    assert bars.day_bars(points, title="Letters", css_class="letters").svg.count('"part"') == 1
    over = bars.day_bars(points, title="Letters", css_class="letters", is_last_over=True)
    assert '"part"' not in over.svg


def test_a_chart_says_in_a_sentence_what_it_shows() -> None:
    line = lines.step_line(points_of([1, 5, 167]), title="MPs who have signed", goal=200)
    assert line.sentence == (
        "MPs who have signed: 1 on 26 February 2026, 167 on 28 February 2026. The goal is 200. "
        "The table has every day."
    )
    assert f'role="img" aria-label="{line.sentence}"' in line.svg
    sent = bars.day_bars(points_of([1, 1540, 12]), title="Letters sent", css_class="letters")
    assert sent.sentence == (
        "Letters sent a day: most on 27 February 2026, 1,540. The last day: 12 so far. "
        "The table has every day."
    )


@pytest.mark.parametrize("values", [[], [0], [0, 0, 0]])
def test_a_chart_without_a_number_is_no_chart(values: list[int]) -> None:
    points = points_of(values)
    assert lines.step_line(points, title="MPs", goal=10).is_empty
    assert bars.day_bars(points, title="Letters", css_class="letters").is_empty
    assert bars.week_bars(points, title="Letters", css_class="letters").is_empty


def test_one_day_and_a_million_are_charts_like_others() -> None:
    line = lines.step_line(points_of([A_MILLION]), title="Signatures")
    assert heights_of_steps(line, 1) == [lines.PLOT]
    bar = bars.day_bars(points_of([A_MILLION]), title="Signatures", css_class="signatures")
    assert heights_of_bars(bar, 1) == [bars.PLOT]
    assert "1,000,000" in bar.svg
    assert "26 Feb" in axes.time_axis([FIRST])


def test_the_scale_stands_where_the_bars_are_lower() -> None:
    assert bars.is_emptier_on_the_right([9, 8, 7, 1])
    assert not bars.is_emptier_on_the_right([1, 7, 8, 9])
    assert (
        'text-anchor="end"'
        in bars.day_bars(points_of([9, 8, 7, 1]), title="Letters", css_class="letters").svg
    )


def test_a_chart_has_no_style_no_script_and_no_fixed_width() -> None:
    marks = [Mark(1, FIRST)]
    for svg in (
        lines.step_line(points_of([1, 2]), title="MPs", goal=3, marks=marks).svg,
        bars.day_bars(points_of([1, 2]), title="Letters", css_class="letters", marks=marks).svg,
        bars.week_bars(points_of([1, 2], step=7), title="Letters", css_class="letters").svg,
        stacks.stack([("signed", 1), (stacks.HATCHED, 2)]),
        stacks.HATCHING,
    ):
        assert "style" not in svg
        assert "script" not in svg
        assert "viewBox" not in tree_of(svg).attrib


def test_a_text_that_has_no_room_is_left_out() -> None:
    first = Label("1,000", 0, 20)
    assert labels.apart([first, Label("900", 0, 22), Label("500", 0, 60)]) == [
        first,
        Label("500", 0, 60),
    ]
