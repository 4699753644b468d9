"""The dates that a campaign sets itself, such as a debate or the delivery of its petition."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from models import Campaign, CampaignEvent
from models.base import new_id
from services.common import times
from services.errors import Invalid, NotFound


def add(
    session: Session, campaign: Campaign, *, values: dict[str, Any], now: datetime
) -> CampaignEvent:
    """Adds a date. `values` has either a `day` or a moment, `starts_at`.

    If they name the `id` of a date that the campaign has already, returns that date: a form that
    is sent twice adds one. The caller has then locked the campaign.

    :raises Invalid: it has both or neither
    """
    existing = session.get(CampaignEvent, values["id"]) if "id" in values else None
    if existing is not None and existing.campaign_id == campaign.id:
        return existing
    if existing is not None:
        values = values | {"id": new_id()}
    event = CampaignEvent(
        campaign_id=campaign.id, created_at=now, updated_at=now, **_timed(values, is_new=True)
    )
    session.add(event)
    session.flush()
    return event


def change(
    session: Session, event: CampaignEvent, *, values: dict[str, Any], now: datetime
) -> CampaignEvent:
    """Changes the given values. A `day` replaces a moment, and a moment a day.

    :raises Invalid: both are given
    """
    event.sqlmodel_update(_timed(values, is_new=False))
    event.updated_at = now
    session.add(event)
    session.flush()
    return event


def delete(session: Session, event: CampaignEvent) -> None:
    session.delete(event)
    session.flush()


def get(session: Session, campaign: Campaign, event_id: UUID) -> CampaignEvent:
    """Returns a date of this campaign by its id. Raises NotFound for any other."""
    statement = select(CampaignEvent).where(
        CampaignEvent.campaign_id == campaign.id, CampaignEvent.id == event_id
    )
    event = session.exec(statement).first()
    if event is None:
        raise NotFound("event_unknown", "There is no such date.")
    return event


def page(
    session: Session, campaign: Campaign, *, after: UUID | None, limit: int
) -> list[CampaignEvent]:
    """Returns a campaign's dates, the last added first, starting after the id `after`."""
    statement = select(CampaignEvent).where(CampaignEvent.campaign_id == campaign.id)
    if after is not None:
        statement = statement.where(CampaignEvent.id < after)
    return list(session.exec(statement.order_by(col(CampaignEvent.id).desc()).limit(limit)))


def of_campaign(session: Session, campaign: Campaign) -> list[CampaignEvent]:
    """Returns all dates of a campaign, the earliest first."""
    statement = select(CampaignEvent).where(CampaignEvent.campaign_id == campaign.id)
    return sorted(session.exec(statement), key=in_order)


def in_order(event: CampaignEvent) -> tuple[str, str, str]:
    """Sorts dates by day, and the moments of a day after the date that has the whole day."""
    moment = event.starts_at.isoformat() if event.starts_at else ""
    return event.day.isoformat(), moment, str(event.id)


def _timed(values: dict[str, Any], *, is_new: bool) -> dict[str, Any]:
    """Returns the values with the day in London and the moment, which may be None."""
    day, starts_at = values.get("day"), values.get("starts_at")
    if day is not None and starts_at is not None:
        message = "Give the day or the moment, not both."
        raise Invalid.field("starts_at", "day_and_moment", message)
    if starts_at is not None:
        return values | {"day": times.today(starts_at)}
    if day is not None:
        return values | {"starts_at": None}
    if is_new:
        message = "Say when it is: give a day, or a moment as starts_at."
        raise Invalid.field("day", "day_missing", message)
    return values
