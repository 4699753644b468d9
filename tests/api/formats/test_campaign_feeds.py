"""Tests a campaign's news feed, calendar, page metadata and security.txt."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient
from icalendar import Calendar
from pydantic import ValidationError
from sqlmodel import select

from core.settings import Settings
from models import CampaignEvent, CampaignStatus, CampaignUpdate, Motion, ParliamentSession
from services.assembly import Lobby
from services.campaigns import campaigns, news, petitions
from services.campaigns import events as campaign_events
from services.operations import checks
from tests.support.common import CAMPAIGN, PETITION, START, Clock
from tests.support.feeds import ATOM, text_in
from tests.support.partners import add_second_petition

NEWS, DATES = f"/v1/campaigns/{CAMPAIGN}/news.atom", f"/v1/campaigns/{CAMPAIGN}/events.ics"
PAGE = f"/campaigns/{CAMPAIGN}"
ADDRESS = f"http://testserver{PAGE}"


def events(client: TestClient) -> list[Any]:
    """Returns the dates of petitions and motions; those that a campaign sets have a kind."""
    return [event for event in all_events(client) if "categories" not in event]


def all_events(client: TestClient) -> list[Any]:
    answer = client.get(DATES)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(answer.content)
    assert str(calendar["version"]) == "2.0"
    assert calendar["prodid"]
    return list(calendar.walk("VEVENT"))


def close_at(lobby: Lobby, closes_at: datetime | None, **changes: Any) -> None:
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, PETITION)
        values = {"closes_at": closes_at} | changes
        petitions.update(session, petition, values=values, now=lobby.clock())


def end_session(lobby: Lobby, ends_on: date | None) -> None:
    with lobby.database.write() as session:
        motion = campaigns.motion_of(session, campaigns.by_slug(session, CAMPAIGN).id)
        assert motion is not None
        current = session.exec(
            select(ParliamentSession).where(ParliamentSession.id == motion.parliament_session_id)
        ).one()
        current.ends_on = ends_on


# ---- news


def test_news_is_told_newest_first(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        for title, at in [("<Now> & \x0b", START), ("Later", START + timedelta(days=1))]:
            news.add(session, campaign, title=title, body=title, published_at=at, now=START)
    answer = client.get(NEWS)
    assert answer.headers["content-type"] == "application/atom+xml"
    feed = ET.fromstring(answer.content)
    titles = [text_in(entry, "title") for entry in feed.iter(f"{ATOM}entry")]
    assert titles[0] == "<Now> & ", "nothing from the future, and nothing that XML cannot hold"
    assert len(titles) == 4
    moments = [text_in(entry, "updated") for entry in feed.iter(f"{ATOM}entry")]
    assert moments == sorted(moments, reverse=True)
    assert text_in(feed, "updated") == moments[0] == "2026-07-01T12:00:00Z"
    links = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    assert links == {"self": f"http://testserver{NEWS}", "alternate": ADDRESS}
    again = client.get(NEWS, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_campaign_without_news_has_a_feed_without_entries(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        for update in session.exec(select(CampaignUpdate)):
            session.delete(update)
    assert ET.fromstring(client.get(NEWS).content).findall(f"{ATOM}entry") == []


def test_an_entry_has_its_own_page_and_says_when_it_last_changed(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        at = START + timedelta(days=1)
        body = "**Yes** & <no>\n\n- [x](https://a.example)"
        update = news.add(session, campaign, title="Ours", body=body, published_at=at, now=START)
    clock.advance(days=1)
    assert first_entry(client) == {
        "title": "Ours",
        "published": "2026-07-02T12:00:00Z",
        "updated": "2026-07-02T12:00:00Z",
        "summary": "Yes & <no>\n\n- x (https://a.example)",
        "content": "<p><strong>Yes</strong> &amp; &lt;no&gt;</p>\n<ul><li>"
        '<a href="https://a.example" rel="nofollow noopener">x</a></li></ul>',
        "alternate": f"{ADDRESS}/updates/ours",
    }
    clock.advance(days=1)
    with lobby.database.write() as session:
        row = session.get_one(CampaignUpdate, update.id)
        news.change(session, row, values={"title": "Changed"}, now=clock.now)
    changed = first_entry(client)
    assert (changed["title"], changed["updated"]) == ("Changed", "2026-07-03T12:00:00Z")
    assert (changed["published"], changed["alternate"]) == (
        "2026-07-02T12:00:00Z",
        f"{ADDRESS}/updates/ours",
    )
    assert text_in(ET.fromstring(client.get(NEWS).content), "updated") == changed["updated"]
    assert client.get(changed["alternate"]).status_code == 200


def first_entry(client: TestClient) -> dict[str, str]:
    entry = next(ET.fromstring(client.get(NEWS).content).iter(f"{ATOM}entry"))
    names = ("title", "published", "updated", "summary", "content")
    content, link = entry.find(f"{ATOM}content"), entry.find(f"{ATOM}link")
    assert content is not None
    assert link is not None
    assert (content.get("type"), link.get("rel")) == ("html", "alternate")
    return {name: text_in(entry, name) for name in names} | {"alternate": link.get("href") or ""}


# ---- dates


def test_a_campaigns_own_dates_have_kind_place_link_and_a_uid_that_stays(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    (debate,) = all_events(client)
    assert str(debate["summary"]) == "MPs debate the sale of NHS Professionals"
    assert str(debate["location"]) == "Westminster Hall, House of Commons"
    assert debate["categories"].to_ical() == b"DEBATE"
    assert str(debate["url"]) == "https://example.org/debate"
    assert "**" not in str(debate["description"])
    assert debate.decoded("dtstart") == datetime(2026, 7, 10, 13, 30, tzinfo=UTC)
    assert "dtend" not in debate
    clock.advance(days=1)
    with lobby.database.write() as session:
        row = session.exec(select(CampaignEvent)).one()
        values = {"day": date(2026, 7, 12), "link": None, "place": ""}
        campaign_events.change(session, row, values=values, now=clock.now)
    (moved,) = all_events(client)
    assert str(moved["uid"]) == str(debate["uid"]) == str(row.id)
    assert moved.decoded("dtstart") == date(2026, 7, 12)
    assert moved.decoded("dtend") == date(2026, 7, 13), "a whole day ends before the next"
    assert moved.decoded("last-modified") == clock.now > debate.decoded("last-modified")
    assert str(moved["url"]) == ADDRESS
    assert "location" not in moved


def test_a_petition_that_closes_is_an_event_which_stays_the_same_when_it_moves(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    assert events(client) == []
    closes_at = datetime(2026, 9, 1, 22, 59, tzinfo=UTC)
    close_at(lobby, closes_at, action="Keep it, whole; and\nours")
    (first,) = events(client)
    assert first.decoded("dtstart") == closes_at
    assert str(first["summary"]) == "Last moment to sign: Keep it, whole; and\nours"
    assert str(first["url"]) == f"http://testserver/petitions/{PETITION}"
    clock.advance(days=1)
    close_at(lobby, closes_at + timedelta(days=7))
    (moved,) = events(client)
    assert str(moved["uid"]) == str(first["uid"])
    assert moved.decoded("dtstart") == closes_at + timedelta(days=7)
    assert moved.decoded("last-modified") == clock.now > first.decoded("last-modified")


def test_a_motion_falls_on_the_last_day_of_its_session_where_that_is_known(
    client: TestClient, lobby: Lobby
) -> None:
    end_session(lobby, None)
    assert events(client) == []
    end_session(lobby, date(2027, 5, 6))
    (falls,) = events(client)
    assert falls.decoded("dtstart") == date(2027, 5, 6)
    assert falls.decoded("dtend") == date(2027, 5, 7), "a whole day ends before the next"
    with lobby.database.read() as session:
        motion = campaigns.motion_of(session, campaigns.by_slug(session, CAMPAIGN).id)
    assert isinstance(motion, Motion)
    assert motion.title in str(falls["description"])
    assert str(falls["url"]) == ADDRESS


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_calendar_that_has_not_changed_is_not_sent_again(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    close_at(lobby, START + timedelta(days=3))
    first = client.get(DATES)
    clock.advance(hours=5)
    again = client.get(DATES, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", [NEWS, DATES])
def test_of_a_draft_nothing_is_told(client: TestClient, lobby: Lobby, path: str) -> None:
    with lobby.database.write() as session:
        campaigns.by_slug(session, CAMPAIGN).status = CampaignStatus.DRAFT
    assert client.get(path).status_code == 404


# ---- metadata of pages


def page_metadata(client: TestClient, path: str) -> dict[str, str]:
    """Returns the metadata of a page for search engines and messengers."""
    html = client.get(path).text
    metadata = dict(re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', html))
    metadata |= {
        f"{relation} {kind}".strip(): href
        for relation, kind, href in re.findall(
            r'<link rel="(canonical|alternate)"(?: type="([^"]+)")?.*? href="([^"]+)">', html
        )
    }
    return metadata


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_campaigns_page_says_what_it_is_and_where_its_feeds_are(client: TestClient) -> None:
    metadata, campaign = page_metadata(client, PAGE), client.get(f"/v1/campaigns/{CAMPAIGN}").json()
    assert metadata["canonical"] == metadata["og:url"] == ADDRESS
    assert metadata["og:title"] == campaign["petitions"][0]["action"]
    assert metadata["og:type"] == "website"
    assert metadata["og:site_name"] == "Central Lobby"
    assert metadata["og:description"] == metadata["description"]
    assert metadata["alternate application/atom+xml"] == NEWS
    assert metadata["alternate text/calendar"] == DATES
    for feed in (NEWS, DATES):
        assert client.get(feed).status_code == 200


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_petitions_page_says_what_it_is_in_one_line(client: TestClient, lobby: Lobby) -> None:
    add_second_petition(lobby)
    close_at(lobby, None, action='Keep "ours" <b>', background="One.\n\nTwo & " + "more " * 100)
    metadata = page_metadata(client, f"/petitions/{PETITION}")
    assert metadata["canonical"] == metadata["og:url"] == f"http://testserver/petitions/{PETITION}"
    assert metadata["og:title"] == "Keep &#34;ours&#34; &lt;b&gt;"
    assert metadata["og:description"].startswith("One. Two &amp; more more")
    assert metadata["og:description"].endswith("more …")
    assert len(metadata["og:description"]) <= 204
    close_at(lobby, None, background="")
    assert page_metadata(client, f"/petitions/{PETITION}")["og:description"], "its campaign's, then"


# ---- security.txt


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_whom_to_tell_of_a_hole_is_said_until_it_expires(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    place = "/.well-known/security.txt"
    assert client.get(place).status_code == 404
    lobby.settings.security_contact = "mailto:security@lobby.example.org"
    lobby.settings.security_expires = date(2026, 7, 3)
    answer = client.get(place)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.splitlines() == [
        "Contact: mailto:security@lobby.example.org",
        "Expires: 2026-07-03T00:00:00Z",
        "Preferred-Languages: en",
        f"Canonical: http://testserver{place}",
    ]
    clock.advance(days=2)
    assert client.get(place).status_code == 404


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_contact_that_is_about_to_expire_is_found(lobby: Lobby) -> None:
    def warnings() -> list[str]:
        return [warning.text for warning in checks.run(lobby) if "security.txt" in warning.text]

    assert warnings() == []
    lobby.settings.security_contact = "mailto:security@lobby.example.org"
    lobby.settings.security_expires = date(2026, 9, 1)
    assert warnings() == []
    lobby.settings.security_expires = date(2026, 7, 20)
    (notice,) = warnings()
    assert "20 July 2026" in notice


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"security_contact": "mailto:a@example.org"}, "set together"),
        ({"security_expires": date(2027, 1, 1)}, "set together"),
        ({"security_contact": "a@example.org"}, "mailto:"),
        ({"security_contact": "https://example.org/\nContact: x"}, "mailto:"),
    ],
)
def test_a_contact_is_an_address_and_expires(given: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        Settings(**given)
