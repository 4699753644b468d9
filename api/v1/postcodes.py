"""The constituency and the MP of a postcode."""

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.answers.cached_answer import CachedAnswer
from api.answers.state import AppState, state_of
from api.schemas.postcode import PostcodeAnswer
from models.postcode import PostcodeStatus
from services.errors import Invalid, NotFound

router = APIRouter(tags=["postcodes"])


@router.get("/postcodes/{postcode}", response_model=PostcodeAnswer)
async def look_up(postcode: str, request: Request) -> Response:
    """Read the constituency and the MP of a postcode, in any case and spacing."""
    state = state_of(request)
    result = state.lobby.postcodes.lookup(postcode)
    if result.status is PostcodeStatus.UNKNOWN:
        raise NotFound("postcode_unknown", f"We do not know the postcode {result.postcode}.")
    answers = state.public_answers.postcodes.cached("")
    if answers is None:
        answers = await run_in_threadpool(state.public_answers.postcodes.get, "")
    return answers.answer(result).response(request)


def cached(state: AppState, postcode: str) -> CachedAnswer | None:
    """Works like `look_up`, but returns None where that takes work or is an error."""
    answers = state.public_answers.postcodes.cached("")
    if answers is None:
        return None
    try:
        result = state.lobby.postcodes.lookup(postcode)
    except Invalid:
        return None
    return None if result.status is PostcodeStatus.UNKNOWN else answers.answer(result)
