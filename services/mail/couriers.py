"""Handing a message over: to an SMTP relay, or to a folder of .eml files.

The final dot is where a mail changes hands. A courier sends everything else, asks `before_dot`
(which commits to it), and only then sends the dot; without an answer after it the outcome is
unknown, and is said to be.
"""

import os
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from models import MessageState
from services.errors import Invalid
from services.mail import smtp_answers
from services.mail.mail_builder import Envelope

TIMEOUT = 60.0
CLOSING = 421  # the server gives up the connection, whatever the message was (RFC 5321, 3.8)
_LINE_END = re.compile(rb"\r\n|\r|\n")
BeforeDot = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an attempt ended, and what the other side said. None: another attempt has taken over.

    `is_relay_trouble`: nothing is wrong with this message; any other would have met the same.
    """

    state: MessageState | None
    detail: str
    is_relay_trouble: bool = False


TAKEN_OVER = Delivery(None, "another attempt has taken this message over")


class Courier(Protocol):
    """Whatever can hand over a message. Several threads may do so at once."""

    @property
    def relay(self) -> str:
        """What stands at the other side: a name to remember trouble by."""

    def deliver(self, envelope: Envelope, before_dot: BeforeDot) -> Delivery:
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

    @property
    def relay(self) -> str:
        """The folder."""
        return f"file:{self.folder}"

    def deliver(self, envelope: Envelope, before_dot: BeforeDot) -> Delivery:
        """Write, sync, and rename to `ID.eml`."""
        name = envelope.message_id.strip("<>").partition("@")[0]
        target = self.folder / f"{name}.eml"
        draft = target.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as stream:
                stream.write(envelope.content)
                stream.flush()
                os.fsync(stream.fileno())
            if not before_dot():
                draft.unlink()
                return TAKEN_OVER
            draft.replace(target)
        except OSError as error:
            detail = f"cannot write {target.name}: {error.strerror}"
            return Delivery(MessageState.DEFERRED, detail, is_relay_trouble=True)
        return Delivery(MessageState.ACCEPTED, f"written to {target.name}")

    def close(self) -> None:
        """Nothing is held."""


class SmtpCourier:
    """Hands over to a relay. A connection is kept after a message that went well, for the next one;
    there are as many as threads that deliver at once."""

    def __init__(
        self, *, host: str, port: int, user: str = "", password: str = "", tls_first: bool = False
    ) -> None:
        self._place = (host, port)
        self._login = (user, password)
        self._tls_first = tls_first
        self._lock = threading.Lock()
        self._idle: list[smtplib.SMTP] = []

    @property
    def relay(self) -> str:
        """Host and port."""
        return f"{self._place[0]}:{self._place[1]}"

    def deliver(self, envelope: Envelope, before_dot: BeforeDot) -> Delivery:
        """One attempt; a connection that failed is not used again."""
        try:
            smtp = self._at_data(envelope)
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            return _trouble(error)
        is_kept = False
        try:
            delivery, is_kept = _hand_over(smtp, envelope.content, before_dot)
        finally:  # an error of the database's, in `before_dot`, leaves no connection half used
            if is_kept:
                self._put_back(smtp)
            else:
                smtp.close()
        return delivery

    def close(self) -> None:
        """Drop the connections without a word: QUIT could wait for a server that is gone."""
        with self._lock:
            for smtp in self._idle:
                smtp.close()
            self._idle.clear()

    def _at_data(self, envelope: Envelope) -> smtplib.SMTP:
        """A connection whose server waits for the message. One that was kept may be gone by now:
        then nothing has been handed over yet, and a new one begins."""
        while (kept := self._take()) is not None:
            try:
                _announce(kept, envelope)
            except smtplib.SMTPResponseException as error:
                kept.close()
                if error.smtp_code != CLOSING:
                    raise
            except (OSError, smtplib.SMTPException):
                kept.close()
            else:
                return kept
        smtp = self._connect()
        try:
            _announce(smtp, envelope)
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _take(self) -> smtplib.SMTP | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _put_back(self, smtp: smtplib.SMTP) -> None:
        with self._lock:
            self._idle.append(smtp)

    def _connect(self) -> smtplib.SMTP:
        host, port = self._place
        secure = ssl.create_default_context()
        if self._tls_first:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=secure)
        else:
            smtp = smtplib.SMTP(host, port, timeout=TIMEOUT)
        try:
            _send_at_once(smtp)
            smtp.ehlo_or_helo_if_needed()
            if not self._tls_first and smtp.has_extn("starttls"):
                smtp.starttls(context=secure)
                smtp.ehlo_or_helo_if_needed()
            if self._login[0]:
                smtp.login(*self._login)
        except smtplib.SMTPResponseException as error:
            smtp.close()  # it is the relay that refuses us, not a message
            raise smtplib.SMTPException(_said(error.smtp_code, error.smtp_error)) from error
        except BaseException:
            smtp.close()
            raise
        return smtp


def _announce(smtp: smtplib.SMTP, envelope: Envelope) -> None:
    """MAIL, RCPT and DATA; raises SMTPResponseException where one is refused.

    A server that says it can gets all three at once and answers one after the other (RFC 2920).
    """
    commands = (f"MAIL FROM:<{envelope.sender}>", f"RCPT TO:<{envelope.recipient}>", "DATA")
    groups = [commands] if smtp.has_extn("pipelining") else [(command,) for command in commands]
    for group in groups:
        smtp.send("".join(f"{command}\r\n" for command in group).encode("ascii"))
        replies = [smtp.getreply() for _ in group]
        for command, (code, reply) in zip(group, replies, strict=True):
            if code not in (250, 251, 354):
                # An answer to MAIL says nothing of the recipient, whatever its status.
                about = b"to our sender: " if command.startswith("MAIL") else b""
                raise smtplib.SMTPResponseException(code, about + reply)


def _hand_over(smtp: smtplib.SMTP, content: bytes, before_dot: BeforeDot) -> tuple[Delivery, bool]:
    """The message and its dot; and whether the connection is good for another one."""
    try:
        smtp.send(_stuffed(content))
    except OSError as error:
        return _trouble(error), False
    if not before_dot():
        return TAKEN_OVER, False
    try:
        smtp.send(b".\r\n")
        code, reply = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        return Delivery(MessageState.UNCERTAIN, f"no answer after the dot: {error}"), False
    if 200 <= code < 300:
        return Delivery(MessageState.ACCEPTED, _said(code, reply)), True
    if 400 <= code < 600:
        return _refused(code, reply), False
    detail = f"no clear answer after the dot: {reply!r}"
    return Delivery(MessageState.UNCERTAIN, detail), False


def _refused(code: int, reply: bytes | str) -> Delivery:
    state = MessageState.REJECTED if code >= 500 else MessageState.DEFERRED
    return Delivery(state, _said(code, reply), is_relay_trouble=code == CLOSING)


def _trouble(error: Exception) -> Delivery:
    detail = smtp_answers.words(f"before the dot: {error}")
    return Delivery(MessageState.DEFERRED, detail, is_relay_trouble=True)


def _send_at_once(smtp: smtplib.SMTP) -> None:
    """The dot is a packet of its own: without this it would wait for the other side's late
    acknowledgement of the text, some 40 ms a letter (Nagle's algorithm and delayed ACK)."""
    if smtp.sock is not None:
        smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _stuffed(content: bytes) -> bytes:
    """Content with CRLF line ends and doubled leading dots (RFC 5321, 4.5.2), but no dot."""
    lines = content
    if not content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r"):
        lines = _LINE_END.sub(b"\r\n", content)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return (b"\n" + lines).replace(b"\n.", b"\n..")[1:]


def _said(code: int, reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return smtp_answers.words(f"{code} {text}")
