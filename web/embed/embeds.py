"""The petition form in other sites: `/embed/...`, and the script that puts it there.

These are the only pages that may be framed, by the sites that `services.views.embeds` names. They
set and read no cookie, and work without scripts.
"""

from dataclasses import replace
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, Form, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.answers import signature_intake
from api.answers.caching import client_has, etag_of
from api.answers.state import state_of
from api.http.dependencies import ReadSession, Slug, TheLobby
from api.http.errors import headers_of, status_of
from api.http.late_routes import Router
from api.http.response_headers import POLICY, content_policy
from services.errors import Invalid, Limited, Unavailable
from services.views.embeds import Embed, EmbedPlace
from web.base import forms
from web.base.rendering import page, see_other
from web.base.static_files import STATIC
from web.public import dev_mail, partner_boxes, petitions
from web.public.petitions import SignFields

# Cached for an hour. For a week more, browsers use the old script while they fetch the new one:
# another site's page never waits for us, and a fixed script arrives within a visit or two.
SCRIPT_CACHING = "public, max-age=3600, stale-while-revalidate=604800, stale-if-error=604800"
router = Router()


async def place_of(partner: str = "", source: str = "") -> EmbedPlace:
    """Reads the partner and the source from the URL of the frame."""
    return EmbedPlace.of(partner, source)


ThePlace = Annotated[EmbedPlace, Depends(place_of)]


@router.get("/widget/v1.js")
async def widget_script(request: Request) -> Response:
    """Serves the script of the element `<lobby-petition>`, which any site may load."""
    content, tag = _script_and_tag()
    headers = {
        "Cache-Control": SCRIPT_CACHING,
        "ETag": tag,
        "Access-Control-Allow-Origin": "*",
    }
    if client_has(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="text/javascript", headers=headers)


@router.get("/embed/{slug}")
def show_embed(slug: Slug, request: Request, place: ThePlace) -> Response:
    """Shows the petition in short, with its form."""
    return _form_page(_cached_embed(request, slug, place), place, forms.Form())


@router.get("/embed/{slug}/sign")
def back_to_form(slug: Slug, place: ThePlace) -> Response:
    """Redirects a frame that is reloaded after a form with problems."""
    return see_other(f"/embed/{slug}{place.query}")


@router.post("/embed/{slug}/sign")
async def sign(
    slug: Slug, request: Request, place: ThePlace, fields: Annotated[SignFields, Form()]
) -> Response:
    """Records a signature like the petition's own page, with its partner and source."""
    embed_view = await run_in_threadpool(_cached_embed, request, slug, place)
    form = forms.Form(fields.model_dump())
    try:
        petitions.require_proof(request)
        await _record(request, slug, form, embed_view, place)
    except (Invalid, Limited, Unavailable) as error:
        form.note(error)
        response = _form_page(embed_view, place, form, status_of(error)[0])
        response.headers.update(headers_of(error))
        return response
    return see_other(f"/embed/{slug}/check-your-mail{place.query}")


@router.get("/embed/{slug}/check-your-mail")
def check_your_mail(
    slug: Slug, request: Request, place: ThePlace, lobby: TheLobby, session: ReadSession
) -> Response:
    """Shows the same page to everybody, so that it says nothing about who has signed before."""
    embed_view = _cached_embed(request, slug, place)
    shows_mail = dev_mail.is_shown(request, lobby, session)
    return _framed_page(
        "embed/embed_check_your_mail.html", embed_view, place, shows_mail=shows_mail
    )


@cache
def _script_and_tag() -> tuple[bytes, str]:
    content = (STATIC / "widget.js").read_bytes()
    return content, etag_of(content)


def _cached_embed(request: Request, slug: str, place: EmbedPlace) -> Embed:
    return state_of(request).public_answers.embeds.get((slug, place.partner))


async def _record(
    request: Request, slug: str, form: forms.Form, embed_view: Embed, place: EmbedPlace
) -> None:
    """Returns once the signature is committed. Raises the errors of the form and the petition."""
    # The partner and the source come from the frame's URL, whatever the form says.
    partner, signature = embed_view.partner, petitions.checked(slug, form)
    signature = replace(
        signature,
        partner=partner.slug if partner else None,
        partner_contact=signature.partner_contact if partner else None,
        source=place.source or None,
    )
    await signature_intake.submit(request.scope, signature)


def _form_page(
    embed_view: Embed, place: EmbedPlace, form: forms.Form, status: int = 200
) -> Response:
    return _framed_page("embed/embed.html", embed_view, place, status=status, form=form)


def _framed_page(
    template: str, embed_view: Embed, place: EmbedPlace, *, status: int = 200, **values: Any
) -> Response:
    """Renders a page that the sites of `embed_view` may frame. Its script answers only them."""
    # No cache keeps what was typed, or that a form was sent.
    is_private = template != "embed/embed.html" or status != 200
    response = page(
        template,
        None,
        status=status,
        is_private=is_private,
        face=embed_view.face,
        embed=embed_view,
        place=place,
        partner=partner_boxes.of_partner(embed_view.partner) if embed_view.partner else None,
        **values,
    )
    ancestors = " ".join(["'self'", *embed_view.origins])
    response.headers[POLICY] = content_policy(script_src="'self'", frame_ancestors=ancestors)
    return response
