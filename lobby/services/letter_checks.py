"""What an editor tells a writer about a letter before it is sent in. Nothing is kept."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from lobby.models import Keyring, Member, Membership
from lobby.services import letter_sketches, letters, likeness, texts
from lobby.services.compose import Compose, compose_links
from lobby.services.errors import Invalid
from lobby.services.letter_sketches import Likeness
from lobby.services.letters import Situation
from lobby.services.text_templates import Text

LONGEST = 10_000
SHORTEST = 50
LONGEST_SUBJECT = 200
_LINK = re.compile(r"https?://|\bwww\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to look at. `is_required`: the letter is not taken in before it is mended."""

    field: str
    code: str
    message: str
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class CheckedLetter:
    """A letter as its editor sees it; without a recipient there is no likeness and no link."""

    situation: Situation
    characters: int
    likeness: Likeness | None
    problems: tuple[Problem, ...]
    compose: Compose | None

    @property
    def can_send(self) -> bool:
        """Whether the letter would be taken in as it is."""
        return self.situation.reason is None and not any(each.is_required for each in self.problems)


def check(
    session: Session, found: Situation, *, subject: str, body: str, keyring: Keyring, now: datetime
) -> CheckedLetter:
    """Everything that is wrong with a letter, and how like it is to earlier ones."""
    alike = likeness_of(session, found, body, keyring=keyring)
    problems = [*_of_form(subject, body), *_of_words(session, found, body, now.date())]
    if alike and alike.advice:
        problems.append(Problem("body", "letter_too_alike", alike.advice, alike.is_required))
    email = found.member.email if found.member and found.reason is None else None
    is_fit = not any(problem.field == "subject" for problem in problems)
    links = compose_links(email, Text(subject, body)) if email and is_fit else None
    return CheckedLetter(found, len(body), alike, tuple(problems), links)


def likeness_of(
    session: Session, found: Situation, body: str, *, keyring: Keyring
) -> Likeness | None:
    """Of a text to what today's member already got; None where there is nobody to write to."""
    if found.member is None or found.act is None:
        return None
    return letter_sketches.compare(session, found.campaign, found.member.id, body, keyring=keyring)


def _of_form(subject: str, body: str) -> Iterator[Problem]:
    try:
        texts.line(subject, "subject", longest=LONGEST_SUBJECT)
    except Invalid as error:
        yield Problem("subject", error.code, error.message, is_required=True)
    try:
        texts.paragraphs(body, "body", longest=LONGEST, shortest=SHORTEST)
    except Invalid as error:
        yield Problem("body", error.code, error.message, is_required=True)


def _of_words(session: Session, found: Situation, body: str, today: date) -> Iterator[Problem]:
    if _LINK.search(body):
        message = "Offices' filters may stop mails with links. Say it in words instead."
        yield Problem("body", "link", message)
    for name in _other_members(session, found, body, today):
        message = f"The letter names {name}, who is not your MP. Please check that this is meant."
        yield Problem("body", "other_member", message)
    given = letters.draft(found, points=letters.draft(found).points)
    if body and not likeness.has_own_words(body, given.body):
        message = "Nothing in the letter is your own yet. One sentence of yours counts most."
        yield Problem("body", "no_own_words", message)


def _other_members(session: Session, found: Situation, body: str, today: date) -> list[str]:
    statement = (
        select(Member.name)
        .join(Membership, col(Membership.member_id) == Member.id)
        .where(
            Membership.starts_on <= today,
            sa.or_(col(Membership.ends_on).is_(None), col(Membership.ends_on) > today),
        )
    )
    own = found.member.name if found.member else ""
    said = body.casefold()
    return sorted(
        name for name in set(session.exec(statement)) if name != own and name.casefold() in said
    )
