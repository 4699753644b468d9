"""What all emails to supporters share: their links, their last line, and who gets none."""

from collections.abc import Hashable, Mapping
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
from services.mail.shared_mails import Personal, SharedMail

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
) -> Mail | DroppedMessage:
    """Makes an email with the template of the message's kind, or drops it if it is unwanted.

    `values` get the name of the `organisation` from the letterhead. `campaign` is a title.
    `enclosed` stands between the text and its small print. Characters that do not fit into a header
    are removed from titles and names: old ones were stored before they were refused.
    """
    if (unwanted := _reason_to_drop(message, supporter)) is not None:
        return unwanted
    assert supporter.id is not None  # noqa: S101 - strangers get only `to_one_of_many`
    texts = _SharedTexts(message.kind, campaign, letterhead)
    link = context.link("unsubscribe", Purpose.UNSUBSCRIBE, supporter.id)
    personal = Personal(supporter.email.text, context.message_id(message.id), (link,))
    return _written(texts, personal, values, enclosed)


def to_one_of_many(
    message: OutboxMessage,
    supporter: Recipient,
    campaign: str,
    values: Mapping[str, Hashable],
    links: Mapping[str, str],
    context: MailContext,
    *,
    letterhead: Letterhead,
    opt_out: str,
) -> SharedMail[Any] | DroppedMessage:
    """Works like `to_supporter`, for an email of which only `links` are its recipient's alone.

    The organisation does not know a recipient without an id: the link named `opt_out` then takes
    the place of the one to preferences in the headers, and the last line is that of the text, which
    says what to do if it was somebody else.
    """
    if (unwanted := _reason_to_drop(message, supporter)) is not None:
        return unwanted
    addresses = tuple(links.values())
    if supporter.id is not None:
        addresses += (context.link("unsubscribe", Purpose.UNSUBSCRIBE, supporter.id),)
    texts = _SharedTexts(
        message.kind,
        campaign,
        letterhead,
        tuple(values.items()),
        tuple(links),
        opt_out if supporter.id is None else None,
    )
    personal = Personal(supporter.email.text, context.message_id(message.id), addresses)
    return SharedMail(_filled_in, texts, personal)


@dataclass(frozen=True, slots=True)
class _SharedTexts:
    """What an email shares with others: all but recipient, ids and links.

    `links` are the names of the first links. `opt_out` is the one for the headers; None if that is
    the last one, which leads to preferences.
    """

    kind: MessageKind
    campaign: str
    letterhead: Letterhead
    values: tuple[tuple[str, Hashable], ...] = ()
    links: tuple[str, ...] = ()
    opt_out: str | None = None


def _filled_in(texts: _SharedTexts, personal: Personal) -> Mail:
    links = zip(texts.links, personal.links, strict=False)
    return _written(texts, personal, dict((*texts.values, *links)))


def _reason_to_drop(message: OutboxMessage, supporter: Recipient) -> DroppedMessage | None:
    if supporter.mail_off_at is not None:
        return DroppedMessage("the supporter wants no mail")
    if supporter.questions_off_at is not None and message.kind in NOTICES:
        return DroppedMessage("the supporter wants no questions and notices")
    return None


def _written(
    texts: _SharedTexts,
    personal: Personal,
    values: Mapping[str, Any],
    enclosed: Enclosed | None = None,
) -> Mail:
    letterhead = texts.letterhead
    values = {**values, "organisation": letterhead.name}
    content = mail_templates.render(f"{texts.kind}.txt", values)
    if enclosed:
        content = content.with_enclosed(enclosed.text, enclosed.locale)
    link = values[texts.opt_out] if texts.opt_out else personal.links[-1]
    if texts.opt_out is None:
        label = f"Change what {letterhead.name} emails you, or unsubscribe"
        content = content.with_small("", label, link)
    return Mail(
        recipient=personal.recipient,
        sender_name=letterhead.display_name,
        reply_to=letterhead.reply_to,
        subject=fitted(content.subject),
        body=content.plain,
        message_id=personal.message_id,
        campaign=fitted(texts.campaign),
        unsubscribe=link,
        html=html_parts.render(
            content, sender=letterhead.name, brand_colour=letterhead.brand_colour
        ),
    )
