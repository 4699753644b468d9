"""What organisers see after signing in: their campaigns and counts, and signatures to take out."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel

from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.downloads import download
from models import Organisation
from services.campaigns import campaigns, petitions
from services.common.tokens import LIFETIMES, Purpose
from services.errors import Unauthenticated
from services.files import export_lines
from services.letters import queue_overview
from services.organisations import organisations
from services.parliament_sync import freshness
from services.signatures import signature_exports
from services.views import campaign_views
from web.base import forms
from web.base.dependencies import COOKIE, AtDesk, SignedIn
from web.base.rendering import page, see_other

router = APIRouter()


class SignInFields(BaseModel):
    """The form as it comes."""

    email: str = ""
    password: str = ""


@router.get("/sign-in")
def ask_to_sign_in(session: ReadSession, organiser: SignedIn) -> Response:
    """A form; nothing to do for who is signed in."""
    if organiser:
        return see_other("/organiser")
    return page("organisers/sign_in.html", session, form=forms.Form())


@router.post("/sign-in")
def sign_in(
    fields: Annotated[SignInFields, Form()], lobby: TheLobby, session: ReadSession
) -> Response:
    """Let an organiser in; their cookie holds a signed id and nothing else."""
    try:
        organiser = organisations.sign_in(
            session, lobby.keyring, email=fields.email, password=fields.password
        )
    except Unauthenticated as error:
        form = forms.Form({"email": fields.email})
        form.note(error)
        return page("organisers/sign_in.html", session, status=422, is_private=True, form=form)
    answer = see_other("/organiser")
    answer.set_cookie(
        COOKIE,
        lobby.tokens.issue(Purpose.ORGANISER, organiser.id),
        max_age=int(LIFETIMES[Purpose.ORGANISER].total_seconds()),
        path="/",
        secure=lobby.settings.base_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/sign-out")
def sign_out() -> Response:
    """Forget the cookie."""
    answer = see_other("/sign-in")
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.get("/organiser")
def dashboard(session: ReadSession, now: Now, organiser: SignedIn) -> Response:
    """Every campaign of the organiser's own organisation, drafts too."""
    if organiser is None:
        return see_other("/sign-in")
    found = campaigns.of_organisation(session, organiser.organisation_id)
    return page(
        "organisers/organiser.html",
        session,
        is_private=True,
        organisation=session.get_one(Organisation, organiser.organisation_id),
        views=campaign_views.of_campaigns(session, found, now=now),
        post=queue_overview.counts_by_campaign(session, found),
        parliament=freshness.of_parliament(session, now=now),
    )


@router.get("/organiser/petitions/{slug}/signatures.csv")
def download_signatures(
    slug: Slug, request: Request, lobby: TheLobby, organiser: AtDesk
) -> Response:
    """Every signature of a petition of the organiser's own organisation; it is noted in the log."""
    with lobby.database.read() as session:
        petition = petitions.own(session, slug, organisation_id=organiser.organisation_id)
    export = signature_exports.of_petition(petition)
    by = f"organiser {organiser.id}"
    name = f"{slug}-signatures"
    return download(request, lobby, export, export_lines.FileFormat.CSV, name=name, by=by)
