"""Tests a campaign's news and dates in the JSON API."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from models import CampaignStatus, Scope
from services.assembly import Lobby
from services.campaigns import campaigns
from tests.support.common import CAMPAIGN, START, Clock
from tests.support.keys import OTHERS, add_campaign, key_for, others_key
from tests.support.partners import PAPER, add_partner, partner_key
from tests.support.problems import assert_problem

UPDATES, EVENTS = f"/v1/campaigns/{CAMPAIGN}/updates", f"/v1/campaigns/{CAMPAIGN}/events"
NEWS: dict[str, Any] = {"title": "We have a debate", "body": "It is **on 25 July**."}
DEBATE: dict[str, Any] = {
    "kind": "debate",
    "title": "MPs debate the sale",
    "text": "Ask your MP to **speak**.",
    "place": "Westminster Hall",
    "link": "https://example.org/debate",
    "starts_at": "2026-07-25T00:30:00+01:00",
}
BODIES = {UPDATES: NEWS, EVENTS: DEBATE}
UNKNOWN = {UPDATES: "update_unknown", EVENTS: "event_unknown"}
both = pytest.mark.parametrize("path", [UPDATES, EVENTS])
only_once = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def key(lobby: Lobby) -> dict[str, str]:
    return key_for(lobby, Scope.CAMPAIGNS_WRITE)


def add(client: TestClient, path: str, key: dict[str, str], **changes: Any) -> Any:
    answer = client.post(path, json=BODIES[path] | changes, headers=key)
    assert answer.status_code == 201, answer.text
    return answer.json()


def titles(client: TestClient, path: str, **headers: str) -> list[str]:
    return [row["title"] for row in client.get(path, headers=headers).json()]


# ---- news


def test_news_is_added_read_listed_changed_and_deleted(
    client: TestClient, key: dict[str, str], clock: Clock
) -> None:
    made = add(client, UPDATES, key)
    assert made == {
        "id": made["id"],
        "slug": "we-have-a-debate",
        "address": f"http://testserver/campaigns/{CAMPAIGN}/updates/we-have-a-debate",
        "title": "We have a debate",
        "body": "It is **on 25 July**.",
        "html": "<p>It is <strong>on 25 July</strong>.</p>",
        "published_at": "2026-07-01T12:00:00Z",
        "updated_at": "2026-07-01T12:00:00Z",
    }
    place = f"{UPDATES}/{made['id']}"
    assert client.get(place).json() == made
    assert client.get(UPDATES).json()[0] == made
    assert client.get(f"/v1/campaigns/{CAMPAIGN}").json()["updates"][0] == made
    clock.advance(hours=1)
    changed = client.patch(place, json={"title": "MPs debate it"}, headers=key)
    after = made | {"title": "MPs debate it", "updated_at": "2026-07-01T13:00:00Z"}
    assert (changed.status_code, changed.json()) == (200, after), "the address stays"
    assert client.get(place).json() == after
    deleted = client.delete(place, headers=key)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for again in (client.get(place), client.delete(place, headers=key)):
        assert_problem(again, 404, "update_unknown")
    assert made["id"] not in [row["id"] for row in client.get(UPDATES).json()]


@pytest.mark.slow
def test_news_of_the_future_is_shown_from_its_time_on(
    client: TestClient, key: dict[str, str], clock: Clock, lobby: Lobby
) -> None:
    at = START + timedelta(days=2)
    made = add(client, UPDATES, key, published_at=at.isoformat())
    place, page = f"{UPDATES}/{made['id']}", made["address"].removeprefix("http://testserver")
    theirs = others_key(lobby, Scope.CAMPAIGNS_WRITE)

    def seen(**headers: str) -> list[bool]:
        return [
            client.get(place, headers=headers).status_code == 200,
            made["title"] in titles(client, UPDATES, **headers),
        ]

    def is_public() -> list[bool]:
        campaign = client.get(f"/v1/campaigns/{CAMPAIGN}").json()
        return [
            *seen(),
            made["title"] in [update["title"] for update in campaign["updates"]],
            made["title"] in client.get(f"/v1/campaigns/{CAMPAIGN}/news.atom").text,
            client.get(page).status_code == 200,
            made["title"] in client.get(f"/campaigns/{CAMPAIGN}/updates").text,
            made["title"] in client.get(f"/campaigns/{CAMPAIGN}").text,
        ]

    assert seen(**key) == [True, True], "its own organisation prepares it"
    assert seen(**theirs) == [False, False]
    assert is_public() == [False] * 7
    clock.now = at - timedelta(seconds=1)
    assert is_public() == [False] * 7
    clock.now = at + timedelta(seconds=1)  # an answer may be a second old
    assert is_public() == [True] * 7
    moved = client.patch(
        place, json={"published_at": (at + timedelta(days=1)).isoformat()}, headers=key
    )
    assert moved.status_code == 200
    assert is_public() == [False] * 7


def test_a_partners_key_sees_what_the_public_sees(
    client: TestClient, key: dict[str, str], lobby: Lobby
) -> None:
    add_partner(lobby)
    made = add(client, UPDATES, key, published_at="2026-07-02T12:00:00Z")
    theirs = partner_key(lobby, PAPER)
    answer = client.get(f"{UPDATES}/{made['id']}", headers=theirs)
    assert_problem(answer, 404, "update_unknown")


def test_equal_titles_and_titles_in_any_alphabet_have_addresses_of_their_own(
    client: TestClient, key: dict[str, str]
) -> None:
    given = [
        "Same, again!",
        "same again",
        "Same Again",
        "Дебаты",
        "議論",
        "Pŵer i’r bobl",
        "x" * 200,
    ]
    slugs = [add(client, UPDATES, key, title=title)["slug"] for title in given]
    assert slugs[:6] == [
        "same-again",
        "same-again-2",
        "same-again-3",
        "news",
        "news-2",
        "pwer-ir-bobl",
    ]
    assert slugs[6] == "x" * 80
    for slug in slugs:
        assert client.get(f"/campaigns/{CAMPAIGN}/updates/{slug}").status_code == 200


def test_equal_titles_at_once_have_addresses_of_their_own(
    client: TestClient, key: dict[str, str]
) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: add(client, UPDATES, key), range(6)))
    assert len({update["slug"] for update in made}) == 6


# ---- dates


def test_a_date_is_added_read_listed_changed_and_deleted(
    client: TestClient, key: dict[str, str], clock: Clock
) -> None:
    made = add(client, EVENTS, key)
    assert made == {
        **DEBATE,
        "id": made["id"],
        "html": "<p>Ask your MP to <strong>speak</strong>.</p>",
        "day": "2026-07-25",
        "starts_at": "2026-07-24T23:30:00Z",
        "created_at": "2026-07-01T12:00:00Z",
        "updated_at": "2026-07-01T12:00:00Z",
    }, "the day is London's"
    place = f"{EVENTS}/{made['id']}"
    assert client.get(place).json() == made
    assert client.get(EVENTS).json()[0] == made
    clock.advance(hours=1)
    later = {"updated_at": "2026-07-01T13:00:00Z"}
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"day": "2026-07-26"}, {"day": "2026-07-26", "starts_at": None}),
        ({"title": "Moved"}, {"title": "Moved"}),
        (
            {"starts_at": "2026-08-02T14:30:00Z"},
            {"day": "2026-08-02", "starts_at": "2026-08-02T14:30:00Z"},
        ),
        (
            {"link": None, "place": "", "text": ""},
            {"link": None, "place": "", "text": "", "html": ""},
        ),
        ({"kind": "vote"}, {"kind": "vote"}),
        ({}, {}),
    ]
    for sent, difference in changes:
        made |= difference | later
        answer = client.patch(place, json=sent, headers=key)
        assert (answer.status_code, answer.json()) == (200, made)
    assert client.delete(place, headers=key).status_code == 204
    for again in (client.get(place), client.delete(place, headers=key)):
        assert_problem(again, 404, "event_unknown")


def test_a_date_needs_a_title_a_kind_and_a_day_or_a_moment_only(
    client: TestClient, key: dict[str, str]
) -> None:
    body = {"kind": "delivery", "title": "We hand it in"}
    neither = client.post(EVENTS, json=body, headers=key)
    assert_problem(neither, 422, "day_missing", "day")
    twice = client.post(EVENTS, json=DEBATE | {"day": "2026-07-25"}, headers=key)
    assert_problem(twice, 422, "day_and_moment", "starts_at")
    made = client.post(EVENTS, json=body | {"day": "2026-07-25"}, headers=key).json()
    assert (made["text"], made["place"], made["link"], made["starts_at"]) == ("", "", None, None)
    both_days = {"day": "2026-07-25", "starts_at": "2026-07-25T12:00:00Z"}
    changed = client.patch(f"{EVENTS}/{made['id']}", json=both_days, headers=key)
    assert_problem(changed, 422, "day_and_moment", "starts_at")


# ---- both


REFUSED: list[tuple[str, str, Any]] = [
    (UPDATES, "title", ""),
    (UPDATES, "title", "   "),
    (UPDATES, "title", "x" * 201),
    (UPDATES, "title", "two\nlines"),
    (UPDATES, "title", "\u202e"),
    (UPDATES, "title", "=?utf-8?q?x?="),
    (UPDATES, "title", 7),
    (UPDATES, "body", ""),
    (UPDATES, "body", " \n "),
    (UPDATES, "body", "x" * 20_001),
    (UPDATES, "body", "\x00"),
    (UPDATES, "published_at", "2026-07-01"),
    (UPDATES, "published_at", "2026-07-01T12:00:00"),
    (UPDATES, "published_at", 1_782_907_200),
    (UPDATES, "published_at", "soon"),
    (UPDATES, "published_at", "0001-01-01T00:00:00Z"),
    (UPDATES, "published_at", "9999-12-31T23:59:59-12:00"),
    (UPDATES, "slug", "my-own"),
    (EVENTS, "kind", "party"),
    (EVENTS, "title", ""),
    (EVENTS, "title", "x" * 201),
    (EVENTS, "title", "a\ttab"),
    (EVENTS, "text", "x" * 5_001),
    (EVENTS, "text", "\x1b"),
    (EVENTS, "place", "x" * 201),
    (EVENTS, "place", "two\nlines"),
    (EVENTS, "link", "javascript:alert(1)"),
    (EVENTS, "link", "ftp://example.org"),
    (EVENTS, "link", "/a"),
    (EVENTS, "link", ""),
    (EVENTS, "link", "https://user:secret@example.org"),
    (EVENTS, "link", "https://example.org/" + "x" * 500),
    (EVENTS, "starts_at", "2026-07-01T12:00:00"),
    (EVENTS, "starts_at", "2101-01-01T00:00:00Z"),
    (EVENTS, "day", "1999-12-31"),
    (EVENTS, "day", "2026-02-30"),
    (EVENTS, "day", 1_782_907_200),
    (EVENTS, "address", "x"),
]


@only_once
@pytest.mark.parametrize(("path", "field", "value"), REFUSED)
def test_what_no_field_can_hold_is_refused_with_its_name(
    client: TestClient, key: dict[str, str], path: str, field: str, value: Any
) -> None:
    body = {name: given for name, given in BODIES[path].items() if name != "starts_at"}
    if path == EVENTS and field != "starts_at":
        body["day"] = "2026-07-25"
    before = client.get(path).json()
    assert_problem(
        client.post(path, json=body | {field: value}, headers=key), 422, "invalid", field
    )
    place = f"{path}/{before[0]['id']}"
    assert_problem(client.patch(place, json={field: value}, headers=key), 422, "invalid", field)
    assert client.get(path).json() == before


@only_once
@both
def test_a_field_that_is_missing_is_named(
    client: TestClient, key: dict[str, str], path: str
) -> None:
    needed = {"title", "body"} if path == UPDATES else {"kind", "title"}
    assert_problem(client.post(path, json={}, headers=key), 422, "invalid", *needed)


@only_once
@pytest.mark.parametrize(
    ("path", "field"),
    [
        *[(UPDATES, name) for name in ("title", "body", "published_at")],
        *[(EVENTS, name) for name in ("kind", "title", "text", "place", "day", "starts_at")],
    ],
)
def test_null_clears_only_the_link(
    client: TestClient, key: dict[str, str], path: str, field: str
) -> None:
    made = add(client, path, key)
    answer = client.patch(f"{path}/{made['id']}", json={field: None}, headers=key)
    assert_problem(answer, 422, "null", field)
    assert client.get(f"{path}/{made['id']}").json() == made


@both
def test_writing_needs_a_key_of_the_campaigns_organisation_with_the_scope(
    client: TestClient, key: dict[str, str], lobby: Lobby, path: str
) -> None:
    made = add(client, path, key)
    place = f"{path}/{made['id']}"

    def calls(headers: dict[str, str]) -> list[Any]:
        return [
            client.post(path, json=BODIES[path], headers=headers),
            client.patch(place, json={"title": "Theirs"}, headers=headers),
            client.delete(place, headers=headers),
        ]

    for answer in calls({}):
        assert_problem(answer, 401, "key_missing")
    for answer in calls(key_for(lobby, Scope.TALLIES_READ)):
        assert_problem(answer, 403, "scope_missing")
    for answer in calls(others_key(lobby, Scope.CAMPAIGNS_WRITE)):
        assert_problem(answer, 404, "campaign_unknown")
    assert client.get(place).json() == made


@both
def test_an_id_of_another_campaign_is_unknown_here(
    client: TestClient, key: dict[str, str], lobby: Lobby, path: str
) -> None:
    others_key(lobby, Scope.CAMPAIGNS_WRITE)
    add_campaign(lobby, "theirs", organisation=OTHERS)
    add_campaign(lobby, "ours-too")
    made = add(client, path, key)
    for place in (
        f"{path.replace(CAMPAIGN, 'theirs')}/{made['id']}",
        f"{path.replace(CAMPAIGN, 'ours-too')}/{made['id']}",
        f"{path}/{UUID(int=1)}",
    ):
        assert_problem(client.get(place), 404, UNKNOWN[path])
    place = f"{path.replace(CAMPAIGN, 'ours-too')}/{made['id']}"
    assert_problem(client.patch(place, json={}, headers=key), 404, UNKNOWN[path])
    assert_problem(client.delete(place, headers=key), 404, UNKNOWN[path])
    assert_problem(
        client.get(f"{path}/no-id"), 422, "invalid", "update_id" if path == UPDATES else "event_id"
    )


@both
def test_those_of_a_draft_are_seen_by_its_own_organisation_only(
    client: TestClient, key: dict[str, str], lobby: Lobby, path: str
) -> None:
    made = add(client, path, key)
    theirs = others_key(lobby, Scope.CAMPAIGNS_WRITE)
    with lobby.database.write() as session:
        campaigns.by_slug(session, CAMPAIGN).status = CampaignStatus.DRAFT
    for place in (path, f"{path}/{made['id']}"):
        assert client.get(place, headers=key).status_code == 200
        for headers in ({}, theirs):
            assert_problem(client.get(place, headers=headers), 404, "campaign_unknown")
    for page in ("updates", "updates/a-motion-has-been-tabled-in-parliament"):
        assert client.get(f"/campaigns/{CAMPAIGN}/{page}").status_code == 404


@both
def test_a_list_has_pages_and_begins_with_what_was_added_last(
    client: TestClient, key: dict[str, str], path: str
) -> None:
    earlier = titles(client, path)
    for number in range(5):
        add(client, path, key, title=f"Number {number}")
    wanted = [f"Number {number}" for number in reversed(range(5))] + earlier
    seen, place = [], f"{path}?limit=2"
    while place:
        answer = client.get(place)
        seen += [row["title"] for row in answer.json()]
        link = answer.headers.get("Link")
        place = link.split(">")[0].removeprefix("<http://testserver") if link else ""
    assert seen == wanted
    assert_problem(client.get(f"{path}?cursor=nonsense"), 422, "cursor_invalid", "cursor")


@both
def test_a_change_shows_in_the_next_answer_to_everybody(
    client: TestClient, key: dict[str, str], path: str
) -> None:
    """The answers of a campaign are cached; see `services.traffic.answer_cache`."""
    made = add(client, path, key)
    for title in ("Once", "Twice"):
        client.patch(f"{path}/{made['id']}", json={"title": title}, headers=key)
        assert titles(client, path)[0] == title
        assert f">{title}<" in client.get(f"/campaigns/{CAMPAIGN}").text
        if path == UPDATES:
            answer = client.get(f"/v1/campaigns/{CAMPAIGN}").json()
            assert answer["updates"][0]["title"] == title
    client.delete(f"{path}/{made['id']}", headers=key)
    assert "Twice" not in client.get(f"/campaigns/{CAMPAIGN}").text
    assert "Twice" not in client.get(f"/v1/campaigns/{CAMPAIGN}").text
