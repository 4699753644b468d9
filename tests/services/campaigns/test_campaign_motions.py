"""Tests reading, linking and unlinking a campaign's motions: current, earlier and amendments."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlmodel import Session, col, select

from main import create_app
from models import (
    CampaignMotion,
    CampaignStatus,
    Letter,
    Motion,
    MotionSignatory,
    MotionStatus,
    Scope,
)
from services.assembly import Lobby
from services.campaigns import campaign_motions, campaigns
from services.campaigns.campaign_motions import MotionRole
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.organisations import organisations
from services.parliament import motions
from services.parliament.official import motions_api
from services.parliament_sync import motion_sync
from services.views import campaign_views
from tests.support.common import CAMPAIGN, Clock
from tests.support.pages import visible

KNOWN = 900152  # the demonstration's current motion
SUCCESSOR, OLD, AMENDMENT, STRANGE = 900301, 900200, 900153, 900999
MOTIONS = f"/v1/campaigns/{CAMPAIGN}/motions"
ANSWER = json.loads((invented_campaign.FOLDER / "motion.json").read_bytes())
Key = dict[str, str]


def key_for(lobby: Lobby, *scopes: Scope, slug: str = "") -> Key:
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, slug or invented_campaign.about().organisation)
        key = api_keys.create(session, organisation=owner, scopes=list(scopes), now=lobby.clock())
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def key(lobby: Lobby) -> Key:
    return key_for(lobby, Scope.CAMPAIGNS_WRITE)


def parliament_answer(motion_id: int, number: str, **changes: Any) -> bytes:
    """Returns the response of Parliament's API for a motion without signatories."""
    response = ANSWER["Response"] | {"Id": motion_id, "UINWithAmendmentSuffix": number}
    return json.dumps(ANSWER | {"Response": response | {"Sponsors": []} | changes}).encode()


def store_motion(lobby: Lobby, motion_id: int, number: str, amends_id: int | None = None) -> None:
    """Stores a motion. The day on which it was tabled depends on its id."""
    tabled = f"2026-06-{motion_id % 28 + 1:02}T00:00:00"
    answer = motions_api.read_answer(
        parliament_answer(motion_id, number, DateTabled=tabled), motion_id
    )
    with lobby.database.write() as session:
        motion_sync.apply_answer(session, answer, now=lobby.clock())
        session.get_one(Motion, motion_id).amends_id = amends_id


def put(client: TestClient, key: Key, motion_id: int, role: str) -> Any:
    return client.put(f"{MOTIONS}/{motion_id}", json={"role": role}, headers=key)


def listed(client: TestClient) -> list[tuple[int, str]]:
    return [(motion["id"], motion["role"]) for motion in client.get(MOTIONS).json()]


