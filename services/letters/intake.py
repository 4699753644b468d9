"""Letters from constituents to their MPs: taking them in.

What is drafted is in `services.letters.drafting.drafts`, what becomes of them in
`services.letters.letter_states`.

Letters that their writers opened in their own mail programs, counted apart from those sent.
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
from services.letters.drafting.rules import Words, Writer
from services.letters.drafting.situations import REASONS, Situation
from services.mail import outbox
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
    """Where a writer lives: MPs' offices answer only constituents."""

    line1: str
    town: str
    postcode: str
    line2: str = ""

    def lines(self) -> list[str]:
        """As on an envelope."""
        return [part for part in (self.line1, self.line2, self.town, self.postcode) if part]


@dataclass(frozen=True, slots=True)
class NewLetter:
    """A letter as its writer sends it in, already checked for form."""

    name: str
    email: str
    address: PostalAddress
    subject: str
    body: str
    updates: bool | None = None
    locale: str = "en"
    wants_copy: bool = False


def take_in(
    session: Session, found: Situation, letter: NewLetter, *, keyring: Keyring, now: datetime
) -> UUID:
    """Keep a letter until its writer confirms it by mail; the id of what was asked for.

    One letter a supporter, member and motion: an unconfirmed one is replaced by the newer words.
    Where one has gone already, nothing is kept and an id is returned all the same, so that the
    answer does not tell a stranger who has written. Invalid with all that is wrong with its words.
    """
    member = found.seat.member
    if found.reason is not None or member is None or found.act is None:
        reason = found.reason or "vacant"
        raise Conflict(f"letter_{reason}", situations.REASONS[reason])
    _refuse_wrong_words(session, found, letter, keyring=keyring, today=now.date())
    organisation_id = found.campaign.organisation_id
    address = supporters.EmailAddress.of(organisation_id, letter.email, keyring)
    supporter_id = UUID(supporters.find_or_add(session, [address], now=now)[0][0])
    _remove_replaceable(session, supporter_id, member.id, found.motion.id)
    row = _row(found, letter, supporter_id, member.id, now)
    insert_ignore(session, _letter, [row])
    if session.get(Letter, row["id"]):
        _note_answer(session, organisation_id, supporter_id, row["id"], letter.updates, now)
        recipient = keyring.everywhere_index(address.canonical)
        note = outbox.Note(MessageKind.CONFIRM_LETTER, row["id"], recipient)
        outbox.queue(session, [note], now=now)
    return UUID(str(row["id"]))


def _refuse_wrong_words(
    session: Session, found: Situation, letter: NewLetter, *, keyring: Keyring, today: date
) -> None:
    """Invalid with everything that is wrong, all at once."""
    words, home = Words(letter.subject, letter.body), letter.address
    writer = Writer(home.postcode, letter.name, (home.line1, home.line2, home.town))
    details = {
        "name": letter.name,
        "address.line1": home.line1,
        "address.line2": home.line2,
        "address.town": home.town,
    }
    problems = [
        *rules.find_in_details(details),
        *drafts.problems_of(session, found, words, writer=writer, today=today),
    ]
    errors = [each.as_error() for each in problems if each.is_required]
    if found.member is not None:
        try:
            sketches.refuse_too_alike(
                session, found.campaign, found.member.id, letter.body, keyring=keyring
            )
        except Invalid as error:
            errors.append(error)
    if errors:
        raise texts.combined(errors) if len(errors) > 1 else errors[0]


def address_of(letter: Letter) -> PostalAddress:
    """The writer's postal address."""
    return PostalAddress(**json.loads(letter.address.text))


def text_as_sent(letter: Letter) -> str:
    """The letter, its writer's name and full postal address: offices ask for them first."""
    body: str = letter.body.text.rstrip()
    name = [] if body.endswith(letter.name.text) else ["", letter.name.text]
    return "\n".join([body, *name, *address_of(letter).lines(), ""])


def _remove_replaceable(
    session: Session, supporter_id: UUID, member_id: int, motion_id: int
) -> None:
    """Clear the way for a newer letter; its links in earlier mails then lead nowhere.

    One that came back late stays where something was said of it already.
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
    found: Situation, letter: NewLetter, supporter_id: UUID, member_id: int, now: datetime
) -> dict[str, Any]:
    organisation_id = found.campaign.organisation_id

    def private(text: str) -> Private:
        return Private(organisation_id, text)

    address = {name: getattr(letter.address, name) for name in PostalAddress.__slots__}
    return {
        "id": new_id(),
        "campaign_id": found.campaign.id,
        "motion_id": found.motion.id,
        "member_id": member_id,
        "supporter_id": supporter_id,
        "constituency_code": found.seat.constituency.code,
        "state": LetterState.PENDING,
        "act": found.act,
        "variant": found.variant,
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


def count_opened(session: Session, found: Situation) -> None:
    """One more for the seat; of its writer nothing is kept. Conflict where nobody can write."""
    if found.reason is not None:
        raise Conflict(f"letter_{found.reason}", REASONS[found.reason])
    counts.add_opened(session, found.campaign.id, found.motion.id, found.seat.constituency.code)
