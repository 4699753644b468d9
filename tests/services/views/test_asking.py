"""Tests whom the desk shows as next to ask: private answers, ring-backs, letters, neighbours."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session

from models import MapTile, MotionEventKind, Scope
from services.assembly import Lobby
from services.campaigns import campaigns, member_notes
from services.parliament import hex_grid
from services.tallies import seat_table
from services.targets import targets
from services.targets.ask_lists import AskList
from services.views.desk.members import asking
from services.views.desk.members.asking import AskFilter, Asking, LettersSoFar
from tests.support.common import CAMPAIGN, START, Clock
from tests.support.home import name_on_motion
from tests.support.keys import key_for
from tests.support.members.team import (
    ADAEZE,
    EMLYN,
    MORAG,
    NO_ANSWER,
    TOMASZ,
    WILL_NOT,
    WILL_SIGN,
    Team,
    add_members,
    send_letters,
)
from tools.statements import sent_by

TO_ASK, RING_BACK, SAID_YES, SAID_NO, NOT_ANSWERED = AskList
URL = f"/v1/campaigns/{CAMPAIGN}/targets"


@pytest.fixture
def team(lobby: Lobby) -> Team:
    return Team(lobby)


def found(lobby: Lobby, **options: Any) -> Asking:
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        return asking.of_campaign(session, campaign, now=lobby.clock(), **options)


def shown(lobby: Lobby, wanted: AskList = TO_ASK, **options: Any) -> list[int]:
    return [row.member.id for row in found(lobby, **options).shown(wanted, AskFilter())]


def counts(lobby: Lobby) -> list[int]:
    every = found(lobby)
    return [every.count(wanted, AskFilter()) for wanted in AskList]


def test_without_answers_the_list_is_that_of_the_api(lobby: Lobby, team: Team) -> None:
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        of_api = targets.of_campaign(session, campaign, limit=100, now=lobby.clock())
    assert shown(lobby) == [target.member.id for target in of_api] == [TOMASZ, MORAG, EMLYN]
    assert found(lobby).ranks == {TOMASZ: 1, MORAG: 2, EMLYN: 3}


def test_private_answers_order_the_lists_of_the_desk(lobby: Lobby, team: Team) -> None:
    team.answer(WILL_SIGN, member_id=MORAG, days_ago=8)
    assert shown(lobby) == [MORAG, TOMASZ, EMLYN], "an old promise comes first"
    team.answer(WILL_NOT, member_id=TOMASZ)
    team.answer(NO_ANSWER, member_id=EMLYN)
    assert shown(lobby) == [MORAG]
    assert [shown(lobby, each) for each in (SAID_YES, SAID_NO, NOT_ANSWERED)] == [
        [MORAG],
        [TOMASZ],
        [EMLYN],
    ]
    assert counts(lobby) == [1, 0, 1, 1, 1]


def test_the_api_never_tells_what_the_team_was_told(
    client: TestClient, lobby: Lobby, team: Team
) -> None:
    key = key_for(lobby, Scope.TALLIES_READ)
    before = client.get(URL, headers=key).content
    team.answer(WILL_NOT, member_id=TOMASZ)
    team.answer(WILL_SIGN, member_id=MORAG, days_ago=9)
    team.note("", str(START.date()), member_id=EMLYN)
    after = client.get(URL, headers=key)
    assert (after.status_code, after.content) == (200, before)


def test_another_campaign_knows_nothing_of_the_answers(lobby: Lobby, team: Team) -> None:
    team.answer(WILL_NOT, member_id=TOMASZ)
    with lobby.database.write() as session:
        first = campaigns.by_slug(session, CAMPAIGN)
        motion = campaigns.motion_of(session, first.id)
        assert motion is not None
        other = campaigns.create(
            session,
            organisation_id=first.organisation_id,
            values={"slug": "another", "title": "A", "summary": "S"},
            motion_id=motion.id,
            now=START,
        )
        rows = asking.of_campaign(session, other, now=START).shown(TO_ASK, AskFilter())
    assert TOMASZ in [row.member.id for row in rows]


def test_an_mp_who_was_just_answered_for_keeps_the_place_and_the_counts_are_true(
    lobby: Lobby, team: Team
) -> None:
    answer = team.answer(WILL_SIGN, member_id=MORAG)
    kept = found(lobby, placed_without=answer.id)
    assert [row.member.id for row in kept.shown(TO_ASK, AskFilter())] == [TOMASZ, MORAG, EMLYN]
    assert kept.count(TO_ASK, AskFilter()) == 2
    assert kept.count(SAID_YES, AskFilter()) == 1
    assert shown(lobby) == [TOMASZ, EMLYN]


def test_who_signs_leaves_every_list_but_that_of_whom_to_ring_back(
    lobby: Lobby, team: Team
) -> None:
    team.answer(WILL_SIGN, member_id=MORAG)
    team.note("", str(START.date()), member_id=MORAG)
    name_on_motion(lobby, MotionEventKind.SIGNED)
    assert shown(lobby, SAID_YES) == []
    every = found(lobby)
    (row,) = every.shown(RING_BACK, AskFilter())
    assert (row.member.id, every.ranks.get(MORAG)) == (MORAG, None)
    assert every.reasons(row)[0].head == "Has signed"


def test_whom_to_ring_back_comes_in_order_of_the_days(
    lobby: Lobby, team: Team, clock: Clock
) -> None:
    today = START.date()
    team.note("", str(today + timedelta(days=1)), member_id=TOMASZ)
    team.note("", str(today), member_id=MORAG)
    team.note("", str(today), member_id=ADAEZE)
    team.note("", str(today + timedelta(days=3)), member_id=EMLYN)
    assert shown(lobby, RING_BACK) == [MORAG, ADAEZE]
    clock.advance(days=1)
    assert shown(lobby, RING_BACK) == [MORAG, ADAEZE, TOMASZ]


def test_an_mp_who_was_just_rung_back_keeps_the_place(lobby: Lobby, team: Team) -> None:
    note = team.note("", str(START.date()), member_id=MORAG)
    team.note("", str(START.date()), member_id=EMLYN)
    before = shown(lobby, RING_BACK)

    def rung(session: Session, campaign: Any) -> None:
        member_notes.note_rung_back(session, campaign, note.id, now=START)

    team.write(rung)
    kept = found(lobby, rung_back=(MORAG, START.date()))
    assert [row.member.id for row in kept.shown(RING_BACK, AskFilter())] == before
    assert kept.count(RING_BACK, AskFilter()) == 1


def test_filters_keep_a_party_a_region_and_a_number_of_letters(lobby: Lobby, team: Team) -> None:
    send_letters(lobby, TOMASZ, [1] * 6)
    send_letters(lobby, EMLYN, [])
    every = found(lobby)
    rows = {row.member.id: row for row in every.rows}

    def kept(**values: Any) -> set[int]:
        only = AskFilter(**values)
        assert every.count(TO_ASK, only) == len(every.shown(TO_ASK, only))
        return {row.member.id for row in every.shown(TO_ASK, only)}

    assert kept(party="Labour") == {TOMASZ}
    assert kept(region="Scotland") == {MORAG}
    assert kept(party="Labour", region="Scotland") == set()
    assert kept(letters=LettersSoFar.MANY) == {
        member_id for member_id, row in rows.items() if row.seat.letters_sent > 5
    }
    assert every.parties() == sorted({str(row.seat.party_group) for row in rows.values()})


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, LettersSoFar.NONE), (1, LettersSoFar.FEW), (5, LettersSoFar.FEW), (6, LettersSoFar.MANY)],
)
def test_each_number_of_letters_is_in_one_group(count: int, expected: LettersSoFar) -> None:
    assert [each for each in LettersSoFar if each.has(count)] == [expected]


def test_the_letters_of_a_week_are_those_that_went_in_it(lobby: Lobby, team: Team) -> None:
    send_letters(lobby, TOMASZ, [0.1, 1, 6.9, 7.1, 20, 21])
    every = found(lobby)
    row = next(row for row in every.rows if row.member.id == TOMASZ)
    letters = next(each for each in every.reasons(row) if each.head.endswith("letters"))
    assert (letters.head, letters.rest) == ("6 letters", "3 in the last 7 days")


def test_neighbours_who_signed_are_shown_and_change_no_place(lobby: Lobby, team: Team) -> None:
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        rows = seat_table.of_campaign(session, campaign, now=START).rows
    signed = [row.constituency.code for row in rows if row.standing == "signed"][:3]
    assert len(signed) == 3
    own = next(row.constituency.code for row in rows if row.member and row.member.id == MORAG)
    before = shown(lobby)
    far = (1000, 1000)  # nothing else of the map is there
    cells = dict(zip([own, *signed], [far, *hex_grid.around(far)[:3]], strict=True))
    with lobby.database.write() as session:
        for code, (q, r) in cells.items():
            tile = session.get_one(MapTile, code)
            tile.q, tile.r = q, r
    every = found(lobby)
    assert [row.member.id for row in every.shown(TO_ASK, AskFilter())] == before
    row = next(row for row in every.rows if row.member.id == MORAG)
    assert "3 of 3 neighbours" in [reason.head for reason in every.reasons(row)]


def test_public_reasons_leave_out_what_the_team_was_told(lobby: Lobby, team: Team) -> None:
    team.answer(WILL_SIGN, member_id=MORAG, days_ago=9)
    every = found(lobby)
    row = every.shown(TO_ASK, AskFilter())[0]
    assert every.reasons(row)[0].head == "Said they’ll sign"
    assert every.public_reasons(row) == every.reasons(row)[1:]


def test_the_number_of_statements_is_the_same_however_much_there_is(
    lobby: Lobby, team: Team
) -> None:
    def read() -> int:
        with sent_by(lobby) as sent, lobby.database.read() as session:
            campaign = campaigns.by_slug(session, CAMPAIGN)
            every = asking.of_campaign(session, campaign, now=lobby.clock())
            rows = every.shown(TO_ASK, AskFilter())
            asking.contacts_of(session, rows)
            asking.details_of(session, campaign, rows)
        return len(sent)

    read()  # from now on the seats are in memory
    few = read()
    for member_id in add_members(lobby, 20):
        team.answer(NO_ANSWER, member_id=member_id, days_ago=2)
        team.note(member_id=member_id, ring_back_on=str(START.date()))
    assert len(shown(lobby)) == 23  # this reads the seats, which have changed
    assert read() == few
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        tally = seat_table.of_campaign(session, campaign, now=lobby.clock())
        with sent_by(lobby) as sent:
            asking.of_campaign(session, campaign, now=lobby.clock(), tally=tally)
    assert len(sent) == 3, "other motions, what the team knows, letters of the week"
