"""Mails about a signature: asking to confirm it, and telling that there is one already.

On the evening on which a campaign is in the news they are nearly all that goes, so that what they
need is looked up for many at once, in three statements, and no more of it than they say.
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
from services.common.tokens import Purpose
from services.mail import supporter_mails
from services.mail.mail_builder import Mail
from services.mail.supporter_mails import DroppedMessage, MailContext
from services.parliament import seats

# The state of a signature that each is about.
KINDS = {
    MessageKind.CONFIRM_SIGNATURE: SignatureState.PENDING,
    MessageKind.ALREADY_SIGNED: SignatureState.CONFIRMED,
}
_signature, _supporter = table_of(Signature), table_of(Supporter)
_petition, _campaign, _owner = table_of(Petition), table_of(Campaign), table_of(Organisation)
_IDS: sa.BindParameter[list[UUID]] = sa.bindparam("ids", expanding=True)
# Put together once: that costs more than to send them.
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
    """What mails about the signatures of one petition share."""

    action: str
    organisation: str
    campaign_slug: str
    campaign_title: str


@dataclass(frozen=True, slots=True)
class SignerRecipient:
    """Whom a mail goes to. A `supporter_mails.Recipient`."""

    id: UUID
    email: Any
    questions_off_at: datetime | None
    mail_off_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignatureMailData:
    """One signature, as far as its mail needs to know it."""

    id: UUID
    state: SignatureState
    name: str
    signer: SignerRecipient
    about: PetitionMailData
    has_vacant_seat: bool


def gather(
    session: Session, ids: Collection[UUID], *, today: date
) -> dict[UUID, SignatureMailData]:
    """By id, those signatures that there are still. Raises where a sealed row does not open."""
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
            about=petitions[row.petition_id],
            has_vacant_seat=row.constituency_code in vacant,
        )
        for row in rows
    }


def make(
    message: OutboxMessage, signed: SignatureMailData | None, context: MailContext
) -> Mail | DroppedMessage:
    """The mail, or why there is none. `signed` is what `gather` found of its signature."""
    if signed is None:
        return DroppedMessage("the signature was erased")
    if signed.state is not KINDS[message.kind]:
        return DroppedMessage(f"the signature is {signed.state}")
    about = signed.about
    values = {
        "name": signed.name,
        "has_vacant_seat": signed.has_vacant_seat,
        "action": about.action,
        "organisation": about.organisation,
        "confirm_link": context.link("confirm", Purpose.CONFIRM, signed.id),
        "disown_link": context.link("disown", Purpose.DISOWN, signed.id),
        "withdraw_link": context.link("withdraw", Purpose.WITHDRAW, signed.id),
        "letter_link": f"{context.base_url}/campaigns/{about.campaign_slug}/letter",
    }
    return supporter_mails.to_supporter(
        message, signed.signer, about.campaign_title, values, context
    )


def _petitions(session: Session, ids: Collection[UUID]) -> Mapping[UUID, PetitionMailData]:
    rows = session.connection().execute(_PETITIONS, {"ids": list(ids)})
    return {
        row.id: PetitionMailData(row.action, row.organisation, row.slug, row.title) for row in rows
    }
