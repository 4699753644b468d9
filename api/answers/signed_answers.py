"""The answer to a signature, made once for all who sign in the same seat."""

from api.schemas.postcode import constituency_answer, member_answer
from api.schemas.signature import MotionSeen, SignedAnswer
from services.views.seat_views import SeatBoard

MESSAGE = "Thank you. Please open the mail that we have just sent, and confirm your signature."


class SignedAnswers:
    """Of one petition, by constituency."""

    def __init__(self, board: SeatBoard) -> None:
        self._board = board
        self._content: dict[str, bytes] = {}

    def answer(self, code: str) -> SignedAnswer:
        """For a constituency's code, 'unknown' or 'overseas'."""
        seen = self._board.seat(code)
        motion = seen.motion and MotionSeen(
            number=seen.motion.number,
            title=seen.motion.title,
            signed_by_member=seen.is_signed_by_member,
        )
        return SignedAnswer(
            constituency=constituency_answer(seen.constituency),
            member=member_answer(seen.member, seen.constituency),
            motion=motion,
            message=MESSAGE,
        )

    def content(self, code: str) -> bytes:
        """The same as JSON. Codes are those that `recording.record` gave: there are not many."""
        found = self._content.get(code)
        if found is None:
            found = self._content[code] = self.answer(code).model_dump_json().encode()
        return found
