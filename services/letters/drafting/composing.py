"""Composes a letter from the templates of its kind and from what its writer adds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.letters.kinds import template_language
from services.letters.kinds.template_language import EARLIER, NAMES
from services.letters.kinds.variant_texts import VariantTexts
from services.mail.text_templates import MailText, without_gaps

LONGEST_SUBJECT = 200
_GREETING = {"en": "Dear", "cy": "Annwyl"}
_SIGN_OFF = {"en": "Yours sincerely,", "cy": "Yn gywir,"}
_ENDS = (".", "!", "?", "…")
# Writers see a draft before they enter their name.
NO_NAME = {"en": "[your name]", "cy": "[eich enw]"}


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """The values for the templates (`template_language.NAMES`), and what the writer adds.

    `salutation` is 'Ms Ferncastle', or empty: then the greeting has the member's whole name.
    `purpose` is what the motion asks the government to do, or empty. `earlier_motion_number` is the
    number of an earlier motion of the campaign that the member signed. `signatures` counts
    confirmed ones of constituents, `letters` those sent to the member about the motion. `petition`
    is what the campaign's petition asks for, and `addressed_to` whom; both are empty without one.
    `points`, `personal` and `name` are the writer's. Number and title are empty without a motion.
    """

    member: str
    constituency: str
    motion_number: str
    motion_title: str
    campaign: str
    party: str = ""
    organisation: str = ""
    salutation: str = ""
    purpose: str = ""
    petition: str = ""
    addressed_to: str = ""
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
    """Returns the letter. It never changes what the writer typed, only where it stands.

    The writer's own words follow the introduction, so that staff read them first. The chosen points
    follow the opening, as sentences of one paragraph. A letter without an introduction has the own
    words and the points in paragraphs of their own between opening and closing.
    """
    values, texts = _values(facts, wording.locale), wording.texts
    introduction, opening, closing = (
        template_language.fill(part, values).strip()
        for part in (texts.introduction, texts.opening, texts.closing)
    )
    own, points = facts.personal.strip(), in_one_paragraph(facts.points)
    middle = (
        [_joined(introduction, own), _joined(opening, points)]
        if introduction
        else [opening, own, points]
    )
    greeting = f"{_GREETING[wording.locale]} {facts.salutation or facts.member},"
    subject = template_language.fill(texts.subject, values)
    body = without_gaps("\n\n".join([greeting, *middle, closing, _SIGN_OFF[wording.locale]]))
    return MailText(_shortened(subject), sign(body, facts.name))


def sign(body: str, name: str) -> str:
    """Puts a name, which is one line, below a letter that was written without one."""
    return f"{body}\n{name}".rstrip()


def is_for_everybody(wording: LocaleTexts) -> bool:
    """Returns whether the letter differs between writers only by the name below it."""
    texts = wording.texts
    parts = (texts.subject, texts.introduction, texts.opening, texts.closing)
    return not any(template_language.mentions(part, "name") for part in parts)


def in_one_paragraph(points: Iterable[str]) -> str:
    """Joins points as sentences: one without an end gets a full stop."""
    stripped = (point.strip() for point in points)
    return " ".join(
        point if point.rstrip("\"'”’)")[-1:] in _ENDS else f"{point}."
        for point in stripped
        if point
    )


def _joined(*parts: str) -> str:
    return " ".join(part for part in parts if part)


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
    return values | {"name": facts.name or NO_NAME[locale]}
