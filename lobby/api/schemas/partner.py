"""Partners, and what came through them."""

from datetime import date

from lobby.api.schemas.fields import Answer
from lobby.models import SignatureState


class SourceCount(Answer):
    """Confirmed signatures with one tracking code; `null` is of those without any."""

    source: str | None
    confirmed: int


class DayCount(Answer):
    """Confirmed signatures by the day (UTC) of their confirmation."""

    day: date
    confirmed: int


class PetitionSummary(Answer):
    """Of one petition: the largest 50 sources, the sum of the others, and the days asked for on
    which there were any."""

    petition: str
    states: dict[SignatureState, int]
    sources: list[SourceCount]
    other_sources: int
    days: list[DayCount]


class PartnerSummaryAnswer(Answer):
    """What came through a partner, by petition."""

    partner: str
    name: str
    petitions: list[PetitionSummary]
