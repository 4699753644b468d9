"""Tests the events of a tally: the paged list and the Atom feed."""

import base64
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import Session, select

from api.http import atom
from api.schemas.tally_event import event_words
from models import (
    CampaignMotion,
    Member,
    MemberOverride,
    Motion,
    MotionEvent,
    MotionEventKind,
    Organisation,
    OverrideKind,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.tallies.tally_events import TallyEvent, TallyEventKind
from tests.support.common import CAMPAIGN, START, Clock
from tests.support.feeds import ATOM, text_in

EVENTS = f"/v1/campaigns/{CAMPAIGN}/tally/events"
FEED = f"{EVENTS}.atom"
HISTORY = f"/v1/campaigns/{CAMPAIGN}/tally/history"
CURRENT, EARLIER, AMENDMENT, FOREIGN = 900152, 900900, 900901, 900902
REFUSES = "Peregrine Saltmarsh"


def read(client: TestClient, path: str = EVENTS, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pages(client: TestClient, limit: int) -> Iterator[list[Any]]:
    """Yields every page, following the `Link` headers."""
    url: str | None = f"{EVENTS}?limit={limit}"
    while url:
        answer = client.get(url)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        url = answer.links.get("next", {}).get("url")


def feed(client: TestClient) -> ET.Element:
    answer = client.get(FEED)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/atom+xml"
    return ET.fromstring(answer.content)


def titles(client: TestClient) -> list[str]:
    return [text_in(entry, "title") for entry in feed(client).iter(f"{ATOM}entry")]


def add_motion(session: Session, number: int, **changes: Any) -> None:
    values: dict[str, Any] = {"id": number, "number": f"{number}A1", "title": "t", "text": "t"}
    session.add(Motion(**values, tabled_on=date(2026, 5, 1), **changes))
    session.flush()


def link(session: Session, lobby: Lobby, number: int, *, is_amendment: bool) -> None:
    session.add(
        CampaignMotion(
            campaign_id=campaigns.public(session, CAMPAIGN).id,
            motion_id=number,
            is_current=False,
            is_amendment=is_amendment,
            linked_at=lobby.clock(),
        )
    )


def add_event(
    session: Session,
    motion: int,
    seen_at: datetime,
    kind: MotionEventKind = MotionEventKind.AMENDED,
    **changes: Any,
) -> UUID:
    values: dict[str, Any] = {"motion_id": motion, "kind": kind, "happened_on": date(2026, 6, 1)}
    event = MotionEvent(seen_at=seen_at, **values, **changes)
    session.add(event)
    session.flush()
    return event.id


def the_note(session: Session) -> MemberOverride:
    """Returns the demonstration's only note: a member signs no motions."""
    return session.exec(select(MemberOverride)).one()


@pytest.fixture
def busy(lobby: Lobby) -> Lobby:
    """Adds three motions and 60 events, many of them with the same `seen_at`."""
    with lobby.database.write() as session:
        add_motion(session, EARLIER)
        add_motion(session, AMENDMENT, amends_id=CURRENT)
        add_motion(session, FOREIGN)
        link(session, lobby, EARLIER, is_amendment=False)
        link(session, lobby, AMENDMENT, is_amendment=True)
        for number in range(60):
            seen_at = START - timedelta(days=1 + number // 9)
            motion = (CURRENT, EARLIER, AMENDMENT, FOREIGN)[number % 4]
            add_event(session, motion, seen_at)
    return lobby


# ---- which events are listed


def test_events_of_every_linked_motion_are_told_and_no_others(
    client: TestClient, busy: Lobby
) -> None:
    events = read(client, limit=200)
    motions = Counter(event["motion"]["id"] for event in events if event["motion"])
    assert motions == {CURRENT: 6 + 15, EARLIER: 15, AMENDMENT: 15}
    numbers = {event["motion"]["number"] for event in events if event["motion"]}
    assert numbers == {"152", "900900A1", "900901A1"}


def test_an_event_tells_whose_name_it_was_on_which_motion(client: TestClient) -> None:
    (event,) = [event for event in read(client) if event["kind"] == "withdrawn"]
    assert UUID(event.pop("id"))
    assert event.pop("member")["name"] == "Yusra Pembrey"
    assert event == {
        "kind": "withdrawn",
        "happened_on": "2026-06-23",
        "happened_at": "2026-06-23T15:50:12.126666Z",
        "is_estimated": False,
        "seen_at": "2026-07-01T12:00:00Z",
        "motion": {"id": CURRENT, "number": "152"},
        "link": None,
    }


def test_the_beginning_and_the_end_of_an_organisers_note_are_events(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    clock.advance(days=1)
    with lobby.database.write() as session:
        note = the_note(session)
        note.ends_on, note.ended_at = clock.now.date(), clock.now
        note_id = str(note.id)
    ended, *_, begun = sorted(
        (event for event in read(client) if event["motion"] is None),
        key=lambda event: str(event["seen_at"]),
        reverse=True,
    )
    assert (ended["kind"], begun["kind"]) == ("refuses_ended", "refuses")
    assert begun["id"] == note_id != ended["id"]
    assert ended["member"]["name"] == begun["member"]["name"] == REFUSES
    assert ended["link"] == begun["link"] == "https://example.org/replies/1"
    assert ended["happened_on"] == "2026-07-02"
    assert read(client)[0] == ended, "and it is so every time, with the same id"


def test_an_end_that_is_to_come_is_no_event_yet(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    with lobby.database.write() as session:
        note = the_note(session)
        note.ends_on, note.ended_at = date(2026, 7, 9), clock.now
    kinds = {event["kind"] for event in read(client)}
    assert "refuses" in kinds
    assert "refuses_ended" not in kinds
    clock.advance(days=8)
    assert read(client)[0]["kind"] == "refuses_ended"
    assert titles(client)[0].startswith(REFUSES)


def test_another_organisations_note_is_never_told(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        other = Organisation(slug="other", name="Other", created_at=lobby.clock())
        session.add(other)
        session.flush()
        the_note(session).organisation_id = other.id
    assert all(event["motion"] for event in read(client))
    assert not [title for title in titles(client) if REFUSES in title]
    assert all(event["motion"] for event in read(client, HISTORY)["events"])


# ---- pages


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 4, 7, 50])
def test_pages_neither_skip_nor_repeat_though_many_were_seen_at_one_moment(
    client: TestClient, busy: Lobby, limit: int
) -> None:
    whole = read(client, limit=200)
    order = [(event["seen_at"], event["id"]) for event in whole]
    assert order == sorted(order, reverse=True)
    assert len({seen_at for seen_at, _ in order}) < len(order) == len(set(order)) == 6 + 45 + 1
    page_list = list(pages(client, limit))
    assert [event for page in page_list for event in page] == whole
    assert all(len(page) == limit for page in page_list[:-1])


@pytest.mark.slow
def test_a_page_goes_on_behind_an_organisers_note_that_ended(
    client: TestClient, busy: Lobby, clock: Clock
) -> None:
    with busy.database.write() as session:
        note = the_note(session)
        # Both times equal the `seen_at` of other events.
        note.recorded_at = START - timedelta(days=3)
        note.ends_on, note.ended_at = date(2026, 6, 20), START - timedelta(days=2)
    whole = read(client, limit=200)
    kinds = [event["kind"] for event in whole]
    assert 0 < kinds.index("refuses_ended") < kinds.index("refuses") < len(kinds) - 1
    assert [event for page in pages(client, 1) for event in page] == whole


def test_what_happens_meanwhile_moves_no_page(client: TestClient, busy: Lobby) -> None:
    whole = read(client, limit=200)
    first = client.get(EVENTS, params={"limit": 10})
    with busy.database.write() as session:
        add_event(session, CURRENT, START + timedelta(hours=1))
    following = client.get(first.links["next"]["url"]).json()
    assert first.json() + following == whole[:20]


@pytest.mark.parametrize("cursor", ["nonsense", "AaIPVfKBdCaaRDh-0gv14Q", "%00"])
def test_a_cursor_that_no_page_gave_names_the_field(client: TestClient, cursor: str) -> None:
    answer = client.get(EVENTS, params={"cursor": cursor})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["cursor"]


def test_a_cursor_of_another_campaigns_event_is_none(client: TestClient, busy: Lobby) -> None:
    with busy.database.write() as session:
        foreign = add_event(session, FOREIGN, START)
        own = add_event(session, CURRENT, START)
    for event_id, status in ((foreign, 422), (own, 200)):
        assert client.get(EVENTS, params={"cursor": _cursor(event_id)}).status_code == status


def _cursor(event_id: UUID) -> str:
    return base64.urlsafe_b64encode(event_id.bytes).rstrip(b"=").decode()


def test_a_page_takes_a_fixed_number_of_statements(client: TestClient, busy: Lobby) -> None:
    seen: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    sa.event.listen(busy.database._reader, "before_cursor_execute", note)
    counts = []
    for path in (f"{EVENTS}?limit=2", f"{EVENTS}?limit=50", FEED):
        seen.clear()
        client.get(path)
        counts.append(len(seen))
        assert not [statement for statement in seen if "FROM signature" in statement]
    sa.event.remove(busy.database._reader, "before_cursor_execute", note)
    assert counts[0] == counts[1] <= counts[2] < 8


# ---- the feed


def test_the_feed_is_atom_with_all_that_readers_ask_for(client: TestClient) -> None:
    root = feed(client)
    assert root.tag == f"{ATOM}feed"
    assert text_in(root, "title") == "Who has signed: Keep NHS Professionals public"
    assert text_in(root, "updated") == "2026-07-01T12:00:00Z"
    author = root.find(f"{ATOM}author")
    assert author is not None
    assert text_in(author, "name") == "Public Health Alliance (demonstration)"
    links = {element.get("rel"): element.get("href") for element in root.findall(f"{ATOM}link")}
    assert links == {
        "self": f"http://testserver{FEED}",
        "alternate": f"http://testserver/campaigns/{CAMPAIGN}/mps",
    }
    entries = root.findall(f"{ATOM}entry")
    ids = [text_in(root, "id"), *(text_in(entry, "id") for entry in entries)]
    assert len(ids) == len(set(ids)) == 1 + 7
    assert all(UUID(urn.removeprefix("urn:uuid:")).urn == urn for urn in ids)
    for entry in entries:
        assert text_in(entry, "updated").endswith("Z")
        alternate = entry.find(f"{ATOM}link[@rel='alternate']")
        assert alternate is not None
        assert alternate.get("href") == links["alternate"]


def test_titles_are_in_words(client: TestClient) -> None:
    entry_titles = titles(client)
    assert "Harpreet Sandhollow (Labour) signed EDM 152" in entry_titles
    assert "Yusra Pembrey (Liberal Democrat) took their name off EDM 152" in entry_titles
    assert "EDM 152 was tabled" in entry_titles
    assert f"{REFUSES} (Conservative) signs no motions, as the campaign noted" in entry_titles


@pytest.mark.parametrize("kind", list(TallyEventKind))
def test_every_kind_of_event_has_words(kind: TallyEventKind) -> None:
    kinds = {*MotionEventKind, *OverrideKind, *(f"{kind}_ended" for kind in OverrideKind)}
    assert kinds == set(TallyEventKind)
    member = Member(id=1, name="Morag Ferncastle", party="Labour")
    values: dict[str, Any] = {"number": "152", "title": "t", "text": "t"}
    motion = Motion(id=1, tabled_on=date(2026, 5, 1), **values)
    event = TallyEvent(UUID(int=1), kind, date(2026, 5, 3), START, False, START, member, motion)
    words = event_words(event)
    assert "Morag Ferncastle (Labour)" in words or "EDM 152" in words
    assert "_" not in words


def test_a_note_leads_to_where_it_can_be_checked(client: TestClient) -> None:
    related = [
        element.get("href")
        for element in feed(client).iter(f"{ATOM}link")
        if element.get("rel") == "related"
    ]
    assert related == ["https://example.org/replies/1"]


def test_the_feed_has_the_newest_fifty(client: TestClient, busy: Lobby) -> None:
    ids = [text_in(entry, "id") for entry in feed(client).iter(f"{ATOM}entry")]
    newest = [UUID(event["id"]).urn for event in read(client, limit=50)]
    assert ids == newest
    assert len(ids) == 50


def test_no_name_can_break_the_feed(client: TestClient, lobby: Lobby) -> None:
    name = '<b>&amp;\x0b\x1f ]]> "Anna" \uffff🦉'
    with lobby.database.write() as session:
        the_note_member = session.get_one(Member, the_note(session).member_id)
        the_note_member.name = name
        campaigns.public(session, CAMPAIGN).title = name
    cleaned = '<b>&amp; ]]> "Anna" 🦉'
    assert text_in(feed(client), "title") == f"Who has signed: {cleaned}"
    assert any(title.startswith(cleaned) for title in titles(client))


def test_a_link_with_marks_stays_one_address() -> None:
    page = 'https://example.org/?a=1&b="2"'
    entry = atom.FeedEntry(UUID(int=2), "t", "s", START, page, related=page)
    document = atom.atom(atom.Feed(UUID(int=1), "t", "a", START, page, page, [entry]))
    root = ET.fromstring(document)
    assert {element.get("href") for element in root.iter(f"{ATOM}link")} == {page}


def test_a_reader_that_has_the_feed_gets_304_until_something_happens(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    tag = {"If-None-Match": client.get(FEED).headers["ETag"]}
    clock.advance(hours=1)
    assert client.get(FEED, headers=tag).status_code == 304
    with lobby.database.write() as session:
        add_event(session, CURRENT, clock.now)
    assert client.get(FEED, headers=tag).status_code == 200


def test_a_campaign_to_which_nothing_happened_has_an_empty_feed(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        organisation_id = campaigns.public(session, CAMPAIGN).organisation_id
        session.delete(the_note(session))
        values = {"slug": "quiet", "title": "Quiet", "summary": "s"}
        campaigns.create(session, organisation_id=organisation_id, values=values, now=lobby.clock())
    assert client.get("/v1/campaigns/quiet/tally/events").json() == []
    root = ET.fromstring(client.get("/v1/campaigns/quiet/tally/events.atom").content)
    assert not root.findall(f"{ATOM}entry")
    assert text_in(root, "updated") == "2026-07-01T12:00:00Z"
