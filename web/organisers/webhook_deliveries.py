"""Buttons on an organiser's webhook page: send a test, and send a delivery again."""

from uuid import UUID

from fastapi import Response

from api.http.dependencies import Now, WriteSession
from api.http.late_routes import Router
from services.webhooks import deliveries, endpoints
from web.base.desk import OwnerDesk
from web.organisers.webhooks import PATH, redirect_back

router = Router()


@router.post(f"{PATH}/{{webhook_id}}/test")
def send_test(webhook_id: UUID, desk: OwnerDesk, session: WriteSession, now: Now) -> Response:
    """Queues a test delivery."""
    endpoint = endpoints.own(session, webhook_id, desk.organiser).endpoint
    deliveries.queue_test(session, endpoint, now=now)
    return redirect_back(webhook_id, "tested")


@router.post(f"{PATH}/{{webhook_id}}/deliveries/{{delivery_id}}/resend")
def resend(
    webhook_id: UUID,
    delivery_id: UUID,
    desk: OwnerDesk,
    session: WriteSession,
    now: Now,
) -> Response:
    """Queues a delivery again that was delivered or has failed."""
    endpoint = endpoints.own(session, webhook_id, desk.organiser).endpoint
    deliveries.resend(session, endpoint, delivery_id, now=now)
    return redirect_back(webhook_id, "again")
