"""Emails to an organiser about their own account: a link to a new password, and changes.

They are rendered at delivery, from the account as it is then. The mailbox's limit of five emails a
day does not hold them back: strangers could use it up, and a warning a day late is none. A link to
a new password has a limit of its own.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    AccountEvent,
    AccountEventKind,
    MessageKind,
    Organisation,
    Organiser,
    OutboxMessage,
)
from services.accounts import resets
from services.common import texts, times
from services.common.tokens import Purpose
from services.mail import dead_addresses, html_parts, mail_templates, outbox
from services.mail.mail_builder import Mail
from services.mail.outbox import NewMessage
from services.mail.recipients import Recipient
from services.mail.supporter_mails import DroppedMessage, MailContext

KINDS = (MessageKind.PASSWORD_RESET, MessageKind.ACCOUNT_CHANGED)
RESETS_AN_HOUR = 3
_HOUR = timedelta(hours=1)
# The subject, and what happened. An email about any other event is not sent.
CHANGES = {
    AccountEventKind.PASSWORD_CHANGED: (
        "Your password has been changed",
        "Your password was changed.",
    ),
    AccountEventKind.PASSWORD_RESET: (
        "You have a new password",
        "A new password was chosen with a link that we emailed to you. All devices were signed "
        "out.",
    ),
    AccountEventKind.SECOND_STEP_ADDED: (
        "Two-step sign-in is set up",
        "Two-step sign-in was set up with an authenticator app, which replaces any earlier one.",
    ),
    AccountEventKind.SECOND_STEP_RESET: (
        "Two-step sign-in has been removed",
        "The people who run this service removed your two-step sign-in and signed you out. You can "
        "set it up again when you next sign in.",
    ),
    AccountEventKind.RECOVERY_CODES_MADE: (
        "You have new recovery codes",
        "New recovery codes were made. The old ones don't work any more.",
    ),
    AccountEventKind.RECOVERY_CODE_USED: (
        "A recovery code was used",
        "Somebody signed in with your password and one of your recovery codes. That code won't "
        "work again.",
    ),
    AccountEventKind.SIGNED_IN: (
        "New sign-in to your account",
        "Somebody signed in to your account on a device that we haven't seen before.",
    ),
}


def queue_reset(session: Session, organiser: Organiser, *, now: datetime) -> None:
    """Queue a link to a new password, unless the account had three in the last hour."""
    statement = select(sa.func.count()).where(
        OutboxMessage.subject_id == organiser.id,
        OutboxMessage.kind == MessageKind.PASSWORD_RESET,
        col(OutboxMessage.created_at) > now - _HOUR,
    )
    # Locked, so that requests at the same time do not all find room.
    session.exec(select(Organiser.id).where(Organiser.id == organiser.id).with_for_update()).one()
    if session.exec(statement).one() < RESETS_AN_HOUR:
        message = NewMessage(MessageKind.PASSWORD_RESET, organiser.id, _recipient(organiser))
        _insert(session, organiser, message, now)


def queue_changed(
    session: Session, organiser: Organiser, event: AccountEvent, *, now: datetime
) -> None:
    """Queue an email to an organiser about one line of the record."""
    session.flush()
    message = NewMessage(MessageKind.ACCOUNT_CHANGED, event.id, _recipient(organiser))
    _insert(session, organiser, message, now)


def make(session: Session, message: OutboxMessage, context: MailContext) -> Mail | DroppedMessage:
    """Returns the email, or the reason why it is dropped."""
    statement = select(Organiser).where(Organiser.email_index == message.recipient_index)
    organiser = session.exec(statement).first()
    if organiser is None:
        return DroppedMessage("the organiser was removed")
    values: dict[str, Any] | None
    if message.kind is MessageKind.PASSWORD_RESET:
        bound_to = resets.binding_of(organiser)
        link = context.link("forgotten", Purpose.RESET, organiser.id, bound_to=bound_to)
        values = {"reset_link": link}
    else:
        values = _changed_values(session.get(AccountEvent, message.subject_id), context)
    if values is None:
        return DroppedMessage("the record has no such line any more")
    organisation = session.get_one(Organisation, organiser.organisation_id)
    content = mail_templates.render(
        f"{message.kind}.txt",
        values | {"organisation": organisation.name, "email": organiser.email.text},
    )
    return Mail(
        recipient=organiser.email.text,
        subject=texts.fit_for_header(content.subject),
        body=content.plain,
        message_id=context.message_id(message.id),
        html=html_parts.render(
            content, sender=organisation.name, brand_colour=organisation.brand_colour
        ),
    )


def _insert(session: Session, organiser: Organiser, message: NewMessage, now: datetime) -> None:
    if not dead_addresses.dead_indexes(session, [organiser.email_index]):
        outbox.insert(session, [message], now=now)


def _recipient(organiser: Organiser) -> Recipient:
    return Recipient(organiser.email_index, organiser.email_index)


def _changed_values(event: AccountEvent | None, context: MailContext) -> dict[str, Any] | None:
    if event is None or event.kind not in CHANGES:
        return None
    subject, sentence = CHANGES[event.kind]
    return {
        "change": subject,
        "sentence": sentence,
        "when": times.moment(event.at),
        "device": event.device,
        "forgotten_link": f"{context.base_url}/forgotten",
    }
