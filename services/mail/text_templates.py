"""The subject and body of emails and letters as plain text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MailText:
    """The text of an email or a letter: a subject on one line, and a body."""

    subject: str
    body: str


def without_gaps(text: str) -> str:
    """Removes repeated empty lines, which parts that a template leaves out cause."""
    paragraphs = [part.strip("\n") for part in text.strip().split("\n\n")]
    return "\n\n".join(part for part in paragraphs if part.strip())
