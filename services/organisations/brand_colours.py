"""The colours of pages, computed from one brand colour of an organisation.

Contrast is that of WCAG 2.2 (relative luminance, 1 to 21). Text needs 4.5 against what it lies on.
"""

import re
from dataclasses import dataclass

from services.errors import Invalid

NEEDED = 4.5
WHITE, INK = (255, 255, 255), (20, 24, 29)
LIGHT_PAPERS = (WHITE, (246, 244, 240))
DARK_PAPERS = ((18, 22, 26), (26, 31, 36))
DEFAULT = "#006548"  # the green of the benches of the House of Commons

Rgb = tuple[int, int, int]
_HEX = re.compile(r"#[0-9a-f]{6}")
_STEP = 0.04


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme, as `#` and six hex digits.

    `brand` fills buttons, with texts in `on_brand`. `accent` is the brand's colour in texts and
    links. `tint` lies behind texts. `deep` ones are for a pointer above them.
    """

    brand: str
    brand_deep: str
    on_brand: str
    accent: str
    accent_deep: str
    tint: str


def checked(text: str, field: str = "brand_colour") -> str:
    """Returns a colour as `#` and six lower-case hex digits.

    :raises Invalid: it is no such colour, or no text is readable on it: neither white nor ink has a
        contrast of 4.5
    """
    colour = text.strip().lower()
    if not _HEX.fullmatch(colour):
        message = "Enter a colour as # and six hexadecimal digits, like #006548."
        raise Invalid.field(field, "colour_malformed", message)
    rgb = _rgb(colour)
    if max(contrast(rgb, WHITE), contrast(rgb, INK)) < NEEDED:
        message = "Choose a lighter or a darker colour: neither white nor black text is readable."
        raise Invalid.field(field, "colour_contrast", message)
    return colour


def light(colour: str) -> Palette:
    """Returns the colours on white, for a `checked` colour."""
    brand = _rgb(colour)
    on_brand = _readable_on(brand)
    tint = _mixed(WHITE, brand, 0.08)
    accent = _moved(brand, INK, (*LIGHT_PAPERS, tint))
    return Palette(
        brand=colour,
        brand_deep=_hex(_mixed(brand, INK if on_brand == WHITE else WHITE, 0.25)),
        on_brand=_hex(on_brand),
        accent=_hex(accent),
        accent_deep=_hex(_mixed(accent, INK, 0.3)),
        tint=_hex(tint),
    )


def dark(colour: str) -> Palette:
    """Returns the colours on near-black, for a `checked` colour: lighter, with dark texts on it."""
    brand = _rgb(colour)
    tint = _mixed(DARK_PAPERS[0], brand, 0.12)
    accent = _moved(brand, WHITE, (*DARK_PAPERS, tint, INK))
    deep = _mixed(accent, WHITE, 0.3)
    return Palette(
        brand=_hex(accent),
        brand_deep=_hex(deep),
        on_brand=_hex(INK),
        accent=_hex(accent),
        accent_deep=_hex(deep),
        tint=_hex(tint),
    )


def contrast_on_button(colour: str) -> float:
    """Returns the contrast of a `checked` colour with the words on a button of it."""
    rgb = _rgb(colour)
    return contrast(rgb, _readable_on(rgb))


def contrast(one: Rgb, other: Rgb) -> float:
    """Returns the contrast of two colours, from 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _readable_on(rgb: Rgb) -> Rgb:
    return WHITE if contrast(rgb, WHITE) >= contrast(rgb, INK) else INK


def _moved(rgb: Rgb, towards: Rgb, papers: tuple[Rgb, ...]) -> Rgb:
    """Returns the first colour on the way to another that is readable on all papers."""
    share = 0.0
    moved = rgb
    while any(contrast(moved, paper) < NEEDED for paper in papers):
        share += _STEP
        moved = _mixed(rgb, towards, min(share, 1.0))
    return moved


def _mixed(rgb: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (
        round(one + (two - one) * share) for one, two in zip(rgb, other, strict=True)
    )
    return red, green, blue


def _luminance(rgb: Rgb) -> float:
    red, green, blue = (_linear(channel / 255) for channel in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    if channel <= 0.04045:
        return channel / 12.92
    return float(((channel + 0.055) / 1.055) ** 2.4)


def _rgb(colour: str) -> Rgb:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def _hex(rgb: Rgb) -> str:
    return "#" + bytes(rgb).hex()
