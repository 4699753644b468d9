"""The application behind a real HTTP server in a thread, with a key and ids to call it with."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlmodel import col, select

from main import create_app
from models import Letter, Scope, Signature
from services.assembly import Lobby
from services.campaigns import campaigns, events, petitions
from services.common.tokens import Purpose
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.organisations import organisations, partners


@dataclass(frozen=True, slots=True)
class LiveService:
    """A service that answers at `url`: its OpenAPI document, and an API key with every scope.

    `metrics_token` opens the metrics, if the settings have one.

    `real` has values that exist in its database, by the name of a path parameter, by that name and
    the noun of the path ('slug petitions'), or by 'token' and the path of a call.
    """

    url: str
    document: dict[str, Any]
    key: str
    real: Mapping[str, Any]
    metrics_token: str = ""


@contextmanager
def serving(lobby: Lobby, port: int = 0) -> Iterator[LiveService]:
    """Serves a lobby that holds the demonstration, without rate limits; port 0 is any free one."""
    limitless = {"gets_per_address": 0, "posts_per_address": 0, "posts_per_key": 0}
    app = create_app(lobby.settings.model_copy(update=limitless), lobby=lobby)
    with http_server(app, port) as url:
        real = _real(lobby) | _partner(lobby)
        token = lobby.settings.metrics_token
        revealed = token.get_secret_value() if token else ""
        yield LiveService(url, app.openapi(), _key(lobby), real, revealed)


@contextmanager
def http_server(app: FastAPI, port: int = 0, *, log_level: str = "critical") -> Iterator[str]:
    """Yields the URL of an application on loopback; port 0 is any free one."""
    config = uvicorn.Config(app, port=port, log_level=log_level, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def _key(lobby: Lobby) -> str:
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        return api_keys.create(session, organisation=owner, scopes=list(Scope), now=lobby.clock())


def _partner(lobby: Lobby) -> dict[str, str]:
    """Adds a partner; returns its slug, and the prefix of a key that can be revoked."""
    slug, now = "a-paper", lobby.clock()
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        partners.create(session, organisation=owner, name="A Paper", slug=slug, now=now)
        scopes = [Scope.SIGNATURES_WRITE]
        key = api_keys.create(
            session, organisation=owner, scopes=scopes, partner_slug=slug, now=now
        )
    return {"slug partners": slug, "prefix": key.split("_")[1]}


def _real(lobby: Lobby) -> dict[str, Any]:
    about, tokens = invented_campaign.about(), lobby.tokens
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, about.campaign)
        motion = campaigns.motion_of(session, campaign.id)
        petition = petitions.by_slug(session, about.petition)
        signature = session.exec(select(Signature).order_by(col(Signature.id))).first()
        letter = session.exec(select(Letter).order_by(col(Letter.id))).first()
        update = campaigns.updates_of(session, campaign.id, now=lobby.clock())[0]
        event = events.of_campaign(session, campaign)[0]
    if signature is None or letter is None:
        raise RuntimeError("the demonstration has no signature or no letter")
    confirm = tokens.issue(Purpose.CONFIRM, signature.id)
    unsubscribe = tokens.issue(Purpose.UNSUBSCRIBE, signature.supporter_id)
    letters = tokens.issue(Purpose.LETTER, letter.id)
    return {
        "slug campaigns": campaign.slug,
        "slug petitions": petition.slug,
        "number": petition.number,
        "postcode": "EH1 1YZ",
        "member_id": letter.member_id,
        "motion_id": motion.id if motion else 1,
        "letter_id": str(letter.id),
        "update_id": str(update.id),
        "event_id": str(event.id),
        "token /v1/signatures/confirm": confirm,
        "token /v1/signatures/watch": confirm,
        "token /v1/signatures/withdraw": tokens.issue(Purpose.WITHDRAW, signature.id),
        "token /v1/signatures/disown": tokens.issue(Purpose.DISOWN, signature.id),
        "token /v1/preferences": unsubscribe,
        "token /v1/preferences/read": unsubscribe,
        "token /v1/letters/confirm": letters,
        "token /v1/letters/cancel": letters,
        "token /v1/letters/copy": letters,
        "token /v1/letters/answer": tokens.issue(Purpose.LETTER_ANSWER, letter.id),
    }
