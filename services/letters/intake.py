"""Accepts letters from constituents to their MPs, and counts letters opened in a mail program.

`letters.drafting.drafts` drafts a letter, this module checks and stores what its writer made of it,
and `letters.letter_states` does the rest once its writer confirms it by email.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    Keyring,
    Letter,
    LetterAnswer,
    LetterState,
    MemberReply,
    MessageKind,
    OutboxMessage,
    Private,
)
from models.base import new_id, table_of
from services.common import texts
from services.database.engine import insert_ignore
from services.errors import Conflict, Invalid
from services.letters.drafting import drafts, rules, situations, sketches
from services.letters.drafting.rules import Writer
from services.letters.drafting.situations import REASONS, Situation
from services.mail import outbox
from services.mail.recipients import recipient_of
from services.mail.text_templates import MailText
from services.supporters import supporters
from services.tallies import counts

_answer = table_of(LetterAnswer)
_letter = table_of(Letter)
_reply = table_of(MemberReply)
_outbox = table_of(OutboxMessage)
_REPLACEABLE = (
    LetterState.PENDING,
    LetterState.CANCELLED,
    LetterState.HELD,
    LetterState.REJECTED,
)


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


def take_in(
    session: Session, situation: Situation, letter: NewLetter, *, keyring: Keyring, now: datetime
) -> UUID:
    """Stores a letter until its writer confirms it by email; returns its id.

    There is one letter per supporter, member and motion: a new one replaces an earlier one that was
    not sent. If one was sent or is queued already, nothing is stored and an unused id is returned,
    so that the response does not reveal to a stranger who has written.

    Invalid with everything that is wrong with the letter. Conflict if no letter can be sent.
    """
    member = situation.seat.member
    if situation.reason is not None or member is None or situation.act is None:
        reason = situation.reason or "vacant"
        raise Conflict(f"letter_{reason}", situations.REASONS[reason])
    _refuse_wrong_words(session, situation, letter, keyring=keyring, today=now.date())
    organisation_id = situation.campaign.organisation_id
    address = supporters.EmailAddress.of(organisation_id, letter.email, keyring)
    supporter_id = UUID(supporters.find_or_add(session, [address], now=now)[0][0])
    _remove_replaceable(session, supporter_id, member.id, situation.motion.id)
    row = _row(situation, letter, supporter_id, member.id, now)
    insert_ignore(session, _letter, [row])
    if session.get(Letter, row["id"]):
        _note_answer(session, organisation_id, supporter_id, row["id"], letter.updates, now)
        recipient = recipient_of(letter.email, keyring)
        message = outbox.NewMessage(MessageKind.CONFIRM_LETTER, row["id"], recipient)
        outbox.queue(session, [message], now=now)
    return UUID(str(row["id"]))


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

    MPs' offices ask for the address first. A name that ends the letter is not repeated.
    """
    body: str = letter.body.text.rstrip()
    name = [] if body.endswith(letter.name.text) else ["", letter.name.text]
    return "\n".join([body, *name, *address_of(letter).lines(), ""])


def _remove_replaceable(
    session: Session, supporter_id: UUID, member_id: int, motion_id: int
) -> None:
    """Deletes an earlier letter that was not sent. The links in its emails stop working.

    A letter that bounced late stays if its writer has already told us about an answer.
    """
    answered = sa.exists().where(_answer.c.letter_id == _letter.c.id)
    replied = sa.exists().where(_reply.c.letter_id == _letter.c.id)
    statement = (
        select(Letter.id)
        .where(
            Letter.supporter_id == supporter_id,
            Letter.member_id == member_id,
            Letter.motion_id == motion_id,
            col(Letter.state).in_(_REPLACEABLE),
            ~answered,
            ~replied,
        )
        .with_for_update()
    )
    for letter_id in list(session.exec(statement)):
        supporters.forget_letter(session, letter_id)
        session.connection().execute(
            sa.delete(_outbox).where(
                _outbox.c.subject_id == letter_id, _outbox.c.kind == MessageKind.LETTER
            )
        )
        session.connection().execute(sa.delete(_letter).where(_letter.c.id == letter_id))


def _row(
    situation: Situation, letter: NewLetter, supporter_id: UUID, member_id: int, now: datetime
) -> dict[str, Any]:
    organisation_id = situation.campaign.organisation_id

    def private(text: str) -> Private:
        return Private(organisation_id, text)

    address = {name: getattr(letter.address, name) for name in PostalAddress.__slots__}
    return {
        "id": new_id(),
        "campaign_id": situation.campaign.id,
        "motion_id": situation.motion.id,
        "member_id": member_id,
        "supporter_id": supporter_id,
        "constituency_code": situation.seat.constituency.code,
        "state": LetterState.PENDING,
        "act": situation.act,
        "variant": situation.variant,
        "locale": letter.locale,
        "name": private(letter.name),
        "address": private(json.dumps(address)),
        "subject": private(letter.subject),
        "body": private(letter.body),
        "wants_copy": letter.wants_copy,
        "created_at": now,
    }


def _note_answer(
    session: Session,
    organisation_id: UUID,
    supporter_id: UUID,
    letter_id: UUID,
    granted: bool | None,
    now: datetime,
) -> None:
    if granted is not None:
        answer = supporters.UpdatesAnswer(
            organisation_id, supporter_id, granted, letter_id=letter_id
        )
        supporters.note_answers(session, [answer], now=now)


def count_opened(session: Session, situation: Situation) -> None:
    """Counts a letter that was opened in a mail program, by seat; nothing about its writer is kept.

    Conflict if no letter can be sent.
    """
    if situation.reason is not None:
        raise Conflict(f"letter_{situation.reason}", REASONS[situation.reason])
    code = situation.seat.constituency.code
    counts.add_opened(session, situation.campaign.id, situation.motion.id, code)
