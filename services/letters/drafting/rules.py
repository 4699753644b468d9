"""What a letter to an MP must not contain. The editor and `intake` apply the same rules.

Text that the organiser wrote is always allowed. Texts are compared as they look (`texts.visible`),
so that full-width or invisible characters cannot hide anything.
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
from services.mail.text_templates import MailText
from services.postcodes import directory

LONGEST = 10_000
SHORTEST = 50
LONGEST_SUBJECT = 200
HOUSE_OF_COMMONS = "SW1A 0AA"  # many writers put the office's address above their letter
MOST_LISTED = 3  # names or postcodes in a message

# What a browser reads as the beginning of a tag or a comment, but not '<3', 'a < b' or an address
# in angle brackets.
_HTML = re.compile(
    r"<(?![\w.+-]+@[\w.-]+>)[a-z/!?][^<>]*>?"
    r"|&(?:#[0-9]+;?|#x[0-9a-f]+;?|[a-z][a-z0-9]{1,31};|(?:lt|gt|amp|quot|nbsp)\b)",
    re.IGNORECASE,
)
# Every repetition has a limit, so that no text takes long.
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
# The second half allows only the letters that Royal Mail uses there.
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
    """A problem of a letter. With `is_required`, the letter is refused until it is fixed."""

    field: str
    code: str
    message: str
    is_required: bool = False

    def as_error(self) -> Invalid:
        """Returns the error that refuses the letter."""
        return Invalid.field(self.field, self.code, self.message)


@dataclass(frozen=True, slots=True)
class Writer:
    """What is known of a letter's writer; an unknown name or address is empty."""

    postcode: str
    name: str = ""
    address: tuple[str, ...] = ()


def find(
    letter: MailText,
    organiser_text: MailText,
    *,
    writer: Writer,
    other_members: Iterable[str],
    own_words_are_required: bool,
) -> Iterator[LetterProblem]:
    """Finds everything that is wrong with a letter.

    `organiser_text` is everything that the organiser wrote for it. `other_members` are the names of
    all current members but the recipient.
    """
    yield from _length_problems(letter)
    fields = (("subject", letter.subject), ("body", letter.body))
    allowed = f"{organiser_text.subject}\n{organiser_text.body}"
    for field, text in fields:
        yield from _plain_text_problems(field, text, allowed)
        if names := names_in(text, other_members, besides=f"{allowed}\n{writer.name}"):
            message = f"Your letter names another MP: {', '.join(names[:MOST_LISTED])}."
            yield LetterProblem(field, "other_member", message, is_required=True)
    fitting = f"{allowed}\n{writer.postcode}\n{HOUSE_OF_COMMONS}"
    if strange := _new(_postcodes_in, letter.body, fitting):
        postcodes = ", ".join(sorted(strange)[:MOST_LISTED])
        message = f"Your letter has a postcode that isn't yours: {postcodes}."
        yield LetterProblem("body", "other_postcode", message, is_required=True)
    details = " ".join((writer.name, *writer.address, writer.postcode))
    if letter.body and not likeness.has_own_words(
        letter.body, organiser_text.body, besides=details
    ):
        message = "You haven't added anything of your own yet."
        yield LetterProblem("body", "no_own_words", message, is_required=own_words_are_required)


def find_in_details(details: Mapping[str, str]) -> Iterator[LetterProblem]:
    """Checks a writer's name and address, by field: they are printed below the letter."""
    for field, text in details.items():
        yield from _plain_text_problems(field, text)


def _plain_text_problems(field: str, text: str, allowed: str = "") -> Iterator[LetterProblem]:
    if _new(_html_in, text, allowed):
        message = "Remove the code: plain text only."
        yield LetterProblem(field, "html", message, is_required=True)
    if _new(_links_in, text, allowed):
        message = "Remove the link. MPs' spam filters block emails with links."
        yield LetterProblem(field, "link", message, is_required=True)


def names_in(text: str, names: Iterable[str], *, besides: str = "") -> list[str]:
    """Returns the names that a text mentions, ignoring case, titles and accents.

    Names that `besides` mentions are left out.
    """
    spaced = _normalised(text)
    words = set(spaced.split())
    named = [
        (name, form)
        for last, people in _by_last_word(tuple(names)).items()
        if last in words
        for name, form in people
        if form in spaced
    ]
    excluded = _normalised(besides) if named else ""
    return [name for name, form in named if form not in excluded]


def _new(search: Callable[[str], set[str]], text: str, allowed: str) -> set[str]:
    """Returns the matches in a text that are not in the allowed text."""
    matches = search(text)
    return matches - search(allowed) if matches else matches


def _length_problems(letter: MailText) -> Iterator[LetterProblem]:
    try:
        texts.line(letter.subject, "subject", longest=LONGEST_SUBJECT)
    except Invalid as error:
        yield LetterProblem("subject", error.code, error.message, is_required=True)
    try:
        texts.paragraphs(letter.body, "body", longest=LONGEST, shortest=SHORTEST)
    except Invalid as error:
        yield LetterProblem("body", error.code, error.message, is_required=True)


def _html_in(text: str) -> set[str]:
    return {mark for mark in _HTML.findall(texts.visible(text)) if _is_html(mark)}


def _is_html(mark: str) -> bool:
    """An entity with a semicolon must be one of HTML's: 'Marks&Spencer;' is not."""
    return mark[0] == "<" or mark[1] == "#" or mark[-1] != ";" or mark[1:] in html5


def _links_in(text: str) -> set[str]:
    """Returns whole links, so that another page of an allowed site is not taken for the same."""
    return {link.rstrip(_LINK_END) for link in _LINK.findall(texts.visible(text))}


def _postcodes_in(text: str) -> set[str]:
    """Returns normalised postcodes. 'the M6 4th exit' has none: the halves differ in case."""
    return {
        directory.normalise(f"{outward}{inward}")
        for outward, inward in _POSTCODE.findall(texts.visible(text))
        if not (_ORDINAL.fullmatch(inward) and outward.isupper())
    }


@lru_cache(maxsize=8)
def _by_last_word(names: tuple[str, ...]) -> Mapping[str, list[tuple[str, str]]]:
    """Indexes names and their search forms by the last word, which few texts contain."""
    by_word: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for name in names:
        words = [word for word in _normalised(name).split() if word not in _TITLES]
        if words:
            by_word[words[-1]].append((name, f" {' '.join(words)} "))
    return by_word


def _normalised(text: str) -> str:
    """Returns the words in lower case between single spaces, without accents and apostrophes."""
    text = _POSSESSIVE.sub("", texts.visible(text)).replace("'", "").replace("’", "")
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(part for part in parts if not unicodedata.combining(part))
    return f" {' '.join(_WORD.findall(text.casefold()))} "
