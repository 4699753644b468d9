"""An SMTP server on loopback that keeps in memory what it takes."""

from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Sink:
    """A handler of aiosmtpd that gives its `answers` in turn, then 250.

    The answers 'drop' and 'garbled' accept the message without a proper reply.
    """

    answers: list[str] = field(default_factory=list)
    taken: list[Envelope] = field(default_factory=list)
    refused_recipients: set[str] = field(default_factory=set)

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address in self.refused_recipients:
            return "550 5.1.1 no such box"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer == "garbled":
            self.taken.append(envelope)
            return "what was that?"
        if answer == "drop":
            self.taken.append(envelope)
            assert server.transport is not None
            server.transport.close()
            return ""
        if answer.startswith("2"):
            self.taken.append(envelope)
        return answer

    def messages(self) -> list[EmailMessage]:
        parser = BytesParser(policy=default)
        contents = [envelope.content for envelope in self.taken]
        return [parser.parsebytes(content) for content in contents if isinstance(content, bytes)]
