"""Tests the sync of members with Parliament's Members API, on a real HTTP server on loopback.

The responses are hand-made in the form of real ones: 21 seats on two pages.
"""

import csv
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel, select

from models import Constituency, Member, Membership, Office, OfficeKind
from services.assembly import Lobby
from services.errors import Conflict, Unavailable
from services.parliament import constituencies, members, seats
from services.parliament.members import MemberRow, OfficeRow
from services.parliament.official import http
from services.parliament.official.members_api import fetch_members
from services.parliament.seats import Seat
from services.parliament.standing import Eligibility, Standing
from services.parliament_sync import member_sync
from services.parliament_sync.member_sync import MembersSync
from tests.support.common import REAL_DATA, SECRET, START, Clock, needs_real_data
from tests.support.outside.members_api import (
    MembersApi,
    Person,
    Reply,
    dated_entry,
    json_reply,
    office,
    serving,
)
from tools import forked_commands
from tools.forked_commands import Done

COMMAND = Path(sys.executable).with_name("lobby")
TABLES: tuple[type[SQLModel], ...] = (Constituency, Member, Membership, Office)
TODAY = START.date()
AUGUST = date(2026, 8, 1)
ELECTED = date(2024, 7, 4)
NAMES = {
    "E14000001": "Ashton & Brook",
    "S14000002": "Inverness, Skye and West Ross-shire",
    "W07000003": "Ynys Môn",
    "W07000004": "Cardiff South and Penarth",
    "E14000005": "Chorley",
    **{f"E140000{number:02}": f"Seat {number}" for number in range(6, 22)},
}
WELSH = {"W07000004": "De Caerdydd a Phenarth"}
ANNA, LAST = "E14000001", "E14000021"
ALL_MEMBERS = [
    Person(number, name, name=f"Member {number}") for number, name in enumerate(NAMES.values(), 1)
]


# ---- fixtures and helpers


@pytest.fixture
def api() -> Iterator[MembersApi]:
    with serving() as server:
        yield server


@pytest.fixture
def with_seats(empty_lobby: Lobby) -> Lobby:
    """A lobby with 21 vacant seats."""
    rows = [
        Constituency(
            code=code, name=name, name_welsh=WELSH.get(code), nation="England", region="A region"
        )
        for code, name in NAMES.items()
    ]
    with empty_lobby.database.write() as session:
        constituencies.save(session, rows)
    return empty_lobby


Sync = Callable[..., MembersSync]


@pytest.fixture
def sync(with_seats: Lobby, api: MembersApi) -> Iterator[Sync]:
    """Returns a function that syncs on a date; `changed` replace the members with their ids."""
    with http.make_client(api.url) as client:

        def sync(
            *changed: Person, today: date = TODAY, without: tuple[int, ...] = (), **options: Any
        ) -> MembersSync:
            everybody = {person.id: person for person in [*ALL_MEMBERS, *changed]}
            api.people = [person for person in everybody.values() if person.id not in without]
            answers = fetch_members(client, **options)
            with with_seats.database.write() as session:
                return member_sync.apply_answers(session, answers, today=today)

        yield sync


def change_counts(sync: MembersSync) -> tuple[int, int, int, int]:
    """Returns the memberships begun and ended, and the offices begun and ended."""
    return (sync.begun, sync.ended, sync.offices_begun, sync.offices_ended)


def everything(lobby: Lobby) -> dict[str, list[dict[str, Any]]]:
    with lobby.database.read() as session:
        return {
            table.__name__: sorted(
                (row.model_dump(mode="json") for row in session.exec(select(table))), key=str
            )
            for table in TABLES
        }


def seat(lobby: Lobby, code: str, today: date = TODAY) -> Seat:
    with lobby.database.read() as session:
        current_seat = seats.seat_of(session, code, today=today)
    assert current_seat is not None
    return current_seat


def holder(lobby: Lobby, code: str, today: date = TODAY) -> int | None:
    member = seat(lobby, code, today).member
    return member.id if member else None


def spans(lobby: Lobby, code: str) -> list[tuple[int, date, date | None]]:
    """Returns the holders of a seat with their first and last days."""
    with lobby.database.read() as session:
        statement = select(Membership).where(Membership.constituency_code == code)
        rows = [(row.member_id, row.starts_on, row.ends_on) for row in session.exec(statement)]
    return sorted(rows, key=lambda row: (row[1], row[2] or date.max))


