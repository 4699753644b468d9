"""Signing in with a password, and signing out."""

from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import Form, Request, Response
from pydantic import BaseModel
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from api.answers.state import state_of
from api.http.dependencies import TheLobby
from api.http.errors import headers_of, status_of
from api.http.late_routes import Router
from models import AccountEventKind
from services.accounts import known_devices, record, sessions, signing_in
from services.accounts.signing_in import Entry
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.errors import Forbidden, LobbyError, Unauthenticated
from services.organisations import organisations
from web.base import form_tokens, forms, kept
from web.base.dependencies import OptionalOrganiser, cookie_name, signed_in
from web.base.local import is_on_this_machine
from web.base.rendering import page, see_other
from web.organisers.accounts import cookies
from web.organisers.accounts.code_pages import code_page

router = Router()


class SignInFields(BaseModel):
    """The fields as sent. `next` is the page asked for; `kept` is a form that waits meanwhile."""

    email: str = ""
    password: str = ""
    next: str = ""
    kept: str = ""
    form_token: str = ""


@router.get("/sign-in")
def ask_to_sign_in(request: Request, organiser: OptionalOrganiser) -> Response:
    """Shows the form; redirects an organiser who is signed in."""
    way = request.query_params.get("next", "")
    if organiser:
        return see_other(kept.own_path(way))
    return _form_page(request, forms.Form({"next": kept.own_path(way)}))


@router.post("/sign-in")
async def sign_in(request: Request, fields: Annotated[SignInFields, Form()]) -> Response:
    """Signs an organiser in, within the limits of `SignIns`, in threads of its own."""
    form_tokens.refuse_other_sites(request)
    state, visitor = state_of(request), cookies.visitor_of(request)
    try:
        if not form_tokens.fits_visitor(request, fields.form_token):
            message = "This page was open for too long. Please type your password again."
            raise Forbidden("form_outdated", message)
        device = visitor.token
        if device and not await run_in_threadpool(_knows, state.lobby, device, fields.email):
            device = None
        address = request.client.host if request.client else None
        check = partial(_check_password, request, fields)
        entry = await state.sign_ins.run(address, fields.email, check, device=device)
    except LobbyError as error:
        return await run_in_threadpool(_asked_again, request, fields, error)
    return await run_in_threadpool(_after_password, request, fields, entry)


@router.post("/sign-out")
async def sign_out(request: Request, lobby: TheLobby) -> Response:
    """Ends the session and deletes its cookie."""
    token = request.cookies.get(cookie_name(lobby.settings))
    if token:
        await form_tokens.require(request, form_tokens.of_session(token))
    return await run_in_threadpool(_sign_out, request, lobby)


def _knows(lobby: Lobby, device: str, email: str) -> bool:
    with lobby.database.read() as session:
        return known_devices.is_of_account(
            session, lobby.keyring, device, email=email, now=lobby.clock()
        )


def _check_password(request: Request, fields: SignInFields) -> Entry:
    """Begins a session. Raises Unauthenticated."""
    lobby = state_of(request).lobby
    with lobby.database.read() as session:
        organiser = organisations.sign_in(
            session, lobby.keyring, email=fields.email, password=fields.password
        )
        if not is_on_this_machine(request, lobby.settings):
            invented_campaign.refuse_known_password(session, organiser, fields.password)
    with lobby.database.write(is_public=False) as session:
        visitor = cookies.visitor_of(request)
        return signing_in.with_password(session, organiser, visitor, now=lobby.clock())


def _after_password(request: Request, fields: SignInFields, entry: Entry) -> Response:
    form, way = kept.read(fields.kept), kept.own_path(fields.next)
    response: Response
    if entry.device_token is None and form:
        response = code_page(request, forms.Form({"next": way, "kept": fields.kept}), "code")
    elif entry.device_token is None:
        response = see_other(f"/sign-in/code?next={quote(way, safe='/')}")
    elif form:
        token = form_tokens.of_session(entry.session_token)
        response = kept.page(request, form, kept.Reason.OUTDATED, token)
    else:
        response = see_other(way)
    cookies.keep_entry(request, response, entry)
    return response


def _asked_again(request: Request, fields: SignInFields, error: LobbyError) -> Response:
    """Shows the form with the error. The line of the record is written after the answer.

    So the time of the answer does not tell whether an address is an organiser's.
    """
    form = forms.Form({"email": fields.email, "next": fields.next, "kept": fields.kept})
    form.note(error)
    is_wrong = isinstance(error, Unauthenticated)
    is_refused = isinstance(error, Forbidden)  # a wrong password, or a form that was open too long
    response = _form_page(request, form, 422 if is_refused else status_of(error)[0])
    response.headers.update(headers_of(error) if not is_refused else {})
    if is_wrong:
        response.background = BackgroundTask(_note_failure, request, fields.email)
    return response


def _note_failure(request: Request, email: str) -> None:
    lobby = state_of(request).lobby
    with lobby.database.write(is_public=False) as session:
        signing_in.note_failure(
            session,
            lobby.keyring,
            email=email,
            device=cookies.device_of(request),
            detail="password",
            now=lobby.clock(),
        )


def _form_page(request: Request, form: forms.Form, status: int = 200) -> Response:
    visitor = form_tokens.visitor_of(request)
    with state_of(request).lobby.database.read() as session:
        response = page(
            "organisers/accounts/sign_in.html",
            session,
            status=status,
            is_private=True,
            form=form,
            form_token=form_tokens.of_session(visitor),
        )
    form_tokens.keep_visitor(request, response, visitor)
    return response


def _sign_out(request: Request, lobby: Lobby) -> Response:
    with lobby.database.write(is_public=False) as session:
        if found := signed_in(request, lobby, session):
            sessions.end(session, found.organiser.id, found.session.id)
            record.note(
                session,
                AccountEventKind.SIGNED_OUT,
                organisation_id=found.organiser.organisation_id,
                now=lobby.clock(),
                organiser=found.organiser,
                device=found.session.device,
            )
    response = see_other("/sign-in")
    cookies.forget_session(request, response)
    return response
