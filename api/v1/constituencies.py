"""The lists of constituencies and of sitting members, each whole in one answer."""

from fastapi import Request, Response

from api.answers import public_answers
from api.answers.state import state_of
from api.http.late_routes import Router
from api.http.query_names import KNOWN_NAMES
from api.schemas.member import SittingMember
from api.schemas.postcode import SeatAnswer

router = Router(tags=["members"])


@router.get("/constituencies", response_model=list[SeatAnswer], dependencies=[KNOWN_NAMES])
async def list_constituencies(request: Request) -> Response:
    """List all constituencies with their members of today, in order of name, on one page."""
    answers = state_of(request).public_answers.seat_lists
    return await public_answers.answer(request, answers, public_answers.CONSTITUENCIES)


@router.get("/members", response_model=list[SittingMember], dependencies=[KNOWN_NAMES])
async def list_members(request: Request) -> Response:
    """List all members who hold a seat today, in order of their ids, on one page."""
    answers = state_of(request).public_answers.seat_lists
    return await public_answers.answer(request, answers, public_answers.MEMBERS)
