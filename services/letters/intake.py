"""Accepts letters from constituents to their MPs.

`letters.drafting.drafts` drafts a letter, this module checks and stores what its writer made of it,
and `letters.confirmed_letters` queues it once its writer confirms it by email.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel import Session

from models import Keyring, Letter, LetterState, SubmissionKind
from models.base import new_ids_at
from services.common import texts
from services.errors import Conflict, Invalid
from services.letters import confirmed_letters, letter_drafts, proofs, submitted_letters
from services.letters.drafting import drafts, rules, situations, sketches
from services.letters.drafting.rules import Writer
from services.letters.drafting.situations import Situation
from services.mail.pacing import AT_ONCE, Pace
from services.mail.text_templates import MailText
from services.submissions import intake as submissions_intake
from services.submissions import payload
from services.submissions.intake import NewSubmission
from services.submissions.payload import LetterPayload


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """The address of a writer, in a letter because MPs' offices answer only constituents."""

    line1: str
    town: str
    postcode: str
    line2: str = ""

    def lines(self) -> list[str]:
        """Returns the lines of an envelope, without empty ones."""
        return [part for part in (self.line1, self.line2, self.town, self.postcode) if part]


@dataclass(frozen=True, slots=True)
class NewLetter:
    """A letter as its writer submitted it. The caller has checked the form of each field.

    `updates` is the answer whether the organisation may email them news; None: not asked.
    """

    name: str
    email: str
    address: PostalAddress
    subject: str
    body: str
    updates: bool | None = None
    locale: str = "en"
    wants_copy: bool = False


@dataclass(frozen=True, slots=True)
class TakenLetter:
    """The id of a letter that was accepted, and its state: `pending`, or `queued` with a proof."""

    id: UUID
    state: LetterState


def take_in(
    session: Session,
    situation: Situation,
    letter: NewLetter,
    *,
    keyring: Keyring,
    now: datetime,
    sender_index: bytes | None = None,
    proof: UUID | None = None,
    pace: Pace = AT_ONCE,
) -> TakenLetter:
    """Stores a letter as a submission, until its writer confirms it by email.

    Nothing is asked about the address, and no earlier letter is touched, so that neither the answer
    nor its time tells a stranger who has written. `sender_index` is the keyed hash of the sender's
    network or API key. `proof` is the id of a signature from a token (`Purpose.WRITE`): if it is of
    this address, the letter is queued at once; if not, the letter takes the common way.

    Invalid with everything that is wrong with the letter. Conflict if no letter can be sent, and
    with a good proof also if an earlier one is on its way or gone.
    """
    contents = _checked(session, situation, letter, keyring=keyring, today=now.date())
    campaign, code = situation.campaign, situation.seat.constituency.code
    owner = campaign.organisation_id
    if proof and proofs.is_of(session, proof, situation, letter.email, keyring=keyring):
        submitted = submitted_letters.of_payload(
            UUID(new_ids_at(1, now)[0]),
            contents,
            organisation_id=owner,
            campaign_id=campaign.id,
            constituency_code=code,
            received_at=now,
        )
        queued = confirmed_letters.queue(session, submitted, keyring=keyring, now=now, pace=pace)
        letter_drafts.delete(session, proof)
        return TakenLetter(queued.id, queued.state)
    sealed = payload.seal(owner, contents)
    new = NewSubmission(SubmissionKind.LETTER, campaign.id, code, sealed, sender_index)
    (row_id,) = submissions_intake.insert(session, [new], now=now)
    return TakenLetter(UUID(row_id), LetterState.PENDING)


def _checked(
    session: Session, situation: Situation, letter: NewLetter, *, keyring: Keyring, today: date
) -> LetterPayload:
    member = situation.seat.member
    act, variant = situation.act, situation.variant
    if situation.reason is not None or member is None or act is None or variant is None:
        reason = situation.reason or "vacant"
        raise Conflict(f"letter_{reason}", situations.REASONS[reason])
    _refuse_wrong_words(session, situation, letter, keyring=keyring, today=today)
    address = letter.address
    return LetterPayload(
        name=letter.name,
        email=letter.email,
        line1=address.line1,
        line2=address.line2,
        town=address.town,
        postcode=address.postcode,
        subject=letter.subject,
        body=letter.body,
        member_id=member.id,
        motion_id=situation.motion.id if situation.motion else None,
        act=act,
        variant=variant,
        locale=letter.locale,
        wants_copy=letter.wants_copy,
        updates=letter.updates,
        v=payload.VERSION if situation.motion else payload.WITHOUT_MOTION,
    )


def _refuse_wrong_words(
    session: Session, situation: Situation, letter: NewLetter, *, keyring: Keyring, today: date
) -> None:
    text, address = MailText(letter.subject, letter.body), letter.address
    writer = Writer(address.postcode, letter.name, (address.line1, address.line2, address.town))
    details = {
        "name": letter.name,
        "address.line1": address.line1,
        "address.line2": address.line2,
        "address.town": address.town,
    }
    problems = [
        *rules.find_in_details(details),
        *drafts.problems_of(session, situation, text, writer=writer, today=today),
    ]
    errors = [problem.as_error() for problem in problems if problem.is_required]
    if situation.member is not None:
        try:
            sketches.refuse_too_alike(
                session, situation.campaign, situation.member.id, letter.body, keyring=keyring
            )
        except Invalid as error:
            errors.append(error)
    if errors:
        raise texts.combined(errors) if len(errors) > 1 else errors[0]


def address_of(letter: Letter) -> PostalAddress:
    """Returns the postal address of a letter's writer."""
    return PostalAddress(**json.loads(letter.address.text))


def text_as_sent(letter: Letter) -> str:
    """Returns the letter with the name and postal address of its writer below it.

    MPs' offices ask for the address first. A name that ends the letter is not repeated, and one
    below a sign-off such as 'Yn gywir,' stands on the next line.
    """
    body = with_name_below(letter.body.text, letter.name.text)
    return "\n".join([body, *address_of(letter).lines(), ""])


def with_name_below(body: str, name: str) -> str:
    """Returns a letter that ends with its writer's name, as `text_as_sent` does."""
    body = body.rstrip()
    if body.endswith(name):
        return body
    gap = "\n" if body.endswith(",") else "\n\n"
    return f"{body}{gap}{name}"
