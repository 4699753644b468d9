"""Tests organisers' overrides for members: recording, replacing, ending and visibility."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from models import Member, Membership, OverrideKind, Scope
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common import urls
from services.errors import Invalid
from services.parliament import member_overrides
from services.parliament.member_overrides import OverrideEvent
from tests.support.common import CAMPAIGN, START, Clock
from tests.support.keys import Headers, add_campaign, key_for, others_key

MORAG, SALTMARSH, WRENFIELD = 900001, 900013, 900005  # can sign, refuses, elected on 1 May 2025
URL = f"/v1/members/{MORAG}/overrides"
REFUSES = {
    "kind": "refuses",
    "reason": "Told a constituent that she signs none.",
    "link": "https://example.org/replies/7",
}
WILL_SIGN = {**REFUSES, "kind": "says_will_sign", "campaign": CAMPAIGN}
WILL_NOT = {**WILL_SIGN, "kind": "says_will_not"}
TODAY = START.date().isoformat()


@pytest.fixture
def key(lobby: Lobby) -> Headers:
    return key_for(lobby, Scope.CAMPAIGNS_WRITE, Scope.TALLIES_READ)


def add_override(
    client: TestClient, key: Headers, body: dict[str, Any], **changes: Any
) -> dict[str, Any]:
    """Records an override for Morag."""
    response = client.post(URL, headers=key, json={**body, **changes})
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


def list_overrides(
    client: TestClient, key: Headers, member_id: int = MORAG
) -> list[dict[str, Any]]:
    response = client.get(f"/v1/members/{member_id}/overrides", headers=key)
    assert response.status_code == 200, response.text
    answer: list[dict[str, Any]] = response.json()
    return answer


def row_of(client: TestClient, member_id: int = MORAG) -> dict[str, Any]:
    """Returns the member's row in the public tally."""
    rows = client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()["rows"]
    return next(row for row in rows if row["member"] and row["member"]["id"] == member_id)


def refused(response: Any) -> tuple[int, list[tuple[str, str]]]:
    errors = response.json().get("errors", [])
    return response.status_code, [(error["field"], error["code"]) for error in errors]


def history(lobby: Lobby) -> list[OverrideEvent]:
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        return member_overrides.history(
            session, organisation_id=campaign.organisation_id, campaign_id=campaign.id
        )


# ---- recording


def test_a_refusal_holds_from_today_in_every_campaign(client: TestClient, key: Headers) -> None:
    assert row_of(client)["eligibility"] == "can_sign"
    answer = add_override(client, key, REFUSES)
    assert answer == {
        "id": answer["id"],
        "member_id": MORAG,
        "campaign": None,
        **REFUSES,
        "starts_on": TODAY,
        "ends_on": None,
        "is_in_force": True,
        "recorded_at": "2026-07-01T12:00:00Z",
        "ended_at": None,
    }
    assert row_of(client)["eligibility"] == "refuses"
    assert list_overrides(client, key) == [answer]


def test_a_pps_is_asked_as_a_minister_is(client: TestClient, key: Headers) -> None:
    add_override(client, key, REFUSES, kind="pps")
    assert row_of(client)["eligibility"] == "convention"


def test_what_a_member_said_is_of_one_campaign(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    add_campaign(lobby, "another", motion_id=900152)
    assert add_override(client, key, WILL_SIGN)["campaign"] == CAMPAIGN
    assert row_of(client)["said"] == "will_sign"
    rows = client.get("/v1/campaigns/another/tally").json()["rows"]
    assert {row["said"] for row in rows} == {None}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"kind": "refuses", "campaign": CAMPAIGN}, ("campaign", "not_allowed")),
        ({"kind": "pps", "campaign": CAMPAIGN}, ("campaign", "not_allowed")),
        ({"kind": "says_will_not"}, ("campaign", "missing")),
        ({"kind": "says_will_sign", "campaign": "none-such"}, ("campaign", "campaign_unknown")),
        ({"kind": "says_will_sign", "campaign": "NONE"}, ("campaign", "slug_malformed")),
        ({"kind": "will_sign"}, ("kind", "enum")),
        ({"reason": ""}, ("reason", "too_short")),
        ({"reason": "x" * 501}, ("reason", "too_long")),
        ({"link": "javascript:alert(1)"}, ("link", "link_malformed")),
        ({"link": "https://example.org/" + "x" * 481}, ("link", "too_long")),
        ({"starts_on": "2026-07-02"}, ("starts_on", "in_the_future")),
        ({"starts_on": "2024-07-03"}, ("starts_on", "before_membership")),
        ({"starts_on": 0}, ("starts_on", "day_malformed")),
        ({"starts_on": "1751328000"}, ("starts_on", "day_malformed")),
        ({"starts_on": "2026-02-30"}, ("starts_on", "day_malformed")),
        ({"ends_on": TODAY}, ("ends_on", "too_early")),
        ({"id": "mine"}, ("id", "unknown_field")),
    ],
)
def test_a_note_that_does_not_fit_names_the_field(
    client: TestClient, key: Headers, changes: dict[str, Any], wrong: tuple[str, str]
) -> None:
    response = client.post(URL, headers=key, json={**REFUSES, **changes})
    assert refused(response) == (422, [wrong])
    assert list_overrides(client, key) == []


