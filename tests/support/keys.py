"""API keys, campaigns, and a second organisation that must not see the first one's data."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlmodel import func, select
from structlog.testing import capture_logs
from structlog.typing import EventDict

from core import logs
from models import (
    ApiKey,
    CampaignStatus,
    Scope,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import invented_campaign
from services.keys import api_keys
from services.organisations import organisations

Headers = dict[str, str]
OTHERS = "others"


@contextmanager
def logged() -> Iterator[list[EventDict]]:
    """Collects the log entries of the block. By default tests log errors only."""
    logs.configure(level="INFO")
    try:
        with capture_logs() as entries:
            yield entries
    finally:
        logs.configure(level="ERROR")


def secret_of(key: str) -> str:
    """Returns the secret part of a key."""
    return key.split("_", 2)[2]


def key_for(lobby: Lobby, *scopes: Scope, organisation: str | None = None) -> Headers:
    """Creates a key of the demonstration's organisation, or of another; returns its header."""
    with lobby.database.write() as session:
        slug = organisation or invented_campaign.about().organisation
        owner = organisations.by_slug(session, slug)
        key = api_keys.create(session, organisation=owner, scopes=list(scopes), now=lobby.clock())
    return {"Authorization": f"Bearer {key}"}


def others_key(lobby: Lobby, *scopes: Scope) -> Headers:
    """Adds a second organisation and returns the header of a key of its own."""
    with lobby.database.write() as session:
        organisations.create(session, name="Others", slug=OTHERS, now=lobby.clock())
    return key_for(lobby, *scopes, organisation=OTHERS)


def add_campaign(
    lobby: Lobby,
    slug: str,
    *,
    organisation: str | None = None,
    motion_id: int | None = None,
    status: CampaignStatus = CampaignStatus.OPEN,
) -> None:
    """Adds a campaign of the demonstration's organisation, or of another."""
    with lobby.database.write() as session:
        owner = organisations.by_slug(
            session, organisation or invented_campaign.about().organisation
        )
        campaigns.create(
            session,
            organisation_id=owner.id,
            values={"slug": slug, "title": slug, "summary": slug, "status": status},
            motion_id=motion_id,
            now=lobby.clock(),
        )


def key_of(lobby: Lobby, key: Headers) -> ApiKey:
    prefix = key["Authorization"].split("_")[1]
    with lobby.database.read() as session:
        return session.exec(select(ApiKey).where(ApiKey.prefix == prefix)).one()


def revoke(lobby: Lobby, key: str) -> None:
    with lobby.database.write() as session:
        api_keys.revoke(session, key, now=lobby.clock())


def count_keys(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(ApiKey)).one()
