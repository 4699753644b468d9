"""Renders errors as pages: what went wrong, in words, and where to go from there."""

from typing import Any

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api.answers.state import state_of
from api.http.errors import as_lobby_error, headers_of, status_of
from api.http.response_headers import POLICY, content_policy
from services.assembly import Lobby
from services.campaigns import campaigns
from services.database.engine import DatabaseError
from services.errors import FieldError, Invalid
from web.base import desk as desks
from web.base import kept
from web.base.rendering import page

HEADINGS = {
    401: "Please sign in",
    403: "You can’t do this",
    404: "Page not found",
    405: "Please go back and try again",
    409: "You can’t do this now",
    410: "This link has expired",
    413: "That was too long",
    421: "This isn’t our address",
    422: "Something isn’t right",
    429: "Please wait a moment",
    503: "Please try again in a moment",
}
_CHECK_THE_ADDRESS = "Check the address, or see all campaigns."
# Messages for errors that the web framework raises.
_MESSAGES = {
    404: _CHECK_THE_ADDRESS,
    405: "Go back and press the button on the page, or start again from the campaigns.",
}
# What people read instead of a message that is for programs too: heading and message by code.
_FOR_PEOPLE = {
    "token_invalid": (
        "This link doesn’t work",
        "It may have been cut off in your email. Open the email again and tap the button, or copy "
        "the whole link.",
    ),
    "token_expired": (HEADINGS[410], "Our links work for a limited time. You can start again."),
    **dict.fromkeys(
        ("brand_unknown", "campaign_unknown", "not_found", "page_unknown", "petition_unknown"),
        (HEADINGS[404], _CHECK_THE_ADDRESS),
    ),
}
# What organisers who are signed in read instead: they have a menu.
_AT_THE_DESK = {
    _CHECK_THE_ADDRESS: "Check the address, or choose from the menu.",
    _MESSAGES[405]: "Go back and press the button on the page, or choose from the menu.",
}
_OTHER_HEADING = "Something went wrong"
OPEN_SHOWN = 5
"""How many open campaigns the page for what does not exist lists."""
EMBED_PREFIX = "/embed/"
DESK_PREFIX = "/organiser"


async def page_problem(request: Request, error: Exception) -> Response:
    """Renders an error as a page with its status and headers."""
    if isinstance(error, kept.Interrupted):
        return await kept.answer(request, error)
    if isinstance(error, HTTPException):
        status = error.status_code
        heading = HEADINGS.get(status, _OTHER_HEADING)
        message = _MESSAGES.get(status, error.detail)
        return await _answer(request, status, heading, message, (), dict(error.headers or {}))
    lobby_error = as_lobby_error(error)
    status = status_of(lobby_error)[0]
    fields = lobby_error.fields if isinstance(lobby_error, Invalid) else ()
    code = fields[0].code if len(fields) == 1 else lobby_error.code
    meant = (HEADINGS.get(status, _OTHER_HEADING), lobby_error.message)
    heading, message = _FOR_PEOPLE.get(code, meant)
    return await _answer(
        request,
        status,
        heading,
        message,
        fields,
        headers_of(lobby_error),
        is_database_away=lobby_error.code == "database_unavailable",
        needs_role=lobby_error.code == desks.ROLE_MISSING,
    )


async def _answer(
    request: Request,
    status: int,
    heading: str,
    message: str,
    fields: tuple[FieldError, ...],
    headers: dict[str, str],
    *,
    is_database_away: bool = False,
    needs_role: bool = False,
) -> Response:
    values: dict[str, Any] = {
        "heading": heading,
        "message": message,
        "request_id": request.scope["request_id"] if status >= 500 else None,
        # Most errors are about one field, whose message is the whole message.
        "fields": [item for item in fields if item.field != "token"],
        "needs_role": needs_role,
        "campaigns": (),
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
        response = await run_in_threadpool(_page, request, lobby, status, values)
    response.headers.update(headers)
    return response


def _embed_error(path: str, status: int, values: dict[str, Any]) -> Response:
    """Renders an error in the frame of the form. Any site may frame it: it has no button."""
    slug = path.removeprefix(EMBED_PREFIX).partition("/")[0]
    values |= {"slug": slug, "is_missing": status == 404}
    response = page("embed/embed_error.html", None, status=status, is_private=True, **values)
    response.headers[POLICY] = content_policy(frame_ancestors="*")
    return response


def _page(request: Request, lobby: Lobby, status: int, values: dict[str, Any]) -> Response:
    """Renders the page: in the frame of the desk, or with the demonstration's banner.

    It does without both where the database does not answer.
    """
    is_at_desk = status < 500 and request.url.path.startswith(DESK_PREFIX)
    try:
        with lobby.database.read() as session:
            desk = desks.of_request(request, lobby, session) if is_at_desk else None
            if desk:
                message = _AT_THE_DESK.get(values["message"], values["message"])
                values = values | {"message": message}
                return desk.page("organisers/refused.html", status=status, **values)
            if status == 404:
                values = values | {"campaigns": campaigns.newest_open(session, limit=OPEN_SHOWN)}
            return page("base/error.html", session, status=status, **values)
    except DatabaseError:
        return page("base/error.html", None, status=status, **values)
