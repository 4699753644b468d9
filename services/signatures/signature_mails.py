"""Emails about signatures: 'please confirm', about a submission, and 'you have signed already'.

They are made when they are sent. A stranger may have typed everything in a submission, so that the
email about it contains none of its words.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    Campaign,
    Keyring,
    MessageKind,
    Organisation,
    OutboxMessage,
    Petition,
    Private,
    Signature,
    SignatureState,
    Submission,
    Supporter,
)
from models.base import table_of
from services.common import times
from services.common.tokens import Purpose
from services.mail import supporter_mails
from services.mail.letterheads import Letterhead
from services.mail.mail_builder import Mail
from services.mail.shared_mails import SharedMail
from services.mail.supporter_mails import DroppedMessage, MailContext
from services.parliament import seats
from services.signatures import mail_links
from services.submissions import ending, payload

KINDS = (MessageKind.CONFIRM_SIGNATURE, MessageKind.ALREADY_SIGNED)
_signature, _supporter = table_of(Signature), table_of(Supporter)
_submission = table_of(Submission)
_petition, _campaign, _owner = table_of(Petition), table_of(Campaign), table_of(Organisation)
_IDS: sa.BindParameter[list[UUID]] = sa.bindparam("ids", expanding=True)
# Built once at import: building a statement costs more than executing it.
_SIGNATURES = (
    sa.select(
        _signature.c.id,
        _signature.c.petition_id,
        _signature.c.state,
        _signature.c.constituency_code,
        _signature.c.name,
        _supporter.c.id.label("supporter_id"),
        _supporter.c.email,
        _supporter.c.questions_off_at,
        _supporter.c.mail_off_at,
    )
    .join(_supporter, _supporter.c.id == _signature.c.supporter_id)
    .where(_signature.c.id.in_(_IDS))
)
_PENDING = (
    sa.select(
        _signature.c.id,
        _signature.c.petition_id,
        _signature.c.signed_at,
        _supporter.c.id.label("supporter_id"),
        _supporter.c.email,
        _supporter.c.mail_off_at,
    )
    .join(_supporter, _supporter.c.id == _signature.c.supporter_id)
    .where(_signature.c.id.in_(_IDS), _signature.c.state == sa.literal_column("'pending'"))
)
_STANDING = (
    sa.select(_signature.c.id)
    .where(
        _signature.c.supporter_id == _supporter.c.id,
        _signature.c.petition_id == _submission.c.petition_id,
        _signature.c.state == sa.literal_column("'confirmed'"),
        _signature.c.confirmed_by_signer,
    )
    .correlate(_supporter, _submission)
    .exists()
)
_SUBMISSIONS = (
    sa.select(
        _submission.c.id,
        _submission.c.petition_id,
        _submission.c.received_at,
        sa.type_coerce(_submission.c.payload, sa.LargeBinary).label("sealed"),
        _supporter.c.id.label("supporter_id"),
        _supporter.c.mail_off_at,
        _STANDING.label("has_signed"),
    )
    .select_from(
        _submission.join(_petition, _petition.c.id == _submission.c.petition_id).outerjoin(
            _supporter,
            sa.and_(
                _supporter.c.organisation_id == _petition.c.organisation_id,
                _supporter.c.email_index == _submission.c.address_index,
            ),
        )
    )
    .where(_submission.c.id.in_(_IDS))
)
_PETITIONS = (
    sa.select(
        _petition.c.id,
        _petition.c.number,
        _petition.c.action,
        _campaign.c.slug,
        _campaign.c.title,
        _owner.c.name.label("organisation"),
        _owner.c.contact_email,
        _owner.c.brand_colour,
    )
    .join(_campaign, _campaign.c.id == _petition.c.campaign_id)
    .join(_owner, _owner.c.id == _petition.c.organisation_id)
    .where(_petition.c.id.in_(_IDS))
)


@dataclass(frozen=True, slots=True)
class PetitionMailData:
    """The data that emails about the signatures of one petition share."""

    number: int
    action: str
    letterhead: Letterhead
    campaign_slug: str
    campaign_title: str


@dataclass(frozen=True, slots=True)
class SignerRecipient:
    """The signer, as a `supporter_mails.Recipient`; without an id if we know no such supporter."""

    id: UUID | None
    email: Any
    questions_off_at: datetime | None
    mail_off_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignatureMailData:
    """The data of a signature or submission that its email needs.

    `name` is that of a confirmed signature, None for a submission. `last_day` is the last one on
    which a submission can be confirmed. `has_ended` says why the email is not wanted any more.
    """

    id: UUID
    signer: SignerRecipient
    petition: PetitionMailData
    name: str | None = None
    has_vacant_seat: bool = False
    last_day: date | None = None
    has_ended: str | None = None


MailData = Mapping[tuple[MessageKind, UUID], SignatureMailData]
"""By the kind of the message, since a signature has the id of its submission."""


def gather(
    session: Session, messages: Collection[OutboxMessage], *, keyring: Keyring, today: date
) -> MailData:
    """Returns the data of messages of these kinds by their kind and the id of their subject.

    An id that is missing does not exist. Raises if a row cannot be decrypted.
    """
    asked = [each.subject_id for each in messages if each.kind is MessageKind.CONFIRM_SIGNATURE]
    signed = [each.subject_id for each in messages if each.kind is MessageKind.ALREADY_SIGNED]
    # Pending signatures first: a job turns them into submissions meanwhile.
    waiting = _of_pending(session, asked, today) | _of_submissions(session, asked, keyring)
    signatures = _of_signatures(session, signed, today)
    return {(MessageKind.CONFIRM_SIGNATURE, row_id): row for row_id, row in waiting.items()} | {
        (MessageKind.ALREADY_SIGNED, row_id): row for row_id, row in signatures.items()
    }


def make(
    message: OutboxMessage, signature: SignatureMailData | None, context: MailContext
) -> Mail | SharedMail[Any] | DroppedMessage:
    """Returns the email, or the reason why it is dropped. `signature` comes from `gather`."""
    if signature is None:
        return DroppedMessage("the signature was erased")
    if signature.has_ended is not None:
        return DroppedMessage(signature.has_ended)
    if message.kind is MessageKind.CONFIRM_SIGNATURE:
        return _asking(message, signature, context)
    petition = signature.petition
    values = _links(signature, context) | {
        "name": signature.name,
        "has_vacant_seat": signature.has_vacant_seat,
        "action": petition.action,
        "letter_link": f"{context.base_url}/campaigns/{petition.campaign_slug}/letter",
    }
    return supporter_mails.to_supporter(
        message,
        signature.signer,
        petition.campaign_title,
        values,
        context,
        letterhead=petition.letterhead,
    )


def _asking(
    message: OutboxMessage, signature: SignatureMailData, context: MailContext
) -> SharedMail[Any] | DroppedMessage:
    """Makes the email that asks to confirm, which has no word of the one who sent it."""
    petition = signature.petition
    last_day = times.day(signature.last_day) if signature.last_day else None
    return supporter_mails.to_one_of_many(
        message,
        signature.signer,
        petition.campaign_title,
        {"action": petition.action, "last_day": last_day},
        _links(signature, context),
        context,
        letterhead=petition.letterhead,
        opt_out="disown_link",
    )


def _links(signature: SignatureMailData, context: MailContext) -> dict[str, str]:
    # So that the page of an expired link knows its petition.
    bound_to = mail_links.bound_to(signature.petition.number)
    row_id = signature.id
    return {
        "confirm_link": context.link("confirm", Purpose.CONFIRM, row_id, bound_to=bound_to),
        "disown_link": context.link("disown", Purpose.DISOWN, row_id),
        "withdraw_link": context.link("withdraw", Purpose.WITHDRAW, row_id),
    }


def _of_submissions(
    session: Session, ids: Collection[UUID], keyring: Keyring
) -> dict[UUID, SignatureMailData]:
    if not ids:
        return {}
    rows = session.connection().execute(_SUBMISSIONS, {"ids": list(ids)}).all()
    petitions = _petitions(session, {row.petition_id for row in rows})
    by_id = {}
    for row in rows:
        organisation_id, contents = payload.open_sealed(row.sealed, keyring)
        email = Private(organisation_id, contents.email)
        by_id[row.id] = SignatureMailData(
            id=row.id,
            signer=SignerRecipient(row.supporter_id, email, None, row.mail_off_at),
            petition=petitions[row.petition_id],
            last_day=ending.last_day(row.received_at),
            has_ended="the signature is confirmed" if row.has_signed else None,
        )
    return by_id


def _of_pending(
    session: Session, ids: Collection[UUID], today: date
) -> dict[UUID, SignatureMailData]:
    """Returns the data of signatures from before submissions, which are not adopted yet."""
    if not ids:
        return {}
    rows = session.connection().execute(_PENDING, {"ids": list(ids)}).all()
    petitions = _petitions(session, {row.petition_id for row in rows}) if rows else {}
    return {
        row.id: SignatureMailData(
            id=row.id,
            signer=SignerRecipient(row.supporter_id, row.email, None, row.mail_off_at),
            petition=petitions[row.petition_id],
            last_day=(last_day := ending.last_day(row.signed_at)),
            has_ended="the signature has expired" if last_day < today else None,
        )
        for row in rows
    }


def _of_signatures(
    session: Session, ids: Collection[UUID], today: date
) -> dict[UUID, SignatureMailData]:
    if not ids:
        return {}
    rows = session.connection().execute(_SIGNATURES, {"ids": list(ids)}).all()
    petitions = _petitions(session, {row.petition_id for row in rows})
    vacant = seats.vacant_among(session, {row.constituency_code for row in rows}, today=today)
    return {
        row.id: SignatureMailData(
            id=row.id,
            signer=SignerRecipient(
                row.supporter_id, row.email, row.questions_off_at, row.mail_off_at
            ),
            petition=petitions[row.petition_id],
            name=row.name.text,
            has_vacant_seat=row.constituency_code in vacant,
            has_ended=None
            if row.state is SignatureState.CONFIRMED
            else f"the signature is {row.state}",
        )
        for row in rows
    }


def _petitions(session: Session, ids: Collection[UUID]) -> Mapping[UUID, PetitionMailData]:
    rows = session.connection().execute(_PETITIONS, {"ids": list(ids)})
    return {
        row.id: PetitionMailData(
            number=row.number,
            action=row.action,
            letterhead=Letterhead(row.organisation, row.contact_email, row.brand_colour),
            campaign_slug=row.slug,
            campaign_title=row.title,
        )
        for row in rows
    }