def assert_refused(answer: Any, status: int, code: str, *fields: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert [error["field"] for error in body.get("errors", [])] == list(fields)


# ---- reading


def test_the_list_tells_of_every_motion_what_parliament_does(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    with lobby.database.write() as session:
        name = session.exec(
            select(MotionSignatory).where(
                MotionSignatory.motion_id == KNOWN, ~col(MotionSignatory.is_withdrawn)
            )
        ).first()
        assert name
        row = name.model_dump(exclude={"id", "motion_id"})
        # A second row for the same member, which is counted once.
        session.add(MotionSignatory(id=1, motion_id=KNOWN, **row))
        positions = motions.positions(session, KNOWN).values()
        withdrawn = sum(position.signed_on is None for position in positions)
    (listed_motion,) = client.get(MOTIONS).json()
    motion = client.get(f"/v1/campaigns/{CAMPAIGN}").json()["motion"]
    shared = {"id", "number", "title", "status", "tabled_on", "signatories", "synced_at"}
    shared |= {"signed_in_seats", "state"}
    assert {name: listed_motion[name] for name in shared} == {name: motion[name] for name in shared}
    assert listed_motion["withdrawn"] == withdrawn > 0
    assert (listed_motion["role"], listed_motion["parliament_session"]) == ("current", "2026-27")
    assert (listed_motion["amends_id"], listed_motion["sync_failed"]) == (None, False)
    assert set(listed_motion) == shared | {
        *("parliament_session", "role", "amends_id", "withdrawn", "sync_failed", "linked_at")
    }


def test_the_current_one_comes_first_then_amendments_then_earlier_ones_newest_first(
    client: TestClient, lobby: Lobby, key: Key
) -> None:
    for motion_id in (OLD, OLD + 1, OLD + 2, AMENDMENT, AMENDMENT + 1):
        store_motion(lobby, motion_id, str(motion_id % 1000))
    for motion_id in (OLD + 1, OLD + 2, OLD):
        put(client, key, motion_id, "earlier")
    for motion_id in (AMENDMENT, AMENDMENT + 1):
        put(client, key, motion_id, "amendment")
    expected = [
        (KNOWN, "current"),
        (AMENDMENT + 1, "amendment"),
        (AMENDMENT, "amendment"),
        (OLD + 2, "earlier"),
        (OLD + 1, "earlier"),
        (OLD, "earlier"),
    ]
    assert listed(client) == expected
    of_campaign = client.get(f"/v1/campaigns/{CAMPAIGN}").json()["motions"]
    assert of_campaign == client.get(MOTIONS).json()


def test_the_list_is_a_304_until_something_changes(
    client: TestClient, lobby: Lobby, clock: Clock, key: Key
) -> None:
    tag = client.get(MOTIONS).headers["ETag"]
    clock.advance(hours=1)
    not_modified = client.get(MOTIONS, headers={"If-None-Match": tag})
    assert (not_modified.status_code, not_modified.content) == (304, b"")
    store_motion(lobby, OLD, "3")
    put(client, key, OLD, "earlier")
    assert client.get(MOTIONS, headers={"If-None-Match": tag}).status_code == 200


def test_a_failed_look_at_parliament_shows(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        session.get_one(Motion, KNOWN).sync_failed_at = lobby.clock()
    assert client.get(MOTIONS).json()[0]["sync_failed"] is True


def test_the_motions_of_a_draft_are_its_organisations_only(
    client: TestClient, lobby: Lobby, key: Key
) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        values = {"status": CampaignStatus.DRAFT}
        campaigns.update(session, campaign, values=values, now=lobby.clock())
    assert_refused(client.get(MOTIONS), 404, "campaign_unknown")
    assert client.get(MOTIONS, headers=key).status_code == 200


@pytest.mark.slow
def test_the_number_of_statements_is_the_same_however_many_motions_there_are(
    client: TestClient, lobby: Lobby, key: Key
) -> None:
    few = statements(lobby)
    for number in range(20):
        store_motion(lobby, OLD + number, str(number))
        put(client, key, OLD + number, "earlier")
    assert len(listed(client)) == 21
    assert statements(lobby) == few


def statements(lobby: Lobby) -> tuple[int, int]:
    """Counts the statements for a campaign's motions, and for a page of campaigns."""
    motion_reads: list[int] = []
    page_reads: list[int] = []
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        with counting_statements(session, motion_reads):
            campaign_motions.of_campaign(session, campaign.id, today=lobby.clock().date())
        with counting_statements(session, page_reads):
            campaign_views.of_campaigns(session, [campaign], now=lobby.clock())
    return len(motion_reads), len(page_reads)


@contextmanager
def counting_statements(session: Session, seen: list[int]) -> Iterator[None]:
    def note(*_: object) -> None:
        seen.append(1)

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    yield
    event.remove(connection, "before_cursor_execute", note)


# ---- linking


def test_a_successor_takes_one_call_and_the_former_one_becomes_earlier(
    client: TestClient, lobby: Lobby, clock: Clock, key: Key
) -> None:
    store_motion(lobby, SUCCESSOR, "9")
    clock.advance(hours=1)
    for _ in range(2):
        answer = put(client, key, SUCCESSOR, "current")
        assert answer.status_code == 200
        assert answer.json() == client.get(MOTIONS).json()[0]
        assert listed(client) == [(SUCCESSOR, "current"), (KNOWN, "earlier")]
    campaign = client.get(f"/v1/campaigns/{CAMPAIGN}").json()
    assert campaign["motion"]["id"] == SUCCESSOR
    assert campaign["updated_at"] == "2026-07-01T13:00:00Z"


def test_changing_the_campaigns_motion_keeps_working_and_agrees(
    client: TestClient, lobby: Lobby, key: Key
) -> None:
    store_motion(lobby, SUCCESSOR, "9")
    path = f"/v1/campaigns/{CAMPAIGN}"
    changed = client.patch(path, json={"motion_id": SUCCESSOR}, headers=key)
    assert changed.json()["motion"]["id"] == SUCCESSOR
    assert listed(client) == [(SUCCESSOR, "current"), (KNOWN, "earlier")]
    client.patch(path, json={"motion_id": KNOWN}, headers=key)
    assert listed(client) == [(KNOWN, "current"), (SUCCESSOR, "earlier")]


def test_roles_change_and_an_amendment_linked_by_mistake_can_become_current(
    client: TestClient, lobby: Lobby, key: Key
) -> None:
    store_motion(lobby, OLD, "3")
    for role in ("earlier", "amendment", "earlier", "amendment", "current"):
        assert put(client, key, OLD, role).json()["role"] == role
    assert listed(client) == [(OLD, "current"), (KNOWN, "earlier")]
    with lobby.database.read() as session:
        roles = select(CampaignMotion).where(CampaignMotion.motion_id == OLD)
        assert session.exec(roles).one().is_amendment is False


@pytest.mark.parametrize("role", ["earlier", "amendment"])
def test_the_current_motion_keeps_its_role_until_another_one_takes_it(
    client: TestClient, key: Key, role: str
) -> None:
    assert_refused(put(client, key, KNOWN, role), 409, "motion_is_current")
    assert listed(client) == [(KNOWN, "current")]


def test_an_amendment_follows_one_of_the_campaigns_motions(
    client: TestClient, lobby: Lobby, key: Key
) -> None:
    store_motion(lobby, AMENDMENT, "152A1", amends_id=KNOWN)
    store_motion(lobby, STRANGE, "77A1", amends_id=STRANGE - 1)
    answer = put(client, key, AMENDMENT, "amendment")
    assert (answer.status_code, answer.json()["amends_id"]) == (200, KNOWN)
    refused = put(client, key, STRANGE, "amendment")
    assert_refused(refused, 422, "amends_another_motion", "motion_id")
    assert listed(client) == [(KNOWN, "current"), (AMENDMENT, "amendment")]


def test_what_is_known_to_be_an_amendment_is_never_current_or_earlier(
    client: TestClient, lobby: Lobby, key: Key
) -> None:
    store_motion(lobby, AMENDMENT, "152A1", amends_id=KNOWN)
    refused = [
        put(client, key, AMENDMENT, "current"),
        put(client, key, AMENDMENT, "earlier"),
        client.patch(f"/v1/campaigns/{CAMPAIGN}", json={"motion_id": AMENDMENT}, headers=key),
    ]
    for answer in refused:
        assert_refused(answer, 422, "motion_is_amendment", "motion_id")
    assert listed(client) == [(KNOWN, "current")]


def test_names_under_an_amendment_are_not_those_of_an_earlier_motion(
    client: TestClient, lobby: Lobby, key: Key
) -> None:
    with lobby.database.write() as session:
        campaign_id = campaigns.public(session, CAMPAIGN).id
    store_motion(lobby, SUCCESSOR, "9")
    put(client, key, SUCCESSOR, "current")
    with lobby.database.read() as session:
        assert motions.signed_earlier(session, campaign_id)
    put(client, key, KNOWN, "amendment")
    with lobby.database.read() as session:
        assert motions.signed_earlier(session, campaign_id) == {}


@contextmanager
def client_with_parliament(
    lobby: Lobby, answer: Callable[[httpx2.Request], httpx2.Response]
) -> Iterator[TestClient]:
    """Starts the application with a Parliament API that gives this response."""
    parliament_client = httpx2.Client(
        transport=httpx2.MockTransport(answer), base_url="http://127.0.0.1"
    )
    lobby_with_parliament = replace(lobby, motions_api=parliament_client)
    with TestClient(create_app(lobby.settings, lobby=lobby_with_parliament)) as client:
        yield client


def test_an_unknown_motion_is_fetched_with_no_transaction_open(lobby: Lobby, key: Key) -> None:
    paths = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.path)
        with lobby.database.write() as session:  # SQLite has one writer: this would hang
            campaigns.public(session, CAMPAIGN)
        return httpx2.Response(200, content=parliament_answer(SUCCESSOR, "9"))

    with client_with_parliament(lobby, handle) as client:
        for _ in range(2):
            answer = put(client, key, SUCCESSOR, "current")
            assert (answer.status_code, answer.json()["number"]) == (200, "9")
    assert paths == [f"/EarlyDayMotion/{SUCCESSOR}"]


@pytest.mark.parametrize(
    ("status", "answered", "code", "fields"),
    [(404, 422, "motion_unknown", ["motion_id"]), (500, 503, "motions_api_failed", [])],
)
def test_a_motion_that_parliament_does_not_give_is_not_linked(
    lobby: Lobby, key: Key, status: int, answered: int, code: str, fields: list[str]
) -> None:
    with client_with_parliament(lobby, lambda _: httpx2.Response(status)) as client:
        assert_refused(put(client, key, STRANGE, "earlier"), answered, code, *fields)
        assert listed(client) == [(KNOWN, "current")]


@pytest.mark.parametrize(
    ("motion_id", "body", "field"),
    [
        (KNOWN, {"role": "main"}, "role"),
        (KNOWN, {}, "role"),
        (KNOWN, {"role": "current", "note": "x"}, "note"),
        (0, {"role": "current"}, "motion_id"),
        (2**31, {"role": "current"}, "motion_id"),
    ],
)
def test_bad_input_names_its_field(
    client: TestClient, key: Key, motion_id: int, body: dict[str, str], field: str
) -> None:
    answer = client.put(f"{MOTIONS}/{motion_id}", json=body, headers=key)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.slow
def test_of_two_new_current_motions_at_once_one_ends_up_current(lobby: Lobby) -> None:
    for motion_id in (SUCCESSOR, SUCCESSOR + 1):
        store_motion(lobby, motion_id, str(motion_id))

    def link(motion_id: int) -> None:
        with lobby.database.write() as session:
            campaign = campaigns.public(session, CAMPAIGN)
            campaign_motions.link(session, campaign, motion_id, now=lobby.clock())

    with ThreadPoolExecutor(1) as pool, lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        campaign_motions.link(session, campaign, SUCCESSOR, now=lobby.clock())
        second = pool.submit(link, SUCCESSOR + 1)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.3)  # it waits for the first transaction
        session.commit()
        second.result(timeout=10)
    with lobby.database.read() as session:
        campaign, today = campaigns.public(session, CAMPAIGN), lobby.clock().date()
        linked = campaign_motions.of_campaign(session, campaign.id, today=today)
    assert [(row.motion.id, row.role) for row in linked] == [
        (SUCCESSOR + 1, MotionRole.CURRENT),
        (SUCCESSOR, MotionRole.EARLIER),
        (KNOWN, MotionRole.EARLIER),
    ]


# ---- unlinking


@pytest.mark.parametrize("role", ["earlier", "amendment"])
def test_a_link_made_by_mistake_is_taken_back(
    client: TestClient, lobby: Lobby, key: Key, role: str
) -> None:
    store_motion(lobby, OLD, "3")
    put(client, key, OLD, role)
    deleted = client.delete(f"{MOTIONS}/{OLD}", headers=key)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert listed(client) == [(KNOWN, "current")]
    again = client.delete(f"{MOTIONS}/{OLD}", headers=key)
    assert_refused(again, 404, "motion_not_linked")


def test_the_current_motion_cannot_be_unlinked(client: TestClient, key: Key) -> None:
    refused = client.delete(f"{MOTIONS}/{KNOWN}", headers=key)
    assert_refused(refused, 409, "motion_is_current")
    assert listed(client) == [(KNOWN, "current")]


def test_letters_keep_their_motion(client: TestClient, lobby: Lobby, key: Key) -> None:
    before = letters_by_motion(lobby)
    sent = client.get(f"/v1/campaigns/{CAMPAIGN}").json()["totals"]["letters_sent"]
    assert before
    assert sent > 0
    store_motion(lobby, SUCCESSOR, "9")
    put(client, key, SUCCESSOR, "current")
    assert client.delete(f"{MOTIONS}/{KNOWN}", headers=key).status_code == 204
    assert letters_by_motion(lobby) == before
    totals = client.get(f"/v1/campaigns/{CAMPAIGN}").json()["totals"]
    assert totals["letters_sent"] == sent


def letters_by_motion(lobby: Lobby) -> list[int | None]:
    with lobby.database.read() as session:
        return list(session.exec(select(col(Letter.motion_id))))


# ---- permissions


def test_another_organisations_campaign_is_a_404(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        organisations.create(session, name="Others", slug="others", now=lobby.clock())
    others = key_for(lobby, Scope.CAMPAIGNS_WRITE, slug="others")
    assert_refused(put(client, others, STRANGE, "current"), 404, "campaign_unknown")
    deleted = client.delete(f"{MOTIONS}/{KNOWN}", headers=others)
    assert_refused(deleted, 404, "campaign_unknown")
    assert listed(client) == [(KNOWN, "current")]


def test_a_key_without_the_scope_changes_nothing(client: TestClient, lobby: Lobby) -> None:
    reader = key_for(lobby, Scope.TALLIES_READ)
    assert put(client, reader, KNOWN, "current").status_code == 403
    assert client.delete(f"{MOTIONS}/{KNOWN}", headers=reader).status_code == 403


# ---- the campaign's page


def test_the_campaigns_page_tells_of_amendments_and_earlier_motions_in_a_line_each(
    client: TestClient, lobby: Lobby, key: Key
) -> None:
    page = visible(client.get(f"/campaigns/{CAMPAIGN}"))
    assert "Amendment:" not in page
    assert "Earlier motion:" not in page
    store_motion(lobby, AMENDMENT, "152A1", amends_id=KNOWN)
    store_motion(lobby, SUCCESSOR, "9")
    put(client, key, AMENDMENT, "amendment")
    put(client, key, SUCCESSOR, "current")
    with lobby.database.write() as session:
        session.get_one(Motion, KNOWN).status = MotionStatus.LAPSED
    page = visible(client.get(f"/campaigns/{CAMPAIGN}"))
    title = ANSWER["Response"]["Title"]
    assert "0 of 14 MPs back it" in page
    assert "No MP has signed the motion yet. Yours could be the first." in page
    amendment = f"Amendment: Early Day Motion 152A1 (session 2026-27), “{title}”, signed by 0 MPs"
    earlier = f"Earlier motion: Early Day Motion 152 (session 2026-27), “{title}”, signed by 4 MPs"
    assert amendment in page
    assert f"{earlier}. MPs can’t sign it any more" in page
