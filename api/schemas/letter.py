"""Letters to MPs."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from api.schemas.fields import (
    Answer,
    EmailAddress,
    Line100,
    Line200,
    Locale,
    PersonName,
    Postcode,
    Request,
    line,
    paragraphs,
)
from api.schemas.postcode import MemberAnswer, member_answer
from models import LetterAct, LetterState
from services.letters import intake
from services.letters.drafting import rules
from services.letters.drafting.compose_links import ComposeLinks, Via
from services.letters.drafting.drafts import Draft
from services.letters.drafting.editor_checks import CheckedLetter
from services.letters.drafting.sketches import Likeness
from services.letters.intake import NewLetter
from services.parliament.standing import Eligibility, Standing

Point = Annotated[str, line(300)]


class LetterConsents(Request):
    """Answers to questions for consent."""

    updates: bool | None = None


class DraftRequest(Request):
    """What a draft is made from. `points` are sentences; `personal` is the writer's own.

    In Welsh (`cy`) where the letter has words in it, and in English elsewhere.
    """

    postcode: Postcode
    name: PersonName | None = None
    points: list[Point] = Field(default_factory=list, max_length=10)
    personal: Annotated[str, paragraphs(3000)] = ""
    locale: Locale = "en"


class AddressBody(Request):
    """Where the writer lives: MPs' offices answer only constituents."""

    line1: Line100
    line2: Annotated[str, line(100, shortest=0)] = ""
    town: Line100
    postcode: Postcode


class NewLetterBody(Request):
    """A letter to be confirmed by mail. `copy`: its writer gets it by mail when it has gone."""

    name: PersonName
    email: EmailAddress
    address: AddressBody
    subject: Line200
    body: Annotated[str, paragraphs(rules.LONGEST, shortest=rules.SHORTEST)]
    locale: Locale = "en"
    consents: LetterConsents = LetterConsents()
    # `copy` is a method of every model.
    wants_copy: bool = Field(default=False, alias="copy")

    def as_letter(self) -> NewLetter:
        """As the services take it."""
        return NewLetter(
            name=self.name,
            email=self.email,
            address=intake.PostalAddress(**self.address.model_dump()),
            subject=self.subject,
            body=self.body,
            updates=self.consents.updates,
            locale=self.locale,
            wants_copy=self.wants_copy,
        )


class CheckRequest(Request):
    """A letter as it stands in an editor; what is wrong with its words is answered, not refused.

    With its writer's `name`, that name is not taken for a sentence of theirs, nor for an MP's.
    """

    postcode: Postcode
    name: PersonName | None = None
    subject: Annotated[str, Field(max_length=1000)]
    body: str


class OpenedBody(Request):
    """Where a letter was opened, and with what."""

    postcode: Postcode
    via: Via


class Shortened(Answer):
    """In which links a line that asks to paste the text stands for it: they got too long."""

    mailto: bool
    gmail: bool
    outlook: bool


class ComposeAnswer(Answer):
    """Links that open the letter in the writer's own mail program; `text` is for copying."""

    mailto: str
    gmail: str
    outlook: str
    recipient: str
    text: str
    is_shortened: Shortened


class LikenessAnswer(Answer):
    """In percent, how like a text is to the one most like it that the MP already got.

    `percent` is null where nobody wrote yet, `limit` where the organiser set none. Above it,
    `advice` says what to do; where `is_required`, the letter is not taken in as it is.
    """

    percent: float | None
    limit: int | None
    is_required: bool
    advice: str | None


class LengthAnswer(Answer):
    """Of the body."""

    characters: int
    limit: int


class ProblemFound(Answer):
    """Something to look at in a letter; `is_required`: before it is sent in."""

    field: str
    code: str
    message: str
    is_required: bool


class CheckAnswer(Answer):
    """What an editor shows beside a letter. Nothing was kept."""

    similarity: float | None
    likeness: LikenessAnswer | None
    length: LengthAnswer
    can_send: bool
    reason: str | None
    problems: list[ProblemFound]
    compose: ComposeAnswer | None


class LetterText(Answer):
    """A letter's text."""

    subject: str
    body: str
    variant: str


class DraftAnswer(Answer):
    """A draft for one's own MP. `similarity` is that of `likeness`, in percent."""

    member: MemberAnswer | None
    standing: Standing
    eligibility: Eligibility
    variant: str | None
    act: LetterAct | None
    locale: Locale
    points: list[str]
    subject: str
    body: str
    similarity: float | None
    likeness: LikenessAnswer | None
    can_send: bool
    reason: str | None
    compose: ComposeAnswer | None


class OpenedAnswer(Answer):
    """A letter that was opened elsewhere is counted for its seat, never as sent."""

    status: Literal["counted"] = "counted"
    member: MemberAnswer | None


class LetterPending(Answer):
    """A letter that waits for its writer's confirmation."""

    id: UUID
    status: Literal["pending"] = "pending"
    member: MemberAnswer | None


class LetterStatus(Answer):
    """What became of a letter, and whom it is to. `goes_at`: when it is to go; null where it does
    not wait, or waits for a campaign's post that is paused."""

    status: LetterState
    member: MemberAnswer | None
    goes_at: datetime | None


def draft_answer(draft: Draft, alike: Likeness | None) -> DraftAnswer:
    """From a draft of the services and its likeness to earlier letters."""
    found = draft.situation
    return DraftAnswer(
        member=member_answer(found.seat.member, found.seat.constituency),
        standing=found.standing,
        eligibility=found.eligibility,
        variant=found.variant,
        act=found.act,
        locale=draft.locale,
        points=list(draft.points),
        subject=draft.subject,
        body=draft.body,
        similarity=alike.percent if alike else None,
        likeness=LikenessAnswer.model_validate(alike) if alike else None,
        can_send=found.reason is None,
        reason=found.reason,
        compose=_compose_answer(draft.compose),
    )


def check_answer(checked: CheckedLetter) -> CheckAnswer:
    """From a letter that the services have looked at."""
    alike = checked.likeness
    return CheckAnswer(
        similarity=alike.percent if alike else None,
        likeness=LikenessAnswer.model_validate(alike) if alike else None,
        length=LengthAnswer(characters=checked.characters, limit=rules.LONGEST),
        can_send=checked.can_send,
        reason=checked.situation.reason,
        problems=[ProblemFound.model_validate(each) for each in checked.problems],
        compose=_compose_answer(checked.compose),
    )


def _compose_answer(links: ComposeLinks | None) -> ComposeAnswer | None:
    if links is None:
        return None
    programs = {name: name in links.shortened for name in Shortened.model_fields}
    return ComposeAnswer(
        mailto=links.mailto,
        gmail=links.gmail,
        outlook=links.outlook,
        recipient=links.recipient,
        text=links.text,
        is_shortened=Shortened(**programs),
    )


def letter_text(draft: Draft | None) -> LetterText | None:
    """None where no letter suits."""
    if draft is None or draft.situation.variant is None:
        return None
    return LetterText(subject=draft.subject, body=draft.body, variant=draft.situation.variant)
