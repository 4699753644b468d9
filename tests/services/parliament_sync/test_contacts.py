"""Tests which telephone numbers and addresses of members' offices a sync keeps."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import select

from models import Constituency, MemberContact
from services.assembly import Lobby
from services.parliament import constituencies, contacts
from services.parliament.official import http
from services.parliament.official.members_api import fetch_members
from services.parliament_sync import member_sync
from services.parliament_sync.member_sync import MembersSync
from tests.support.common import START
from tests.support.outside.members_api import WEBSITE, MembersApi, Person, office, serving

TODAY = START.date()
SEATS = {f"E140000{number:02}": f"Seat {number}" for number in range(1, 21)}
WESTMINSTER, LOCAL = "020 7946 0101", "01632 960140"
EMAIL, OTHER = "ann@parliament.example", "team@constituency.example"
Kept = list[tuple[int, str, str | None, str | None, date]]
Sync = Callable[..., MembersSync]


@pytest.fixture
def sync(empty_lobby: Lobby) -> Iterator[Sync]:
    """Returns a function that syncs 20 members, of whom the first has these offices."""
    with empty_lobby.database.write() as session:
        seats = [
            Constituency(code=code, name=name, nation="England", region="A region")
            for code, name in SEATS.items()
        ]
        constituencies.save(session, seats)
    with serving(MembersApi) as api, http.make_client(api.url) as client:

        def sync(*offices: Any, today: date = TODAY, first: Person | None = None) -> MembersSync:
            api.people = [
                Person(number, name, offices=()) for number, name in enumerate(SEATS.values(), 1)
            ]
            api.people[0] = first or api.people[0].but(offices=offices)
            answers = fetch_members(client, biographies=False)
            with empty_lobby.database.write() as session:
                return member_sync.apply_answers(session, answers, today=today)

        yield sync


def kept(lobby: Lobby) -> Kept:
    with lobby.database.read() as session:
        rows = session.exec(select(MemberContact)).all()
    return sorted((r.member_id, str(r.place), r.telephone, r.email, r.read_on) for r in rows)


def test_both_offices_are_kept_with_the_day(empty_lobby: Lobby, sync: Sync) -> None:
    result = sync(
        office(1, phone=WESTMINSTER, email=EMAIL), office(4, phone=LOCAL, email=OTHER), WEBSITE
    )
    assert result.with_telephone == 1
    assert kept(empty_lobby) == [
        (1, "constituency", LOCAL, OTHER, TODAY),
        (1, "westminster", WESTMINSTER, EMAIL, TODAY),
    ]
    with empty_lobby.database.read() as session:
        found = contacts.of_members(session, [1, 2])
    assert [str(row.place) for row in found[1]] == ["westminster", "constituency"]
    assert found[2] == []


@pytest.mark.parametrize("kind", [0, 2, 3, 5, 6, 7, 8, 9, 10, 1009])
def test_what_may_be_private_is_never_kept(kind: int, empty_lobby: Lobby, sync: Sync) -> None:
    sync(office(kind, phone="01632 960999", email="home@example.org"))
    assert kept(empty_lobby) == []


def test_what_the_directory_no_longer_gives_goes(empty_lobby: Lobby, sync: Sync) -> None:
    sync(office(1, phone=WESTMINSTER, email=EMAIL), office(4, phone=LOCAL))
    tomorrow = TODAY + timedelta(days=1)
    sync(office(1, phone=WESTMINSTER), today=tomorrow)
    assert kept(empty_lobby) == [(1, "westminster", WESTMINSTER, None, tomorrow)]
    sync(today=tomorrow)
    assert kept(empty_lobby) == []


def test_the_contacts_of_a_member_who_has_left_go(empty_lobby: Lobby, sync: Sync) -> None:
    sync(office(1, phone=WESTMINSTER))
    sync(first=Person(99, "Seat 1", offices=(office(1, phone=LOCAL),)))
    assert kept(empty_lobby) == [(99, "westminster", LOCAL, None, TODAY)]


def test_a_member_whose_seat_has_an_unknown_name_keeps_them(empty_lobby: Lobby, sync: Sync) -> None:
    sync(office(1, phone=WESTMINSTER))
    sync(first=Person(1, "Old Sarum", offices=()))
    assert kept(empty_lobby) == [(1, "westminster", WESTMINSTER, None, TODAY)]


AS_PRINTED = {
    "spaces are tidied": (" 020\u00a07946  0101 ", WESTMINSTER),
    "a line break is a space": ("020 7946\n0101", WESTMINSTER),
    "an extension": ("020 7946 0101 x 12 (Jo)", "020 7946 0101 x 12 (Jo)"),
    "two numbers": ("01632 960140 / 01632 960141", "01632 960140 / 01632 960141"),
    "from abroad": ("+44 (0)20 7946 0101", "+44 (0)20 7946 0101"),
    "the longest": ("0" * 40, "0" * 40),
    "too long": ("0" * 41, None),
    "a control character": ("020 7946\x07 0101", None),
    "text that turns round": ("020 7946\u202e 0101", None),
    "no number": ("Please email", None),
    "empty": ("", None),
    "null": (None, None),
}


@pytest.mark.parametrize("case", list(AS_PRINTED))
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_number_is_kept_as_printed_if_it_is_one(
    case: str, empty_lobby: Lobby, sync: Sync
) -> None:
    printed, expected = AS_PRINTED[case]
    sync(office(1, phone=printed, email=EMAIL))
    assert kept(empty_lobby) == [(1, "westminster", expected, EMAIL, TODAY)]


def test_of_several_offices_the_preferred_one_counts(empty_lobby: Lobby, sync: Sync) -> None:
    first = office(4, phone="01632 960001", email="first@constituency.example")
    sync(first, office(4, phone=LOCAL, isPreferred=True))
    assert kept(empty_lobby) == [(1, "constituency", LOCAL, "first@constituency.example", TODAY)]
