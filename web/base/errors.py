"""Renders errors as pages: what went wrong, in words, and where to go from there."""

from typing import Any

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api.answers.state import state_of
from api.http.errors import as_lobby_error, headers_of, status_of
from api.http.response_headers import POLICY, content_policy
from services.assembly import Lobby
from services.database.engine import DatabaseError
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
    421: "This is not our address",
    422: "Something here is not right",
    429: "Please wait a moment",
    503: "Please try again in a moment",
}
# Messages for errors that the web framework raises.
_MESSAGES = {
    404: "Check the address for typing mistakes, or start again from the list of campaigns.",
    405: "Go back and press the button on the page, or start again from the list of campaigns.",
}
_OTHER_HEADING = "Something went wrong"
EMBED_PREFIX = "/embed/"


async def page_problem(request: Request, error: Exception) -> Response:
    """Renders an error as a page with its status and headers."""
    if isinstance(error, HTTPException):
        message = _MESSAGES.get(error.status_code, error.detail)
        return await _answer(request, error.status_code, message, (), dict(error.headers or {}))
    lobby_error = as_lobby_error(error)
    fields = lobby_error.fields if isinstance(lobby_error, Invalid) else ()
    return await _answer(
        request,
        status_of(lobby_error)[0],
        lobby_error.message,
        fields,
        headers_of(lobby_error),
        is_database_away=lobby_error.code == "database_unavailable",
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
        "heading": HEADINGS.get(status, _OTHER_HEADING),
        "message": message,
        "request_id": request.scope["request_id"] if status >= 500 else None,
        # Most errors are about one field, whose message is the whole message.
        "fields": [item for item in fields if item.field != "token"],
        "shows_message": [item.message for item in fields] != [message],
    }
    response: Response
    path = request.url.path
    if path.startswith(EMBED_PREFIX):
        response = _embed_error(path, status, values)
    elif is_database_away:  # another query would only wait for a second timeout
        response = page("base/error.html", None, status=status, **values)
    else:
        lobby = state_of(request).lobby
        response = await run_in_threadpool(_page_with_banner, lobby, status, values)
    response.headers.update(headers)
    return response


def _embed_error(path: str, status: int, values: dict[str, Any]) -> Response:
    """Renders an error in the frame of the form. Any site may frame it: it has no button."""
    slug = path.removeprefix(EMBED_PREFIX).partition("/")[0]
    values |= {"slug": slug, "is_missing": status == 404}
    response = page("embed/embed_error.html", None, status=status, is_private=True, **values)
    response.headers[POLICY] = content_policy(frame_ancestors="*")
    return response


def _page_with_banner(lobby: Lobby, status: int, values: dict[str, Any]) -> Response:
    """Renders the page, with the banner of the demonstration where the database still answers."""
    try:
        with lobby.database.read() as session:
            return page("base/error.html", session, status=status, **values)
    except DatabaseError:
        return page("base/error.html", None, status=status, **values)
