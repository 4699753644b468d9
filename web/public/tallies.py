"""The tally of a campaign: every seat, filtered and sorted by a plain form.

All 650 rows weigh 120 kB, so that a page has fifty, unless all are asked for.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.http.dependencies import Now, ReadSession, Slug
from models.constituency import NATIONS
from services.campaigns import campaigns
from services.common import texts
from services.errors import Invalid
from services.parliament.standing import Eligibility, Standing, StatedIntent
from services.tallies import seat_table, tally_summaries
from services.tallies.seat_table import Tally, TallyFilter, TallyRow
from web.base import words
from web.base.dependencies import Viewer
from web.base.rendering import page

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)
Options = list[tuple[str, str]]
PAGE = 50
_UNKNOWN = "This is none of the choices. Please choose one from the list."
router = APIRouter()


class TallyQuery(BaseModel):
    """The form as it comes: a choice of 'any' is an empty text."""

    standing: str = ""
    eligibility: str = ""
    party: str = ""
    nation: str = ""
    region: str = ""
    said: str = ""
    signed_since: str = ""
    sort: str = ""
    show: str = ""
    page: int = Field(default=1, ge=1, le=1000)

    def address(self, **changes: str | int) -> str:
        """The part of an address behind its path, with these changes; empty where all is usual."""
        asked = self.model_copy(update=changes).model_dump(exclude_defaults=True)
        return f"?{urlencode(asked)}" if asked else ""

    def csv_address(self) -> str:
        """The same for the CSV, which has every row that fits."""
        return self.address(show="", page=1)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one page: those from `first` to `last` of all that fit, counted from 1."""

    rows: tuple[TallyRow, ...]
    found: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Saying:
    """What a member said, on which day, and where it can be read."""

    text: str
    day: date
    link: str | None


def sayings(row: TallyRow) -> list[Saying]:
    """The last verified reply, and what an organiser noted last; only the later of two alike."""
    reply, note = row.reply, row.note
    replied = [Saying(words.REPLIES[reply.kind], reply.said_on, reply.link)] if reply else []
    noted = [Saying(words.NOTES[note.kind], note.starts_on, note.link)] if note else []
    newest_first = sorted([*noted, *replied], key=lambda saying: saying.day, reverse=True)
    are_alike = len({saying.text for saying in newest_first}) == 1
    return newest_first[:1] if are_alike else newest_first


def _sheet(rows: tuple[TallyRow, ...], query: TallyQuery) -> Sheet:
    if query.show == "all":
        return Sheet(rows, len(rows), 1, len(rows))
    start = (query.page - 1) * PAGE
    shown = rows[start : start + PAGE]
    return Sheet(shown, len(rows), start + 1, start + len(shown))


@router.get("/campaigns/{slug}/tally")
def tally(
    slug: Slug,
    query: Annotated[TallyQuery, Query()],
    session: ReadSession,
    now: Now,
    viewer: Viewer,
) -> Response:
    """Head counts, and a row a seat."""
    campaign = campaigns.public(session, slug, viewer=viewer)
    wanted = _filter(query)
    whole = seat_table.of_campaign(session, campaign, now=now)
    return page(
        "public/tally.html",
        session,
        campaign=campaign,
        tally=whole,
        sheet=_sheet(wanted.apply(whole.rows), query),
        query=query,
        options=_options(whole),
        summary=tally_summaries.of_tally(whole),
        sayings=sayings,
    )


def _filter(query: TallyQuery) -> TallyFilter:
    """Invalid, with its field named, where a choice is none of ours."""
    if query.nation and query.nation.casefold() not in map(str.casefold, NATIONS.values()):
        raise Invalid.field("nation", "choice_unknown", _UNKNOWN)
    return TallyFilter(
        standing=_choice(Standing, "standing", query.standing),
        eligibility=_choice(Eligibility, "eligibility", query.eligibility),
        party=query.party or None,
        nation=query.nation or None,
        region=query.region or None,
        said=_choice(StatedIntent, "said", query.said),
        signed_since=texts.day(query.signed_since, "signed_since") if query.signed_since else None,
        sort=query.sort or "constituency",
    )


def _choice(values: type[ChoiceT], field: str, text: str) -> ChoiceT | None:
    if not text:
        return None
    try:
        return values(text)
    except ValueError as error:
        raise Invalid.field(field, "choice_unknown", _UNKNOWN) from error


def _options(whole: Tally) -> dict[str, Options]:
    """What the form offers: only parties, nations and regions that there are."""
    parties = {row.party for row in whole.rows if row.party}
    nations = {row.constituency.nation for row in whole.rows}
    regions = {row.constituency.region for row in whole.rows}
    return {
        "standing": [(value, text) for value, text in words.STANDINGS.items()],
        "eligibility": [(value, text) for value, text in words.ELIGIBILITIES.items()],
        "party": [(name, name) for name in sorted(parties)],
        "nation": [(name, name) for name in sorted(nations)],
        "region": [(name, name) for name in sorted(regions)],
        "said": [(value, text) for value, text in words.SAID.items()],
        "sort": list(words.SORTS.items()),
    }
