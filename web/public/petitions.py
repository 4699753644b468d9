"""A petition's page, and its form for signing."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.answers import signature_intake
from api.answers.state import state_of
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.errors import REFUSED, headers_of, status_of
from api.http.response_headers import POLICY, content_policy
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common import texts
from services.common.countries import ABROAD
from services.errors import Invalid, Limited, ProofRequired, Unavailable
from services.postcodes import directory
from services.signatures.recording import HOME, SignatureRequest
from services.views import campaign_views, embeds
from web.base import forms
from web.base.dependencies import Viewer
from web.base.rendering import page, see_other
from web.public import partner_boxes
from web.public.signatures import sent

_PROOF_MESSAGE = (
    "Very many people are signing right now. What you entered is still here: please press the "
    "button again in {} seconds."
)
router = APIRouter()


class SignFields(BaseModel):
    """The fields as sent; an unticked box is empty."""

    name: str = ""
    email: str = ""
    postcode: str = ""
    abroad: str = ""
    updates: str = ""
    partner: str = ""
    partner_contact: str = ""
    source: str = ""


@router.get("/petitions/{slug}")
def show_petition(
    slug: Slug,
    session: ReadSession,
    lobby: TheLobby,
    now: Now,
    viewer: Viewer,
    partner: str = "",
    source: str = "",
) -> Response:
    """Shows a petition with its form, and the consent question of the partner in the link."""
    petition = petitions.public(session, slug, viewer=viewer)
    campaign = campaigns.get(session, petition.campaign_id)
    return page(
        "public/petition.html",
        session,
        is_private=viewer is not None,  # it may be a draft
        petition_view=campaign_views.of_petition(session, petition, now=now),
        view=campaign_views.of_campaigns(session, [campaign], now=now)[0],
        form=forms.Form({"source": embeds.source_or_none(source)}),
        partner=partner_boxes.of_petition(session, petition, partner),
        base_url=lobby.settings.base_url,
    )


@router.get("/petitions/{slug}/sign")
def back_to_petition(slug: Slug) -> Response:
    """Redirects a GET of the form's address, such as a reload, to the form."""
    return see_other(f"/petitions/{slug}")


@router.post("/petitions/{slug}/sign")
async def sign(slug: Slug, request: Request, fields: Annotated[SignFields, Form()]) -> Response:
    """Records a signature. The response to a new and a repeated one is the same."""
    form = forms.Form(fields.model_dump())
    try:
        require_proof(request)
        signature = checked(slug, form)
        outcome = await signature_intake.submit(request.scope, signature)
    except (Invalid, Limited, Unavailable) as error:
        form.note(error)
        lobby, status = state_of(request).lobby, status_of(error)[0]
        response = await run_in_threadpool(_page_with_problems, lobby, slug, form, status)
        response.headers.update(headers_of(error))
        return response
    return await sent.redirect(state_of(request), signature, outcome)


@router.get("/petitions/{slug}/check-your-mail")
def back_to_campaign(slug: Slug, session: ReadSession) -> Response:
    """Redirects the address that the page after signing had before."""
    petition = petitions.public(session, slug)
    return see_other(f"/campaigns/{campaigns.get(session, petition.campaign_id).slug}")


def require_proof(request: Request) -> None:
    """Raises ProofRequired, with a message for people, where `Limits` asks for a proof of work."""
    error: ProofRequired | None = request.scope.get(REFUSED)
    if error is not None:
        message = _PROOF_MESSAGE.format(error.retry_after)
        raise ProofRequired(error.code, message, error.retry_after, error.challenge)


def checked(slug: str, form: forms.Form) -> SignatureRequest:
    """Returns the signature in the form, or raises Invalid with all problems."""
    is_abroad = bool(form.value("abroad"))
    name = form.check("name", texts.person_name, missing="Enter your name.")
    email = form.check("email", texts.email_address, missing="Enter your e-mail address.")
    postcode = form.check(
        "postcode",
        _any_postcode if is_abroad else directory.normalise,
        missing="Enter your postcode, or tick that you live outside the UK.",
    )
    partner = form.value("partner")
    if partner:
        form.check("partner", lambda text: texts.slug(text, "partner"), missing="")
    form.finish()
    return SignatureRequest(
        petition_slug=slug,
        name=name,
        email=email,
        postcode=postcode,
        country=ABROAD if is_abroad else HOME,
        updates=bool(form.value("updates")),
        source=embeds.source_or_none(form.value("source")) or None,
        partner=partner or None,
        partner_contact=bool(form.value("partner_contact")) if partner else None,
    )


def _any_postcode(text: str) -> str:
    return texts.line(text, "postcode", longest=20, shortest=0)


def _page_with_problems(lobby: Lobby, slug: str, form: forms.Form, status: int) -> Response:
    now = lobby.clock()
    with lobby.database.read() as session:
        petition = petitions.public(session, slug)
        campaign = campaigns.get(session, petition.campaign_id)
        response = page(
            "public/petition.html",
            session,
            status=status,
            is_private=True,
            petition_view=campaign_views.of_petition(session, petition, now=now),
            view=campaign_views.of_campaigns(session, [campaign], now=now)[0],
            form=form,
            partner=partner_boxes.of_petition(session, petition, form.value("partner")),
            base_url=lobby.settings.base_url,
        )
    if form.proof:
        response.headers[POLICY] = content_policy(script_src="'self'")
    return response
