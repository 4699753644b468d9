"""The answers for postcodes, assembled from a part that is serialised once per seat."""

from api.answers import caching
from api.answers.cached_answer import CachedAnswer
from api.schemas.postcode import ConstituencyAnswer, MemberAnswer, PostcodeAnswer
from models.postcode import PostcodeResult, PostcodeStatus

SeatAnswers = dict[str | None, tuple[ConstituencyAnswer | None, MemberAnswer | None]]
"""The constituency and the MP of each seat, by the constituency's code."""
_BEGINNING = b'{"postcode":"'


class PostcodeAnswers:
    """The answers to all postcodes, for the MPs of one moment."""

    def __init__(self, seats: SeatAnswers) -> None:
        self._seats = seats
        self._rests: dict[tuple[PostcodeStatus, str | None], bytes] = {}

    def answer(self, result: PostcodeResult) -> CachedAnswer:
        """Returns the answer. A postcode in its normal form needs no escapes in JSON."""
        place = result.status, result.constituency_code
        rest = self._rests.get(place)
        if rest is None:
            rest = self._rests[place] = self._rest(*place)
        content = _BEGINNING + result.postcode.encode() + rest
        return CachedAnswer(content, None, caching.etag_of(content))

    def _rest(self, status: PostcodeStatus, code: str | None) -> bytes:
        """Returns the JSON behind the postcode."""
        constituency, member = self._seats.get(code, (None, None))
        answer = PostcodeAnswer(
            postcode="", status=status, constituency=constituency, member=member
        )
        return answer.model_dump_json().encode().removeprefix(_BEGINNING)
