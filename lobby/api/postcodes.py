"""Where a postcode is."""

from fastapi import APIRouter

from lobby.api.dependencies import Now, ReadSession, TheLobby
from lobby.api.schemas.postcode import PostcodeAnswer, constituency_answer, member_answer
from lobby.models.postcode import PostcodeStatus
from lobby.services import seats
from lobby.services.errors import NotFound

router = APIRouter(tags=["postcodes"])


@router.get("/postcodes/{postcode}")
def look_up(postcode: str, lobby: TheLobby, session: ReadSession, now: Now) -> PostcodeAnswer:
    """The constituency and the MP of a postcode, in any case and spacing."""
    found = lobby.postcodes.lookup(postcode)
    if found.status is PostcodeStatus.UNKNOWN:
        raise NotFound("postcode_unknown", f"We do not know the postcode {found.postcode}.")
    seat = seats.seat_of(session, found.constituency_code, today=now.date())
    constituency = seat.constituency if seat else None
    return PostcodeAnswer(
        postcode=found.postcode,
        status=found.status,
        constituency=constituency_answer(constituency),
        member=member_answer(seat.member if seat else None, constituency),
    )
