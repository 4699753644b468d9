"""Opens connections to an SMTP relay: greeting, TLS, and login.

If TLS is required, nothing but EHLO and STARTTLS goes out before it, and nothing that came in
before it is believed (RFC 3207, 4.2).
"""

import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from core import relay_urls
from core.relay_urls import RelayTls
from services.mail import smtp_answers
from services.mail.smtp_transcripts import HIDDEN, Transcript

NO_TLS = "No TLS with the mail server"
"""How the text of every `NoTls` begins."""
_ASK = "Ask the people who run the network and the mail server."


class RelayRefused(smtplib.SMTPException):
    """The relay refuses us, whatever the message is."""


class NoTls(RelayRefused):
    """There is no TLS that can be trusted. The text says why, and which setting helps."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(f"{NO_TLS}: {reason}. Emails wait. {advice}")


@dataclass(frozen=True, slots=True)
class RelayAccess:
    """Where a relay is, and what it needs to let us in."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: RelayTls
    context: ssl.SSLContext


def connect(
    access: RelayAccess, *, timeout: float, transcript: Transcript | None = None
) -> smtplib.SMTP:
    """Returns a connection that is ready for a message. `timeout` is in seconds.

    :raises RelayRefused: the relay refuses us, or there is no TLS
    :raises OSError: or another SMTPException: the network or the relay fails
    """
    try:
        smtp = _greeted(access, timeout, transcript)
        try:
            _let_in(smtp, access, transcript)
        except BaseException:
            smtp.close()
            raise
    except smtplib.SMTPResponseException as error:
        text = answer_text(error.smtp_code, error.smtp_error)
        hidden = text.replace(access.password, HIDDEN) if access.password else text
        raise RelayRefused(hidden) from error
    return smtp


def answer_text(code: int, reply: bytes | str) -> str:
    """Returns an answer on one line, without addresses."""
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return smtp_answers.safe_text(f"{code} {text}")


def _greeted(access: RelayAccess, timeout: float, transcript: Transcript | None) -> smtplib.SMTP:
    place = (access.host, access.port)
    if access.tls is not RelayTls.IMPLICIT:
        return _Plain(*place, timeout, transcript)
    try:
        return _Encrypted(*place, timeout, transcript, access.context)
    except ssl.SSLError as error:
        raise _no_tls(error, access) from error


def _let_in(smtp: smtplib.SMTP, access: RelayAccess, transcript: Transcript | None) -> None:
    _send_at_once(smtp)
    if access.tls is RelayTls.STARTTLS:
        _start_tls(smtp, access)
    if transcript is not None and isinstance(smtp.sock, ssl.SSLSocket):
        transcript.note_tls(smtp.sock)
    smtp.ehlo_or_helo_if_needed()
    if access.user or access.password:
        smtp.login(access.user, access.password)


def _start_tls(smtp: smtplib.SMTP, access: RelayAccess) -> None:
    smtp.ehlo_or_helo_if_needed()
    if not smtp.has_extn("starttls"):
        raise NoTls("it does not offer STARTTLS", _other_url(access))
    try:
        smtp.starttls(context=access.context)
    except smtplib.SMTPResponseException as error:
        answer = answer_text(error.smtp_code, error.smtp_error)
        raise NoTls(f"it answers STARTTLS with '{answer[:60]}'", _other_url(access)) from error
    except NoTls:
        raise
    except OSError as error:  # also smtplib's own errors, such as that the relay hung up
        raise _no_tls(error, access) from error


def _no_tls(error: OSError, access: RelayAccess) -> NoTls:
    if isinstance(error, ssl.SSLCertVerificationError):
        return NoTls(
            f"its certificate is not good ({error.verify_message.rstrip('.')})",
            "Renew it, name the host in LOBBY_SMTP_URL as it does, or name a file with its "
            "authority in SSL_CERT_FILE.",
        )
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    words = (reason or str(error)).replace("_", " ").lower()
    return NoTls(f"the handshake failed ({words[:80]})", _other_url(access))


def _other_url(access: RelayAccess) -> str:
    """Says what to set."""
    other = "smtp://" if access.tls is RelayTls.IMPLICIT else "smtps://"
    advice = f"Mend its TLS, or set LOBBY_SMTP_URL to {other} with the port for it"
    may_go_without = relay_urls.may_be_insecure(access.host, has_login=bool(access.user))
    without = ", or to smtp+insecure:// to go without" if may_go_without else ""
    return f"{advice}{without}."


class _Connection(smtplib.SMTP):
    """A client that keeps a transcript, and does not believe what came before TLS."""

    _transcript: Transcript | None

    def send(self, s: Any) -> None:
        if self._transcript is not None:
            self._transcript.note_sent(s)
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        code, reply = super().getreply()
        if self._transcript is not None:
            self._transcript.note_reply(code, reply)
        return code, reply

    def docmd(self, cmd: str, args: str = "") -> tuple[int, bytes]:
        answer = super().docmd(cmd, args)
        if cmd.upper() == "STARTTLS" and self._has_unread_text():
            raise NoTls("it sent text before TLS began, so somebody may be on the line", _ASK)
        return answer

    def _has_unread_text(self) -> bool:
        """True if more has come in than the answer. A server waits for us to begin TLS.

        smtplib forgets such text only if it is in its own buffer by then. We take it for an attack.
        """
        if self.sock is None or self.file is None:
            return False
        self.sock.setblocking(False)
        try:
            return bool(self.file.peek(1))
        finally:
            self.sock.settimeout(self.timeout)


class _Plain(_Connection):
    """Begins without TLS."""

    def __init__(self, host: str, port: int, timeout: float, transcript: Transcript | None) -> None:
        self._transcript = transcript  # first: the rest connects, and reads the greeting
        super().__init__(host, port, timeout=timeout)


class _Encrypted(_Connection, smtplib.SMTP_SSL):
    """Begins with TLS."""

    def __init__(
        self,
        host: str,
        port: int,
        timeout: float,
        transcript: Transcript | None,
        context: ssl.SSLContext,
    ) -> None:
        self._transcript = transcript
        smtplib.SMTP_SSL.__init__(self, host, port, timeout=timeout, context=context)


def _send_at_once(smtp: smtplib.SMTP) -> None:
    """Turns off Nagle's algorithm.

    The dot is a small packet of its own. It would wait for the delayed acknowledgement of the text,
    about 40 ms per message.
    """
    if smtp.sock is not None:
        smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
