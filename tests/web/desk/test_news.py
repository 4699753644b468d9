"""Tests writing news and dates in the browser."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from sqlmodel import col, select

from models import CampaignEvent, CampaignStatus, CampaignUpdate, EventKind, Role
from services.assembly import Lobby
from services.campaigns import entry_texts, events, news
from services.errors import Invalid
from tests.support.campaigns import add_campaign
from tests.support.common import CAMPAIGN, START, Clock
from tests.support.desk import DeskClient, as_role
from tests.support.home import add_organisation, of_demonstration
from tests.support.pages import visible
from web.base import words

NEWS = f"/organiser/campaigns/{CAMPAIGN}/news"
DATES = f"/organiser/campaigns/{CAMPAIGN}/dates"
TYPED = {"title": "A minister answers", "body": "**Good** news:\n\n- one\n- two", "when": "now"}
DATE = {
    "kind": "debate",
    "title": "MPs debate it",
    "day": "2026-09-03",
    "time": "14:30",
    "place": "Westminster Hall",
    "link": "https://example.org/debate",
    "text": "Come **along**.",
}


def hidden(page: Any, name: str) -> str:
    """Returns the value of a hidden field of the main form."""
    found = re.search(rf'type="hidden" name="{name}" value="([^"]*)"', page.text)
    assert found, name
    return unescape(found[1])


def add_update(lobby: Lobby, *, at: datetime = START) -> CampaignUpdate:
    with lobby.database.write() as session:
        return news.add(
            session,
            of_demonstration(session),
            title="As it was",
            body="The body.",
            published_at=at,
            now=lobby.clock(),
        )


def add_date(lobby: Lobby, **values: Any) -> CampaignEvent:
    given = {"kind": EventKind.VOTE, "title": "A vote", "day": date(2026, 9, 1)} | values
    with lobby.database.write() as session:
        return events.add(session, of_demonstration(session), values=given, now=lobby.clock())


def latest(lobby: Lobby) -> CampaignUpdate:
    with lobby.database.read() as session:
        newest = select(CampaignUpdate).order_by(col(CampaignUpdate.id).desc())
        row = session.exec(newest).first()
    assert row
    return row


def stored(lobby: Lobby, update: CampaignUpdate) -> CampaignUpdate | None:
    with lobby.database.read() as session:
        return session.get(CampaignUpdate, update.id)


def count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return len(session.exec(select(CampaignUpdate)).all())


# ---- writing


def test_news_is_published_at_once_as_the_api_would(signed_in: DeskClient, lobby: Lobby) -> None:
    answer = signed_in.post(f"{NEWS}/new", data=TYPED)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{NEWS}?done=published")
    page = signed_in.get(answer.headers["Location"])
    assert "Your update is published." in visible(page)
    assert "Published on 1 July 2026" in visible(page)
    public = signed_in.get(f"/campaigns/{CAMPAIGN}/updates/a-minister-answers")
    assert "<strong>Good</strong> news:" in public.text
    read = signed_in.get(f"/v1/campaigns/{CAMPAIGN}/updates/{latest(lobby).id}").json()
    assert (read["title"], read["body"]) == (TYPED["title"], TYPED["body"])


def test_news_can_wait_for_a_time_in_london(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    later = TYPED | {"when": "later", "day": "2026-07-02", "time": "9.15am"}
    answer = signed_in.post(f"{NEWS}/new", data=later)
    assert answer.headers["Location"] == f"{NEWS}?done=scheduled"
    assert latest(lobby).published_at == datetime(2026, 7, 2, 8, 15, tzinfo=UTC)
    assert "Scheduled Published at 9.15am on 2 July" in visible(signed_in.get(NEWS))
    address = f"/campaigns/{CAMPAIGN}/updates/a-minister-answers"
    assert signed_in.get(address).status_code == 404
    clock.now = datetime(2026, 7, 2, 8, 15, tzinfo=UTC)
    assert signed_in.get(address).status_code == 200


def test_a_preview_shows_the_text_as_it_will_look_and_saves_nothing(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    before = count(lobby)
    typed = TYPED | {"body": TYPED["body"] + "\n\n<script>alert(1)</script>", "do": "preview"}
    page = signed_in.post(f"{NEWS}/new", data=typed)
    assert page.status_code == 200
    assert "<strong>Good</strong> news:" in page.text
    assert "<ul><li>one</li><li>two</li></ul>" in page.text
    assert "<script>alert" not in page.text
    assert "Nothing is saved yet." in visible(page)
    assert "**Good** news:" in page.text, "the form still holds what was typed"
    assert count(lobby) == before
    update = add_update(lobby)
    path = f"{NEWS}/{update.id}"
    version = hidden(signed_in.get(path), "version")
    page = signed_in.post(path, data=TYPED | {"do": "preview", "version": version})
    assert "<strong>Good</strong> news:" in page.text
    assert hidden(page, "version") == version
    row = stored(lobby, update)
    assert row
    assert row.title == "As it was"


def test_a_form_that_is_sent_twice_adds_one(signed_in: DeskClient, lobby: Lobby) -> None:
    before = count(lobby)
    typed = TYPED | {"id": hidden(signed_in.get(f"{NEWS}/new"), "id")}
    for _ in range(2):
        assert signed_in.post(f"{NEWS}/new", data=typed).status_code == 303
    assert count(lobby) == before + 1
    date_typed = DATE | {"id": hidden(signed_in.get(f"{DATES}/new"), "id")}
    with lobby.database.read() as session:
        dates = len(session.exec(select(CampaignEvent)).all())
    for _ in range(2):
        assert signed_in.post(f"{DATES}/new", data=date_typed).status_code == 303
    with lobby.database.read() as session:
        assert len(session.exec(select(CampaignEvent)).all()) == dates + 1


def test_an_id_of_another_campaign_neither_changes_nor_shows_its_news(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_campaign(lobby, "another")
    theirs = add_update(lobby)
    answer = signed_in.post(
        "/organiser/campaigns/another/news/new", data=TYPED | {"id": str(theirs.id)}
    )
    assert answer.status_code == 303
    row = stored(lobby, theirs)
    assert row
    assert row.title == "As it was"
    assert latest(lobby).title == TYPED["title"]


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        ({"title": " "}, "title", "Enter a title."),
        ({"title": "x" * 201}, "title", "At most 200 characters, please."),
        ({"title": "two\nlines"}, "title", "leave out line breaks"),
        ({"body": ""}, "body", "Write what’s new."),
        ({"body": "x" * 20_001}, "body", "At most 20,000"),
        ({"when": "later"}, "day", "Enter the day."),
        ({"when": "later", "day": "2026-07-02"}, "time", "Give a time, such as 14:30 or 2.30pm."),
        ({"when": "later", "day": "2026-07-02", "time": "25:00"}, "time", "Give a time"),
        ({"when": "later", "day": "2026-06-31", "time": "9:00"}, "day", "Give a day as year"),
        ({"when": "later", "day": "9999-12-31", "time": "9:00"}, "day", "Give a year from 2000"),
        ({"when": "later", "day": "2026-07-01", "time": "12:59"}, "day", "This is in the past."),
    ],
)
@pytest.mark.parametrize("do", ["", "preview"])
def test_a_mistake_names_its_field_and_loses_nothing(
    signed_in: DeskClient, lobby: Lobby, wrong: dict[str, str], field: str, message: str, do: str
) -> None:
    before = count(lobby)
    typed = TYPED | wrong | {"do": do}
    page = signed_in.post(f"{NEWS}/new", data=typed)
    assert page.status_code == 422
    assert "There is a problem" in visible(page)
    assert f'href="#{field}"' in page.text
    found = re.search(rf'id="{field}-error">(.*?)</p>', page.text)
    assert found
    assert message in unescape(found[1]).replace("20000", "20,000")
    assert page.text.count("Error: ") >= 2, "in the title of the page too"
    kept = typed["body"] if field != "body" else typed["title"]
    assert kept in unescape(page.text)
    assert count(lobby) == before


# ---- changing


def test_published_news_keeps_its_time_and_address(signed_in: DeskClient, lobby: Lobby) -> None:
    update = add_update(lobby)
    page = signed_in.get(f"{NEWS}/{update.id}")
    assert "Published on 1 July 2026, 13:00. Changes show at once." in visible(page)
    typed = TYPED | {"version": hidden(page, "version"), "when": "later", "day": "2030-01-01"}
    answer = signed_in.post(f"{NEWS}/{update.id}", data=typed)
    assert answer.headers["Location"] == f"{NEWS}?done=saved"
    row = stored(lobby, update)
    assert row
    assert (row.title, row.slug, row.published_at) == (TYPED["title"], "as-it-was", START)


def test_scheduled_news_can_be_moved_and_published_now(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    update = add_update(lobby, at=START + timedelta(days=3))
    page = signed_in.get(f"{NEWS}/{update.id}")
    assert 'value="2026-07-04"' in page.text
    assert 'value="13:00"' in page.text
    typed = {"title": "As it was", "body": "The body.", "version": hidden(page, "version")}
    moved = typed | {"when": "later", "day": "2026-07-05", "time": "08:00"}
    assert signed_in.post(f"{NEWS}/{update.id}", data=moved).status_code == 303
    row = stored(lobby, update)
    assert row
    assert row.published_at == datetime(2026, 7, 5, 7, tzinfo=UTC)
    typed["version"] = hidden(signed_in.get(f"{NEWS}/{update.id}"), "version")
    clock.advance(minutes=5)
    assert signed_in.post(f"{NEWS}/{update.id}", data=typed | {"when": "now"}).status_code == 303
    row = stored(lobby, update)
    assert row
    assert row.published_at == clock.now


def test_a_colleagues_change_is_shown_beside_ones_own_text_and_nothing_is_lost(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    update = add_update(lobby)
    path = f"{NEWS}/{update.id}"
    version = hidden(signed_in.get(path), "version")
    first = {"title": "Hers", "body": "Her words.", "version": version}
    assert signed_in.post(path, data=first).status_code == 303
    page = signed_in.post(path, data={"title": "Mine", "body": "My words.", "version": version})
    assert page.status_code == 409
    text = visible(page)
    assert "A colleague saved changes while you were writing." in text
    assert "Her words." in text
    assert "My words." in page.text
    assert 'value="Mine"' in page.text
    row = stored(lobby, update)
    assert row
    assert row.body == "Her words."
    mine = {"title": "Mine", "body": "My words.", "version": hidden(page, "version")}
    assert signed_in.post(path, data=mine).status_code == 303
    row = stored(lobby, update)
    assert row
    assert (row.title, row.body) == ("Mine", "My words.")


def test_a_text_whose_news_a_colleague_deleted_can_be_published_as_new(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    update = add_update(lobby)
    path = f"{NEWS}/{update.id}"
    version = hidden(signed_in.get(path), "version")
    with lobby.database.write() as session:
        news.delete(session, session.get_one(CampaignUpdate, update.id))
    page = signed_in.post(path, data=TYPED | {"version": version})
    assert page.status_code == 409
    assert "A colleague deleted this while you were writing." in visible(page)
    assert "**Good** news:" in page.text
    assert f'action="{NEWS}/new"' in page.text
    answer = signed_in.post(f"{NEWS}/new", data=TYPED | {"id": hidden(page, "id")})
    assert answer.status_code == 303
    assert signed_in.post(path, data={"title": "", "version": version}).status_code == 404


# ---- deleting


def test_a_delete_asks_first_and_then_the_page_is_gone(signed_in: DeskClient, lobby: Lobby) -> None:
    update = add_update(lobby)
    path = f"{NEWS}/{update.id}/delete"
    page = signed_in.get(path)
    assert "Delete this update?" in visible(page)
    assert "The body." in visible(page)
    assert stored(lobby, update) is not None, "looking deletes nothing"
    answer = signed_in.post(path, data={"version": hidden(page, "version")})
    assert answer.headers["Location"] == f"{NEWS}?done=deleted"
    assert stored(lobby, update) is None
    assert signed_in.get(f"/campaigns/{CAMPAIGN}/updates/as-it-was").status_code == 404
    assert signed_in.get(path).status_code == 404


def test_what_a_colleague_has_changed_meanwhile_is_shown_again_before_it_is_deleted(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    update, event = add_update(lobby), add_date(lobby)
    for path, row, field in (
        (f"{NEWS}/{update.id}/delete", update, "body"),
        (f"{DATES}/{event.id}/delete", event, "text"),
    ):
        version = hidden(signed_in.get(path), "version")
        with lobby.database.write() as session:
            session.get_one(type(row), row.id).sqlmodel_update({field: "Changed words."})
        page = signed_in.post(path, data={"version": version})
        assert page.status_code == 409
        assert "Changed words." in visible(page)
        assert signed_in.post(path, data={"version": ""}).status_code == 409
        assert signed_in.post(path, data={"version": hidden(page, "version")}).status_code == 303
        with lobby.database.read() as session:
            assert session.get(type(row), row.id) is None


# ---- dates


def test_a_date_is_added_changed_and_shown_as_the_api_would(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    answer = signed_in.post(f"{DATES}/new", data=DATE)
    assert answer.headers["Location"] == f"{NEWS}?done=added"
    with lobby.database.read() as session:
        event = session.exec(
            select(CampaignEvent).where(CampaignEvent.title == DATE["title"])
        ).one()
    assert event.starts_at == datetime(2026, 9, 3, 13, 30, tzinfo=UTC)
    assert (event.day, event.kind) == (date(2026, 9, 3), EventKind.DEBATE)
    shown = "3 September 2026, 14:30 · Debate · Westminster Hall"
    assert shown in visible(signed_in.get(NEWS))
    read = signed_in.get(f"/v1/campaigns/{CAMPAIGN}/events/{event.id}").json()
    assert (read["place"], read["link"], read["text"]) == (
        DATE["place"],
        DATE["link"],
        DATE["text"],
    )
    path = f"{DATES}/{event.id}"
    page = signed_in.get(path)
    whole_day = DATE | {"time": "", "link": "", "version": hidden(page, "version")}
    assert signed_in.post(path, data=whole_day).status_code == 303
    with lobby.database.read() as session:
        event = session.get_one(CampaignEvent, event.id)
    assert (event.starts_at, event.day, event.link) == (None, date(2026, 9, 3), None)


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        ({"kind": ""}, "kind", "Choose what happens."),
        ({"kind": "party"}, "kind", "Choose one of these."),
        ({"title": ""}, "title", "Enter a title."),
        ({"day": ""}, "day", "Enter the day."),
        ({"day": "3/9/2026"}, "day", "Give a day as year"),
        ({"day": "1850-01-01"}, "day", "Give a year from 2000 to 2100."),
        ({"time": "half past two"}, "time", "Give a time, such as 14:30"),
        ({"place": "x" * 201}, "place", "At most 200 characters"),
        ({"link": "javascript:alert(1)"}, "link", ""),
        ({"text": "x" * 5_001}, "text", "At most 5000 characters"),
    ],
)
def test_a_mistake_in_a_date_names_its_field_and_loses_nothing(
    signed_in: DeskClient, wrong: dict[str, str], field: str, message: str
) -> None:
    page = signed_in.post(f"{DATES}/new", data=DATE | wrong)
    assert page.status_code == 422
    found = re.search(rf'id="{field}-error">(.*?)</p>', page.text)
    assert found
    assert message in unescape(found[1])
    assert f'href="#{field}"' in page.text
    assert f'id="{field}"' in page.text
    if field != "text":
        assert "Come **along**." in page.text


def test_a_date_that_a_colleague_changed_or_deleted_loses_nothing(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    event = add_date(lobby)
    path = f"{DATES}/{event.id}"
    version = hidden(signed_in.get(path), "version")
    with lobby.database.write() as session:
        session.get_one(CampaignEvent, event.id).place = "Her place"
    page = signed_in.post(path, data=DATE | {"version": version})
    assert page.status_code == 409
    assert "Her place" in visible(page)
    assert "Come **along**." in page.text
    with lobby.database.write() as session:
        events.delete(session, session.get_one(CampaignEvent, event.id))
    page = signed_in.post(path, data=DATE | {"version": hidden(page, "version")})
    assert page.status_code == 409
    assert f'action="{DATES}/new"' in page.text
    assert "Come **along**." in page.text


def test_a_date_is_previewed_with_its_day_and_place(signed_in: DeskClient, lobby: Lobby) -> None:
    page = signed_in.post(f"{DATES}/new", data=DATE | {"do": "preview"})
    assert page.status_code == 200
    assert "3 September 2026, 14:30 · Debate" in visible(page)
    assert "<p>Come <strong>along</strong>.</p>" in page.text
    with lobby.database.read() as session:
        titles = session.exec(select(CampaignEvent.title)).all()
    assert DATE["title"] not in titles


# ---- who may


def addresses(lobby: Lobby) -> list[tuple[str, str]]:
    update, event = add_update(lobby), add_date(lobby)
    reading = [
        NEWS,
        f"{NEWS}/new",
        f"{DATES}/new",
        *(f"{NEWS}/{update.id}{rest}" for rest in ("", "/delete")),
        *(f"{DATES}/{event.id}{rest}" for rest in ("", "/delete")),
    ]
    return [("GET", path) for path in reading] + [("POST", path) for path in reading[1:]]


@pytest.mark.parametrize(
    ("role", "organisation", "status"),
    [(Role.VIEWER, None, 403), (Role.OWNER, "other", 404), (Role.EDITOR, "other", 404)],
)
def test_viewers_and_other_organisations_neither_see_nor_change_anything(
    client: DeskClient, lobby: Lobby, role: Role, organisation: str | None, status: int
) -> None:
    add_organisation(lobby)
    as_role(lobby, client, role, organisation=organisation)
    asked = addresses(lobby)
    with lobby.database.read() as session:
        before = sorted(str(row) for row in session.exec(select(CampaignUpdate)))
    for method, path in asked:
        data = TYPED | DATE if method == "POST" else None
        answer = client.request(method, path, data=data)
        assert answer.status_code == status, (method, path)
        assert "As it was" not in answer.text
    with lobby.database.read() as session:
        assert sorted(str(row) for row in session.exec(select(CampaignUpdate))) == before


def test_an_editor_may_write_news_and_dates(client: DeskClient, lobby: Lobby) -> None:
    as_role(lobby, client, Role.EDITOR)
    for method, path in addresses(lobby):
        if method == "GET":
            assert client.get(path).status_code == 200, path
    assert client.post(f"{NEWS}/new", data=TYPED).status_code == 303


def test_news_of_another_campaign_is_not_at_this_ones_address(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_campaign(lobby, "another", status=CampaignStatus.DRAFT)
    update = add_update(lobby)
    assert signed_in.get(f"/organiser/campaigns/another/news/{update.id}").status_code == 404
    assert signed_in.get(f"{NEWS}/{uuid4()}").status_code == 404
    page = signed_in.get("/organiser/campaigns/another/news")
    assert "No news yet." in visible(page)
    assert "the campaign’s page once it’s open" in visible(page)


def test_a_form_of_another_site_is_refused(signed_in: DeskClient, lobby: Lobby) -> None:
    before = count(lobby)
    for changes in ({"form_token": "0" * 64}, {"form_token": ""}):
        assert signed_in.post(f"{NEWS}/new", data=TYPED | changes).status_code == 403
    site = {"Origin": "https://evil.example"}
    assert signed_in.post(f"{NEWS}/new", data=TYPED, headers=site).status_code == 403
    assert count(lobby) == before


# ---- rules


@pytest.mark.parametrize(
    ("typed", "moment"),
    [
        (("2026-07-02", "9.15am"), "2026-07-02T08:15"),
        (("2026-12-02", "09:15"), "2026-12-02T09:15"),
        (("2026-12-02", "12pm"), "2026-12-02T12:00"),
        (("2026-12-02", "12:30 am"), "2026-12-02T00:30"),
        (("2026-12-02", "17:05:00"), "2026-12-02T17:05"),
        (("2026-03-29", "01:30"), "2026-03-29T01:30"),  # clocks leave this hour out
        (("2026-10-25", "01:30"), "2026-10-25T00:30"),  # it comes twice: the first counts
        (("2100-12-31", "23:59"), "2100-12-31T23:59"),
    ],
)
def test_times_are_those_of_london(typed: tuple[str, str], moment: str) -> None:
    assert entry_texts.moment(*typed).isoformat().startswith(moment)


@pytest.mark.parametrize("time", ["", "9", "24:00", "13pm", "0am", "9:60", "9,15", "٩:١٥"])
def test_what_is_no_time_is_refused(time: str) -> None:
    with pytest.raises(Invalid):
        entry_texts.moment("2026-07-02", time)


def test_every_kind_of_date_has_words() -> None:
    assert set(words.EVENT_KINDS) == set(EventKind)
