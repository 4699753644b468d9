"""What an editor tells a writer about a letter before it is sent in. Nothing is kept."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import Keyring
from services.letters.drafting import drafts, sketches
from services.letters.drafting.compose_links import Compose, compose_links
from services.letters.drafting.rules import LetterProblem, Words, Writer
from services.letters.drafting.situations import Situation
from services.letters.drafting.sketches import Likeness
from services.mail.text_templates import Text

# A subject with one of these fits into no link either.
_UNFIT = frozenset({"control_character", "not_allowed", "too_short", "too_long"})


@dataclass(frozen=True, slots=True)
class CheckedLetter:
    """A letter as its editor sees it; without a recipient there is no likeness and no link."""

    situation: Situation
    characters: int
    likeness: Likeness | None
    problems: tuple[LetterProblem, ...]
    compose: Compose | None

    @property
    def can_send(self) -> bool:
        """Whether the letter would be taken in as it is."""
        return self.situation.reason is None and not any(each.is_required for each in self.problems)


def check(
    session: Session,
    found: Situation,
    *,
    subject: str,
    body: str,
    writer: Writer,
    keyring: Keyring,
    now: datetime,
) -> CheckedLetter:
    """Everything that is wrong with a letter, and how like it is to earlier ones."""
    body = body.replace("\r\n", "\n").replace("\r", "\n")
    alike = likeness_of(session, found, body, keyring=keyring)
    words = Words(subject, body)
    problems = drafts.problems_of(session, found, words, writer=writer, today=now.date())
    if alike and alike.advice:
        problems.append(LetterProblem("body", "letter_too_alike", alike.advice, alike.is_required))
    email = found.member.email if found.member and found.reason is None else None
    is_fit = not any(each.field == "subject" and each.code in _UNFIT for each in problems)
    links = compose_links(email, Text(subject, body)) if email and is_fit else None
    return CheckedLetter(found, len(body), alike, tuple(problems), links)


def likeness_of(
    session: Session, found: Situation, body: str, *, keyring: Keyring
) -> Likeness | None:
    """Of a text to what today's member already got; None where there is nobody to write to."""
    if found.member is None or found.act is None:
        return None
    return sketches.compare(session, found.campaign, found.member.id, body, keyring=keyring)
