"""Reading what mail servers report of our messages: delivery status notifications (RFC 3464).

Anybody can write to the address where reports go, so nothing here raises, whatever comes: what
cannot be read is `UNCLEAR`. Reports in other forms are recognised by flufl.bounce.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.message import Message
from email.utils import parseaddr
from enum import StrEnum
from uuid import UUID

from flufl.bounce import all_failures

from services.mail import smtp_answers
from services.mail.bounce_addresses import BounceAddress

MOST_BYTES = 300_000  # what is said comes first; our letter, returned behind it, is far shorter
_MOST_PARTS = 50
_MOST_RECIPIENTS = 20
_LONGEST_TEXT = 20_000
_SENT_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_MESSAGE_ID = r"<(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})@"
_REFUSAL = re.compile(r"\b5[0-9][0-9][ -].*")
_RETURNED = re.compile(r"^(?:Return-Path|Received|Message-ID|From|To|Subject):", re.I | re.M)
_OF_ANSWERS = ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress")


class ReportedOutcome(StrEnum):
    """What a report says. `FAILED`: the server has given up, whatever its reason was."""

    FAILED = "failed"
    NO_FAILURE = "no_failure"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a mail server says of one of our messages.

    `message_id` is the outbox's; None where the report names none of ours. `recipients` are the
    addresses that it names, in lower case, which are never kept. `said` are its words, which are.
    """

    verdict: ReportedOutcome
    message_id: UUID | None = None
    status: str | None = None
    said: str = ""
    recipients: frozenset[str] = frozenset()
    is_dead: bool = False


UNCLEAR = DeliveryReport(ReportedOutcome.UNCLEAR)
_NO_FAILURE = DeliveryReport(ReportedOutcome.NO_FAILURE)


def read(content: bytes, *, bounces: BounceAddress | None, domain: str) -> DeliveryReport:
    """What a mail to the address for reports says. `domain` is that of our Message-IDs.

    At most the first `MOST_BYTES` are looked at.
    """
    try:
        message = message_from_bytes(content[:MOST_BYTES])
        named = _message_of(message, bounces, domain)
        return replace(_report(message, is_ours=named is not None), message_id=named)
    except Exception:  # the parsers of mail raise much for what was made to confuse them
        return UNCLEAR


def _report(message: Message, *, is_ours: bool) -> DeliveryReport:
    groups = list(_groups(message))
    if groups:
        return _of_groups(groups)
    temporary, permanent = _by_flufl(message)
    if permanent:
        return _of_text(message, frozenset(map(_lower, permanent)))
    if temporary or _is_answer(message):
        return _NO_FAILURE
    return UNCLEAR if is_ours or _is_from_a_server(message) else _NO_FAILURE


def _by_flufl(message: Message) -> tuple[Collection[bytes], Collection[bytes]]:
    """Addresses that are put off, and that failed. One of its detectors raises without a From."""
    try:
        return all_failures(message)
    except Exception:
        return (), ()


# ---- which message


def _message_of(message: Message, bounces: BounceAddress | None, domain: str) -> UUID | None:
    """By the address that the report came to; else by what it returns of our message."""
    if bounces is not None:
        for name in _SENT_TO:
            for value in message.get_all(name, []):
                if found := bounces.message_in(str(value)[:1000]):
                    return found
    return _returned(message, domain)


def _returned(message: Message, domain: str) -> UUID | None:
    pattern = re.compile(_MESSAGE_ID + re.escape(domain) + ">", re.IGNORECASE)
    for text in _returned_ids(message):
        if found := pattern.search(text):
            return UUID(found["id"])
    return None


def _returned_ids(message: Message) -> Iterator[str]:
    """Message-IDs of what is returned: a message, its headers, or both within a text."""
    for part in _parts(message):
        kind = part.get_content_type()
        if kind == "message/rfc822":
            inner = part.get_payload()
            yield from (_header(each, "Message-ID") for each in inner if isinstance(each, Message))
        elif kind in ("text/rfc822-headers", "text/plain"):
            yield from re.findall(r"^Message-ID:\s*(\S{1,200})", _text(part), re.I | re.M)