def offices_held(
    lobby: Lobby, member_id: int = 1
) -> list[tuple[str, OfficeKind, date, date | None]]:
    with lobby.database.read() as session:
        rows = session.exec(select(Office).where(Office.member_id == member_id))
        offices = [(row.title, row.kind, row.starts_on, row.ends_on) for row in rows]
    return sorted(offices, key=lambda row: (row[2], row[3] or date.max))


def kinds(lobby: Lobby, code: str = ANNA, today: date = TODAY) -> set[OfficeKind]:
    return set(seat(lobby, code, today).offices)


def import_rows(lobby: Lobby, *rows: MemberRow, today: date) -> None:
    """Imports the rows as an earlier import of a file would have."""
    with lobby.database.write() as session:
        members.apply_rows(session, list(rows), today=today)


# ---- seats


def test_members_take_their_seats(with_seats: Lobby, sync: Sync) -> None:
    first = sync()
    assert first == MembersSync(21, 21, 0, 0, 0, 0, (), ())
    assert [holder(with_seats, code) for code in NAMES] == list(range(1, 22))
    assert spans(with_seats, ANNA) == [(1, ELECTED, None)]
    member = seat(with_seats, ANNA).member
    assert member is not None
    assert member._asdict() == {
        "id": 1,
        "name": "Member 1",
        "party": "Labour",
        "email": "member1@parliament.example",
        "salutation": "",
    }


def test_members_are_addressed_with_their_titles(with_seats: Lobby, sync: Sync) -> None:
    titled = {"full_title": "The Rt Hon Ms Anna Ní Ask MP", "family_name": "Ní Ask"}
    sync(ALL_MEMBERS[0].but(**titled), *ALL_MEMBERS[1:])
    member = seat(with_seats, ANNA).member
    assert member is not None
    assert member.salutation == "Ms Ní Ask"


def test_the_same_answers_again_change_nothing(with_seats: Lobby, sync: Sync) -> None:
    people = (
        ALL_MEMBERS[0].but(
            government=(MINISTER, dated_entry("Old post", "2024-07-08", "2025-09-05"))
        ),
        ALL_MEMBERS[4].but(party="Speaker"),
        ALL_MEMBERS[5].but(until="2026-06-20"),
        Person(99, "Nowhere at All"),
    )
    assert change_counts(sync(*people)) == (20, 0, 2, 0)
    before = everything(with_seats)
    for _ in range(2):
        assert change_counts(sync(*people, today=AUGUST)) == (0, 0, 0, 0)
        assert everything(with_seats) == before


def test_a_change_of_name_party_and_address_is_taken_in(with_seats: Lobby, sync: Sync) -> None:
    sync()
    changed = ALL_MEMBERS[0].but(
        name="Dame Anna", party="Independent", offices=(office(1, email="dame@house.example"),)
    )
    assert change_counts(sync(changed)) == (0, 0, 0, 0)
    member = seat(with_seats, ANNA).member
    assert member is not None
    assert (member.name, member.party, member.email) == (
        "Dame Anna",
        "Independent",
        "dame@house.example",
    )


def test_a_member_without_an_office_has_no_address(with_seats: Lobby, sync: Sync) -> None:
    sync()
    assert sync(ALL_MEMBERS[0].but(offices=()), ALL_MEMBERS[1].but(offices=())).without_email == 2
    member = seat(with_seats, ANNA).member
    assert member is not None
    assert member.email is None


def test_a_by_election_changes_hands_on_its_day(with_seats: Lobby, sync: Sync) -> None:
    sync()
    winner = Person(50, NAMES[ANNA], since="2026-06-18")
    assert change_counts(sync(winner, without=(1,))) == (1, 1, 0, 0)
    day = date(2026, 6, 18)
    assert spans(with_seats, ANNA) == [(1, ELECTED, day), (50, day, None)]


