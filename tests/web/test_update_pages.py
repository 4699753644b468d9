"""Tests the pages of a campaign's news: one for each item, and one with all of it."""

import re
from datetime import date, timedelta
from html import unescape
from itertools import pairwise

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from models import CampaignEvent, CampaignStatus, CampaignUpdate, EventKind
from services.assembly import Lobby
from services.campaigns import campaigns, events, news
from services.views.timelines import SHOWN
from tests.support.common import CAMPAIGN, START, Clock
from tests.support.pages import Page, close_campaign, sign_in, visible
from web.public.updates import PAGE_SIZE

HOME = f"/campaigns/{CAMPAIGN}"
ALL = f"{HOME}/updates"
TABLED = f"{ALL}/a-motion-has-been-tabled-in-parliament"
BODY = "**Good** <b>news</b>:\n\n- [read it](https://example.org/?a=1&b=2)\n- thank your MP"
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def add(lobby: Lobby, title: str, *, days_ago: int = 0, body: str = BODY) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        at = START - timedelta(days=days_ago)
        news.add(session, campaign, title=title, body=body, published_at=at, now=START)


def headings(page: Page) -> list[str]:
    """Returns the titles of the entries, in order."""
    found = re.findall(r"<h3>(?:<a [^>]+>)?(.*?)(?:</a>)?</h3>", page.text)
    return [unescape(title) for title in found]


def metadata(page: Page) -> dict[str, str]:
    found = re.findall(r'<meta (?:property|name)="([^"]+)" content="([^"]*)">', page.text)
    return {name: unescape(content) for name, content in found}


# ---- one news item


def test_news_has_a_page_of_its_own_that_can_be_shared(client: TestClient, lobby: Lobby) -> None:
    add(lobby, 'We <won> "it"')
    page = client.get(f"{ALL}/we-won-it")
    assert page.status_code == 200
    assert page.text.count("<h1") == 1
    assert "We &lt;won&gt; &#34;it&#34;</h1>" in page.text
    assert '<time datetime="2026-07-01T12:00:00+00:00">1 July 2026</time>' in page.text
    link = '<a href="https://example.org/?a=1&amp;b=2" rel="nofollow noopener">read it</a>'
    assert (
        f"<p><strong>Good</strong> &lt;b&gt;news&lt;/b&gt;:</p>\n<ul><li>{link}</li>" in page.text
    )
    assert f'<a href="{HOME}">Keep NHS Professionals public</a>' in page.text
    address = f"http://testserver{ALL}/we-won-it"
    assert f'<link rel="canonical" href="{address}">' in page.text
    about = metadata(page)
    assert (about["og:url"], about["og:title"]) == (address, 'We <won> "it"')
    assert about["description"] == (
        "Good <b>news</b>: - read it (https://example.org/?a=1&b=2) - thank your MP"
    )
    assert "https://wa.me/?text=" in page.text
    assert "we-won-it%3Fsource%3Dwhatsapp" in page.text
    assert "<title>We &lt;won&gt; &#34;it&#34; – Public Health Alliance" in page.text
    assert not re.search(r"<style| style=|\son\w+=", page.text)


def test_a_visitor_goes_on_to_sign_with_the_source_that_brought_them(client: TestClient) -> None:
    assert f'class="button" href="{HOME}">Sign the petition</a>' in client.get(TABLED).text
    for query in ("source=whatsapp", "utm_source=whatsapp", "source=whatsapp&utm_source=x"):
        page = client.get(f"{TABLED}?{query}")
        assert f'href="{HOME}?source=whatsapp">Sign the petition</a>' in page.text
    odd = client.get(f"{TABLED}?source=%22%3E%3Cscript%3E").text
    assert f'href="{HOME}?source=%22%3E%3Cscript%3E">Sign' in odd
    assert f'href="{HOME}">Sign' in client.get(f"{TABLED}?source=a%0Ab").text, "malformed"
    partner = client.get(f"{TABLED}?partner=a-paper&source=x").text
    assert f'href="{HOME}?partner=a-paper&amp;source=x">Sign' in partner


@pytest.mark.parametrize("status", [CampaignStatus.CLOSED, CampaignStatus.WON])
def test_where_nobody_can_sign_no_button_says_so(
    client: TestClient, lobby: Lobby, status: CampaignStatus
) -> None:
    close_campaign(lobby, status)
    for path in (TABLED, ALL):
        page = client.get(path)
        assert page.status_code == 200
        assert "Sign the petition" not in page.text


@pytest.mark.parametrize("slug", ["nothing", "A", "a_b", "a%00b", "x" * 100])
def test_unknown_news_is_a_page_that_does_not_exist(client: TestClient, slug: str) -> None:
    page = client.get(f"{ALL}/{slug}")
    assert page.status_code == 404
    assert "text/html" in page.headers["content-type"]


