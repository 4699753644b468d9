"""Keys, people, paths and pages for tests of the Action Network dialect."""

from typing import Any

import httpx2
from fastapi.testclient import TestClient
from sqlmodel import select

from models import (
    ApiKey,
    Campaign,
    Partner,
    Petition,
    Scope,
)
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.organisations import organisations, partners
from tests.support.common import CAN_SIGN, PETITION

V2 = "/api/v2"
TOKEN = "OSDI-API-Token"
Headers = dict[str, str]
Json = dict[str, Any]
READS = (Scope.ACTION_NETWORK, Scope.SIGNATURES_READ)


def token_for(
    lobby: Lobby, *scopes: Scope, organisation: str | None = None, partner: str | None = None
) -> Headers:
    """Creates a key and returns the dialect's header; without scopes it may only post."""
    with lobby.database.write() as session:
        slug = organisation or invented_campaign.about().organisation
        owner = organisations.by_slug(session, slug)
        if partner and not session.exec(select(Partner).where(Partner.slug == partner)).first():
            partners.create(
                session, organisation=owner, name=partner, slug=partner, now=lobby.clock()
            )
        key = api_keys.create(
            session,
            organisation=owner,
            scopes=list(scopes or (Scope.ACTION_NETWORK,)),
            now=lobby.clock(),
            partner_slug=partner,
        )
    return {TOKEN: key}


def others_token(lobby: Lobby, *scopes: Scope) -> Headers:
    """Adds a second organisation and returns the header of a key of its own."""
    with lobby.database.write() as session:
        organisations.create(session, name="Others", slug="others", now=lobby.clock())
    return token_for(lobby, *scopes, organisation="others")


def revoke(lobby: Lobby, token: Headers) -> None:
    prefix = token[TOKEN].split("_")[1]
    with lobby.database.write() as session:
        key = session.exec(select(ApiKey).where(ApiKey.prefix == prefix)).one()
        key.revoked_at = lobby.clock()


def petition_id(lobby: Lobby) -> str:
    with lobby.database.read() as session:
        return str(session.exec(select(Petition.id).where(Petition.slug == PETITION)).one())


def campaign_id(lobby: Lobby) -> str:
    with lobby.database.read() as session:
        return str(session.exec(select(Campaign.id)).one())


def signatures_of(lobby: Lobby) -> str:
    """Returns the path of the demonstration's signatures."""
    return f"{V2}/petitions/{petition_id(lobby)}/signatures"


def person(email: str = "anna@example.org", **parts: Any) -> Json:
    """Returns a person as integrations send them; the primary addresses are not the first ones."""
    return {
        "given_name": "Anna",
        "family_name": "Example",
        "email_addresses": [
            {"address": "old@example.org"},
            {"address": email, "primary": True},
        ],
        "postal_addresses": [
            {"postal_code": "90210", "country": "US"},
            {"postal_code": CAN_SIGN, "country": "GB", "primary": True},
        ],
        "languages_spoken": ["en"],
        "custom_fields": {"shoe_size": "42"},
    } | parts


def id_of(answer: Json) -> str:
    """Returns the id in the first identifier, which is the one that clients use."""
    system, _, row_id = answer["identifiers"][0].partition(":")
    assert system == "action_network"
    return str(row_id)


def every_page(client: TestClient, path: str, token: Headers, name: str) -> list[Json]:
    """Reads page by page until one is empty, as parsons does."""
    rows: list[Json] = []
    for number in range(1, 100):
        answer = client.get(path, headers=token, params={"page": number})
        assert answer.status_code == 200, answer.text
        page = answer.json()["_embedded"][f"osdi:{name}"]
        if not page:
            return rows
        rows += page
    raise AssertionError("there is no end of pages")


def assert_error(answer: httpx2.Response, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    for word in words:
        assert word in answer.json()["error"]
