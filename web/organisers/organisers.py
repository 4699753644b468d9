"""Signing in and out, the dashboard of an organisation, and its signatures as CSV."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.answers.state import state_of
from api.http.dependencies import Now, ReadSession, Slug, TheLobby
from api.http.downloads import download
from api.http.errors import headers_of, status_of
from services.assembly import Lobby
from services.campaigns import campaigns, petitions, still_missing
from services.common.tokens import LIFETIMES, Purpose
from services.demonstration import invented_campaign
from services.errors import Limited, LobbyError, Unauthenticated, Unavailable
from services.files import export_lines
from services.letters import queue_overview
from services.organisations import organisations, organisers
from services.parliament_sync import freshness
from services.signatures import pending_views, signature_exports
from services.signatures.pending_views import MOST_COUNTED
from services.views import campaign_views
from web.base import forms
from web.base.dependencies import COOKIE, OptionalOrganiser, RequiredOrganiser
from web.base.local import is_on_this_machine
from web.base.rendering import page, see_other

router = APIRouter()


class SignInFields(BaseModel):
    """The fields as sent."""

    email: str = ""
    password: str = ""


@router.get("/sign-in")
def ask_to_sign_in(session: ReadSession, organiser: OptionalOrganiser) -> Response:
    """Shows the form; redirects an organiser who is signed in."""
    if organiser:
        return see_other("/organiser")
    return page("organisers/sign_in.html", session, form=forms.Form())


@router.post("/sign-in")
async def sign_in(request: Request, fields: Annotated[SignInFields, Form()]) -> Response:
    """Signs an organiser in, within the limits of `SignIns`, in threads of its own."""
    state = state_of(request)
    address = request.client.host if request.client else None
    try:
        is_here = is_on_this_machine(request, state.lobby.settings)
        check = partial(_sign_in, state.lobby, fields, is_here=is_here)
        return await state.sign_ins.run(address, fields.email, check)
    except (Limited, Unavailable) as error:
        status, headers = status_of(error)[0], headers_of(error)
        response = await run_in_threadpool(_asked_again, None, fields, error, status)
        response.headers.update(headers)
        return response


def _sign_in(lobby: Lobby, fields: SignInFields, *, is_here: bool) -> Response:
    """Checks the password. The cookie holds a signed id and a fingerprint of the password."""
    with lobby.database.read() as session:
        try:
            organiser = organisations.sign_in(
                session, lobby.keyring, email=fields.email, password=fields.password
            )
            if not is_here:
                invented_campaign.refuse_known_password(session, organiser, fields.password)
        except Unauthenticated as error:
            return _asked_again(session, fields, error, 422)
    response = see_other("/organiser")
    response.set_cookie(
        COOKIE,
        organisers.cookie_of(organiser, lobby.tokens),
        max_age=int(LIFETIMES[Purpose.ORGANISER].total_seconds()),
        path="/",
        secure=lobby.settings.base_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return response


def _asked_again(
    session: Session | None, fields: SignInFields, error: LobbyError, status: int
) -> Response:
    form = forms.Form({"email": fields.email})
    form.note(error)
    return page("organisers/sign_in.html", session, status=status, is_private=True, form=form)


@router.post("/sign-out")
def sign_out() -> Response:
    """Deletes the cookie."""
    response = see_other("/sign-in")
    response.delete_cookie(COOKIE, path="/")
    return response


@router.get("/organiser")
def dashboard(session: ReadSession, now: Now, organiser: OptionalOrganiser) -> Response:
    """Shows every campaign of the organiser's organisation, drafts too."""
    if organiser is None:
        return see_other("/sign-in")
    own_campaigns = campaigns.of_organisation(session, organiser.organisation_id)
    views = campaign_views.of_campaigns(session, own_campaigns, now=now)
    petition_ids = [item.petition.id for view in views for item in view.petitions]
    organisation = organisations.get(session, organiser.organisation_id)
    return page(
        "organisers/dashboard.html",
        session,
        is_private=True,
        organisation=organisation,
        missing=still_missing.of_organisation(session, organisation),
        views=views,
        unconfirmed=pending_views.count_by_petition(session, petition_ids),
        count_limit=MOST_COUNTED,
        queues=queue_overview.counts_by_campaign(session, own_campaigns),
        parliament=freshness.of_parliament(session, now=now),
    )


@router.get("/organiser/petitions/{slug}/signatures.csv")
def download_signatures(
    slug: Slug, request: Request, lobby: TheLobby, organiser: RequiredOrganiser
) -> Response:
    """Downloads every signature of a petition as CSV. The log names the organiser."""
    with lobby.database.read() as session:
        petition = petitions.own(session, slug, organisation_id=organiser.organisation_id)
    export = signature_exports.of_petition(petition)
    by = f"organiser {organiser.id}"
    name = f"{slug}-signatures"
    return download(request, lobby, export, export_lines.FileFormat.CSV, name=name, by=by)
