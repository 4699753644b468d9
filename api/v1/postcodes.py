"""The constituency and the MP of a postcode."""

from fastapi import Request, Response

from api.answers.cached_answer import CachedAnswer
from api.answers.state import AppState, state_of
from api.http.late_routes import Router
from api.schemas.postcode import PostcodeAnswer
from models.postcode import PostcodeStatus
from services.errors import Invalid, NotFound

router = Router(tags=["postcodes"])


@router.get("/postcodes/{postcode}", response_model=PostcodeAnswer)
async def look_up(postcode: str, request: Request) -> Response:
    """Read the constituency and the MP of a postcode, in any case and spacing."""
    state = state_of(request)
    result = state.lobby.postcodes.lookup(postcode)
    if result.status is PostcodeStatus.UNKNOWN:
        raise NotFound("postcode_unknown", f"We do not know the postcode {result.postcode}.")
    answers = await state.public_answers.postcodes.fetch("")
    return answers.answer(result).response(request)


async def known(state: AppState, postcode: str) -> CachedAnswer | None:
    """Works like `look_up`, but returns None where that is an error."""
    try:
        result = state.lobby.postcodes.lookup(postcode)
    except Invalid:
        return None
    if result.status is PostcodeStatus.UNKNOWN:
        return None
    return (await state.public_answers.postcodes.fetch("")).answer(result)
