"""A small Markdown for news and dates: paragraphs, bold, lists, and links to pages and addresses.

Everything else is plain text and is shown as it was typed: HTML, images, headings, code, tables,
quotes. All text is escaped, and every tag comes from this module, so nothing that somebody types
becomes markup. Each step looks at a character a fixed number of times, and lists are nested at most
`DEEPEST` levels: the time grows in proportion to the length of the text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from markupsafe import escape

from services.common import texts, urls
from services.errors import Invalid

DEEPEST = 4
_KEPT = 256  # texts whose HTML and plain text stay in memory
_BULLET = re.compile(r"(?P<indent> {0,3})[-*+] {1,4}(?=[^ ])")
_NUMBER = re.compile(r"(?P<indent> {0,3})(?P<number>[0-9]{1,6})[.)] {1,4}(?=[^ ])")
# The repetitions are possessive, so that a failed attempt tries no other lengths.
_INLINE = re.compile(
    r"""\\(?P<escaped>[!-/:-@\[-`{-~])
    |(?P<stars>\*{2,}+)
    |(?P<image>!\[)
    |\[(?P<label>(?:[^\[\]\\]|\\.)++)\]
        \(\ ?<?(?P<target>(?:[^\s()<>]|\([^\s()<>]*+\))++)>?(?:\ "[^"]*+")?+\ ?\)
    |<(?P<bracketed>(?:https?://|mailto:)[^\s<>]++)>
    |(?<!\w)(?P<bare>https?://[^\s<>"\[\]]++)""",
    re.VERBOSE | re.DOTALL,
)
_MAILTO = re.compile(
    r"mailto:[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
    r"(?:\?subject=[A-Za-z0-9._~%+-]*)?"
)
_AFTER_AN_ADDRESS = frozenset(".,:;!?'*_~")


@dataclass(frozen=True, slots=True)
class _Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class _List:
    """A list. `start` is its first number, or None for bullets. An item is a list of blocks."""

    start: int | None
    items: "tuple[tuple[_Paragraph | _List, ...], ...]"


_Block = _Paragraph | _List


@dataclass(frozen=True, slots=True)
class _Text:
    text: str


@dataclass(frozen=True, slots=True)
class _Link:
    address: str
    label: str


@dataclass(frozen=True, slots=True)
class _Stars:
    """Two stars that could begin or end bold text."""

    can_open: bool
    can_close: bool


class _Tag(StrEnum):
    BOLD = "<strong>"
    BOLD_END = "</strong>"


_Part = _Text | _Link | _Tag


@lru_cache(maxsize=_KEPT)
def html(text: str) -> str:
    """Returns safe HTML with `p`, `strong`, `ul`, `ol`, `li` and `a` only."""
    return "\n".join(_block_html(block) for block in _blocks(_lines(text), DEEPEST))


@lru_cache(maxsize=_KEPT)
def plain(text: str) -> str:
    """Returns the text without marks, for emails and descriptions. Addresses follow their links."""
    return "\n\n".join(_block_plain(block) for block in _blocks(_lines(text), DEEPEST))


# ---- blocks


def _lines(text: str) -> list[str]:
    return text.expandtabs(4).splitlines()


def _blocks(lines: list[str], depth: int) -> tuple[_Block, ...]:
    """Divides lines into paragraphs and lists. At depth 0 there are no lists."""
    blocks: list[_Block] = []
    paragraph: list[str] = []
    place = 0
    while place < len(lines):
        line = lines[place].strip()
        is_list = depth > 0 and _begins_list(lines[place], is_in_paragraph=bool(paragraph))
        if line and not is_list:
            paragraph.append(line)
        elif paragraph:
            blocks.append(_Paragraph("\n".join(paragraph)))
            paragraph = []
        if is_list:
            found, place = _list_at(lines, place, depth)
            blocks.append(found)
        else:
            place += 1
    if paragraph:
        blocks.append(_Paragraph("\n".join(paragraph)))
    return tuple(blocks)


def _begins_list(line: str, *, is_in_paragraph: bool) -> bool:
    """Returns whether a line begins a list.

    In a paragraph only 1 does among the numbers: a sentence can have '2017.' at the break of a
    line.
    """
    number = _NUMBER.match(line)
    if number:
        return not is_in_paragraph or int(number["number"]) == 1
    return _BULLET.match(line) is not None


def _list_at(lines: list[str], place: int, depth: int) -> tuple[_List, int]:
    """Returns the list that begins at a line, and the place after it."""
    number = _NUMBER.match(lines[place])
    pattern = _NUMBER if number else _BULLET
    items = []
    while place < len(lines) and (marker := pattern.match(lines[place])):
        item, place = _item_at(lines, place, marker)
        items.append(_blocks(item, depth - 1))
    return _List(int(number["number"]) if number else None, tuple(items)), place


def _item_at(lines: list[str], place: int, marker: re.Match[str]) -> tuple[list[str], int]:
    """Returns the lines of an item without their indent, and the place after it."""
    item = [lines[place][marker.end() :]]
    for after in range(place + 1, len(lines)):
        line = lines[after]
        indent = len(line) - len(line.lstrip(" "))
        if line.strip() and indent < len(marker["indent"]) + 2:
            # The further lines of a paragraph need no indent.
            goes_on = item[-1].strip() and not _begins_list(line, is_in_paragraph=False)
            if not goes_on:
                return item, after
        item.append(line[min(indent, marker.end()) :])
    return item, len(lines)


def _block_html(block: _Block) -> str:
    if isinstance(block, _Paragraph):
        return f"<p>{_inline_html(block.text)}</p>"
    items = "".join(f"<li>{_item_html(item)}</li>" for item in block.items)
    if block.start is None:
        return f"<ul>{items}</ul>"
    start = "" if block.start == 1 else f' start="{block.start}"'
    return f"<ol{start}>{items}</ol>"


def _item_html(blocks: tuple[_Block, ...]) -> str:
    """Returns the HTML of an item, whose first paragraph needs no tag."""
    first, *others = blocks
    begin = _inline_html(first.text) if isinstance(first, _Paragraph) else _block_html(first)
    return begin + "".join(_block_html(block) for block in others)


def _block_plain(block: _Block) -> str:
    if isinstance(block, _Paragraph):
        return _inline_plain(block.text)
    items = []
    for place, item in enumerate(block.items):
        mark = "- " if block.start is None else f"{block.start + place}. "
        text = "\n".join(_block_plain(part) for part in item)
        items.append(mark + text.replace("\n", "\n" + " " * len(mark)))
    return "\n".join(items)


# ---- inside a paragraph


def _inline_html(text: str, *, with_links: bool = True) -> str:
    return "".join(_part_html(part) for part in _parts(text, with_links=with_links))


def _part_html(part: _Part) -> str:
    if isinstance(part, _Link):
        label = _inline_html(part.label, with_links=False)
        return f'<a href="{escape(part.address)}" rel="nofollow noopener">{label}</a>'
    return part.value if isinstance(part, _Tag) else str(escape(part.text))


def _inline_plain(text: str, *, with_links: bool = True) -> str:
    parts = _parts(text, with_links=with_links)
    return "".join(_part_plain(part) for part in parts if not isinstance(part, _Tag))


def _part_plain(part: _Text | _Link) -> str:
    if isinstance(part, _Text):
        return part.text
    label = _inline_plain(part.label, with_links=False)
    address = part.address
    if address.startswith("mailto:"):
        address = address.removeprefix("mailto:").partition("?")[0]
    return label if label == address else f"{label} ({address})"


def _parts(text: str, *, with_links: bool) -> list[_Part]:
    """Returns the parts of a text, with a tag for each two stars that have a counterpart."""
    parts: list[_Part] = []
    opened: int | None = None
    for part in _tokens(text, with_links=with_links):
        if not isinstance(part, _Stars):
            parts.append(part)
        elif opened is not None and part.can_close:
            parts[opened] = _Tag.BOLD
            parts.append(_Tag.BOLD_END)
            opened = None
        else:
            if opened is None and part.can_open:
                opened = len(parts)
            parts.append(_Text("**"))
    return parts


def _tokens(text: str, *, with_links: bool) -> Iterator[_Text | _Link | _Stars]:
    place = 0
    while match := _INLINE.search(text, place):
        yield _Text(text[place : match.start()])
        place = match.end()
        if match["escaped"]:
            yield _Text(match["escaped"])
        elif match["stars"]:
            yield _stars(text, match)
        elif with_links and not match["image"] and (link := _link(match)):
            yield link
            # What follows a bare address, such as a full stop, is text again.
            place = match.start() + len(link.address) if match["bare"] else place
        else:
            yield _Text(match[0])
    yield _Text(text[place:])


def _stars(text: str, match: re.Match[str]) -> _Text | _Stars:
    if len(match[0]) != 2:
        return _Text(match[0])
    start, end = match.span()
    before, after = text[max(start - 1, 0) : start], text[end : end + 1]
    return _Stars(can_open=bool(after.strip()), can_close=bool(before.strip()))


def _link(match: re.Match[str]) -> _Link | None:
    """Returns the link, or None where it leads to something else than a page or an address."""
    if match["label"] is not None:
        address, label = match["target"], match["label"]
    else:
        address = match["bracketed"] or _without_what_follows(match["bare"])
        label = address.removeprefix("mailto:")
    is_seen = bool(texts.visible(label).strip())
    return _Link(address, label) if is_seen and _is_allowed(address) else None


def _is_allowed(address: str) -> bool:
    if len(address) <= urls.LONGEST_LINK and _MAILTO.fullmatch(address):
        return True
    try:
        return urls.web_link(address) == address
    except Invalid:
        return False


def _without_what_follows(address: str) -> str:
    """Returns a bare address without the sentence's marks and brackets that follow it."""
    end, too_many = len(address), address.count(")") - address.count("(")
    while end and (address[end - 1] in _AFTER_AN_ADDRESS or (address[end - 1] == ")" and too_many)):
        too_many -= address[end - 1] == ")"
        end -= 1
    return address[:end]