def test_a_seat_whose_member_resigned_is_vacant(with_seats: Lobby, sync: Sync) -> None:
    sync()
    change = sync(without=(1,), today=AUGUST)
    assert (change_counts(change), change.vacated) == ((0, 1, 0, 0), ("Ashton & Brook",))
    assert spans(with_seats, ANNA) == [(1, ELECTED, AUGUST)]
    assert (holder(with_seats, ANNA, TODAY), holder(with_seats, ANNA, AUGUST)) == (
        1,
        None,
    )
    again = sync(without=(1,), today=date(2026, 9, 1))
    assert (change_counts(again), again.vacated) == ((0, 0, 0, 0), ())


def test_a_by_election_fills_the_vacant_seat(with_seats: Lobby, sync: Sync) -> None:
    sync()
    sync(without=(1,))
    sync(Person(50, NAMES[ANNA], since="2026-07-30"), without=(1,), today=AUGUST)
    assert spans(with_seats, ANNA) == [(1, ELECTED, TODAY), (50, date(2026, 7, 30), None)]


def test_a_membership_ends_on_the_day_that_is_told(with_seats: Lobby, sync: Sync) -> None:
    sync()
    change = sync(ALL_MEMBERS[0].but(until="2026-06-20"))
    assert (change.ended, change.filled, change.vacated) == (1, 20, ("Ashton & Brook",))
    assert spans(with_seats, ANNA) == [(1, ELECTED, date(2026, 6, 20))]


def test_who_was_told_to_have_left_ends_before_the_by_election(
    with_seats: Lobby, sync: Sync
) -> None:
    sync()
    sync(ALL_MEMBERS[0].but(until="2026-05-01"), Person(50, NAMES[ANNA], since="2026-06-18"))
    assert spans(with_seats, ANNA) == [
        (1, ELECTED, date(2026, 5, 1)),
        (50, date(2026, 6, 18), None),
    ]


def test_a_member_who_will_leave_is_still_there(with_seats: Lobby, sync: Sync) -> None:
    sync()
    leaving = ALL_MEMBERS[0].but(until="2026-07-20")
    assert change_counts(sync(leaving)) == (0, 0, 0, 0)
    assert change_counts(sync(leaving, today=AUGUST)) == (0, 1, 0, 0)
    assert spans(with_seats, ANNA) == [(1, ELECTED, date(2026, 7, 20))]


def test_who_was_missing_by_mistake_was_not_elected_twice(with_seats: Lobby, sync: Sync) -> None:
    sync()
    before = everything(with_seats)
    sync(without=(1,), today=date(2026, 7, 2))
    assert change_counts(sync(today=AUGUST)) == (1, 0, 0, 0)
    assert everything(with_seats) == before


def test_who_comes_back_in_a_by_election_holds_the_seat_anew(with_seats: Lobby, sync: Sync) -> None:
    sync()
    sync(without=(1,))
    sync(ALL_MEMBERS[0].but(since="2026-07-30"), today=AUGUST)
    assert spans(with_seats, ANNA) == [(1, ELECTED, TODAY), (1, date(2026, 7, 30), None)]


def test_two_members_can_change_seats(with_seats: Lobby, sync: Sync) -> None:
    sync()
    swapped = [
        ALL_MEMBERS[0].but(seat=ALL_MEMBERS[20].seat, since="2026-06-18"),
        ALL_MEMBERS[20].but(seat=ALL_MEMBERS[0].seat, since="2026-06-18"),
    ]
    assert change_counts(sync(*swapped)) == (2, 2, 0, 0)
    assert (holder(with_seats, ANNA), holder(with_seats, LAST)) == (21, 1)


def test_the_seat_itself_says_since_when(with_seats: Lobby, sync: Sync) -> None:
    sat = (
        dated_entry(NAMES[ANNA], "2024-07-04"),
        dated_entry("Ashton", "2015-05-07", "2024-05-30"),
        dated_entry("Life peer", "2026-01-01", house=2),
    )
    ended = ALL_MEMBERS[1].but(sat=(dated_entry(ALL_MEMBERS[1].seat, "2015-05-07", "2024-05-30"),))
    sync(
        ALL_MEMBERS[0].but(since="2015-05-07", sat=sat),
        ended,
        ALL_MEMBERS[20].but(since="2015-05-07"),
    )
    assert spans(with_seats, ANNA) == [(1, ELECTED, None)]
    assert spans(with_seats, "S14000002") == [(2, ELECTED, None)]
    assert spans(with_seats, LAST) == [(21, date(2015, 5, 7), None)], "where no seat is told"


