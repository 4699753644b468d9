"""Tests members' replies: permissions, validation, publication and encryption."""

from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import select

from models import MemberReply, Motion, Scope
from services.assembly import Lobby
from services.campaigns import campaigns
from tests.support.common import CAMPAIGN, Clock
from tests.support.keys import Headers, add_campaign, key_for, others_key

MORAG, WRENFIELD, SALTMARSH, MOTION = 900001, 900005, 900013, 900152
URL = f"/v1/campaigns/{CAMPAIGN}/replies"
SECRET = "Mrs Example of Princes Street wrote to me about her ward."
REPLY = {
    "member_id": WRENFIELD,
    "kind": "will_sign",
    "text": SECRET,
    "said_on": "2026-06-29",
    "link": "https://example.org/replies/9",
    "verified_by": "Olive Organiser",
}
UNKNOWN_ID = "0199f8a0-0000-7000-8000-000000000000"


@pytest.fixture
def key(lobby: Lobby) -> Headers:
    return key_for(lobby, Scope.CAMPAIGNS_WRITE, Scope.TALLIES_READ)


def create_reply(client: TestClient, key: Headers, **changes: Any) -> dict[str, Any]:
    response = client.post(URL, headers=key, json={**REPLY, **changes})
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


def listed(client: TestClient, key: Headers, query: str = "") -> list[dict[str, Any]]:
    response = client.get(f"{URL}{query}", headers=key)
    assert response.status_code == 200, response.text
    answer: list[dict[str, Any]] = response.json()
    return answer


def row_of(client: TestClient, member_id: int = WRENFIELD) -> dict[str, Any]:
    """Returns a member's row in the public tally."""
    rows = client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()["rows"]
    return next(row for row in rows if row["member"] and row["member"]["id"] == member_id)


def refused(response: Any) -> tuple[int, list[tuple[str, str]]]:
    errors = response.json().get("errors", [])
    return response.status_code, [(error["field"], error["code"]) for error in errors]


def test_a_reply_is_kept_whole_for_its_organisation(client: TestClient, key: Headers) -> None:
    answer = create_reply(client, key)
    sent = {name: value for name, value in REPLY.items() if name != "member_id"}
    assert answer == {
        "id": answer["id"],
        "campaign": CAMPAIGN,
        "motion_id": MOTION,
        "member": {"id": WRENFIELD, "name": "Tomasz Wrenfield", "party": "Labour"},
        **sent,
        "is_from_constituent": False,
        "recorded_at": "2026-07-01T12:00:00Z",
        "updated_at": "2026-07-01T12:00:00Z",
    }
    assert listed(client, key)[0] == answer


def test_the_public_sees_kind_day_and_link_once_it_is_verified(
    client: TestClient, key: Headers
) -> None:
    reply = create_reply(client, key, verified_by=None)
    assert (row_of(client)["reply"], row_of(client)["said"]) == (None, None)
    url = f"/v1/replies/{reply['id']}"
    client.patch(url, headers=key, json={"verified_by": "Olive Organiser"})
    shown = {"kind": "will_sign", "said_on": "2026-06-29", "link": REPLY["link"]}
    assert (row_of(client)["reply"], row_of(client)["said"]) == (shown, "will_sign")


def test_what_a_reply_says_and_who_verified_it_are_sealed(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    reply = create_reply(client, key)
    changed = {"text": f"{SECRET} Again.", "verified_by": "Other Organiser"}
    for values in ({}, changed):
        client.patch(f"/v1/replies/{reply['id']}", headers=key, json=values)
        with lobby.database.connection() as connection:
            statement = sa.text("SELECT text, verified_by FROM member_reply")
            stored = [bytes(cell) for row in connection.execute(statement) for cell in row]
        assert len(stored) == 4
        assert not any(b"Example" in cell or b"Organiser" in cell for cell in stored)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"member_id": 1}, ("member_id", "member_unknown")),
        ({"member_id": 0}, ("member_id", "greater_than")),
        ({"member_id": 2**31}, ("member_id", "less_than")),
        ({"kind": "maybe"}, ("kind", "enum")),
        ({"kind": None}, ("kind", "enum")),
        ({"text": ""}, ("text", "too_short")),
        ({"text": "x" * 10_001}, ("text", "too_long")),
        ({"text": "a\x00b"}, ("text", "control_character")),
        ({"said_on": "2026-07-02"}, ("said_on", "in_the_future")),
        ({"said_on": "1 July"}, ("said_on", "day_malformed")),
        ({"said_on": None}, ("said_on", "day_malformed")),
        ({"link": "https://olive:secret@example.org/"}, ("link", "link_malformed")),
        ({"link": "example.org"}, ("link", "link_malformed")),
        ({"verified_by": ""}, ("verified_by", "too_short")),
        ({"verified_by": "x" * 101}, ("verified_by", "too_long")),
        ({"motion_id": MOTION}, ("motion_id", "unknown_field")),
    ],
)
def test_a_reply_that_does_not_fit_names_the_field(
    client: TestClient, key: Headers, changes: dict[str, Any], wrong: tuple[str, str]
) -> None:
    before = listed(client, key)
    response = client.post(URL, headers=key, json={**REPLY, **changes})
    assert refused(response) == (422, [wrong])
    assert SECRET not in response.text
    assert listed(client, key) == before


