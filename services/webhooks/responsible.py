"""The webhooks that an organiser is responsible for, which pass to another who takes them over."""

from datetime import datetime

from sqlmodel import Session, col, select

from models import Organiser, WebhookEndpoint
from services.errors import Forbidden, Invalid


def of_organiser(session: Session, organiser: Organiser) -> list[WebhookEndpoint]:
    """Returns the endpoints that this organiser last created or changed, the oldest first."""
    statement = select(WebhookEndpoint).where(WebhookEndpoint.organiser_id == organiser.id)
    return list(session.exec(statement.order_by(col(WebhookEndpoint.id))))


def require_successor(organiser: Organiser, successor: Organiser) -> None:
    """Raises Invalid for the same organiser, and Forbidden for one of another organisation, who
    may not see its data."""
    if successor.id == organiser.id:
        message = f"Name another organiser than {organiser.email.text} to take over the webhooks."
        raise Invalid.field("webhooks_to", "organiser_same", message)
    if successor.organisation_id != organiser.organisation_id:
        message = f"{successor.email.text} is not an organiser of the same organisation."
        raise Forbidden("organisation_differs", message)


def hand_over(
    session: Session, organiser: Organiser, *, successor: Organiser, now: datetime
) -> None:
    """Make another organiser responsible for all endpoints of this one. They go on as they are.

    Raises what `require_successor` raises.
    """
    require_successor(organiser, successor)
    for endpoint in of_organiser(session, organiser):
        endpoint.organiser_id, endpoint.updated_at = successor.id, now
        session.add(endpoint)
    session.flush()
