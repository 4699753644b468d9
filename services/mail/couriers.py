"""Delivers a message to an SMTP relay, or to a folder of .eml files.

The final dot of SMTP's DATA command is where the relay takes responsibility for a message. A
courier sends everything before it, calls `before_dot`, which records that the dot is about to be
sent, and only then sends it. Without an answer to the dot, the outcome is uncertain.
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
CLOSING = 421  # the server closes the connection; this is not about the message (RFC 5321, 3.8)
_LINE_END = re.compile(rb"\r\n|\r|\n")
BeforeDot = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an attempt ended, and what the relay said.

    A `state` of None means that another attempt has the message now. `is_relay_trouble` means that
    the relay is to blame, and any other message would have failed, too.
    """

    state: MessageState | None
    detail: str
    is_relay_trouble: bool = False


TAKEN_OVER = Delivery(None, "another attempt has taken this message over")


class Courier(Protocol):
    """Delivers messages. It can be used by several threads at once."""

    @property
    def relay(self) -> str:
        """The name of the relay, by which `relays` remembers its failures."""

    def deliver(self, envelope: Envelope, before_dot: BeforeDot) -> Delivery:
        """Delivers one message. Does not raise for errors of the relay or the network.

        `before_dot` returns False if another attempt has the message now: the dot is not sent.
        """

    def close(self) -> None:
        """Closes connections."""


def make_courier(url: str) -> Courier:
    """Makes a courier for `smtp://user:password@host:port`, `smtps://...` or `file:FOLDER`.

    Invalid for any other URL.
    """
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
    """Writes each message to a file. Renaming the file is its final dot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def relay(self) -> str:
        """The URL of the folder."""
        return f"file:{self.folder}"

    def deliver(self, envelope: Envelope, before_dot: BeforeDot) -> Delivery:
        """Writes the file, syncs it to disk, and renames it to `ID.eml`."""
        name = envelope.message_id.strip("<>").partition("@")[0]
        target = self.folder / f"{name}.eml"
        draft = target.with_suffix(".part")
        try:
            _make_private_folder(self.folder)
            # An email holds personal data and links that act for its reader.
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as stream:
                os.fchmod(handle, 0o600)  # a draft of an earlier version may be there
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
        """Does nothing: there are no connections."""


def _make_private_folder(folder: Path) -> None:
    """Makes a folder and its parents, for the owner alone. Leaves existing ones as they are."""
    if not folder.is_dir():
        if not folder.parent.is_dir():
            _make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


class SmtpCourier:
    """Delivers to an SMTP relay.

    A connection is reused after a message that was accepted. There are at most as many connections
    as threads that deliver at once.
    """

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
        """The host and port of the relay."""
        return f"{self._place[0]}:{self._place[1]}"

    def deliver(self, envelope: Envelope, before_dot: BeforeDot) -> Delivery:
        """Makes one attempt. A connection that failed is closed."""
        try:
            smtp = self._at_data(envelope)
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            return _trouble(error)
        is_reusable = False
        try:
            delivery, is_reusable = _hand_over(smtp, envelope.content, before_dot)
        finally:  # a database error in `before_dot` must not leave a connection in use
            if is_reusable:
                self._put_back(smtp)
            else:
                smtp.close()
        return delivery

    def close(self) -> None:
        """Closes the connections without QUIT, which could wait for a server that is gone."""
        with self._lock:
            for smtp in self._idle:
                smtp.close()
            self._idle.clear()

    def _at_data(self, envelope: Envelope) -> smtplib.SMTP:
        """Returns a connection whose server has accepted DATA and waits for the message.

        An idle connection may be broken by now. No message was sent on it, so a new one is made.
        """
        while (idle := self._take()) is not None:
            try:
                _announce(idle, envelope)
            except smtplib.SMTPResponseException as error:
                idle.close()
                if error.smtp_code != CLOSING:
                    raise
            except (OSError, smtplib.SMTPException):
                idle.close()
            else:
                return idle
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
            smtp.close()  # the relay refuses us, not a message
            raise smtplib.SMTPException(_text_of(error.smtp_code, error.smtp_error)) from error
        except BaseException:
            smtp.close()
            raise
        return smtp


def _announce(smtp: smtplib.SMTP, envelope: Envelope) -> None:
    """Sends MAIL, RCPT and DATA; raises SMTPResponseException if one is refused.

    A server that supports pipelining gets all three at once (RFC 2920).
    """
    commands = (f"MAIL FROM:<{envelope.sender}>", f"RCPT TO:<{envelope.recipient}>", "DATA")
    groups = [commands] if smtp.has_extn("pipelining") else [(command,) for command in commands]
    for group in groups:
        smtp.send("".join(f"{command}\r\n" for command in group).encode("ascii"))
        replies = [smtp.getreply() for _ in group]
        for command, (code, reply) in zip(group, replies, strict=True):
            if code not in (250, 251, 354):
                # An answer to MAIL is not about the recipient, even if its status says so.
                about = b"to our sender: " if command.startswith("MAIL") else b""
                raise smtplib.SMTPResponseException(code, about + reply)


def _hand_over(smtp: smtplib.SMTP, content: bytes, before_dot: BeforeDot) -> tuple[Delivery, bool]:
    """Sends the message and its dot. The flag is True if the connection can be used again."""
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
        return Delivery(MessageState.ACCEPTED, _text_of(code, reply)), True
    if 400 <= code < 600:
        return _refused(code, reply), False
    detail = f"no clear answer after the dot: {reply!r}"
    return Delivery(MessageState.UNCERTAIN, detail), False


def _refused(code: int, reply: bytes | str) -> Delivery:
    state = MessageState.REJECTED if code >= 500 else MessageState.DEFERRED
    return Delivery(state, _text_of(code, reply), is_relay_trouble=code == CLOSING)


def _trouble(error: Exception) -> Delivery:
    detail = smtp_answers.safe_text(f"before the dot: {error}")
    return Delivery(MessageState.DEFERRED, detail, is_relay_trouble=True)


def _send_at_once(smtp: smtplib.SMTP) -> None:
    """Turns off Nagle's algorithm.

    The dot is a small packet of its own. It would wait for the delayed acknowledgement of the text,
    about 40 ms per message.
    """
    if smtp.sock is not None:
        smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _stuffed(content: bytes) -> bytes:
    """Adds CRLF line ends and doubles leading dots (RFC 5321, 4.5.2), without the final dot."""
    lines = content
    if not content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r"):
        lines = _LINE_END.sub(b"\r\n", content)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return (b"\n" + lines).replace(b"\n.", b"\n..")[1:]


def _text_of(code: int, reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return smtp_answers.safe_text(f"{code} {text}")
