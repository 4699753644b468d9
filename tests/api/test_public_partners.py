"""Tests partners in the JSON API: for organisers, and on public pages."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlmodel import func, select

from models import CampaignStatus, Organisation, Partner, Scope
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.organisations import organisations, partners
from tests.support.common import CAMPAIGN, PETITION
from tests.support.keys import OTHERS, add_campaign, key_for, others_key
from tests.support.pages import visible
from tests.support.partners import PAPER, RADIO, add_partner, partner_key
from tests.support.problems import assert_problem

PARTNERS = "/v1/partners"
SITE = "https://paper.example.org"
NEW: dict[str, Any] = {
    "slug": PAPER,
    "name": "A Paper",
    "website": SITE,
    "allowed_origins": [SITE, "http://localhost:3000"],
    "is_public": True,
}
SHOWN = {"slug": PAPER, "name": "A Paper", "website": SITE}


def partner_count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(Partner)).one()


def change_partner(lobby: Lobby, slug: str = PAPER, **values: Any) -> None:
    """Changes a partner as a command in another process does. Caches of this process stay."""
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        partner = partners.own(session, slug, organisation_id=owner.id)
        partners.change(session, partner, **values)


# ---- as JSON


def test_a_partner_is_added_read_listed_and_changed(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    made = client.post(PARTNERS, json=NEW, headers=key)
    assert made.status_code == 201
    partner = made.json()
    assert partner == NEW | {"created_at": partner["created_at"]}
    assert client.get(f"{PARTNERS}/{PAPER}", headers=key).json() == partner
    assert client.get(PARTNERS, headers=key).json() == [partner]
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"name": "The Paper"}, {"name": "The Paper"}),
        ({"website": None, "is_public": False}, {"website": None, "is_public": False}),
        ({"allowed_origins": []}, {"allowed_origins": []}),
        ({}, {}),
    ]
    for body, changed in changes:
        partner |= changed
        answer = client.patch(f"{PARTNERS}/{PAPER}", json=body, headers=key)
        assert (answer.status_code, answer.json()) == (200, partner)
    assert client.get(f"{PARTNERS}/{PAPER}", headers=key).json() == partner


def test_only_a_name_and_a_slug_are_needed(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    made = client.post(PARTNERS, json={"slug": PAPER, "name": "A Paper"}, headers=key).json()
    assert (made["website"], made["allowed_origins"], made["is_public"]) == (None, [], False)


def test_all_that_is_wrong_is_told_by_its_fields_and_nothing_is_made(
    client: TestClient, lobby: Lobby
) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    before = partner_count(lobby)
    wrong = {
        "slug": "A Paper",
        "name": "",
        "website": "paper",
        "allowed_origins": [SITE, "*"],
        "key": "x",
    }
    answer = client.post(PARTNERS, json=wrong, headers=key)
    assert answer.status_code == 422
    fields = {error["field"] for error in answer.json()["errors"]}
    assert fields == {"slug", "name", "website", "allowed_origins.1", "key"}
    taken = {"slug": "new", "name": "New"}
    assert_problem(client.post(PARTNERS, json=taken, headers=key), 422, "invalid", "slug")
    assert partner_count(lobby) == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": None}, "name"),
        ({"is_public": None}, "is_public"),
        ({"allowed_origins": None}, "allowed_origins"),
        ({"slug": "another"}, "slug"),
        ({"allowed_origins": ["http://paper.example.org"]}, "allowed_origins.0"),
        ({"website": "javascript:alert(1)"}, "website"),
    ],
)
def test_a_wrong_change_is_told_by_its_field_and_changes_nothing(
    client: TestClient, lobby: Lobby, body: dict[str, Any], field: str
) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    before = client.post(PARTNERS, json=NEW, headers=key).json()
    answer = client.patch(f"{PARTNERS}/{PAPER}", json=body, headers=key)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert client.get(f"{PARTNERS}/{PAPER}", headers=key).json() == before


def test_a_slug_that_is_taken_is_a_conflict(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    add_partner(lobby)
    assert_problem(client.post(PARTNERS, json=NEW, headers=key), 409, "exists_already")


def test_a_partner_is_added_once_a_key_of_idempotency(client: TestClient, lobby: Lobby) -> None:
    headers = key_for(lobby, Scope.CAMPAIGNS_WRITE) | {"Idempotency-Key": "k"}
    first, again = (client.post(PARTNERS, json=NEW, headers=headers) for _ in range(2))
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = client.post(PARTNERS, json=NEW | {"slug": RADIO}, headers=headers)
    assert_problem(other, 422, "idempotency_key_reused", "Idempotency-Key")


def test_another_organisations_partner_is_not_there(client: TestClient, lobby: Lobby) -> None:
    theirs = others_key(lobby, Scope.CAMPAIGNS_WRITE)
    add_partner(lobby)
    add_partner(lobby, RADIO, organisation=OTHERS)
    for body in (None, {"name": "Ours now"}):
        method = "PATCH" if body else "GET"
        answer = client.request(method, f"{PARTNERS}/{PAPER}", json=body, headers=theirs)
        assert_problem(answer, 404, "partner_unknown")
    assert [partner["slug"] for partner in client.get(PARTNERS, headers=theirs).json()] == [RADIO]


CALLS = [("GET", ""), ("POST", ""), ("GET", f"/{PAPER}"), ("PATCH", f"/{PAPER}")]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_partners_key_sees_and_changes_no_partner_not_even_its_own(
    client: TestClient, lobby: Lobby, method: str, path: str
) -> None:
    add_partner(lobby)
    body = NEW if method == "POST" else {"name": "Another"} if method == "PATCH" else None
    for key in (partner_key(lobby), key_for(lobby, Scope.SIGNATURES_READ)):
        answer = client.request(method, f"{PARTNERS}{path}", json=body, headers=key)
        assert_problem(answer, 403, "scope_missing")


def test_partners_are_listed_by_pages(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    for slug in (RADIO, PAPER):
        add_partner(lobby, slug)
    first = client.get(f"{PARTNERS}?limit=1", headers=key)
    assert [partner["slug"] for partner in first.json()] == [RADIO]
    second = client.get(first.links["next"]["url"], headers=key)
    assert [partner["slug"] for partner in second.json()] == [PAPER]
    assert "next" not in second.links


# ---- what the public sees


def public_partners(client: TestClient) -> Any:
    return client.get(f"/v1/campaigns/{CAMPAIGN}").json()["partners"]


def test_the_public_sees_the_partners_that_are_public_by_name_and_no_others(
    client: TestClient, lobby: Lobby
) -> None:
    add_partner(lobby, RADIO)
    add_partner(lobby)
    assert public_partners(client) == []
    change_partner(lobby, RADIO, is_public=True)
    change_partner(lobby, is_public=True, website=SITE)
    shown = [SHOWN, {"slug": RADIO, "name": "A Radio", "website": None}]
    assert public_partners(client) == shown
    listed = client.get("/v1/campaigns").json()
    assert [campaign["partners"] for campaign in listed if campaign["slug"] == CAMPAIGN] == [shown]
    change_partner(lobby, RADIO, name="a broadcaster")
    assert [partner["name"] for partner in public_partners(client)] == ["a broadcaster", "A Paper"]
    change_partner(lobby, is_public=False)
    assert [partner["slug"] for partner in public_partners(client)] == [RADIO]


def test_a_kept_answer_changes_when_a_partner_does(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    path = f"/v1/campaigns/{CAMPAIGN}"

    def tag() -> str:
        return str(client.get(path).headers["ETag"])

    def is_known(etag: str) -> bool:
        return client.get(path, headers={"If-None-Match": etag}).status_code == 304

    tags = [tag()]
    for send, where, body in (
        (client.post, PARTNERS, NEW),
        (client.patch, f"{PARTNERS}/{PAPER}", {"name": "The Paper"}),
        (client.patch, f"{PARTNERS}/{PAPER}", {"website": None}),
    ):
        assert is_known(tags[-1])
        assert send(where, json=body, headers=key).is_success
        assert not is_known(tags[-1])
        tags.append(tag())
    client.patch(f"{PARTNERS}/{PAPER}", json={"is_public": False}, headers=key)
    assert tag() == tags[0], "as it was before"
    assert len(set(tags)) == 4


def test_a_partner_stands_on_all_campaigns_of_its_organisation_and_on_no_others(
    client: TestClient, lobby: Lobby
) -> None:
    others_key(lobby, Scope.CAMPAIGNS_WRITE)
    add_partner(lobby)
    change_partner(lobby, is_public=True)
    add_campaign(lobby, "second")
    add_campaign(lobby, "theirs", organisation=OTHERS)
    shown = {row["slug"]: row["partners"] for row in client.get("/v1/campaigns").json()}
    ours = [{**SHOWN, "website": None}]
    assert (shown[CAMPAIGN], shown["second"], shown["theirs"]) == (ours, ours, [])


def test_a_list_of_campaigns_takes_no_statement_more_for_partners_however_many(
    client: TestClient, lobby: Lobby
) -> None:
    def statements() -> int:
        sent: list[str] = []

        def note(_connection: Any, _cursor: Any, text: str, *_others: Any) -> None:
            sent.append(text)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            client.get("/v1/campaigns")
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        return len(sent)

    before = statements()
    for slug in (PAPER, RADIO):
        add_partner(lobby, slug)
        change_partner(lobby, slug, is_public=True)
    for number in range(3):
        add_campaign(lobby, f"more-{number}")
    assert statements() == before


def test_the_public_sees_no_more_partners_than_an_answer_should_have(
    lobby: Lobby, client: TestClient
) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        for number in range(partners.MOST_PUBLIC):
            name = f"p-{number}"
            partners.create(
                session, organisation=owner, name=name, slug=name, is_public=True, now=lobby.clock()
            )
    assert len(public_partners(client)) == partners.MOST_PUBLIC
    answer = client.post(PARTNERS, json=NEW, headers=key)
    assert_problem(answer, 409, "public_partners_too_many")
    assert client.post(PARTNERS, json=NEW | {"is_public": False}, headers=key).is_success
    body = {"is_public": True}
    answer = client.patch(f"{PARTNERS}/{PAPER}", json=body, headers=key)
    assert_problem(answer, 409, "public_partners_too_many")
    assert client.patch(f"{PARTNERS}/p-0", json=body, headers=key).is_success, "it is one already"
    client.patch(f"{PARTNERS}/p-0", json={"is_public": False}, headers=key)
    assert client.patch(f"{PARTNERS}/{PAPER}", json=body, headers=key).is_success


def test_the_campaigns_page_names_its_partners_with_links_where_they_have_sites(
    client: TestClient, lobby: Lobby
) -> None:
    page = f"/campaigns/{CAMPAIGN}"
    add_partner(lobby)
    assert "Backed by" not in visible(client.get(page))
    change_partner(lobby, is_public=True, website=f"{SITE}/?a=1&b=2")
    assert "Backed by A Paper" in visible(client.get(page))
    link = f'<a href="{SITE}/?a=1&amp;b=2" rel="noopener">A Paper</a>'
    assert link in client.get(page).text
    add_partner(lobby, RADIO)
    change_partner(lobby, RADIO, is_public=True, name="<b>Radio</b>")
    text = client.get(page).text
    assert f"Backed by &lt;b&gt;Radio&lt;/b&gt; and {link}</p>" in text


def test_a_draft_shows_its_partners_to_its_organisation_alone(
    client: TestClient, lobby: Lobby
) -> None:
    add_partner(lobby)
    change_partner(lobby, is_public=True)
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        campaigns.update(
            session, campaign, values={"status": CampaignStatus.DRAFT}, now=lobby.clock()
        )
    assert client.get(f"/v1/campaigns/{CAMPAIGN}").status_code == 404
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    draft = client.get(f"/v1/campaigns/{CAMPAIGN}", headers=key).json()
    assert [partner["slug"] for partner in draft["partners"]] == [PAPER]


def test_what_else_tells_of_petitions_does_not_change_with_partners(
    client: TestClient, lobby: Lobby
) -> None:
    paths = ("/petitions.json", f"/v1/petitions/{PETITION}")
    before = [client.get(path).content for path in paths]
    add_partner(lobby)
    change_partner(lobby, is_public=True)
    assert [client.get(path).content for path in paths] == before
    with lobby.database.read() as session:
        owner = session.exec(select(Organisation)).first()
        assert owner is not None
        (partner,) = partners.public_of(session, [owner.id])[owner.id]
    assert partner.slug == PAPER
