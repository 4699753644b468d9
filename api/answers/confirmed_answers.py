"""The responses to confirmations of one petition. What all signers of a seat share is made once."""

from dataclasses import dataclass

from api.answers import letter_proofs
from api.schemas.letters.letter import OfferedLetter
from api.schemas.postcode import (
    ConstituencyAnswer,
    MemberAnswer,
    constituency_answer,
    member_answer,
)
from api.schemas.signature import ConfirmedAnswer, PetitionCount
from models import SignatureState
from services.common.tokens import Tokens
from services.letters.drafting import composing
from services.letters.drafting.drafts import WrittenLetter
from services.signatures.confirming import StandingSignature
from services.views.seat_views import ConfirmedBoard


@dataclass(frozen=True, slots=True)
class _SeatParts:
    """What the responses to all signers of a seat share. `letter` has no name below it."""

    constituency: ConstituencyAnswer | None
    member: MemberAnswer | None
    letter: WrittenLetter | None
    can_watch: bool


class ConfirmedAnswers:
    """The responses of one petition, made from its board."""

    def __init__(self, board: ConfirmedBoard, tokens: Tokens) -> None:
        self.board = board
        self._tokens = tokens
        self._parts: dict[str, _SeatParts] = {}

    def content(self, signature: StandingSignature, count: int) -> bytes:
        """Returns the response to a confirmation as JSON. `count` is that of the petition."""
        code = signature.constituency_code
        parts = self._parts.get(code)
        if parts is None:  # there are no more codes than seats
            parts = self._parts[code] = self._parts_of(code)
        answer = ConfirmedAnswer(
            status=SignatureState.CONFIRMED,
            petition=PetitionCount(slug=self.board.petition.slug, signature_count=count),
            constituency=parts.constituency,
            member=parts.member,
            letter=self._letter(parts.letter, signature),
            can_watch=parts.can_watch,
        )
        return answer.model_dump_json().encode()

    def _parts_of(self, code: str) -> _SeatParts:
        seen = self.board.seat(code)
        return _SeatParts(
            constituency=constituency_answer(seen.constituency),
            member=member_answer(seen.member, seen.constituency),
            letter=self.board.letter(code),
            can_watch=self.board.can_watch(code),
        )

    def _letter(
        self, letter: WrittenLetter | None, signature: StandingSignature
    ) -> OfferedLetter | None:
        """Returns the letter with the signer's name, and their proof. `letter` has no name."""
        name = signature.name.text
        if letter is not None and not letter.is_for_everybody:
            letter = self.board.letter(signature.constituency_code, name=name)
        elif letter is not None:
            letter = letter._replace(body=composing.sign(letter.body, name))
        return letter and OfferedLetter(
            subject=letter.subject,
            body=letter.body,
            variant=letter.variant,
            locale=letter.locale,
            proof=letter_proofs.proof_of(self._tokens, signature),
        )
