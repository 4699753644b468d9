"""The official Motions API, as it really answers.

Its traps (see `docs/guide/parliament.md`): failures come as HTTP 200 with `Success: false`;
`SponsorsCount` is always 0; a member can stand twice; a withdrawn name has no order and 99999
means 'unknown'; times are UK local without an offset, with 0 to 7 digits of a second.
"""

import time
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, TypeVar

import httpx2
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from services.errors import Invalid, NotFound, Unavailable
from services.parliament.official import backoff, http
from services.parliament.official.http import Sleep

ORDER_UNKNOWN = 99999
WITHDRAWN_STATUS = 1
PAGE = 100
LONGEST_VALIDATOR = 200


def _day(value: Any) -> Any:
    """The day of a local time: all that we take from it, so that its missing zone cannot hurt."""
    return value[:10] if isinstance(value, str) else value


Day = Annotated[date, BeforeValidator(_day)]
Id = Annotated[int, Field(gt=0, lt=2**31)]  # what an INTEGER of PostgreSQL holds


class PublishedMember(BaseModel):
    """A member at the moment of the request, not of the signing."""

    name: str = Field(alias="Name")
    party: str | None = Field(alias="Party")


class SponsorAnswer(BaseModel):
    """One row of names. Its key is `Id`: members can repeat."""

    id: Id = Field(alias="Id")
    member_id: Id = Field(alias="MemberId")
    member: PublishedMember = Field(alias="Member")
    order: int | None = Field(alias="SponsoringOrder")
    signed_on: Day = Field(alias="CreatedWhen")
    is_withdrawn: bool = Field(alias="IsWithdrawn")
    withdrawn_on: Day | None = Field(alias="WithdrawnDate")

    @property
    def sponsoring_order(self) -> int | None:
        """The order, or None where Parliament does not know it."""
        return self.order if self.order and 0 < self.order < ORDER_UNKNOWN else None


class PublishedMotion(BaseModel):
    """A motion with its names."""

    id: Id = Field(alias="Id")
    number: str = Field(alias="UINWithAmendmentSuffix", min_length=1)
    status: int = Field(alias="Status")
    status_on: Day | None = Field(alias="StatusDate", default=None)
    title: str = Field(alias="Title", min_length=1)
    text: str = Field(alias="MotionText")
    tabled_on: Day = Field(alias="DateTabled")
    amends_id: Id | None = Field(alias="AmendmentToMotionId", default=None)
    sponsors: list[SponsorAnswer] = Field(alias="Sponsors")

    @property
    def is_withdrawn(self) -> bool:
        """True where the motion itself was withdrawn."""
        return self.status == WITHDRAWN_STATUS


@dataclass(frozen=True, slots=True)
class Validators:
    """What an answer gave us to ask with next time whether it is still the same."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Of a request for what has changed; none where there is nothing to compare with."""
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in given.items() if value}


