"""Building a mail, and proving that it has the headers that were meant and no others."""

import quopri
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.errors import HeaderParseError
from email.header import Header, decode_header, make_header
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import format_datetime, getaddresses, parseaddr
from functools import lru_cache
from typing import Protocol

from lobby.services import texts
from lobby.services.errors import Invalid

LONGEST_LINE = 998  # RFC 5322, 2.1.1
FOLD_AT = 76
# The address itself, without quoted strings, comments, groups and routes (RFC 5321, 4.1.2).
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
LONGEST_ADDRESS = 254
_PLAIN_PHRASE = re.compile(rf"{_ATOM}(?: {_ATOM})*")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._-]+@[A-Za-z0-9.-]+>")
_LINK = re.compile(r"https?://[!-;=?-~]{1,900}")  # printable ASCII without angle brackets
_HEADER_LINE = re.compile(rb"([A-Za-z0-9-]+): [!-~][ -~]*|[ \t]+[!-~][ -~]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_MIME = {
    "Content-Type": 'text/plain; charset="utf-8"',
    "Content-Transfer-Encoding": "quoted-printable",
    "MIME-Version": "1.0",
}
# Of a round of mails to the supporters of some petitions, each has one of a few.
_KEPT = 100


class Signer(Protocol):
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
    # What we write ourselves says the same to many.
    text = _text_of_many if mail.is_automatic else _text
    headers = {
        "From": _mailbox("From", mail.sender_name or own_name, own_address),
        "To": _address(mail.recipient),
    }
    if mail.reply_to:
        headers["Reply-To"] = _mailbox("Reply-To", *mail.reply_to)
    headers["Subject"] = text("Subject", mail.subject)
    headers["Date"] = format_datetime(now)
    headers["Message-ID"] = _message_id(mail.message_id)
    if mail.campaign:
        headers["X-Campaign"] = text("X-Campaign", mail.campaign)
    if mail.is_automatic:
        headers["Auto-Submitted"] = "auto-generated"
    if mail.unsubscribe:
        headers["List-Unsubscribe"] = _link(mail.unsubscribe)
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    headers |= _MIME
    content = _written(headers, mail.body)
    _check_built(content, headers, mail, own_address)
    return Envelope(_address(own_address), headers["To"], headers["Message-ID"], content)


def sealed(
    message: Envelope, *, sender: str | None = None, signer: Signer | None = None
) -> Envelope:
    """A built message, signed. Reports go to `sender`, or to the address that it is from."""
    return replace(
        message,
        sender=sender or message.sender,
        content=signer.sign(message.content) if signer else message.content,
    )


def _written(headers: Mapping[str, str], text: str) -> bytes:
    """Headers as they stand, encoded and folded by us: the standard library's own encoder trips
    over names with quotes, commas and long words."""
    body = _LINE_END.sub("\r\n", text)
    if not body.endswith("\r\n"):
        body += "\r\n"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    try:
        return f"{head}\r\n".encode("ascii") + quopri.encodestring(body.encode())
    except UnicodeError as error:
        raise Invalid.field("body", "mail_unsafe", "This text has broken characters.") from error


@lru_cache(_KEPT)
def _own(mail_from: str) -> tuple[str, str]:
    return parseaddr(mail_from)


def domain_of(mail_from: str) -> str:
    """The domain for Message-IDs: the service's own."""
    return parseaddr(mail_from)[1].rpartition("@")[2] or "localhost"


def _mailbox(header: str, name: str, address: str) -> str:
    """`Name <address>`, or the address alone where there is no name."""
    bare = _address(address)
    if not name:
        return bare
    safe = _safe("name", name)
    quoted = safe.replace("\\", r"\\").replace('"', r"\"")
    phrase = safe if _PLAIN_PHRASE.fullmatch(safe) else f'"{quoted}"'
    if not safe.isascii() or len(phrase) > FOLD_AT - len(header) - 2:
        phrase = _encoded(header, safe)
    # On a line of its own where it would make the last one of the name too long.
    gap = " " if len(header) + len(phrase) + len(bare) + 5 <= FOLD_AT else "\r\n "
    return f"{phrase}{gap}<{bare}>"