def test_what_a_file_told_of_memberships_stays(with_seats: Lobby, sync: Sync) -> None:
    rows = [
        MemberRow(code, Member(id=number, name="From a file", party="Labour"), ELECTED)
        for number, code in enumerate(NAMES, 1)
    ]
    import_rows(with_seats, *rows, today=date(2026, 6, 1))
    before = everything(with_seats)
    assert change_counts(sync()) == (0, 0, 0, 0)
    assert everything(with_seats)["Membership"] == before["Membership"]


# ---- names of seats


@pytest.mark.parametrize(
    ("number", "spelling"),
    [
        (1, "Ashton and Brook"),
        (1, "ASHTON AND BROOK"),
        (1, "  Ashton  &  Brook "),
        (1, "Ashton&Brook"),
        (2, "Inverness, Skye & West Ross-shire"),
        (2, "Inverness Skye and West Ross Shire"),
        (3, "Ynys Mon"),
        (3, "Ynys Mo\u0302n"),
        (4, "De Caerdydd a Phenarth"),
        (4, "Cardiff South & Penarth"),
    ],
)
def test_a_seat_is_known_however_its_name_is_spelt(
    number: int, spelling: str, with_seats: Lobby, sync: Sync
) -> None:
    change = sync(ALL_MEMBERS[number - 1].but(seat=spelling))
    assert (change.filled, change.unmatched) == (21, ())
    assert holder(with_seats, list(NAMES)[number - 1]) == number


def test_a_seat_that_we_do_not_have_is_told_and_left_alone(with_seats: Lobby, sync: Sync) -> None:
    sync()
    before = everything(with_seats)
    stranger = Person(99, "Old Sarum", name="Will Pitt")
    change = sync(stranger)
    assert change.unmatched == ("Will Pitt (99): Old Sarum",)
    assert everything(with_seats) == before


def test_a_member_whose_seat_is_called_otherwise_keeps_it(with_seats: Lobby, sync: Sync) -> None:
    sync()
    before = everything(with_seats)
    change = sync(ALL_MEMBERS[0].but(seat="Ashton-under-Brook", party="Independent"))
    assert (change.filled, change.vacated, change.ended) == (20, (), 0)
    assert change.unmatched == ("Member 1 (1): Ashton-under-Brook",)
    assert everything(with_seats) == before


def test_of_one_name_the_newest_boundaries_count(with_seats: Lobby, sync: Sync) -> None:
    old = Constituency(
        code="W07000099", name="Ashton & Brook", nation="England", region="A", boundary_set="2010"
    )
    with with_seats.database.write() as session:
        constituencies.save(session, [old])
    sync()
    assert (holder(with_seats, ANNA), holder(with_seats, "W07000099")) == (1, None)


# ---- offices


MINISTER = dated_entry("Minister of State (Home Office)", "2025-09-06")
WHIP = dated_entry("Assistant Whip (HM Treasury)", "2025-09-08")
PPS = dated_entry("Parliamentary Private Secretary (Home Office)", "2025-10-01")


def test_posts_begin_on_their_own_day(with_seats: Lobby, sync: Sync) -> None:
    assert change_counts(sync(ALL_MEMBERS[0].but(government=(MINISTER,)))) == (21, 0, 1, 0)
    assert offices_held(with_seats) == [
        ("Minister of State (Home Office)", OfficeKind.MINISTER, date(2025, 9, 6), None)
    ]
    annas_seat = seat(with_seats, ANNA)
    eligibility = seats.seat_eligibility(annas_seat, Standing.NOT_SIGNED)
    assert eligibility is Eligibility.CONVENTION


def test_a_minister_who_resigns_is_free_from_that_day_on(with_seats: Lobby, sync: Sync) -> None:
    sync(ALL_MEMBERS[0].but(government=(MINISTER,)))
    resigned = MINISTER | {"endDate": "2026-06-28T00:00:00"}
    assert change_counts(sync(ALL_MEMBERS[0].but(government=(resigned,)))) == (0, 0, 0, 1)
    day = date(2026, 6, 28)
    assert offices_held(with_seats) == [
        (MINISTER["name"], OfficeKind.MINISTER, date(2025, 9, 6), day)
    ]
    assert kinds(with_seats, today=date(2026, 6, 27)) == {OfficeKind.MINISTER}
    assert kinds(with_seats, today=day) == set()


