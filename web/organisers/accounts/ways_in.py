"""What an invitation and the first set-up share: a form for a stranger, who is then signed in."""

from typing import Any

from fastapi import Request, Response
from sqlmodel import Session

from api.answers.state import state_of
from models import Organiser
from services.accounts import signing_in
from services.errors import Forbidden
from web.base import form_tokens
from web.base.rendering import page, see_other
from web.organisers.accounts import cookies


def form_page(
    request: Request, session: Session, template: str, *, status: int = 200, **values: Any
) -> Response:
    """Renders a form that this browser alone can send."""
    visitor = form_tokens.visitor_of(request)
    response = page(
        template,
        session,
        status=status,
        is_private=True,
        form_token=form_tokens.of_session(visitor),
        **values,
    )
    form_tokens.keep_visitor(request, response, visitor)
    return response


def require_own_form(request: Request, form_token: str) -> None:
    """Raises Forbidden for a form that another browser or another site has shown."""
    form_tokens.refuse_other_sites(request)
    if not form_tokens.fits_visitor(request, form_token):
        message = "This page was open for too long. Please type your password again."
        raise Forbidden("form_outdated", message)


def begin(request: Request, session: Session, organiser: Organiser) -> Response:
    """Begins a session, and returns the redirect to the desk with its cookies."""
    now, visitor = state_of(request).lobby.clock(), cookies.visitor_of(request)
    entry = signing_in.with_password(session, organiser, visitor, now=now)
    response = see_other("/organiser")
    cookies.keep_entry(request, response, entry)
    return response