def test_news_of_another_campaign_is_not_there(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        ours = campaigns.by_slug(session, CAMPAIGN)
        values = {"slug": "other", "title": "Other", "summary": "s"}
        campaigns.create(session, organisation_id=ours.organisation_id, values=values, now=START)
    slug = TABLED.rpartition("/")[2]
    assert client.get(f"/campaigns/other/updates/{slug}").status_code == 404
    assert "There’s no news yet." in visible(client.get("/campaigns/other/updates"))


def test_news_that_was_deleted_or_moved_into_the_future_is_not_there(
    client: TestClient, lobby: Lobby
) -> None:
    add(lobby, "Soon", days_ago=-1)
    assert client.get(f"{ALL}/soon").status_code == 404
    assert client.get(TABLED).status_code == 200
    with lobby.database.write() as session:
        for update in session.exec(select(CampaignUpdate)):
            session.delete(update)
    assert client.get(TABLED).status_code == 404


def test_an_organiser_sees_the_news_of_a_draft_and_no_cache_keeps_it(
    client: TestClient, lobby: Lobby
) -> None:
    close_campaign(lobby, CampaignStatus.DRAFT)
    assert client.get(TABLED).status_code == client.get(ALL).status_code == 404
    sign_in(client)
    for path in (TABLED, ALL):
        page = client.get(path)
        assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")


def test_both_pages_can_be_kept_and_checked_again(client: TestClient) -> None:
    for path in (TABLED, ALL):
        assert client.get(path).headers["Cache-Control"] == "no-cache"


# ---- all of it


def test_a_campaigns_page_shows_coming_dates_and_the_newest_five_entries(
    client: TestClient, lobby: Lobby
) -> None:
    page = client.get(HOME)
    assert headings(page)[-4:] == [
        "MPs debate the sale of NHS Professionals",
        "A minister signs, and one name comes off",
        "A motion has been tabled in Parliament",
        "The petition is open",
    ]
    assert "Coming up: 10 July 2026, 14:30 · Debate" in visible(page)
    assert "Westminster Hall, House of Commons" in visible(page)
    assert 'href="https://example.org/debate" rel="nofollow noopener"' in page.text
    assert f'href="/v1{HOME}/events.ics">Add the dates to your calendar' in page.text
    assert "<strong>Every MP who signs makes the sale harder to defend.</strong>" in page.text
    assert f'href="{ALL}"' not in page.text, "nothing is left out"
    for number in range(3):
        add(lobby, f"Number {number}", days_ago=number)
    page = client.get(HOME)
    assert headings(page)[-SHOWN:] == [
        "Number 0",
        "Number 1",
        "Number 2",
        "A minister signs, and one name comes off",
        "A motion has been tabled in Parliament",
    ]
    assert f'<a href="{ALL}">See all news and dates</a>' in page.text


def test_long_news_is_shortened_in_lists_and_whole_on_its_page(
    client: TestClient, lobby: Lobby
) -> None:
    add(lobby, "Long", body=f"**Begin** {'word ' * 100}\n\n- how it ended")
    for path in (HOME, ALL):
        page = client.get(path)
        assert "Begin word word" in page.text
        assert "how it ended" not in page.text
        assert f'<a href="{ALL}/long">Read more<span class="unseen">: Long</span></a>' in page.text
    assert "<ul><li>how it ended</li></ul>" in client.get(f"{ALL}/long").text


def test_all_news_and_dates_have_pages(client: TestClient, lobby: Lobby, clock: Clock) -> None:
    for number in range(PAGE_SIZE):
        add(lobby, f"Number {number}", days_ago=100 + number)
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        values = {"kind": EventKind.DELIVERY, "title": "Handed in", "day": date(2026, 6, 30)}
        events.add(session, campaign, values=values, now=START)
    first, second = client.get(ALL), client.get(f"{ALL}?page=2")
    assert headings(first)[:3] == [
        "MPs debate the sale of NHS Professionals",
        "Handed in",
        "A minister signs, and one name comes off",
    ]
    assert "30 June 2026 · Handing in the petition" in visible(first)
    assert f'href="{ALL}?page=2">Older</a>' in first.text
    assert f'href="{ALL}">Newer</a>' in second.text
    assert "Coming up" not in visible(second)
    shown = headings(first)[1:] + headings(second)
    assert len(shown) == len(set(shown)) == PAGE_SIZE + 4
    assert f'<link rel="canonical" href="http://testserver{ALL}?page=2">' in second.text
    assert client.get(f"{ALL}?page=3").status_code == 404
    for wrong in ("0", "-1", "x", "1001", ""):
        assert client.get(f"{ALL}?page={wrong}").status_code == 422


def test_a_page_has_headings_in_order(client: TestClient) -> None:
    for path in (ALL, TABLED):
        levels = [int(level) for level in re.findall(r"<h([1-6])", client.get(path).text)]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_campaign_without_news_and_dates_has_no_empty_list(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        for table in (CampaignUpdate, CampaignEvent):
            for row in session.exec(select(table)):
                session.delete(row)
    assert "timeline" not in client.get(HOME).text
    page = client.get(ALL)
    assert "There’s no news yet." in visible(page)
    assert "timeline" not in page.text
