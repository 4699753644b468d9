"""The email that asks a writer to confirm a letter, made from the submission when it is sent.

A stranger may have typed everything in a submission, so that the email contains none of its words.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from models import (
    Campaign,
    Constituency,
    Keyring,
    Letter,
    LetterState,
    Member,
    MessageKind,
    Organisation,
    OutboxMessage,
    Private,
    Supporter,
)
from services.common import times
from services.common.tokens import Purpose
from services.letters import submitted_letters
from services.mail import letterheads, supporter_mails
from services.mail.letterheads import Letterhead
from services.mail.shared_mails import SharedMail
from services.mail.supporter_mails import DroppedMessage, MailContext
from services.submissions import ending, standing_letters
from services.submissions.standing_letters import LetterKey

KINDS = (MessageKind.CONFIRM_LETTER,)
_MEMBERS = select(Member.id, Member.name)
_SEATS = select(Constituency.code, Constituency.name)


@dataclass(frozen=True, slots=True)
class LetterRequest:
    """The data of a submitted letter that its email needs.

    `stands` says that another letter of the writer's makes this one impossible.
    """

    id: UUID
    recipient: supporter_mails.Recipient
    campaign: str
    member: str
    constituency: str
    letterhead: Letterhead
    last_day: date
    stands: bool


@dataclass(frozen=True, slots=True)
class _UnknownWriter:
    """A writer who is no supporter of the organisation, as a `supporter_mails.Recipient`."""

    email: Private
    id: None = None
    questions_off_at: None = None
    mail_off_at: None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A letter that waits, with what finds its writer among the supporters."""

    letter: Letter
    recipient: supporter_mails.Recipient
    key: LetterKey | None = None


def gather(
    session: Session, messages: Collection[OutboxMessage], *, keyring: Keyring
) -> dict[UUID, LetterRequest]:
    """Returns the data of messages of this kind by the id of their subject.

    An id that is missing does not exist. It takes a fixed number of statements, and raises if a row
    cannot be decrypted.
    """
    ids = [message.subject_id for message in messages]
    if not ids:
        return {}
    waiting = _submitted(session, ids, keyring)
    waiting |= _not_adopted(session, [row_id for row_id in ids if row_id not in waiting])
    letters = [each.letter for each in waiting.values()]
    campaigns = _campaigns(session, {letter.campaign_id for letter in letters})
    member_ids = {letter.member_id for letter in letters}
    members = dict(session.exec(_MEMBERS.where(col(Member.id).in_(member_ids))).all())
    codes = {letter.constituency_code for letter in letters}
    seats = dict(session.exec(_SEATS.where(col(Constituency.code).in_(codes))).all())
    standing = standing_letters.of_addresses(
        session,
        {campaign.organisation_id for campaign, _ in campaigns.values()},
        {each.key.address_index for each in waiting.values() if each.key},
    )
    return {
        row_id: LetterRequest(
            id=row_id,
            recipient=each.recipient,
            campaign=campaigns[each.letter.campaign_id][0].title,
            member=members[each.letter.member_id],
            constituency=seats[each.letter.constituency_code],
            letterhead=campaigns[each.letter.campaign_id][1],
            last_day=ending.last_day(each.letter.created_at),
            stands=each.key in standing,
        )
        for row_id, each in waiting.items()
    }


def make(
    message: OutboxMessage, request: LetterRequest | None, context: MailContext
) -> SharedMail[Any] | DroppedMessage:
    """Returns the email, or the reason why it is dropped. `request` comes from `gather`."""
    if request is None:
        return DroppedMessage("the letter is confirmed, cancelled or too old")
    if request.stands:
        return DroppedMessage("another letter is on its way")
    values = {
        "campaign": request.campaign,
        "member": request.member,
        "constituency": request.constituency,
        "last_day": times.day(request.last_day),
    }
    links = {
        "letter_link": context.link("letters/confirm", Purpose.LETTER, request.id),
        "disown_link": context.link("letters/disown", Purpose.DISOWN, request.id),
    }
    return supporter_mails.to_one_of_many(
        message,
        request.recipient,
        request.campaign,
        values,
        links,
        context,
        letterhead=request.letterhead,
        opt_out="disown_link",
    )


def _submitted(session: Session, ids: Collection[UUID], keyring: Keyring) -> dict[UUID, _Waiting]:
    submitted = submitted_letters.find_all(session, list(ids), keyring=keyring)
    keys = {row_id: each.key(keyring) for row_id, each in submitted.items()}
    known = _supporters(
        session,
        {each.organisation_id for each in submitted.values()},
        {key.address_index for key in keys.values()},
    )
    return {
        row_id: _Waiting(
            each.letter,
            known.get(keys[row_id].address_index)
            or _UnknownWriter(Private(each.organisation_id, each.payload.email)),
            keys[row_id],
        )
        for row_id, each in submitted.items()
    }


def _not_adopted(session: Session, ids: Collection[UUID]) -> dict[UUID, _Waiting]:
    """Returns letters from before there were submissions (`adoption`)."""
    statement = (
        select(Letter, Supporter)
        .join(Supporter, col(Supporter.id) == Letter.supporter_id)
        .where(col(Letter.id).in_(ids), Letter.state == LetterState.PENDING)
    )
    rows = session.exec(statement) if ids else ()
    return {letter.id: _Waiting(letter, supporter) for letter, supporter in rows}


def _supporters(
    session: Session, organisation_ids: Collection[UUID], indexes: Collection[bytes]
) -> Mapping[bytes, Supporter]:
    if not indexes:
        return {}
    statement = select(Supporter).where(
        col(Supporter.organisation_id).in_(organisation_ids),
        col(Supporter.email_index).in_(indexes),
    )
    return {bytes(supporter.email_index): supporter for supporter in session.exec(statement)}


def _campaigns(session: Session, ids: Collection[UUID]) -> dict[UUID, tuple[Campaign, Letterhead]]:
    """Returns campaigns with the letterheads of their organisations."""
    statement = (
        select(Campaign, Organisation)
        .join(Organisation, col(Organisation.id) == Campaign.organisation_id)
        .where(col(Campaign.id).in_(ids))
    )
    return {
        campaign.id: (campaign, letterheads.of_organisation(organisation))
        for campaign, organisation in session.exec(statement)
    }
