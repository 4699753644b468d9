"""Emails about a signature: the request to confirm it, and the notice that there is one already.

During a rush nearly all emails are of these kinds. So their data is read for many at once, in three
statements, and only the columns that they need.
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
    MessageKind,
    Organisation,
    OutboxMessage,
    Petition,
    Signature,
    SignatureState,
    Supporter,
)
from models.base import table_of
from services.common import times, tokens
from services.common.tokens import Purpose
from services.mail import supporter_mails
from services.mail.mail_builder import Mail
from services.mail.supporter_mails import DroppedMessage, MailContext
from services.parliament import seats

# The state that the signature has to be in for an email of each kind.
KINDS = {
    MessageKind.CONFIRM_SIGNATURE: SignatureState.PENDING,
    MessageKind.ALREADY_SIGNED: SignatureState.CONFIRMED,
}
_signature, _supporter = table_of(Signature), table_of(Supporter)
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
        _supporter.c.name.is_not(None).label("is_known"),
        _supporter.c.questions_off_at,
        _supporter.c.mail_off_at,
    )
    .join(_supporter, _supporter.c.id == _signature.c.supporter_id)
    .where(_signature.c.id.in_(_IDS))
)
_PETITIONS = (
    sa.select(
        _petition.c.id,
        _petition.c.action,
        _campaign.c.slug,
        _campaign.c.title,
        _owner.c.name.label("organisation"),
    )
    .join(_campaign, _campaign.c.id == _petition.c.campaign_id)
    .join(_owner, _owner.c.id == _petition.c.organisation_id)
    .where(_petition.c.id.in_(_IDS))
)


@dataclass(frozen=True, slots=True)
class PetitionMailData:
    """The data that emails about the signatures of one petition share."""

    action: str
    organisation: str
    campaign_slug: str
    campaign_title: str


@dataclass(frozen=True, slots=True)
class SignerRecipient:
    """The signer, as a `supporter_mails.Recipient`."""

    id: UUID
    email: Any
    questions_off_at: datetime | None
    mail_off_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignatureMailData:
    """The data of one signature that its email needs."""

    id: UUID
    state: SignatureState
    name: str
    signer: SignerRecipient
    petition: PetitionMailData
    has_vacant_seat: bool
    # Whether the organisation knows the person by a confirmation, an import or its own word.
    is_known: bool


def gather(
    session: Session, ids: Collection[UUID], *, today: date
) -> dict[UUID, SignatureMailData]:
    """Returns the data of existing signatures by id. Raises if a row cannot be decrypted."""
    if not ids:
        return {}
    rows = session.connection().execute(_SIGNATURES, {"ids": list(ids)}).all()
    petitions = _petitions(session, {row.petition_id for row in rows})
    vacant = seats.vacant_among(session, {row.constituency_code for row in rows}, today=today)
    return {
        row.id: SignatureMailData(
            id=row.id,
            state=row.state,
            name=row.name.text,
            signer=SignerRecipient(
                row.supporter_id, row.email, row.questions_off_at, row.mail_off_at
            ),
            petition=petitions[row.petition_id],
            has_vacant_seat=row.constituency_code in vacant,
            is_known=row.is_known,
        )
        for row in rows
    }


def make(
    message: OutboxMessage, signature: SignatureMailData | None, context: MailContext
) -> Mail | DroppedMessage:
    """Returns the email, or the reason why it is dropped. `signature` comes from `gather`."""
    if signature is None:
        return DroppedMessage("the signature was erased")
    if signature.state is not KINDS[message.kind]:
        return DroppedMessage(f"the signature is {signature.state}")
    petition, asked_at = signature.petition, message.created_at
    values = {
        "has_vacant_seat": signature.has_vacant_seat,
        "action": petition.action,
        "organisation": petition.organisation,
        "last_day": times.day(tokens.last_day(Purpose.CONFIRM, asked_at)),
        "confirm_link": context.link("confirm", Purpose.CONFIRM, signature.id),
        "disown_link": context.link("disown", Purpose.DISOWN, signature.id),
        "withdraw_link": context.link("withdraw", Purpose.WITHDRAW, signature.id),
        "letter_link": f"{context.base_url}/campaigns/{petition.campaign_slug}/letter",
    }
    is_confirmed = message.kind is MessageKind.ALREADY_SIGNED
    if is_confirmed:  # otherwise a stranger may have typed the name
        values["name"] = signature.name
    return supporter_mails.to_supporter(
        message,
        signature.signer,
        petition.campaign_title,
        values,
        context,
        is_known=is_confirmed or signature.is_known,
    )


def _petitions(session: Session, ids: Collection[UUID]) -> Mapping[UUID, PetitionMailData]:
    rows = session.connection().execute(_PETITIONS, {"ids": list(ids)})
    return {
        row.id: PetitionMailData(row.action, row.organisation, row.slug, row.title) for row in rows
    }
