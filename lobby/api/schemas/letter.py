"""Letters to MPs."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from lobby.api.schemas.fields import (
    Answer,
    EmailAddress,
    Line100,
    Line200,
    PersonName,
    Postcode,
    Request,
    line,
    paragraphs,
)
from lobby.api.schemas.postcode import MemberAnswer, member_answer
from lobby.models import LetterState
from lobby.services import letters
from lobby.services.letters import Draft, NewLetter
from lobby.services.standing import Eligibility, Standing

Point = Annotated[str, line(300)]


class LetterConsents(Request):
    """Answers to questions for consent."""

    updates: bool | None = None


class DraftRequest(Request):
    """What a draft is made from. `points` are sentences; `personal` is the writer's own."""

    postcode: Postcode
    name: PersonName | None = None
    points: list[Point] = Field(default_factory=list, max_length=10)
    personal: Annotated[str, paragraphs(3000)] = ""


class AddressBody(Request):
    """Where the writer lives: MPs' offices answer only constituents."""

    line1: Line100
    line2: Annotated[str, line(100, shortest=0)] = ""
    town: Line100
    postcode: Postcode


class NewLetterBody(Request):
    """A letter to be confirmed by mail."""

    name: PersonName
    email: EmailAddress
    address: AddressBody
    subject: Line200
    body: Annotated[str, paragraphs(10_000, shortest=50)]
    consents: LetterConsents = LetterConsents()

    def as_letter(self) -> NewLetter:
        """As the services take it."""
        return NewLetter(
            name=self.name,
            email=self.email,
            address=letters.Address(**self.address.model_dump()),
            subject=self.subject,
            body=self.body,
            updates=self.consents.updates,
        )


class ComposeAnswer(Answer):
    """Links that open the letter in the writer's own mail program."""

    mailto: str
    gmail: str
    outlook: str


class LetterText(Answer):
    """A letter's text."""

    subject: str
    body: str
    variant: str


class DraftAnswer(Answer):
    """A draft for one's own MP. `similarity` is None until earlier letters are compared."""

    member: MemberAnswer | None
    standing: Standing
    eligibility: Eligibility
    variant: str | None
    subject: str
    body: str
    similarity: float | None
    can_send: bool
    reason: str | None
    compose: ComposeAnswer | None


class LetterPending(Answer):
    """A letter that waits for its writer's confirmation."""

    id: UUID
    status: Literal["pending"] = "pending"
    member: MemberAnswer | None


class LetterStatus(Answer):
    """What became of a letter, and whom it is to."""

    status: LetterState
    member: MemberAnswer | None


def draft_answer(draft: Draft) -> DraftAnswer:
    """From a draft of the services."""
    found = draft.situation
    return DraftAnswer(
        member=member_answer(found.seat.member, found.seat.constituency),
        standing=found.standing,
        eligibility=found.eligibility,
        variant=found.variant,
        subject=draft.subject,
        body=draft.body,
        similarity=None,
        can_send=found.reason is None,
        reason=found.reason,
        compose=ComposeAnswer.model_validate(draft.compose) if draft.compose else None,
    )


def letter_text(draft: Draft | None) -> LetterText | None:
    """None where no letter suits."""
    if draft is None or draft.situation.variant is None:
        return None
    return LetterText(subject=draft.subject, body=draft.body, variant=draft.situation.variant)