NO_VALIDATORS = Validators()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A good answer and its validators."""

    answer: PublishedMotion
    validators: Validators


class FoundMotion(BaseModel):
    """A motion in the official list. It has no names there; `sponsors_count` is Parliament's own
    and counts withdrawn ones."""

    id: int = Field(alias="Id", gt=0)
    number: str = Field(alias="UINWithAmendmentSuffix", min_length=1)
    title: str = Field(alias="Title", min_length=1)
    tabled_on: Day = Field(alias="DateTabled")
    primary_sponsor: PublishedMember | None = Field(alias="PrimarySponsor", default=None)
    sponsors_count: int = Field(alias="SponsorsCount", default=0)


class _Paging(BaseModel):
    total: int = Field(alias="Total", ge=0)


class _List(BaseModel):
    success: bool = Field(alias="Success")
    response: list[FoundMotion] | None = Field(alias="Response")


class _MotionPage(_List):
    paging: _Paging = Field(alias="PagingInfo")


@dataclass(frozen=True, slots=True)
class MotionPage:
    """One page of the official list; `total` counts the motions of all pages."""

    motions: list[FoundMotion]
    total: int


_Listing = TypeVar("_Listing", bound=_List)


class _Envelope(BaseModel):
    success: bool = Field(alias="Success")
    errors: list[str] | None = Field(alias="Errors", default=None)
    response: dict[str, Any] | None = Field(alias="Response")


def fetch_motion(client: httpx2.Client, motion_id: int, *, sleep: Sleep = time.sleep) -> Fetched:
    """Ask for one motion. Unavailable on every kind of bad answer; NotFound on a 404."""
    response = _get_motion(client, motion_id, NO_VALIDATORS, sleep)
    return _fetched(response, motion_id)


def fetch_if_changed(
    client: httpx2.Client, motion_id: int, *, known: Validators, sleep: Sleep = time.sleep
) -> Fetched | None:
    """As `fetch_motion`; None where the API says that nothing has changed since `known`."""
    response = _get_motion(client, motion_id, known, sleep)
    if response.status_code == httpx2.codes.NOT_MODIFIED:
        return None
    return _fetched(response, motion_id)


def search_motions(
    client: httpx2.Client,
    *,
    query: str,
    tabled_from: date | None,
    limit: int,
    sleep: Sleep = time.sleep,
) -> list[FoundMotion]:
    """Motions whose title has the words, newest first. Unavailable on every kind of bad answer."""
    asked: dict[str, str | int] = {
        # A name without the prefix would be dropped in silence, and everything found.
        "parameters.searchTerm": query,
        "parameters.orderBy": "DateTabledDesc",
        "parameters.take": limit,
    }
    if tabled_from is not None:
        asked["parameters.tabledStartDate"] = tabled_from.isoformat()
    return _get_list(client, _List, f"the search for '{query}'", asked, sleep)[1]


def list_page(
    client: httpx2.Client,
    *,
    tabled_from: date,
    tabled_to: date | None,
    skip: int,
    sleep: Sleep = time.sleep,
) -> MotionPage:
    """Up to `PAGE` motions tabled from a day to a day, after the first `skip`, oldest first.

    Unavailable on every kind of bad answer. Whether it continues another page is not checked.
    """
    asked: dict[str, str | int] = {
        "parameters.tabledStartDate": tabled_from.isoformat(),
        # Oldest first, so that a motion tabled meanwhile comes at the end and shifts nothing.
        "parameters.orderBy": "DateTabledAsc",
        "parameters.take": PAGE,
        "parameters.skip": skip,
    }
    if tabled_to is not None:
        asked["parameters.tabledEndDate"] = tabled_to.isoformat()
    page, found = _get_list(client, _MotionPage, page_name(skip), asked, sleep)
    return MotionPage(found, page.paging.total)


def page_name(skip: int) -> str:
    """What a page of the list is called in a complaint."""
    return f"page {skip // PAGE + 1} of the list"


def read_answer(content: bytes, motion_id: int) -> PublishedMotion:
    """Parse an answer strictly: what does not fit is refused whole, with the motion's id."""
    asked = f"motion {motion_id}"
    if b"\\u0000" in content:  # PostgreSQL cannot keep it
        raise _bad(asked, "an answer with a NUL character")
    try:
        envelope = _Envelope.model_validate_json(content)
        if not envelope.success or envelope.response is None:
            raise _bad(asked, f"it reported {'; '.join(envelope.errors or ['a failure'])}")
        answer = PublishedMotion.model_validate(envelope.response)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise _bad(asked, f"an answer of another form ({place}: {first['msg']})") from error
    if answer.id != motion_id:
        raise _bad(asked, f"an answer about motion {answer.id}")
    return answer


def read_saved(content: bytes, name: str) -> PublishedMotion:
    """As `read_answer`, for a saved answer: it says itself which motion it is about."""
    try:
        response = _Envelope.model_validate_json(content).response or {}
    except ValidationError as error:
        raise Invalid("file_invalid", f"{name} is not an answer of the Motions API.") from error
    motion_id = response.get("Id")
    if not isinstance(motion_id, int):
        raise Invalid("file_invalid", f"{name} holds no motion.")
    return read_answer(content, motion_id)


def _get_motion(
    client: httpx2.Client, motion_id: int, known: Validators, sleep: Sleep
) -> httpx2.Response:
    about, headers = f"motion {motion_id}", known.headers
    expected = {httpx2.codes.OK, httpx2.codes.NOT_FOUND}
    response = http.get(
        client,
        f"/EarlyDayMotion/{motion_id}",
        api=backoff.MOTIONS,
        about=about,
        headers=headers,
        # Nobody says 'not modified' to a request without a condition.
        expected=expected | {httpx2.codes.NOT_MODIFIED} if headers else expected,
        sleep=sleep,
    )
    if response.status_code == httpx2.codes.NOT_FOUND:
        raise NotFound("motion_unknown", f"Parliament does not know {about}.")
    return response


def _fetched(response: httpx2.Response, motion_id: int) -> Fetched:
    validators = Validators(_validator(response, "ETag"), _validator(response, "Last-Modified"))
    return Fetched(read_answer(response.content, motion_id), validators)


def _validator(response: httpx2.Response, name: str) -> str | None:
    """A header that can be sent back as it came; None where it is not there or is odd."""
    text = response.headers.get(name, "")
    is_plain = text.isascii() and text.isprintable() and len(text) <= LONGEST_VALIDATOR
    return text if text and is_plain else None


def _get_list(
    client: httpx2.Client,
    form: type[_Listing],
    about: str,
    query: http.Query,
    sleep: Sleep,
) -> tuple[_Listing, list[FoundMotion]]:
    api, path = backoff.MOTIONS, "/EarlyDayMotions/list"
    response = http.get(client, path, api=api, about=about, query=query, sleep=sleep)
    try:
        listing = form.model_validate_json(response.content)
    except ValidationError as error:
        raise _bad(about, "an answer of another form") from error
    if not listing.success or listing.response is None:
        raise _bad(about, "it reported a failure")
    return listing, listing.response


def _bad(about: str, what: str) -> Unavailable:
    return http.bad_answer(backoff.MOTIONS, about, what)
