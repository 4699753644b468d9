"""A petition, and signing it."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.answers.state import state_of
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.errors import REFUSED, headers_of, status_of
from api.http.middleware import POLICY, content_policy
from models import Campaign
from services.assembly import Lobby
from services.campaigns import petitions
from services.common import texts
from services.errors import Invalid, Limited, ProofRequired, Unavailable
from services.postcodes import directory
from services.signatures.recording import HOME, SignatureRequest
from services.views import campaign_views, embeds
from web.base import forms
from web.base.dependencies import Viewer
from web.base.rendering import page, see_other
from web.public import dev_mail, partner_boxes

_MANY = (
    "Very many people are signing right now. What you entered is still here: please press the "
    "button again in {} seconds."
)
ABROAD = "ZZ"  # ISO 3166-1 leaves it to its users: here, 'outside the UK, not asked where'
router = APIRouter()


class SignFields(BaseModel):
    """The form as it comes; a box that is not ticked is empty."""

    name: str = ""
    email: str = ""
    postcode: str = ""
    abroad: str = ""
    updates: str = ""
    partner: str = ""
    partner_contact: str = ""
    source: str = ""


@router.get("/petitions/{slug}")
def petition(
    slug: Slug,
    session: ReadSession,
    lobby: TheLobby,
    now: Now,
    viewer: Viewer,
    partner: str = "",
    source: str = "",
) -> Response:
    """One petition, with its form; with a partner's question where the link comes from its site."""
    found = petitions.public(session, slug, viewer=viewer)
    view = campaign_views.of_petition(session, found, now=now)
    campaign = session.get_one(Campaign, found.campaign_id)
    whole = campaign_views.of_campaigns(session, [campaign], now=now)[0]
    return page(
        "public/petition.html",
        session,
        petition_view=view,
        view=whole,
        form=forms.Form({"source": embeds.source_or_none(source)}),
        partner=partner_boxes.of_petition(session, found, partner),
        base_url=lobby.settings.base_url,
    )


@router.get("/petitions/{slug}/sign")
def back_to_petition(slug: Slug) -> Response:
    """Where somebody goes who opens the form's address by itself."""
    return see_other(f"/petitions/{slug}")


@router.post("/petitions/{slug}/sign")
async def sign(slug: Slug, request: Request, fields: Annotated[SignFields, Form()]) -> Response:
    """Take a signature, and answer a new and a repeated one alike."""
    form = forms.Form(fields.model_dump())
    try:
        require_room(request)
        outcome = await state_of(request).intake.record(checked(slug, form))
        if outcome.error:
            raise outcome.error
    except (Invalid, Limited, Unavailable) as error:
        form.note(error)
        lobby, status = state_of(request).lobby, status_of(error)[0]
        answer = await run_in_threadpool(_again, lobby, slug, form, status)
        answer.headers.update(headers_of(error))
        return answer
    return see_other(f"/petitions/{slug}/check-your-mail")


@router.get("/petitions/{slug}/check-your-mail")
def check_your_mail(
    slug: Slug, request: Request, lobby: TheLobby, session: ReadSession
) -> Response:
    """The same for everybody: it knows nothing of who signed."""
    found = petitions.public(session, slug)
    campaign = session.get_one(Campaign, found.campaign_id)
    return page(
        "public/check_your_mail.html",
        session,
        what="signature",
        heading=found.action,
        campaign=campaign,
        shows_mail=dev_mail.is_shown(request, lobby, session),
    )


def require_room(request: Request) -> None:
    """ProofWanted where `Limits` asks for one, in words for people."""
    wanted: ProofRequired | None = request.scope.get(REFUSED)
    if wanted is not None:
        told = _MANY.format(wanted.retry_after)
        raise ProofRequired(wanted.code, told, wanted.retry_after, wanted.challenge)


def checked(slug: str, form: forms.Form) -> SignatureRequest:
    """The request in the form, or Invalid with all that is wrong with it."""
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


def _again(lobby: Lobby, slug: str, form: forms.Form, status: int) -> Response:
    with lobby.database.read() as session:
        return _with_problems(session, lobby, slug, form, status)


def _with_problems(
    session: Session, lobby: Lobby, slug: str, form: forms.Form, status: int
) -> Response:
    now = lobby.clock()
    found = petitions.public(session, slug)
    campaign = session.get_one(Campaign, found.campaign_id)
    answer = page(
        "public/petition.html",
        session,
        status=status,
        is_private=True,
        petition_view=campaign_views.of_petition(session, found, now=now),
        view=campaign_views.of_campaigns(session, [campaign], now=now)[0],
        form=form,
        partner=partner_boxes.of_petition(session, found, form.value("partner")),
        base_url=lobby.settings.base_url,
    )
    if form.proof:
        answer.headers[POLICY] = content_policy(script_src="'self'")
    return answer
