"""A petition's page, and its form for signing."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from sqlmodel import Session

from api.answers import signature_intake
from api.answers.cached_answer import CachedAnswer
from api.answers.state import state_of
from api.http.dependencies import ReadSession, Slug
from api.http.errors import REFUSED, headers_of, status_of
from api.http.late_routes import Router
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common import texts
from services.common.countries import ABROAD
from services.errors import Conflict, Invalid, Limited, ProofRequired, Unavailable
from services.postcodes import directory
from services.signatures.recording import HOME, SignatureRequest
from services.views import embeds
from web.base import cached_pages, forms
from web.base.cached_pages import CachedRedirect
from web.base.rendering import see_other
from web.public import sign_pages
from web.public.sign_pages import SignPlace, TheSignPlace
from web.public.signatures import sent

_PROOF_MESSAGE = (
    "Lots of people are signing at the moment. Your details are still here. Try again in {} "
    "seconds."
)
YES, NO = "yes", "no"
"""The answers to a question about consent. There is no default: it has to be answered."""
router = Router()


class SignFields(BaseModel):
    """The fields as sent; an unticked box, and a question without an answer, is empty."""

    name: str = ""
    email: str = ""
    postcode: str = ""
    abroad: str = ""
    updates: str = ""
    partner: str = ""
    partner_contact: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class PetitionPage:
    """Names the page of a petition, and where its visitors come from."""

    slug: str
    place: SignPlace

    def answer(self, session: Session, lobby: Lobby) -> CachedAnswer | CachedRedirect:
        """Renders it, or redirects to its campaign. Raises NotFound for a draft too."""
        petition = petitions.public(session, self.slug)
        campaign = sign_pages.home_of(session, petition)
        if campaign:
            return CachedRedirect(f"/campaigns/{campaign.slug}")
        return cached_pages.cached(sign_pages.of_petition(session, lobby, petition, self.place))


@router.get("/petitions/{slug}")
async def show_petition(slug: Slug, request: Request, place: TheSignPlace) -> Response:
    """Redirects to the campaign where it has this petition only, and else shows the petition."""

    def fresh(session: Session, viewer: UUID | None) -> Response:
        petition = petitions.public(session, slug, viewer=viewer)
        campaign = sign_pages.home_of(session, petition)
        if campaign:
            return CachedRedirect(f"/campaigns/{campaign.slug}").response(request)
        lobby, is_private = state_of(request).lobby, viewer is not None  # it may be a draft
        return sign_pages.of_petition(session, lobby, petition, place, is_private=is_private)

    key = PetitionPage(slug, place) if place.is_common else None
    return await cached_pages.answer(request, key, fresh)


@router.get("/petitions/{slug}/sign")
def back_to_petition(slug: Slug, request: Request) -> Response:
    """Redirects a GET of the form's address, such as a reload, to the form."""
    return see_other(cached_pages.with_query(f"/petitions/{slug}", request))


@router.post("/petitions/{slug}/sign")
async def sign(slug: Slug, request: Request, fields: Annotated[SignFields, Form()]) -> Response:
    """Records a signature. The response to a new and a repeated one is the same."""
    form = forms.Form(fields.model_dump())
    try:
        require_proof(request)
        signature = checked(slug, form)
        outcome = await signature_intake.submit(request.scope, signature)
    except (Conflict, Invalid, Limited, Unavailable) as error:
        form.note(error)
        lobby, status = state_of(request).lobby, status_of(error)[0]
        response = await run_in_threadpool(sign_pages.with_problems, lobby, slug, form, status)
        response.headers.update(headers_of(error))
        return response
    return await sent.redirect(state_of(request), signature, outcome)


@router.get("/petitions/{slug}/check-your-mail")
def check_your_mail(slug: Slug, request: Request, session: ReadSession) -> Response:
    """Redirects an address of earlier versions to the campaign."""
    petition = petitions.public(session, slug)
    campaign = campaigns.get(session, petition.campaign_id)
    return see_other(cached_pages.with_query(f"/campaigns/{campaign.slug}", request))


def require_proof(request: Request) -> None:
    """Raises ProofRequired, with a message for people, where `Limits` asks for a proof of work."""
    error: ProofRequired | None = request.scope.get(REFUSED)
    if error is not None:
        message = _PROOF_MESSAGE.format(error.retry_after)
        raise ProofRequired(error.code, message, error.retry_after, error.challenge)


def checked(slug: str, form: forms.Form) -> SignatureRequest:
    """Returns the signature in the form, or raises Invalid with all problems."""
    is_abroad = bool(form.value("abroad"))
    name = form.check("name", texts.person_name, missing="Enter your full name")
    email = form.check("email", texts.email_address, missing="Enter your email address")
    postcode = form.check(
        "postcode",
        _any_postcode if is_abroad else directory.normalise,
        missing="Enter your postcode",
    )
    updates = form.check("updates", _answer, missing="Choose whether we can email you")
    partner, contact = form.value("partner"), ""
    if partner:
        form.check("partner", lambda text: texts.slug(text, "partner"), missing="")
        contact = form.check(
            "partner_contact", _answer, missing="Choose whether they can contact you"
        )
    form.finish()
    return SignatureRequest(
        petition_slug=slug,
        name=name,
        email=email,
        postcode=postcode,
        country=ABROAD if is_abroad else HOME,
        updates=updates == YES,
        source=embeds.source_or_none(form.value("source")) or None,
        partner=partner or None,
        partner_contact=contact == YES if partner else None,
    )


def _answer(text: str) -> str:
    if text not in (YES, NO):
        raise Invalid("answer_missing", "Choose yes or no")
    return text


def _any_postcode(text: str) -> str:
    return texts.line(text, "postcode", longest=20, shortest=0)
