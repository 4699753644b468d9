"""Joins the parts of a letter in an editor: the frame, the writer's own words, chosen points.

The frame is composed anew each time, for the MP of today. The parts are what the writer typed, and
nothing here changes them.
"""

from dataclasses import dataclass

from services.letters.drafting import drafts
from services.letters.drafting.drafts import Point
from services.letters.drafting.situations import Situation


@dataclass(frozen=True, slots=True)
class LetterParts:
    """The parts of a letter that its writer decides.

    `points` are keys of points (`Point`). An empty `subject` is the campaign's. `body` is the whole
    letter as changed by hand: it is kept as it is, and the other parts wait. None: it was not.
    """

    personal: str = ""
    points: tuple[str, ...] = ()
    subject: str = ""
    body: str | None = None
    locale: str = "en"


@dataclass(frozen=True, slots=True)
class EditedLetter:
    """A letter in an editor. `default_subject` is the campaign's; `choices` are the points.

    Without a known seat there is no `situation`, and no letter but what was changed by hand.
    """

    situation: Situation | None
    parts: LetterParts
    locale: str
    choices: tuple[Point, ...]
    default_subject: str
    subject: str
    body: str

    @property
    def is_by_hand(self) -> bool:
        """True if the writer changed the whole text by hand."""
        return self.parts.body is not None

    @property
    def has_welsh(self) -> bool:
        """True if the letter can also be in Welsh."""
        return self.situation is not None and drafts.has_welsh(self.situation)

    @property
    def can_be_sent(self) -> bool:
        """True if nothing but the letter's own words can keep it from being sent."""
        return self.situation is not None and self.situation.reason is None


def edit(situation: Situation | None, parts: LetterParts, *, name: str) -> EditedLetter:
    """Returns the letter that the parts make for the MP of today."""
    if situation is None:
        return EditedLetter(None, parts, parts.locale, (), "", parts.subject, parts.body or "")
    locale = parts.locale if drafts.has_welsh(situation) else "en"
    choices = drafts.choices(situation, locale=locale)
    points = tuple(point.text for point in choices if point.key in parts.points)
    draft = drafts.draft(
        situation, name=name, points=points, personal=parts.personal, locale=locale
    )
    return EditedLetter(
        situation,
        parts,
        locale,
        choices,
        default_subject=draft.subject,
        subject=parts.subject or draft.subject,
        body=draft.body if parts.body is None else parts.body,
    )
