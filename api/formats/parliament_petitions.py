"""Petitions and constituencies as petition.parliament.uk serves its own, for tools made for that.

Everything is kept as `public_answers` keeps it, and links begin with the service's own address,
whatever name it was called by: what is kept is for everybody.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, TypeAdapter
from sqlmodel import Session

from api.answers import public_answers
from api.answers.public_answers import CachedAnswer, prebuilt
from api.http.csv_answers import AS_CSV, CSV
from api.schemas.parliament_petition import (
    PageLinks,
    ParliamentConstituency,
    PetitionDocument,
    PetitionList,
    SignatureCount,
    in_whole,
    listed,
)
from services.assembly import Lobby
from services.errors import NotFound
from services.files.csv_writing import csv_text
from services.parliament import seats
from services.views import petition_lists
from services.views.petition_lists import ListState

PAGE = 50
MOST_LISTS, MOST_PETITIONS = 100, 100  # each has some 100 KB
COLUMNS = ("Petition", "URL", "State", "Signatures Count")
_HOUSE = TypeAdapter(dict[str, ParliamentConstituency])
_LISTED = f"at most {PAGE} on a page"
router = APIRouter(tags=["parliament"])


def _storable(number: int) -> int:
    """A number that no database column holds is no petition's."""
    if not 0 < number < 2**31:
        raise NotFound("petition_unknown", f"There is no petition {number}.")
    return number


Number = Annotated[int, AfterValidator(_storable)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page of which list."""

    state: ListState
    page: int
    count: int

    def address(self, base_url: str, page: int) -> str:
        """Where another page of the same list is; what is as it is by itself is left out."""
        told = {
            "count": None if self.count == PAGE else self.count,
            "page": None if page == 1 else page,
            "state": None if self.state is ListState.ALL else self.state.value,
        }
        query = urlencode({name: value for name, value in told.items() if value is not None})
        return f"{base_url}/petitions.json" + (f"?{query}" if query else "")


class ParliamentAnswers:
    """What was made for one is kept for all: pages, petitions by number, and files by state."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._base_url = lobby.settings.base_url
        self.pages = prebuilt(lobby, self._page, most_keys=MOST_LISTS)
        self.petitions = prebuilt(lobby, self._petition, most_keys=MOST_PETITIONS)
        self.counts = prebuilt(lobby, self._count)
        self.files = prebuilt(lobby, self._file)
        but_counts = lobby.database.read_version_but_counts
        self.house = prebuilt(lobby, self._house, version=but_counts)

    def _page(self, session: Session, wanted: Wanted) -> CachedAnswer:
        found = petition_lists.page(
            session, wanted.state, number=wanted.page, size=wanted.count, now=self._lobby.clock()
        )
        links = _links(wanted, found.last, self._base_url)
        data = [listed(each, self._link(each.petition.number)) for each in found.petitions]
        return CachedAnswer.of(PetitionList(links=links, data=data))

    def _petition(self, session: Session, number: int) -> CachedAnswer:
        now = self._lobby.clock()
        found = petition_lists.by_number(session, number, now=now)
        places = petition_lists.places_of(session, found.petition.id, today=now.date())
        return CachedAnswer.of(in_whole(found, places, self._link(number)))

    def _count(self, session: Session, number: int) -> CachedAnswer:
        found = petition_lists.by_number(session, number, now=self._lobby.clock())
        return CachedAnswer.of(SignatureCount(signature_count=found.signature_count))

    def _file(self, session: Session, state: ListState) -> CachedAnswer:
        found = petition_lists.full_list(session, state, now=self._lobby.clock())
        rows = [
            (
                each.petition.action,
                f"{self._base_url}/petitions/{each.petition.slug}",
                "open" if each.is_open else "closed",
                each.signature_count,
            )
            for each in found
        ]
        text = csv_text(COLUMNS, rows)
        return CachedAnswer.of_bytes(text.encode(), media_type=f"{CSV}; charset=utf-8")

    def _house(self, session: Session, _key: str) -> CachedAnswer:
        house = {
            seat.constituency.code: ParliamentConstituency(
                mp=seat.member.name if seat.member else None,
                party=seat.member.party if seat.member else None,
                constituency=seat.constituency.name,
                ons_code=seat.constituency.code,
            )
            for seat in seats.all_seats(
                session, today=self._lobby.clock().date(), organisation_id=None
            )
        }
        return CachedAnswer.of_bytes(_HOUSE.dump_json(house))

    def _link(self, number: int) -> str:
        return f"{self._base_url}/petitions/{number}.json"


def _links(wanted: Wanted, last: int, base_url: str) -> PageLinks:
    """From behind the last page, the previous one is the last."""
    page = wanted.page
    return PageLinks(
        self=wanted.address(base_url, page),
        first=wanted.address(base_url, 1),
        last=wanted.address(base_url, last),
        next=wanted.address(base_url, page + 1) if page < last else None,
        prev=wanted.address(base_url, min(page - 1, last)) if page > 1 else None,
    )


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
    wanted = Wanted(state, page, count)
    return await public_answers.answer(request, _answers(request).pages, wanted)


@router.get("/petitions.csv", response_class=Response, responses=AS_CSV)
async def download_parliament_petitions(
    request: Request, state: ListState = ListState.ALL
) -> Response:
    """All public petitions of a state as CSV: title, address, state and count.

    Newest first, with the column names of petition.parliament.uk.
    """
    return await public_answers.answer(request, _answers(request).files, state)


@router.get("/petitions/{number}.json", response_model=PetitionDocument)
async def read_parliament_petition(number: Number, request: Request) -> Response:
    """One petition by its number, with signatures by constituency, region and country.

    Constituencies with at least one signature, in order of name. A tally tells home and abroad
    apart, and no countries: all others are together under `ZZ`.
    """
    return await public_answers.answer(request, _answers(request).petitions, number)


@router.get("/petitions/{number}/count.json", response_model=SignatureCount)
async def read_parliament_count(number: Number, request: Request) -> Response:
    """The confirmed signatures of a petition by its number."""
    return await public_answers.answer(request, _answers(request).counts, number)


@router.get("/constituencies.json", response_model=dict[str, ParliamentConstituency])
async def list_parliament_constituencies(request: Request) -> Response:
    """Every constituency with its MP, by the code of the Office for National Statistics."""
    return await public_answers.answer(request, _answers(request).house, "")


def _answers(request: Request) -> ParliamentAnswers:
    found: ParliamentAnswers = request.app.state.parliament_answers
    return found
