"""Finds the webhook endpoints that are subscribed to an event. Every emitter calls this first.

The endpoints stay locked until the transaction ends, so that none is deleted before its deliveries
are inserted.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from models import (
    ApiKey,
    Campaign,
    CampaignMotion,
    CampaignStatus,
    Petition,
    WebhookEndpoint,
    WebhookEvent,
)
from models.base import table_of
from services.keys.api_keys import key_is_good

Found = dict[UUID, list[Any]]
"""Rows of endpoints by what they are about."""
_endpoint, _key = table_of(WebhookEndpoint), table_of(ApiKey)
_petition, _campaign, _link = table_of(Petition), table_of(Campaign), table_of(CampaignMotion)


def has_responsible(now: Any) -> sa.ColumnElement[bool]:
    """SQL condition on endpoints: an organiser or a valid key is responsible for it."""
    has_key = sa.exists().where(_key.c.id == _endpoint.c.api_key_id, key_is_good(now))
    return sa.or_(_endpoint.c.organiser_id.is_not(None), has_key.correlate(_endpoint))


_IS_ACTIVE = sa.and_(_endpoint.c.disabled_at.is_(None), has_responsible(sa.bindparam("now")))
_ENDPOINT_COLUMNS = (_endpoint.c.id.label("endpoint_id"), _endpoint.c.events)


def _share_locked(statement: sa.Select[Any]) -> sa.Select[Any]:
    return statement.with_for_update(read=True, key_share=True, of=_endpoint)


# Built once at import: on the hot path, building a statement costs more than executing it.
_OF_PETITIONS = _share_locked(
    sa.select(
        *_ENDPOINT_COLUMNS,
        _petition.c.id.label("about"),
        _petition.c.slug.label("petition"),
        _campaign.c.slug.label("campaign"),
    )
    .select_from(_petition)
    .join(_campaign, _campaign.c.id == _petition.c.campaign_id)
    .join(_endpoint, _endpoint.c.organisation_id == _petition.c.organisation_id)
    .where(
        _petition.c.id.in_(sa.bindparam("ids", expanding=True)),
        sa.or_(_endpoint.c.petition_id.is_(None), _endpoint.c.petition_id == _petition.c.id),
        sa.or_(_endpoint.c.campaign_id.is_(None), _endpoint.c.campaign_id == _campaign.c.id),
        _IS_ACTIVE,
    )
    .order_by(_endpoint.c.id)
)
_OF_CAMPAIGNS = _share_locked(
    sa.select(*_ENDPOINT_COLUMNS, _campaign.c.id.label("about"), _campaign.c.slug.label("campaign"))
    .select_from(_campaign)
    .join(_endpoint, _endpoint.c.organisation_id == _campaign.c.organisation_id)
    .where(
        _campaign.c.id.in_(sa.bindparam("ids", expanding=True)),
        _endpoint.c.petition_id.is_(None),
        sa.or_(_endpoint.c.campaign_id.is_(None), _endpoint.c.campaign_id == _campaign.c.id),
        _IS_ACTIVE,
    )
    .order_by(_endpoint.c.id)
)
_OF_MOTION = _share_locked(
    sa.select(*_ENDPOINT_COLUMNS, _campaign.c.slug.label("campaign"))
    .select_from(_link)
    .join(_campaign, _campaign.c.id == _link.c.campaign_id)
    .join(_endpoint, _endpoint.c.organisation_id == _campaign.c.organisation_id)
    .where(
        _link.c.motion_id == sa.bindparam("motion"),
        sa.or_(_link.c.is_current, _link.c.is_amendment),
        _campaign.c.status == CampaignStatus.OPEN,
        _endpoint.c.petition_id.is_(None),
        sa.or_(_endpoint.c.campaign_id.is_(None), _endpoint.c.campaign_id == _campaign.c.id),
        _IS_ACTIVE,
    )
    .order_by(_endpoint.c.id, _campaign.c.slug)
)


def of_petitions(session: Session, ids: Collection[UUID], *, now: datetime) -> Found:
    """Returns the endpoints for events of petitions, by the petition's id.

    The rows have `endpoint_id`, `events`, and the slugs `petition` and `campaign`.
    """
    return _found(session, _OF_PETITIONS, ids, now)


def subscribed(found: Found, event: WebhookEvent) -> Found:
    """Returns the endpoints that are subscribed to an event."""
    chosen: Found = defaultdict(list)
    for about, rows in found.items():
        if kept := [row for row in rows if event in row.events]:
            chosen[about] = kept
    return chosen


def to_campaigns(
    session: Session, event: WebhookEvent, ids: Collection[UUID], *, now: datetime
) -> dict[UUID, list[Any]]:
    """Returns the endpoints subscribed to an event of campaigns, by the campaign's id.

    The rows have `endpoint_id` and the slug `campaign`.
    """
    return subscribed(_found(session, _OF_CAMPAIGNS, ids, now), event)


def to_motion(
    session: Session, motion_id: int, *, now: datetime
) -> tuple[dict[UUID, list[str]], dict[UUID, list[str]]]:
    """Returns two dicts by endpoint id: the events that the endpoint is subscribed to, and the
    slugs of its open campaigns about a motion."""
    events: dict[UUID, list[str]] = {}
    campaigns: dict[UUID, list[str]] = defaultdict(list)
    for row in session.connection().execute(_OF_MOTION, {"motion": motion_id, "now": now}):
        events[row.endpoint_id] = row.events
        campaigns[row.endpoint_id].append(row.campaign)
    return events, campaigns


def _found(
    session: Session, statement: sa.Select[Any], ids: Collection[UUID], now: datetime
) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    if ids:
        for row in session.connection().execute(statement, {"ids": list(ids), "now": now}):
            found[row.about].append(row)
    return found
