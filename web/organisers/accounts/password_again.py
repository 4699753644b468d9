"""Asks somebody who is signed in for their password again, within limits as for signing in.

A session is enough for what ends with it. What outlasts it, such as an API key or a download, needs
the password again: somebody else may sit at a browser that was left open.
"""

from functools import partial
from typing import Protocol

from anyio import from_thread
from fastapi import Request, Response

from api.answers.state import state_of
from api.http.errors import headers_of, status_of
from services.errors import Invalid, LobbyError
from services.organisations import organisations
from web.base import forms
from web.base.desk import Desk

AGAIN = "Type your password again."
ON_ACCOUNT = "Type your password."


class FormPage(Protocol):
    """Renders the page of a form."""

    def __call__(self, *, status: int) -> Response:
        """Returns the page with a status."""


def check(
    form: forms.Form,
    request: Request,
    desk: Desk,
    *,
    field: str = "password",
    missing: str = AGAIN,
) -> None:
    """Checks a field of a form, whose problem `form.finish` raises. Raises Limited."""
    form.check(field, partial(_own_password, request, desk), missing=missing)


def refused(form: forms.Form, error: LobbyError, page: FormPage) -> Response:
    """Shows a form again with what is wrong, or how long to wait."""
    form.note(error)
    response = page(status=status_of(error)[0])
    response.headers.update(headers_of(error))
    return response


def _own_password(request: Request, desk: Desk, typed: str) -> str:
    if not typed:
        raise Invalid("required", AGAIN)
    # Routes with forms run in threads, and the counters in the event loop.
    from_thread.run(state_of(request).sign_ins.count_password_again, desk.session_id)
    organisations.require_password(desk.organiser, typed)
    return typed
