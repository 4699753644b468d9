"""What all emails to supporters share: their links, their last line, and who gets none."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from models import Keyring, MessageKind, OutboxMessage
from services.common.tokens import Purpose, Tokens
from services.mail import html_parts, mail_builder, mail_templates
from services.mail.bounce_addresses import BounceAddress
from services.mail.letterheads import Letterhead, fitted
from services.mail.mail_builder import Mail, MessageSigner

# Supporters can turn these off without turning off all email.
NOTICES = (MessageKind.LETTER_QUESTION, MessageKind.SEAT_FILLED)


@dataclass(frozen=True, slots=True)
class DroppedMessage:
    """A message that is not sent, with the reason.

    `hold`: its letter must be held. `is_trouble`: the message is still wanted, but cannot be made.
    """

    reason: str
    hold: bool = False
    is_trouble: bool = False


@dataclass(frozen=True, slots=True)
class MailContext:
    """What making an email needs to know about the service."""

    tokens: Tokens
    base_url: str
    mail_from: str
    keyring: Keyring
    bounces: BounceAddress | None = None
    signer: MessageSigner | None = None

    def link(self, path: str, purpose: Purpose, row_id: UUID, *, bound_to: bytes = b"") -> str:
        """Returns a link with a signed token for a row."""
        return f"{self.base_url}/{path}/{self.tokens.issue(purpose, row_id, bound_to=bound_to)}"

    def message_id(self, row_id: UUID) -> str:
        """Returns the Message-ID of an outbox row.

        Every attempt has the same, so that the relay's log shows whether the message was sent.
        """
        return f"<{row_id}@{mail_builder.domain_of(self.mail_from)}>"

    def sender_of(self, row_id: UUID) -> str | None:
        """Returns the envelope sender of an outbox row; None means the address in `From`."""
        return self.bounces.sender_of(row_id) if self.bounces else None


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A text that an email passes on unchanged, such as the copy of a letter, with its language."""

    text: str
    locale: str


class Recipient(Protocol):
    """The attributes of `models.Supporter` that an email needs."""

    @property
    def id(self) -> UUID | None: ...

    @property
    def email(self) -> Any: ...

    @property
    def questions_off_at(self) -> datetime | None: ...

    @property
    def mail_off_at(self) -> datetime | None: ...


def to_supporter(
    message: OutboxMessage,
    supporter: Recipient,
    campaign: str,
    values: dict[str, Any],
    context: MailContext,
    *,
    letterhead: Letterhead,
    enclosed: Enclosed | None = None,
    opt_out_link: str | None = None,
) -> Mail | DroppedMessage:
    """Makes an email with the template of the message's kind, or drops it if it is unwanted.

    `values` get the name of the `organisation` from the letterhead. `campaign` is a title.
    `enclosed` stands between the text and its small print. The organisation does not know a
    recipient without an id: `opt_out_link` then takes the place of the link to preferences in the
    headers, and the last line is that of the text, which says what to do if it was somebody else.
    Characters that do not fit into a header are removed from titles and names: old ones were stored
    before they were refused.
    """
    if supporter.mail_off_at is not None:
        return DroppedMessage("the supporter wants no mail")
    if supporter.questions_off_at is not None and message.kind in NOTICES:
        return DroppedMessage("the supporter wants no questions and notices")
    values = values | {"organisation": letterhead.name}
    content = mail_templates.render(f"{message.kind}.txt", values)
    if enclosed:
        content = content.with_enclosed(enclosed.text, enclosed.locale)
    link = opt_out_link
    if supporter.id is not None:
        link = context.link("unsubscribe", Purpose.UNSUBSCRIBE, supporter.id)
        label = f"Change what {letterhead.name} emails you, or unsubscribe"
        content = content.with_small("", label, link)
    return Mail(
        recipient=supporter.email.text,
        sender_name=letterhead.display_name,
        reply_to=letterhead.reply_to,
        subject=fitted(content.subject),
        body=content.plain,
        message_id=context.message_id(message.id),
        campaign=fitted(campaign),
        unsubscribe=link,
        html=html_parts.render(
            content, sender=letterhead.name, brand_colour=letterhead.brand_colour
        ),
    )
