"""The page that builds the HTML for embedding a petition, with a preview."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from fastapi import Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.late_routes import Router
from api.http.response_headers import POLICY, content_policy
from services.campaigns import petitions
from services.common import texts
from services.errors import Invalid
from services.views import embeds
from services.views.embeds import EmbedPlace
from web.base import forms
from web.base.rendering import page

# The preview needs the script and the frame on this page too.
_POLICY = content_policy(script_src="'self'", frame_src="'self'")
router = Router()


@router.get("/petitions/{slug}/embed")
def builder(
    slug: Slug,
    session: ReadSession,
    lobby: TheLobby,
    now: Now,
    partner: str = "",
    source: str = "",
) -> Response:
    """Shows a form, the HTML for its values, and a preview."""
    form = forms.Form({"partner": partner.strip(), "source": source.strip()})
    organisation_id = petitions.public(session, slug).organisation_id
    place = _place(session, organisation_id, form)
    embed = embeds.of_petition(
        session, slug, partner=place.partner, elsewhere=lobby.settings.embedders, now=now
    )
    response = page(
        "embed/embed_builder.html",
        session,
        status=422 if form.problems else 200,
        face=embed.face,
        embed=embed,
        place=place,
        form=form,
        base_url=lobby.settings.base_url,
    )
    response.headers[POLICY] = _POLICY
    return response


def _place(session: Session, organisation_id: UUID, form: forms.Form) -> EmbedPlace:
    """Returns the valid values of the form; the form shows the problems of the others."""
    checks: dict[str, Callable[[str], str]] = {
        "partner": partial(_partner, session, organisation_id),
        "source": embeds.tracking_code,
    }
    valid = {
        name: form.check(name, rule, missing="")
        for name, rule in checks.items()
        if form.value(name)
    }
    try:
        form.finish()
    except Invalid as error:
        form.note(error)
    return EmbedPlace(**valid)


def _partner(session: Session, organisation_id: UUID, text: str) -> str:
    slug = texts.slug(text, "partner")
    if embeds.partner_of(session, organisation_id, slug) is None:
        message = f"We don’t know a partner called “{slug}”. Ask the people who run the petition."
        raise Invalid.field("partner", "partner_unknown", message)
    return slug