def test_a_post_that_is_not_told_any_more_ends_on_the_day_seen(
    with_seats: Lobby, sync: Sync
) -> None:
    sync(ALL_MEMBERS[0].but(government=(MINISTER,)))
    assert change_counts(sync(today=AUGUST)) == (0, 0, 0, 1)
    assert offices_held(with_seats) == [
        (MINISTER["name"], OfficeKind.MINISTER, date(2025, 9, 6), AUGUST)
    ]
    assert change_counts(sync(today=AUGUST)) == (0, 0, 0, 0)


def test_a_post_that_will_end_is_held_until_then(with_seats: Lobby, sync: Sync) -> None:
    leaving = ALL_MEMBERS[0].but(government=(MINISTER | {"endDate": "2026-07-20T00:00:00"},))
    assert change_counts(sync(leaving)) == (21, 0, 1, 0)
    assert kinds(with_seats) == {OfficeKind.MINISTER}
    assert change_counts(sync(leaving, today=AUGUST)) == (0, 0, 0, 1)
    assert kinds(with_seats, today=date(2026, 7, 20)) == set()


def test_one_post_follows_another(with_seats: Lobby, sync: Sync) -> None:
    sync(ALL_MEMBERS[0].but(government=(WHIP,)))
    ended = WHIP | {"endDate": "2026-06-28T00:00:00"}
    promoted = dated_entry("Minister of State (Home Office)", "2026-06-28")
    assert change_counts(sync(ALL_MEMBERS[0].but(government=(promoted, ended)))) == (0, 0, 1, 1)
    assert kinds(with_seats, today=date(2026, 6, 27)) == {OfficeKind.WHIP}
    assert kinds(with_seats) == {OfficeKind.MINISTER}


def test_a_post_taken_up_again_leaves_a_gap(with_seats: Lobby, sync: Sync) -> None:
    sync(ALL_MEMBERS[0].but(government=(MINISTER,)))
    ended = MINISTER | {"endDate": "2026-06-10T00:00:00"}
    again = MINISTER | {"startDate": "2026-06-20T00:00:00"}
    assert change_counts(sync(ALL_MEMBERS[0].but(government=(again, ended)))) == (0, 0, 1, 1)
    assert [(starts, ends) for _, _, starts, ends in offices_held(with_seats)] == [
        (date(2025, 9, 6), date(2026, 6, 10)),
        (date(2026, 6, 20), None),
    ]
    assert kinds(with_seats, today=date(2026, 6, 15)) == set()


def test_a_post_taken_up_again_ends_what_was_held_before(with_seats: Lobby, sync: Sync) -> None:
    sync(ALL_MEMBERS[0].but(government=(MINISTER,)))
    sync(ALL_MEMBERS[0].but(government=(MINISTER | {"startDate": "2026-06-20T00:00:00"},)))
    day = date(2026, 6, 20)
    assert [(starts, ends) for _, _, starts, ends in offices_held(with_seats)] == [
        (date(2025, 9, 6), day),
        (day, None),
    ]


def test_a_post_is_held_once_though_it_is_told_twice(with_seats: Lobby, sync: Sync) -> None:
    later = MINISTER | {"startDate": "2026-01-10T00:00:00"}
    for told_posts in ((MINISTER, later), (later, MINISTER)):
        sync(ALL_MEMBERS[0].but(government=told_posts))
        assert [(starts, ends) for _, _, starts, ends in offices_held(with_seats)] == [
            (date(2025, 9, 6), None)
        ]


