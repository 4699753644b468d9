"""Tests what a team keeps about members: quick answers, notes, days to ring back."""

import threading
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select

import worker
from models import (
    CampaignStatus,
    MemberNote,
    Membership,
    Organiser,
    QuickAnswer,
)
from models.base import new_id
from services.assembly import Lobby
from services.campaigns import (
    campaigns,
    member_notes,
    member_records,
    quick_answers,
)
from services.common import times
from services.errors import Invalid, NotFound
from services.organisations import organisations, organisers
from tests.support.common import CAMPAIGN, START, Clock
from tests.support.members.team import (
    ANN,
    BEN,
    MORAG,
    NO_ANSWER,
    NOTE,
    TOMASZ,
    WILL_NOT,
    WILL_SIGN,
    Team,
)

TODAY = START.date()


@pytest.fixture
def team(lobby: Lobby) -> Team:
    return Team(lobby)


def count(lobby: Lobby) -> tuple[int, int]:
    with lobby.database.read() as session:
        return len(session.exec(select(MemberNote)).all()), len(
            session.exec(select(QuickAnswer)).all()
        )


# ---- quick answers


def test_two_people_answer_at_once_and_both_are_kept(team: Team) -> None:
    team.answer(WILL_SIGN, by=ANN)
    team.answer(WILL_NOT, by=BEN)
    assert team.history() == [(BEN, WILL_NOT), (ANN, WILL_SIGN)]
    assert team.newest() is WILL_NOT, "the newest one counts"


def test_what_counted_before_an_answer_is_known_for_its_member_alone(
    team: Team, clock: Clock
) -> None:
    first = team.answer(NO_ANSWER)
    for kind in (NO_ANSWER, WILL_SIGN):
        team.answer(kind, member_id=TOMASZ)
        clock.advance(hours=1)
    assert team.known(TODAY, first.id).before == {MORAG: None}
    second = team.answer(WILL_NOT)
    known = team.known(TODAY, second.id)
    assert {key: answer and answer.kind for key, answer in known.before.items()} == {
        MORAG: NO_ANSWER
    }
    assert {key: answer.kind for key, answer in known.answers.items()} == {
        MORAG: WILL_NOT,
        TOMASZ: WILL_SIGN,
    }
    last = team.answer(WILL_SIGN, by=BEN)
    assert team.known(TODAY, last.id).before == {MORAG: known.answers[MORAG]}
    assert team.known(TODAY, second.id).before == {}, "somebody else's counts already"
    assert team.known(TODAY).before == team.known(TODAY, new_id()).before == {}


def test_a_button_that_is_pressed_twice_counts_once(team: Team, clock: Clock) -> None:
    first, second = team.answer(NO_ANSWER), team.answer(NO_ANSWER)
    assert first.id == second.id
    team.answer(NO_ANSWER, by=BEN)
    clock.advance(minutes=1)
    team.answer(NO_ANSWER, by=BEN)
    assert [author for author, _ in team.history()] == [BEN, BEN, ANN]


def test_undo_brings_back_the_answer_before(team: Team, clock: Clock) -> None:
    team.answer(WILL_SIGN)
    clock.advance(hours=1)
    wrong = team.answer(WILL_NOT)
    undone = team.write(lambda session, campaign: quick_answers.undo(session, campaign, wrong.id))
    assert (undone, team.newest()) == (MORAG, WILL_SIGN)


@pytest.mark.parametrize("member_id", [1, 0, -1, 2**31, 2**70])
def test_an_answer_or_note_about_nobody_is_refused(team: Team, member_id: int) -> None:
    with pytest.raises(NotFound):
        team.answer(WILL_SIGN, member_id=member_id)
    with pytest.raises(NotFound):
        team.note(member_id=member_id)


def test_what_belongs_to_another_campaign_is_not_found(team: Team, lobby: Lobby) -> None:
    answer, note = team.answer(WILL_SIGN), team.note(ring_back_on=str(TODAY))
    with lobby.database.write() as session:
        owner = organisations.create(session, name="Others", slug="others", now=lobby.clock())
        values = {"slug": "theirs", "title": "T", "summary": "S"}
        other = campaigns.create(session, organisation_id=owner.id, values=values, now=START)
        with pytest.raises(NotFound):
            quick_answers.undo(session, other, answer.id)
        with pytest.raises(NotFound):
            member_notes.remove(session, other, note.id)
        with pytest.raises(NotFound):
            member_notes.note_rung_back(session, other, note.id, now=START)
        with pytest.raises(NotFound):
            quick_answers.undo(session, other, new_id())
    assert count(lobby) == (1, 1)


# ---- notes and days to ring back


def test_a_note_keeps_its_words_its_author_and_its_day(team: Team, lobby: Lobby) -> None:
    note = team.note(f"  {NOTE}\r\nAgain on Monday. ", "2026-07-06")
    assert note.text.text == f"{NOTE}\nAgain on Monday."
    assert (note.author.text, note.ring_back_on) == (ANN, date(2026, 7, 6))
    with lobby.database.read() as session:
        raw = session.connection().execute(sa.text("SELECT text, author FROM member_note")).one()
    assert b"Caseworker" not in bytes(raw[0])
    assert b"ann" not in bytes(raw[1])


