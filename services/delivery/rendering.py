"""Makes the email of a queued message at the moment of sending, from the database as it is then."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlmodel import Session

from models import MessageKind, OutboxMessage
from services.accounts import account_mails, invitation_mails
from services.alerts import alert_mails
from services.delivery.lookups import NOTHING_PREFETCHED, Prefetched
from services.errors import LobbyError, NotFound
from services.letters import letter_mails, letter_requests
from services.mail import mail_builder, shared_mails
from services.mail.mail_builder import Envelope, Mail
from services.mail.shared_mails import SharedMail
from services.mail.supporter_mails import DroppedMessage, MailContext
from services.signatures import signature_mails
from services.webhooks import warning_mails

_Make = Callable[[Session, OutboxMessage, MailContext], Mail | DroppedMessage]
_TO_ORGANISERS: dict[MessageKind, _Make] = {
    **dict.fromkeys(account_mails.KINDS, account_mails.make),
    **dict.fromkeys(alert_mails.KINDS, alert_mails.make),
    **dict.fromkeys(invitation_mails.KINDS, invitation_mails.make),
    **dict.fromkeys(warning_mails.KINDS, warning_mails.make),
}


def render(
    session: Session,
    message: OutboxMessage,
    context: MailContext,
    *,
    now: datetime,
    prefetched: Prefetched = NOTHING_PREFETCHED,
) -> Envelope | DroppedMessage:
    """Returns the signed email, or why it is not sent. `prefetched` saves look-ups.

    Errors of the service become a `DroppedMessage`; any other error reaches the caller.
    """
    try:
        mail = _make(session, message, context, now, prefetched)
        if isinstance(mail, DroppedMessage):
            return mail
        if isinstance(mail, SharedMail):
            envelope = shared_mails.build(mail, mail_from=context.mail_from, now=now)
        else:
            envelope = mail_builder.build(mail, mail_from=context.mail_from, now=now)
        sender = context.sender_of(message.id)
        return mail_builder.sealed(envelope, sender=sender, signer=context.signer)
    except LobbyError as error:
        return _dropped_for(message, error)


def _make(
    session: Session,
    message: OutboxMessage,
    context: MailContext,
    now: datetime,
    prefetched: Prefetched,
) -> Mail | SharedMail[Any] | DroppedMessage:
    kind, subject_id = message.kind, message.subject_id
    if kind in signature_mails.KINDS:
        signatures = prefetched.signatures
        if signatures is None:
            signatures = signature_mails.gather(
                session, [message], keyring=context.keyring, today=now.date()
            )
        return signature_mails.make(message, signatures.get((kind, subject_id)), context)
    if kind in letter_requests.KINDS:
        requests = prefetched.letter_requests
        if requests is None:
            requests = letter_requests.gather(session, [message], keyring=context.keyring)
        return letter_requests.make(message, requests.get(subject_id), context)
    if kind is MessageKind.LETTER:
        situation = prefetched.situations.get(subject_id)
        return letter_mails.make_letter(session, message, context, now=now, situation=situation)
    if kind is MessageKind.SEAT_FILLED:
        return letter_mails.make_seat_filled_mail(session, message, context, now=now)
    if kind in letter_mails.SENT_KINDS:
        return letter_mails.make_sent_mail(session, message, context)
    if kind in _TO_ORGANISERS:
        return _TO_ORGANISERS[kind](session, message, context)
    return letter_mails.make_state_mail(session, message, context)


def _dropped_for(message: OutboxMessage, error: LobbyError) -> DroppedMessage:
    """A letter that cannot be made is held, so that its writer is told."""
    if isinstance(error, NotFound):
        return DroppedMessage(error.code)
    hold = message.kind is MessageKind.LETTER
    reason = error.code if error.code in letter_mails.HELD_REASONS or not hold else "unsendable"
    return DroppedMessage(reason, hold=hold, is_trouble=True)
