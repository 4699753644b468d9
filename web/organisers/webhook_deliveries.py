"""Deliveries of an organisation's webhooks, for its organisers: a test, and one sent again."""

from uuid import UUID

from fastapi import APIRouter, Response

from api.http.dependencies import Now, WriteSession
from services.webhooks import deliveries, endpoints
from web.base.dependencies import AtDesk
from web.organisers.webhooks import PATH, back

router = APIRouter()


@router.post(f"{PATH}/{{webhook_id}}/test")
def send_test(webhook_id: UUID, organiser: AtDesk, session: WriteSession, now: Now) -> Response:
    """Queue a delivery that says it is a test."""
    endpoint = endpoints.own(session, webhook_id, organiser).endpoint
    deliveries.queue_test(session, endpoint, now=now)
    return back(webhook_id, "tested")


@router.post(f"{PATH}/{{webhook_id}}/deliveries/{{delivery_id}}/resend")
def resend(
    webhook_id: UUID, delivery_id: UUID, organiser: AtDesk, session: WriteSession, now: Now
) -> Response:
    """Send one again that has ended."""
    endpoint = endpoints.own(session, webhook_id, organiser).endpoint
    deliveries.resend(session, endpoint, delivery_id, now=now)
    return back(webhook_id, "again")
