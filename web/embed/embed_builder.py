"""The page on which a partner makes its line of HTML, and sees what it will look like."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from fastapi import APIRouter, Response
from sqlmodel import Session

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.middleware import POLICY, content_policy
from services.campaigns import petitions
from services.common import texts
from services.errors import Invalid
from services.views import embeds
from services.views.embeds import EmbedPlace
from web.base import forms
from web.base.rendering import page

# The line works on this page too, with its script and its frame.
_POLICY = content_policy(script_src="'self'", frame_src="'self'")
router = APIRouter()


@router.get("/petitions/{slug}/embed")
def builder(
    slug: Slug,
    session: ReadSession,
    lobby: TheLobby,
    now: Now,
    partner: str = "",
    source: str = "",
) -> Response:
    """A plain form, the line for what was put into it, and a preview."""
    form = forms.Form({"partner": partner.strip(), "source": source.strip()})
    owner = petitions.public(session, slug).organisation_id
    place, elsewhere = _place(session, owner, form), lobby.settings.embedders
    answer = page(
        "embed/embed_builder.html",
        session,
        status=422 if form.problems else 200,
        embed=embeds.of_petition(
            session, slug, partner=place.partner, elsewhere=elsewhere, now=now
        ),
        place=place,
        form=form,
        base_url=lobby.settings.base_url,
    )
    answer.headers[POLICY] = _POLICY
    return answer


def _place(session: Session, organisation_id: UUID, form: forms.Form) -> EmbedPlace:
    """What was put in; where something is wrong, the form says so and the rest is used."""
    checks: dict[str, Callable[[str], str]] = {
        "partner": partial(_partner, session, organisation_id),
        "source": embeds.tracking_code,
    }
    good = {
        name: form.check(name, rule, missing="")
        for name, rule in checks.items()
        if form.value(name)
    }
    try:
        form.finish()
    except Invalid as error:
        form.note(error)
    return EmbedPlace(**good)


def _partner(session: Session, organisation_id: UUID, text: str) -> str:
    slug = texts.slug(text, "partner")
    if embeds.partner_of(session, organisation_id, slug) is None:
        message = f"There is no partner “{slug}” here. Ask who runs the petition for your name."
        raise Invalid.field("partner", "partner_unknown", message)
    return slug