def _text(header: str, text: str) -> str:
    """A text of any length for a header, as RFC 2047 encodes it where it has to."""
    safe = _safe(header.lower(), text)
    is_regular = safe.isascii() and safe == " ".join(safe.split(" ")).strip()
    folded = Header(safe, "us-ascii", FOLD_AT, header).encode(linesep="\r\n") if is_regular else ""
    lines = folded.split("\r\n ")
    is_whole = " ".join(lines) == safe and all(len(part) < FOLD_AT and part for part in lines)
    return folded if is_whole else _encoded(header, safe)


_text_of_many = lru_cache(_KEPT)(_text)


def _encoded(header: str, text: str) -> str:
    return Header(text, "utf-8", FOLD_AT, header).encode(linesep="\r\n")


def _address(address: str) -> str:
    """As mail servers take it: one address, in ASCII. A domain in other letters is spelt anew."""
    if not address.isascii():
        address = texts.email_address(address)
    is_one = _ADDRESS.fullmatch(address) and len(address) <= LONGEST_ADDRESS
    if not is_one or "=?" in address:
        raise Invalid.field("address", "header_unsafe", "This is not one mail address.")
    return address


def _link(link: str) -> str:
    """On one line: folded or encoded, no mail program would find a link in it."""
    if not _LINK.fullmatch(link) or "=?" in link:
        raise Invalid.field("unsubscribe", "header_unsafe", "This is not one link.")
    return f"<{link}>"


def _message_id(text: str) -> str:
    if not _MESSAGE_ID.fullmatch(text):
        raise Invalid.field("message_id", "header_unsafe", "This is no name of a message.")
    return text


def _safe(field: str, text: str) -> str:
    """Text for a header: on one line, and nothing that a mail program would decode."""
    if not texts.is_fit_for_header(text):
        raise Invalid.field(field, "header_unsafe", "This text cannot stand in a mail's header.")
    return text


def _bare(mailbox: str) -> str:
    """The address of what `_mailbox` wrote."""
    return mailbox.rpartition("<")[2].rstrip(">")


def _check_built(content: bytes, headers: Mapping[str, str], mail: Mail, own_address: str) -> None:
    """Read the bytes as a receiver will, and compare with what was meant: names of headers,
    addresses, texts."""
    head, _, rest = content.partition(b"\r\n\r\n")
    parsed = BytesHeaderParser(policy=compat32).parsebytes(head)
    wanted = {"From": own_address, "To": mail.recipient}
    if mail.reply_to:
        wanted["Reply-To"] = mail.reply_to[1]
    said = {"Subject": mail.subject, "X-Campaign": mail.campaign}
    is_as_meant = (
        _names(head) == parsed.keys() == list(headers)
        and all(_only(parsed[name]) == _address(address) for name, address in wanted.items())
        and all(_decoded(parsed[name]) == _unfolded(text) for name, text in said.items() if text)
        and _read(rest) == _LINE_END.sub("\n", mail.body).rstrip("\n")
        and content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r")
        and max(map(len, content.split(b"\r\n"))) <= LONGEST_LINE
    )
    if not is_as_meant:
        raise Invalid("mail_unsafe", "This mail would not arrive as it was meant.")


def _read(body: bytes) -> str:
    """The text of a body."""
    return quopri.decodestring(body).decode().replace("\r\n", "\n").rstrip("\n")


def _only(value: str) -> str:
    """The one address in a header; nothing where there are more."""
    found = getaddresses([value])
    return found[0][1] if len(found) == 1 else ""


def _names(head: bytes) -> list[str]:
    """The names of headers, in order; empty where a line is neither a header nor its rest."""
    lines = [_HEADER_LINE.fullmatch(line) for line in head.split(b"\r\n")]
    return [found[1].decode() for found in lines if found and found[1]] if all(lines) else []


def _decoded(value: str) -> str:
    try:
        return _unfolded(str(make_header(decode_header(value))))
    except (HeaderParseError, UnicodeError, LookupError):
        return ""


def _unfolded(text: str) -> str:
    """Spaces do not matter: a header may be folded at any of them."""
    return " ".join(text.split())
