"""The response to a signature, serialised once per constituency and cached."""

from api.schemas.postcode import constituency_answer, member_answer
from api.schemas.signature import MotionSeen, SignedAnswer
from services.views.seat_views import SeatBoard

MESSAGE = "Thank you. We are sending you an email: please open it, and confirm your signature."


class SignedAnswers:
    """The responses of one petition. `code` is a constituency's code, 'unknown' or 'overseas'."""

    def __init__(self, board: SeatBoard) -> None:
        self._board = board
        self._content: dict[str, bytes] = {}

    def answer(self, code: str) -> SignedAnswer:
        """Returns the constituency, its MP, and whether they signed the motion."""
        seen = self._board.seat(code)
        motion = seen.motion and MotionSeen(
            number=seen.motion.number,
            title=seen.motion.title,
            signed_by_member=seen.is_signed_by_member if seen.member else None,
        )
        return SignedAnswer(
            constituency=constituency_answer(seen.constituency),
            member=member_answer(seen.member, seen.constituency),
            motion=motion,
            message=MESSAGE,
        )

    def content(self, code: str) -> bytes:
        """Returns the response as JSON, cached. Only codes from `recording.record` are valid here,
        so that the cache stays small."""
        content = self._content.get(code)
        if content is None:
            content = self._content[code] = self.answer(code).model_dump_json().encode()
        return content
