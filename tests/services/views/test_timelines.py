"""Tests the timeline of a campaign: its news and dates in one list."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from models import Campaign, CampaignEvent, CampaignUpdate, EventKind
from services.assembly import Lobby
from services.campaigns import campaigns, events, news
from services.views import timelines
from services.views.timelines import Timeline
from tests.support.common import CAMPAIGN, START


def empty_campaign(session: Session) -> Campaign:
    """Returns the campaign without the demonstration's news and dates."""
    for table in (CampaignUpdate, CampaignEvent):
        for row in session.exec(select(table)):
            session.delete(row)
    session.flush()
    return campaigns.by_slug(session, CAMPAIGN)


def add_event(session: Session, campaign: Campaign, title: str, **when: Any) -> None:
    values = {"kind": EventKind.DEBATE, "title": title, **when}
    events.add(session, campaign, values=values, now=START)


def add_news(
    session: Session, campaign: Campaign, title: str, at: datetime, body: str = "x"
) -> None:
    news.add(session, campaign, title=title, body=body, published_at=at, now=START)


def titles(timeline: Timeline) -> tuple[list[str], list[str]]:
    return [row.title for row in timeline.coming], [row.title for row in timeline.past]


def test_coming_dates_are_in_order_and_the_past_is_newest_first(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaign = empty_campaign(session)
        add_event(session, campaign, "in a week", day=date(2026, 7, 8))
        add_event(session, campaign, "today at ten", starts_at=START - timedelta(hours=3))
        add_event(session, campaign, "today", day=date(2026, 7, 1))
        add_event(session, campaign, "tomorrow late", starts_at=START + timedelta(days=1, hours=5))
        add_event(session, campaign, "tomorrow", starts_at=START + timedelta(days=1))
        add_event(session, campaign, "yesterday", day=date(2026, 6, 30))
        add_event(session, campaign, "last week", starts_at=START - timedelta(days=7))
        add_news(session, campaign, "news of yesterday", START - timedelta(days=1))
        add_news(session, campaign, "news of now", START)
        add_news(session, campaign, "old news", START - timedelta(days=30))
        add_news(session, campaign, "scheduled", START + timedelta(seconds=1))
        assert titles(timelines.of_campaign(session, campaign, now=START)) == (
            ["today", "today at ten", "tomorrow", "tomorrow late", "in a week"],
            ["news of now", "news of yesterday", "yesterday", "last week", "old news"],
        )


def test_a_date_is_coming_until_its_day_in_london_is_over(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaign = empty_campaign(session)
        # 00:30 on 2 July in London.
        add_event(session, campaign, "night", starts_at=datetime(2026, 7, 1, 23, 30, tzinfo=UTC))
        last = datetime(2026, 7, 2, 22, 59, 59, tzinfo=UTC)
        assert titles(timelines.of_campaign(session, campaign, now=last)) == (["night"], [])
        over = last + timedelta(seconds=1)
        timeline = timelines.of_campaign(session, campaign, now=over)
        assert titles(timeline) == ([], ["night"])
        assert timeline.past[0].day == date(2026, 7, 2)


def test_an_entry_has_what_a_page_needs(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaign = empty_campaign(session)
        more = {"text": "**Come.**", "place": "Westminster Hall", "link": "https://example.org/"}
        add_event(session, campaign, "Debate", day=date(2026, 7, 9), **more)
        add_news(session, campaign, "Short", START, body="**Yes.**")
        add_news(session, campaign, "Long", START - timedelta(days=1), body="word " * 200)
        timeline = timelines.of_campaign(session, campaign, now=START)
    (debate,), (short, long) = timeline.coming, timeline.past
    assert (debate.kind, debate.machine_readable, debate.place) == (
        "debate",
        "2026-07-09",
        "Westminster Hall",
    )
    assert (debate.link, debate.address) == ("https://example.org/", None)
    assert (debate.html, debate.text) == ("<p><strong>Come.</strong></p>", "Come.")
    assert (short.kind, short.machine_readable) == ("news", "2026-07-01T12:00:00+00:00")
    assert short.address == f"/campaigns/{CAMPAIGN}/updates/short"
    assert short.excerpt is None
    assert long.excerpt is not None
    assert len(long.excerpt) <= timelines.EXCERPT
    assert long.excerpt.endswith("word …")


def test_a_campaigns_page_shows_the_newest_five(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaign = empty_campaign(session)
        assert timelines.of_campaign(session, campaign, now=START).is_empty
        for number in range(6):
            timeline = timelines.of_campaign(session, campaign, now=START)
            assert not timeline.has_more
            add_news(session, campaign, f"{number}", START - timedelta(days=number))
        timeline = timelines.of_campaign(session, campaign, now=START)
        assert timeline.has_more
        assert [row.title for row in timeline.latest] == ["0", "1", "2", "3", "4"]


def test_of_another_campaign_nothing_is_shown(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        ours = empty_campaign(session)
        values = {"slug": "other", "title": "Other", "summary": "s"}
        other = campaigns.create(
            session, organisation_id=ours.organisation_id, values=values, now=START
        )
        add_news(session, other, "Theirs", START)
        add_event(session, other, "Theirs", day=date(2026, 7, 9))
        assert timelines.of_campaign(session, ours, now=START).is_empty
