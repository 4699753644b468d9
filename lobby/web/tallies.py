"""The tally of a campaign: every seat, filtered and sorted by a plain form."""

from enum import StrEnum
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from lobby.api.dependencies import Now, ReadSession
from lobby.models.constituency import NATIONS
from lobby.services import campaigns, tallies
from lobby.services.errors import Invalid
from lobby.services.standing import Eligibility, Standing
from lobby.services.tallies import Tally, TallyFilter
from lobby.web import words
from lobby.web.dependencies import Slug, Viewer
from lobby.web.rendering import page

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)
Options = list[tuple[str, str]]
router = APIRouter()


class TallyQuery(BaseModel):
    """The form as it comes: a choice of 'any' is an empty text."""

    standing: str = ""
    eligibility: str = ""
    party: str = ""
    nation: str = ""
    region: str = ""
    sort: str = ""


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
    whole = tallies.of_campaign(session, campaign, now=now)
    asked = {name: value for name, value in query.model_dump().items() if value}
    return page(
        "tally.html",
        session,
        campaign=campaign,
        tally=whole,
        rows=wanted.apply(whole.rows),
        query=query,
        options=_options(whole),
        csv_query=f"?{urlencode(asked)}" if asked else "",
    )


def _filter(query: TallyQuery) -> TallyFilter:
    """Invalid, with its field named, where a choice is none of ours."""
    if query.nation and query.nation.casefold() not in map(str.casefold, NATIONS.values()):
        raise Invalid.field("nation", "choice_unknown", f"Choose {_list(NATIONS.values())}.")
    return TallyFilter(
        standing=_choice(Standing, "standing", query.standing),
        eligibility=_choice(Eligibility, "eligibility", query.eligibility),
        party=query.party or None,
        nation=query.nation or None,
        region=query.region or None,
        sort=query.sort or "constituency",
    )


def _choice(values: type[ChoiceT], field: str, text: str) -> ChoiceT | None:
    if not text:
        return None
    try:
        return values(text)
    except ValueError as error:
        raise Invalid.field(field, "choice_unknown", f"Choose {_list(values)}.") from error


def _list(values: object) -> str:
    *most, last = values  # type: ignore[misc] # any iterable of texts
    return f"{', '.join(most)} or {last}"


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
        "sort": list(words.SORTS.items()),
    }
