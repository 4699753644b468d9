"""Tests the map as a picture: one hexagon for each seat, none on another, and a key of its own."""

import math
import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from services.organisations import brand_colours
from services.parliament.map_tiles import Tiles
from services.tallies.seat_table import Tally
from services.views import campaign_maps
from services.views.campaign_maps import STEPS, CampaignMap, KeyEntry, MapBy, Mark, Tile
from tests.support.made_up.tallies import tallies
from web.base.charts import hex_map
from web.base.charts.hex_map import SeatLink
from web.base.rendering import FOLDER

SVG = "{http://www.w3.org/2000/svg}"
CELLS = st.lists(
    st.tuples(st.integers(-40, 40), st.integers(-40, 40)), min_size=25, max_size=25, unique=True
)
STYLES = (FOLDER / "static" / "map.css").read_text(encoding="utf-8")
LOBBY = (FOLDER / "static" / "lobby.css").read_text(encoding="utf-8")
TOKEN = re.compile(r"--([\w-]+): (#[0-9a-f]{3,6});")
Element = ElementTree.Element
OTHERS = (Mark.FEW, Mark.NO_ELECTORATE)


def tree(svg: Markup) -> Element:
    return ElementTree.fromstring(str(svg).replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))


def tiles_in(svg: Markup) -> list[tuple[str, int, int]]:
    """Returns the class, and the place in the picture, of each hexagon."""
    found = []
    for group in tree(svg).findall(f"{SVG}g"):
        for use in group.iter(f"{SVG}use"):
            found.append((str(group.get("class")), int(use.attrib["x"]), int(use.attrib["y"])))
    return found


def map_of(tally: Tally, cells: list[tuple[int, int]], by: MapBy) -> CampaignMap:
    codes = [row.constituency.code for row in tally.rows]
    return campaign_maps.of_tiles(Tiles(dict(zip(codes, cells, strict=False)), ""), tally, by)


def a_map(*marks: Mark, by: MapBy = MapBy.STANDING) -> CampaignMap:
    """Returns seats in one column, each with its mark."""
    tiles = tuple(Tile(f"E{n}", (0, n), mark) for n, mark in enumerate(marks))
    key = tuple(KeyEntry(mark, marks.count(mark)) for mark in Mark if mark in marks)
    return CampaignMap(by, tiles, key, "", is_empty=False)


@settings(max_examples=40)
@given(tallies(), CELLS, st.sampled_from(MapBy))
def test_each_seat_is_one_hexagon_within_the_picture_and_none_overlap(
    tally: Tally, cells: list[tuple[int, int]], by: MapBy
) -> None:
    shown = map_of(tally, cells, by)
    drawn = hex_map.drawn(shown)
    if drawn.is_empty:
        assert shown.is_empty
        return
    tiles = tiles_in(drawn.svg)
    assert sorted(css_class for css_class, _, _ in tiles) == sorted(
        tile.mark for tile in shown.tiles
    )
    places = [(x, y) for _, x, y in tiles]
    width, height = map(float, tree(drawn.svg).attrib["viewBox"].split()[2:])
    assert all(5 <= x <= width - 5 and 5 <= y <= height - 5 for x, y in places)
    assert all(
        math.dist(one, other) >= 8 for number, one in enumerate(places) for other in places[:number]
    )


def test_a_map_has_north_above_and_east_on_the_right() -> None:
    marks = {(0, 0): Mark.SIGNED, (0, 1): Mark.VACANT, (1, 0): Mark.NOT_YET, (2, 0): Mark.WITHDREW}
    tiles = tuple(Tile(mark, cell, mark) for cell, mark in marks.items())
    found = {css_class: (x, y) for css_class, x, y in tiles_in(_drawn(tiles))}
    x, y = found["signed"]
    assert found["vacant"] == (x, y - 8)
    assert found["not-yet"] == (x + 7, y - 4), "odd columns are half a hexagon further north"
    assert found["withdrew"] == (x + 14, y)


def _drawn(tiles: tuple[Tile, ...]) -> Markup:
    return hex_map.drawn(CampaignMap(MapBy.STANDING, tiles, (), "", is_empty=False)).svg


def test_marks_of_one_map_differ_in_shape_and_not_in_colour_alone() -> None:
    root = tree(_drawn(a_map(*Mark).tiles))
    shapes = {
        str(shape.get("id")): b"".join(map(ElementTree.tostring, shape))
        for shape in root.iterfind(f"{SVG}defs/{SVG}g")
    }
    used = {
        str(group.get("class")): shapes[str(group[0].get("href"))[1:]]
        for group in root.findall(f"{SVG}g")
    }
    assert set(used) == set(Mark)
    by_count = {mark: shape for mark, shape in used.items() if mark in (*STEPS, *OTHERS)}
    assert len(set(by_count.values())) == len(by_count) == 7
    by_standing = {mark: shape for mark, shape in used.items() if mark not in by_count}
    assert len(set(by_standing.values())) == len(by_standing) == 6


def test_a_map_without_links_is_one_picture_with_a_sentence() -> None:
    drawn = hex_map.drawn(a_map(Mark.SIGNED, Mark.NOT_YET, Mark.NOT_YET))
    root = tree(drawn.svg)
    assert root.get("role") == "img"
    assert (
        root.get("aria-label")
        == drawn.sentence
        == ("Map of 3 constituencies by who has signed. Signed: 1. Can sign and hasn’t yet: 2.")
    )
    assert not list(root.iter(f"{SVG}a"))


