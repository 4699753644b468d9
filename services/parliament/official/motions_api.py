"""Client for Parliament's Motions API.

It follows real answers rather than the API's description. Pitfalls (see
`docs/guide/parliament.md`): a failure comes as HTTP 200 with `Success: false`; `SponsorsCount` of
one motion is always 0; a member can have two rows; a withdrawn name has no order, and order 99999
means 'unknown'; times are UK local time without an offset, with 0 to 7 digits of a second, and
midnight where only the day is known.
"""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from typing import Annotated, Any, TypeVar

import httpx2
from pydantic import AliasPath, BaseModel, BeforeValidator, Field, ValidationError

from services.common import times
from services.errors import Invalid, NotFound, Unavailable
from services.parliament.official import backoff, http
from services.parliament.official.http import Sleep

ORDER_UNKNOWN = 99999
WITHDRAWN_STATUS = 1
PAGE = 100
LONGEST_VALIDATOR = 200


def _is_withdrawn(status: int | str | None) -> bool:
    """The description of the API names a motion's status; its answers number it."""
    return str(status).strip().casefold() in (str(WITHDRAWN_STATUS), "withdrawn")


def _day(value: Any) -> Any:
    return value[:10] if isinstance(value, str) else value


def _moment(value: Any) -> datetime | None:
    """Reads a time of clocks in the UK as UTC.

    Returns None where it is midnight, which means that only the day is known, or not a time: the
    day is checked on its own, and a motion with its days is worth more than none.
    """
    try:
        local = datetime.fromisoformat(value)
        if local.time() == time_of_day():
            return None
        is_local = local.tzinfo is None
        return times.in_london(local.date(), local.time()) if is_local else local.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Day = Annotated[date, BeforeValidator(_day)]
Id = Annotated[int, Field(gt=0, lt=2**31)]  # what an INTEGER of PostgreSQL holds


class PublishedMember(BaseModel):
    """A member's name and party at the time of the request, not of the signature."""

    name: str = Field(alias="Name")
    party: str | None = Field(alias="Party")


class SponsorAnswer(BaseModel):
    """One name on a motion. Its key is `Id`, because a member can have several rows.

    `created_at` and `withdrawn_at` are None where only the day is known.
    """

    id: Id = Field(alias="Id")
    member_id: Id = Field(alias="MemberId")
    member: PublishedMember = Field(alias="Member")
    order: int | None = Field(alias="SponsoringOrder")
    signed_on: Day = Field(alias="CreatedWhen")
    created_at: Moment = Field(validation_alias=AliasPath("CreatedWhen"))
    is_withdrawn: bool = Field(alias="IsWithdrawn")
    withdrawn_on: Day | None = Field(alias="WithdrawnDate")
    withdrawn_at: Moment = Field(validation_alias=AliasPath("WithdrawnDate"))

    @property
    def signed_at(self) -> datetime | None:
        """The moment of signing, or None where only the day is known or not even that.

        A withdrawal can rewrite `CreatedWhen`; it was not rewritten where it is the earlier of the
        two.
        """
        if not self.is_withdrawn or self.created_at is None:
            return self.created_at
        ended_at = self.withdrawn_at or (
            times.begin_of_day(self.withdrawn_on) if self.withdrawn_on else self.created_at
        )
        return self.created_at if self.created_at < ended_at else None

    @property
    def sponsoring_order(self) -> int | None:
        """The sponsoring order, or None where Parliament does not know it."""
        return self.order if self.order and 0 < self.order < ORDER_UNKNOWN else None


class PublishedMotion(BaseModel):
    """A motion with the names on it, withdrawn ones too. `text` can be None, `status` a word."""

    id: Id = Field(alias="Id")
    number: str = Field(alias="UINWithAmendmentSuffix", min_length=1)
    status: int | str = Field(alias="Status")
    status_on: Day | None = Field(alias="StatusDate", default=None)
    status_at: Moment = Field(validation_alias=AliasPath("StatusDate"), default=None)
    title: str = Field(alias="Title", min_length=1)
    text: str | None = Field(alias="MotionText")
    tabled_on: Day = Field(alias="DateTabled")
    amends_id: Id | None = Field(alias="AmendmentToMotionId", default=None)
    sponsors: list[SponsorAnswer] = Field(alias="Sponsors")

    @property
    def is_withdrawn(self) -> bool:
        """Returns whether the motion itself was withdrawn."""
        return _is_withdrawn(self.status)


