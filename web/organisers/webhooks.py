"""An organisation's webhooks, for its organisers: whom we tell what, and whether that arrives."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, TheLobby, WriteSession
from api.http.paging import Page
from models import DeliveryState, Organiser
from models.base import new_id
from services.assembly import Lobby
from services.errors import Conflict, Invalid
from services.webhooks import deliveries, endpoints, sender
from services.webhooks.deliveries import MOST_COUNTED, DeliveryCounts
from services.webhooks.endpoints import NewWebhook, WebhookView
from web.base import forms
from web.base.dependencies import AtDesk
from web.base.rendering import page, see_other
from web.organisers import webhook_forms
from web.organisers.webhook_forms import WebhookFields

PATH = "/organiser/webhooks"
DELIVERIES = 15
# Of which the log can be shown alone; what is on its way is so for seconds.
SHOWN = (
    DeliveryState.QUEUED,
    DeliveryState.HELD,
    DeliveryState.FAILED,
    DeliveryState.DELIVERED,
)
DONE = {
    "made": "This webhook has been made already. Its secret was shown then, and never again.",
    "saved": "Saved. You answer for this webhook from now on.",
    "enabled": "Enabled. What was held goes now. You answer for this webhook from now on.",
    "disabled": "Disabled. Nothing is told, and nothing new is kept for it.",
    "tested": "A test is on its way. Load this page again in a moment to see what became of it.",
    "again": "It is sent again.",
    "deleted": "The webhook is deleted, with its log.",
}
Fields = Annotated[WebhookFields, Form()]
router = APIRouter()
log = structlog.get_logger()


@router.get(PATH)
def list_webhooks(
    organiser: AtDesk,
    session: ReadSession,
    now: Now,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Every endpoint, by its host, and how it does. Never more of an address."""
    views = endpoints.of_organisation(session, organiser)
    return page(
        "organisers/webhooks.html",
        session,
        is_private=True,
        views=views,
        hosts={view.endpoint.id: _host(view) for view in views},
        figures=deliveries.figures(session, [view.endpoint.id for view in views]),
        most=MOST_COUNTED,
        done=DONE.get(done),
        now=now,
    )


@router.get(f"{PATH}/new")
def ask_for_new(organiser: AtDesk, session: ReadSession) -> Response:
    """An empty form."""
    return _new_page(session, organiser, forms.Form({"id": new_id()}))