def test_the_real_day_of_a_post_replaces_the_day_of_a_file(with_seats: Lobby, sync: Sync) -> None:
    anna = Member(id=1, name="Member 1", party="Labour")
    known_office = OfficeRow(OfficeKind.MINISTER, MINISTER["name"])
    other = OfficeRow(OfficeKind.MINISTER, "Minister of State (HO)")
    day = date(2026, 6, 1)
    import_rows(with_seats, MemberRow(ANNA, anna, ELECTED, (known_office, other)), today=day)
    sync(ALL_MEMBERS[0].but(government=(MINISTER,)))
    assert offices_held(with_seats) == [
        (MINISTER["name"], OfficeKind.MINISTER, date(2025, 9, 6), None),
        ("Minister of State (HO)", OfficeKind.MINISTER, day, TODAY),
    ]


def test_a_biography_without_posts_means_none(with_seats: Lobby, sync: Sync) -> None:
    sync()
    assert kinds(with_seats) == set()
    with with_seats.database.read() as session:
        assert session.exec(select(Office)).all() == []


GOVERNMENT = {
    "Prime Minister and First Lord of the Treasury": OfficeKind.MINISTER,
    "Parliamentary Under-Secretary (Department for Transport)": OfficeKind.MINISTER,
    "Assistant Whip (HM Treasury)": OfficeKind.WHIP,
    "Lord Commissioner (HM Treasury)": OfficeKind.WHIP,
    "Treasurer of HM Household (Deputy Chief Whip)": OfficeKind.WHIP,
    "Parliamentary Secretary to the Treasury (Chief Whip)": OfficeKind.WHIP,
    "Vice-Chamberlain (HM Household)": OfficeKind.WHIP,
    "Parliamentary Private Secretary (Home Office)": OfficeKind.PPS,
    "PPS to the Prime Minister": OfficeKind.PPS,
}
OTHER = {
    "Parliamentary Private Secretary (Home Office)": OfficeKind.PPS,
    "Parliamentary Private Secretary to the Leader of the Opposition": None,
    "Speaker of the House of Commons": OfficeKind.SPEAKER,
    "Speaker": OfficeKind.SPEAKER,
    "Deputy Speaker (First Deputy Chairman of Ways and Means)": OfficeKind.DEPUTY_SPEAKER,
    "Chairman of Ways and Means": OfficeKind.DEPUTY_SPEAKER,
    "Second Deputy Chair of Ways and Means": OfficeKind.DEPUTY_SPEAKER,
    "Speaker's Committee on the Electoral Commission": None,
    "Panel of Chairs": None,
    "Home Affairs Committee": None,
    "Leader of the Labour Party": None,
}


@pytest.mark.parametrize("title", list(GOVERNMENT))
def test_every_post_in_government_limits_its_holder(
    title: str, with_seats: Lobby, sync: Sync
) -> None:
    sync(ALL_MEMBERS[0].but(government=(dated_entry(title, "2026-01-01"),)))
    assert kinds(with_seats) == {GOVERNMENT[title]}


@pytest.mark.parametrize("part", ["other", "committees"])
def test_of_other_posts_only_a_few_limit_their_holders(
    part: str, with_seats: Lobby, sync: Sync
) -> None:
    pairs = list(zip(ALL_MEMBERS, OTHER.items(), strict=False))
    changed = [
        person.but(**{part: (dated_entry(title, "2026-01-01"),)}) for person, (title, _) in pairs
    ]
    sync(*changed)
    codes = list(NAMES)
    kinds_by_title = {
        title: kinds(with_seats, codes[person.id - 1]) for person, (title, _) in pairs
    }
    assert kinds_by_title == {title: {kind} if kind else set() for title, kind in OTHER.items()}


def test_posts_in_the_opposition_limit_nobody(with_seats: Lobby, sync: Sync) -> None:
    shadow = dated_entry("Shadow Minister (Home Office)", "2025-11-01")
    whip = dated_entry("Opposition Whip (Commons)", "2025-11-01")
    assert change_counts(sync(ALL_MEMBERS[0].but(opposition=(shadow, whip)))) == (21, 0, 0, 0)
    assert kinds(with_seats) == set()


@pytest.mark.parametrize("biographies", [True, False])
def test_the_party_alone_tells_the_speaker(
    biographies: bool, with_seats: Lobby, sync: Sync
) -> None:
    speaker = ALL_MEMBERS[4].but(party="Speaker")
    for _ in range(2):
        sync(speaker, biographies=biographies)
    assert offices_held(with_seats, 5) == [(members.SPEAKER_TITLE, OfficeKind.SPEAKER, TODAY, None)]
    assert kinds(with_seats, "E14000005") == {OfficeKind.SPEAKER}