@dataclass(frozen=True, slots=True)
class Validators:
    """The HTTP validators of an answer, for a conditional request next time."""

    etag: str | None = None
    last_modified: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a conditional request; empty without validators."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}


NO_VALIDATORS = Validators()


@dataclass(frozen=True, slots=True)
class FetchedMotion:
    """A successful answer and its validators."""

    answer: PublishedMotion
    validators: Validators


class ListedMotion(BaseModel):
    """A motion in Parliament's list, which has no names except the primary sponsor's.

    `sponsors_count` is Parliament's own and counts withdrawn names.
    """

    id: int = Field(alias="Id", gt=0)
    number: str = Field(alias="UINWithAmendmentSuffix", min_length=1)
    title: str = Field(alias="Title", min_length=1)
    tabled_on: Day = Field(alias="DateTabled")
    primary_sponsor: PublishedMember | None = Field(alias="PrimarySponsor", default=None)
    sponsors_count: int = Field(alias="SponsorsCount", default=0)
    status: int | str | None = Field(alias="Status", default=None)
    status_on: Day | None = Field(alias="StatusDate", default=None)
    amends_id: int | None = Field(alias="AmendmentToMotionId", default=None)

    @property
    def is_withdrawn(self) -> bool:
        """Returns whether the motion itself was withdrawn."""
        return _is_withdrawn(self.status)


class _Paging(BaseModel):
    total: int = Field(alias="Total", ge=0)


class _List(BaseModel):
    success: bool = Field(alias="Success")
    response: list[ListedMotion] | None = Field(alias="Response")


class _MotionPage(_List):
    paging: _Paging = Field(alias="PagingInfo")


@dataclass(frozen=True, slots=True)
class MotionPage:
    """One page of Parliament's list; `total` counts the motions on all pages."""

    motions: list[ListedMotion]
    total: int


_Listing = TypeVar("_Listing", bound=_List)


class _Envelope(BaseModel):
    success: bool = Field(alias="Success")
    errors: list[str] | None = Field(alias="Errors", default=None)
    response: dict[str, Any] | None = Field(alias="Response")


def fetch_motion(
    client: httpx2.Client, motion_id: int, *, sleep: Sleep = time.sleep
) -> FetchedMotion:
    """Fetches one motion. Raises Unavailable on every bad answer, and NotFound on a 404."""
    response = _get_motion(client, motion_id, NO_VALIDATORS, sleep)
    return _fetched(response, motion_id)


def fetch_if_changed(
    client: httpx2.Client, motion_id: int, *, validators: Validators, sleep: Sleep = time.sleep
) -> FetchedMotion | None:
    """Fetches one motion; returns None where the API says that it has not changed.

    `validators` are those of the last answer. Raises as `fetch_motion` does.
    """
    response = _get_motion(client, motion_id, validators, sleep)
    if response.status_code == httpx2.codes.NOT_MODIFIED:
        return None
    return _fetched(response, motion_id)


def search_motions(
    client: httpx2.Client,
    *,
    query: str = "",
    number: str = "",
    tabled_from: date | None,
    limit: int,
    sleep: Sleep = time.sleep,
) -> list[ListedMotion]:
    """Returns motions whose title has the words of `query`, newest first.

    With `number`, only those of that number, which restarts in every session of Parliament. Raises
    Unavailable on every bad answer.
    """
    # The API silently ignores a name without the prefix, and would return every motion.
    params: dict[str, str | int] = {"parameters.searchTerm": query} if query else {}
    if number:
        params["parameters.uINWithAmendmentSuffix"] = number
    params |= {"parameters.orderBy": "DateTabledDesc", "parameters.take": limit}
    if tabled_from is not None:
        params["parameters.tabledStartDate"] = tabled_from.isoformat()
    about = f"the search for '{query or number}'"
    found = _get_list(client, _List, about, params, sleep)[1]
    # In case the API ignores this name too, one day.
    return [motion for motion in found if not number or motion.number == number]


