"""What every mail to a supporter has: its links, its last line, and who gets none."""

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

# Who wants no questions and notices does not get these.
NOTICES = (MessageKind.LETTER_QUESTION, MessageKind.SEAT_FILLED)
_fit = lru_cache(maxsize=100)(texts.fit_for_header)  # organisers' words, which many mails share
LAST_LINE = "To choose what {organisation} sends to this address, or to stop it: {link}"


@dataclass(frozen=True, slots=True)
class DroppedMessage:
    """A message that has no purpose any more. With `hold`, the letter is to be held for it.

    `is_trouble`: it was wanted, but cannot be made.
    """

    reason: str
    hold: bool = False
    is_trouble: bool = False


@dataclass(frozen=True, slots=True)
class MailContext:
    """What rendering needs to know of the service."""

    tokens: Tokens
    base_url: str
    mail_from: str
    keyring: Keyring
    bounces: BounceAddress | None = None
    signer: MessageSigner | None = None

    def link(self, path: str, purpose: Purpose, row_id: UUID) -> str:
        """A link for a mail."""
        return f"{self.base_url}/{path}/{self.tokens.issue(purpose, row_id)}"

    def message_id(self, row_id: UUID) -> str:
        """Of the outbox's row: the same for every attempt, so that the relay's log can settle what
        happened."""
        return f"<{row_id}@{mail_builder.domain_of(self.mail_from)}>"

    def sender_of(self, row_id: UUID) -> str | None:
        """Where a mail server reports to that cannot deliver the outbox's row; None: to `From`."""
        return self.bounces.sender_of(row_id) if self.bounces else None


class Recipient(Protocol):
    """What a mail has to know of its supporter; `models.Supporter` tells what each means."""

    @property
    def id(self) -> UUID: ...

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
) -> Mail | DroppedMessage:
    """The mail that the template of the message's kind makes of `values`, one of which is the
    organisation's name. `campaign` is a title; `enclosed` stands below the text, as it is.

    A title or a name from before it was refused loses the mail nothing but what was unfit.
    """
    if supporter.mail_off_at is not None:
        return DroppedMessage("the supporter wants no mail")
    if supporter.questions_off_at is not None and message.kind in NOTICES:
        return DroppedMessage("the supporter wants no questions and notices")
    text = text_templates.render(f"{message.kind}.txt", values)
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
