"""Tests petitions that clients create through the Action Network API."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlmodel import func, select

from models import Campaign, CampaignStatus, Petition, PetitionState, Scope
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common import texts
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
from tests.support.common import CAMPAIGN
from tests.support.keys import key_for

WRITES = (Scope.ACTION_NETWORK, Scope.CAMPAIGNS_WRITE)
PETITIONS = f"{V2}/petitions"
WHICH = "central_lobby:campaign"
HIDDEN = "action_network:hidden"
BODY: Json = {
    "title": "Save the Leith Library",
    "description": "It is the last one.",
    "target": [{"name": "Edinburgh City Council"}],
}


@pytest.fixture
def writer(lobby: Lobby) -> Headers:
    """Returns the token of an organisation's key that may change campaigns."""
    return token_for(lobby, *WRITES)


def make(client: TestClient, token: Headers, **parts: Any) -> Json:
    answer = client.post(PETITIONS, headers=token, json=BODY | parts)
    assert answer.status_code == 200, answer.text
    petition: Json = answer.json()
    return petition


def count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(Petition)).one()


def add_campaign(
    lobby: Lobby, slug: str, status: CampaignStatus = CampaignStatus.OPEN, owner: str = CAMPAIGN
) -> None:
    """Adds a campaign to the organisation that has the campaign `owner`."""
    with lobby.database.write() as session:
        organisation_id = campaigns.by_slug(session, owner).organisation_id
        values = {"slug": slug, "title": slug, "summary": "", "status": status}
        campaigns.create(session, organisation_id=organisation_id, values=values, now=lobby.clock())


