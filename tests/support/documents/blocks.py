"""Reads the blocks of code from the documents.

A fence names the language of its block, and at most one word more: see `WORDS`.
docs/developers/testing.md describes them for writers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from core.settings import ROOT

# What a reader pastes into a shell, or saves and starts.
RUN = ("sh", "python", "js")
# What a parser reads.
PARSED = ("python", "js", "json", "yaml", "html", "ini", "env", "jinja", "sh")
WORDS = {
    "": "the block works as it is",
    "first": "the page tells readers to run it first: it runs before each later block of the page",
    "new": "it runs on an installation without data",
    "output": "it is what the block above prints; '...' is any text",
    "part": "it is a part of a file, and is parsed",
    "unrun": "it is parsed, and a comment below it says why it does not run",
}
_FENCE = re.compile(r"( *)```(.*)")
_REASON = re.compile(r"\s*<!-- Not run: (.+?) -->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page. `line` is that of its fence, `above` the text between the fences before.

    `firsts` are the blocks of the same page that the page tells readers to run before it.
    """

    page: str
    line: int
    language: str
    word: str
    text: str
    above: str = ""
    reason: str = ""
    output: str = ""
    firsts: tuple["Block", ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.page.removeprefix('docs/')}:{self.line}-{self.language}"

    @property
    def runs(self) -> bool:
        return self.language in RUN and self.word in ("", "first", "new")

    @property
    def whole(self) -> str:
        """The text with that of the blocks to run before it."""
        return "\n".join(block.text for block in (*self.firsts, self))


@cache
def all_blocks() -> tuple[Block, ...]:
    """Returns the blocks of README, CONTRIBUTING and all pages in docs/."""
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    pages = [(str(file.relative_to(ROOT)), file.read_text("utf-8")) for file in files]
    return tuple(block for page, text in pages for block in blocks_of(page, text))


def blocks_of(page: str, text: str) -> list[Block]:
    """Returns the blocks of a page, each with what readers run before it and what it prints."""
    found: list[Block] = []
    for block in _parsed(page, text):
        if block.word == "output":
            assert found, f"{block}: there is no block above"
            assert not block.above.strip(), f"{block}: put it right below what prints it"
            found[-1] = _with(found[-1], output=block.text)
            continue
        firsts = tuple(earlier for earlier in found if earlier.word == "first")
        found.append(_with(block, firsts=firsts))
    return found


def _with(block: Block, **changes: object) -> Block:
    values = {name: getattr(block, name) for name in Block.__slots__}
    return Block(**(values | changes))


def _parsed(page: str, text: str) -> Iterator[Block]:
    lines = text.splitlines(keepends=True)
    fences = [
        (number, match)
        for number, line in enumerate(lines)
        if (match := _FENCE.fullmatch(line.rstrip()))
    ]
    assert len(fences) % 2 == 0, f"{page}: a block does not end"
    end = -1
    for (start, fence), (stop, closing) in zip(fences[::2], fences[1::2], strict=True):
        assert not closing[2], f"{page}:{stop + 1}: a block does not end before this one"
        above, end = "".join(lines[end + 1 : start]), stop
        reason = _REASON.match("".join(lines[stop + 1 :]))
        language, _, word = fence[2].partition(" ")
        yield Block(
            page,
            start + 1,
            language,
            word,
            "".join(line.removeprefix(fence[1]) for line in lines[start + 1 : stop]),
            above,
            " ".join(reason[1].split()) if reason else "",
        )
