"""Reports of mail servers, written for these tests in the manner of several programs."""

from dataclasses import dataclass, field, replace
from email.message import EmailMessage

OURS = "lobby.example.org"
MORAG = "morag.ferncastle@example.org"
BOUNDARY = "a-boundary-of-the-tests"


@dataclass(frozen=True)
class Said:
    """What a server has to tell of one recipient."""

    to: str = f"bounces@{OURS}"
    recipient: str = MORAG
    action: str = "failed"
    status: str = "5.1.1"
    diagnostic: str = "550 5.1.1 No mailbox of this name"
    returned_id: str = f"<somebody-elses@{OURS}>"
    headers: dict[str, str] = field(default_factory=dict)

    def but(self, **changes: str) -> "Said":
        return replace(self, **changes)  # type: ignore[arg-type] # fields are texts


def postfix(said: Said) -> bytes:
    """multipart/report with the whole message behind it."""
    return _report(
        said,
        sender=f"MAILER-DAEMON@relay.{OURS} (Mail Delivery System)",
        subject="Undelivered Mail Returned to Sender",
        words=f"I am the mail system at relay.{OURS}.\n\n<{said.recipient}>: host mx said:\n"
        f"    {said.diagnostic}\n",
        about_message=f"Reporting-MTA: dns; relay.{OURS}\nX-Queue-ID: 4TESTS",
        about_recipient=f"Final-Recipient: rfc822; {said.recipient}\n"
        f"Original-Recipient: rfc822;{said.recipient}\nAction: {said.action}\n"
        f"Status: {said.status}\nRemote-MTA: dns; mx.example.org\n"
        f"Diagnostic-Code: smtp; {said.diagnostic}",
        kind="message/rfc822",
    )


def exchange(said: Said) -> bytes:
    """Headers of the message only, and a page of words before."""
    return _report(
        said,
        sender='"Microsoft Outlook" <postmaster@offices.example.org>',
        subject="Undeliverable: Please sign EDM 152",
        words=f"Delivery has failed to these recipients:\n\n{said.recipient}\n",
        about_message="Reporting-MTA: dns;mail.offices.example.org",
        about_recipient=f"Final-recipient: RFC822;{said.recipient}\nAction: {said.action}\n"
        f"Status: {said.status}\nDiagnostic-code: smtp;{said.diagnostic}\n"
        "X-Display-Name: Morag Ferncastle",
        kind="text/rfc822-headers",
    )


def exim(said: Said) -> bytes:
    """No report, but words, a header that names the recipient, and the message as text."""
    return _mail(
        said,
        {
            "From": f"Mail Delivery System <Mailer-Daemon@relay.{OURS}>",
            "Subject": "Mail delivery failed: returning message to sender",
            "X-Failed-Recipients": said.recipient,
            "Auto-Submitted": "auto-replied",
        },
        "A message that you sent could not be delivered to one or more of its recipients.\n\n"
        f"  {said.recipient}\n    host mx.example.org [192.0.2.7]\n"
        f"    SMTP error from remote mail server after RCPT TO:<{said.recipient}>:\n"
        f"    {said.diagnostic}\n\n------ A copy of the message follows ------\n\n"
        f"{_returned(said)}\n",
    )


def vacation(said: Said) -> bytes:
    """An office that is away, or has read nothing yet."""
    return _mail(
        said,
        {
            "From": f"Office <{said.recipient}>",
            "Subject": "Automatic reply: Please sign EDM 152",
            "Auto-Submitted": "auto-replied",
            "In-Reply-To": said.returned_id,
            "References": said.returned_id,
        },
        "Thank you for writing. The office is closed. 550 people wrote this week.\n",
    )


def read_receipt(said: Said) -> bytes:
    """Deleted without being read: it arrived."""
    message = EmailMessage()
    message["From"], message["To"] = said.recipient, said.to
    message["Subject"] = "Not read: Please sign EDM 152"
    message["Content-Type"] = "multipart/report; report-type=disposition-notification"
    return message.as_bytes()


def by_hand(said: Said) -> bytes:
    """Somebody writes to the address by themselves."""
    return _mail(said, {"From": "Somebody <somebody@example.org>", "Subject": "Hello"}, "Hello!\n")


def strange(said: Said) -> bytes:
    """A server that has words of its own."""
    sender = f"MAILER-DAEMON@old.{OURS}"
    return _mail(said, {"From": sender, "Subject": "Alas"}, "It could not be done.\n")


def _returned(said: Said) -> str:
    return (
        f"Return-Path: <{said.to}>\nMessage-ID: {said.returned_id}\n"
        "From: Anna Example <post@lobby.example.org>\nTo: morag.ferncastle@example.org\n"
        "Subject: Please sign EDM 152\n\nDear Morag, 550 5.1.1 reasons to sign. My secret words."
    )


def _mail(said: Said, headers: dict[str, str], body: str) -> bytes:
    named = {"Return-Path": "<>", "To": said.to, **headers, **said.headers}
    head = "".join(f"{name}: {value}\n" for name, value in named.items())
    return f"{head}\n{body}".encode()


def _report(
    said: Said,
    *,
    sender: str,
    subject: str,
    words: str,
    about_message: str,
    about_recipient: str,
    kind: str,
) -> bytes:
    content = f'multipart/report; report-type=delivery-status; boundary="{BOUNDARY}"'
    headers = {
        "From": sender,
        "Subject": subject,
        "Auto-Submitted": "auto-replied",
        "MIME-Version": "1.0",
        "Content-Type": content,
    }
    parts = [
        f"Content-Type: text/plain; charset=utf-8\n\n{words}",
        f"Content-Type: message/delivery-status\n\n{about_message}\n\n{about_recipient}\n",
        f"Content-Type: {kind}\n\n{_returned(said)}",
    ]
    body = "".join(f"--{BOUNDARY}\n{part}\n" for part in parts)
    return _mail(said, headers, f"{body}--{BOUNDARY}--\n")
