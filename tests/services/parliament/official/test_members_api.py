"""Tests the client of Parliament's Members API: good and bad responses, and rate limits."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest

from services.errors import Unavailable
from services.parliament.official import http
from services.parliament.official.members_api import CommonsMember, fetch_members
from tests.support.common import REAL_DATA, needs_real_data
from tests.support.outside.members_api import (
    JSON,
    MembersApi,
    Person,
    Reply,
    dated_entry,
    json_reply,
    office,
    page_of,
    serving,
)

RECORDED = REAL_DATA / "parliament" / "members-api"
STARMER = 4514
ANNA = Person(1, "Anywhere", name="Anna Ask")


@pytest.fixture
def api() -> Iterator[MembersApi]:
    with serving() as server:
        server.people = [ANNA, *(Person(number, f"Seat {number}") for number in range(2, 46))]
        yield server


Fetch = Callable[..., list[CommonsMember]]


@pytest.fixture
def fetch(api: MembersApi) -> Iterator[Fetch]:
    with http.make_client(api.url) as client:
        yield lambda **options: fetch_members(client, **options)


# ---- good answers


def test_it_asks_for_all_pages_and_then_for_each_member(fetch: Fetch, api: MembersApi) -> None:
    members = fetch()
    assert [member.id for member in members] == list(range(1, 46))
    assert api.asked[:3] == ["Search?skip=0", "Search?skip=20", "Search?skip=40"]
    assert api.asked[3:7] == ["1/Contact", "1/Biography", "2/Contact", "2/Biography"]
    assert len(api.asked) == 3 + 45 * 2


def test_without_biographies_it_asks_half_as_much(fetch: Fetch, api: MembersApi) -> None:
    members = fetch(biographies=False)
    assert {member.biography for member in members} == {None}
    assert len(api.asked) == 3 + 45


def test_it_pauses_between_requests_and_tells_how_far_it_is(fetch: Fetch, api: MembersApi) -> None:
    pauses: list[int] = []
    progress_reports: list[tuple[int, int]] = []
    fetch(
        pause=lambda: pauses.append(len(api.asked)),
        progress=lambda *far: progress_reports.append(far),
    )
    assert pauses == list(range(1, 93)), "one before every request but the first"
    assert progress_reports == [(done, 93) for done in range(2, 94)], (
        "of how many, the first page says"
    )


def test_a_member_is_read_as_told(fetch: Fetch, api: MembersApi) -> None:
    person = ANNA.but(party="Labour (Co-op)", since="2026-06-18", until="2026-07-30")
    held_office = dated_entry("Minister of State  (Home Office) ", "2026-06-20")
    api.people = [person.but(government=(held_office,))]
    (member,) = fetch()
    assert (member.id, member.name, member.party) == (1, "Anna Ask", "Labour (Co-op)")
    assert (member.seat, member.email) == ("Anywhere", "member1@parliament.example")
    assert (member.starts_on, member.ends_on) == (date(2026, 6, 18), date(2026, 7, 30))
    assert member.biography is not None
    (government,) = member.biography.government_posts
    assert government.name == "Minister of State (Home Office)"
    assert (government.starts_on, government.ends_on) == (date(2026, 6, 20), None)


def test_a_full_last_page_is_not_followed_by_an_empty_one(fetch: Fetch, api: MembersApi) -> None:
    api.people = api.people[:40]
    assert len(fetch(biographies=False)) == 40
    assert api.asked[:3] == ["Search?skip=0", "Search?skip=20", "1/Contact"]


def test_a_house_without_members_is_told_as_it_is(fetch: Fetch, api: MembersApi) -> None:
    api.people = []
    assert fetch() == []


A, B, C = "a@parliament.example", "b@parliament.example", "c@parliament.example"
CONTACTS: dict[str, tuple[list[dict[str, Any]], str | None]] = {
    "Parliament before the constituency": ([office(4, email=B), office(1, email=A)], A),
    "the constituency where Parliament has none": ([office(1), office(4, email=B)], B),
    "an empty one is none": ([office(1, email=""), office(4, email=B)], B),
    "null is none": ([office(1, email=None)], None),
    "blanks are trimmed": ([office(1, email=f" {A} ")], A),
    "no office at all": ([], None),
    "an office without its e-mail": ([office(1)], None),
    "another kind of office": ([office(1009, email=C), office(6, email=C)], None),
    "a web address": ([office(1, email=A, isWebAddress=True), office(4, email=B)], B),
    "only a web address": ([office(4, line1="https://x.example", isWebAddress=True)], None),
    "a malformed one": ([office(1, email="a at parliament"), office(4, email=B)], B),
    "two in one": ([office(1, email=f"{A}; {B}")], None),
    "a header in it": ([office(1, email=f"{A}\r\nBcc: {B}")], None),
    "the second of two": ([office(1), office(1, email=A)], A),
}


@pytest.mark.parametrize("case", list(CONTACTS))
def test_the_address_is_that_of_an_office(case: str, fetch: Fetch, api: MembersApi) -> None:
    offices, expected = CONTACTS[case]
    api.people = [ANNA.but(offices=tuple(offices))]
    (member,) = fetch()
    assert member.email == expected


def test_keys_of_a_contact_can_be_absent(fetch: Fetch, api: MembersApi) -> None:
    api.instead["1/Contact"] = json_reply({"value": [{"typeId": 1}, {"typeId": 4, "email": B}]})
    assert fetch()[0].email == B


# ---- inconsistent pages of a search


def test_a_page_that_counts_otherwise_is_refused(fetch: Fetch, api: MembersApi) -> None:
    for total in (44, 46):
        api.instead["Search?skip=20"] = json_reply(page_of(api.people, 20, totalResults=total))
        with pytest.raises(Unavailable, match=rf"page 2 of the search: it counts {total}"):
            fetch()
    assert "1/Contact" not in api.asked


def test_a_page_that_repeats_a_member_is_refused(fetch: Fetch, api: MembersApi) -> None:
    api.instead["Search?skip=20"] = json_reply(page_of(api.people, 19))
    with pytest.raises(Unavailable, match=r"page 2 of the search: it repeats member 20"):
        fetch()
    api.instead["Search?skip=20"] = json_reply(page_of(api.people, 0))
    with pytest.raises(Unavailable, match=r"page 2 of the search: it repeats member 1"):
        fetch()


def test_a_member_twice_on_one_page_is_refused(fetch: Fetch, api: MembersApi) -> None:
    api.people[7] = api.people[3]
    with pytest.raises(Unavailable, match=r"page 1 of the search: it repeats member 4"):
        fetch()


def test_a_page_of_another_length_is_refused(fetch: Fetch, api: MembersApi) -> None:
    whole = page_of(api.people, 20)["items"]
    more = page_of(api.people, 40)["items"]
    shorter: list[Any] = []
    for items in (shorter, whole[:-1], whole + more[:1]):
        api.instead["Search?skip=20"] = json_reply(page_of(api.people, 20, items=items))
        with pytest.raises(Unavailable, match=rf"page 2 of the search: it holds {len(items)} of"):
            fetch()


def test_a_first_page_without_members_is_refused(fetch: Fetch, api: MembersApi) -> None:
    api.instead["Search?skip=0"] = json_reply(page_of(api.people, 0, items=[]))
    with pytest.raises(Unavailable, match=r"page 1 of the search: it holds 0 of 45 members"):
        fetch()


def test_a_search_that_answers_with_peers_is_refused(fetch: Fetch, api: MembersApi) -> None:
    api.people[30] = api.people[30].but(house=2, seat="Life peer")
    with pytest.raises(Unavailable, match=r"page 2 of the search: .*items\.10\..*house"):
        fetch()


# ---- bad answers


def without(part: dict[str, Any], *path: str) -> dict[str, Any]:
    """Returns a copy of a response without the value at a path."""
    copy: dict[str, Any] = json.loads(json.dumps(part))
    place = copy
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return copy


def search_with(item: dict[str, Any]) -> Reply:
    return json_reply({"items": [item], "totalResults": 1})


def membership_with(**changes: Any) -> Reply:
    item = ANNA.item
    item["value"]["latestHouseMembership"] |= changes
    return search_with(item)


def member_with(**changes: Any) -> Reply:
    return search_with({"value": ANNA.item["value"] | changes})


def biography_with(**changes: Any) -> Reply:
    return json_reply({"value": ANNA.biography["value"] | changes})


MEMBERSHIP = ("value", "latestHouseMembership")
PARTS = ("representations", "governmentPosts", "otherPosts", "committeeMemberships")
FAILURES: dict[str, Reply] = {
    "a fault of theirs": Reply(b"", 500),
    "not there": Reply(b"{}", 404),
    "moved": Reply(b"", 302, {"Location": "/elsewhere"}),
    "not JSON": Reply(b"<html>Maintenance</html>", 200, {"Content-Type": "text/html"}),
    "empty": Reply(b""),
    "cut": Reply(json.dumps(ANNA.biography).encode()[:-20]),
    "a list": json_reply([]),
    "null": json_reply(None),
    "without a value": json_reply({"links": []}),
    "a value of null": json_reply({"value": None, "items": None, "totalResults": 1}),
    "not UTF-8": Reply(b'{"value": "\xe9"}'),
    "the connection broke": Reply(breaks=True),
}
SEARCH_FAILURES: dict[str, Reply] = {
    **FAILURES,
    "no total": json_reply({"items": [ANNA.item]}),
    "a total that is text": json_reply({"items": [ANNA.item], "totalResults": "1"}),
    "a total below none": json_reply({"items": [], "totalResults": -1}),
    **{f"no {key}": search_with(without(ANNA.item, "value", key)) for key in ("id", "latestParty")},
    **{
        f"no {key}": search_with(without(ANNA.item, *MEMBERSHIP, key))
        for key in ("membershipFrom", "membershipStartDate", "membershipEndDate", "house")
    },
    "no membership": member_with(latestHouseMembership=None),
    "a party without a name": member_with(latestParty={"id": 15, "name": None}),
    "an id that is text": member_with(id="1"),
    "the id 0": member_with(id=0),
    "a huge id": member_with(id=2**31),
    "an empty name": member_with(nameDisplayAs=" "),
    "a name with a NUL": member_with(nameDisplayAs="Anna\0Ask"),
    "a name that breaks headers": member_with(nameDisplayAs="=?utf-8?q?Anna?="),
    "no seat": membership_with(membershipFrom=None),
    "a day that is none": membership_with(membershipStartDate="4 July 2024"),
    "no day": membership_with(membershipStartDate=None),
}
CONTACT_FAILURES: dict[str, Reply] = {
    **FAILURES,
    "an office that is text": json_reply({"value": ["House of Commons"]}),
    "an office without its kind": json_reply({"value": [{"email": A}]}),
    "an e-mail that is a number": json_reply({"value": [{"typeId": 1, "email": 5}]}),
}
BIOGRAPHY_FAILURES: dict[str, Reply] = {
    **FAILURES,
    **{f"no {part}": json_reply(without(ANNA.biography, "value", part)) for part in PARTS},
    **{f"null for {part}": biography_with(**{part: None}) for part in PARTS},
    "a post without a name": biography_with(governmentPosts=[dated_entry("", "2026-01-01")]),
    "a post without a start": biography_with(
        governmentPosts=[without(dated_entry("Whip", "2026-01-01"), "startDate")]
    ),
    "a post that does not say whether it ended": biography_with(
        otherPosts=[without(dated_entry("Whip", "2026-01-01"), "endDate")]
    ),
}


@pytest.mark.parametrize("case", list(SEARCH_FAILURES))
def test_a_bad_page_is_refused_by_its_number(case: str, fetch: Fetch, api: MembersApi) -> None:
    api.instead["Search?skip=0"] = SEARCH_FAILURES[case]
    refuses(fetch, "page 1 of the search")
    assert set(api.asked) == {"Search?skip=0"}


@pytest.mark.parametrize("case", list(CONTACT_FAILURES))
def test_a_bad_contact_is_refused_by_its_member(case: str, fetch: Fetch, api: MembersApi) -> None:
    api.instead["2/Contact"] = CONTACT_FAILURES[case]
    refuses(fetch, "member 2")
    assert api.asked[-1] == "2/Contact"


@pytest.mark.parametrize("case", list(BIOGRAPHY_FAILURES))
def test_a_bad_biography_is_refused_by_its_member(case: str, fetch: Fetch, api: MembersApi) -> None:
    api.instead["2/Biography"] = BIOGRAPHY_FAILURES[case]
    refuses(fetch, "member 2")
    assert api.asked[-1] == "2/Biography"


def refuses(fetch: Fetch, about: str) -> None:
    with pytest.raises(Unavailable) as refusal:
        fetch()
    assert refusal.value.code == "members_api_failed"
    assert f"no good answer for {about}: " in refusal.value.message
    assert "\n" not in refusal.value.message


@pytest.mark.slow
def test_an_api_that_says_nothing_is_unavailable(api: MembersApi) -> None:
    api.instead["Search?skip=0"] = Reply(hangs=True)
    with (
        httpx2.Client(base_url=api.url, timeout=0.2) as client,
        pytest.raises(Unavailable, match=r"page 1 of the search: no answer \(ReadTimeout\)"),
    ):
        fetch_members(client)


def test_an_api_that_is_not_there_is_unavailable(unused_port: int) -> None:
    with (
        http.make_client(f"http://127.0.0.1:{unused_port}/api") as client,
        pytest.raises(Unavailable, match=r"no answer \(ConnectError\)"),
    ):
        fetch_members(client)


# ---- over the limit


def limited(**headers: str) -> Reply:
    return Reply(b"", 429, JSON | {name.replace("_", "-"): text for name, text in headers.items()})


def wait_after(fetch: Fetch, api: MembersApi, reply: Reply) -> int:
    api.instead["2/Contact"] = reply
    with pytest.raises(Unavailable) as refusal:
        fetch()
    assert refusal.value.code == "members_api_limited"
    assert "HTTP status 429, for member 2" in refusal.value.message
    assert api.asked[-1] == "2/Contact", "to go on asking would make it worse"
    return refusal.value.retry_after


def test_a_limit_in_seconds_is_carried(fetch: Fetch, api: MembersApi) -> None:
    assert wait_after(fetch, api, limited(Retry_After="3417")) == 3417


def test_a_limit_as_a_time_is_carried_in_seconds(fetch: Fetch, api: MembersApi) -> None:
    until = datetime.now(UTC) + timedelta(minutes=57)
    reply = limited(Retry_After=format_datetime(until, usegmt=True))
    assert wait_after(fetch, api, reply) == pytest.approx(57 * 60, abs=30)


def test_a_limit_that_is_over_already_asks_for_nothing(fetch: Fetch, api: MembersApi) -> None:
    reply = limited(Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    assert wait_after(fetch, api, reply) == 0


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5", "9" * 5000, "2026-07-01"])
def test_a_limit_that_cannot_be_read_is_a_minute(text: str, fetch: Fetch, api: MembersApi) -> None:
    assert wait_after(fetch, api, limited(Retry_After=text)) == 60


# ---- recorded answers


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"members-api-{name}.json").read_bytes())


@needs_real_data
@pytest.mark.real_data
def test_real_answers_are_read(fetch: Fetch, api: MembersApi) -> None:
    search = recorded("search")
    search |= {"items": search["items"][:1], "totalResults": 1}  # the others are peers
    api.instead = {
        "Search?skip=0": json_reply(search),
        f"{STARMER}/Contact": json_reply(recorded("contact")),
        f"{STARMER}/Biography": json_reply(recorded("biography")),
    }
    (member,) = fetch()
    assert (member.id, member.name, member.party) == (STARMER, "Sir Keir Starmer", "Labour")
    assert member.seat == "Holborn and St Pancras"
    assert member.email == "keir.starmer.mp@parliament.uk"
    assert member.starts_on == date(2015, 5, 7)
    biography = member.biography
    assert biography is not None
    assert [
        (held_office.name, held_office.starts_on, held_office.ends_on)
        for held_office in biography.government_posts
    ] == [("Prime Minister and First Lord of the Treasury", date(2024, 7, 5), None)]
    assert [seat.starts_on for seat in biography.representations] == [
        date(2024, 7, 4),
        date(2015, 5, 7),
    ]


@needs_real_data
@pytest.mark.real_data
def test_a_real_biography_can_hold_nothing(fetch: Fetch, api: MembersApi) -> None:
    api.people = [ANNA]
    api.instead["1/Biography"] = json_reply(recorded("empty_biography"))
    (member,) = fetch()
    assert member.biography is not None
    assert member.biography.model_dump() == {
        "representations": [],
        "government_posts": [],
        "other_posts": [],
        "committees": [],
    }


@needs_real_data
@pytest.mark.real_data
def test_a_real_answer_with_peers_in_it_is_refused(fetch: Fetch, api: MembersApi) -> None:
    api.instead["Search?skip=0"] = json_reply(recorded("search"))
    refuses(fetch, "page 1 of the search")
