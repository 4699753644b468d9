"""The form for a webhook: its fields, the events, and the campaigns to choose from."""

from functools import partial
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel
from sqlmodel import Session

from models import Organiser, WebhookEvent
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common import texts
from services.errors import Invalid
from services.webhooks import addresses, endpoints
from services.webhooks.endpoints import WebhookView
from web.base import forms
from web.base.desk import Desk
from web.organisers.accounts import password_again

LONGEST_DESCRIPTION = 200
EVENTS = {
    WebhookEvent.SIGNATURE_CONFIRMED: "A signature counts: its signer confirmed it, or it was "
    "imported",
    WebhookEvent.SIGNATURE_WITHDRAWN: "Somebody removed a signature that counted",
    WebhookEvent.LETTER_SENT: "A letter went to an MP; never who wrote it",
    WebhookEvent.LETTER_ANSWERED: "The writer of a letter said whether the MP replied",
    WebhookEvent.MOTION_SIGNED: "An MP signed the motion",
    WebhookEvent.MOTION_WITHDRAWN: "An MP took their name off the motion, or it was withdrawn",
    WebhookEvent.MOTION_LAPSED: "The motion lapsed with its session of Parliament",
    WebhookEvent.PETITION_GOAL_REACHED: "The signatures reached a petition’s goal",
    WebhookEvent.SUPPORTER_PREFERENCES_CHANGED: "Someone who signed changed what they agreed to",
}
"""The events to choose from, each in a sentence."""
_NO_URL = "Give an address, such as https://hooks.example.org/lobby."


class WebhookFields(BaseModel):
    """The fields as sent. `about` is `campaign:SLUG`, `petition:SLUG` or empty for everything.

    `id` is the id of the webhook to make, so that a form sent twice makes one webhook.
    """

    url: str = ""
    events: list[str] = []
    is_personal: str = ""
    password: str = ""
    about: str = ""
    description: str = ""
    id: UUID | None = None


def form_of(view: WebhookView) -> forms.Form:
    """Fills the form with a webhook's current values."""
    endpoint = view.endpoint
    about = f"campaign:{view.campaign}" if view.campaign else ""
    return forms.Form(
        {
            "url": endpoint.url.text,
            "events": endpoint.events,
            "is_personal": endpoint.is_personal,
            "about": f"petition:{view.petition}" if view.petition else about,
            "description": endpoint.description,
        }
    )


def subjects(session: Session, organiser: Organiser) -> list[tuple[str, str]]:
    """Lists the values of `about`, with labels: each campaign, followed by its petitions."""
    own_campaigns = campaigns.of_organisation(session, organiser.organisation_id)
    by_campaign = petitions.of_campaigns(session, [campaign.id for campaign in own_campaigns])
    options = []
    for campaign in own_campaigns:
        options.append((f"campaign:{campaign.slug}", f"The campaign “{campaign.title}”"))
        options += [
            (f"petition:{petition.slug}", f"Only the petition “{petition.action}”")
            for petition in by_campaign[campaign.id]
        ]
    return options


def checked(
    form: forms.Form, fields: WebhookFields, request: Request, desk: Desk, lobby: Lobby
) -> dict[str, Any]:
    """Returns the values of `endpoints.NewWebhook`, or raises Invalid with all problems.

    Sending personal data needs the organiser's password again, since it continues after they sign
    out.
    """
    address = partial(addresses.url, to_loopback=lobby.webhooks.to_loopback)
    values: dict[str, Any] = {
        "url": form.check("url", address, missing=_NO_URL),
        "is_personal": bool(fields.is_personal),
        "description": form.check("description", _description, missing=""),
        **_filter(fields.about),
    }
    form.check("events", partial(_events, fields.events), missing="Choose at least one event.")
    if fields.is_personal:
        password_again.check(form, request, desk)
    form.finish()
    values["events"] = [WebhookEvent(event) for event in fields.events]
    return values


def _description(text: str) -> str:
    return texts.line(text, "description", longest=LONGEST_DESCRIPTION, shortest=0)


def _events(chosen: list[str], typed: str) -> str:
    if not chosen or set(chosen) - set(endpoints.SUBSCRIBABLE):
        raise Invalid.field("events", "event_unknown", "Choose from the events that are here.")
    return typed


def _filter(about: str) -> dict[str, str | None]:
    """Splits `about` into the two filters. The services reject an unknown slug."""
    kind, _, slug = about.partition(":")
    filters: dict[str, str | None] = {"campaign": None, "petition": None}
    return filters | {"petition" if kind == "petition" else "campaign": slug or about or None}
