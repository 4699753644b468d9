"""Drafts of letters: the words that suit a member today, and what may not stand in them."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlmodel import Session

from models import Campaign, Keyring
from services.errors import Conflict, NotFound
from services.letters.drafting import composing, facts, rules, situations
from services.letters.drafting.compose_links import Compose, compose_links
from services.letters.drafting.composing import LetterFacts
from services.letters.drafting.rules import LetterProblem, Words, Writer
from services.letters.drafting.situations import Situation
from services.letters.kinds import variant_texts
from services.parliament import seats

WALES, WELSH = "Wales", "cy"


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter to make one's own, and the points to choose from. With a `reason` it cannot be sent.

    `locale` is that of the words found: English where there are none in the one asked for.
    """

    situation: Situation
    subject: str
    body: str
    compose: Compose | None
    locale: str = "en"
    points: tuple[str, ...] = ()


def draft(
    found: Situation,
    *,
    name: str = "",
    points: tuple[str, ...] = (),
    personal: str = "",
    locale: str = "en",
) -> Draft:
    """The letter that suits. Where none does, an empty one with a reason."""
    member, variant = found.seat.member, found.chosen
    if member is None or variant is None:
        return Draft(found, "", "", None)
    words = composing.worded(variant.texts, locale)
    letter_facts = replace(_facts(found, words.locale), points=points, personal=personal, name=name)
    text = composing.write(words, letter_facts)
    compose = compose_links(found.email, text) if found.email else None
    offered = points_to_choose(found, locale=words.locale)
    return Draft(found, text.subject, text.body, compose, words.locale, offered)


def points_to_choose(found: Situation, *, locale: str = "en") -> tuple[str, ...]:
    """Sentences that the letter offers: its own, or else the campaign's that suit what it asks."""
    variant = found.chosen
    if variant is None:
        return ()
    words = composing.worded(variant.texts, locale)
    own = composing.points(words, _facts(found, words.locale))
    return own or tuple(
        point
        for point in found.campaign.letter_points
        if not variant_texts.asks_to_sign(point, variant.act)
    )


def given(found: Situation, *, name: str) -> Words:
    """All that the organiser wrote for this member: the draft with every point, in each language,
    with the writer's name and without one, as it may have been drafted."""
    made, in_all = [], found.chosen.texts if found.chosen else {}
    for locale in in_all:
        words = composing.worded(in_all, locale)
        points = points_to_choose(found, locale=locale)
        letter_facts = replace(_facts(found, locale), points=points)
        made += [composing.write(words, replace(letter_facts, name=each)) for each in {name, ""}]
    return Words("\n".join(each.subject for each in made), "\n".join(each.body for each in made))


def problems_of(
    session: Session, found: Situation, words: Words, *, writer: Writer, today: date
) -> list[LetterProblem]:
    """What is wrong with the words of a letter (`rules`)."""
    own = found.member.id if found.member else 0
    problems = rules.find(
        words,
        given(found, name=writer.name),
        writer=writer,
        other_members=[
            name for member_id, name in seats.members_today(session, today) if member_id != own
        ],
        own_words_are_required=found.campaign.own_words_are_required,
    )
    return list(problems)


def has_welsh(found: Situation) -> bool:
    """Whether the letter that suits has words in Welsh, and its seat is in Wales."""
    in_wales = found.seat.constituency.nation == WALES
    return in_wales and found.chosen is not None and WELSH in found.chosen.texts


def _facts(found: Situation, locale: str) -> LetterFacts:
    return facts.facts_of(found.campaign, found.motion, found.seat, found.told, locale=locale)


def draft_for_seat(
    session: Session, campaign: Campaign, code: str, *, name: str, keyring: Keyring, now: datetime
) -> Draft | None:
    """The letter for somebody whose seat is known already; None where there is nothing to write."""
    try:
        return draft(
            situations.of_seat(session, campaign, code, keyring=keyring, now=now), name=name
        )
    except (Conflict, NotFound):
        return None
