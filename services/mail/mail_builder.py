"""Builds an email, and checks that it has the intended headers and no others.

An email has a text part, and may have an HTML part after it (multipart/alternative, RFC 2046, 5.1).
"""

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
# The standard library also encodes a space at the end of a line after 74 characters, which makes
# the line longer than the 76 that are allowed (RFC 2045, 6.7).
_TOO_LONG = re.compile(rb"^(.{74})(=20|=09)\r$", re.MULTILINE)
# Quoted-printable never writes these two characters side by side, so that no text of an email can
# hold the boundary (RFC 2045, 6.7).
BOUNDARY = "=_central-lobby"
_VERSION = {"MIME-Version": "1.0"}
_TEXT = {
    "Content-Type": 'text/plain; charset="utf-8"',
    "Content-Transfer-Encoding": "quoted-printable",
}
_HTML = _TEXT | {"Content-Type": 'text/html; charset="utf-8"'}
_ALTERNATIVES = {"Content-Type": f'multipart/alternative; boundary="{BOUNDARY}"'}
_DELIMITER = f"--{BOUNDARY}".encode("ascii")


class MessageSigner(Protocol):
    """Signs messages for their domain."""

    def sign(self, content: bytes) -> bytes:
        """Returns the message with its signature on top."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message for a courier. `content` has CRLF line ends and no final dot.

    `sender` is the envelope sender, to which mail servers send bounces.
    """

    sender: str
    recipient: str
    message_id: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """The parts of an email before it is built. `recipient` is an address without a name.

    `html` has the words of `body`. A letter to an MP has none.
    `sender_name` replaces the display name of the service's own address, never the address.
    `reply_to` is a name and an address. `unsubscribe` is a one-click link (RFC 8058).
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
    html: str | None = None


def build(mail: Mail, *, mail_from: str, now: datetime) -> Envelope:
    """Builds the message, unsigned. Invalid if a field would not arrive as it was meant."""
    own_name, own_address = _parsed(mail_from)
    mailbox, text, to = mail_headers.mailbox, mail_headers.text, mail_headers.bare_address
    if mail.is_automatic:
        mailbox, text = mail_headers.shared_mailbox, mail_headers.shared_text
    else:  # a letter to an MP, with a supporter's name and words
        to = mail_headers.shared_address
    headers = {
        "From": mailbox("From", mail.sender_name or own_name, own_address),
        "To": to(mail.recipient),
    }
    if mail.reply_to:
        headers["Reply-To"] = mailbox("Reply-To", *mail.reply_to)
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
    headers |= (_TEXT if mail.html is None else _ALTERNATIVES) | _VERSION
    content = _written(headers, mail)
    _check_built(content, headers, mail)
    return Envelope(own_address, headers["To"], mail.message_id, content)


def sealed(
    message: Envelope, *, sender: str | None = None, signer: MessageSigner | None = None
) -> Envelope:
    """Signs a built message. Bounces go to `sender`, or to the address in `From` without one."""
    return replace(
        message,
        sender=sender or message.sender,
        content=signer.sign(message.content) if signer else message.content,
    )


def _written(headers: Mapping[str, str], mail: Mail) -> bytes:
    try:
        if mail.html is None:
            return _head(headers) + _encoded(mail.body)
        parts = ((_TEXT, mail.body), (_HTML, mail.html))
        written = [_DELIMITER + b"\r\n" + _head(mime) + _encoded(text) for mime, text in parts]
    except UnicodeError as error:
        raise Invalid.field("body", "mail_unsafe", "This text has broken characters.") from error
    return b"".join((_head(headers), *written, _DELIMITER, b"--\r\n"))


def _head(headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{lines}\r\n".encode("ascii")


def _encoded(text: str) -> bytes:
    body = _with_plain_ends(text).replace("\n", "\r\n")
    return _quoted_printable((body if body.endswith("\r\n") else f"{body}\r\n").encode())


def _with_plain_ends(text: str) -> str:
    return _LINE_END.sub("\n", text) if "\r" in text else text


def _quoted_printable(body: bytes) -> bytes:
    encoded = quopri.encodestring(body)
    if b"=20\r" in encoded or b"=09\r" in encoded:  # the pattern is slow, and this is rare
        return _TOO_LONG.sub(rb"\1=\r\n\2\r", encoded)
    return encoded


@lru_cache(maxsize=10)
def _parsed(mail_from: str) -> tuple[str, str]:
    return parseaddr(mail_from)


@lru_cache(maxsize=10)
def domain_of(mail_from: str) -> str:
    """Returns the domain of the service's own address, which Message-IDs use."""
    return parseaddr(mail_from)[1].rpartition("@")[2] or "localhost"


def _check_built(content: bytes, headers: Mapping[str, str], mail: Mail) -> None:
    """Parses the bytes as a receiver does, and compares the headers and the texts.

    `mail_headers` has already decoded and compared the value of each header.
    """
    head, _, body = content.partition(b"\r\n\r\n")
    parsed = BytesHeaderParser(policy=compat32).parsebytes(head)
    is_as_meant = (
        _names(head) == list(headers)
        and parsed.items() == list(headers.items())
        and _has_texts(body, mail)
        and content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
        and max(map(len, head.split(b"\r\n"))) <= LONGEST_LINE
        and max(map(len, body.split(b"\r\n"))) <= LONGEST_ENCODED_LINE
    )
    if not is_as_meant:
        raise Invalid("mail_unsafe", "This mail would not arrive as it was meant.")


def _has_texts(body: bytes, mail: Mail) -> bool:
    """Returns whether a body holds the parts of the email, in their order, and nothing else."""
    if mail.html is None:
        return _is_text(body, mail.body)
    before, *parts = body.split(_DELIMITER)
    if before or len(parts) != 3 or parts[2] != b"--\r\n":
        return False
    meant = ((_TEXT, mail.body), (_HTML, mail.html))
    for part, (mime, text) in zip(parts, meant, strict=False):
        head = b"\r\n" + _head(mime)
        if not part.startswith(head) or not _is_text(part[len(head) :], text):
            return False
    return True


def _is_text(encoded: bytes, text: str) -> bool:
    return _text_of(encoded) == _with_plain_ends(text).rstrip("\n")


def _names(head: bytes) -> list[str]:
    """Returns the names of headers, in order; empty if a line is not part of a header."""
    matches = [_HEADER_LINE.fullmatch(line) for line in head.split(b"\r\n")]
    return [match[1].decode() for match in matches if match and match[1]] if all(matches) else []


def _text_of(body: bytes) -> str:
    return quopri.decodestring(body).decode().replace("\r\n", "\n").rstrip("\n")
