"""What all emails to supporters share: their links, their last line, and who gets none."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

from models import Keyring, MessageKind, OutboxMessage
from services.common import texts
from services.common.tokens import Purpose, Tokens
from services.mail import mail_builder, text_templates
from services.mail.bounce_addresses import BounceAddress
from services.mail.mail_builder import Mail, MessageSigner

# Supporters can turn these off without turning off all email.
NOTICES = (MessageKind.LETTER_QUESTION, MessageKind.SEAT_FILLED)
_fit = lru_cache(maxsize=100)(texts.fit_for_header)  # texts of organisers, which many emails share
LAST_LINE = "To choose what {organisation} sends to this address, or to stop it: {link}"


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
    enclosed: str = "",
    opt_out_link: str | None = None,
) -> Mail | DroppedMessage:
    """Makes an email with the template of the message's kind, or drops it if it is unwanted.

    `values` must contain the name of the `organisation`. `campaign` is a title. `enclosed` is added
    below the text, unchanged. The organisation does not know a recipient without an id:
    `opt_out_link` then takes the place of the link to preferences in the headers, and the last line
    is that of the text, which says what to do if it was somebody else.
    Characters that do not fit into a header are removed from titles and names: old ones were stored
    before they were refused.
    """
    if supporter.mail_off_at is not None:
        return DroppedMessage("the supporter wants no mail")
    if supporter.questions_off_at is not None and message.kind in NOTICES:
        return DroppedMessage("the supporter wants no questions and notices")
    text = text_templates.render(f"{message.kind}.txt", values)
    link, last_line = opt_out_link, ""
    if supporter.id is not None:
        link = context.link("unsubscribe", Purpose.UNSUBSCRIBE, supporter.id)
        last_line = LAST_LINE.format(organisation=values["organisation"], link=link)
    parts = (text.body, enclosed.rstrip(), last_line)
    return Mail(
        recipient=supporter.email.text,
        sender_name=_fit(values["organisation"]),
        subject=_fit(text.subject),
        body="\n\n".join(part for part in parts if part) + "\n",
        message_id=context.message_id(message.id),
        campaign=_fit(campaign),
        unsubscribe=link,
    )