REFUSED = {
    "nothing": ("", "", [("text", "too_short")]),
    "blanks": (" \n ", " ", [("text", "too_short")]),
    "too long": ("a" * 2001, "", [("text", "too_long")]),
    "a control character": ("a\x07", "", [("text", "control_character")]),
    "yesterday": ("", "2026-06-30", [("ring_back_on", "in_the_past")]),
    "in two years": ("", "2028-07-01", [("ring_back_on", "too_late")]),
    "no day": ("a", "Monday", [("ring_back_on", "day_malformed")]),
    "both": (
        "a" * 2001,
        "2026-06-30",
        [("text", "too_long"), ("ring_back_on", "in_the_past")],
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_note_that_is_refused_names_its_fields(case: str, team: Team) -> None:
    text, day, expected = REFUSED[case]
    with pytest.raises(Invalid) as refused:
        team.note(text, day)
    assert [(field.field, field.code) for field in refused.value.fields] == expected


def test_the_history_has_answers_and_notes_in_order(team: Team, clock: Clock) -> None:
    team.answer(NO_ANSWER)
    clock.advance(hours=1)
    team.note("", str(TODAY))
    clock.advance(hours=1)
    team.answer(WILL_SIGN, by=BEN)
    team.answer(WILL_NOT, member_id=TOMASZ)
    found = [
        (entry.kind, entry.author, entry.text, entry.ring_back_on, entry.is_to_ring)
        for entry in team.entries()
    ]
    assert found == [
        (WILL_SIGN, BEN, "", None, False),
        (None, ANN, "", TODAY, True),
        (NO_ANSWER, ANN, "", None, False),
    ]
    assert [entry.kind for entry in team.entries(TOMASZ)] == [WILL_NOT]


def test_an_office_is_to_ring_from_its_day_until_somebody_has(team: Team) -> None:
    day = TODAY + timedelta(days=2)
    note = team.note("", str(day))
    team.note("", str(day + timedelta(days=1)))
    assert team.due(TODAY) == {}
    assert team.due(day) == {MORAG: day}
    for _ in range(2):  # repeating it changes nothing
        rung = team.write(
            lambda session, campaign: member_notes.note_rung_back(
                session, campaign, note.id, now=START
            )
        )
        assert rung.rung_back_at == START
    assert team.due(day) == {}
    assert team.due(day + timedelta(days=1)) == {MORAG: day + timedelta(days=1)}


def test_a_note_without_a_day_has_nobody_to_ring_back(team: Team) -> None:
    note = team.note()
    with pytest.raises(NotFound):
        team.write(
            lambda session, campaign: member_notes.note_rung_back(
                session, campaign, note.id, now=START
            )
        )


def test_a_member_who_has_left_parliament_is_not_to_ring(team: Team, lobby: Lobby) -> None:
    team.note("", str(TODAY))
    assert team.due(TODAY) == {MORAG: TODAY}
    with lobby.database.write() as session:
        is_morag = Membership.member_id == MORAG
        session.exec(select(Membership).where(is_morag)).one().ends_on = TODAY
    assert team.due(TODAY) == {}


# ---- how long it is kept


def test_what_a_team_keeps_goes_a_year_after_the_campaign_ended(
    team: Team, lobby: Lobby, clock: Clock
) -> None:
    team.answer(WILL_SIGN)
    team.note()
    clock.advance(days=400)
    left = []
    for status, days in (
        (CampaignStatus.OPEN, 0),
        (CampaignStatus.CLOSED, 364),
        (CampaignStatus.OPEN, 2),
        (CampaignStatus.LOST, 364),
        (None, 1),
    ):
        if status:
            with lobby.database.write() as session:
                campaign = campaigns.by_slug(session, CAMPAIGN)
                campaigns.update(session, campaign, values={"status": status}, now=clock())
        clock.advance(days=days)
        worker.forget_team_records(lobby, threading.Event())
        left.append(count(lobby))
    assert left == [(1, 1)] * 4 + [(0, 0)]


def test_notes_outlive_the_account_of_their_author(team: Team, lobby: Lobby) -> None:
    team.answer(WILL_SIGN)
    team.note()
    with lobby.database.write() as session:
        organisers.delete(session, session.get_one(Organiser, team.people[ANN].id))
    with lobby.database.read() as session:
        note = session.exec(select(MemberNote)).one()
    assert (note.author.text, note.organiser_id) == (ANN, None)
    assert team.history() == [(ANN, WILL_SIGN)]


# ---- a member who asks what is kept


def test_a_member_gets_all_that_the_organisation_keeps(team: Team, lobby: Lobby) -> None:
    team.answer(WILL_SIGN, by=BEN)
    team.note(ring_back_on=str(TODAY))
    team.note("About somebody else.", member_id=TOMASZ)
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        ours = organisations.get(session, campaign.organisation_id)
        theirs = organisations.create(session, name="Others", slug="others", now=START)
        text = member_records.text_about(session, ours, MORAG, now=START)
        others = member_records.text_about(session, theirs, MORAG, now=START)
        with pytest.raises(NotFound):
            member_records.text_about(session, ours, 1, now=START)
    for part in (NOTE, ANN, BEN, "will_sign", "To ring back on 1 July 2026", CAMPAIGN):
        assert part in text
    assert times.moment(START) in text
    assert "somebody else" not in text
    for part in (NOTE, ANN, BEN, CAMPAIGN):
        assert part not in others
