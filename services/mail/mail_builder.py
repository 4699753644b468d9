"""Building a mail, and proving that it has the headers that were meant and no others."""

import quopri
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from typing import Protocol

from services.errors import Invalid
from services.mail import mail_headers

LONGEST_LINE = 998  # RFC 5322, 2.1.1
LONGEST_ENCODED_LINE = 76  # RFC 2045, 6.7
_HEADER_LINE = re.compile(rb"([A-Za-z0-9-]+): [!-~][ -~]*|[ \t]+[!-~][ -~]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
# The library encodes a space at a line's end behind 74 characters too, where 76 is the most that a
# line may have (RFC 2045, 6.7).
_TOO_LONG = re.compile(rb"^(.{74})(=20|=09)\r$", re.MULTILINE)
_MIME = {
    "Content-Type": 'text/plain; charset="utf-8"',
    "Content-Transfer-Encoding": "quoted-printable",
    "MIME-Version": "1.0",
}


class MessageSigner(Protocol):
    """Whatever proves that a message is its domain's."""

    def sign(self, content: bytes) -> bytes:
        """The message with its signature on top."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message ready to be handed over. `content` has CRLF line ends and no final dot.

    `sender` is where a mail server reports to that cannot deliver it.
    """

    sender: str
    recipient: str
    message_id: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail before it is built. `recipient` and `reply_to` are bare addresses.

    `sender_name` replaces the display name of the service's own address, never the address.
    `unsubscribe` is the link with which its recipient stops mails of this kind (RFC 8058).
    """

    recipient: str
    subject: str
    body: str
    message_id: str
    sender_name: str | None = None
    reply_to: tuple[str, str] | None = None
    campaign: str | None = None
    is_automatic: bool = True
    unsubscribe: str | None = None


def build(mail: Mail, *, mail_from: str, now: datetime) -> Envelope:
    """The message ready to be sealed. Invalid where a field could have become another header."""
    own_name, own_address = _own(mail_from)
    mailbox, text = mail_headers.mailbox, mail_headers.text
    if mail.is_automatic:
        mailbox, text = mail_headers.shared_mailbox, mail_headers.shared_text
    headers = {
        "From": mailbox("From", mail.sender_name or own_name, own_address),
        "To": mail_headers.bare_address(mail.recipient),
    }
    if mail.reply_to:
        headers["Reply-To"] = mail_headers.mailbox("Reply-To", *mail.reply_to)
    headers["Subject"] = text("Subject", mail.subject)
    headers["Date"] = format_datetime(now)
    headers["Message-ID"] = mail_headers.message_id(mail.message_id)
    if mail.campaign:
        headers["X-Campaign"] = mail_headers.shared_text("X-Campaign", mail.campaign)
    if mail.is_automatic:
        headers["Auto-Submitted"] = "auto-generated"
    if mail.unsubscribe:
        headers["List-Unsubscribe"] = mail_headers.link(mail.unsubscribe)
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    headers |= _MIME
    content = _written(headers, mail.body)
    _check_built(content, headers, mail.body)
    return Envelope(own_address, headers["To"], mail.message_id, content)


def sealed(
    message: Envelope, *, sender: str | None = None, signer: MessageSigner | None = None
) -> Envelope:
    """A built message, signed. Reports go to `sender`, or to the address that it is from."""
    return replace(
        message,
        sender=sender or message.sender,
        content=signer.sign(message.content) if signer else message.content,
    )


def _written(headers: Mapping[str, str], text: str) -> bytes:
    """Headers as they stand, and the text."""
    body = _LINE_END.sub("\r\n", text)
    if not body.endswith("\r\n"):
        body += "\r\n"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    try:
        return f"{head}\r\n".encode("ascii") + _quoted_printable(body.encode())
    except UnicodeError as error:
        raise Invalid.field("body", "mail_unsafe", "This text has broken characters.") from error


def _quoted_printable(body: bytes) -> bytes:
    return _TOO_LONG.sub(rb"\1=\r\n\2\r", quopri.encodestring(body))


@lru_cache(maxsize=10)
def _own(mail_from: str) -> tuple[str, str]:
    return parseaddr(mail_from)


@lru_cache(maxsize=10)
def domain_of(mail_from: str) -> str:
    """The domain for Message-IDs: the service's own."""
    return parseaddr(mail_from)[1].rpartition("@")[2] or "localhost"


def _check_built(content: bytes, headers: Mapping[str, str], text: str) -> None:
    """Read the bytes as a receiver will, and compare with what was meant: the names of headers and
    their values, each of which `mail_headers` has read back, and the text."""
    head, _, body = content.partition(b"\r\n\r\n")
    parsed = BytesHeaderParser(policy=compat32).parsebytes(head)
    is_as_meant = (
        _names(head) == list(headers)
        and parsed.items() == list(headers.items())
        and _text_of(body) == _LINE_END.sub("\n", text).rstrip("\n")
        and content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
        and max(map(len, head.split(b"\r\n"))) <= LONGEST_LINE
        and max(map(len, body.split(b"\r\n"))) <= LONGEST_ENCODED_LINE
    )
    if not is_as_meant:
        raise Invalid("mail_unsafe", "This mail would not arrive as it was meant.")


def _names(head: bytes) -> list[str]:
    """The names of headers, in order; empty where a line is neither a header nor its rest."""
    lines = [_HEADER_LINE.fullmatch(line) for line in head.split(b"\r\n")]
    return [found[1].decode() for found in lines if found and found[1]] if all(lines) else []


def _text_of(body: bytes) -> str:
    return quopri.decodestring(body).decode().replace("\r\n", "\n").rstrip("\n")
