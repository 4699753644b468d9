"""Cached responses in the form of petition.parliament.uk: its lists, petitions and constituencies.

They are cached for everybody, so links in them begin with the service's own address, not with the
host name of a request.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from pydantic import TypeAdapter
from sqlmodel import Session

from api.answers.cached_answer import CachedAnswer
from api.answers.caching import CSV
from api.answers.public_answers import database_cache
from api.schemas.parliament_petition import (
    PageLinks,
    ParliamentConstituency,
    PetitionList,
    SignatureCount,
    in_whole,
    listed,
)
from services.assembly import Lobby
from services.files.csv_writing import csv_text
from services.parliament import seats
from services.views import petition_lists
from services.views.petition_lists import ListState

PAGE = 50
MOST_LISTS, MOST_PETITIONS = 100, 100  # each has some 100 KB
COLUMNS = ("Petition", "URL", "State", "Signatures Count")
_CONSTITUENCIES = TypeAdapter(dict[str, ParliamentConstituency])


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of one list of petitions. `count` is how many petitions a page has."""

    state: ListState
    page: int
    count: int

    def address(self, base_url: str, page: int) -> str:
        """Returns the address of another page of the same list, without parameters at defaults."""
        params = {
            "count": None if self.count == PAGE else self.count,
            "page": None if page == 1 else page,
            "state": None if self.state is ListState.ALL else self.state.value,
        }
        query = urlencode({name: value for name, value in params.items() if value is not None})
        return f"{base_url}/petitions.json" + (f"?{query}" if query else "")


class ParliamentAnswers:
    """Caches pages of lists, petitions and counts by number, CSV files by state, and all seats."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby
        self._base_url = lobby.settings.base_url
        self.pages = database_cache(lobby, self._page, most_keys=MOST_LISTS)
        self.petitions = database_cache(lobby, self._petition, most_keys=MOST_PETITIONS)
        self.counts = database_cache(lobby, self._count)
        self.files = database_cache(lobby, self._file)
        but_counts = lobby.database.read_version_but_counts
        self.constituencies = database_cache(lobby, self._constituencies, version=but_counts)

    def _page(self, session: Session, page: ListPage) -> CachedAnswer:
        listing = petition_lists.page(
            session, page.state, number=page.page, size=page.count, now=self._lobby.clock()
        )
        links = _links(page, listing.last, self._base_url)
        data = [listed(row, self._link(row.petition.number)) for row in listing.petitions]
        return CachedAnswer.of(PetitionList(links=links, data=data))

    def _petition(self, session: Session, number: int) -> CachedAnswer:
        now = self._lobby.clock()
        petition = petition_lists.by_number(session, number, now=now)
        places = petition_lists.places_of(session, petition.petition.id, today=now.date())
        return CachedAnswer.of(in_whole(petition, places, self._link(number)))

    def _count(self, session: Session, number: int) -> CachedAnswer:
        petition = petition_lists.by_number(session, number, now=self._lobby.clock())
        return CachedAnswer.of(SignatureCount(signature_count=petition.signature_count))

    def _file(self, session: Session, state: ListState) -> CachedAnswer:
        rows = [
            (
                row.petition.action,
                f"{self._base_url}/petitions/{row.petition.slug}",
                "open" if row.is_open else "closed",
                row.signature_count,
            )
            for row in petition_lists.full_list(session, state, now=self._lobby.clock())
        ]
        text = csv_text(COLUMNS, rows)
        return CachedAnswer.of_bytes(text.encode(), media_type=f"{CSV}; charset=utf-8")

    def _constituencies(self, session: Session, _key: str) -> CachedAnswer:
        constituencies = {
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
        return CachedAnswer.of_bytes(_CONSTITUENCIES.dump_json(constituencies))

    def _link(self, number: int) -> str:
        return f"{self._base_url}/petitions/{number}.json"


def _links(page: ListPage, last: int, base_url: str) -> PageLinks:
    """Beyond the last page, `prev` is the last page."""
    number = page.page
    return PageLinks(
        self=page.address(base_url, number),
        first=page.address(base_url, 1),
        last=page.address(base_url, last),
        next=page.address(base_url, number + 1) if number < last else None,
        prev=page.address(base_url, min(number - 1, last)) if number > 1 else None,
    )