def test_the_longest_reason_and_link_are_taken(client: TestClient, key: Headers) -> None:
    link = "https://example.org/" + "x" * 480
    answer = add_override(client, key, REFUSES, reason="x" * 500, link=link)
    assert (len(answer["reason"]), len(answer["link"])) == (500, 500)


def test_a_campaign_of_another_organisation_is_an_unknown_one(
    client: TestClient, lobby: Lobby
) -> None:
    foreign = others_key(lobby, Scope.CAMPAIGNS_WRITE)
    response = client.post(URL, headers=foreign, json=WILL_SIGN)
    assert refused(response) == (422, [("campaign", "campaign_unknown")])


def test_a_note_begins_with_the_membership_at_the_earliest(
    client: TestClient, key: Headers
) -> None:
    url = f"/v1/members/{WRENFIELD}/overrides"
    early = client.post(url, headers=key, json={**REFUSES, "starts_on": "2025-04-30"})
    assert refused(early) == (422, [("starts_on", "before_membership")])
    assert "2025-05-01" in early.json()["errors"][0]["message"]
    first_day = client.post(url, headers=key, json={**REFUSES, "starts_on": "2025-05-01"})
    assert first_day.status_code == 201


@pytest.mark.parametrize("member_id", [1, 0, -1, 2**31, 10**30])
def test_nobody_can_be_noted(client: TestClient, key: Headers, member_id: int) -> None:
    url = f"/v1/members/{member_id}/overrides"
    for response in (client.post(url, headers=key, json=REFUSES), client.get(url, headers=key)):
        assert (response.status_code, response.json()["code"]) == (404, "member_unknown")


