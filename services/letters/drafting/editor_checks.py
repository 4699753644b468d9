"""Checks a letter in the editor, before its writer submits it. Nothing is stored."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from models import Keyring
from services.letters.drafting import drafts, sketches
from services.letters.drafting.compose_links import ComposeLinks, compose_links
from services.letters.drafting.rules import LetterProblem, Writer
from services.letters.drafting.situations import Situation
from services.letters.drafting.sketches import Likeness
from services.mail.text_templates import MailText

# A subject with one of these problems does not fit into a link either.
_UNFIT = frozenset({"control_character", "not_allowed", "too_short", "too_long"})


@dataclass(frozen=True, slots=True)
class CheckedLetter:
    """The result of a check. Without a recipient it has no likeness and no links."""

    situation: Situation
    characters: int
    likeness: Likeness | None
    problems: tuple[LetterProblem, ...]
    compose: ComposeLinks | None

    @property
    def can_send(self) -> bool:
        """True if `intake` would accept the letter."""
        return self.situation.reason is None and not any(
            problem.is_required for problem in self.problems
        )


def check(
    session: Session,
    situation: Situation,
    *,
    subject: str,
    body: str,
    writer: Writer,
    keyring: Keyring,
    now: datetime,
) -> CheckedLetter:
    """Finds everything that is wrong with a letter, and how like earlier ones it is."""
    body = body.replace("\r\n", "\n").replace("\r", "\n")
    likeness = likeness_of(session, situation, body, keyring=keyring)
    letter = MailText(subject, body)
    problems = drafts.problems_of(session, situation, letter, writer=writer, today=now.date())
    if likeness and likeness.advice:
        problems.append(
            LetterProblem("body", "letter_too_alike", likeness.advice, likeness.is_required)
        )
    email = situation.member.email if situation.member and situation.reason is None else None
    is_fit = not any(problem.field == "subject" and problem.code in _UNFIT for problem in problems)
    links = compose_links(email, letter) if email and is_fit else None
    return CheckedLetter(situation, len(body), likeness, tuple(problems), links)


def likeness_of(
    session: Session, situation: Situation, body: str, *, keyring: Keyring
) -> Likeness | None:
    """Compares a text with earlier letters to today's member; None if no letter can be sent."""
    if situation.member is None or situation.act is None:
        return None
    return sketches.compare(session, situation.campaign, situation.member.id, body, keyring=keyring)
