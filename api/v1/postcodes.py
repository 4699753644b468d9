"""The constituency and the MP of a postcode."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.answers.caching import cacheable
from api.answers.public_answers import SeatAnswers
from api.answers.state import AppState, state_of
from api.schemas.postcode import PostcodeAnswer
from models.postcode import PostcodeResult, PostcodeStatus
from services.errors import Invalid, NotFound

router = APIRouter(tags=["postcodes"])


@router.get("/postcodes/{postcode}", response_model=PostcodeAnswer)
async def look_up(postcode: str, request: Request) -> Response:
    """Read the constituency and the MP of a postcode, in any case and spacing."""
    state = state_of(request)
    result = state.lobby.postcodes.lookup(postcode)
    if result.status is PostcodeStatus.UNKNOWN:
        raise NotFound("postcode_unknown", f"We do not know the postcode {result.postcode}.")
    seats = state.public_answers.seats.cached("")
    if seats is None:
        seats = await run_in_threadpool(state.public_answers.seats.get, "")
    return cacheable(request, _answer(result, seats))


def cached(state: AppState, postcode: str) -> PostcodeAnswer | None:
    """Works like `look_up`, but returns None where that takes work or is an error."""
    seats = state.public_answers.seats.cached("")
    if seats is None:
        return None
    try:
        result = state.lobby.postcodes.lookup(postcode)
    except Invalid:
        return None
    return None if result.status is PostcodeStatus.UNKNOWN else _answer(result, seats)


def _answer(result: PostcodeResult, seats: SeatAnswers) -> PostcodeAnswer:
    constituency, member = seats.get(result.constituency_code, (None, None))
    return PostcodeAnswer(
        postcode=result.postcode, status=result.status, constituency=constituency, member=member
    )
