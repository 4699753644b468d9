"""Building a mail, and proving that it has the headers that were meant and no others."""

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP, Policy
from email.utils import format_datetime, parseaddr

from lobby.services.errors import Invalid


class _LinkHeader(UnstructuredHeader, BaseHeader):
    """A header that holds a web address. The library would encode a long one as though it were a
    text of another alphabet, and no mail program would find a link in it."""

    def fold(self, *, policy: Policy) -> str:
        """On one line."""
        return f"{self.name}: {self}{policy.linesep}"


_headers = HeaderRegistry()
_headers.map_to_type("List-Unsubscribe", _LinkHeader)
# RFC 5322 asks for lines of at most 998; the text itself travels as quoted-printable.
POLICY = SMTP.clone(max_line_length=78, raise_on_defect=False, header_factory=_headers)


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


def build(mail: Mail, *, mail_from: str, now: datetime) -> EmailMessage:
    """The message ready to be sent. Invalid where a field could have become another header."""
    own_name, own_address = parseaddr(mail_from)
    message = EmailMessage(policy=POLICY)
    message["From"] = _address(mail.sender_name or own_name, own_address)
    message["To"] = _address("", mail.recipient)
    if mail.reply_to:
        message["Reply-To"] = _address(*mail.reply_to)
    message["Subject"] = _safe("subject", mail.subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = _safe("message_id", mail.message_id)
    if mail.campaign:
        message["X-Campaign"] = _safe("campaign", mail.campaign)
    if mail.is_automatic:
        message["Auto-Submitted"] = "auto-generated"
    if mail.unsubscribe:
        message["List-Unsubscribe"] = _safe("unsubscribe", f"<{mail.unsubscribe}>")
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.body, charset="utf-8", cte="quoted-printable")
    _check_built(message, mail.recipient)
    return message


def sealed(message: EmailMessage, *, sender: str | None = None) -> Envelope:
    """A built message as bytes. Reports go to `sender`, or to the address that it is from."""
    return Envelope(
        sender=sender or parseaddr(message["From"])[1],
        recipient=parseaddr(message["To"])[1],
        message_id=message["Message-ID"].strip(),
        content=message.as_bytes(),
    )


def domain_of(mail_from: str) -> str:
    """The domain for Message-IDs: the service's own."""
    return parseaddr(mail_from)[1].rpartition("@")[2] or "localhost"


def _address(name: str, address: str) -> Address:
    return Address(_safe("name", name), addr_spec=_safe("address", address))


def _safe(field: str, text: str) -> str:
    """Text for a header: printable, on one line, and nothing that a mail program would decode."""
    if not text.isprintable() or "=?" in text:
        raise Invalid.field(field, "header_unsafe", "This text cannot stand in a mail's header.")
    return text


def _check_built(message: EmailMessage, recipient: str) -> None:
    """Read the bytes as a receiver will, and compare the headers with what was meant."""
    parsed = BytesParser(policy=POLICY).parsebytes(message.as_bytes())
    to = [address.addr_spec for address in parsed["To"].addresses]
    if parsed.keys() != message.keys() or to != [recipient]:
        raise Invalid("mail_unsafe", "This mail would not arrive as it was meant.")
