"""The pages that ask for a code of the second step, and the cookie that leads to them.

Somebody who has given a password has half a session: it opens these pages and nothing else.
"""

from fastapi import Request, Response

from api.answers.state import state_of
from services.accounts import sessions
from services.accounts.sessions import SignedIn
from services.assembly import Lobby
from web.base import form_tokens, forms
from web.base.dependencies import cookie_name
from web.base.rendering import page


def half_of(request: Request, lobby: Lobby) -> SignedIn | None:
    """Returns who has given a password here, and must give a code."""
    token = request.cookies.get(cookie_name(lobby.settings))
    with lobby.database.read() as session:
        return sessions.half_of_token(session, token, now=lobby.clock()) if token else None


def code_page(request: Request, form: forms.Form, name: str, status: int = 200) -> Response:
    """Renders the page for a code (`code`) or for a recovery code (`recovery`)."""
    visitor = form_tokens.visitor_of(request)
    with state_of(request).lobby.database.read() as session:
        response = page(
            f"organisers/accounts/sign_in_{name}.html",
            session,
            status=status,
            is_private=True,
            form=form,
            form_token=form_tokens.of_session(visitor),
        )
    form_tokens.keep_visitor(request, response, visitor)
    return response
