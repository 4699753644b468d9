"""Renders the templates of emails: the text, which is the source, as blocks.

The first line of a template is the subject. Paragraphs are divided by empty lines. A template calls
`button` and `link` for its links, and begins the small print with `small`. They become marks, which
no value can contain.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

MAIL_LOCALE = "en"
"""The language of all templates: whoever asks for another one is told."""
FOLDER = Path(__file__).parent / "templates"
_BUTTON, _LINK, _BETWEEN, _SMALL = "\x01", "\x02", "\x03", "\x04"
_NO_MARKS = str.maketrans("", "", _BUTTON + _LINK + _BETWEEN + _SMALL)


class BlockKind(StrEnum):
    """How a block looks."""

    PARAGRAPH = "paragraph"
    BUTTON = "button"
    ENCLOSED = "enclosed"
    SMALL = "small"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, which may end with a link; a button; or an enclosed text of many lines.

    `locale` is the language of the text, where it is not that of the email.
    """

    kind: BlockKind
    text: str
    label: str = ""
    link: str = ""
    locale: str = ""

    @property
    def plain(self) -> str:
        """The block as plain text. A button's link has a line of its own."""
        if not self.link:
            return self.text
        gap = "\n" if self.kind is BlockKind.BUTTON else " "
        return f"{self.text}{self.label}:{gap}{self.link}"


@dataclass(frozen=True, slots=True)
class MailContent:
    """What an email says. Both parts, text and HTML, are made from it."""

    subject: str
    blocks: tuple[Block, ...]

    @property
    def plain(self) -> str:
        """The text, without the subject."""
        return "\n\n".join(block.plain for block in self.blocks) + "\n"

    def with_enclosed(self, text: str, locale: str) -> "MailContent":
        """Returns the same with a text between the paragraphs and the small print."""
        small = [block for block in self.blocks if block.kind is BlockKind.SMALL]
        others = [block for block in self.blocks if block.kind is not BlockKind.SMALL]
        enclosed = Block(BlockKind.ENCLOSED, text.rstrip(), locale=locale)
        return MailContent(self.subject, (*others, enclosed, *small))

    def with_small(self, text: str, label: str, link: str) -> "MailContent":
        """Returns the same with one more line of small print, which ends with a link."""
        last = Block(BlockKind.SMALL, text, label, link)
        return MailContent(self.subject, (*self.blocks, last))


class _Mark(str):
    """A text with marks, made by a function of this module and by no value."""

    __slots__ = ()


def _link(label: object, link: object) -> _Mark:
    return _Mark(f"{_LINK}{_unmarked(label)}{_BETWEEN}{_unmarked(link)}")


def _button(label: object, link: object) -> _Mark:
    return _Mark(f"{_BUTTON}{_link(label, link)}")


def _unmarked(value: object) -> object:
    if isinstance(value, _Mark) or not isinstance(value, str):
        return value
    return value.translate(_NO_MARKS)


_environment = SandboxedEnvironment(
    loader=FileSystemLoader(FOLDER),
    undefined=StrictUndefined,
    finalize=_unmarked,
    auto_reload=False,  # checking the file for changes costs as much as rendering it
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals |= {"button": _button, "link": _link, "small": _Mark(_SMALL)}


def render(name: str, values: dict[str, Any]) -> MailContent:
    """Renders a template. It is an error if `values` lacks a name that the template uses."""
    subject, _, body = _environment.get_template(name).render(values).partition("\n")
    kind, blocks = BlockKind.PARAGRAPH, []
    for part in body.split("\n\n"):
        text = part.strip()
        if text == _SMALL:
            kind = BlockKind.SMALL
        elif text:
            blocks.append(_block(kind, text))
    return MailContent(" ".join(subject.split()), tuple(blocks))


def _block(kind: BlockKind, text: str) -> Block:
    before, _, rest = text.partition(_LINK)
    label, _, link = rest.partition(_BETWEEN)
    if before == _BUTTON:
        return Block(BlockKind.BUTTON, "", label, link)
    return Block(kind, before, label, link)
