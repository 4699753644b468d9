"""Shows a conversation with a relay to an operator, without the password and the message's text."""

import ssl
from collections.abc import Callable
from typing import Any

HIDDEN = "***"
_CHALLENGE, _GO_AHEAD = 334, 354


class Transcript:
    """Passes each line of one conversation to `write`: `>` is ours, `<` the relay's, `=` a note.

    Everything that we send from AUTH until the relay's verdict is hidden, and so is the password
    where the relay repeats it.
    """

    def __init__(self, write: Callable[[str], None], *, password: str = "") -> None:
        self._write = write
        self._password = password
        self._is_login = False
        self._is_message = False

    def note_sent(self, data: Any) -> None:
        """Notes bytes or a text, before they are sent."""
        text = data if isinstance(data, str) else bytes(data).decode("ascii", "replace")
        if self._is_message and text != ".\r\n":
            self._write(f"> (the message, {len(text):,} bytes)")
            return
        self._is_message = False
        for line in text.splitlines():
            self._write(f"> {self._without_secrets(line)}")

    def note_reply(self, code: int, reply: bytes) -> None:
        """Notes an answer of the relay, of one or more lines."""
        self._is_login = self._is_login and code == _CHALLENGE
        self._is_message = code == _GO_AHEAD
        for line in reply.decode("utf-8", "replace").split("\n"):
            shown = "".join(each if each.isprintable() else "?" for each in line)
            if self._password:
                shown = shown.replace(self._password, HIDDEN)
            self._write(f"< {code} {shown}".rstrip())

    def note_tls(self, connection: ssl.SSLSocket) -> None:
        """Notes the version and the cipher of TLS, and the certificate, which was verified."""
        cipher = connection.cipher()
        self._write(f"= {connection.version()}, {cipher[0] if cipher else 'no cipher'}")
        certificate: dict[str, Any] = connection.getpeercert() or {}
        pairs = [pair for part in certificate.get("subject", ()) for pair in part]
        subject = ", ".join(f"{name}={value}" for name, value in pairs) or "no subject"
        until = certificate.get("notAfter", "an unknown day")
        self._write(f"= certificate of {subject}, valid until {until}")

    def _without_secrets(self, line: str) -> str:
        if self._is_login:
            return HIDDEN
        command, _, rest = line.partition(" ")
        if command.upper() != "AUTH":
            return line
        self._is_login = True
        mechanism, has_more, _ = rest.partition(" ")
        return f"{command} {mechanism} {HIDDEN}" if has_more else line
