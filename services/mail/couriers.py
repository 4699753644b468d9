"""Delivers a message to an SMTP relay, or to a folder of .eml files.

The final dot of SMTP's DATA command is where the relay takes responsibility for a message. A
courier sends everything before it, calls `before_dot`, which records that the dot is about to be
sent, and only then sends it. Without an answer to the dot, the outcome is uncertain.
"""

import os
import re
import smtplib
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from core import relay_urls
from models import MessageState
from services.errors import Invalid
from services.mail import smtp_answers, smtp_connections
from services.mail.mail_builder import Envelope
from services.mail.smtp_connections import NoTls, RelayAccess, answer_text
from services.mail.smtp_transcripts import Transcript

TIMEOUT = 60.0
PROBE_TIMEOUT = 10.0
CLOSING = 421  # the server closes the connection (RFC 5321, 3.8)
TLS_OR_LOGIN_NEEDED = 530  # RFC 3207, 4; RFC 4954, 6
ABOUT_US = (CLOSING, TLS_OR_LOGIN_NEEDED)
"""Codes that are not about the message: any other would have got them, too."""
BEFORE_THE_DOT = "before the dot: "
"""How the detail of a failure begins that surely sent nothing."""
_DOT = b".\r\n"
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


def nothing_to_record() -> bool:
    """The `before_dot` of an email that may be repeated. Its dot goes out with its text."""
    return True


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


def make_courier(
    url: str,
    *,
    context: ssl.SSLContext | None = None,
    report: Callable[[str], None] | None = None,
) -> Courier:
    """Makes a courier for the URL of a relay (`core.relay_urls`), or for `file:FOLDER`.

    See `SmtpCourier` for `context` and `report`. Invalid for any other URL.
    """
    try:
        relay = relay_urls.parse(url) if relay_urls.is_relay(url) else None
    except ValueError as error:
        raise Invalid("smtp_url", f"LOBBY_SMTP_URL {error}.") from error
    if relay is None:
        parts = urlsplit(url)
        if parts.scheme == "file":
            return FileCourier(Path(unquote(parts.path)), report)
        raise Invalid("smtp_url", "LOBBY_SMTP_URL must be smtp://, smtps:// or file:FOLDER.")
    return SmtpCourier(
        host=relay.host,
        port=relay.port,
        user=relay.user,
        password=relay.password,
        scheme=relay.scheme,
        context=context,
        report=report,
    )


class FileCourier:
    """Writes each message to a file, and to `report`. Renaming the file is its final dot."""

    def __init__(self, folder: Path, report: Callable[[str], None] | None = None) -> None:
        self.folder = folder
        self._report = report

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
        if self._report is not None:
            self._report(f"{target}:\n{envelope.content.decode('ascii', 'replace')}")
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
    as threads that deliver at once. `relay_urls.tls_for` says which TLS a `scheme` requires;
    `context` has the authorities that are trusted, by default those of the system. Each line of the
    conversation goes to `report`, without the password.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        user: str = "",
        password: str = "",
        scheme: str = "smtp",
        context: ssl.SSLContext | None = None,
        report: Callable[[str], None] | None = None,
    ) -> None:
        tls = relay_urls.tls_for(scheme, host, has_login=bool(user or password))
        context = context or ssl.create_default_context()
        self._access = RelayAccess(host, port, user, password, tls, context)
        self._report = report
        self._lock = threading.Lock()
        self._idle: list[smtplib.SMTP] = []

    @property
    def relay(self) -> str:
        """The host and port of the relay."""
        return f"{self._access.host}:{self._access.port}"

    def deliver(self, envelope: Envelope, before_dot: BeforeDot) -> Delivery:
        """Makes one attempt. A connection that failed is closed."""
        try:
            smtp = self._at_data(envelope)
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error)
        except OSError as error:  # also smtplib's other errors
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

    def problem(self) -> str | None:
        """Connects and logs in without sending anything; returns what is wrong, None if nothing."""
        try:
            smtp = self._connect(PROBE_TIMEOUT)
        except OSError as error:
            return _trouble(error).detail.removeprefix(BEFORE_THE_DOT)
        with suppress(OSError):
            smtp.quit()
        smtp.close()
        return None

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
            except OSError:
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

    def _connect(self, timeout: float = TIMEOUT) -> smtplib.SMTP:
        report, password = self._report, self._access.password
        transcript = Transcript(report, password=password) if report else None
        return smtp_connections.connect(self._access, timeout=timeout, transcript=transcript)


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
    is_separate = before_dot is not nothing_to_record
    try:
        # If this fails, not all of it went out, so that the dot at its end did not either.
        smtp.send(_stuffed(content) if is_separate else _stuffed(content) + _DOT)
    except OSError as error:
        return _trouble(error), False
    if is_separate and not before_dot():
        return TAKEN_OVER, False
    try:
        if is_separate:
            smtp.send(_DOT)
        code, reply = smtp.getreply()
    except OSError as error:
        return Delivery(MessageState.UNCERTAIN, f"no answer after the dot: {error}"), False
    if 200 <= code < 300:
        return Delivery(MessageState.ACCEPTED, answer_text(code, reply)), True
    if 400 <= code < 600:
        return _refused(code, reply), False
    detail = f"no clear answer after the dot: {reply!r}"
    return Delivery(MessageState.UNCERTAIN, detail), False


def _refused(code: int, reply: bytes | str) -> Delivery:
    is_trouble = code in ABOUT_US
    state = MessageState.REJECTED if code >= 500 and not is_trouble else MessageState.DEFERRED
    return Delivery(state, answer_text(code, reply), is_relay_trouble=is_trouble)


def _trouble(error: Exception) -> Delivery:
    before = "" if isinstance(error, NoTls) else BEFORE_THE_DOT
    detail = smtp_answers.safe_text(f"{before}{error}")
    return Delivery(MessageState.DEFERRED, detail, is_relay_trouble=True)


def _stuffed(content: bytes) -> bytes:
    """Adds CRLF line ends and doubles leading dots (RFC 5321, 4.5.2), without the final dot."""
    lines = content
    if not content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r"):
        lines = _LINE_END.sub(b"\r\n", content)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    if b"\n." not in lines and not lines.startswith(b"."):
        return lines
    return (b"\n" + lines).replace(b"\n.", b"\n..")[1:]