def end_campaign(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        session.exec(select(Campaign)).one().status = CampaignStatus.WON


def refused(client: TestClient, token: Headers, **parts: Any) -> httpx2.Response:
    return client.post(PETITIONS, headers=token, json=BODY | parts)


# ---- new petitions


def test_a_petition_is_made_with_the_slug_of_its_title_and_can_be_signed_at_once(
    client: TestClient, writer: Headers, lobby: Lobby
) -> None:
    petition = make(client, writer)
    assert petition["title"] == petition["petition_text"] == "Save the Leith Library"
    assert petition["description"] == "It is the last one."
    assert petition["target"] == [{"name": "Edinburgh City Council"}]
    assert petition["central_lobby:slug"] == "save-the-leith-library"
    assert (petition["central_lobby:state"], petition[HIDDEN]) == ("open", False)
    assert petition["browser_url"] == "http://testserver/petitions/save-the-leith-library"
    assert petition["total_signatures"] == 0
    assert client.get(f"{PETITIONS}/{id_of(petition)}", headers=writer).json() == petition
    listed = client.get(PETITIONS, headers=writer).json()["_embedded"]["osdi:petitions"]
    assert listed[-1] == petition
    assert client.get("/petitions/save-the-leith-library").status_code == 200
    path = f"{PETITIONS}/{id_of(petition)}/signatures"
    for token in (writer, token_for(lobby, partner="mine"), {}):
        assert client.post(path, headers=token, json={"person": person()}).status_code == 200
    with lobby.database.read() as session:
        made = session.exec(select(Petition).where(Petition.slug == petition["central_lobby:slug"]))
        assert session.get_one(Campaign, made.one().campaign_id).slug == CAMPAIGN


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_title_is_all_that_a_petition_needs(client: TestClient, writer: Headers) -> None:
    answer = client.post(PETITIONS, headers=writer, json={"title": "Save it"}).json()
    assert (answer["description"], answer["central_lobby:state"]) == ("", "open")
    assert answer["target"] == [{"name": "the UK Government"}]
    path = f"{PETITIONS}/{id_of(answer)}/signatures"
    assert client.post(path, headers=writer, json={"person": person()}).status_code == 200
    draft = {"title": "Save it", HIDDEN: True}
    answer = client.post(PETITIONS, headers=writer, json=draft).json()
    assert (answer["target"], answer["central_lobby:state"]) == ([], "draft")
    form = client.post(PETITIONS, headers=writer, data={"title": "Save it", "target": "Them"})
    assert form.json()["target"] == [{"name": "Them"}]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_is_not_kept_of_a_petition_is_left_out(client: TestClient, writer: Headers) -> None:
    petition = make(
        client,
        writer,
        origin_system="FreePetitions.com",
        identifiers=["free_petitions:1"],
        browser_url="https://free.example.org/1",
        name="Internal",
        petition_text="Dear Council, please.",
        _links={"osdi:creator": {"href": "https://actionnetwork.org/api/v2/people/1"}},
    )
    assert petition["origin_system"] == "Central Lobby"
    assert petition["identifiers"] == [f"action_network:{id_of(petition)}"]
    assert petition["description"] == "It is the last one."


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_text_of_the_petition_is_taken_where_there_is_no_description(
    client: TestClient, writer: Headers
) -> None:
    made = make(client, writer, description=None, petition_text="Dear Council, please.")
    assert made["description"] == "Dear Council, please."
    path = f"{PETITIONS}/{id_of(made)}"
    assert client.put(path, headers=writer, json=made).json()["description"] == made["description"]
    changed = client.put(path, headers=writer, json={"petition_text": "Dear all."}).json()
    assert changed["description"] == "Dear all."


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_same_sent_again_makes_another_petition(client: TestClient, writer: Headers) -> None:
    first, second = (make(client, writer, identifiers=["other:1"]) for _ in range(2))
    assert id_of(first) != id_of(second)
    assert second["central_lobby:slug"] == "save-the-leith-library-2"


# ---- opening a petition


@pytest.mark.slow
def test_a_draft_takes_signatures_once_it_is_opened(
    client: TestClient, writer: Headers, lobby: Lobby
) -> None:
    path = f"{PETITIONS}/{id_of(make(client, writer, **{HIDDEN: True}))}"
    body = {"person": person()}
    assert_error(client.post(f"{path}/signatures", headers=writer, json=body), 409, "draft")
    assert_error(client.post(f"{path}/signatures", json=body), 404)
    partner = token_for(lobby, partner="mine")
    assert_error(client.post(f"{path}/signatures", headers=partner, json=body), 404)
    opened = client.put(path, headers=writer, json={HIDDEN: False}).json()
    assert (opened["central_lobby:state"], opened[HIDDEN]) == ("open", False)
    assert client.post(f"{path}/signatures", headers=writer, json=body).status_code == 200
    assert client.get("/petitions/save-the-leith-library").status_code == 200
    hidden = client.put(path, headers=writer, json={HIDDEN: True}).json()
    assert hidden["central_lobby:state"] == "draft"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_petition_of_a_draft_campaign_says_that_this_has_to_open_first(
    client: TestClient, writer: Headers, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        session.exec(select(Campaign)).one().status = CampaignStatus.DRAFT
    path = f"{PETITIONS}/{id_of(make(client, writer))}/signatures"
    body = {"person": person()}
    assert_error(client.post(path, headers=writer, json=body), 409, "campaign", "draft")
    assert_error(client.post(path, json=body), 404, "There is no such petition.")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_draft_that_is_addressed_to_nobody_cannot_open(
    client: TestClient, writer: Headers, lobby: Lobby
) -> None:
    before = count(lobby)
    assert_error(refused(client, writer, target=[{"name": " "}]), 400, "target: ")
    assert count(lobby) == before
    path = f"{PETITIONS}/{id_of(make(client, writer, target=None, **{HIDDEN: True}))}"
    assert_error(client.put(path, headers=writer, json={HIDDEN: False}), 400, "target: ")
    changed = client.patch(
        "/v1/petitions/save-the-leith-library",
        headers=key_for(lobby, Scope.CAMPAIGNS_WRITE),
        json={"state": "open"},
    )
    assert changed.status_code == 422
    assert [error["field"] for error in changed.json()["errors"]] == ["addressed_to"]
    both = client.put(path, headers=writer, json={HIDDEN: False, "target": "Them"}).json()
    assert both["central_lobby:state"] == "open"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_closed_petition_stays_closed_when_it_is_put_as_it_was_read(
    client: TestClient, writer: Headers, lobby: Lobby
) -> None:
    path = f"{PETITIONS}/{id_of(make(client, writer, **{HIDDEN: False}))}"
    with lobby.database.write() as session:
        slug = "save-the-leith-library"
        made = session.exec(select(Petition).where(Petition.slug == slug)).one()
        made.state = PetitionState.CLOSED
    read = client.get(path, headers=writer).json()
    assert client.put(path, headers=writer, json=read).json()["central_lobby:state"] == "closed"


# ---- slugs


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Save the Library!", "save-the-library"),
        ("Don't sell – ever", "dont-sell-ever"),
        ("Don’t sell", "dont-sell"),
        ("Achub Tŷ’r Ysgol", "achub-tyr-ysgol"),
        ("100% fair", "100-fair"),
        ("Спасите библиотеку", ""),
        ("one two three four five", "one-two-three-four"),
        ("four-and-twenty blackbirds", "four-and-twenty"),
        ("x" * 200, "x" * 20),
    ],
)
def test_a_slug_has_the_words_of_a_title_as_far_as_they_fit(title: str, slug: str) -> None:
    made = texts.as_slug(title, longest=20)
    assert made == slug
    assert not made or texts.slug(made) == made


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_title_of_another_script_has_a_slug_too(client: TestClient, writer: Headers) -> None:
    made = [make(client, writer, title="Спасите библиотеку") for _ in range(2)]
    assert [petition["central_lobby:slug"] for petition in made] == ["petition", "petition-2"]