def test_the_speakers_post_tells_since_when(with_seats: Lobby, sync: Sync) -> None:
    speaker = ALL_MEMBERS[4].but(party="Speaker")
    sync(speaker)
    chair = dated_entry(members.SPEAKER_TITLE, "2019-11-04")
    assert change_counts(sync(speaker.but(other=(chair,)))) == (0, 0, 0, 0)
    expected = (members.SPEAKER_TITLE, OfficeKind.SPEAKER, date(2019, 11, 4), None)
    assert offices_held(with_seats, 5) == [expected]
    assert change_counts(sync(ALL_MEMBERS[4], today=AUGUST)) == (0, 0, 0, 1)


def test_the_speaker_has_one_post_however_it_is_called(with_seats: Lobby, sync: Sync) -> None:
    chair = dated_entry("Speaker", "2019-11-04")
    sync(ALL_MEMBERS[4].but(party="Speaker", other=(chair,)))
    assert offices_held(with_seats, 5) == [("Speaker", OfficeKind.SPEAKER, date(2019, 11, 4), None)]


def test_without_biographies_posts_go_on(with_seats: Lobby, sync: Sync) -> None:
    sync(ALL_MEMBERS[0].but(government=(MINISTER,), other=(PPS,)))
    before = everything(with_seats)
    assert change_counts(sync(biographies=False, today=AUGUST)) == (0, 0, 0, 0)
    assert everything(with_seats) == before


# ---- refused responses


def refuses(with_seats: Lobby, sync: Callable[[], object], complaint: str) -> None:
    before = everything(with_seats)
    with pytest.raises(Conflict, match=complaint):
        sync()
    assert everything(with_seats) == before


def test_up_to_a_tenth_of_the_seats_can_fall_vacant_at_once(with_seats: Lobby, sync: Sync) -> None:
    sync()
    refuses(with_seats, lambda: sync(without=(1, 2, 3)), "3 of 21 seats without a member")
    assert sync(without=(1, 2)).ended == 2
    assert sync(without=(1, 2, 3)).ended == 1, "what is vacant already does not count"


def test_an_empty_house_is_refused(with_seats: Lobby, sync: Sync) -> None:
    nobody = tuple(range(1, 22))
    refuses(with_seats, lambda: sync(without=nobody), "import constituencies")
    sync()
    refuses(with_seats, lambda: sync(without=nobody), "21 of 21 seats without a member")


def test_a_house_that_has_all_left_is_refused(with_seats: Lobby, sync: Sync) -> None:
    sync()
    left = [person.but(until="2026-06-30") for person in ALL_MEMBERS]
    refuses(with_seats, lambda: sync(*left), "21 of 21 seats without a member")


def test_seats_must_be_imported_first(empty_lobby: Lobby, api: MembersApi) -> None:
    api.people = ALL_MEMBERS
    with http.make_client(api.url) as client:
        answers = fetch_members(client)
    with (
        pytest.raises(Conflict, match="run `lobby import constituencies`"),
        empty_lobby.database.write() as session,
    ):
        member_sync.apply_answers(session, answers, today=TODAY)


@pytest.mark.parametrize("name", [NAMES["W07000004"], "De Caerdydd a Phenarth"])
def test_two_members_for_one_seat_are_refused(name: str, with_seats: Lobby, sync: Sync) -> None:
    sync()
    rival = Person(50, name, since="2026-06-18")
    refuses(with_seats, lambda: sync(rival), "to two members: 4 and 50")


def test_a_search_that_was_cut_changes_nothing(
    with_seats: Lobby, sync: Sync, api: MembersApi
) -> None:
    sync()
    before = everything(with_seats)
    api.instead["Search?skip=20"] = json_reply({"items": [], "totalResults": 21})
    with pytest.raises(Unavailable, match="page 2"):
        sync(ALL_MEMBERS[0].but(party="Independent"), Person(50, "Seat 21"))
    assert everything(with_seats) == before


