"""Reads bounces: delivery status notifications of mail servers (RFC 3464).

Anybody can write to the address that receives them, so `read` never raises: what it cannot read is
`UNCLEAR`. flufl.bounce recognises bounces in other formats.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.message import Message
from email.utils import parseaddr
from enum import StrEnum
from uuid import UUID

from services.mail import smtp_answers
from services.mail.bounce_addresses import BounceAddress

MOST_BYTES = 300_000  # the report comes first; the letter returned behind it is far shorter
_MOST_PARTS = 50
_MOST_RECIPIENTS = 20
_LONGEST_TEXT = 20_000
_SENT_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_MESSAGE_ID = r"<(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@"
_REFUSAL = re.compile(r"\b5[0-9][0-9][ -].*")
_RETURNED = re.compile(r"^(?:Return-Path|Received|Message-ID|From|To|Subject):", re.I | re.M)
_AUTOREPLY_HEADERS = ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress")


class ReportedOutcome(StrEnum):
    """What a report says. `FAILED`: the server has given up, for any reason."""

    FAILED = "failed"
    NO_FAILURE = "no_failure"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a mail server reports about one of our messages.

    `message_id` is the id of the outbox message; None if the report names none of ours.
    `recipients` are the addresses that it names, in lower case; they are never stored.
    `server_text` is what the server said, without addresses; it is stored.
    """

    verdict: ReportedOutcome
    message_id: UUID | None = None
    status: str | None = None
    server_text: str = ""
    recipients: frozenset[str] = frozenset()
    is_dead: bool = False


UNCLEAR = DeliveryReport(ReportedOutcome.UNCLEAR)
_NO_FAILURE = DeliveryReport(ReportedOutcome.NO_FAILURE)


def read(content: bytes, *, bounces: BounceAddress | None, domain: str) -> DeliveryReport:
    """Reads an email to the address for bounces. `domain` is the domain of our Message-IDs.

    It reads at most the first `MOST_BYTES`.
    """
    try:
        message = message_from_bytes(content[:MOST_BYTES])
        message_id = _message_of(message, bounces, domain)
        return replace(_report(message, is_ours=message_id is not None), message_id=message_id)
    except Exception:  # crafted email makes the parsers raise many kinds of errors
        return UNCLEAR


def _report(message: Message, *, is_ours: bool) -> DeliveryReport:
    groups = list(_groups(message))
    if groups:
        return _report_of_groups(groups)
    temporary, permanent = _by_flufl(message)
    if permanent:
        return _report_of_text(message, frozenset(map(_lower, permanent)))
    if temporary or _is_autoreply(message):
        return _NO_FAILURE
    return UNCLEAR if is_ours or _is_from_a_server(message) else _NO_FAILURE


def _by_flufl(message: Message) -> tuple[Collection[bytes], Collection[bytes]]:
    """Returns deferred and failed addresses. A detector of flufl.bounce raises without a From."""
    # Imported here: few processes read a bounce, and fewer one in a format of its own.
    from flufl.bounce import all_failures  # noqa: PLC0415 - see above

    try:
        return all_failures(message)
    except Exception:
        return (), ()


# ---- which message a report is about


def _message_of(message: Message, bounces: BounceAddress | None, domain: str) -> UUID | None:
    """Uses the address that received the report, or else the parts of our message in it."""
    if bounces is not None:
        for name in _SENT_TO:
            for value in message.get_all(name, []):
                if message_id := bounces.message_in(str(value)[:1000]):
                    return message_id
    return _returned(message, domain)


def _returned(message: Message, domain: str) -> UUID | None:
    pattern = re.compile(_MESSAGE_ID + re.escape(domain) + ">", re.IGNORECASE)
    for text in _returned_ids(message):
        if match := pattern.search(text):
            return UUID(match["id"])
    return None


def _returned_ids(message: Message) -> Iterator[str]:
    """Yields Message-IDs of the returned message, of its headers, or within a text."""
    for part in _parts(message):
        content_type = part.get_content_type()
        if content_type == "message/rfc822":
            inner = part.get_payload()
            yield from (
                _header(inner_part, "Message-ID")
                for inner_part in inner
                if isinstance(inner_part, Message)
            )
        elif content_type in ("text/rfc822-headers", "text/plain"):
            yield from re.findall(r"^Message-ID:\s*(\S{1,200})", _text(part), re.I | re.M)