def test_a_reply_needs_neither_text_nor_link_nor_verification(
    client: TestClient, key: Headers
) -> None:
    bare = {"member_id": WRENFIELD, "kind": "meeting", "said_on": "2026-07-01"}
    response = client.post(URL, headers=key, json=bare)
    answer = response.json()
    assert response.status_code == 201
    assert (answer["text"], answer["link"], answer["verified_by"]) == (None, None, None)


def test_a_long_reply_of_several_lines_is_taken(client: TestClient, key: Headers) -> None:
    text = "Dear all,\n\n" + "x" * 9_989
    assert create_reply(client, key, text=text)["text"] == text


def test_a_member_may_answer_before_the_motion_was_tabled(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    with lobby.database.read() as session:
        assert session.get_one(Motion, MOTION).tabled_on.isoformat() > "2026-01-01"
    assert create_reply(client, key, said_on="2026-01-01")["said_on"] == "2026-01-01"


def test_a_reply_keeps_the_motion_of_its_day(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    first = create_reply(client, key)
    with lobby.database.write() as session:
        day = lobby.clock().date()
        session.add(Motion(id=7, number="7", title="Again", text="", tabled_on=day))
        session.flush()
        campaign = campaigns.public(session, CAMPAIGN)
        campaigns.update(session, campaign, values={}, motion_id=7, now=lobby.clock())
    second = create_reply(client, key)
    changed = client.patch(f"/v1/replies/{first['id']}", headers=key, json={"kind": "other"})
    assert (changed.json()["motion_id"], second["motion_id"]) == (MOTION, 7)


def test_a_campaign_without_a_motion_takes_replies(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    add_campaign(lobby, "another")
    response = client.post("/v1/campaigns/another/replies", headers=key, json=REPLY)
    assert (response.status_code, response.json()["motion_id"]) == (201, None)


# ---- reading


def test_filters_choose_by_member_kind_and_verification(client: TestClient, key: Headers) -> None:
    demonstration = listed(client, key)[0]["id"]
    verified = create_reply(client, key)["id"]
    unverified = create_reply(client, key, kind="will_not", verified_by=None)["id"]
    other = create_reply(client, key, member_id=SALTMARSH, kind="will_not")["id"]

    def ids(query: str) -> list[str]:
        return [reply["id"] for reply in listed(client, key, query)]

    assert ids("") == [other, unverified, verified, demonstration]
    assert ids(f"?member_id={WRENFIELD}") == [unverified, verified]
    assert ids("?kind=will_not") == [other, unverified]
    assert ids("?verified=true") == [other, verified, demonstration]
    assert ids("?verified=false") == [unverified]
    assert ids(f"?verified=true&member_id={WRENFIELD}&kind=will_sign") == [verified]
    assert ids("?member_id=1") == []


@pytest.mark.parametrize(
    "query", ["member_id=0", "member_id=2147483648", "kind=maybe", "verified=perhaps", "cursor=x"]
)
def test_a_filter_that_is_none_names_the_field(
    client: TestClient, key: Headers, query: str
) -> None:
    response = client.get(f"{URL}?{query}", headers=key)
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [query.partition("=")[0]]


def test_pages_lead_through_all_of_them_and_keep_the_filter(
    client: TestClient, key: Headers
) -> None:
    reply_ids = [create_reply(client, key)["id"] for _ in range(5)][::-1]
    seen, url = [], f"{URL}?member_id={WRENFIELD}&limit=2"
    for size in (2, 2, 1):
        response = client.get(url, headers=key)
        assert len(response.json()) == size
        seen += [reply["id"] for reply in response.json()]
        url = response.links.get("next", {}).get("url", "")
    assert (seen, url) == (reply_ids, "")


def test_replies_to_other_campaigns_are_not_among_them(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    add_campaign(lobby, "another")
    before = listed(client, key)
    client.post("/v1/campaigns/another/replies", headers=key, json=REPLY)
    assert listed(client, key) == before


# ---- changing and deleting


def test_only_what_is_given_changes(client: TestClient, key: Headers, clock: Clock) -> None:
    reply = create_reply(client, key)
    clock.advance(hours=1)
    values = {"kind": "will_not", "said_on": "2026-07-01"}
    response = client.patch(f"/v1/replies/{reply['id']}", headers=key, json=values)
    expected = reply | values | {"updated_at": "2026-07-01T13:00:00Z"}
    assert (response.status_code, response.json()) == (200, expected)
    assert listed(client, key)[0] == expected


def test_null_takes_text_link_and_verification_away(client: TestClient, key: Headers) -> None:
    reply = create_reply(client, key)
    nothing = {"text": None, "link": None, "verified_by": None}
    response = client.patch(f"/v1/replies/{reply['id']}", headers=key, json=nothing)
    assert response.json() == reply | nothing
    assert row_of(client)["reply"] is None, "nobody stands for it any more"


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"kind": None}, ("kind", "null")),
        ({"said_on": "2026-07-02"}, ("said_on", "in_the_future")),
        ({"link": "no link"}, ("link", "link_malformed")),
        ({"text": "x" * 10_001}, ("text", "too_long")),
        ({"member_id": MORAG}, ("member_id", "unknown_field")),
    ],
)
def test_a_change_that_does_not_fit_names_the_field(
    client: TestClient, key: Headers, values: dict[str, Any], wrong: tuple[str, str]
) -> None:
    reply = create_reply(client, key)
    response = client.patch(f"/v1/replies/{reply['id']}", headers=key, json=values)
    assert refused(response) == (422, [wrong])
    assert listed(client, key)[0] == reply


