"""The official Motions API, as it really answers.

Its traps (see `docs/parliament.md`): failures come as HTTP 200 with `Success: false`;
`SponsorsCount` is always 0; a member can stand twice; a withdrawn name has no order and 99999
means 'unknown'; times are UK local without an offset, with 0 to 7 digits of a second.
"""

from datetime import date
from typing import Annotated, Any

import httpx2
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from lobby.services.errors import Invalid, NotFound, Unavailable

TIMEOUT = httpx2.Timeout(20.0, connect=5.0)
USER_AGENT = "CentralLobby/0.1 (campaign tallies; one request a second at most)"
ORDER_UNKNOWN = 99999
WITHDRAWN_STATUS = 1


def _day(value: Any) -> Any:
    """The day of a local time: all that we take from it, so that its missing zone cannot hurt."""
    return value[:10] if isinstance(value, str) else value


Day = Annotated[date, BeforeValidator(_day)]
Id = Annotated[int, Field(gt=0, lt=2**31)]  # what an INTEGER of PostgreSQL holds


class MemberAnswer(BaseModel):
    """A member at the moment of the request, not of the signing."""

    name: str = Field(alias="Name")
    party: str | None = Field(alias="Party")


class SponsorAnswer(BaseModel):
    """One row of names. Its key is `Id`: members can repeat."""

    id: Id = Field(alias="Id")
    member_id: Id = Field(alias="MemberId")
    member: MemberAnswer = Field(alias="Member")
    order: int | None = Field(alias="SponsoringOrder")
    signed_on: Day = Field(alias="CreatedWhen")
    is_withdrawn: bool = Field(alias="IsWithdrawn")
    withdrawn_on: Day | None = Field(alias="WithdrawnDate")

    @property
    def sponsoring_order(self) -> int | None:
        """The order, or None where Parliament does not know it."""
        return self.order if self.order and 0 < self.order < ORDER_UNKNOWN else None


class MotionAnswer(BaseModel):
    """A motion with its names."""

    id: Id = Field(alias="Id")
    number: str = Field(alias="UINWithAmendmentSuffix", min_length=1)
    status: int = Field(alias="Status")
    status_on: Day | None = Field(alias="StatusDate", default=None)
    title: str = Field(alias="Title", min_length=1)
    text: str = Field(alias="MotionText")
    tabled_on: Day = Field(alias="DateTabled")
    sponsors: list[SponsorAnswer] = Field(alias="Sponsors")

    @property
    def is_withdrawn(self) -> bool:
        """True where the motion itself was withdrawn."""
        return self.status == WITHDRAWN_STATUS


class FoundMotion(BaseModel):
    """A motion in the official list. It has no names there; `sponsors_count` is Parliament's own
    and counts withdrawn ones."""

    id: int = Field(alias="Id", gt=0)
    number: str = Field(alias="UINWithAmendmentSuffix", min_length=1)
    title: str = Field(alias="Title", min_length=1)
    tabled_on: Day = Field(alias="DateTabled")
    primary_sponsor: MemberAnswer | None = Field(alias="PrimarySponsor", default=None)
    sponsors_count: int = Field(alias="SponsorsCount", default=0)


class _List(BaseModel):
    success: bool = Field(alias="Success")
    response: list[FoundMotion] | None = Field(alias="Response")


class _Envelope(BaseModel):
    success: bool = Field(alias="Success")
    errors: list[str] | None = Field(alias="Errors", default=None)
    response: dict[str, Any] | None = Field(alias="Response")


def make_client(base_url: str) -> httpx2.Client:
    """A client for the official APIs; redirects are not followed."""
    return httpx2.Client(base_url=base_url, timeout=TIMEOUT, headers={"User-Agent": USER_AGENT})


def fetch_motion(client: httpx2.Client, motion_id: int) -> MotionAnswer:
    """Ask for one motion. Unavailable on every kind of bad answer; NotFound on a 404."""
    response = _get(client, f"/EarlyDayMotion/{motion_id}", f"motion {motion_id}")
    return read_answer(response.content, motion_id)


def search_motions(
    client: httpx2.Client, *, query: str, tabled_from: date | None, limit: int
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
    what = f"the search for '{query}'"
    response = _get(client, "/EarlyDayMotions/list", what, params=asked)
    try:
        found = _List.model_validate_json(response.content)
    except ValidationError as error:
        raise _bad(what, "an answer of another form") from error
    if not found.success or found.response is None:
        raise _bad(what, "it reported a failure")
    return found.response


def read_answer(content: bytes, motion_id: int) -> MotionAnswer:
    """Parse an answer strictly: what does not fit is refused whole, with the motion's id."""
    asked = f"motion {motion_id}"
    if b"\\u0000" in content:  # PostgreSQL cannot keep it
        raise _bad(asked, "an answer with a NUL character")
    try:
        envelope = _Envelope.model_validate_json(content)
        if not envelope.success or envelope.response is None:
            raise _bad(asked, f"it reported {'; '.join(envelope.errors or ['a failure'])}")
        answer = MotionAnswer.model_validate(envelope.response)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise _bad(asked, f"an answer of another form ({place}: {first['msg']})") from error
    if answer.id != motion_id:
        raise _bad(asked, f"an answer about motion {answer.id}")
    return answer


def read_saved(content: bytes, name: str) -> MotionAnswer:
    """As `read_answer`, for a saved answer: it says itself which motion it is about."""
    try:
        response = _Envelope.model_validate_json(content).response or {}
    except ValidationError as error:
        raise Invalid("file_invalid", f"{name} is not an answer of the Motions API.") from error
    motion_id = response.get("Id")
    if not isinstance(motion_id, int):
        raise Invalid("file_invalid", f"{name} holds no motion.")
    return read_answer(content, motion_id)


def _get(
    client: httpx2.Client, path: str, what: str, *, params: dict[str, str | int] | None = None
) -> httpx2.Response:
    try:
        response = client.get(path, params=params)
    except httpx2.HTTPError as error:
        raise _bad(what, f"no answer ({type(error).__name__})") from error
    if response.status_code == httpx2.codes.NOT_FOUND:
        raise NotFound("motion_unknown", f"Parliament does not know {what}.")
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        message = f"Parliament's Motions API asks us to wait (HTTP status 429, for {what})."
        raise Unavailable("motions_api_limited", message, _retry_after(response))
    if response.status_code != httpx2.codes.OK:
        raise _bad(what, f"HTTP status {response.status_code}", _retry_after(response))
    return response


def _retry_after(response: httpx2.Response) -> int:
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isdecimal() else 60


def _bad(asked: str, what: str, retry_after: int = 60) -> Unavailable:
    what = what.rstrip(".")
    message = f"Parliament's Motions API gave no good answer for {asked}: {what}."
    return Unavailable("motions_api_failed", message, retry_after)
