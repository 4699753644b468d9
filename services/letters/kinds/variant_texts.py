"""The words of a letter: their parts, the built-in ones, and what is refused in an organiser's.

A request to sign is refused in every letter but those that ask for it. That is a check of words,
in English and Welsh: it stops mistakes, and cannot understand a sentence.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from models import LetterAct
from services.common import texts
from services.errors import FieldError, Invalid
from services.letters.kinds import template_language
from services.letters.kinds.template_language import TemplateFault

LOCALES = ("en", "cy")
LONGEST_SUBJECT = 150
LONGEST_PART = 4_000
LONGEST_POINT = 300
MOST_POINTS = 20
_NEVER_EMPTY = ("subject", "opening", "closing")
_FOLDER = Path(__file__).parent / "templates"
_REQUEST = re.compile(
    r"""
    \b(?:co-?|counter-?)?sign(?:s|ing)?\b
    | \b(?:co-?|counter-?)?signed\b(?!\s+(?:the|this|our)\s+petition)
    | (?<!do\snot\s)\b(?:add(?:ing)?|put(?:ting)?|lend(?:ing)?)\s+your\s+name\b
    | \byour\s+signature\b
    | \b(?<!wedi\s)l?lofnod\w*(?!['’]r\s+ddeiseb)
    | \b(?<!wedi\s)h?arwydd(?:o|wch|och|ech)\b
    | (?<!ydych\syn\s)\b(?:h?ychwaneg\w*|rh?oi|rhowch|rhoi|rhoddwch)\s+eich\s+enw\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Who has signed may be thanked for it, and asked to speak of it to others.
_REQUEST_AGAIN = re.compile(
    r"""
    \b(?:please|you|you\s+to)\s+(?:now\s+|also\s+)?
    (?:(?:co-?)?sign|add\s+your\s+name|put\s+your\s+name)\b(?!\s+up)
    | \ba\s+(?:wnewch|fyddech|allwch)\s+chi\s+(?:\w+\s+)?(?:lofnodi|(?:ychwanegu|roi)\s+eich\s+enw)
    | \bi\s+chi\s+(?:lofnodi|(?:ychwanegu|roi)\s+eich\s+enw)
    | \b(?:llofnodwch|arwyddwch)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of one letter in one language, as templates
    (`services.letters.kinds.template_language`).

    `points` are sentences for the writer to choose from; without any, they are the campaign's.
    """

    subject: str
    opening: str
    closing: str
    points: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Texts":
        """As `as_json` wrote them."""
        return cls(**{**kept, "points": tuple(kept.get("points", ()))})

    def as_json(self) -> dict[str, Any]:
        """For a row."""
        parts = {name: getattr(self, name) for name in ("subject", "opening", "closing")}
        return {**parts, "points": list(self.points)}

    def parts(self) -> Iterator[tuple[str, str]]:
        """Each template with the name of its field."""
        yield "subject", self.subject
        yield "opening", self.opening
        yield "closing", self.closing
        for number, point in enumerate(self.points):
            yield f"points.{number}", point


@lru_cache(maxsize=1)
def built_in() -> dict[LetterAct, dict[str, Texts]]:
    """The texts that a campaign without its own uses, by act and locale."""
    return {act: {locale: _read(locale, act) for locale in LOCALES} for act in LetterAct}


def cleaned(given: Texts) -> Texts:
    """With line breaks and spaces put right; Invalid names each field that is too long or empty."""
    values: dict[str, str] = {}
    problems: list[Invalid] = []
    for name, part in given.parts():
        try:
            values[name] = _clean(name, part)
        except Invalid as error:
            problems.append(error)
    if len(given.points) > MOST_POINTS:
        message = f"At most {MOST_POINTS} points, please."
        problems.append(Invalid.field("points", "too_long", message))
    if problems:
        raise texts.combined(problems)
    points = tuple(values[f"points.{number}"] for number in range(len(given.points)))
    return Texts(values["subject"], values["opening"], values["closing"], points)


def faults(given: Texts, act: LetterAct, *, knows_earlier: bool) -> list[FieldError]:
    """What is wrong with an organiser's texts, each with its field and its line."""
    found = []
    for name, part in given.parts():
        try:
            template_language.check(part, knows_earlier=knows_earlier)
            _check_words(part, act)
            if name in _NEVER_EMPTY and template_language.can_be_empty(part):
                raise TemplateFault(1, "Some members would read nothing here: add an 'else'.")
        except TemplateFault as fault:
            message = f"Line {fault.line}: {fault.message}"
            code = "asks_to_sign" if isinstance(fault, AsksToSign) else "template_wrong"
            found.append(FieldError(name, code, message))
    return found


def asks_to_sign(text: str, act: LetterAct) -> re.Match[str] | None:
    """Where a text asks for what a letter with another act than `ask` must not ask for."""
    if act is LetterAct.ASK:
        return None
    return (_REQUEST_AGAIN if act is LetterAct.THANK else _REQUEST).search(text)


class AsksToSign(TemplateFault):
    """A text asks a member to sign who is not to be asked."""


def _check_words(source: str, act: LetterAct) -> None:
    # Without tags, since '{# #}' in the middle of a word leaves no trace in the letter; their line
    # breaks stay, so that lines can be told.
    plain = _TAG.sub(lambda tag: "\n" * tag.group().count("\n"), source).replace("\u00ad", "")
    found = asks_to_sign(plain, act)
    if found:
        line = plain.count("\n", 0, found.start()) + 1
        message = f"'{found.group()}' asks to sign, and a letter with the act '{act}' must not."
        raise AsksToSign(line, message)


def _clean(name: str, part: str) -> str:
    if name in ("opening", "closing"):
        return texts.paragraphs(part, name, longest=LONGEST_PART, shortest=1)
    longest = LONGEST_SUBJECT if name == "subject" else LONGEST_POINT
    return texts.line(part, name, longest=longest)


def _read(locale: str, act: LetterAct) -> Texts:
    text = (_FOLDER / locale / f"{act}.txt").read_text(encoding="utf-8")
    subject, _, rest = text.partition("\n")
    opening, _, closing = rest.partition("\n---\n")
    return Texts(subject, opening, closing.strip())
