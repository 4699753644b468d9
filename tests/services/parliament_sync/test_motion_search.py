"""Tests the search for a motion: what people type, Parliament's list, and motions that we have."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from models import Motion, MotionStatus, OfficialApi
from services.assembly import Lobby
from services.errors import Invalid, Unavailable
from services.parliament.official import http
from services.parliament.official.motion_lists import ListSearch, MotionLists
from services.parliament_sync import motion_search
from services.parliament_sync.motion_search import FoundMotions, MotionState
from tests.support.common import Clock
from tests.support.lobbies import MakeLobby
from tests.support.outside import motions_api
from tests.support.outside.motions_api import KNOWN, Parliament, Reply

LISTED: dict[str, Any] = {
    "Id": 66112,
    "UINWithAmendmentSuffix": "311",
    "Title": "Free bus travel for unpaid carers",
    "DateTabled": "2026-06-09T00:00:00",
    "SponsorsCount": 23,
    "PrimarySponsor": {"Name": "Morag Ferncastle", "Party": "Labour"},
}


@pytest.fixture
def parliament() -> Iterator[Parliament]:
    with motions_api.serving() as server:
        yield server


@pytest.fixture
def lobby(make_lobby: MakeLobby, parliament: Parliament) -> Lobby:
    return make_lobby(motions_api=http.make_client(parliament.url))


def listing(*changes: dict[str, Any]) -> bytes:
    return motions_api.envelope([motions_api.motion(**{**LISTED, **each}) for each in changes])


def search(lobby: Lobby, typed: str, *, every_session: bool = False) -> FoundMotions:
    return motion_search.find(
        lobby.database,
        lobby.motion_lists,
        motion_search.read_query(typed),
        this_session_only=not every_session,
        now=lobby.clock(),
    )


# ---- what people type


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("carers bus pass", ListSearch(words="carers bus pass")),
        ("  carers   bus pass ", ListSearch(words="carers bus pass")),
        ("311", ListSearch(number="311")),
        ("EDM 311", ListSearch(number="311")),
        ("edm311", ListSearch(number="311")),
        ("Early Day Motion 311", ListSearch(number="311")),
        ("EDM no. 311", ListSearch(number="311")),
        ("#0311", ListSearch(number="311")),
        ("EDM 311a1", ListSearch(number="311A1")),
        ("2030 target for carers", ListSearch(words="2030 target for carers")),
        ("edm.parliament.uk/early-day-motion/66112", ListSearch(motion_id=66112)),
        ("https://edm.parliament.uk/early-day-motion/66112", ListSearch(motion_id=66112)),
        (
            "HTTPS://EDM.PARLIAMENT.UK/early-day-motion/66112/free-bus-travel?x=1#y",
            ListSearch(motion_id=66112),
        ),
    ],
)
def test_words_a_number_and_an_address_are_told_apart(typed: str, query: ListSearch) -> None:
    read = motion_search.read_query(typed)
    assert (read.words, read.number, read.motion_id) == (
        query.words,
        query.number,
        query.motion_id,
    )


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "\u200b",
        "x" * 301,
        "x" * 101,
        "a\x00b",
        "a\nb",
        "https://example.org/early-day-motion/66112",
        "https://edm.parliament.uk.example.org/early-day-motion/66112",
        "https://edm.parliament.uk/early-day-motion/999999999999",
        "https://edm.parliament.uk/early-day-motion/0",
        "https://edm.parliament.uk/early-day-motion/66112x",
        "https://edm.parliament.uk/",
        "www.parliament.uk",
        "javascript://edm.parliament.uk/early-day-motion/66112",
    ],
)
def test_what_is_no_search_is_refused_at_its_field(typed: str) -> None:
    with pytest.raises(Invalid) as error:
        motion_search.read_query(typed)
    assert {item.field for item in error.value.fields} == {"q"}


@given(st.text(max_size=400))
def test_no_text_breaks_the_reading_of_a_query(typed: str) -> None:
    try:
        query = motion_search.read_query(typed)
    except Invalid:
        return
    assert sum([bool(query.words), bool(query.number), query.motion_id is not None]) == 1


# ---- asking Parliament


def test_a_search_asks_for_words_a_number_or_one_motion(
    lobby: Lobby, parliament: Parliament
) -> None:
    parliament.answers(
        listing({}), listing({}), motions_api.answer(motions_api.sponsor(1, 1), Id=66112)
    )
    for typed in ("carers bus", "EDM 311", "edm.parliament.uk/early-day-motion/66112"):
        found = search(lobby, typed)
        assert [motion.id for motion in found.motions] == [66112]
        assert (found.asked_at, found.problem) == (lobby.clock(), None)
    words, number, single = parliament.asked
    assert "parameters.searchTerm=carers+bus" in words or "searchTerm=carers%20bus" in words
    assert "parameters.tabledStartDate=2026-05-13" in words, "this session only"
    assert "parameters.uINWithAmendmentSuffix=311" in number
    assert "searchTerm" not in number
    assert single == "/EarlyDayMotion/66112"


def test_a_found_motion_says_all_that_an_organiser_needs(
    lobby: Lobby, parliament: Parliament
) -> None:
    parliament.answers(
        listing(
            {},
            {"Id": 2, "Status": 1, "StatusDate": "2026-06-20T00:00:00"},
            {"Id": 3, "AmendmentToMotionId": 66112},
            {"Id": 4, "DateTabled": "2023-11-20T00:00:00", "PrimarySponsor": None},
        )
    )
    found = {motion.id: motion for motion in search(lobby, "carers", every_session=True).motions}
    first, second, third, fourth = found[66112], found[2], found[3], found[4]
    assert (first.number, first.title, first.tabled_by, first.names, first.tabled_on) == (
        "311",
        LISTED["Title"],
        "Morag Ferncastle",
        23,
        date(2026, 6, 9),
    )
    assert first.address == "https://edm.parliament.uk/early-day-motion/66112"
    assert (first.state, second.state, third.state, fourth.state) == (
        MotionState.OPEN,
        MotionState.WITHDRAWN,
        MotionState.AMENDMENT,
        MotionState.LAPSED,
    )
    assert (second.ended_on, fourth.tabled_by) == (date(2026, 6, 20), None)


def test_earlier_sessions_are_searched_only_on_request(
    lobby: Lobby, parliament: Parliament
) -> None:
    parliament.answers(listing({}))
    search(lobby, "carers")
    search(lobby, "carers", every_session=True)
    assert ["tabledStartDate" in path for path in parliament.asked] == [True, False]


def test_an_answer_to_a_number_that_parliament_ignored_is_not_believed(
    lobby: Lobby, parliament: Parliament
) -> None:
    parliament.answers(listing({"UINWithAmendmentSuffix": "12"}))
    assert search(lobby, "EDM 311").motions == ()


def test_an_answer_is_kept_for_ten_minutes(
    lobby: Lobby, parliament: Parliament, clock: Clock
) -> None:
    parliament.answers(listing({}))
    began = clock.now
    for _ in range(3):
        search(lobby, "carers")
    clock.advance(minutes=9, seconds=59)
    assert search(lobby, "carers").asked_at == began
    assert len(parliament.asked) == 1
    clock.advance(seconds=1)
    assert search(lobby, "carers").asked_at == clock.now
    assert len(parliament.asked) == 2


def test_a_failure_is_not_kept(lobby: Lobby, parliament: Parliament) -> None:
    parliament.answers(Reply(status=500), listing({}))
    assert search(lobby, "carers").problem
    assert search(lobby, "carers").problem is None


def test_requests_wait_for_each_other_for_a_second(lobby: Lobby) -> None:
    """A stub on loopback needs no pause, so this client has a public address and no network."""
    waits: list[float] = []

    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("no network", request=request)

    client = httpx2.Client(
        base_url="https://parliament.example.org", transport=httpx2.MockTransport(refuse)
    )
    lists = MotionLists(client, lobby.database, clock=lobby.clock, sleep=waits.append)
    for words in ("a", "b", "c"):
        with pytest.raises(Unavailable):
            lists.find(ListSearch(words=words))
    assert len(waits) == 2
    assert all(0.5 < wait <= 1 for wait in waits)


# ---- Parliament is down, and motions that we have


@pytest.mark.parametrize(
    "reply", [Reply(status=500), Reply(breaks=True), Reply(b"<html>"), Reply(motions_api.FAILURE)]
)
def test_without_parliament_the_motions_that_we_have_are_found(
    lobby: Lobby, parliament: Parliament, reply: Reply
) -> None:
    parliament.answers(reply)
    for typed in (
        "nhs",
        "Professionals sale",
        "EDM 152",
        f"edm.parliament.uk/early-day-motion/{KNOWN}",
    ):
        found = search(lobby, typed)
        assert [motion.id for motion in found.motions] == [KNOWN], typed
        assert found.problem
        assert found.asked_at is None
    (motion,) = found.motions
    assert (motion.names, motion.state) == (4, MotionState.OPEN)
    assert motion.tabled_by == "Adaeze Hartwhistle"
    assert len(parliament.asked) == 4, "one attempt each: nobody waits a minute for a page"


def test_while_parliament_asks_us_to_wait_nothing_is_asked(
    lobby: Lobby, parliament: Parliament, clock: Clock
) -> None:
    parliament.answers(Reply(status=429, headers={"Retry-After": "3000"}))
    first, second = search(lobby, "nhs"), search(lobby, "sale")
    assert [found.problem.code for found in (first, second) if found.problem] == [
        "motions_api_limited"
    ] * 2
    assert len(parliament.asked) == 1
    with lobby.database.read() as session:
        wait = session.get_one(OfficialApi, "motions").wait_until
    assert wait == clock.now + timedelta(seconds=3000)


def test_our_own_count_of_names_replaces_parliaments(lobby: Lobby, parliament: Parliament) -> None:
    parliament.answers(listing({"Id": KNOWN, "SponsorsCount": 999}))
    (motion,) = search(lobby, "carers").motions
    assert motion.names == 4


@pytest.mark.parametrize("typed", ["100%", "_", "%", "a' OR 1=1 --", "\\", "%_%"])
def test_marks_of_the_database_are_plain_letters(
    lobby: Lobby, parliament: Parliament, typed: str
) -> None:
    parliament.answers(Reply(status=500))
    assert search(lobby, typed).motions == ()


def test_an_unknown_address_is_no_failure(lobby: Lobby, parliament: Parliament) -> None:
    parliament.answers(Reply(status=404))
    found = search(lobby, "edm.parliament.uk/early-day-motion/12")
    assert (found.motions, found.problem) == ((), None)


# ---- which motions can be chosen


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"status": MotionStatus.WITHDRAWN}, "motion_withdrawn"),
        ({"status": MotionStatus.LAPSED}, "motion_lapsed"),
        ({"tabled_on": date(2023, 11, 20)}, "motion_lapsed"),
        ({"amends_id": 5}, "motion_amendment"),
    ],
)
def test_a_motion_that_takes_no_names_is_refused_with_the_reason(
    lobby: Lobby, values: dict[str, Any], code: str
) -> None:
    with lobby.database.write() as session:
        motion_search.require_open(session, KNOWN, now=lobby.clock())
        session.exec(select(Motion).where(Motion.id == KNOWN)).one().sqlmodel_update(values)
        with pytest.raises(Invalid) as error:
            motion_search.require_open(session, KNOWN, now=lobby.clock())
    assert [item.code for item in error.value.fields] == [code]