def test_hexagons_with_links_are_for_a_mouse_and_the_others_have_the_sentence() -> None:
    link = SeatLink('mps/1?"<', "Ann & <Bob>")
    root = tree(hex_map.drawn(a_map(Mark.SIGNED), [link]).svg)
    assert root.get("aria-hidden") == "true"
    assert root.get("role") is None
    (anchor,) = root.iter(f"{SVG}a")
    assert (anchor.get("href"), anchor.get("tabindex")) == (link.path, "-1")
    assert anchor.findtext(f"{SVG}title") == link.title


def test_a_key_says_how_many_seats_have_each_mark() -> None:
    shown = replace(
        a_map(Mark.FEW, Mark.STEP_4, Mark.STEP_5, Mark.NO_ELECTORATE, by=MapBy.LETTERS),
        key=(
            KeyEntry(Mark.FEW, 7),
            KeyEntry(Mark.STEP_3, 1, None, 0.5),
            KeyEntry(Mark.STEP_4, 2, 0.5, 1500.0),
            KeyEntry(Mark.STEP_5, 3, 1500.0, None),
            KeyEntry(Mark.NO_ELECTORATE, 4),
        ),
    )
    assert [(item.label, item.seats) for item in hex_map.drawn(shown).key] == [
        ("Fewer than 5 letters", 7),
        ("Under 0.5", 1),
        ("0.5 to under 1,500", 2),
        ("1,500 and over", 3),
        ("Number of voters unknown", 4),
    ]


def test_a_map_is_drawn_once_and_again_after_any_change() -> None:
    shown = a_map(Mark.SIGNED, Mark.NOT_YET)
    link = [SeatLink("mps/1", "One"), SeatLink("mps/2", "Two")]
    drawn = hex_map.drawn(shown, link).svg
    assert hex_map.drawn(replace(shown), list(link)).svg is drawn
    moved = (shown.tiles[0], shown.tiles[1]._replace(cell=(5, 5)))
    others = [
        hex_map.drawn(a_map(Mark.NOT_YET, Mark.SIGNED), link),
        hex_map.drawn(replace(shown, tiles=moved), link),
        hex_map.drawn(shown, [link[0], SeatLink("mps/3", "Two")]),
        hex_map.drawn(shown, [link[0], SeatLink("mps/2", "Another member")]),
        hex_map.drawn(shown),
        hex_map.drawn(replace(shown, key=(KeyEntry(Mark.SIGNED, 5),))),
    ]
    assert len({drawn, *(other.svg for other in others)}) == 7


@settings(max_examples=20)
@given(st.lists(st.tuples(tallies(most_seats=5), st.sampled_from(MapBy)), min_size=2, max_size=6))
def test_a_cached_map_is_the_one_that_would_be_drawn_now(
    several: list[tuple[Tally, MapBy]],
) -> None:
    cells = [(number, 0) for number in range(25)]
    maps = [map_of(tally, cells, by) for tally, by in several * 2]
    cached = [hex_map.drawn(shown) for shown in maps]
    for shown, drawn in zip(maps, cached, strict=True):
        hex_map._svg.cache_clear()
        assert hex_map.drawn(shown) == drawn


def test_the_cache_keeps_a_bounded_number_of_maps() -> None:
    for number in range(3 * hex_map.CACHED):
        hex_map.drawn(replace(a_map(Mark.SIGNED), key=(KeyEntry(Mark.SIGNED, number),)))
    assert hex_map._svg.cache_info().currsize <= hex_map.CACHED


def test_the_map_of_a_few_seats_stays_small() -> None:
    few = tree(hex_map.drawn(a_map(Mark.SIGNED)).svg)
    assert int(few.attrib["width"]) < 60
    many = tuple(Tile(f"E{n}", (n, 0), Mark.SIGNED) for n in range(60))
    assert int(tree(_drawn(many)).attrib["width"]) == hex_map.WIDEST


# ---- colours


def tokens(style: str, *, is_dark: bool) -> dict[str, str]:
    """Returns the colours of a style sheet in one theme."""
    light, _, rest = style.partition("prefers-color-scheme: dark")
    dark = rest.partition("\n}")[0]
    return dict(TOKEN.findall(light)) | (dict(TOKEN.findall(dark)) if is_dark else {})


@pytest.mark.parametrize("is_dark", [False, True])
def test_every_mark_stands_out_from_the_page_in_both_themes(is_dark: bool) -> None:
    colours = tokens(LOBBY, is_dark=is_dark) | tokens(STYLES, is_dark=is_dark)
    for mark in Mark:
        rule = re.search(rf"\.hex-map \.{mark}, .*?{{(.*?)}}", STYLES)
        assert rule, mark
        named = dict(re.findall(r"(fill|stroke): var\(--([\w-]+)\)", rule[1]))
        colour = colours[named.get("stroke") or named["fill"]]
        assert contrast(colour, colours["paper"]) >= 3, mark
        assert contrast(colour, colours["wash"]) >= 3, mark
    assert contrast(colours["map-dot"], colours["map-said"]) >= 3


@pytest.mark.parametrize("is_dark", [False, True])
def test_each_step_is_further_from_the_page_than_the_one_before(is_dark: bool) -> None:
    colours = tokens(LOBBY, is_dark=is_dark) | tokens(STYLES, is_dark=is_dark)
    contrasts = [contrast(colours[f"m{step}"], colours["paper"]) for step in range(1, 6)]
    assert all(low * 1.25 < high for low, high in pairwise(contrasts))


def contrast(one: str, other: str) -> float:
    return brand_colours.contrast(brand_colours._rgb(_long(one)), brand_colours._rgb(_long(other)))


def _long(colour: str) -> str:
    return "#" + "".join(2 * digit for digit in colour[1:]) if len(colour) == 4 else colour
