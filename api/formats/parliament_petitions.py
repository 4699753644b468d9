"""Petitions and constituencies as petition.parliament.uk serves its own, for its tools."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator

from api.answers import public_answers
from api.answers.parliament_answers import PAGE, ListPage
from api.answers.state import state_of
from api.http.csv_answers import AS_CSV
from api.schemas.parliament_petition import (
    ParliamentConstituency,
    PetitionDocument,
    PetitionList,
    SignatureCount,
)
from services.errors import NotFound
from services.views.petition_lists import ListState

_LISTED = f"at most {PAGE} on a page"
router = APIRouter(tags=["parliament"])


def _storable(number: int) -> int:
    """A number that no database column holds is no petition's."""
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
    """Public petitions in the form of petition.parliament.uk, newest first, with links to pages.

    Its states that only Parliament's own procedure knows, such as `with_response`, give nothing.
    """
    wanted = ListPage(state, page, count)
    return await public_answers.answer(request, state_of(request).parliament_answers.pages, wanted)


@router.get("/petitions.csv", response_class=Response, responses=AS_CSV)
async def download_parliament_petitions(
    request: Request, state: ListState = ListState.ALL
) -> Response:
    """All public petitions of a state as CSV: title, address, state and count.

    Newest first, with the column names of petition.parliament.uk.
    """
    return await public_answers.answer(request, state_of(request).parliament_answers.files, state)


@router.get("/petitions/{number}.json", response_model=PetitionDocument)
async def read_parliament_petition(number: Number, request: Request) -> Response:
    """One petition by its number, with signatures by constituency, region and country.

    Constituencies with at least one signature, in order of name. A tally tells home and abroad
    apart, and no countries: all others are together under `ZZ`.
    """
    answers = state_of(request).parliament_answers
    return await public_answers.answer(request, answers.petitions, number)


@router.get("/petitions/{number}/count.json", response_model=SignatureCount)
async def read_parliament_count(number: Number, request: Request) -> Response:
    """The confirmed signatures of a petition by its number."""
    return await public_answers.answer(request, state_of(request).parliament_answers.counts, number)


@router.get("/constituencies.json", response_model=dict[str, ParliamentConstituency])
async def list_parliament_constituencies(request: Request) -> Response:
    """Every constituency with its MP, by the code of the Office for National Statistics."""
    answers = state_of(request).parliament_answers
    return await public_answers.answer(request, answers.constituencies, "")
