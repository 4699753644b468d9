"""Tests the standing of seats, the eligibility of members and the choice of letter."""

import re
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from models import LetterAct, MotionSignatory, OfficeKind
from services.letters.drafting import composing
from services.letters.drafting.composing import LetterFacts
from services.letters.kinds import template_language, variant_texts, variants
from services.letters.kinds.conditions import MemberProfile, choose
from services.mail.text_templates import MailText
from services.parliament.standing import (
    Eligibility,
    Position,
    Role,
    Standing,
    eligibility_of,
    position_of,
)

JUNE = date(2026, 6, 1)
JULY = date(2026, 7, 1)
FACTS = LetterFacts(
    member="Morag Ferncastle",
    constituency="Edinburgh East and Musselburgh",
    motion_number="152",
    motion_title="Sale of NHS Professionals",
    campaign="Keep NHS Professionals public",
    points=("It saves the NHS money.", "Its profit goes back to the NHS."),
    personal="My mother was a nurse here.",
    name="Anna Example",
)
A_REQUEST_TO_SIGN = re.compile(
    r"\bsign(s|ed|ing)?\b|\badd(ing)? your name\b|(?<!do not )\bput your name\b|\byour signature\b",
    re.IGNORECASE,
)


def name(
    number: int = 1, order: int | None = 20, day: date = JUNE, *, withdrawn: bool = False
) -> MotionSignatory:
    """Builds one signatory row of a member."""
    return MotionSignatory(
        id=number,
        motion_id=1,
        member_id=1,
        sponsoring_order=order,
        signed_on=day,
        first_seen_at=datetime(2026, 7, 1, tzinfo=UTC),
        is_withdrawn=withdrawn,
        withdrawn_on=day if withdrawn else None,
    )


# ---- standing


def test_a_member_without_a_row_has_not_signed() -> None:
    assert position_of([]) == Position(Standing.NOT_SIGNED)


@pytest.mark.parametrize(
    ("order", "role"),
    [
        (1, Role.PRIMARY),
        (2, Role.SPONSOR),
        (6, Role.SPONSOR),
        (7, Role.SUPPORTER),
        (650, Role.SUPPORTER),
        (99999, Role.SUPPORTER),
        (None, Role.SUPPORTER),
    ],
)
def test_the_order_tells_the_role(order: int | None, role: Role) -> None:
    assert position_of([name(order=order)]) == Position(Standing.SIGNED, role, JUNE)


def test_a_withdrawn_name_has_no_role_and_the_day_it_came_off() -> None:
    ended = Position(Standing.WITHDRAWN, withdrawn_on=JUNE)
    assert position_of([name(order=None, withdrawn=True)]) == ended


def test_a_name_withdrawn_twice_is_withdrawn() -> None:
    rows = [name(1, None, withdrawn=True), name(2, None, JULY, withdrawn=True)]
    assert position_of(rows) == Position(Standing.WITHDRAWN, withdrawn_on=JULY)


def test_a_name_withdrawn_and_given_again_stands_since_it_was_given_again() -> None:
    rows = [name(1, None, JUNE, withdrawn=True), name(2, 40, JULY)]
    for ordered_rows in (rows, rows[::-1]):
        assert position_of(ordered_rows) == Position(Standing.SIGNED, Role.SUPPORTER, JULY)


def test_a_name_given_twice_and_withdrawn_once_still_stands() -> None:
    rows = [name(1, 3, JUNE), name(2, None, JULY, withdrawn=True)]
    assert position_of(rows) == Position(Standing.SIGNED, Role.SPONSOR, JUNE)


@pytest.mark.parametrize(
    ("orders", "role"),
    [
        ((2, 3), Role.SPONSOR),
        ((30, 1), Role.PRIMARY),
        ((None, 4), Role.SPONSOR),
        ((8, None), Role.SUPPORTER),
        ((None, None), Role.SUPPORTER),
    ],
)
def test_a_repeated_member_has_the_highest_role_and_the_first_day(
    orders: tuple[int | None, int | None], role: Role
) -> None:
    rows = [name(1, orders[0], JULY), name(2, orders[1], JUNE)]
    for ordered_rows in (rows, rows[::-1]):
        assert position_of(ordered_rows) == Position(Standing.SIGNED, role, JUNE)