def test_a_member_without_a_seat_cannot_be_noted(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    with lobby.database.write() as session:
        session.add(Member(id=1, name="Nigel Formerly", party="Labour"))
    response = client.post("/v1/members/1/overrides", headers=key, json=REFUSES)
    assert (response.status_code, response.json()["code"]) == (409, "member_without_seat")
    assert list_overrides(client, key, 1) == []


# ---- one override per subject


def test_noting_again_ends_the_earlier_note_the_same_day(
    client: TestClient, key: Headers, clock: Clock
) -> None:
    add_override(client, key, REFUSES)
    clock.advance(days=3)
    add_override(client, key, REFUSES, reason="Said so again.")
    new, old = list_overrides(client, key)
    assert (new["reason"], new["is_in_force"], new["ends_on"]) == ("Said so again.", True, None)
    assert (old["is_in_force"], old["ends_on"]) == (False, "2026-07-04")
    assert old["ended_at"] == new["recorded_at"] == "2026-07-04T12:00:00Z"


def test_will_not_ends_will_sign_and_does_not_let_it_come_back(
    client: TestClient, key: Headers, clock: Clock
) -> None:
    add_override(client, key, WILL_SIGN)
    clock.advance(days=1)
    will_not = add_override(client, key, WILL_NOT)
    assert row_of(client)["said"] == "will_not"
    client.patch(f"/v1/overrides/{will_not['id']}", headers=key, json={"ends_on": "2026-07-02"})
    assert row_of(client)["said"] is None


def test_what_is_noted_late_ends_where_something_newer_holds(
    client: TestClient, key: Headers
) -> None:
    newer = add_override(client, key, WILL_NOT, starts_on="2026-06-20")
    late = add_override(client, key, WILL_SIGN, starts_on="2026-06-01")
    assert (late["ends_on"], late["is_in_force"]) == ("2026-06-20", False)
    assert list_overrides(client, key) == [late, newer]
    assert row_of(client)["said"] == "will_not"


def test_other_matters_members_and_campaigns_go_on(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    add_campaign(lobby, "another")
    bodies = [REFUSES, {**REFUSES, "kind": "pps"}, WILL_SIGN, {**WILL_NOT, "campaign": "another"}]
    for body in bodies:
        add_override(client, key, body)
    client.post(f"/v1/members/{WRENFIELD}/overrides", headers=key, json=WILL_NOT)
    overrides = list_overrides(client, key)
    assert [row["kind"] for row in overrides] == [body["kind"] for body in reversed(bodies)]
    assert all(row["is_in_force"] for row in overrides)


def test_another_organisations_note_goes_on(client: TestClient, lobby: Lobby, key: Headers) -> None:
    add_override(client, key, REFUSES)
    add_override(client, others_key(lobby, Scope.CAMPAIGNS_WRITE), REFUSES)
    (mine,) = list_overrides(client, key)
    assert mine["is_in_force"]


# ---- ending


@pytest.mark.parametrize("day", ["2026-06-01", "2026-06-15", TODAY])
def test_an_ended_note_stays_and_holds_no_more(client: TestClient, key: Headers, day: str) -> None:
    override = add_override(client, key, REFUSES, starts_on="2026-06-01")
    response = client.patch(f"/v1/overrides/{override['id']}", headers=key, json={"ends_on": day})
    changed = {"ends_on": day, "is_in_force": False, "ended_at": "2026-07-01T12:00:00Z"}
    assert (response.status_code, response.json()) == (200, override | changed)
    assert list_overrides(client, key) == [override | changed]
    assert row_of(client)["eligibility"] == "can_sign"


def test_a_note_can_end_on_a_day_to_come(client: TestClient, key: Headers, clock: Clock) -> None:
    override = add_override(client, key, REFUSES, ends_on="2026-07-05")
    url = f"/v1/overrides/{override['id']}"
    moved = client.patch(url, headers=key, json={"ends_on": "2026-07-03"}).json()
    assert (moved["is_in_force"], moved["ends_on"]) == (True, "2026-07-03")
    clock.advance(days=2)
    assert [row["is_in_force"] for row in list_overrides(client, key)] == [False]


def test_a_note_cannot_end_before_it_began(client: TestClient, key: Headers) -> None:
    override = add_override(client, key, REFUSES)
    url = f"/v1/overrides/{override['id']}"
    response = client.patch(url, headers=key, json={"ends_on": "2026-06-30"})
    assert refused(response) == (422, [("ends_on", "too_early")])
    nothing = client.patch(url, headers=key, json={"ends_on": None})
    assert refused(nothing) == (422, [("ends_on", "day_malformed")])
    assert list_overrides(client, key) == [override]


def test_an_end_is_history_and_does_not_move(client: TestClient, key: Headers) -> None:
    override = add_override(client, key, REFUSES, starts_on="2026-06-01")
    url = f"/v1/overrides/{override['id']}"
    first = client.patch(url, headers=key, json={"ends_on": "2026-06-15"})
    again = client.patch(url, headers=key, json={"ends_on": "2026-06-15"})
    assert (again.status_code, again.json()) == (200, first.json())
    moved = client.patch(url, headers=key, json={"ends_on": "2026-06-16"})
    assert (moved.status_code, moved.json()["code"]) == (409, "override_ended")


def test_another_organisations_notes_are_not_there(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    override = add_override(client, key, REFUSES)
    foreign = others_key(lobby, Scope.CAMPAIGNS_WRITE, Scope.TALLIES_READ)
    assert list_overrides(client, foreign) == []
    for override_id in (override["id"], "0199f8a0-0000-7000-8000-000000000000"):
        url = f"/v1/overrides/{override_id}"
        response = client.patch(url, headers=foreign, json={"ends_on": TODAY})
        assert (response.status_code, response.json()["code"]) == (404, "override_unknown")
    assert list_overrides(client, key) == [override]


def test_a_note_ends_with_the_membership_in_which_it_began(
    client: TestClient, lobby: Lobby, key: Headers, clock: Clock
) -> None:
    add_override(client, key, REFUSES)
    clock.advance(days=10)
    with lobby.database.write() as session:
        statement = select(Membership).where(Membership.member_id == MORAG)
        membership = session.exec(statement).one()
        membership.ends_on = date(2026, 7, 5)
        again = Membership(
            member_id=MORAG,
            constituency_code=membership.constituency_code,
            starts_on=date(2026, 7, 8),
        )
        session.flush()
        session.add(again)
    (old,) = list_overrides(client, key)
    assert (old["is_in_force"], old["ends_on"]) == (False, None)
    add_override(client, key, REFUSES)
    assert [row["ends_on"] for row in list_overrides(client, key)] == [None, None], (
        "it had ended already"
    )


@pytest.mark.parametrize("scope", [Scope.TALLIES_READ, Scope.SIGNATURES_READ])
def test_notes_are_written_with_one_scope_and_read_with_another(
    client: TestClient, lobby: Lobby, scope: Scope
) -> None:
    key = key_for(lobby, scope)
    wrote = client.post(URL, headers=key, json=REFUSES)
    assert (wrote.status_code, wrote.json()["code"]) == (403, "scope_missing")
    writer = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    override = add_override(client, writer, REFUSES)
    ended = client.patch(f"/v1/overrides/{override['id']}", headers=key, json={"ends_on": TODAY})
    assert ended.status_code == 403
    assert client.get(URL, headers=writer).status_code == 403


# ---- history


def test_every_beginning_and_ending_is_in_the_history(
    client: TestClient, lobby: Lobby, key: Headers, clock: Clock
) -> None:
    add_campaign(lobby, "another")
    add_override(client, key, {**WILL_SIGN, "campaign": "another"})
    override = add_override(client, key, WILL_SIGN, starts_on="2026-06-20")
    clock.advance(days=2)
    url = f"/v1/overrides/{override['id']}"
    client.patch(url, headers=key, json={"ends_on": "2026-07-02"})
    entries = [
        (event.kind, event.has_ended, event.happened_on, event.seen_at, event.member.id, event.link)
        for event in history(lobby)
    ]
    refusal = (OverrideKind.REFUSES, False, date(2026, 6, 1), START, SALTMARSH)
    says, link = OverrideKind.SAYS_WILL_SIGN, REFUSES["link"]
    assert entries == [
        (*refusal, "https://example.org/replies/1"),
        (says, False, date(2026, 6, 20), START, MORAG, link),
        (says, True, date(2026, 7, 2), clock.now, MORAG, link),
    ]


def test_an_end_that_was_told_ahead_is_seen_on_its_day(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    add_override(client, key, REFUSES, ends_on="2026-07-09")
    begun, ended = history(lobby)[-2:]
    assert (begun.has_ended, begun.seen_at) == (False, START)
    assert (ended.has_ended, ended.seen_at) == (True, datetime(2026, 7, 9, tzinfo=UTC))


def test_another_organisations_notes_are_not_in_the_history(
    client: TestClient, lobby: Lobby
) -> None:
    before = len(history(lobby))
    add_override(client, others_key(lobby, Scope.CAMPAIGNS_WRITE), REFUSES)
    assert len(history(lobby)) == before == 1


# ---- links


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/replies/1",
        "http://example.org:8080/?a=b&c=%20#d",
        " https://example.org ",
        "https://[2001:db8::1]/",
        "https://example.org/caf\u00e9",
        "https://example.org/@name",
    ],
)
def test_a_web_address_is_a_link(text: str) -> None:
    assert urls.web_link(text) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "//example.org",
        "/replies/1",
        "ftp://example.org/",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "https:///path",
        "https:example.org",
        "https://name:secret@example.org/",
        "https://name@example.org/",
        "https://@example.org/",
        "https://example.org/a b",
        "https://example.org/\na",
        "https://example.org/\x00",
        'https://example.org/"onclick',
        "https://example.org\\@evil.example/",
        "https://[::1/",
        "https://example.org:port/",
        "https://example.org:99999/",
        "https://example.org/" + "x" * 481,
    ],
)
def test_anything_else_is_no_link(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        urls.web_link(text)
    assert [field.field for field in refusal.value.fields] == ["link"]
