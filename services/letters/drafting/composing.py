"""A whole letter, put together from the words of its kind and what its writer adds."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.letters.kinds import template_language
from services.letters.kinds.template_language import EARLIER, NAMES
from services.letters.kinds.variant_texts import Texts
from services.mail.text_templates import Text, without_gaps

LONGEST_SUBJECT = 200
_GREETING = {"en": "Dear", "cy": "Annwyl"}
_SIGN_OFF = {"en": "Yours sincerely,", "cy": "Yn gywir,"}
# A draft is read before its writer has given a name.
_NO_NAME = {"en": "[your name]", "cy": "[eich enw]"}


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """Everything that a letter may say; `template_language.NAMES` and the writer's own.

    `earlier_motion_number` is that of an earlier motion of the campaign that the member signed.
    `signatures` of constituents are confirmed, `letters` were sent to the member about the motion.
    """

    member: str
    constituency: str
    motion_number: str
    motion_title: str
    campaign: str
    party: str = ""
    organisation: str = ""
    earlier_motion_number: str | None = None
    signatures: int = 0
    letters: int = 0
    points: tuple[str, ...] = ()
    personal: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Worded:
    """A kind of letter's words in the language that was found."""

    locale: str
    texts: Texts


def worded(by_locale: Mapping[str, Texts], locale: str) -> Worded:
    """In the language asked for, or else in English."""
    found = locale if locale in by_locale else "en"
    return Worded(found, by_locale[found])


def write(words: Worded, facts: LetterFacts) -> Text:
    """The letter. Its writer's own sentence stands before the points, which keep their order."""
    values = _values(facts, words.locale)
    subject = template_language.fill(words.texts.subject, values)
    parts = [
        f"{_GREETING[words.locale]} {facts.member},",
        template_language.fill(words.texts.opening, values),
        facts.personal,
        *facts.points,
        template_language.fill(words.texts.closing, values),
        f"{_SIGN_OFF[words.locale]}\n{facts.name}",
    ]
    return Text(_shortened(subject), without_gaps("\n\n".join(parts)))


def points(words: Worded, facts: LetterFacts) -> tuple[str, ...]:
    """The sentences to choose from that the kind of letter brings along."""
    values = _values(facts, words.locale)
    filled = (template_language.fill(point, values) for point in words.texts.points)
    return tuple(" ".join(point.split()) for point in filled if point.strip())


def _shortened(subject: str) -> str:
    """On one line, and no longer than a letter's subject may be when it is sent in."""
    line = " ".join(subject.split())
    return line if len(line) <= LONGEST_SUBJECT else f"{line[: LONGEST_SUBJECT - 1].rstrip()}…"


def _values(facts: LetterFacts, locale: str) -> dict[str, str | int]:
    values = {name: getattr(facts, name) for name in NAMES}
    if facts.earlier_motion_number is None:
        del values[EARLIER]  # 'is defined' is how a template asks
    return values | {"name": facts.name or _NO_NAME[locale]}