def test_without_a_primary_sponsor_nobody_is_moved_up() -> None:
    orders = (2, 4, 6, 9)  # with gaps, because names are withdrawn
    roles = [position_of([name(order=order)]).role for order in orders]
    assert roles == [Role.SPONSOR, Role.SPONSOR, Role.SPONSOR, Role.SUPPORTER]


def test_rows_can_come_from_any_iterable() -> None:
    assert position_of(iter([name()])).standing is Standing.SIGNED


# ---- eligibility and the letter, in every combination

VACANT = None
ORDINARY = "Labour"
ABSTENTIONIST = "Sinn Féin"
PARTIES = (VACANT, ORDINARY, ABSTENTIONIST, "Speaker", "Independent", "Sinn Féin (former)")
POSTS: tuple[frozenset[OfficeKind], ...] = (
    frozenset(),
    *(frozenset({kind}) for kind in OfficeKind),
    frozenset({OfficeKind.MINISTER, OfficeKind.WHIP}),
)
# (has an office, refuses) -> eligibility of a non-signatory of an ordinary party.
ORDINARY_RULES = {
    (False, False): (Eligibility.CAN_SIGN, LetterAct.ASK),
    (True, False): (Eligibility.CONVENTION, LetterAct.MINISTER),
    (False, True): (Eligibility.REFUSES, LetterAct.ANOTHER_WAY),
    (True, True): (Eligibility.REFUSES, LetterAct.ANOTHER_WAY),
}


def act_of(standing: Standing, eligibility: Eligibility) -> LetterAct | None:
    """Returns the act of the built-in letter, or None if there is no letter."""
    chosen = choose(variants.built_in(), MemberProfile(standing, eligibility))
    return chosen.act if chosen else None


def expected(
    standing: Standing, party: str | None, *, has_post: bool, refuses: bool
) -> tuple[Eligibility, LetterAct | None]:
    if party is VACANT:
        return Eligibility.VACANT, None
    if standing is Standing.SIGNED:  # signing shows that the member can
        return Eligibility.CAN_SIGN, LetterAct.THANK
    rule = ORDINARY_RULES[has_post, refuses]
    if party == ABSTENTIONIST:
        rule = (Eligibility.CANNOT, LetterAct.ANOTHER_WAY)
    return rule[0], None if standing is Standing.WITHDRAWN else rule[1]


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("party", PARTIES)
@pytest.mark.parametrize("standing", list(Standing))
def test_eligibility_and_letter_follow_from_standing_party_posts_and_refusal(
    standing: Standing, party: str | None, refuses: bool
) -> None:
    for posts in POSTS:
        eligibility = eligibility_of(party=party, offices=posts, refuses=refuses, standing=standing)
        outcome = (eligibility, act_of(standing, eligibility))
        assert outcome == expected(standing, party, has_post=bool(posts), refuses=refuses), posts


def test_every_pair_of_standing_and_eligibility_has_an_answer_about_its_letter() -> None:
    for standing, eligibility in product(Standing, Eligibility):
        variant = act_of(standing, eligibility)
        is_silent = eligibility is Eligibility.VACANT or standing is Standing.WITHDRAWN
        assert (variant is None) is is_silent


@pytest.mark.parametrize("kind", list(OfficeKind))
@pytest.mark.parametrize("standing", [Standing.NOT_SIGNED, Standing.WITHDRAWN])
def test_who_holds_a_post_is_never_asked_to_sign(kind: OfficeKind, standing: Standing) -> None:
    for refuses, party in product((False, True), (ORDINARY, ABSTENTIONIST, "Speaker")):
        eligibility = eligibility_of(
            party=party, offices={kind}, refuses=refuses, standing=standing
        )
        assert act_of(standing, eligibility) is not LetterAct.ASK


# ---- the letters' texts

GREETINGS = {"en": "Dear", "cy": "Annwyl"}


def render(act: LetterAct, facts: LetterFacts = FACTS, locale: str = "en") -> MailText:
    """Renders the built-in letter of an act."""
    words = composing.texts_in(variant_texts.built_in()[act], locale)
    assert words.locale == locale
    return composing.write(words, facts)


