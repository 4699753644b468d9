"""Where a postcode is."""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from api.answers.public_answers import SeatAnswers
from api.answers.state import AppState, state_of
from api.schemas.postcode import PostcodeAnswer
from models.postcode import PostcodeResult, PostcodeStatus
from services.errors import Invalid, NotFound

router = APIRouter(tags=["postcodes"])


@router.get("/postcodes/{postcode}")
async def look_up(postcode: str, request: Request) -> PostcodeAnswer:
    """The constituency and the MP of a postcode, in any case and spacing."""
    state = state_of(request)
    found = state.lobby.postcodes.lookup(postcode)
    if found.status is PostcodeStatus.UNKNOWN:
        raise NotFound("postcode_unknown", f"We do not know the postcode {found.postcode}.")
    seats = state.public_answers.seats.at_hand("")
    if seats is None:
        seats = await run_in_threadpool(state.public_answers.seats.get, "")
    return _answer(found, seats)


def at_hand(state: AppState, postcode: str) -> PostcodeAnswer | None:
    """As `look_up`, where that takes no work; None where it does, or where it is an error."""
    seats = state.public_answers.seats.at_hand("")
    if seats is None:
        return None
    try:
        found = state.lobby.postcodes.lookup(postcode)
    except Invalid:
        return None
    return None if found.status is PostcodeStatus.UNKNOWN else _answer(found, seats)


def _answer(result: PostcodeResult, seats: SeatAnswers) -> PostcodeAnswer:
    constituency, member = seats.get(result.constituency_code, (None, None))
    return PostcodeAnswer(
        postcode=result.postcode, status=result.status, constituency=constituency, member=member
    )
