"""Delivery reports, written for these tests in the style of several mail servers."""

from dataclasses import dataclass, field, replace
from email.message import EmailMessage

OURS = "lobby.example.org"
MORAG = "morag.ferncastle@example.org"
BOUNDARY = "a-boundary-of-the-tests"


@dataclass(frozen=True)
class Failure:
    """What a report says of one recipient."""

    to: str = f"bounces@{OURS}"
    recipient: str = MORAG
    action: str = "failed"
    status: str = "5.1.1"
    diagnostic: str = "550 5.1.1 No mailbox of this name"
    returned_id: str = f"<somebody-elses@{OURS}>"
    headers: dict[str, str] = field(default_factory=dict)
    returned: str = ""  # the whole message that comes back; without one, a letter

    def but(self, **changes: str) -> "Failure":
        return replace(self, **changes)  # type: ignore[arg-type] # fields are texts


def postfix(failure: Failure) -> bytes:
    """A multipart/report that ends with the whole message."""
    return _report(
        failure,
        sender=f"MAILER-DAEMON@relay.{OURS} (Mail Delivery System)",
        subject="Undelivered Mail Returned to Sender",
        words=f"I am the mail system at relay.{OURS}.\n\n<{failure.recipient}>: host mx said:\n"
        f"    {failure.diagnostic}\n",
        about_message=f"Reporting-MTA: dns; relay.{OURS}\nX-Queue-ID: 4TESTS",
        about_recipient=f"Final-Recipient: rfc822; {failure.recipient}\n"
        f"Original-Recipient: rfc822;{failure.recipient}\nAction: {failure.action}\n"
        f"Status: {failure.status}\nRemote-MTA: dns; mx.example.org\n"
        f"Diagnostic-Code: smtp; {failure.diagnostic}",
        kind="message/rfc822",
    )


def exchange(failure: Failure) -> bytes:
    """A multipart/report that ends with the headers of the message, after a long text."""
    return _report(
        failure,
        sender='"Microsoft Outlook" <postmaster@offices.example.org>',
        subject="Undeliverable: Please sign EDM 152",
        words=f"Delivery has failed to these recipients:\n\n{failure.recipient}\n",
        about_message="Reporting-MTA: dns;mail.offices.example.org",
        about_recipient=f"Final-recipient: RFC822;{failure.recipient}\nAction: {failure.action}\n"
        f"Status: {failure.status}\nDiagnostic-code: smtp;{failure.diagnostic}\n"
        "X-Display-Name: Morag Ferncastle",
        kind="text/rfc822-headers",
    )


def exim(failure: Failure) -> bytes:
    """No multipart/report: a text, a header that names the recipient, and the message as text."""
    return _mail(
        failure,
        {
            "From": f"Mail Delivery System <Mailer-Daemon@relay.{OURS}>",
            "Subject": "Mail delivery failed: returning message to sender",
            "X-Failed-Recipients": failure.recipient,
            "Auto-Submitted": "auto-replied",
        },
        "A message that you sent could not be delivered to one or more of its recipients.\n\n"
        f"  {failure.recipient}\n    host mx.example.org [192.0.2.7]\n"
        f"    SMTP error from remote mail server after RCPT TO:<{failure.recipient}>:\n"
        f"    {failure.diagnostic}\n\n------ A copy of the message follows ------\n\n"
        f"{_returned(failure)}\n",
    )


def vacation(failure: Failure) -> bytes:
    """An automatic reply of an office that is closed."""
    return _mail(
        failure,
        {
            "From": f"Office <{failure.recipient}>",
            "Subject": "Automatic reply: Please sign EDM 152",
            "Auto-Submitted": "auto-replied",
            "In-Reply-To": failure.returned_id,
            "References": failure.returned_id,
        },
        "Thank you for writing. The office is closed. 550 people wrote this week.\n",
    )


def read_receipt(failure: Failure) -> bytes:
    """A receipt for a message that was deleted unread: it did arrive."""
    message = EmailMessage()
    message["From"], message["To"] = failure.recipient, failure.to
    message["Subject"] = "Not read: Please sign EDM 152"
    message["Content-Type"] = "multipart/report; report-type=disposition-notification"
    return message.as_bytes()


def by_hand(failure: Failure) -> bytes:
    """A message that a person wrote to the bounce address."""
    return _mail(
        failure, {"From": "Somebody <somebody@example.org>", "Subject": "Hello"}, "Hello!\n"
    )


def strange(failure: Failure) -> bytes:
    """A report in words that no program is known for."""
    sender = f"MAILER-DAEMON@old.{OURS}"
    return _mail(failure, {"From": sender, "Subject": "Alas"}, "It could not be done.\n")


def _returned(failure: Failure) -> str:
    return failure.returned or (
        f"Return-Path: <{failure.to}>\nMessage-ID: {failure.returned_id}\n"
        "From: Anna Example <post@lobby.example.org>\nTo: morag.ferncastle@example.org\n"
        "Subject: Please sign EDM 152\n\nDear Morag, 550 5.1.1 reasons to sign. My secret words."
    )


def _mail(failure: Failure, headers: dict[str, str], body: str) -> bytes:
    named = {"Return-Path": "<>", "To": failure.to, **headers, **failure.headers}
    head = "".join(f"{name}: {value}\n" for name, value in named.items())
    return f"{head}\n{body}".encode()


def _report(
    failure: Failure,
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
        f"Content-Type: {kind}\n\n{_returned(failure)}",
    ]
    body = "".join(f"--{BOUNDARY}\n{part}\n" for part in parts)
    return _mail(failure, headers, f"{body}--{BOUNDARY}--\n")
