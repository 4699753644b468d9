"""Keys, people, paths and pages for tests of the Action Network dialect."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from fastapi.testclient import TestClient
from sqlmodel import select

from main import create_app
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
CLIENTS = Path(sys.prefix) / "clients" / "bin" / "python"
SCRIPTS = Path(__file__).parents[1] / "api" / "action_network" / "clients"
EVERYTHING = (
    Scope.ACTION_NETWORK,
    Scope.SIGNATURES_READ,
    Scope.LETTERS_READ,
    Scope.LETTERS_WRITERS,
    Scope.CAMPAIGNS_WRITE,
)


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


# ---- published clients


@contextmanager
def served(lobby: Lobby, port: int) -> Iterator[str]:
    """Serves the application and yields the address of its Action Network API."""
    site = f"http://127.0.0.1:{port}"
    lobby = replace(lobby, settings=lobby.settings.model_copy(update={"base_url": site}))
    app = create_app(lobby.settings, lobby=lobby)
    config = uvicorn.Config(app, port=port, log_level="critical", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield f"{site}{V2}"
    finally:
        server.should_exit = True
        thread.join()


def run_client(script: str, *arguments: str) -> dict[str, Json]:
    """Runs a client script and returns the outcomes of its calls by their names."""
    assert CLIENTS.exists(), "the clients are not installed: run `make setup`"
    done = subprocess.run(
        [CLIENTS, script, *arguments],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line[1:]) for line in done.stdout.splitlines() if line.startswith("@")]
    return {line["call"]: line for line in lines}
