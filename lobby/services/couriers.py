"""Handing a message over: to an SMTP relay, or to a folder of .eml files.

The final dot is where a mail changes hands. A courier sends everything else, asks `before_dot`
(which commits to it), and only then sends the dot; without an answer after it the outcome is
unknown, and is said to be.
"""

import os
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from lobby.models import MessageState
from lobby.services.errors import Invalid

TIMEOUT = 60.0
BeforeDot = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an attempt ended, and what the other side said. None: another attempt has taken over."""

    state: MessageState | None
    detail: str


TAKEN_OVER = Delivery(None, "another attempt has taken this message over")


class Courier(Protocol):
    """Whatever can hand over a message."""

    def deliver(self, message: EmailMessage, before_dot: BeforeDot) -> Delivery:
        """Hand over one message. Never raises for what the other side or the network does."""

    def close(self) -> None:
        """Give back connections."""


def make_courier(url: str) -> Courier:
    """A courier for `smtp://user:password@host:port`, `smtps://...` or `file:FOLDER`."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return FileCourier(Path(unquote(parts.path)))
    if parts.scheme in ("smtp", "smtps") and parts.hostname:
        return SmtpCourier(
            host=parts.hostname,
            port=parts.port or (465 if parts.scheme == "smtps" else 25),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls_first=parts.scheme == "smtps",
        )
    raise Invalid("smtp_url", "LOBBY_SMTP_URL must be smtp://, smtps:// or file:FOLDER.")


class FileCourier:
    """Writes each message as a file; the rename is its dot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def deliver(self, message: EmailMessage, before_dot: BeforeDot) -> Delivery:
        """Write, sync, and rename to `TIME-ID.eml`."""
        name = message["Message-ID"].strip("<>").partition("@")[0]
        target = self.folder / f"{name}.eml"
        draft = target.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as stream:
                stream.write(message.as_bytes())
                stream.flush()
                os.fsync(stream.fileno())
            if not before_dot():
                draft.unlink()
                return TAKEN_OVER
            draft.replace(target)
        except OSError as error:
            return Delivery(MessageState.DEFERRED, f"cannot write {target.name}: {error.strerror}")
        return Delivery(MessageState.ACCEPTED, f"written to {target.name}")

    def close(self) -> None:
        """Nothing is held."""


class SmtpCourier:
    """Hands over to a relay, on one connection that is kept while it works."""

    def __init__(
        self, *, host: str, port: int, user: str = "", password: str = "", tls_first: bool = False
    ) -> None:
        self._place = (host, port)
        self._login = (user, password)
        self._tls_first = tls_first
        self._smtp: smtplib.SMTP | None = None

    def deliver(self, message: EmailMessage, before_dot: BeforeDot) -> Delivery:
        """One attempt; a connection that failed is not used again."""
        try:
            smtp = self._connected()
            self._envelope(smtp, message)
            smtp.send(_stuffed(message))
        except smtplib.SMTPResponseException as error:
            return self._refused(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            return Delivery(MessageState.DEFERRED, f"before the dot: {error}")
        if not before_dot():
            self.close()
            return TAKEN_OVER
        return self._dot(smtp)

    def close(self) -> None:
        """Drop the connection without a word: QUIT could wait for a server that is gone."""
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    def _connected(self) -> smtplib.SMTP:
        if self._smtp is not None:
            try:
                if self._smtp.rset()[0] == 250:
                    return self._smtp
            except (OSError, smtplib.SMTPException):
                pass
            self.close()
        self._smtp = smtp = self._connect()
        return smtp

    def _connect(self) -> smtplib.SMTP:
        host, port = self._place
        secure = ssl.create_default_context()
        if self._tls_first:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=secure)
        else:
            smtp = smtplib.SMTP(host, port, timeout=TIMEOUT)
        _send_at_once(smtp)
        smtp.ehlo_or_helo_if_needed()
        if not self._tls_first and smtp.has_extn("starttls"):
            smtp.starttls(context=secure)
            smtp.ehlo_or_helo_if_needed()
        if self._login[0]:
            smtp.login(*self._login)
        return smtp

    def _envelope(self, smtp: smtplib.SMTP, message: EmailMessage) -> None:
        """MAIL, RCPT and DATA, each answered; raises SMTPResponseException where refused."""
        sender, recipient = parseaddr(message["From"])[1], parseaddr(message["To"])[1]
        for code, reply in (smtp.mail(sender), smtp.rcpt(recipient), smtp.docmd("DATA")):
            if code not in (250, 251, 354):
                raise smtplib.SMTPResponseException(code, reply)

    def _dot(self, smtp: smtplib.SMTP) -> Delivery:
        try:
            smtp.send(b".\r\n")
            code, reply = smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            return Delivery(MessageState.UNCERTAIN, f"no answer after the dot: {error}")
        if 200 <= code < 300:
            return Delivery(MessageState.ACCEPTED, _said(code, reply))
        if 400 <= code < 600:
            return self._refused(code, reply)
        self.close()
        return Delivery(MessageState.UNCERTAIN, f"no clear answer after the dot: {reply!r}")

    def _refused(self, code: int, reply: bytes | str) -> Delivery:
        self.close()
        state = MessageState.REJECTED if code >= 500 else MessageState.DEFERRED
        return Delivery(state, _said(code, reply))


def _send_at_once(smtp: smtplib.SMTP) -> None:
    """The dot is a packet of its own: without this it would wait for the other side's late
    acknowledgement of the text, some 40 ms a letter (Nagle's algorithm and delayed ACK)."""
    if smtp.sock is not None:
        smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _stuffed(message: EmailMessage) -> bytes:
    """The message with CRLF line ends and doubled leading dots (RFC 5321, 4.5.2), but no dot."""
    lines = message.as_bytes().splitlines()
    return b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)


def _said(code: int, reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return f"{code} {text}"[:300]