@pytest.mark.slow
def test_many_of_one_title_at_once_have_slugs_of_their_own(
    client: TestClient, writer: Headers, lobby: Lobby
) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: make(client, writer), range(16)))
    wanted = BODY["title"].lower().replace(" ", "-")
    assert {petition["central_lobby:slug"] for petition in made} == {
        wanted,
        *(f"{wanted}-{number}" for number in range(2, 17)),
    }
    assert len({id_of(petition) for petition in made}) == 16


# ---- organisations and campaigns


def test_a_partner_sees_no_drafts(client: TestClient, writer: Headers, lobby: Lobby) -> None:
    partner = token_for(lobby, partner="mine")
    draft = f"{PETITIONS}/{id_of(make(client, writer, **{HIDDEN: True}))}"

    def seen(name: str) -> list[Json]:
        answer = client.get(f"{V2}/{name}", headers=partner)
        items: list[Json] = answer.json()["_embedded"][f"osdi:{name}"]
        return items

    assert [petition["central_lobby:state"] for petition in seen("petitions")] == ["open"]
    assert_error(client.get(draft, headers=partner), 404)
    assert_error(client.get(draft, headers=others_token(lobby)), 404)
    (campaign,) = seen("advocacy_campaigns")
    with lobby.database.write() as session:
        session.exec(select(Campaign)).one().status = CampaignStatus.DRAFT
    assert seen("petitions") == seen("advocacy_campaigns") == []
    campaign_path = f"{V2}/advocacy_campaigns/{id_of(campaign)}"
    assert_error(client.get(campaign_path, headers=partner), 404)
    assert client.get(campaign_path, headers=writer).status_code == 200
    assert len(client.get(PETITIONS, headers=writer).json()["_embedded"]["osdi:petitions"]) == 2


def test_a_petition_belongs_to_the_campaign_that_it_names(
    client: TestClient, writer: Headers, lobby: Lobby
) -> None:
    add_campaign(lobby, "second", CampaignStatus.DRAFT)
    before = count(lobby)
    assert_error(refused(client, writer), 400, WHICH, f"'{CAMPAIGN}'", "'second'")
    assert count(lobby) == before
    petition = make(client, writer, **{WHICH: "second"})
    with lobby.database.read() as session:
        made = session.exec(select(Petition).where(Petition.slug == petition["central_lobby:slug"]))
        assert session.get_one(Campaign, made.one().campaign_id).slug == "second"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_campaign_that_has_ended_is_no_choice(
    client: TestClient, writer: Headers, lobby: Lobby
) -> None:
    add_campaign(lobby, "ended", CampaignStatus.LOST)
    assert make(client, writer)["central_lobby:slug"] == "save-the-leith-library"
    answer = refused(client, writer, **{WHICH: "ended"})
    assert_error(answer, 400, WHICH, f"'{CAMPAIGN}'")
    assert "'ended'" not in answer.text


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_where_every_campaign_has_ended_none_is_made(
    client: TestClient, writer: Headers, lobby: Lobby
) -> None:
    end_campaign(lobby)
    for parts in ({}, {WHICH: CAMPAIGN}):
        assert_error(refused(client, writer, **parts), 400, WHICH, "ended")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_anothers_campaign_is_no_choice(client: TestClient, lobby: Lobby) -> None:
    other = others_token(lobby, *WRITES)
    before = count(lobby)
    for parts in ({}, {WHICH: CAMPAIGN}, {WHICH: "no such"}):
        answer = refused(client, other, **parts)
        assert_error(answer, 400, WHICH)
        assert CAMPAIGN not in answer.text
    assert count(lobby) == before


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_only_the_organisations_own_keys_that_may_make_petitions(
    client: TestClient, lobby: Lobby
) -> None:
    before = count(lobby)
    assert_error(refused(client, token_for(lobby)), 403, "campaigns:write")
    assert_error(refused(client, token_for(lobby, partner="mine")), 403, "partner")
    assert_error(refused(client, token_for(lobby, Scope.CAMPAIGNS_WRITE)), 403, "action_network")
    assert_error(refused(client, {}), 403, "API Key")
    assert count(lobby) == before


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"title": None}, "title"),
        ({"title": " "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": ["x"]}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"description": {"x": 1}}, "description"),
        ({"target": [{"title": "x"}]}, "target"),
        ({"target": [{"name": "x" * 201}]}, "target"),
        ({HIDDEN: "perhaps"}, HIDDEN),
        ({WHICH: 5.5}, WHICH),
        ({WHICH: "\u0000"}, WHICH),
    ],
)
def test_what_is_wrong_with_a_petition_is_named(
    client: TestClient, writer: Headers, lobby: Lobby, parts: Json, field: str
) -> None:
    before = count(lobby)
    assert_error(refused(client, writer, **parts), 400, field)
    assert count(lobby) == before


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_petition_without_a_title_is_refused(client: TestClient, writer: Headers) -> None:
    assert_error(client.post(PETITIONS, headers=writer, json={"name": "x"}), 400, "title: ")
