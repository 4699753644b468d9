"""A new password for somebody who has forgotten theirs, by a link that we email to them."""

from typing import Annotated, Any

from fastapi import Form, Request, Response
from pydantic import BaseModel
from starlette.background import BackgroundTask

from api.answers.state import state_of
from api.http.dependencies import ReadSession, TheLobby
from api.http.late_routes import Router
from services.accounts import account_mails, changes, resets
from services.assembly import Lobby
from services.common import texts
from services.errors import Forbidden, Gone, Invalid, NotFound
from services.organisations import organisations
from web.base import form_tokens, forms
from web.base.rendering import page
from web.organisers.accounts import cookies

router = Router()
NO_EMAIL = "Enter the email address that you sign in with."


class AskFields(BaseModel):
    """The fields as sent."""

    email: str = ""
    form_token: str = ""


class PasswordFields(BaseModel):
    """The fields as sent."""

    password: str = ""
    form_token: str = ""


@router.get("/forgotten")
def ask_for_address(request: Request) -> Response:
    """Asks for the email address of the account."""
    return _page(request, "forgotten", form=forms.Form())


@router.post("/forgotten")
def send_link(request: Request, fields: Annotated[AskFields, Form()], lobby: TheLobby) -> Response:
    """Sends a link, if the address is an organiser's.

    The answer is the same for every address, and goes out before the address is looked up.
    """
    form_tokens.refuse_other_sites(request)
    form = forms.Form({"email": fields.email})
    try:
        _require_visitor(request, fields.form_token)
        email = form.check("email", texts.email_address, missing=NO_EMAIL)
        form.finish()
    except (Invalid, Forbidden) as error:
        form.note(error)
        return _page(request, "forgotten", 422, form=form)
    response = _page(request, "forgotten_sent", email=email)
    response.background = BackgroundTask(_queue, lobby, email)
    return response


@router.get("/forgotten/{token}")
def ask_for_password(
    token: str, request: Request, lobby: TheLobby, session: ReadSession
) -> Response:
    """Asks for the new password, if the link still works."""
    try:
        organiser = resets.organiser_of(session, lobby.tokens, token)
    except Gone:
        return _page(request, "forgotten_gone", 410)
    return _page(request, "new_password", form=forms.Form(), email=organiser.email.text)


@router.post("/forgotten/{token}")
def choose_password(
    token: str, request: Request, fields: Annotated[PasswordFields, Form()], lobby: TheLobby
) -> Response:
    """Changes the password, and signs the organiser out everywhere."""
    form_tokens.refuse_other_sites(request)
    form = forms.Form()
    try:
        with lobby.database.read() as session:
            organiser = resets.organiser_of(session, lobby.tokens, token)
            organisation = organisations.get(session, organiser.organisation_id)
        email = organiser.email.text
        _require_visitor(request, fields.form_token)
        password_hash = organisations.hash_password(
            fields.password, email=email, organisation=organisation
        )
        device_token = _reset(request, lobby, token, password_hash)
    except Gone:
        return _page(request, "forgotten_gone", 410)
    except (Invalid, Forbidden) as error:
        if isinstance(error, Invalid) and error.code == "token_invalid":
            raise
        form.note(error)
        return _page(request, "new_password", 422, form=form, email=email)
    response = _page(request, "new_password_done")
    cookies.keep_device(request, response, device_token)
    cookies.forget_session(request, response)
    return response


def _reset(request: Request, lobby: Lobby, token: str, password_hash: str) -> str:
    visitor = cookies.visitor_of(request)
    with lobby.database.write(is_public=False) as session:
        return changes.reset_password(
            session, lobby.tokens, token, password_hash, visitor, now=lobby.clock()
        )


def _queue(lobby: Lobby, email: str) -> None:
    with lobby.database.write(is_public=False) as session:
        try:
            organiser = organisations.organiser_at(session, lobby.keyring, email)
        except NotFound:
            return
        account_mails.queue_reset(session, organiser, now=lobby.clock())


def _require_visitor(request: Request, form_token: str) -> None:
    if not form_tokens.fits_visitor(request, form_token):
        raise Forbidden("form_outdated", "This page was open for too long. Please try again.")


def _page(request: Request, name: str, status: int = 200, **values: Any) -> Response:
    visitor = form_tokens.visitor_of(request)
    with state_of(request).lobby.database.read() as session:
        response = page(
            f"organisers/accounts/{name}.html",
            session,
            status=status,
            is_private=True,
            form_token=form_tokens.of_session(visitor),
            **values,
        )
    form_tokens.keep_visitor(request, response, visitor)
    return response
