"""Emails to owners when the service disables a webhook endpoint, or is about to.

They are queued in the transaction that disables the endpoint, and rendered when they are sent: an
email that is no longer needed by then is dropped. There is at most one email a day per endpoint.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    DisabledReason,
    MessageKind,
    MessageState,
    Organisation,
    Organiser,
    OutboxMessage,
    Role,
    WebhookEndpoint,
)
from services.common import texts, times
from services.mail import html_parts, mail_templates, outbox
from services.mail.mail_builder import Mail
from services.mail.outbox import NewMessage
from services.mail.recipients import Recipient
from services.mail.supporter_mails import DroppedMessage, MailContext
from services.webhooks import deliveries, sender
from services.webhooks.deliveries import MOST_COUNTED

KINDS = (MessageKind.WEBHOOK_STOPPED, MessageKind.WEBHOOK_FAILING)
AT_MOST_EVERY = timedelta(days=1)
WHY = {
    DisabledReason.GONE: "The endpoint answered 410 (gone), which means that it won't come back.",
    DisabledReason.FAILING: "No delivery had succeeded for three days.",
    DisabledReason.KEY_ENDED: "The API key that it belonged to has expired or was revoked.",
    DisabledReason.BY_HAND: "Somebody in your organisation, or a program with one of your keys, "
    "disabled it.",
}
WHAT_TO_DO = {
    DisabledReason.GONE: "Ask the people who run the endpoint whether it has moved. Then enter the "
    "new address and enable the webhook, or delete it if you don't need it.",
    DisabledReason.FAILING: "The delivery log shows how the endpoint answered. Once the endpoint "
    "works, enable the webhook.",
    DisabledReason.KEY_ENDED: "If you still need it, enable it on its page. It then belongs to you "
    "and needs no key. If not, delete it.",
    DisabledReason.BY_HAND: "You can enable it at any time.",
}


def queue_stopped(session: Session, endpoints: Sequence[WebhookEndpoint], *, now: datetime) -> None:
    """Queue an email to each owner about endpoints that were disabled together.

    The endpoints belong to one organisation. The email is about the first one and says how many
    others are disabled. It is delayed until a day after the last one, and dropped if the endpoint
    is enabled by then; while one is queued, no other is added.
    """
    kind, first = MessageKind.WEBHOOK_STOPPED, endpoints[0]
    if not _exists(session, first, kind, col(OutboxMessage.state).in_(outbox.WAITING)):
        _queue(session, kind, first, now)


def queue_failing(session: Session, endpoint: WebhookEndpoint, *, now: datetime) -> None:
    """Queue an email to each owner that an endpoint is failing, once per series of failures."""
    kind, since = MessageKind.WEBHOOK_FAILING, endpoint.failing_since
    if since is None or _exists(session, endpoint, kind, col(OutboxMessage.created_at) >= since):
        return
    _queue(session, kind, endpoint, now)


def make(session: Session, message: OutboxMessage, context: MailContext) -> Mail | DroppedMessage:
    """Returns the email, or the reason why it is dropped."""
    endpoint = session.get(WebhookEndpoint, message.subject_id)
    if endpoint is None:
        return DroppedMessage("the webhook was deleted")
    organiser = _recipient(session, message, endpoint)
    if organiser is None:
        return DroppedMessage("they are no owner of this organisation any more")
    values = _failing_values(endpoint)
    if message.kind is MessageKind.WEBHOOK_STOPPED:
        values = _stopped_values(session, endpoint)
    if not values:
        return DroppedMessage("the webhook is well, or somebody knows of it")
    organisation = session.get_one(Organisation, endpoint.organisation_id)
    values |= _shared_values(session, endpoint, context) | {"organisation": organisation.name}
    content = mail_templates.render(f"{message.kind}.txt", values)
    return Mail(
        recipient=organiser.email.text,
        subject=texts.fit_for_header(content.subject),
        body=content.plain,
        message_id=context.message_id(message.id),
        html=html_parts.render(
            content, sender=organisation.name, brand_colour=organisation.brand_colour
        ),
    )


def _exists(
    session: Session,
    endpoint: WebhookEndpoint,
    kind: MessageKind,
    condition: sa.ColumnElement[bool],
) -> bool:
    statement = select(OutboxMessage.id).where(
        OutboxMessage.subject_id == endpoint.id, OutboxMessage.kind == kind, condition
    )
    return session.exec(statement.limit(1)).first() is not None


def _queue(session: Session, kind: MessageKind, endpoint: WebhookEndpoint, now: datetime) -> None:
    last = session.exec(
        select(sa.func.max(OutboxMessage.finished_at)).where(
            OutboxMessage.subject_id == endpoint.id, OutboxMessage.state == MessageState.ACCEPTED
        )
    ).one()
    due_at = max(now, last + AT_MOST_EVERY) if last else now
    owners = select(Organiser.email_index).where(
        Organiser.organisation_id == endpoint.organisation_id, Organiser.role == Role.OWNER
    )
    notes = [
        NewMessage(kind, endpoint.id, Recipient(index, index), due_at)
        for index in session.exec(owners)
    ]
    outbox.queue(session, notes, now=now)


def _recipient(
    session: Session, message: OutboxMessage, endpoint: WebhookEndpoint
) -> Organiser | None:
    statement = select(Organiser).where(
        Organiser.email_index == message.recipient_index,
        Organiser.organisation_id == endpoint.organisation_id,
        Organiser.role == Role.OWNER,
    )
    return session.exec(statement).first()


def _failing_values(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Returns nothing if it works again, or is disabled, for which there is another email."""
    if endpoint.failing_since is None or endpoint.disabled_at is not None:
        return {}
    return {"since": times.moment(endpoint.failing_since)}


def _stopped_values(session: Session, endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Returns nothing if it is enabled again, or if somebody disabled it deliberately."""
    reason, since = endpoint.disabled_reason, endpoint.disabled_at
    if reason is None or since is None or reason is DisabledReason.BY_HAND:
        return {}
    return {
        "since": times.moment(since),
        "why": WHY[reason],
        "what_to_do": WHAT_TO_DO[reason],
        "others": _count_others(session, endpoint),
    }


def _shared_values(
    session: Session, endpoint: WebhookEndpoint, context: MailContext
) -> dict[str, Any]:
    counts = deliveries.counts(session, [endpoint.id])[endpoint.id]
    pages = f"{context.base_url}/organiser/webhooks"
    return {
        "host": sender.host_of(endpoint.url.text),  # the rest of the URL is often a secret
        "description": endpoint.description,
        "waiting": counts.waiting + counts.held,
        "most": MOST_COUNTED,
        "page": f"{pages}/{endpoint.id}",
        "pages": pages,
    }


def _count_others(session: Session, endpoint: WebhookEndpoint) -> int:
    """Returns how many other endpoints of the organisation the service has disabled.

    They are counted because not every disabled endpoint has its own email.
    """
    statement = select(WebhookEndpoint.id).where(
        WebhookEndpoint.organisation_id == endpoint.organisation_id,
        WebhookEndpoint.id != endpoint.id,
        col(WebhookEndpoint.disabled_reason) != DisabledReason.BY_HAND,
    )
    return len(session.exec(statement).all())
