"""Bodies of motions in Parliament's own list."""

from datetime import date

from api.schemas.fields import Answer
from services.parliament.official.motions_api import ListedMotion


class FoundMotionAnswer(Answer):
    """A motion that can be linked. `sponsors_count` is Parliament's, with withdrawn names."""

    id: int
    number: str
    title: str
    tabled_on: date
    primary_sponsor: str | None
    sponsors_count: int


def found_answer(motion: ListedMotion) -> FoundMotionAnswer:
    """Converts a motion of the official list."""
    return FoundMotionAnswer(
        **motion.model_dump(include={"id", "number", "title", "tabled_on", "sponsors_count"}),
        primary_sponsor=motion.primary_sponsor.name if motion.primary_sponsor else None,
    )