def test_one_bad_answer_among_all_changes_nothing(
    with_seats: Lobby, sync: Sync, api: MembersApi
) -> None:
    sync()
    before = everything(with_seats)
    api.instead["21/Biography"] = Reply(b"<html>Maintenance</html>")
    with pytest.raises(Unavailable, match="member 21"):
        sync(ALL_MEMBERS[0].but(party="Independent"), without=(2,))
    assert everything(with_seats) == before


# ---- the command


@pytest.fixture
def command(with_seats: Lobby, api: MembersApi) -> "Command":
    return Command(with_seats, api)


class Command:
    """Runs `lobby sync members` beside a running service, with the API on loopback."""

    def __init__(self, lobby: Lobby, api: MembersApi) -> None:
        self.lobby, self.api = lobby, api
        api.people = list(ALL_MEMBERS)

    def __call__(self, *options: str) -> Done:
        settings = self.lobby.settings
        environment = {
            name: value for name, value in os.environ.items() if name in ("PATH", "HOME")
        }
        ours = {
            "LOBBY_DATA_DIR": str(settings.data_dir),
            "LOBBY_DATABASE_URL": settings.database_url,
            "LOBBY_SECRET_KEY": SECRET,
            "LOBBY_MEMBERS_API_URL": self.api.url,
        }
        return forked_commands.run(
            [COMMAND, "sync", "members", *options],
            cwd=settings.data_dir,
            env=environment | ours,
            timeout=60,
        )


@pytest.mark.slow
def test_the_command_takes_in_the_house_and_says_what_changed(
    with_seats: Lobby, command: Command
) -> None:
    command.api.people += [Person(99, "Old Sarum", name="Will Pitt")]
    began = time.monotonic()
    first = command()
    assert time.monotonic() - began < 20, "it does not pause on loopback"
    assert first.returncode == 0, first.stderr
    assert first.stdout == (
        "21 seats filled, 0 fell vacant. Memberships begun: 21, ended: 0. "
        "Posts begun: 0, ended: 0. Members without email: 0. Members with a telephone number: 0.\n"
    )
    assert "Will Pitt (99): Old Sarum" in first.stderr
    assert holder(with_seats, ANNA) == 1

    command.api.people = ALL_MEMBERS[1:]
    command.api.asked.clear()
    second = command("--no-biographies")
    assert "1 fell vacant. Memberships begun: 0, ended: 1." in second.stdout
    assert "Vacant now: Ashton & Brook." in second.stderr
    assert not [path for path in command.api.asked if path.endswith("Biography")]


@pytest.mark.slow
def test_the_command_tells_of_a_bad_answer_and_changes_nothing(
    with_seats: Lobby, command: Command
) -> None:
    before = everything(with_seats)
    command.api.instead["7/Contact"] = Reply(b"", 429, {"Retry-After": "3100"})
    refused = command()
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "429, for member 7" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert everything(with_seats) == before
    command.api.asked.clear()
    assert command().returncode == 1
    assert command.api.asked == [], "what it was asked to wait for is not over"


# ---- real members


@needs_real_data
@pytest.mark.real_data
def test_the_real_house_finds_all_its_seats_by_name(
    empty_lobby: Lobby, api: MembersApi, clock: Clock
) -> None:
    today = date(2026, 8, 20)  # the date of the real file
    folder = REAL_DATA / "parliament"
    with empty_lobby.database.write() as session:
        constituencies.import_csv(session, folder / "constituencies.csv")
        members.import_csv(session, folder / "mps.csv", today=today)
    before = everything(empty_lobby)
    with (folder / "mps.csv").open(encoding="utf-8", newline="") as stream:
        api.people = [
            Person(
                int(row["member_id"]),
                row["constituency"].replace(" and ", " & "),
                name=row["name"],
                party=row["party"],
                since=row["elected"],
                offices=(office(1, email=row["email"]),),
                full_title=row["title_name"],
                family_name=row["family_name"],
            )
            for row in csv.DictReader(stream)
        ]
    with http.make_client(api.url) as client:
        answers = fetch_members(client, biographies=False)
    with empty_lobby.database.write() as session:
        change = member_sync.apply_answers(session, answers, today=today)
    assert change == MembersSync(650, 0, 0, 0, 0, change.without_email, (), ())
    assert everything(empty_lobby) == before
