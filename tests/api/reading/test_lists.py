"""Tests lists of the JSON API, what a key is, one motion, and what all of them share."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from models import (
    Campaign,
    CampaignMotion,
    CampaignStatus,
    Member,
    Membership,
    Motion,
    Petition,
    PetitionState,
    Scope,
)
from services.assembly import Lobby
from services.keys import api_keys
from services.organisations import organisations, partners
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, START
from tests.support.keys import OTHERS, key_for, others_key
from tests.support.problems import assert_problem

MOTION = 900152
LISTS = ("/v1/campaigns", "/v1/petitions", "/v1/constituencies", "/v1/members")


def read(client: TestClient, path: str, **options: Any) -> Any:
    answer = client.get(path, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


# ---- the key


def test_any_key_learns_whose_it_is_and_what_it_may_do(client: TestClient, lobby: Lobby) -> None:
    others_key(lobby, Scope.TALLIES_READ)
    for organisation in (None, OTHERS):
        key = key_for(lobby, Scope.LETTERS_READ, Scope.TALLIES_READ, organisation=organisation)
        me = read(client, "/v1/me", headers=key)
        assert me["scopes"] == ["letters:read", "tallies:read"]
        assert me["prefix"] in key["Authorization"]
        assert me["partner"] is None
        assert (me["organisation"]["slug"] == OTHERS) == (organisation == OTHERS)
        secret = key["Authorization"].rpartition("_")[2]
        assert secret not in client.get("/v1/me", headers=key).text
    assert_problem(client.get("/v1/me"), 401, "key_missing")


def test_a_partners_key_learns_its_partner_name_and_petitions(
    client: TestClient, lobby: Lobby
) -> None:
    now = lobby.clock()
    with lobby.database.write() as session:
        campaign = session.exec(select(Campaign).where(Campaign.slug == CAMPAIGN)).one()
        owner = organisations.get(session, campaign.organisation_id)
        partners.create(session, organisation=owner, name="A Paper", slug="a-paper", now=now)
        key = api_keys.create(
            session,
            organisation=owner,
            scopes=[Scope.SIGNATURES_WRITE],
            partner_slug="a-paper",
            name="website",
            petition_slugs=[PETITION],
            now=now,
        )
    me = read(client, "/v1/me", headers={"Authorization": f"Bearer {key}"})
    assert me["partner"] == {"slug": "a-paper", "name": "A Paper"}
    assert (me["name"], me["petitions"]) == ("website", [PETITION])


# ---- petitions


def add_petitions(lobby: Lobby, count: int, state: PetitionState = PetitionState.OPEN) -> None:
    with lobby.database.write() as session:
        first = session.exec(select(Petition).where(Petition.slug == PETITION)).one()
        for number in range(count):
            values = {"slug": f"{state}-{number}", "number": 100 + number, "state": state}
            plain = first.model_dump(exclude={"id"})
            session.add(Petition(**plain | values))


def test_petitions_are_listed_by_pages_each_once(client: TestClient, lobby: Lobby) -> None:
    add_petitions(lobby, 5)
    slugs: list[str] = []
    url = "/v1/petitions?limit=2"
    while url:
        answer = client.get(url)
        slugs += [petition["slug"] for petition in answer.json()]
        url = answer.links.get("next", {}).get("url", "")
    assert sorted(slugs) == sorted({*(f"open-{number}" for number in range(5)), PETITION})
    assert slugs[-1] == PETITION, "the newest come first"
    (found,) = (row for row in read(client, "/v1/petitions") if row["slug"] == PETITION)
    assert found == read(client, f"/v1/petitions/{PETITION}")


def test_drafts_are_listed_for_their_own_organisation_alone(
    client: TestClient, lobby: Lobby
) -> None:
    add_petitions(lobby, 1, PetitionState.DRAFT)
    own, others = key_for(lobby, Scope.TALLIES_READ), others_key(lobby, Scope.TALLIES_READ)
    public = [row["slug"] for row in read(client, "/v1/petitions")]
    assert "draft-0" not in public
    assert public == [row["slug"] for row in read(client, "/v1/petitions", headers=others)]
    assert "draft-0" in [row["slug"] for row in read(client, "/v1/petitions", headers=own)]
    with lobby.database.write() as session:
        for campaign in session.exec(select(Campaign)):
            campaign.status = CampaignStatus.DRAFT
    assert read(client, "/v1/petitions", headers=others) == read(client, "/v1/petitions") == []


def test_petitions_are_filtered_by_campaign_and_state(client: TestClient, lobby: Lobby) -> None:
    add_petitions(lobby, 2, PetitionState.CLOSED)
    assert len(read(client, "/v1/petitions?state=closed")) == 2
    assert len(read(client, f"/v1/petitions?campaign={CAMPAIGN}&state=open")) == 1
    assert read(client, "/v1/petitions?campaign=none") == []


# ---- constituencies and members


def test_every_constituency_is_listed_with_its_member_of_today(
    client: TestClient, lobby: Lobby
) -> None:
    rows = read(client, "/v1/constituencies")
    assert len(rows) == 14
    tally = read(client, f"/v1/campaigns/{CAMPAIGN}/tally")["rows"]
    assert [(row["code"], row["member"]) for row in rows] == [
        (row["constituency"]["code"], row["member"]) for row in tally
    ]
    with lobby.database.write() as session:
        statement = select(Membership).where(col(Membership.ends_on).is_(None))
        session.exec(statement.limit(1)).one().ends_on = START.date()
    filled = [row for row in read(client, "/v1/constituencies") if row["member"]]
    assert len(filled) == len(read(client, "/v1/members")) == 12


def test_members_are_listed_with_their_seats_and_offices(client: TestClient) -> None:
    members = read(client, "/v1/members")
    assert [member["id"] for member in members] == sorted(member["id"] for member in members)
    assert any(member["offices"] == ["minister"] for member in members)
    for member in members:
        page = read(client, f"/v1/members/{member['id']}")
        for name in ("name", "party", "party_name", "party_group", "constituency"):
            assert page[name] == member[name]
        held = {office["kind"] for office in page["offices"] if office["is_held"]}
        assert set(member["offices"]) == held


# ---- one motion


def test_a_motion_is_read_with_every_name_that_is_or_was_on_it(client: TestClient) -> None:
    motion = read(client, f"/v1/motions/{MOTION}")
    counts = read(client, f"/v1/campaigns/{CAMPAIGN}/tally")["members"]
    standings = [name["standing"] for name in motion["names"]]
    assert standings.count("signed") == motion["signatories"] == counts["signed"] == 4
    assert motion["signed_in_seats"] == counts["signed_in_seats"]
    assert standings.count("withdrawn") == motion["withdrawn"] == counts["withdrawn"]
    assert (motion["number"], motion["campaigns"]) == ("152", [CAMPAIGN])
    assert motion["names"][0]["role"] == "primary"
    assert standings[-1] == "withdrawn"
    assert motion["parliament_session"] == "2026-27"


def test_a_motion_of_no_public_campaign_needs_a_key_and_names_no_draft_of_others(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        for campaign in session.exec(select(Campaign)):
            campaign.status = CampaignStatus.DRAFT
    own, others = key_for(lobby, Scope.TALLIES_READ), others_key(lobby, Scope.TALLIES_READ)
    path = f"/v1/motions/{MOTION}"
    assert_problem(client.get(path), 404, "motion_unknown")
    assert read(client, path, headers=own)["campaigns"] == [CAMPAIGN]
    assert read(client, path, headers=others)["campaigns"] == []
    assert_problem(client.get("/v1/motions/1", headers=own), 404, "motion_unknown")


def test_a_member_who_left_is_on_the_motion_without_a_seat(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        motion = session.exec(select(Motion).join(CampaignMotion)).one()
        member = Member(id=31, name="Nóra Fictional", party="Labour")
        session.add(member)
        session.flush()
        name = next(row for row in session.exec(select(Membership)) if row.ends_on is None)
        assert motion.id == MOTION
        name.ends_on = START.date()
        gone = name.member_id
    names = {name["id"]: name for name in read(client, f"/v1/motions/{MOTION}")["names"]}
    assert 31 not in names
    assert all((name["constituency"] is None) == (key == gone) for key, name in names.items())


# ---- what they share


@pytest.mark.parametrize("path", [*LISTS, f"/v1/motions/{MOTION}", f"/v1/postcodes/{CAN_SIGN}"])
def test_a_client_that_has_the_answer_gets_304_until_it_changes(
    client: TestClient, lobby: Lobby, path: str
) -> None:
    first = client.get(path)
    tag = {"If-None-Match": first.headers["ETag"]}
    again = client.get(path, headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == "no-cache"
    with lobby.database.write() as session:
        for campaign in session.exec(select(Campaign)):
            campaign.title = f"{campaign.title}!"
        for petition in session.exec(select(Petition)):
            petition.action = f"{petition.action}!"
        for member in session.exec(select(Member)):
            member.name = f"{member.name} OBE"
    assert client.get(path, headers=tag).status_code == 200


def test_the_last_page_has_another_tag_than_the_same_rows_with_a_page_after_them(
    client: TestClient, lobby: Lobby
) -> None:
    whole = client.get("/v1/petitions?limit=1")
    assert "Link" not in whole.headers
    with lobby.database.write() as session:
        first = session.exec(select(Petition).where(Petition.slug == PETITION)).one()
        values = {
            "slug": "older",
            "number": 99,
            "id": f"00000000-{first.id.hex[:4]}-7000-8000-000000000000",
        }
        session.add(Petition.model_validate(first.model_dump() | values))
    page = client.get("/v1/petitions?limit=1")
    assert page.json() == whole.json()
    assert page.headers["ETag"] != whole.headers["ETag"]


@pytest.mark.parametrize("has_key", [False, True])
def test_what_was_made_says_where_it_is_also_when_it_is_sent_again(
    client: TestClient, lobby: Lobby, has_key: bool
) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE, Scope.WEBHOOKS_WRITE, Scope.TALLIES_READ)
    hook = {"url": "https://partner.example/in", "events": ["letter.sent"]}
    event = {"kind": "other", "title": "A meeting", "day": "2026-08-01"}
    made = {
        "/v1/campaigns": {"slug": "beds", "title": "Beds", "summary": "More of them."},
        "/v1/campaigns/beds/petitions": {
            "slug": "more",
            "action": "More beds",
            "addressed_to": "X",
        },
        "/v1/campaigns/beds/updates": {"title": "News", "body": "Good news."},
        "/v1/campaigns/beds/events": event,
        "/v1/partners": {"slug": "a-paper", "name": "A Paper"},
        "/v1/webhooks": hook,
    }
    for number, (path, body) in enumerate(made.items()):
        headers = key | ({"Idempotency-Key": f"k{number}"} if has_key else {})
        answers = [client.post(path, json=body, headers=headers)]
        if has_key:
            answers.append(client.post(path, json=body, headers=headers))
            assert answers[1].headers["Idempotency-Replayed"] == "true"
        for answer in answers:
            assert answer.status_code == 201, answer.text
            where = answer.headers["Location"]
            assert where.startswith("http://testserver/v1/")
            found = read(client, where, headers=key)
            told = answer.json()
            assert all(found[name] == told[name] for name in ("id", "slug") if name in told)


# ---- plain days


def test_a_plain_day_begins_at_midnight_in_london(client: TestClient, lobby: Lobby) -> None:
    path = f"/v1/campaigns/{CAMPAIGN}/tally/history"
    by_day = read(client, path, params={"from": "2026-06-01", "to": "2026-06-02"})
    moments = {"from": "2026-05-31T23:00:00Z", "to": "2026-06-02T23:00:00Z"}
    assert by_day == read(client, path, params=moments)
    assert by_day["points"][0]["at"] == "2026-05-31T23:00:00Z"
    key = key_for(lobby, Scope.SIGNATURES_READ, Scope.LETTERS_READ)
    for call in (
        f"/v1/petitions/{PETITION}/signatures",
        f"/v1/petitions/{PETITION}/signatures.csv",
        f"/v1/campaigns/{CAMPAIGN}/letters.csv?personal=false",
    ):
        mark = "&" if "?" in call else "?"
        day = (START - timedelta(days=3)).date()
        plain = client.get(f"{call}{mark}since={day}", headers=key)
        exact = client.get(f"{call}{mark}since={day - timedelta(days=1)}T23:00:00Z", headers=key)
        assert plain.status_code == 200, plain.text
        assert plain.content == exact.content
        if "letters" not in call:  # those were all written today
            assert plain.content != client.get(call, headers=key).content


@pytest.mark.parametrize(
    "day",
    [
        "2026-6-1",
        "20260601",
        "1782000000",
        "1782000000.5",
        "2026-02-30",
        "9999-12-31",
        "2026-W01-1",
    ],
)
def test_a_day_that_is_none_names_the_field(client: TestClient, day: str) -> None:
    answer = client.get(f"/v1/campaigns/{CAMPAIGN}/tally/history", params={"to": day})
    fields = [error["field"] for error in answer.json().get("errors", [])]
    assert (answer.status_code, fields) == (422, ["to"])
