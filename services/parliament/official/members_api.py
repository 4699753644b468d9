"""Client for Parliament's Members API.

It follows real answers rather than the API's description. Pitfalls (see
`docs/guide/parliament.md`): the API silently ignores unknown query parameters, so a search can
return peers; it leaves out keys of a contact that have no value; a page of a search has at most 20
members; the ids of constituencies changed in 2024 while their names did not.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, TypeVar

import httpx2
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from models import ContactPlace
from services.common import texts
from services.errors import Invalid, Unavailable
from services.parliament.official import backoff, http
from services.parliament.official.http import Query, Sleep
from services.parliament.official.motions_api import Id

PAGE = 20
COMMONS = 1
PARLIAMENTARY_OFFICE, CONSTITUENCY_OFFICE = 1, 4
# All other types can be private: a home, an agent, a ministry.
PLACES = {
    PARLIAMENTARY_OFFICE: ContactPlace.WESTMINSTER,
    CONSTITUENCY_OFFICE: ContactPlace.CONSTITUENCY,
}
LONGEST = 500
LONGEST_TELEPHONE, LONGEST_EMAIL, FEWEST_DIGITS = 40, 254, 3

Pause = Callable[[], None]
Progress = Callable[[int, int], None]


def _line(text: str) -> str:
    try:
        return texts.line(" ".join(text.split()), "text", longest=LONGEST)
    except Invalid as error:
        raise ValueError(error.message) from error


def _day(value: object) -> object:
    # The API gives a day as a local midnight without a time zone.
    return date.fromisoformat(value[:10]) if isinstance(value, str) else value


Line = Annotated[str, AfterValidator(_line)]
Day = Annotated[date, BeforeValidator(_day)]


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True)


_AnswerType = TypeVar("_AnswerType", bound=_Answer)


class _Party(_Answer):
    name: Line


class _HouseMembership(_Answer):
    house: Literal[1]
    seat: Line = Field(alias="membershipFrom")
    starts_on: Day = Field(alias="membershipStartDate")
    ends_on: Day | None = Field(alias="membershipEndDate")


class _SearchResult(_Answer):
    id: Id
    name: Line = Field(alias="nameDisplayAs")
    full_title: str | None = Field(alias="nameFullTitle", default=None)
    listed_as: str | None = Field(alias="nameListAs", default=None)
    party: _Party = Field(alias="latestParty")
    membership: _HouseMembership = Field(alias="latestHouseMembership")


class _SearchItem(_Answer):
    value: _SearchResult


class _MemberPage(_Answer):
    items: list[_SearchItem]
    total: int = Field(alias="totalResults", ge=0)


class _ContactAddress(_Answer):
    """An address of a member; keys without a value are often absent."""

    type_id: int = Field(alias="typeId")
    is_preferred: bool = Field(alias="isPreferred", default=False)
    is_web_address: bool = Field(alias="isWebAddress", default=False)
    phone: str | None = None
    email: str | None = None


class _ContactItem(_Answer):
    value: list[_ContactAddress]


class BiographyEntry(_Answer):
    """A seat, office or committee that a member has or had; `ends_on` is None while it lasts."""

    name: Line
    starts_on: Day = Field(alias="startDate")
    ends_on: Day | None = Field(alias="endDate")


class Biography(_Answer):
    """The seats that a member sat for, and the offices that can keep them from signing.

    Offices in the opposition keep nobody from signing, so they are not read.
    """

    representations: list[BiographyEntry]
    government_posts: list[BiographyEntry] = Field(alias="governmentPosts")
    other_posts: list[BiographyEntry] = Field(alias="otherPosts")
    committees: list[BiographyEntry] = Field(alias="committeeMemberships")


class _BiographyItem(_Answer):
    value: Biography


@dataclass(frozen=True, slots=True)
class OfficeContact:
    """What the directory publishes of a member's office: a telephone number, an address, or both.

    The number is as it is printed there, such as '020 7219 0000 (voicemail)'.
    """

    place: ContactPlace
    telephone: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class CommonsMember:
    """A member of the Commons with their contact data; `biography` is None if not requested.

    `email` is where letters go: the address of one of the offices in `contacts`. `starts_on` is
    when their unbroken membership of the House began, which can be in another seat. `full_title`
    reads 'Rt Hon Sir Keir Starmer MP', and `family_name` 'Starmer'; empty if unknown.
    """

    id: int
    name: str
    party: str
    seat: str
    starts_on: date
    ends_on: date | None
    email: str | None
    biography: Biography | None
    full_title: str = ""
    family_name: str = ""
    contacts: tuple[OfficeContact, ...] = ()


def fetch_members(
    client: httpx2.Client,
    *,
    biographies: bool = True,
    pause: Pause = lambda: None,
    sleep: Sleep = time.sleep,
    progress: Progress = lambda _done, _total: None,
) -> list[CommonsMember]:
    """Fetches every current member of the Commons, with addresses and biographies: all or none.

    Sends about 1,330 requests, or 680 without biographies, with `pause` between two requests and
    `sleep` before a retry. `progress` gets the number of requests done and the total. Raises
    Unavailable on every bad answer, naming the page or the member that it was about.
    """
    requests = _RequestSeries(client, pause, sleep, progress)
    results = _search(requests, requests_per_member=2 if biographies else 1)
    return [_complete(requests, result, biographies=biographies) for result in results]


class _RequestSeries:
    """Sends the requests of one sync, with pauses between them, and reports the progress."""

    def __init__(
        self, client: httpx2.Client, pause: Pause, sleep: Sleep, progress: Progress
    ) -> None:
        self._client, self._pause, self._sleep, self._progress = client, pause, sleep, progress
        self._done = 0
        self.total = 0  # unknown until the first page of the search

    def get(
        self, model: type[_AnswerType], path: str, about: str, query: Query | None = None
    ) -> _AnswerType:
        """Fetches one answer and parses it strictly. `about` names it in error messages."""
        if self._done:
            self._pause()
        api, sleep = backoff.MEMBERS, self._sleep
        response = http.get(self._client, path, api=api, about=about, query=query, sleep=sleep)
        answer = _parse(model, response.content, about)
        self._done += 1
        if self.total:
            self._progress(self._done, self.total)
        return answer


def _search(requests: _RequestSeries, *, requests_per_member: int) -> list[_SearchResult]:
    first = _page(requests, 0)
    requests.total = -(-first.total // PAGE) + first.total * requests_per_member
    results = [item.value for item in first.items]
    _check_page(first, first, 0, set())
    while len(results) < first.total:
        page = _page(requests, len(results))
        _check_page(page, first, len(results), {result.id for result in results})
        results += [item.value for item in page.items]
    return results


def _page(requests: _RequestSeries, skip: int) -> _MemberPage:
    query: Query = {"House": COMMONS, "IsCurrentMember": "true", "skip": skip, "take": PAGE}
    return requests.get(_MemberPage, "/Members/Search", _page_name(skip), query)


def _check_page(page: _MemberPage, first: _MemberPage, skip: int, earlier_ids: set[int]) -> None:
    fault = http.page_fault(
        [item.value.id for item in page.items],
        noun="member",
        total=page.total,
        first_total=first.total,
        skip=skip,
        size=PAGE,
        earlier_ids=earlier_ids,
    )
    if fault:
        raise _bad(_page_name(skip), fault)


def _page_name(skip: int) -> str:
    return f"page {skip // PAGE + 1} of the search"


def _complete(
    requests: _RequestSeries, member: _SearchResult, *, biographies: bool
) -> CommonsMember:
    about, path = f"member {member.id}", f"/Members/{member.id}"
    contact = requests.get(_ContactItem, f"{path}/Contact", about)
    biography = requests.get(_BiographyItem, f"{path}/Biography", about) if biographies else None
    contacts = _contacts(contact)
    return CommonsMember(
        id=member.id,
        name=member.name,
        party=member.party.name,
        seat=member.membership.seat,
        starts_on=member.membership.starts_on,
        ends_on=member.membership.ends_on,
        email=next((office.email for office in contacts if office.email), None),
        biography=biography.value if biography else None,
        full_title=member.full_title or "",
        family_name=(member.listed_as or "").partition(",")[0],
        contacts=contacts,
    )


def _contacts(contact: _ContactItem) -> tuple[OfficeContact, ...]:
    """Returns the office in Parliament and then the constituency office, as far as published.

    A member can have several offices of a type: the preferred one counts first.
    """
    offices = sorted(contact.value, key=lambda office: not office.is_preferred)
    found = []
    for kind, place in PLACES.items():
        rows = [
            office for office in offices if office.type_id == kind and not office.is_web_address
        ]
        telephone = _first(_telephone, [office.phone for office in rows])
        email = _first(_email, [office.email for office in rows])
        if telephone or email:
            found.append(OfficeContact(place, telephone, email))
    return tuple(found)


def _first(rule: Callable[[str], str], values: list[str | None]) -> str | None:
    """Returns the first value that a rule accepts."""
    for value in filter(None, values):
        with suppress(Invalid):
            return rule(value)
    return None


def _telephone(text: str) -> str:
    """Returns a number as printed, in one line."""
    number = texts.line(" ".join(text.split()), "phone", longest=LONGEST_TELEPHONE)
    if sum(character.isdigit() for character in number) < FEWEST_DIGITS:
        raise Invalid.field("phone", "phone_malformed", "This is no telephone number.")
    return number


def _email(text: str) -> str:
    """Returns an address that fits into its column."""
    return texts.line(texts.email_address(text), "email", longest=LONGEST_EMAIL)


def _parse(model: type[_AnswerType], content: bytes, about: str) -> _AnswerType:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise _bad(about, f"an answer of another form ({field}: {first['msg']})") from error


def _bad(about: str, problem: str) -> Unavailable:
    return http.bad_answer(backoff.MEMBERS, about, problem)