# ---- what a report says


def _groups(message: Message) -> Iterator[Message]:
    """Yields the header group of each recipient; the group of the message itself is left out."""
    for part in _parts(message):
        if part.get_content_type() == "message/delivery-status":
            payload = part.get_payload()
            blocks = [block for block in payload if isinstance(block, Message)]
            yield from (
                block for block in blocks[:_MOST_RECIPIENTS] if block["Action"] or block["Status"]
            )


def _report_of_groups(groups: list[Message]) -> DeliveryReport:
    failed = [group for group in groups if _has_failed(group)]
    if not failed:
        return _NO_FAILURE
    diagnostic = _header(failed[0], "Diagnostic-Code")
    stated = smtp_answers.status_in(_header(failed[0], "Status"))
    in_words = smtp_answers.status_in(diagnostic)
    # Some servers state 5.0.0, and give the real status in the diagnostic text.
    status = in_words if in_words and (stated is None or stated.endswith(".0.0")) else stated
    addresses = frozenset(address for group in failed if (address := _recipient(group)))
    return _failure(status, in_words, diagnostic.partition(";")[2] or diagnostic, addresses)


def _has_failed(group: Message) -> bool:
    """Looks at the action first: a server that gave up after days may still state a status of 4."""
    action = _header(group, "Action").strip().lower()
    if action.startswith(("fail", "error")):
        return True
    return not action and _header(group, "Status").strip().startswith("5.")


def _report_of_text(message: Message, addresses: frozenset[str]) -> DeliveryReport:
    """Reads a report in plain text: the line with the server's answer, if there is one."""
    parts = (_text(part) for part in _parts(message) if part.get_content_type() == "text/plain")
    # What follows may be the text of a letter.
    text = _RETURNED.split(next(parts, ""), maxsplit=1)[0]
    refusal = _REFUSAL.search(text)
    line = refusal.group() if refusal else ""
    status = smtp_answers.status_in(line)
    return _failure(status, status, line, addresses)


def _failure(
    status: str | None, in_words: str | None, server_text: str, addresses: frozenset[str]
) -> DeliveryReport:
    """The address is dead if the status says so and the server's text does not contradict it."""
    return DeliveryReport(
        verdict=ReportedOutcome.FAILED,
        status=status,
        server_text=smtp_answers.safe_text(server_text) or (status or "no reason was given"),
        recipients=addresses,
        is_dead=status in smtp_answers.DEAD and (in_words is None or in_words in smtp_answers.DEAD),
    )


def _is_autoreply(message: Message) -> bool:
    """True for out-of-office replies, acknowledgements and read receipts: the email arrived."""
    if message.get_param("report-type") == "disposition-notification":
        return True
    is_automatic = _header(message, "Auto-Submitted").strip().lower().startswith("auto-")
    is_automatic = is_automatic or any(name in message for name in _AUTOREPLY_HEADERS)
    return is_automatic and not _is_from_a_server(message)


def _is_from_a_server(message: Message) -> bool:
    local = parseaddr(_header(message, "From"))[1].partition("@")[0].lower()
    return local in ("mailer-daemon", "postmaster")


# ---- parts


def _parts(message: Message) -> Iterator[Message]:
    """Yields a message and its parts, but not the parts of a message within it."""
    waiting = [message]
    for _ in range(_MOST_PARTS):
        if not waiting:
            return
        part = waiting.pop(0)
        yield part
        if part.get_content_maintype() == "multipart":
            payload = part.get_payload()
            waiting[:0] = [child for child in payload if isinstance(child, Message)]


def _header(message: Message, name: str) -> str:
    return str(message.get(name, ""))[:2000]


def _recipient(group: Message) -> str:
    """Reads `rfc822;somebody@example.org`, with or without angle brackets."""
    value = _header(group, "Final-Recipient").rpartition(";")[2].strip()
    return _lower(parseaddr(value)[1] or value)


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content[:_LONGEST_TEXT].decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _lower(address: bytes | str) -> str:
    text = address.decode("ascii", "replace") if isinstance(address, bytes) else address
    return text.lower()
