"""A petition's form within other sites: `/embed/...`, and the script that puts it there.

Of all pages, these alone may be framed, by the sites that `services.views.embeds` names. They set
and read no cookie, and work without scripts.
"""

from dataclasses import replace
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.answers.caching import client_has, etag_of
from api.answers.state import state_of
from api.http.dependencies import ReadSession, Slug, TheLobby
from api.http.errors import headers_of, status_of
from api.http.middleware import POLICY, content_policy
from services.errors import Invalid, Limited, Unavailable
from services.views.embeds import Embed, EmbedPlace
from web.base import forms
from web.base.rendering import STATIC, page, see_other
from web.public import dev_mail, partner_boxes, petitions
from web.public.petitions import SignFields

# Kept for an hour, and for a week more where the newer one is asked for meanwhile: a page of
# another site never waits for us, and a mended script is everywhere within a visit or two.
KEPT = "public, max-age=3600, stale-while-revalidate=604800, stale-if-error=604800"
router = APIRouter()


async def place_of(partner: str = "", source: str = "") -> EmbedPlace:
    """What the address says of where the form stands."""
    return EmbedPlace.of(partner, source)


ThePlace = Annotated[EmbedPlace, Depends(place_of)]


@router.get("/widget/v1.js")
async def script(request: Request) -> Response:
    """The element `<lobby-petition>`, for any page of any site."""
    content, tag = _script()
    headers = {
        "Cache-Control": KEPT,
        "ETag": tag,
        "Access-Control-Allow-Origin": "*",
        # For pages that load from elsewhere only what says that it may be.
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if client_has(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="text/javascript", headers=headers)


@router.get("/embed/{slug}")
def embed(slug: Slug, request: Request, place: ThePlace) -> Response:
    """The petition in short, with its form."""
    return _form_page(_embed(request, slug, place), place, forms.Form())


@router.get("/embed/{slug}/sign")
def back_to_form(slug: Slug, place: ThePlace) -> Response:
    """Where a frame goes that is loaded again after a form with problems."""
    return see_other(f"/embed/{slug}{place.query}")


@router.post("/embed/{slug}/sign")
async def sign(
    slug: Slug, request: Request, place: ThePlace, fields: Annotated[SignFields, Form()]
) -> Response:
    """Take a signature as the petition's own page does, with where it came from."""
    found = await run_in_threadpool(_embed, request, slug, place)
    form = forms.Form(fields.model_dump())
    try:
        petitions.require_room(request)
        await _record(request, slug, form, found, place)
    except (Invalid, Limited, Unavailable) as error:
        form.note(error)
        answer = _form_page(found, place, form, status_of(error)[0])
        answer.headers.update(headers_of(error))
        return answer
    return see_other(f"/embed/{slug}/check-your-mail{place.query}")


@router.get("/embed/{slug}/check-your-mail")
def check_your_mail(
    slug: Slug, request: Request, place: ThePlace, lobby: TheLobby, session: ReadSession
) -> Response:
    """The same for everybody: it knows nothing of who signed."""
    found = _embed(request, slug, place)
    shows_mail = dev_mail.is_shown(request, lobby, session)
    return _framed("embed/embed_check_your_mail.html", found, place, shows_mail=shows_mail)


@cache
def _script() -> tuple[bytes, str]:
    content = (STATIC / "widget.js").read_bytes()
    return content, etag_of(content)


def _embed(request: Request, slug: str, place: EmbedPlace) -> Embed:
    return state_of(request).public_answers.embeds.get((slug, place.partner))


async def _record(
    request: Request, slug: str, form: forms.Form, found: Embed, place: EmbedPlace
) -> None:
    """On disk when this returns. Raises what is wrong with the form or the petition."""
    asked = petitions.checked(slug, form)
    # The frame's address says whose it is, whatever a form says.
    slug_of_partner = found.partner.slug if found.partner else None
    contact = asked.partner_contact if found.partner else None
    whence = replace(
        asked, partner=slug_of_partner, partner_contact=contact, source=place.source or None
    )
    outcome = await state_of(request).intake.record(whence)
    if outcome.error:
        raise outcome.error


def _form_page(found: Embed, place: EmbedPlace, form: forms.Form, status: int = 200) -> Response:
    return _framed("embed/embed.html", found, place, status=status, form=form)


def _framed(
    template: str, found: Embed, place: EmbedPlace, *, status: int = 200, **values: object
) -> Response:
    """A page that some sites may frame; its script answers those alone."""
    # What was typed, or that something was sent, stays in no cache.
    is_private = template != "embed/embed.html" or status != 200
    answer = page(
        template,
        None,
        status=status,
        is_private=is_private,
        embed=found,
        place=place,
        partner=partner_boxes.of_partner(found.partner) if found.partner else None,
        **values,
    )
    ancestors = " ".join(["'self'", *found.origins])
    answer.headers[POLICY] = content_policy(script_src="'self'", frame_ancestors=ancestors)
    return answer
