"""The log of webhook deliveries: reading it, testing an endpoint, and sending again."""

from uuid import UUID

from fastapi import Request, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, WebhooksWriter
from api.http.idempotency import Once, once_responses
from api.http.late_routes import Router
from api.http.paging import ThePage
from api.http.query_names import KNOWN_NAMES
from api.schemas.fields import same_of
from api.schemas.webhook import DeliveryAnswer, delivery_answer, delivery_answers
from models import DeliveryState
from services.webhooks import deliveries, endpoints

router = Router(tags=["webhooks"])


@router.post(
    "/webhooks/{webhook_id}/test",
    status_code=202,
    response_model=DeliveryAnswer,
    responses=once_responses(202),
)
def test_webhook(webhook_id: UUID, caller: WebhooksWriter, once: Once, now: Now) -> Response:
    """Queue a `webhook.test` for the endpoint. The log of deliveries shows the result.

    Needs a key with `webhooks:write`. Another organisation's endpoint is a 404.
    """

    def queue(session: Session) -> DeliveryAnswer:
        endpoint = endpoints.own(session, webhook_id, caller).endpoint
        return delivery_answer(deliveries.queue_test(session, endpoint, now=now))

    return once.answer(queue, status=202, is_public=False)


@router.get("/webhooks/{webhook_id}/deliveries", dependencies=[KNOWN_NAMES])
def list_deliveries(
    webhook_id: UUID,
    request: Request,
    response: Response,
    page: ThePage,
    caller: WebhooksWriter,
    session: ReadSession,
    state: DeliveryState | None = None,
    status: DeliveryState | None = None,
) -> list[DeliveryAnswer]:
    """List the deliveries of the last 30 days, newest first, without their payloads.

    Needs a key with `webhooks:write`. Another organisation's endpoint is a 404.
    """
    state = same_of(status, state)
    endpoint = endpoints.own(session, webhook_id, caller).endpoint
    rows = deliveries.page(session, endpoint, state=state, after=page.after, limit=page.limit + 1)
    page.link_next(request, response, [row.id for row in rows])
    return delivery_answers(rows[: page.limit])


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/resend",
    status_code=202,
    response_model=DeliveryAnswer,
    responses=once_responses(202),
)
def resend_delivery(
    webhook_id: UUID, delivery_id: UUID, caller: WebhooksWriter, once: Once, now: Now
) -> Response:
    """Queue a delivery again that succeeded or failed, under the same `webhook-id`.

    Needs a key with `webhooks:write`. Another organisation's endpoint is a 404.
    """

    def queue(session: Session) -> DeliveryAnswer:
        endpoint = endpoints.own(session, webhook_id, caller).endpoint
        return delivery_answer(deliveries.resend(session, endpoint, delivery_id, now=now))

    return once.answer(queue, status=202, is_public=False)
