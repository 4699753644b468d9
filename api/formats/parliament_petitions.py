"""Petitions and constituencies as petition.parliament.uk serves its own, for its tools."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import AfterValidator

from api.answers import public_answers
from api.answers.parliament_answers import PAGE, ListPage
from api.answers.state import state_of
from api.http.csv_answers import AS_CSV
from api.http.late_routes import Router
from api.schemas.parliament_petition import (
    ParliamentConstituency,
    PetitionDocument,
    PetitionList,
    SignatureCount,
)
from services.errors import NotFound
from services.views.petition_lists import ListState

_LISTED = f"at most {PAGE} on a page"
router = Router(tags=["parliament"])


def _storable(number: int) -> int:
    """Raises NotFound for a number that no database column can hold."""
    if not 0 < number < 2**31:
        raise NotFound("petition_unknown", f"There is no petition {number}.")
    return number


Number = Annotated[int, AfterValidator(_storable)]


@router.get("/petitions.json", response_model=PetitionList)
async def list_parliament_petitions(
    request: Request,
    state: ListState = ListState.ALL,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    count: Annotated[int, Query(ge=1, le=PAGE, description=_LISTED)] = PAGE,
) -> Response:
    """List public petitions as petition.parliament.uk does, newest first, with links to pages.

    States that only Parliament's own petitions have, such as `with_response`, give an empty list.
    """
    wanted = ListPage(state, page, count)
    return await public_answers.answer(request, state_of(request).parliament_answers.pages, wanted)


@router.get("/petitions.csv", response_class=Response, responses=AS_CSV)
async def download_parliament_petitions(
    request: Request, state: ListState = ListState.ALL
) -> Response:
    """Download all public petitions of a state as CSV: title, address, state and count.

    The newest petition is first. The columns have the names of petition.parliament.uk.
    """
    return await public_answers.answer(request, state_of(request).parliament_answers.files, state)


@router.get("/petitions/{number}.json", response_model=PetitionDocument)
async def read_parliament_petition(number: Number, request: Request) -> Response:
    """Read a petition by its number, with signatures by constituency, region and country.

    It lists constituencies with at least one signature, by name. Signatures from outside the UK
    are together under `ZZ`, since the service does not count them by country.
    """
    answers = state_of(request).parliament_answers
    return await public_answers.answer(request, answers.petitions, number)


@router.get("/petitions/{number}/count.json", response_model=SignatureCount)
async def read_parliament_count(number: Number, request: Request) -> Response:
    """Read the number of confirmed signatures of a petition, by the petition's number."""
    return await public_answers.answer(request, state_of(request).parliament_answers.counts, number)


@router.get("/constituencies.json", response_model=dict[str, ParliamentConstituency])
async def list_parliament_constituencies(request: Request) -> Response:
    """List all constituencies with their MPs, by the code of the Office for National Statistics."""
    answers = state_of(request).parliament_answers
    return await public_answers.answer(request, answers.constituencies, "")