def test_a_day_cannot_be_cleared(client: TestClient, key: Headers) -> None:
    reply = create_reply(client, key)
    response = client.patch(f"/v1/replies/{reply['id']}", headers=key, json={"said_on": None})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["said_on"]


def test_a_deleted_reply_is_gone(client: TestClient, lobby: Lobby, key: Headers) -> None:
    before = listed(client, key)
    reply = create_reply(client, key)
    url = f"/v1/replies/{reply['id']}"
    deleted = client.delete(url, headers=key)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (listed(client, key), row_of(client)["reply"]) == (before, None)
    with lobby.database.read() as session:
        ids = [str(row.id) for row in session.exec(select(MemberReply))]
    assert reply["id"] not in ids
    assert client.delete(url, headers=key).status_code == 404


# ---- permissions


def test_another_organisations_replies_are_not_there(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    reply = create_reply(client, key)
    foreign = others_key(lobby, Scope.CAMPAIGNS_WRITE, Scope.TALLIES_READ)
    for reply_id in (reply["id"], UNKNOWN_ID):
        url = f"/v1/replies/{reply_id}"
        for response in (
            client.patch(url, headers=foreign, json={"kind": "other"}),
            client.delete(url, headers=foreign),
        ):
            assert (response.status_code, response.json()["code"]) == (404, "reply_unknown")
    for response in (
        client.get(URL, headers=foreign),
        client.post(URL, headers=foreign, json=REPLY),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "campaign_unknown")
    assert listed(client, key)[0] == reply


@pytest.mark.parametrize("scope", [Scope.TALLIES_READ, Scope.LETTERS_READ])
def test_replies_are_written_with_one_scope_and_read_with_another(
    client: TestClient, lobby: Lobby, scope: Scope
) -> None:
    key, writer = key_for(lobby, scope), key_for(lobby, Scope.CAMPAIGNS_WRITE)
    reply = create_reply(client, writer)
    url = f"/v1/replies/{reply['id']}"
    for response in (
        client.post(URL, headers=key, json=REPLY),
        client.patch(url, headers=key, json={"kind": "other"}),
        client.delete(url, headers=key),
        client.get(URL, headers=writer),
    ):
        assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
