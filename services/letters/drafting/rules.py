"""What may not stand in a letter to an MP. One place for it: the editor tells it, sending obeys it.

What stands in the organiser's own letter is never held against the writer who was given it.
Texts are looked at as they look (`texts.visible`), so that full-width or invisible letters hide
nothing.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html.entities import html5

from services.common import texts
from services.errors import Invalid
from services.letters.drafting import likeness
from services.postcodes import directory

LONGEST = 10_000
SHORTEST = 50
LONGEST_SUBJECT = 200
HOUSE_OF_COMMONS = "SW1A 0AA"  # many put the office's address above a letter
MOST_TOLD = 3  # of names and postcodes

# What a browser takes for the beginning of a tag or a comment: '<3', 'a < b' and an address in
# angle brackets are none.
_HTML = re.compile(
    r"<(?![\w.+-]+@[\w.-]+>)[a-z/!?][^<>]*>?"
    r"|&(?:#[0-9]+;?|#x[0-9a-f]+;?|[a-z][a-z0-9]{1,31};|(?:lt|gt|amp|quot|nbsp)\b)",
    re.IGNORECASE,
)
# Everything repeated is bounded, so that no text takes long.
_LINK = re.compile(
    r"""
    [a-z][a-z0-9+.-]{0,20}://\S*
    | \b(?:(?:mailto|javascript):|data:\w+/)\S+
    | \bwww\.\S+
    # A bare domain with a path, whatever its port, or with a query.
    | \b(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,9}[^\W\d_]{2,24}
      (?::[0-9]{1,5})?(?:/\S*|[?]\S{1,99}=\S*)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_LINK_END = ".,;:!?)]}>'\"’”"
# The letters of its second half are those that Royal Mail uses there.
_POSTCODE = re.compile(
    r"\b([A-Z]{1,2}[0-9][A-Z0-9]?)[\s.\-\u2010-\u2014]{0,3}([0-9][ABD-HJLNP-UW-Z]{2})\b",
    re.IGNORECASE | re.ASCII,
)
_ORDINAL = re.compile(r"1st|2nd|3rd|[04-9]th")
_POSSESSIVE = re.compile(r"['’]s\b")
_WORD = re.compile(r"[^\W_]+")
_TITLES = frozenset(
    {"the", "rt", "hon", "right", "honourable", "sir", "dame", "lord", "lady", "dr", "mr", "mrs"}
    | {"ms", "miss", "mx", "prof", "professor", "rev", "revd", "reverend", "col", "major", "mp"}
)


@dataclass(frozen=True, slots=True)
class LetterProblem:
    """Something to look at. `is_required`: the letter is not taken in before it is mended."""

    field: str
    code: str
    message: str
    is_required: bool = False

    def as_error(self) -> Invalid:
        """To refuse a letter with."""
        return Invalid.field(self.field, self.code, self.message)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a letter."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: a name is empty and an address has only a postcode where they are not known."""

    postcode: str
    name: str = ""
    address: tuple[str, ...] = ()


def find(
    letter: Words,
    given: Words,
    *,
    writer: Writer,
    other_members: Iterable[str],
    own_words_are_required: bool,
) -> Iterator[LetterProblem]:
    """Everything that is wrong with a letter. `given` is all that the organiser wrote for it.

    `other_members` are the names of all current members but the one that it is to.
    """
    yield from _of_form(letter)
    fields = (("subject", letter.subject), ("body", letter.body))
    allowed = f"{given.subject}\n{given.body}"
    for field, text in fields:
        yield from _of_plain_words(field, text, allowed)
        if names := names_in(text, other_members, besides=f"{allowed}\n{writer.name}"):
            message = f"Please leave out who is not your MP: {', '.join(names[:MOST_TOLD])}."
            yield LetterProblem(field, "other_member", message, is_required=True)
    fitting = f"{allowed}\n{writer.postcode}\n{HOUSE_OF_COMMONS}"
    if strange := _new(_postcodes, letter.body, fitting):
        told = ", ".join(sorted(strange)[:MOST_TOLD])
        message = f"Please leave out postcodes that are not yours: {told}."
        yield LetterProblem("body", "other_postcode", message, is_required=True)
    details = " ".join((writer.name, *writer.address, writer.postcode))
    if letter.body and not likeness.has_own_words(letter.body, given.body, besides=details):
        message = "Nothing in the letter is your own yet. One sentence of yours counts most."
        yield LetterProblem("body", "no_own_words", message, is_required=own_words_are_required)


