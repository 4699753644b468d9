"""An organisation's webhooks for its organisers: their settings, state and deliveries."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Form, Query, Request, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby, WriteSession
from api.http.late_routes import Router
from api.http.paging import Page
from models import DeliveryState, Organiser
from models.base import new_id
from services.assembly import Lobby
from services.errors import Conflict, Invalid, Limited
from services.webhooks import deliveries, endpoints, sender
from services.webhooks.deliveries import MOST_COUNTED, DeliveryCounts
from services.webhooks.endpoints import NewWebhook, WebhookView
from web.base import forms
from web.base.desk import Desk, OwnerDesk
from web.base.rendering import see_other
from web.organisers import webhook_forms
from web.organisers.accounts import password_again
from web.organisers.webhook_forms import WebhookFields

PATH = "/organiser/webhooks"
DELIVERIES_PER_PAGE = 15
# The filters of the log. CLAIMED is missing: it lasts for seconds.
LOG_STATES = (
    DeliveryState.QUEUED,
    DeliveryState.HELD,
    DeliveryState.FAILED,
    DeliveryState.DELIVERED,
)
NOTICES = {
    "made": "You’ve made this webhook already. We showed its secret then, and can’t show it again.",
    "saved": "Saved. You are responsible for this webhook from now on.",
    "enabled": "Enabled. What was held goes now. You are responsible for this webhook from now on.",
    "disabled": "Disabled. We send nothing, and keep nothing new for it.",
    "tested": "A test is on its way. Load this page again in a moment to see the result.",
    "again": "We send it again.",
    "deleted": "The webhook and its log are deleted.",
}
Fields = Annotated[WebhookFields, Form()]
router = Router()
log = structlog.get_logger()


@router.get(PATH)
def list_webhooks(
    desk: OwnerDesk,
    session: ReadSession,
    now: Now,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Lists the endpoints with their state. Of an address it shows the host only."""
    views = endpoints.of_organisation(session, desk.organiser)
    return desk.page(
        "organisers/webhooks.html",
        views=views,
        hosts={view.endpoint.id: _host(view) for view in views},
        counts=deliveries.counts(session, [view.endpoint.id for view in views]),
        count_limit=MOST_COUNTED,
        notice=NOTICES.get(done),
        now=now,
    )


@router.get(f"{PATH}/new")
def ask_for_new(desk: OwnerDesk, session: ReadSession) -> Response:
    """Shows an empty form."""
    return _new_page(session, desk, forms.Form({"id": new_id()}))


