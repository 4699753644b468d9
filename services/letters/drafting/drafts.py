"""Drafts the letter that suits a member today, and checks what its writer made of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from sqlmodel import Session

from models import Campaign, Keyring
from services.errors import NotFound
from services.letters.drafting import composing, facts, rules, situations
from services.letters.drafting.compose_links import ComposeLinks, compose_links
from services.letters.drafting.composing import LetterFacts
from services.letters.drafting.rules import LetterProblem, Writer
from services.letters.drafting.situations import Situation
from services.letters.kinds import variant_texts
from services.mail.text_templates import MailText
from services.parliament import seats

WALES, WELSH = "Wales", "cy"


@dataclass(frozen=True, slots=True)
class Point:
    """A point to choose. `key` names it in every language; `text` goes into the letter."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter for its writer to change, and the points to choose from.

    It cannot be sent if its situation has a `reason`. `locale` is the language of the text: English
    if there is none in the requested one.
    """

    situation: Situation
    subject: str
    body: str
    compose: ComposeLinks | None
    locale: str = "en"
    points: tuple[str, ...] = ()


class WrittenLetter(NamedTuple):
    """The text of a letter. `variant` is the name of its kind, `locale` the language of the text.

    If it `is_for_everybody`, writers' letters differ only by the name (`composing.sign`).
    """

    subject: str
    body: str
    variant: str
    locale: str
    is_for_everybody: bool


def write(
    situation: Situation,
    *,
    name: str = "",
    points: tuple[str, ...] = (),
    personal: str = "",
    locale: str = "en",
) -> WrittenLetter | None:
    """Returns the letter that suits a situation; None if none does."""
    variant = situation.chosen
    if situation.seat.member is None or variant is None:
        return None
    wording = composing.texts_in(variant.texts, locale)
    letter_facts = replace(
        _facts(situation, wording.locale), points=points, personal=personal, name=name
    )
    text = composing.write(wording, letter_facts)
    is_for_everybody = composing.is_for_everybody(wording)
    return WrittenLetter(text.subject, text.body, variant.name, wording.locale, is_for_everybody)


def draft(
    situation: Situation,
    *,
    name: str = "",
    points: tuple[str, ...] = (),
    personal: str = "",
    locale: str = "en",
) -> Draft:
    """Returns the letter that suits a situation with its links, or an empty one if none does."""
    letter = write(situation, name=name, points=points, personal=personal, locale=locale)
    if letter is None:
        return Draft(situation, "", "", None)
    text = MailText(letter.subject, letter.body)
    compose = compose_links(situation.email, text) if situation.email else None
    offered = points_to_choose(situation, locale=letter.locale)
    return Draft(situation, text.subject, text.body, compose, letter.locale, offered)


def points_to_choose(situation: Situation, *, locale: str = "en") -> tuple[str, ...]:
    """Returns the texts of the points that `choices` offers."""
    return tuple(point.text for point in choices(situation, locale=locale))


def choices(situation: Situation, *, locale: str = "en") -> tuple[Point, ...]:
    """Returns the points of the kind of letter, or the campaign's points that suit its act.

    A letter in Welsh offers only points that are translated. The key of a campaign's point is its
    English text, so that a point which was chosen for one language stays chosen in the other.
    """
    variant = situation.chosen
    if variant is None:
        return ()
    wording = composing.texts_in(variant.texts, locale)
    own = composing.points(wording, _facts(situation, wording.locale))
    if own:
        return tuple(Point(f"{variant.name}-{n}", text) for n, text in enumerate(own))
    return tuple(
        point
        for point in _campaign_points(situation.campaign, wording.locale)
        if not variant_texts.asks_to_sign(point.text, variant.act)
    )


def _campaign_points(campaign: Campaign, locale: str) -> Iterator[Point]:
    texts = campaign.letter_points_welsh if locale == WELSH else campaign.letter_points
    # The list in Welsh may be shorter.
    for key, text in zip(campaign.letter_points, texts, strict=False):
        if text:
            yield Point(key, text)


def organiser_text(situation: Situation, *, name: str) -> MailText:
    """Returns everything that the organiser wrote for this member, joined.

    It is the draft with every point, in each language, with the writer's name and without: a writer
    may have started from any of them.
    """
    texts = _organiser_texts(situation, name=name, with_points=True)
    subjects, bodies = (text.subject for text in texts), (text.body for text in texts)
    return MailText("\n".join(subjects), "\n".join(bodies))


def frame_text(situation: Situation, *, name: str) -> str:
    """Returns the same as `organiser_text`, without the subjects and without the points."""
    texts = _organiser_texts(situation, name=name, with_points=False)
    return "\n".join(text.body for text in texts)


def _organiser_texts(situation: Situation, *, name: str, with_points: bool) -> list[MailText]:
    texts, by_locale = [], situation.chosen.texts if situation.chosen else {}
    for locale in by_locale:
        wording = composing.texts_in(by_locale, locale)
        points = points_to_choose(situation, locale=locale) if with_points else ()
        letter_facts = replace(_facts(situation, locale), points=points)
        texts += [composing.write(wording, replace(letter_facts, name=n)) for n in {name, ""}]
    return texts


def problems_of(
    session: Session, situation: Situation, letter: MailText, *, writer: Writer, today: date
) -> list[LetterProblem]:
    """Checks a letter against the rules (`rules.find`)."""
    own_id = situation.member.id if situation.member else 0
    problems = rules.find(
        letter,
        organiser_text(situation, name=writer.name),
        writer=writer,
        other_members=[
            name for member_id, name in seats.members_today(session, today) if member_id != own_id
        ],
        own_words_are_required=situation.campaign.own_words_are_required,
    )
    return list(problems)


def has_welsh(situation: Situation) -> bool:
    """True if the seat is in Wales and its letter has a text in Welsh."""
    in_wales = situation.seat.constituency.nation == WALES
    return in_wales and situation.chosen is not None and WELSH in situation.chosen.texts


def _facts(situation: Situation, locale: str) -> LetterFacts:
    return facts.facts_of(
        situation.campaign, situation.motion, situation.seat, situation.background, locale=locale
    )


def draft_for_seat(
    session: Session, campaign: Campaign, code: str, *, name: str, keyring: Keyring, now: datetime
) -> Draft | None:
    """Drafts a letter for a seat; None if there is no seat with this code."""
    try:
        return draft(
            situations.of_seat(session, campaign, code, keyring=keyring, now=now), name=name
        )
    except NotFound:
        return None