# ---- what it says


def _groups(message: Message) -> Iterator[Message]:
    """What is said of each recipient; the first group, of the message itself, names none."""
    for part in _parts(message):
        if part.get_content_type() == "message/delivery-status":
            payload = part.get_payload()
            blocks = [each for each in payload if isinstance(each, Message)]
            yield from (
                each for each in blocks[:_MOST_RECIPIENTS] if each["Action"] or each["Status"]
            )


def _of_groups(groups: list[Message]) -> DeliveryReport:
    failed = [group for group in groups if _has_failed(group)]
    if not failed:
        return _NO_FAILURE
    diagnostic = _header(failed[0], "Diagnostic-Code")
    stated = smtp_answers.status_in(_header(failed[0], "Status"))
    told = smtp_answers.status_in(diagnostic)
    # Some servers state 5.0.0 and tell the rest in their words.
    status = told if told and (stated is None or stated.endswith(".0.0")) else stated
    named = frozenset(address for group in failed if (address := _recipient(group)))
    return _failure(status, told, diagnostic.partition(";")[2] or diagnostic, named)


def _has_failed(group: Message) -> bool:
    """By what the server did. One that gave up after days may still state a class of 4."""
    action = _header(group, "Action").strip().lower()
    if action.startswith(("fail", "error")):
        return True
    return not action and _header(group, "Status").strip().startswith("5.")


def _of_text(message: Message, named: frozenset[str]) -> DeliveryReport:
    """A report in words: the line with the server's answer, if there is one."""
    texts = (_text(part) for part in _parts(message) if part.get_content_type() == "text/plain")
    # Behind it may stand what somebody wrote.
    said = _RETURNED.split(next(texts, ""), maxsplit=1)[0]
    found = _REFUSAL.search(said)
    line = found.group() if found else ""
    status = smtp_answers.status_in(line)
    return _failure(status, status, line, named)


def _failure(
    status: str | None, told: str | None, words: str, named: frozenset[str]
) -> DeliveryReport:
    """Dead where the status says so, and the server's words do not say something else."""
    return DeliveryReport(
        verdict=ReportedOutcome.FAILED,
        status=status,
        said=smtp_answers.words(words) or (status or "no reason was given"),
        recipients=named,
        is_dead=status in smtp_answers.DEAD and (told is None or told in smtp_answers.DEAD),
    )


def _is_answer(message: Message) -> bool:
    """Away from the office, thanks for writing, or a read receipt: the mail has arrived."""
    if message.get_param("report-type") == "disposition-notification":
        return True
    is_automatic = _header(message, "Auto-Submitted").strip().lower().startswith("auto-")
    is_automatic = is_automatic or any(name in message for name in _OF_ANSWERS)
    return is_automatic and not _is_from_a_server(message)


def _is_from_a_server(message: Message) -> bool:
    local = parseaddr(_header(message, "From"))[1].partition("@")[0].lower()
    return local in ("mailer-daemon", "postmaster")


# ---- parts


def _parts(message: Message) -> Iterator[Message]:
    """A message and its parts, but not those of a message within it."""
    waiting = [message]
    for _ in range(_MOST_PARTS):
        if not waiting:
            return
        part = waiting.pop(0)
        yield part
        if part.get_content_maintype() == "multipart":
            payload = part.get_payload()
            waiting[:0] = [each for each in payload if isinstance(each, Message)]


def _header(message: Message, name: str) -> str:
    return str(message.get(name, ""))[:2000]


def _recipient(group: Message) -> str:
    """`rfc822;somebody@example.org`, with or without angles."""
    value = _header(group, "Final-Recipient").rpartition(";")[2].strip()
    return _lower(parseaddr(value)[1] or value)


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    return content[:_LONGEST_TEXT].decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _lower(address: bytes | str) -> str:
    text = address.decode("ascii", "replace") if isinstance(address, bytes) else address
    return text.lower()
