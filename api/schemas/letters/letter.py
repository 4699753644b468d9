"""Bodies of letters to MPs."""

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
    Token,
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
from services.mail.mail_templates import MAIL_LOCALE
from services.parliament.standing import Eligibility, Standing

Point = Annotated[str, line(300)]


class LetterConsents(Request):
    """The writer's answers to questions for consent."""

    updates: bool | None = None


class DraftRequest(Request):
    """What a draft is made from: chosen `points`, and `personal`, the writer's own text.

    With the locale `cy`, the draft is in Welsh if the letter has a Welsh text, or else in English.
    """

    postcode: Postcode
    name: PersonName | None = None
    points: list[Point] = Field(default_factory=list, max_length=10)
    personal: Annotated[str, paragraphs(3000)] = ""
    locale: Locale = "en"


class AddressBody(Request):
    """The writer's postal address, since MPs' offices answer only constituents."""

    line1: Line100
    line2: Annotated[str, line(100, shortest=0)] = ""
    town: Line100
    postcode: Postcode


class NewLetterBody(Request):
    """A new letter, to be confirmed by email. `copy`: the writer gets a copy once it is sent.

    `proof` is the `letter.proof` of a confirmed signature. With a good one for this campaign,
    address and constituency the letter is queued at once; with any other it is confirmed by email,
    as without.
    """

    name: PersonName
    email: EmailAddress
    address: AddressBody
    subject: Line200
    body: Annotated[str, paragraphs(rules.LONGEST, shortest=rules.SHORTEST)]
    locale: Locale = "en"
    consents: LetterConsents = LetterConsents()
    # `copy` is a method of every model.
    wants_copy: bool = Field(default=False, alias="copy")
    proof: str | None = None

    def as_letter(self) -> NewLetter:
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
    """An unfinished letter in an editor. The answer lists mistakes in it, and refuses none.

    With the writer's `name`, the check does not take that name for a sentence of their own, or for
    the name of an MP.
    """

    postcode: Postcode
    name: PersonName | None = None
    subject: Annotated[str, Field(max_length=1000)]
    body: str


class OpenedBody(Request):
    """The writer's postcode, the email program that the letter was opened in, and a draft's token.

    `token` is the `opened_token` of a draft for the same campaign and member.
    """

    postcode: Postcode
    via: Via
    token: Token


class Shortened(Answer):
    """Which links were too long for the text, and ask the writer to paste it instead."""

    mailto: bool
    gmail: bool
    outlook: bool


class ComposeAnswer(Answer):
    """Links that open the letter in the writer's own email program. `text` is for copying."""

    mailto: str
    gmail: str
    outlook: str
    recipient: str
    text: str
    is_shortened: Shortened


class LikenessAnswer(Answer):
    """How like a text is to the most similar letter that the MP already got, in percent.

    `percent` is null if the MP got no letter yet, `limit` if the organiser set none. Above the
    limit, `advice` says what to do, and with `is_required` the letter is refused.
    """

    percent: float | None
    limit: int | None
    is_required: bool
    advice: str | None


class LengthAnswer(Answer):
    """The length of the body, and the most allowed."""

    characters: int
    limit: int


class ProblemFound(Answer):
    """A mistake in a letter. `is_required`: it must be corrected before the letter is submitted."""

    field: str
    code: str
    message: str
    is_required: bool


class CheckAnswer(Answer):
    """The result of a check, for an editor to show beside the letter."""

    similarity: float | None
    likeness: LikenessAnswer | None
    length: LengthAnswer
    can_send: bool
    reason: str | None
    problems: list[ProblemFound]
    compose: ComposeAnswer | None


class OfferedLetter(Answer):
    """The letter that a signer can send now, with the `proof` that their address is theirs.

    With `proof`, `POST /v1/campaigns/{slug}/letters` needs no further email for two hours. It is
    null for a signature that was imported. Never put it into a URL, a log or an email. `locale` is
    the language of the letter.
    """

    subject: str
    body: str
    variant: str
    locale: Locale
    proof: str | None


class DraftAnswer(Answer):
    """A draft to the writer's MP. `similarity` is the `percent` of `likeness`.

    With `opened_token`, `POST .../letters/opened` counts this letter once, within 12 hours. It is
    null where no letter can be sent.
    """

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
    opened_token: str | None


class OpenedAnswer(Answer):
    """The opened letter was counted for its constituency, but not as sent."""

    status: Literal["counted"] = "counted"
    member: MemberAnswer | None


class LetterTaken(Answer):
    """A letter that its writer has yet to confirm, or that is `queued` because of its `proof`.

    `locale` is the language of the emails about it, which have no other words yet.
    """

    id: UUID
    status: Literal["pending", "queued"]
    member: MemberAnswer | None
    locale: Locale = MAIL_LOCALE


class LetterStatus(Answer):
    """The state of a letter and the member whom it is to.

    `goes_at` is when a queued letter will be sent. It is null for all others, and while the
    campaign's queue is paused. `member` is null for a cancelled letter of which nothing is left.
    """

    status: LetterState
    member: MemberAnswer | None
    goes_at: datetime | None


def draft_answer(draft: Draft, likeness: Likeness | None, opened_token: str | None) -> DraftAnswer:
    """Converts a draft and its likeness to earlier letters."""
    situation = draft.situation
    return DraftAnswer(
        member=member_answer(situation.seat.member, situation.seat.constituency),
        standing=situation.standing,
        eligibility=situation.eligibility,
        variant=situation.variant,
        act=situation.act,
        locale=draft.locale,
        points=list(draft.points),
        subject=draft.subject,
        body=draft.body,
        similarity=likeness.percent if likeness else None,
        likeness=LikenessAnswer.model_validate(likeness) if likeness else None,
        can_send=situation.reason is None,
        reason=situation.reason,
        compose=_compose_answer(draft.compose),
        opened_token=opened_token,
    )


def check_answer(checked: CheckedLetter) -> CheckAnswer:
    """Converts the result of a check."""
    likeness = checked.likeness
    return CheckAnswer(
        similarity=likeness.percent if likeness else None,
        likeness=LikenessAnswer.model_validate(likeness) if likeness else None,
        length=LengthAnswer(characters=checked.characters, limit=rules.LONGEST),
        can_send=checked.can_send,
        reason=checked.situation.reason,
        problems=[ProblemFound.model_validate(problem) for problem in checked.problems],
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
