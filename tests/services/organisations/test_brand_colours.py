"""Tests that every colour that is taken can be read, in all pairs that the style sheet uses."""

import random

import pytest

from services.errors import Invalid
from services.organisations import brand_colours
from services.organisations.brand_colours import NEEDED, Palette, Rgb, contrast

COLOURS = 500
# Texts, grey texts and papers of web/static/lobby.css.
LIGHT_TEXTS, DARK_TEXTS = ("#14181d", "#4a545e"), ("#eceff1", "#abb4bc")
LIGHT_PAPERS, DARK_PAPERS = ("#ffffff", "#f6f4f0"), ("#12161a", "#1a1f24")


def rgb(colour: str) -> Rgb:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def pairs(
    palette: Palette, texts: tuple[str, ...], papers: tuple[str, ...]
) -> list[tuple[str, str]]:
    """Returns each text with what it lies on."""
    return [
        (palette.on_brand, palette.brand),
        (palette.on_brand, palette.brand_deep),
        *((palette.accent, paper) for paper in (*papers, palette.tint)),
        *((palette.accent_deep, paper) for paper in (*papers, palette.tint)),
        *((text, palette.tint) for text in texts),
    ]


def colours() -> list[str]:
    chance = random.Random(2017)
    return [f"#{chance.randrange(1 << 24):06x}" for _ in range(COLOURS)]


def test_of_500_colours_each_is_readable_in_all_pairs_or_refused() -> None:
    refused, worst = [], 21.0
    for colour in colours():
        try:
            brand_colours.checked(colour)
        except Invalid:
            refused.append(colour)
            continue
        for palette, texts, papers in (
            (brand_colours.light(colour), LIGHT_TEXTS, LIGHT_PAPERS),
            (brand_colours.dark(colour), DARK_TEXTS, DARK_PAPERS),
        ):
            for text, paper in pairs(palette, texts, papers):
                found = contrast(rgb(text), rgb(paper))
                worst = min(worst, found)
                assert found >= NEEDED, (colour, text, paper, found)
    assert 0 < len(refused) < COLOURS // 10
    assert worst < 5, "the pairs that decide are among these"


def test_a_colour_is_refused_only_where_neither_white_nor_black_is_readable() -> None:
    for colour in colours():
        best = max(contrast(rgb(colour), rgb(text)) for text in ("#ffffff", "#14181d"))
        try:
            assert brand_colours.checked(colour) == colour
            assert best >= NEEDED
        except Invalid:
            assert best < NEEDED


@pytest.mark.parametrize("colour", ["#000000", "#ffffff", "#ffff00", "#005eb8", "#006548"])
def test_the_ends_of_the_scale_are_readable_too(colour: str) -> None:
    brand_colours.checked(colour)
    for text, paper in pairs(brand_colours.light(colour), LIGHT_TEXTS, LIGHT_PAPERS):
        assert contrast(rgb(text), rgb(paper)) >= NEEDED, (text, paper)
    for text, paper in pairs(brand_colours.dark(colour), DARK_TEXTS, DARK_PAPERS):
        assert contrast(rgb(text), rgb(paper)) >= NEEDED, (text, paper)


@pytest.mark.parametrize(
    "text", ["", "005eb8", "#05b", "#005eb", "#005eb80", "blue", "#00５eb8", "#005eg8", "url(x)"]
)
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        brand_colours.checked(text)
    assert refused.value.code == "colour_malformed"


def test_capitals_and_spaces_do_not_matter() -> None:
    assert brand_colours.checked(" #005EB8 ") == "#005eb8"