def list_page(
    client: httpx2.Client,
    *,
    tabled_from: date,
    tabled_to: date | None,
    skip: int,
    sleep: Sleep = time.sleep,
) -> MotionPage:
    """Returns up to `PAGE` motions tabled in a range of days, after the first `skip`, oldest first.

    `tabled_to` is included. Raises Unavailable on every bad answer, but does not check that the
    page continues the one before.
    """
    params: dict[str, str | int] = {
        "parameters.tabledStartDate": tabled_from.isoformat(),
        # Oldest first, so that a motion tabled meanwhile comes last and moves no other.
        "parameters.orderBy": "DateTabledAsc",
        "parameters.take": PAGE,
        "parameters.skip": skip,
    }
    if tabled_to is not None:
        params["parameters.tabledEndDate"] = tabled_to.isoformat()
    page, motions = _get_list(client, _MotionPage, page_name(skip), params, sleep)
    return MotionPage(motions, page.paging.total)


def page_name(skip: int) -> str:
    """Returns the name of a page of the list in error messages."""
    return f"page {skip // PAGE + 1} of the list"


def read_answer(content: bytes, motion_id: int) -> PublishedMotion:
    """Parses an answer strictly: one bad row makes the whole answer bad.

    Raises Unavailable, naming the motion's id.
    """
    about = f"motion {motion_id}"
    if b"\\u0000" in content:  # PostgreSQL cannot store it
        raise _bad(about, "an answer with a NUL character")
    try:
        envelope = _Envelope.model_validate_json(content)
        if not envelope.success or envelope.response is None:
            raise _bad(about, f"it reported {'; '.join(envelope.errors or ['a failure'])}")
        answer = PublishedMotion.model_validate(envelope.response)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise _bad(about, f"an answer of another form ({field}: {first['msg']})") from error
    if answer.id != motion_id:
        raise _bad(about, f"an answer about motion {answer.id}")
    return answer


def read_saved_answer(content: bytes, name: str) -> PublishedMotion:
    """Parses an answer saved to the file `name`; the motion's id comes from the answer.

    Raises Invalid where the file is not an answer about a motion, and otherwise as `read_answer`.
    """
    try:
        response = _Envelope.model_validate_json(content).response or {}
    except ValidationError as error:
        raise Invalid("file_invalid", f"{name} is not an answer of the Motions API.") from error
    motion_id = response.get("Id")
    if not isinstance(motion_id, int):
        raise Invalid("file_invalid", f"{name} holds no motion.")
    return read_answer(content, motion_id)


def _get_motion(
    client: httpx2.Client, motion_id: int, validators: Validators, sleep: Sleep
) -> httpx2.Response:
    about, headers = f"motion {motion_id}", validators.headers
    expected = {httpx2.codes.OK, httpx2.codes.NOT_FOUND}
    response = http.get(
        client,
        f"/EarlyDayMotion/{motion_id}",
        api=backoff.MOTIONS,
        about=about,
        headers=headers,
        # A 304 is wrong where the request was not conditional.
        expected=expected | {httpx2.codes.NOT_MODIFIED} if headers else expected,
        sleep=sleep,
    )
    if response.status_code == httpx2.codes.NOT_FOUND:
        raise NotFound("motion_unknown", f"Parliament does not know {about}.")
    return response


def _fetched(response: httpx2.Response, motion_id: int) -> FetchedMotion:
    validators = Validators(_validator(response, "ETag"), _validator(response, "Last-Modified"))
    return FetchedMotion(read_answer(response.content, motion_id), validators)


def _validator(response: httpx2.Response, name: str) -> str | None:
    """Returns a header that is safe to send back; None where it is absent or malformed."""
    text = response.headers.get(name, "")
    is_plain = text.isascii() and text.isprintable() and len(text) <= LONGEST_VALIDATOR
    return text if text and is_plain else None


def _get_list(
    client: httpx2.Client,
    model: type[_Listing],
    about: str,
    query: http.Query,
    sleep: Sleep,
) -> tuple[_Listing, list[ListedMotion]]:
    api, path = backoff.MOTIONS, "/EarlyDayMotions/list"
    response = http.get(client, path, api=api, about=about, query=query, sleep=sleep)
    try:
        listing = model.model_validate_json(response.content)
    except ValidationError as error:
        raise _bad(about, "an answer of another form") from error
    if not listing.success or listing.response is None:
        raise _bad(about, "it reported a failure")
    return listing, listing.response


def _bad(about: str, problem: str) -> Unavailable:
    return http.bad_answer(backoff.MOTIONS, about, problem)
