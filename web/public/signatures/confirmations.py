"""The link that confirms a signature, and the button for news of a vacant seat."""

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool

from api.answers import confirmations
from api.answers.state import state_of
from api.http.dependencies import Now, ReadSession, TheLobby
from api.http.late_routes import Router
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.errors import Gone
from services.signatures import signature_states
from services.supporters import seat_watches
from web.base import signer_cookies
from web.base.rendering import page, see_other
from web.public.signatures import linked

router = Router()


@router.get("/confirm/{token}")
def ask_to_confirm(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Shows everything that was sent, with a button to confirm it."""
    try:
        row_id = lobby.tokens.read(Purpose.CONFIRM, token)
        view = linked.find(session, lobby, row_id, now=now)
    except Gone:
        view = None
    if view is None:
        return linked.expired_page(session, lobby, Purpose.CONFIRM, token)
    return page(
        "signatures/confirm.html",
        session,
        is_private=True,
        face=view.face,
        signature_view=view,
        token=token,
    )


@router.post("/confirm/{token}")
async def confirm(token: str, request: Request) -> Response:
    """Confirms the signature, and remembers its signer in this browser.

    Of a confirmed signature it is 'Continue' on another device. If another signature of the
    signer's stands, it changes nothing and remembers nobody.
    """
    state = state_of(request)
    lobby = state.lobby
    try:
        row_id = lobby.tokens.read(Purpose.CONFIRM, token)
        signature, _ = await confirmations.confirm(state, row_id)
    except Gone:
        return await run_in_threadpool(_expired_page, lobby, token)
    if signature.id != row_id and signature.provenance is None:
        return see_other(f"/confirm/{token}")
    response = see_other(f"/thanks/{lobby.tokens.issue(Purpose.THANKS, signature.id)}")
    signer_cookies.remember(response, lobby, signature.id)
    return response


@router.get("/watch/{token}")
def back_to_signature(token: str, lobby: TheLobby) -> Response:
    """Redirects a GET of a button's address, such as a reload, to the page with the button."""
    lobby.tokens.read(Purpose.CONFIRM, token)
    return see_other(f"/confirm/{token}")


@router.post("/watch/{token}")
def watch(token: str, lobby: TheLobby, session: ReadSession, now: Now) -> Response:
    """Records that the signer wants an email when their vacant seat has an MP again."""
    signature_id = lobby.tokens.read(Purpose.CONFIRM, token)
    with lobby.database.write() as writing:
        signature = signature_states.of_link(writing, signature_id)
        seat_watches.add(writing, signature, now=now)
    view = linked.find(session, lobby, signature_id, now=now)
    return page(
        "signatures/watching.html",
        session,
        is_private=True,
        face=view.face if view else None,
        signature_view=view,
    )


def _expired_page(lobby: Lobby, token: str) -> Response:
    with lobby.database.read() as session:
        return linked.expired_page(session, lobby, Purpose.CONFIRM, token)
