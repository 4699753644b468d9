"""Checks a letter in the editor, before its writer submits it. Nothing is stored."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from models import Keyring
from services.letters.drafting import drafts, likeness, sketches
from services.letters.drafting.compose_links import ComposeLinks, compose_links
from services.letters.drafting.rules import LetterProblem, Writer
from services.letters.drafting.situations import Situation
from services.letters.drafting.sketches import Likeness
from services.mail.text_templates import MailText

# A subject with one of these problems does not fit into a link either.
_UNFIT = frozenset({"control_character", "not_allowed", "too_short", "too_long"})


# Two sentences in the shortest built-in letter: about 20 words to 70 of the campaign's.
YOURS = 0.2


class OwnWords(StrEnum):
    """How much of a letter its writer added. Points of the campaign's do not count."""

    NONE = "none"
    SOME = "some"
    MOST = "most"


@dataclass(frozen=True, slots=True)
class CheckedLetter:
    """The result of a check. Without a recipient it has no likeness and no links."""

    situation: Situation
    characters: int
    likeness: Likeness | None
    problems: tuple[LetterProblem, ...]
    compose: ComposeLinks | None
    own_words: OwnWords = OwnWords.NONE

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
    """Finds everything that is wrong with a letter, and how like earlier ones it is.

    A likeness above the limit is a problem if the campaign refuses such letters. If it only gives
    advice, the advice is for writers who have added nothing of their own.
    """
    body = body.replace("\r\n", "\n").replace("\r", "\n")
    alike = likeness_of(session, situation, body, keyring=keyring)
    own_words = own_words_in(situation, body, writer=writer)
    letter = MailText(subject, body)
    problems = drafts.problems_of(session, situation, letter, writer=writer, today=now.date())
    if alike and alike.advice and (alike.is_required or own_words is OwnWords.NONE):
        problems.append(LetterProblem("body", "letter_too_alike", alike.advice, alike.is_required))
    email = situation.member.email if situation.member and situation.reason is None else None
    is_fit = not any(problem.field == "subject" and problem.code in _UNFIT for problem in problems)
    links = compose_links(email, letter) if email and is_fit else None
    return CheckedLetter(situation, len(body), alike, tuple(problems), links, own_words)


def own_words_in(situation: Situation, body: str, *, writer: Writer) -> OwnWords:
    """Says how much of a letter its writer added to the organiser's text."""
    share = likeness.own_share(
        body,
        drafts.organiser_text(situation, name=writer.name).body,
        drafts.frame_text(situation, name=writer.name),
        besides=" ".join((writer.name, *writer.address, writer.postcode)),
    )
    if share == 0:
        return OwnWords.NONE
    return OwnWords.MOST if share >= YOURS else OwnWords.SOME


def likeness_of(
    session: Session, situation: Situation, body: str, *, keyring: Keyring
) -> Likeness | None:
    """Compares a text with earlier letters to today's member; None if no letter can be sent."""
    if situation.member is None or situation.act is None:
        return None
    return sketches.compare(session, situation.campaign, situation.member.id, body, keyring=keyring)