@router.post(f"{PATH}/new")
def create(
    fields: Fields,
    request: Request,
    desk: OwnerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Makes a webhook and shows its secret, this once. A form sent twice makes one webhook."""
    endpoint_id = fields.id or new_id()
    form = forms.Form(fields.model_dump() | {"id": endpoint_id})
    try:
        new = NewWebhook(**webhook_forms.checked(form, fields, request, desk, lobby))
        # One connection at a time: `session` takes its own only after this.
        with lobby.database.write(is_public=False) as writing:
            to_loopback = lobby.webhooks.to_loopback
            view, secret = endpoints.create(
                writing,
                new,
                desk.organiser,
                to_loopback=to_loopback,
                now=now,
                endpoint_id=endpoint_id,
            )
    except Conflict as error:
        if error.code == "webhook_made":
            return redirect_back(endpoint_id, "made")
        form.note(error)
        return _new_page(session, desk, form, status=409)
    except (Invalid, Limited) as error:
        page = partial(_new_page, session, desk, form)
        return password_again.refused(form, _with_one_filter_field(error), page)
    _log_change("webhook_made", desk.organiser, view)
    return _secret_page(desk, view, secret, is_new=True)


@router.get(f"{PATH}/{{webhook_id}}")
def show_webhook(
    webhook_id: UUID,
    desk: OwnerDesk,
    session: ReadSession,
    now: Now,
    show: DeliveryState | None = None,
    cursor: Annotated[str | None, Query(max_length=40)] = None,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Shows an endpoint: its state, its log, and the form for its settings."""
    view = endpoints.own(session, webhook_id, desk.organiser)
    form = webhook_forms.form_of(view)
    return _webhook_page(session, desk, view, form, now=now, show=show, cursor=cursor, done=done)


@router.post(f"{PATH}/{{webhook_id}}")
def save(
    webhook_id: UUID,
    fields: Fields,
    request: Request,
    desk: OwnerDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Saves the settings. The organiser is responsible for the webhook from then on."""
    with lobby.database.read() as reading:  # 404 for another organisation's, before any check
        endpoints.own(reading, webhook_id, desk.organiser)
    form = forms.Form(fields.model_dump())
    try:
        values = webhook_forms.checked(form, fields, request, desk, lobby)
        _change(lobby, webhook_id, desk.organiser, values)
    except (Invalid, Limited) as error:
        view = endpoints.own(session, webhook_id, desk.organiser)
        page = partial(_webhook_page, session, desk, view, form, now=now)
        return password_again.refused(form, _with_one_filter_field(error), page)
    return redirect_back(webhook_id, "saved")


@router.post(f"{PATH}/{{webhook_id}}/enable")
def enable(webhook_id: UUID, desk: OwnerDesk, lobby: TheLobby) -> Response:
    """Enables it, and sends the held deliveries. The organiser is responsible for it.

    Repeating it changes nothing.
    """
    _change(lobby, webhook_id, desk.organiser, {"enabled": True})
    return redirect_back(webhook_id, "enabled")


@router.post(f"{PATH}/{{webhook_id}}/disable")
def disable(webhook_id: UUID, desk: OwnerDesk, lobby: TheLobby) -> Response:
    """Stops deliveries until it is enabled. Repeating it changes nothing."""
    _change(lobby, webhook_id, desk.organiser, {"enabled": False})
    return redirect_back(webhook_id, "disabled")


@router.post(f"{PATH}/{{webhook_id}}/secret")
def rotate_secret(
    webhook_id: UUID, desk: OwnerDesk, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Makes a new secret and shows it, this once. 409 while the former one is still valid."""
    try:
        with lobby.database.write(is_public=False) as writing:
            view, secret = endpoints.rotate(writing, webhook_id, desk.organiser, now=now)
    except Conflict as error:
        view = endpoints.own(session, webhook_id, desk.organiser)
        form = webhook_forms.form_of(view)
        form.note(error)
        return _webhook_page(session, desk, view, form, now=now, status=409)
    _log_change("webhook_secret_made", desk.organiser, view)
    return _secret_page(desk, view, secret, is_new=False)


@router.get(f"{PATH}/{{webhook_id}}/delete")
def ask_to_delete(webhook_id: UUID, desk: OwnerDesk, session: ReadSession) -> Response:
    """Says what deleting the webhook does, with a button."""
    view = endpoints.own(session, webhook_id, desk.organiser)
    return desk.page(
        "organisers/webhook_delete.html",
        view=view,
        host=_host(view),
        counts=_delivery_counts(session, view),
        count_limit=MOST_COUNTED,
    )


@router.post(f"{PATH}/{{webhook_id}}/delete")
def delete(webhook_id: UUID, desk: OwnerDesk, session: WriteSession) -> Response:
    """Deletes the webhook with its log and its waiting deliveries."""
    view = endpoints.own(session, webhook_id, desk.organiser)
    endpoints.delete(session, webhook_id, desk.organiser)
    _log_change("webhook_deleted", desk.organiser, view)
    return see_other(f"{PATH}?done=deleted")


def _change(lobby: Lobby, webhook_id: UUID, organiser: Organiser, values: dict[str, Any]) -> None:
    to_loopback, now = lobby.webhooks.to_loopback, lobby.clock()
    with lobby.database.write(is_public=False) as session:
        view = endpoints.change(
            session, webhook_id, values, organiser, to_loopback=to_loopback, now=now
        )
    _log_change("webhook_changed", organiser, view)


def _with_one_filter_field(error: Invalid | Limited) -> Invalid | Limited:
    """Renames the fields of both filters, which are one field in the form."""
    if isinstance(error, Limited):
        return error
    fields = tuple(
        replace(item, field="about") if item.field in ("campaign", "petition") else item
        for item in error.fields
    )
    return Invalid(error.code, error.message, fields)


def _new_page(session: Session, desk: Desk, form: forms.Form, *, status: int = 200) -> Response:
    return desk.page(
        "organisers/webhook_new.html",
        status=status,
        form=form,
        events=webhook_forms.EVENTS,
        subjects=webhook_forms.subjects(session, desk.organiser),
    )


def _secret_page(desk: Desk, view: WebhookView, secret: str, *, is_new: bool) -> Response:
    return desk.page(
        "organisers/webhook_secret.html",
        view=view,
        host=_host(view),
        secret=secret,
        is_new=is_new,
    )


def _webhook_page(
    session: Session,
    desk: Desk,
    view: WebhookView,
    form: forms.Form,
    *,
    now: datetime,
    show: DeliveryState | None = None,
    cursor: str | None = None,
    done: str = "",
    status: int = 200,
) -> Response:
    paging = Page(cursor, DELIVERIES_PER_PAGE)
    # One more than is shown tells whether there is a next page.
    rows = deliveries.page(
        session, view.endpoint, state=show, after=paging.after, limit=paging.limit + 1
    )
    return desk.page(
        "organisers/webhook.html",
        status=status,
        view=view,
        host=_host(view),
        form=form,
        events=webhook_forms.EVENTS,
        subjects=webhook_forms.subjects(session, desk.organiser),
        counts=_delivery_counts(session, view),
        count_limit=MOST_COUNTED,
        log_states=LOG_STATES,
        show=show,
        rows=rows[: paging.limit],
        message_id=endpoints.message_id,
        next_cursor=paging.next_cursor([row.id for row in rows]),
        is_first_page=cursor is None,
        notice=NOTICES.get(done),
        now=now,
    )


def _delivery_counts(session: Session, view: WebhookView) -> DeliveryCounts:
    return deliveries.counts(session, [view.endpoint.id])[view.endpoint.id]


def _host(view: WebhookView) -> str:
    return sender.host_of(view.endpoint.url.text)


def _log_change(event: str, organiser: Organiser, view: WebhookView) -> None:
    """Logs who changed a webhook, by ids alone."""
    endpoint = view.endpoint
    log.info(
        event,
        organiser=str(organiser.id),
        endpoint=str(endpoint.id),
        is_personal=endpoint.is_personal,
    )


def redirect_back(webhook_id: UUID, done: str) -> Response:
    """Redirects to the webhook's page, which shows the notice `done`."""
    return see_other(f"{PATH}/{webhook_id}?done={done}")
