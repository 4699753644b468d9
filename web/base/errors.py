"""Errors as pages: what went wrong, in words, and where to go from there."""

from typing import Any

from fastapi import Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api.answers.state import state_of
from api.http.errors import as_lobby_error, headers_of, status_of
from api.http.middleware import POLICY, content_policy
from services.assembly import Lobby
from services.errors import FieldError, Invalid
from web.base.rendering import page

HEADINGS = {
    401: "Please sign in",
    403: "This is not allowed",
    404: "This page does not exist",
    405: "This page cannot be opened like that",
    409: "This cannot be done now",
    410: "This link has expired",
    413: "That was too long",
    422: "Something here is not right",
    429: "Please wait a moment",
    503: "Please try again in a moment",
}
# Of errors that no service of ours has worded.
_MESSAGES = {
    404: "Check the address for typing mistakes, or start again from the list of campaigns.",
    405: "Go back and press the button on the page, or start again from the list of campaigns.",
}
_OTHER = "Something went wrong"
FRAMES = "/embed/"


async def page_problem(request: Request, error: Exception) -> Response:
    """The answer to an error, as a page."""
    if isinstance(error, HTTPException):
        message = _MESSAGES.get(error.status_code, error.detail)
        return await _answer(request, error.status_code, message, (), dict(error.headers or {}))
    known = as_lobby_error(error)
    fields = known.fields if isinstance(known, Invalid) else ()
    return await _answer(
        request,
        status_of(known)[0],
        known.message,
        fields,
        headers_of(known),
        is_database_away=known.code == "database_unavailable",
    )


async def _answer(
    request: Request,
    status: int,
    message: str,
    fields: tuple[FieldError, ...],
    headers: dict[str, str],
    *,
    is_database_away: bool = False,
) -> Response:
    values: dict[str, Any] = {
        "heading": HEADINGS.get(status, _OTHER),
        "message": message,
        # The usual error is about one field and says the same twice.
        "fields": [item for item in fields if item.field != "token"],
        "says_more": [item.message for item in fields] != [message],
    }
    response: Response
    path = request.url.path
    if path.startswith(FRAMES):
        response = _framed(path, status, values)
    elif is_database_away:  # asking it again would only wait once more
        response = page("base/error.html", None, status=status, **values)
    else:
        lobby = state_of(request).lobby
        response = await run_in_threadpool(_page, lobby, status, values)
    response.headers.update(headers)
    return response


def _framed(path: str, status: int, values: dict[str, Any]) -> Response:
    """In the frame in which the form was. Any site may show it: there is nothing to press."""
    slug = path.removeprefix(FRAMES).partition("/")[0]
    values |= {"slug": slug, "is_missing": status == 404}
    response = page("embed/embed_error.html", None, status=status, is_private=True, **values)
    response.headers[POLICY] = content_policy(frame_ancestors="*")
    return response


def _page(lobby: Lobby, status: int, values: dict[str, Any]) -> Response:
    """With the banner of the demonstration where the database can still be asked."""
    try:
        with lobby.database.read() as session:
            return page("base/error.html", session, status=status, **values)
    except SQLAlchemyError:
        return page("base/error.html", None, status=status, **values)
