"""Tests advocacy campaigns that clients create through the Action Network API."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, func, select

from models import Campaign, CampaignStatus, Scope
from services.assembly import Lobby
from tests.support.action_network import (
    V2,
    Headers,
    Json,
    assert_error,
    id_of,
    others_token,
    person,
    token_for,
)
from tests.support.common import CAN_SIGN

CAMPAIGNS = f"{V2}/advocacy_campaigns"
HIDDEN = "action_network:hidden"
WRITES = (Scope.ACTION_NETWORK, Scope.CAMPAIGNS_WRITE)
BODY: Json = {
    "title": "Save the Leith Library",
    "description": "It is the last one.\nWrite to your MP.",
    "origin_system": "FreeCampaigns.com",
    "type": "email",
    "targets": "U.S. Congress",
    "_links": {"osdi:creator": {"href": "https://actionnetwork.org/api/v2/people/1"}},
}


@pytest.fixture
def writer(lobby: Lobby) -> Headers:
    """Returns the token of an organisation's key that may change campaigns."""
    return token_for(lobby, *WRITES)


def make(client: TestClient, token: Headers, **parts: Any) -> Json:
    answer = client.post(CAMPAIGNS, headers=token, json=BODY | parts)
    assert answer.status_code == 200, answer.text
    campaign: Json = answer.json()
    return campaign


def count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(Campaign)).one()


def test_a_campaign_is_made_open_and_takes_letters_and_petitions_at_once(
    client: TestClient, writer: Headers
) -> None:
    campaign = make(client, writer)
    assert campaign["title"] == "Save the Leith Library"
    assert campaign["description"] == "It is the last one. Write to your MP."
    assert (campaign["origin_system"], campaign["type"]) == ("Central Lobby", "email")
    assert campaign["central_lobby:slug"] == "save-the-leith-library"
    assert (campaign["central_lobby:state"], campaign[HIDDEN]) == ("open", False)
    assert campaign["total_outreaches"] == 0
    path = f"{CAMPAIGNS}/{id_of(campaign)}"
    assert client.get(path, headers=writer).json() == campaign
    listed = client.get(CAMPAIGNS, headers=writer).json()["_embedded"]["osdi:advocacy_campaigns"]
    assert listed[-1] == campaign
    assert client.get("/campaigns/save-the-leith-library").status_code == 200
    address = {"address_lines": ["1 High St"], "locality": "Leith", "postal_code": CAN_SIGN}
    letter = {
        "person": person(postal_addresses=[address]),
        "subject": "The library",
        "message": "Dear MP,\n\nPlease speak up for the library. My children read there.\n",
    }
    written = client.post(f"{path}/outreaches", headers=writer, json=letter)
    assert (written.status_code, written.json()["targets"][0]["title"]) == (200, "MP")
    petition = {"title": "Keep it", "central_lobby:campaign": campaign["central_lobby:slug"]}
    made = client.post(f"{V2}/petitions", headers=writer, json=petition).json()
    assert made["central_lobby:state"] == "open"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_title_is_all_that_a_campaign_needs(client: TestClient, writer: Headers) -> None:
    first, second = (
        client.post(CAMPAIGNS, headers=writer, json={"title": title}).json()
        for title in ("Save it", "\u0421\u043f\u0430\u0441\u0438\u0442\u0435")
    )
    assert first["title"] == first["description"] == "Save it"
    assert second["central_lobby:slug"] == "campaign"
    form = client.post(CAMPAIGNS, headers=writer, data={"title": "Save it"}).json()
    assert form["central_lobby:slug"] == "save-it-2"


@pytest.mark.slow
def test_many_of_one_title_at_once_have_slugs_of_their_own(
    client: TestClient, writer: Headers
) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: make(client, writer), range(16)))
    assert len({campaign["central_lobby:slug"] for campaign in made}) == 16


def test_a_campaign_is_changed_and_hidden_and_opens_again(
    client: TestClient, writer: Headers, lobby: Lobby
) -> None:
    path = f"{CAMPAIGNS}/{id_of(make(client, writer, **{HIDDEN: True}))}"
    assert client.get("/campaigns/save-the-leith-library").status_code == 404
    partner = token_for(lobby, partner="mine")
    assert_error(client.get(path, headers=partner), 404)
    change = {"title": "Save it", "description": "Now.", HIDDEN: False}
    changed = client.put(path, headers=writer, json=change).json()
    assert {name: changed[name] for name in change} == change
    assert client.get(path, headers=partner).status_code == 200
    assert client.put(path, headers=writer, json={}).json()["title"] == "Save it"
    with lobby.database.write() as session:
        slug = "save-the-leith-library"
        row = session.exec(select(Campaign).where(col(Campaign.slug) == slug)).one()
        row.status = CampaignStatus.WON
    won = client.get(path, headers=writer).json()
    for body in (won, {HIDDEN: True}):
        assert client.put(path, headers=writer, json=body).json()["central_lobby:state"] == "won"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"title": None}, "title"),
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"description": "x" * 301}, "description"),
        ({"description": {"a": 1}}, "description"),
        ({HIDDEN: "perhaps"}, HIDDEN),
    ],
)
def test_a_wrong_field_of_a_campaign_is_named_and_none_is_made(
    client: TestClient, writer: Headers, lobby: Lobby, parts: Json, field: str
) -> None:
    before = count(lobby)
    answer = client.post(CAMPAIGNS, headers=writer, json=BODY | parts)
    assert_error(answer, 400, f"{field}: ")
    assert count(lobby) == before


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_only_the_organisations_own_keys_that_may_make_campaigns(
    client: TestClient, writer: Headers, lobby: Lobby
) -> None:
    path = f"{CAMPAIGNS}/{id_of(make(client, writer))}"
    before = count(lobby)
    for method, place in (("POST", CAMPAIGNS), ("PUT", path)):
        for token, words in (
            (token_for(lobby), "campaigns:write"),
            (token_for(lobby, partner="mine"), "partner"),
            ({}, "API Key"),
        ):
            assert_error(client.request(method, place, headers=token, json=BODY), 403, words)
    other = others_token(lobby, *WRITES)
    assert_error(client.put(path, headers=other, json=BODY), 404)
    assert count(lobby) == before