@pytest.mark.parametrize("variant", [LetterAct.MINISTER, LetterAct.ANOTHER_WAY])
@pytest.mark.parametrize("facts", [FACTS, replace(FACTS, points=(), personal="")])
def test_who_cannot_sign_reads_no_request_to_sign(variant: LetterAct, facts: LetterFacts) -> None:
    text = render(variant, facts)
    assert not A_REQUEST_TO_SIGN.search(f"{text.subject}\n{text.body}")


def test_a_minister_is_asked_to_raise_it_with_the_secretary_of_state() -> None:
    assert "Secretary of State" in render(LetterAct.MINISTER).body
    assert "Ysgrifennydd Gwladol" in render(LetterAct.MINISTER, locale="cy").body


def test_who_can_sign_is_asked_to() -> None:
    text = render(LetterAct.ASK)
    assert A_REQUEST_TO_SIGN.search(text.subject)
    assert A_REQUEST_TO_SIGN.search(text.body)


def test_who_has_signed_is_thanked_and_not_asked_again() -> None:
    text = render(LetterAct.THANK)
    assert "Thank you" in text.subject
    assert not re.search(r"\b(please|will you) sign\b", text.body, re.IGNORECASE)


@pytest.mark.parametrize("locale", list(GREETINGS))
@pytest.mark.parametrize("variant", list(LetterAct))
def test_every_letter_says_who_writes_to_whom_about_what(variant: LetterAct, locale: str) -> None:
    text = render(variant, locale=locale)
    assert "\n" not in text.subject
    assert text.body.startswith(f"{GREETINGS[locale]} {FACTS.member},\n")
    assert text.body.endswith(FACTS.name)
    for part in (FACTS.constituency, FACTS.personal, *FACTS.points):
        assert part in text.body
    about = FACTS.motion_title if variant.is_about_motion else FACTS.campaign
    assert about in text.body
    assert (FACTS.motion_number in text.subject + text.body) is variant.is_about_motion
    assert "{" not in text.subject + text.body


@pytest.mark.parametrize("locale", list(GREETINGS))
@pytest.mark.parametrize("variant", list(LetterAct))
def test_a_letter_without_points_or_own_words_has_no_gaps(variant: LetterAct, locale: str) -> None:
    body = render(variant, replace(FACTS, points=(), personal=""), locale).body
    assert "\n\n\n" not in body
    assert "None" not in body


@pytest.mark.parametrize("locale", list(GREETINGS))
def test_who_signed_an_earlier_motion_is_thanked_for_it_and_nobody_else(locale: str) -> None:
    earlier = "EDM 12."
    assert earlier in render(LetterAct.ASK, replace(FACTS, earlier_motion_number="12"), locale).body
    assert earlier not in render(LetterAct.ASK, locale=locale).body


@pytest.mark.parametrize("locale", list(GREETINGS))
@pytest.mark.parametrize("variant", list(LetterAct))
def test_the_built_in_letters_pass_what_organisers_letters_must(
    variant: LetterAct, locale: str
) -> None:
    texts = variant_texts.built_in()[variant][locale]
    assert variant_texts.faults(texts, variant, knows_earlier=False) == []
    text = render(variant, locale=locale)
    assert not variant_texts.asks_to_sign(f"{text.subject}\n{text.body}", variant)


@pytest.mark.parametrize("variant", list(LetterAct))
def test_a_letter_is_never_written_with_a_hole_in_it(variant: LetterAct) -> None:
    texts = variant_texts.built_in()[variant]["en"]
    all_values = {field.name: getattr(FACTS, field.name) for field in fields(FACTS)}
    used = {
        name for name in all_values if any(f"{{{{ {name} }}}}" in part for _, part in texts.parts())
    }
    about = {"motion_number", "motion_title"} if variant.is_about_motion else {"addressed_to"}
    assert {"constituency", *about} <= used
    whole = "".join(part for _, part in texts.parts())
    for left_out in used - {"earlier_motion_number"}:
        values = {key: value for key, value in all_values.items() if key != left_out}
        with pytest.raises(UndefinedError, match=left_out):
            template_language.fill(whole, values)


def test_each_variant_has_a_text_and_each_text_a_variant() -> None:
    folder = Path(variant_texts.__file__).parent / "templates"
    for locale in GREETINGS:
        assert {file.stem for file in (folder / locale).iterdir()} == set(LetterAct)
    assert {file.name for file in folder.iterdir()} == set(GREETINGS)