@router.post(f"{PATH}/new")
def create(
    fields: Fields, organiser: AtDesk, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """Make it and show its secret, here and never again: a form sent again makes no second."""
    endpoint_id = fields.id or new_id()
    form = forms.Form(fields.model_dump() | {"id": endpoint_id})
    try:
        new = NewWebhook(**webhook_forms.checked(form, fields, organiser, lobby))
        # One connection at a time: `session` takes its own only afterwards.
        with lobby.database.write(is_public=False) as writing:
            to_loopback = lobby.webhooks.to_loopback
            view, secret = endpoints.create(
                writing, new, organiser, to_loopback=to_loopback, now=now, endpoint_id=endpoint_id
            )
    except Conflict as error:
        if error.code == "webhook_made":
            return back(endpoint_id, "made")
        form.note(error)
        return _new_page(session, organiser, form, status=409)
    except Invalid as error:
        form.note(_about(error))
        return _new_page(session, organiser, form, status=422)
    _log("webhook_made", organiser, view)
    return _secret_page(session, view, secret, is_new=True)


@router.get(f"{PATH}/{{webhook_id}}")
def show(
    webhook_id: UUID,
    organiser: AtDesk,
    session: ReadSession,
    now: Now,
    show: DeliveryState | None = None,
    cursor: Annotated[str | None, Query(max_length=40)] = None,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """One endpoint: how it does, its log, and what can be changed."""
    view = endpoints.own(session, webhook_id, organiser)
    form = webhook_forms.form_of(view)
    return _one_page(session, organiser, view, form, now=now, show=show, cursor=cursor, done=done)


@router.post(f"{PATH}/{{webhook_id}}")
def save(
    webhook_id: UUID,
    fields: Fields,
    organiser: AtDesk,
    lobby: TheLobby,
    session: ReadSession,
    now: Now,
) -> Response:
    """Change it; the organiser answers for it from then on."""
    with lobby.database.read() as reading:  # another's is no form with mistakes in it
        endpoints.own(reading, webhook_id, organiser)
    form = forms.Form(fields.model_dump())
    try:
        values = webhook_forms.checked(form, fields, organiser, lobby)
        _change(lobby, webhook_id, organiser, values)
    except Invalid as error:
        form.note(_about(error))
        view = endpoints.own(session, webhook_id, organiser)
        return _one_page(session, organiser, view, form, now=now, status=422)
    return back(webhook_id, "saved")


@router.post(f"{PATH}/{{webhook_id}}/enable")
def enable(webhook_id: UUID, organiser: AtDesk, lobby: TheLobby) -> Response:
    """Tell it again, what was held first; the organiser answers for it. Again: the same."""
    _change(lobby, webhook_id, organiser, {"enabled": True})
    return back(webhook_id, "enabled")


@router.post(f"{PATH}/{{webhook_id}}/disable")
def disable(webhook_id: UUID, organiser: AtDesk, lobby: TheLobby) -> Response:
    """Tell it nothing until it is enabled. Again: the same."""
    _change(lobby, webhook_id, organiser, {"enabled": False})
    return back(webhook_id, "disabled")


@router.post(f"{PATH}/{{webhook_id}}/secret")
def rotate_secret(
    webhook_id: UUID, organiser: AtDesk, lobby: TheLobby, session: ReadSession, now: Now
) -> Response:
    """A new secret, shown here and never again. A form sent again meets that there are two."""
    try:
        with lobby.database.write(is_public=False) as writing:
            view, secret = endpoints.rotate(writing, webhook_id, organiser, now=now)
    except Conflict as error:
        view = endpoints.own(session, webhook_id, organiser)
        form = webhook_forms.form_of(view)
        form.note(error)
        return _one_page(session, organiser, view, form, now=now, status=409)
    _log("webhook_secret_made", organiser, view)
    return _secret_page(session, view, secret, is_new=False)


@router.get(f"{PATH}/{{webhook_id}}/delete")
def ask_to_delete(webhook_id: UUID, organiser: AtDesk, session: ReadSession) -> Response:
    """What goes with it, before it goes."""
    view = endpoints.own(session, webhook_id, organiser)
    return page(
        "organisers/webhook_delete.html",
        session,
        is_private=True,
        view=view,
        host=_host(view),
        its=_figures(session, view),
        most=MOST_COUNTED,
    )


@router.post(f"{PATH}/{{webhook_id}}/delete")
def delete(webhook_id: UUID, organiser: AtDesk, session: WriteSession) -> Response:
    """Delete it, its log, and what waits for it."""
    view = endpoints.own(session, webhook_id, organiser)
    endpoints.delete(session, webhook_id, organiser)
    _log("webhook_deleted", organiser, view)
    return see_other(f"{PATH}?done=deleted")


def _change(lobby: Lobby, webhook_id: UUID, organiser: Organiser, values: dict[str, Any]) -> None:
    to_loopback, now = lobby.webhooks.to_loopback, lobby.clock()
    with lobby.database.write(is_public=False) as session:
        view = endpoints.change(
            session, webhook_id, values, organiser, to_loopback=to_loopback, now=now
        )
    _log("webhook_changed", organiser, view)


def _about(error: Invalid) -> Invalid:
    """Both filters are one field here."""
    fields = tuple(
        replace(each, field="about") if each.field in ("campaign", "petition") else each
        for each in error.fields
    )
    return Invalid(error.code, error.message, fields)


def _new_page(
    session: Session, organiser: Organiser, form: forms.Form, *, status: int = 200
) -> Response:
    return page(
        "organisers/webhook_new.html",
        session,
        status=status,
        is_private=True,
        form=form,
        events=webhook_forms.EVENTS,
        subjects=webhook_forms.subjects(session, organiser),
    )


def _secret_page(session: Session, view: WebhookView, secret: str, *, is_new: bool) -> Response:
    return page(
        "organisers/webhook_secret.html",
        session,
        is_private=True,
        view=view,
        host=_host(view),
        secret=secret,
        is_new=is_new,
    )


def _one_page(
    session: Session,
    organiser: Organiser,
    view: WebhookView,
    form: forms.Form,
    *,
    now: datetime,
    show: DeliveryState | None = None,
    cursor: str | None = None,
    done: str = "",
    status: int = 200,
) -> Response:
    wanted = Page(cursor, DELIVERIES)
    found = deliveries.page(
        session, view.endpoint, state=show, after=wanted.after, limit=wanted.limit + 1
    )
    return page(
        "organisers/webhook.html",
        session,
        status=status,
        is_private=True,
        view=view,
        host=_host(view),
        organiser=organiser,
        form=form,
        events=webhook_forms.EVENTS,
        subjects=webhook_forms.subjects(session, organiser),
        its=_figures(session, view),
        most=MOST_COUNTED,
        shown=SHOWN,
        show=show,
        rows=found[: wanted.limit],
        message_id=endpoints.message_id,
        following=wanted.next_cursor([each.id for each in found]),
        is_first=cursor is None,
        done=DONE.get(done),
        now=now,
    )


def _figures(session: Session, view: WebhookView) -> DeliveryCounts:
    return deliveries.figures(session, [view.endpoint.id])[view.endpoint.id]


def _host(view: WebhookView) -> str:
    return sender.host_of(view.endpoint.url.text)


def _log(event: str, organiser: Organiser, view: WebhookView) -> None:
    """Who let what be told: ids alone."""
    endpoint = view.endpoint
    log.info(
        event,
        organiser=str(organiser.id),
        endpoint=str(endpoint.id),
        is_personal=endpoint.is_personal,
    )


def back(webhook_id: UUID, done: str) -> Response:
    """To its page, with a word of what was done."""
    return see_other(f"{PATH}/{webhook_id}?done={done}")
