"""The tally of a campaign: every seat, filtered and sorted by a plain form.

All 650 rows are 120 kB, so a page has fifty unless `show=all`.
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
PAGE_SIZE = 50
_UNKNOWN = "This is none of the choices. Please choose one from the list."
router = APIRouter()


class TallyQuery(BaseModel):
    """The fields as sent: the choice 'any' is an empty text."""

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
        """Returns the query string with these changes; empty where all values are defaults."""
        values = self.model_copy(update=changes).model_dump(exclude_defaults=True)
        return f"?{urlencode(values)}" if values else ""

    def csv_address(self) -> str:
        """Returns the query string for the CSV, which is not split into pages."""
        return self.address(show="", page=1)


@dataclass(frozen=True, slots=True)
class TallyPage:
    """The rows `first` to `last`, counted from 1, of the `total` rows that match the filter."""

    rows: tuple[TallyRow, ...]
    total: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class MemberStatement:
    """What a member said about the motion, on which day, and a link to the source."""

    text: str
    day: date
    link: str | None


def statements_of(row: TallyRow) -> list[MemberStatement]:
    """Returns the last verified reply and the organisers' last note, newest first.

    Where both say the same, only the newer one is returned.
    """
    statements = []
    if note := row.note:
        text = words.ORGANISER_NOTES[note.kind]
        statements.append(MemberStatement(text, note.starts_on, note.link))
    if reply := row.reply:
        text = words.REPLIES[reply.kind]
        statements.append(MemberStatement(text, reply.said_on, reply.link))
    statements.sort(key=lambda statement: statement.day, reverse=True)
    has_one_text = len({statement.text for statement in statements}) == 1
    return statements[:1] if has_one_text else statements


def _tally_page(rows: tuple[TallyRow, ...], query: TallyQuery) -> TallyPage:
    if query.show == "all":
        return TallyPage(rows, len(rows), 1, len(rows))
    start = (query.page - 1) * PAGE_SIZE
    shown = rows[start : start + PAGE_SIZE]
    return TallyPage(shown, len(rows), start + 1, start + len(shown))


@router.get("/campaigns/{slug}/tally")
def show_tally(
    slug: Slug,
    query: Annotated[TallyQuery, Query()],
    session: ReadSession,
    now: Now,
    viewer: Viewer,
) -> Response:
    """Shows the totals, the sums by party, nation and region, and a row for each seat."""
    campaign = campaigns.public(session, slug, viewer=viewer)
    row_filter = _filter(query)
    tally = seat_table.of_campaign(session, campaign, now=now)
    return page(
        "public/tally.html",
        session,
        is_private=viewer is not None,  # it may be a draft
        campaign=campaign,
        tally=tally,
        tally_page=_tally_page(row_filter.apply(tally.rows), query),
        query=query,
        options=_options(tally),
        summary=tally_summaries.of_tally(tally),
        statements_of=statements_of,
    )


def _filter(query: TallyQuery) -> TallyFilter:
    """Raises Invalid, with its field, for an unknown choice."""
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


def _options(tally: Tally) -> dict[str, Options]:
    """Lists the choices of the form, with the parties, nations and regions in the table."""
    parties = {row.party for row in tally.rows if row.party}
    nations = {row.constituency.nation for row in tally.rows}
    regions = {row.constituency.region for row in tally.rows}
    return {
        "standing": [(value, text) for value, text in words.STANDINGS.items()],
        "eligibility": [(value, text) for value, text in words.ELIGIBILITIES.items()],
        "party": [(name, name) for name in sorted(parties)],
        "nation": [(name, name) for name in sorted(nations)],
        "region": [(name, name) for name in sorted(regions)],
        "said": [(value, text) for value, text in words.STATED_INTENTS.items()],
        "sort": list(words.SORTS.items()),
    }
