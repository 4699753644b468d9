"""Composes a letter from the templates of its kind and from what its writer adds."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.letters.kinds import template_language
from services.letters.kinds.template_language import EARLIER, NAMES
from services.letters.kinds.variant_texts import VariantTexts
from services.mail.text_templates import MailText, without_gaps

LONGEST_SUBJECT = 200
_GREETING = {"en": "Dear", "cy": "Annwyl"}
_SIGN_OFF = {"en": "Yours sincerely,", "cy": "Yn gywir,"}
# Writers see a draft before they enter their name.
_NO_NAME = {"en": "[your name]", "cy": "[eich enw]"}


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """The values for the templates (`template_language.NAMES`), and what the writer adds.

    `earlier_motion_number` is the number of an earlier motion of the campaign that the member
    signed. `signatures` counts confirmed ones of constituents, `letters` those sent to the member
    about the motion. `points`, `personal` and `name` are the writer's.
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
class LocaleTexts:
    """The texts of a kind of letter in one language."""

    locale: str
    texts: VariantTexts


def texts_in(by_locale: Mapping[str, VariantTexts], locale: str) -> LocaleTexts:
    """Returns the texts in a language, or in English if there are none."""
    locale = locale if locale in by_locale else "en"
    return LocaleTexts(locale, by_locale[locale])


def write(wording: LocaleTexts, facts: LetterFacts) -> MailText:
    """Returns the letter, with the writer's own sentence before the points."""
    values = _values(facts, wording.locale)
    subject = template_language.fill(wording.texts.subject, values)
    parts = [
        f"{_GREETING[wording.locale]} {facts.member},",
        template_language.fill(wording.texts.opening, values),
        facts.personal,
        *facts.points,
        template_language.fill(wording.texts.closing, values),
        f"{_SIGN_OFF[wording.locale]}\n{facts.name}",
    ]
    return MailText(_shortened(subject), without_gaps("\n\n".join(parts)))


def points(wording: LocaleTexts, facts: LetterFacts) -> tuple[str, ...]:
    """Returns the points of a kind of letter, each on one line, without empty ones."""
    values = _values(facts, wording.locale)
    filled = (template_language.fill(point, values) for point in wording.texts.points)
    return tuple(" ".join(point.split()) for point in filled if point.strip())


def _shortened(subject: str) -> str:
    """Makes one line that is not longer than `intake` accepts."""
    line = " ".join(subject.split())
    return line if len(line) <= LONGEST_SUBJECT else f"{line[: LONGEST_SUBJECT - 1].rstrip()}…"


def _values(facts: LetterFacts, locale: str) -> dict[str, str | int]:
    values = {name: getattr(facts, name) for name in NAMES}
    if facts.earlier_motion_number is None:
        del values[EARLIER]  # templates test it with 'is defined'
    return values | {"name": facts.name or _NO_NAME[locale]}
