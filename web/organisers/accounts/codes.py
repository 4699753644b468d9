"""The second step of signing in: a code of the authenticator app, or a recovery code."""

from typing import Annotated
from urllib.parse import quote

from fastapi import Form, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.answers.state import state_of
from api.http.dependencies import TheLobby
from api.http.errors import headers_of, status_of
from api.http.late_routes import Router
from services.accounts import known_devices, signing_in
from services.accounts.sessions import SignedIn
from services.accounts.signing_in import Entry
from services.assembly import Lobby
from services.errors import Invalid, LobbyError
from web.base import form_tokens, forms, kept
from web.base.rendering import see_other
from web.organisers.accounts import cookies
from web.organisers.accounts.code_pages import code_page, half_of

router = Router()


class CodeFields(BaseModel):
    """The fields as sent. `next` and `kept` are as for the password."""

    code: str = ""
    next: str = ""
    kept: str = ""
    form_token: str = ""


@router.get("/sign-in/code")
def ask_for_code(request: Request, lobby: TheLobby) -> Response:
    """Asks for a code, if the password was given."""
    return _asked(request, lobby, "code")


@router.get("/sign-in/recovery")
def ask_for_recovery_code(request: Request, lobby: TheLobby) -> Response:
    """Asks for a recovery code, if the password was given."""
    return _asked(request, lobby, "recovery")


@router.post("/sign-in/code")
async def take_code(request: Request, fields: Annotated[CodeFields, Form()]) -> Response:
    """Completes signing in with a code of the authenticator app."""
    return await _take(request, fields, "code")


@router.post("/sign-in/recovery")
async def take_recovery_code(request: Request, fields: Annotated[CodeFields, Form()]) -> Response:
    """Completes signing in with a recovery code."""
    return await _take(request, fields, "recovery")


def _asked(request: Request, lobby: Lobby, name: str) -> Response:
    way = kept.own_path(request.query_params.get("next", ""))
    if half_of(request, lobby) is None:
        return see_other(f"/sign-in?next={quote(way, safe='/')}")
    return code_page(request, forms.Form({"next": way}), name)


async def _take(request: Request, fields: CodeFields, name: str) -> Response:
    form_tokens.refuse_other_sites(request)
    state = state_of(request)
    half = await run_in_threadpool(half_of, request, state.lobby)
    if half is None or not form_tokens.fits_visitor(request, fields.form_token):
        return await run_in_threadpool(_begin_again, request, fields)
    try:
        device = await run_in_threadpool(_known_device, request, state.lobby, half)
        await state.sign_ins.count_code(half.organiser.id, device=device)
        entry = await run_in_threadpool(_check, request, fields, half, name)
    except LobbyError as error:
        return await run_in_threadpool(_asked_again, request, fields, half, name, error)
    return await run_in_threadpool(_let_in, request, fields, entry)


def _begin_again(request: Request, fields: CodeFields) -> Response:
    """Asks for the password again, with what was typed into a form that waits."""
    form, way = kept.read(fields.kept), kept.own_path(fields.next)
    if form:
        return kept.page(request, form, kept.Reason.SIGNED_OUT, "", status=401)
    return see_other(f"/sign-in?next={quote(way, safe='/')}")


def _known_device(request: Request, lobby: Lobby, half: SignedIn) -> str | None:
    token = cookies.visitor_of(request).token
    with lobby.database.read() as session:
        is_known = known_devices.is_of(session, half.organiser.id, token, now=lobby.clock())
    return token if is_known else None


def _check(request: Request, fields: CodeFields, half: SignedIn, name: str) -> Entry:
    lobby, visitor = state_of(request).lobby, cookies.visitor_of(request)
    with lobby.database.write(is_public=False) as session:
        if name == "code":
            return signing_in.with_code(session, half, fields.code, visitor, now=lobby.clock())
        return signing_in.with_recovery_code(
            session, lobby.keyring, half, fields.code, visitor, now=lobby.clock()
        )


def _asked_again(
    request: Request, fields: CodeFields, half: SignedIn, name: str, error: LobbyError
) -> Response:
    if isinstance(error, Invalid):
        _note_failure(request, half, name)
    form = forms.Form({"next": fields.next, "kept": fields.kept})
    form.note(error)
    response = code_page(request, form, name, status_of(error)[0])
    response.headers.update(headers_of(error))
    return response


def _note_failure(request: Request, half: SignedIn, name: str) -> None:
    lobby = state_of(request).lobby
    with lobby.database.write(is_public=False) as session:
        signing_in.note_failure(
            session,
            lobby.keyring,
            email=half.organiser.email.text,
            device=cookies.device_of(request),
            detail="code" if name == "code" else "recovery code",
            now=lobby.clock(),
        )


def _let_in(request: Request, fields: CodeFields, entry: Entry) -> Response:
    form = kept.read(fields.kept)
    response: Response
    if form:
        token = form_tokens.of_session(entry.session_token)
        response = kept.page(request, form, kept.Reason.OUTDATED, token)
    else:
        response = see_other(kept.own_path(fields.next))
    cookies.keep_entry(request, response, entry)
    return response
