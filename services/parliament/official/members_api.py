"""The official Members API, as it really answers.

Its traps (see `docs/guide/parliament.md`): unknown names in a query are dropped in silence, so a
search can answer with peers; keys of a contact are left out where they have no value; a page of a
search never holds more than 20; a seat's id changed in 2024 while its name did not.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, TypeVar

import httpx2
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from services.common import texts
from services.errors import Invalid, Unavailable
from services.parliament.official import backoff, http
from services.parliament.official.http import Query, Sleep
from services.parliament.official.motions_api import Id

PAGE = 20
COMMONS = 1
PARLIAMENTARY_OFFICE, CONSTITUENCY_OFFICE = 1, 4
LONGEST = 500

Pause = Callable[[], None]
Progress = Callable[[int, int], None]


def _line(text: str) -> str:
    try:
        return texts.line(" ".join(text.split()), "text", longest=LONGEST)
    except Invalid as error:
        raise ValueError(error.message) from error


def _day(value: object) -> object:
    """The day of a local midnight without a zone: all that these times mean."""
    return date.fromisoformat(value[:10]) if isinstance(value, str) else value


Line = Annotated[str, AfterValidator(_line)]
Day = Annotated[date, BeforeValidator(_day)]


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True)


class _Party(_Answer):
    name: Line


class _HouseMembership(_Answer):
    house: Literal[1]
    seat: Line = Field(alias="membershipFrom")
    starts_on: Day = Field(alias="membershipStartDate")
    ends_on: Day | None = Field(alias="membershipEndDate")


class _Found(_Answer):
    id: Id
    name: Line = Field(alias="nameDisplayAs")
    party: _Party = Field(alias="latestParty")
    membership: _HouseMembership = Field(alias="latestHouseMembership")


class _Item(_Answer):
    value: _Found


class _MemberPage(_Answer):
    items: list[_Item]
    total: int = Field(alias="totalResults", ge=0)


class _Office(_Answer):
    """A way to reach a member; what has no value is often not there at all."""

    type_id: int = Field(alias="typeId")
    is_web_address: bool = Field(alias="isWebAddress", default=False)
    email: str | None = None


class _ContactItem(_Answer):
    value: list[_Office]


class Held(_Answer):
    """What a member is or was, from a day to a day; no end: still."""

    name: Line
    starts_on: Day = Field(alias="startDate")
    ends_on: Day | None = Field(alias="endDate")


class Biography(_Answer):
    """What can limit a member's freedom to sign, and the seats they sat for.

    Posts in the opposition limit nothing, and are not read.
    """

    representations: list[Held]
    government_posts: list[Held] = Field(alias="governmentPosts")
    other_posts: list[Held] = Field(alias="otherPosts")
    committees: list[Held] = Field(alias="committeeMemberships")


class _BiographyItem(_Answer):
    value: Biography


@dataclass(frozen=True, slots=True)
class FoundMember:
    """A member of the Commons as the API tells; `biography` is None where it was not asked for.

    `starts_on` is where the unbroken membership of the House began, which can be in another seat.
    """

    id: int
    name: str
    party: str
    seat: str
    starts_on: date
    ends_on: date | None
    email: str | None
    biography: Biography | None


def fetch_members(
    client: httpx2.Client,
    *,
    biographies: bool = True,
    pause: Pause = lambda: None,
    sleep: Sleep = time.sleep,
    progress: Progress = lambda _done, _total: None,
) -> list[FoundMember]:
    """Ask for every current member of the Commons, with address and biography: all or nothing.

    About 1,330 requests, 680 without biographies, with `pause` between two, and `sleep` before
    one is tried again. Unavailable on every kind of bad answer, with the page or the member it was
    about.
    """
    asking = _RequestSeries(client, pause, sleep, progress)
    found = _search(asking, requests_each=2 if biographies else 1)
    return [_whole(asking, member, biographies=biographies) for member in found]


class _RequestSeries:
    """One series of requests."""

    def __init__(
        self, client: httpx2.Client, pause: Pause, sleep: Sleep, progress: Progress
    ) -> None:
        self._client, self._pause, self._sleep, self._progress = client, pause, sleep, progress
        self._done = 0
        self.total = 0  # not known before the first page

    def get(
        self, form: type["_Form"], path: str, about: str, query: Query | None = None
    ) -> "_Form":
        """One answer, parsed strictly. `about` names it in a complaint."""
        if self._done:
            self._pause()
        api, sleep = backoff.MEMBERS, self._sleep
        response = http.get(self._client, path, api=api, about=about, query=query, sleep=sleep)
        answer = _read(form, response.content, about)
        self._done += 1
        if self.total:
            self._progress(self._done, self.total)
        return answer


_Form = TypeVar("_Form", bound=_Answer)


def _search(asking: _RequestSeries, *, requests_each: int) -> list[_Found]:
    """All pages of the search. One that does not continue the others is refused: members who
    come or go in between would shift the rest, and one of them would be missed."""
    first = _page(asking, 0)
    asking.total = -(-first.total // PAGE) + first.total * requests_each
    found = [item.value for item in first.items]
    _check_page(first, first, 0, set())
    while len(found) < first.total:
        page = _page(asking, len(found))
        _check_page(page, first, len(found), {member.id for member in found})
        found += [item.value for item in page.items]
    return found


def _page(asking: _RequestSeries, skip: int) -> _MemberPage:
    query: Query = {"House": COMMONS, "IsCurrentMember": "true", "skip": skip, "take": PAGE}
    return asking.get(_MemberPage, "/Members/Search", _page_name(skip), query)


def _check_page(page: _MemberPage, first: _MemberPage, skip: int, seen: set[int]) -> None:
    fault = http.page_fault(
        [item.value.id for item in page.items],
        noun="member",
        total=page.total,
        first_total=first.total,
        skip=skip,
        size=PAGE,
        seen=seen,
    )
    if fault:
        raise _bad(_page_name(skip), fault)


def _page_name(skip: int) -> str:
    return f"page {skip // PAGE + 1} of the search"


def _whole(asking: _RequestSeries, member: _Found, *, biographies: bool) -> FoundMember:
    about, path = f"member {member.id}", f"/Members/{member.id}"
    contact = asking.get(_ContactItem, f"{path}/Contact", about)
    biography = asking.get(_BiographyItem, f"{path}/Biography", about) if biographies else None
    return FoundMember(
        id=member.id,
        name=member.name,
        party=member.party.name,
        seat=member.membership.seat,
        starts_on=member.membership.starts_on,
        ends_on=member.membership.ends_on,
        email=_email(contact),
        biography=biography.value if biography else None,
    )


def _email(contact: _ContactItem) -> str | None:
    """The address of the office in Parliament, or else in the constituency; none that is wrong."""
    for wanted in (PARLIAMENTARY_OFFICE, CONSTITUENCY_OFFICE):
        for office in contact.value:
            if office.type_id == wanted and office.email and not office.is_web_address:
                try:
                    return texts.email_address(office.email)
                except Invalid:
                    continue
    return None


def _read(form: type[_Form], content: bytes, about: str) -> _Form:
    try:
        return form.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise _bad(about, f"an answer of another form ({place}: {first['msg']})") from error


def _bad(about: str, what: str) -> Unavailable:
    return http.bad_answer(backoff.MEMBERS, about, what)
