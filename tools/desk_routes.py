"""Every page of the desk that can be read, from the application's own routes, with its address.

A new page is found without a change here, if its parameters are known: see `VALUES`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlmodel import Session, col, select

from models import (
    ApiKey,
    Campaign,
    CampaignEvent,
    CampaignUpdate,
    EventKind,
    Letter,
    LetterState,
    Membership,
    Organisation,
    Organiser,
    Partner,
    Petition,
    Scope,
    WebhookEndpoint,
    WebhookEvent,
)
from services.accounts import sessions
from services.assembly import Lobby
from services.campaigns import campaigns, events, news
from services.common import times
from services.keys import api_keys
from services.letters.kinds import variants
from services.organisations import partners
from services.webhooks import endpoints
from services.webhooks.endpoints import NewWebhook

_PARAMETER = re.compile(r"\{(\w+)\}")
_MODULES = "web.organisers"
_BELOW = "/organiser"


@dataclass(frozen=True, slots=True)
class DeskRoutes:
    """The addresses of pages by their routes, and the routes with a parameter without a value."""

    addresses: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def of_app(app: FastAPI, lobby: Lobby, slug: str) -> DeskRoutes:
    """Returns the pages about a campaign and its organisation."""
    found = DeskRoutes()
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, slug)
        for path in _paths(app):
            address = _address(session, campaign, path)
            if address is None:
                found.unknown.append(path)
            else:
                found.addresses[path] = address
    return found


def add_objects(lobby: Lobby, slug: str) -> None:
    """Adds one of everything that pages are about, beside people, signatures and letters."""
    now = lobby.clock()
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, slug)
        owner = session.get_one(Organisation, campaign.organisation_id)
        organiser = _owner(session, campaign)
        yesterday = now - timedelta(days=1)
        news.add(
            session, campaign, title="News", body="It goes on.", published_at=yesterday, now=now
        )
        day = {"kind": EventKind.OTHER, "title": "A day", "day": times.today(now)}
        events.add(session, campaign, values=day, now=now)
        if variants.in_use(session, campaign).is_built_in:
            variants.save(session, campaign, variants.built_in(), now=now)
        partners.create(session, organisation=owner, name="A Club", slug="a-club", now=now)
        scopes = [Scope.TALLIES_READ]
        api_keys.create(session, organisation=owner, name="Site", scopes=scopes, now=now)
        hook = NewWebhook("https://hooks.example.org/in", [WebhookEvent.LETTER_SENT])
        endpoints.create(session, hook, organiser, to_loopback=False, now=now)


def sign_in(lobby: Lobby, slug: str) -> str:
    """Returns the token of a new session of an owner, who can see everything."""
    with lobby.database.write() as session:
        owner = _owner(session, campaigns.by_slug(session, slug))
        return sessions.begin(session, owner, device="A bench", now=lobby.clock())


def _owner(session: Session, campaign: Campaign) -> Organiser:
    of_organisation = select(Organiser).where(Organiser.organisation_id == campaign.organisation_id)
    return session.exec(of_organisation.order_by(col(Organiser.created_at))).first() or _none()


def _none() -> Any:
    raise RuntimeError("the campaign's organisation has nobody who can sign in")


def _paths(app: FastAPI) -> list[str]:
    paths = {
        context.path or ""
        for context in iter_route_contexts(app.routes)
        if "GET" in (context.methods or ())
        and getattr(getattr(context, "endpoint", None), "__module__", "").startswith(_MODULES)
    }
    return sorted(path for path in paths if path.startswith(_BELOW))


def _address(session: Session, campaign: Campaign, path: str) -> str | None:
    values: dict[str, str] = {}
    for name in _PARAMETER.findall(path):
        value = _value(session, campaign, path, name)
        if value is None:
            return None
        values[name] = str(value)
    return path.format(**values)


def _value(session: Session, campaign: Campaign, path: str, name: str) -> Any:
    if name == "slug" and path.startswith(f"{_BELOW}/campaigns/"):
        return campaign.slug
    find = VALUES.get(name)
    return session.exec(find(campaign)).first() if find else FIXED.get(name)


FIXED = {"stage": "close", "variant": "ask"}
"""The values of parameters that name no row."""
VALUES: dict[str, Callable[[Campaign], Any]] = {
    # Of a partner: that of a campaign is its own.
    "slug": lambda of: select(Partner.slug).where(Partner.organisation_id == of.organisation_id),
    "petition_slug": lambda of: select(Petition.slug).where(Petition.campaign_id == of.id),
    "update_id": lambda of: select(CampaignUpdate.id).where(CampaignUpdate.campaign_id == of.id),
    "event_id": lambda of: select(CampaignEvent.id).where(CampaignEvent.campaign_id == of.id),
    "letter_id": lambda of: select(Letter.id).where(
        Letter.campaign_id == of.id, Letter.state == LetterState.UNCERTAIN
    ),
    "prefix": lambda of: select(ApiKey.prefix).where(ApiKey.organisation_id == of.organisation_id),
    "webhook_id": lambda of: select(WebhookEndpoint.id).where(
        WebhookEndpoint.organisation_id == of.organisation_id
    ),
    "organiser_id": lambda of: select(Organiser.id).where(
        Organiser.organisation_id == of.organisation_id
    ),
    "member": lambda _: select(Membership.member_id).where(col(Membership.ends_on).is_(None)),
    "member_id": lambda _: select(Membership.member_id).where(col(Membership.ends_on).is_(None)),
    "gss": lambda _: select(Membership.constituency_code).where(col(Membership.ends_on).is_(None)),
}
"""How to find the value of a parameter, by its name."""
