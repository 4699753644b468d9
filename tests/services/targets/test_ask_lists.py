"""Tests on which list of the desk an MP is, by what they said in public or to the team alone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from models import QuickAnswerKind, ReplyKind
from services.campaigns import member_replies
from services.campaigns.member_replies import VerifiedReply
from services.campaigns.team_records import Answer
from services.parliament.seat_snapshots import SeatConstituency, SeatMember
from services.parliament.standing import Eligibility, Standing
from services.tallies.seat_table import TallyRow
from services.targets import ask_lists, desk_reasons
from services.targets.ask_lists import AskList, Said
from services.targets.desk_reasons import Surroundings
from services.targets.scores import MemberFacts, Target

TODAY = date(2026, 7, 1)
WILL_SIGN, WILL_NOT, NO_ANSWER = QuickAnswerKind
TO_ASK, RING_BACK, SAID_YES, SAID_NO, NOT_ANSWERED = AskList


def row(*, signatures: int = 0, letters: int = 9, reply: VerifiedReply | None = None) -> TallyRow:
    place = ("England", "London", "2024")
    seat = SeatConstituency("E1", "Seat", None, *place, None, None, None, None, None)
    return TallyRow(
        constituency=seat,
        member=SeatMember(1, "Ann", "Green Party", None, ""),
        standing=Standing.NOT_SIGNED,
        role=None,
        signed_on=None,
        eligibility=Eligibility.CAN_SIGN,
        signatures=signatures,
        letters_sent=letters,
        letters_opened=0,
        said=member_replies.stated_intent(reply, ()),
        reply=reply,
    )


def answer(kind: QuickAnswerKind, days_ago: int) -> Answer:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    return Answer(kind, noon - timedelta(days=days_ago))


def reply(kind: ReplyKind, days_ago: int) -> VerifiedReply:
    return VerifiedReply(kind, TODAY - timedelta(days=days_ago), None)


def lists(public: VerifiedReply | None, newest: Answer | None) -> set[AskList]:
    said = ask_lists.last_said(row(reply=public), newest)
    return set(ask_lists.lists_of(said, today=TODAY))


CASES: dict[str, tuple[VerifiedReply | None, Answer | None, set[AskList]]] = {
    "nothing": (None, None, {TO_ASK}),
    "a promise today rests": (None, answer(WILL_SIGN, 0), {SAID_YES}),
    "a promise rests a week": (None, answer(WILL_SIGN, 7), {SAID_YES}),
    "an older promise is asked": (None, answer(WILL_SIGN, 8), {SAID_YES, TO_ASK}),
    "no is not asked": (None, answer(WILL_NOT, 0), {SAID_NO}),
    "no is not asked later": (None, answer(WILL_NOT, 300), {SAID_NO}),
    "no answer rests today": (None, answer(NO_ANSWER, 0), {NOT_ANSWERED}),
    "no answer comes back tomorrow": (None, answer(NO_ANSWER, 1), {NOT_ANSWERED, TO_ASK}),
    "a public promise rests too": (reply(ReplyKind.WILL_SIGN, 3), None, {SAID_YES}),
    "an old public promise": (reply(ReplyKind.WILL_SIGN, 8), None, {SAID_YES, TO_ASK}),
    "a public no": (reply(ReplyKind.WILL_NOT, 8), None, {SAID_NO}),
    "another reply says nothing": (reply(ReplyKind.MEETING, 1), None, {TO_ASK}),
    "a later public word counts": (
        reply(ReplyKind.WILL_NOT, 1),
        answer(WILL_SIGN, 2),
        {SAID_NO},
    ),
    "of one day the team's counts": (
        reply(ReplyKind.WILL_NOT, 1),
        answer(WILL_SIGN, 1),
        {SAID_YES},
    ),
    "no answer leaves a public no": (
        reply(ReplyKind.WILL_NOT, 9),
        answer(NO_ANSWER, 2),
        {SAID_NO},
    ),
    "no answer today lets an old promise rest": (
        reply(ReplyKind.WILL_SIGN, 9),
        answer(NO_ANSWER, 0),
        {SAID_YES},
    ),
    "no answer yesterday does not": (
        reply(ReplyKind.WILL_SIGN, 9),
        answer(NO_ANSWER, 1),
        {SAID_YES, TO_ASK},
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_what_a_member_said_last_decides_on_the_list(case: str) -> None:
    public, newest, expected = CASES[case]
    assert lists(public, newest) == expected


def test_an_answer_of_the_evening_is_of_the_day_in_london() -> None:
    late = Answer(NO_ANSWER, datetime(2026, 6, 30, 23, 30, tzinfo=UTC))
    assert lists(None, late) == {NOT_ANSWERED}, "in London it is half past midnight already"


# ---- reasons


FACTS = MemberFacts(1, "Green Party", Standing.NOT_SIGNED, can_sign=True)
TARGET = Target(FACTS, 1.0, 0, 0, 1.0, 0, 0, ())
AROUND = Surroundings(range(100), {}, {}, frozenset(), TODAY)


def around(**changes: Any) -> Surroundings:
    return replace(AROUND, **changes)


def target(**changes: Any) -> Target:
    return TARGET._replace(**changes)


def texts(
    shown: TallyRow, of: Target | None, said: Said | None = None, **changes: Any
) -> list[str]:
    found = desk_reasons.reasons_of(shown, of, said, around(**changes))
    return [f"{reason.head}: {reason.rest}" for reason in found]


@pytest.mark.parametrize(
    ("signatures", "expected"),
    [
        (0, []),
        (1, ["1 signature: from this constituency"]),
        (49, ["49 signatures: from this constituency"]),
        (50, ["50 signatures: more than in 50% of seats"]),
        (94, ["94 signatures: more than in 94% of seats"]),
        (99, ["99 signatures: more than in 99% of seats"]),
        (1_000, ["1,000 signatures: more than in 100% of seats"]),
    ],
)
def test_signatures_are_compared_with_all_seats(signatures: int, expected: list[str]) -> None:
    assert texts(row(signatures=signatures), None) == expected


@pytest.mark.parametrize(
    ("letters", "recent", "expected"),
    [
        (0, 0, "No letters yet: ask supporters here to write"),
        (5, 2, "Almost no letters: only 5: ask supporters here to write"),
        (49, 8, "49 letters: 8 in the last 7 days"),
        (49, 0, "49 letters: none in the last 7 days"),
        (6, 9, "6 letters: 6 in the last 7 days"),  # three were about the last motion
    ],
)
def test_letters_are_counted_with_those_of_the_week(
    letters: int, recent: int, expected: str
) -> None:
    assert texts(row(letters=letters), target(), recent_letters={1: recent}) == [expected]


def test_neighbours_are_a_reason_from_three_on() -> None:
    near = {"E1": frozenset({"E2", "E3", "E4", "E5"})}
    some = texts(row(), target(), neighbours=near, signed=frozenset({"E2", "E3", "E9"}))
    assert not any("neighbours" in text for text in some)
    more = texts(row(), target(), neighbours=near, signed=frozenset({"E2", "E3", "E5"}))
    assert more[-1] == "3 of 4 neighbours: MPs next door have signed"


def test_colleagues_and_motions_are_those_of_the_api() -> None:
    found = texts(
        row(),
        target(
            colleagues=71,
            colleagues_signed=54,
            likeness=1.5,
            others=5,
            others_signed=3,
            earlier=("97",),
        ),
    )
    assert found[1:] == [
        "54 of 71: Green Party colleagues who can sign have signed",
        "Signs motions: 3 of the 5 others that we know of",
        "Signed before: EDM 97, this campaign’s last motion",
    ]


def test_what_the_team_was_told_is_a_private_reason_and_a_public_word_is_not() -> None:
    told = [
        Said(WILL_SIGN, TODAY - timedelta(days=8), is_private=True),
        Said(WILL_NOT, TODAY, is_private=True),
        Said(NO_ANSWER, TODAY - timedelta(days=1), is_private=True),
        Said(WILL_SIGN, TODAY - timedelta(days=2), is_private=False),
    ]
    found = [desk_reasons.reasons_of(row(), None, said, around())[0] for said in told]
    assert [(reason.head, reason.rest, reason.is_private) for reason in found] == [
        ("Said they’ll sign", "8 days ago, and not on the list yet", True),
        ("Said no", "today", True),
        ("No answer", "yesterday", True),
        ("Said they’ll sign", "in public, 2 days ago, and not on the list yet", False),
    ]
