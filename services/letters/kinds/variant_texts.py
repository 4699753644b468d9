"""The texts of a kind of letter: their parts, the built-in ones, and checks of organisers' texts.

Only letters with the act `ask` may ask a member to sign. The check looks for words in English and
Welsh: it catches mistakes, but does not understand sentences.
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
# A letter may thank members for signing, and ask them to tell others about it.
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
class VariantTexts:
    """The templates of one kind of letter in one language (`template_language`).

    `introduction` says who writes; the writer's own words follow it. Where it is empty, they follow
    the opening. `points` are sentences for the writer to choose from. Without any, the campaign's
    are used.
    """

    subject: str
    opening: str
    closing: str
    points: tuple[str, ...] = ()
    introduction: str = ""

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "VariantTexts":
        """Reads what `as_json` wrote."""
        return cls(**{**stored, "points": tuple(stored.get("points", ()))})

    def as_json(self) -> dict[str, Any]:
        """Returns the texts for a row."""
        names = ("subject", "introduction", "opening", "closing")
        parts = {name: getattr(self, name) for name in names}
        return {**parts, "points": list(self.points)}

    def parts(self) -> Iterator[tuple[str, str]]:
        """Yields the name of each field with its template."""
        yield "subject", self.subject
        yield "introduction", self.introduction
        yield "opening", self.opening
        yield "closing", self.closing
        for number, point in enumerate(self.points):
            yield f"points.{number}", point


@lru_cache(maxsize=1)
def built_in() -> dict[LetterAct, dict[str, VariantTexts]]:
    """Returns the built-in texts by act and locale."""
    return {act: {locale: _read(locale, act) for locale in LOCALES} for act in LetterAct}


def cleaned(template_texts: VariantTexts) -> VariantTexts:
    """Normalises line breaks and spaces. Invalid names each field that is too long or empty."""
    values: dict[str, str] = {}
    problems: list[Invalid] = []
    for name, part in template_texts.parts():
        try:
            values[name] = _clean(name, part)
        except Invalid as error:
            problems.append(error)
    if len(template_texts.points) > MOST_POINTS:
        message = f"At most {MOST_POINTS} points, please."
        problems.append(Invalid.field("points", "too_long", message))
    if problems:
        raise texts.combined(problems)
    points = tuple(values[f"points.{number}"] for number in range(len(template_texts.points)))
    return VariantTexts(
        values["subject"], values["opening"], values["closing"], points, values["introduction"]
    )


def faults(
    template_texts: VariantTexts, act: LetterAct, *, knows_earlier: bool
) -> list[FieldError]:
    """Returns the mistakes in an organiser's texts, each with its field and line."""
    errors = []
    for name, part in template_texts.parts():
        try:
            template_language.check(
                part, knows_earlier=knows_earlier, has_motion=act.is_about_motion
            )
            _check_words(part, act)
            if name in _NEVER_EMPTY and template_language.can_be_empty(part):
                raise TemplateFault(1, "Some members would read nothing here: add an 'else'.")
        except TemplateFault as fault:
            message = f"Line {fault.line}: {fault.message}"
            code = "asks_to_sign" if isinstance(fault, SignRequestFault) else "template_wrong"
            errors.append(FieldError(name, code, message))
    return errors


def asks_to_sign(text: str, act: LetterAct) -> re.Match[str] | None:
    """Finds a request to sign that a letter with this act must not contain."""
    if act is LetterAct.ASK:
        return None
    return (_REQUEST_AGAIN if act is LetterAct.THANK else _REQUEST).search(text)


class SignRequestFault(TemplateFault):
    """A text asks members to sign, although its act is not `ask`."""


def _check_words(source: str, act: LetterAct) -> None:
    # Tags are removed, because '{# #}' within a word would hide it; their line breaks stay, so that
    # the line number is right.
    plain = _TAG.sub(lambda tag: "\n" * tag.group().count("\n"), source).replace("\u00ad", "")
    request = asks_to_sign(plain, act)
    if request:
        line = plain.count("\n", 0, request.start()) + 1
        message = f"'{request.group()}' asks to sign, and a letter with the act '{act}' must not."
        raise SignRequestFault(line, message)


def _clean(name: str, part: str) -> str:
    if name in ("introduction", "opening", "closing"):
        shortest = 0 if name == "introduction" else 1
        return texts.paragraphs(part, name, longest=LONGEST_PART, shortest=shortest)
    longest = LONGEST_SUBJECT if name == "subject" else LONGEST_POINT
    return texts.line(part, name, longest=longest)


def _read(locale: str, act: LetterAct) -> VariantTexts:
    text = (_FOLDER / locale / f"{act}.txt").read_text(encoding="utf-8")
    subject, _, rest = text.partition("\n")
    introduction, opening, closing = rest.split("\n---\n")
    return VariantTexts(subject, opening, closing.strip(), introduction=introduction)