def find_in_details(details: Mapping[str, str]) -> Iterator[LetterProblem]:
    """What is wrong with a writer's name and address, by field: they stand below the letter."""
    for field, text in details.items():
        yield from _of_plain_words(field, text)


def _of_plain_words(field: str, text: str, allowed: str = "") -> Iterator[LetterProblem]:
    if _new(_marks, text, allowed):
        message = "Please leave out HTML: write plain words, without < and & around them."
        yield LetterProblem(field, "html", message, is_required=True)
    if _new(_links, text, allowed):
        message = "Offices' filters stop mails with links. Please say it in words instead."
        yield LetterProblem(field, "link", message, is_required=True)


def names_in(text: str, names: Iterable[str], *, besides: str = "") -> list[str]:
    """The people named in a text, in any case, without titles and accents; none that `besides`
    names."""
    said = _spaced(text)
    words = set(said.split())
    found = [
        (name, form)
        for last, people in _by_last_word(tuple(names)).items()
        if last in words
        for name, form in people
        if form in said
    ]
    known = _spaced(besides) if found else ""
    return [name for name, form in found if form not in known]


def _new(look: Callable[[str], set[str]], text: str, allowed: str) -> set[str]:
    """What is found in a text and not in the one that is allowed, which is read only if need be."""
    found = look(text)
    return found - look(allowed) if found else found


def _of_form(letter: Words) -> Iterator[LetterProblem]:
    try:
        texts.line(letter.subject, "subject", longest=LONGEST_SUBJECT)
    except Invalid as error:
        yield LetterProblem("subject", error.code, error.message, is_required=True)
    try:
        texts.paragraphs(letter.body, "body", longest=LONGEST, shortest=SHORTEST)
    except Invalid as error:
        yield LetterProblem("body", error.code, error.message, is_required=True)


def _marks(text: str) -> set[str]:
    return {found for found in _HTML.findall(texts.visible(text)) if _is_mark(found)}


def _is_mark(found: str) -> bool:
    """Of those with a semicolon only what HTML knows: 'Marks&Spencer;' is nothing."""
    return found[0] == "<" or found[1] == "#" or found[-1] != ";" or found[1:] in html5


def _links(text: str) -> set[str]:
    """Each to its end, so that no other page of an allowed place passes for it."""
    return {found.rstrip(_LINK_END) for found in _LINK.findall(texts.visible(text))}


def _postcodes(text: str) -> set[str]:
    """In normal form. 'the M6 4th exit' has none: its two halves are not of one case."""
    return {
        directory.normalise(f"{outward}{inward}")
        for outward, inward in _POSTCODE.findall(texts.visible(text))
        if not (_ORDINAL.fullmatch(inward) and outward.isupper())
    }


@lru_cache(maxsize=8)
def _by_last_word(names: tuple[str, ...]) -> Mapping[str, list[tuple[str, str]]]:
    """Names with the form to look for, by their last word: few letters have more than one such."""
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in names:
        words = [word for word in _spaced(name).split() if word not in _TITLES]
        if words:
            found[words[-1]].append((name, f" {' '.join(words)} "))
    return found


def _spaced(text: str) -> str:
    """Words alone, each between two single spaces, without case, accents and apostrophes."""
    text = _POSSESSIVE.sub("", texts.visible(text)).replace("'", "").replace("’", "")
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(part for part in parts if not unicodedata.combining(part))
    return f" {' '.join(_WORD.findall(text.casefold()))} "
