"""Errors of the JSON API as `application/problem+json` (RFC 9457)."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.http.problem import MEDIA_TYPE
from services.common.nearest import hint
from services.database.engine import UNAVAILABLE
from services.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Gone,
    Invalid,
    KeyInUse,
    Limited,
    LobbyError,
    NotFound,
    ProofRequired,
    Unauthenticated,
    Unavailable,
)

REFUSED = "refused"
"""The key in a page's scope of the error that a form is shown again with."""


class UnsupportedMediaType(LobbyError):
    """The call does not read the media type or encoding of the body."""


class Misdirected(LobbyError):
    """The request names another host than this service has."""


class InternalError(LobbyError):
    """The service has failed in a way that it does not know. Its log has the cause."""


# The first that fits counts, so subclasses come before their parents.
STATUSES: tuple[tuple[type[LobbyError], int, str], ...] = (
    (NotFound, 404, "Not found"),
    (Gone, 410, "Gone"),
    (Conflict, 409, "Conflict"),
    (Unauthenticated, 401, "Key needed"),
    (Forbidden, 403, "Not allowed"),
    (UnsupportedMediaType, 415, "Unsupported media type"),
    (Misdirected, 421, "Another host"),
    (Invalid, 422, "Invalid input"),
    (Limited, 429, "Too many requests"),
    (InternalError, 500, "Internal error"),
    (Unavailable, 503, "Not available"),
)
# The errors that services raise: ours, and those of a database that is busy or away.
KNOWN = (LobbyError, *UNAVAILABLE)
_CODES = {"missing": "missing", "extra_forbidden": "unknown_field", "json_invalid": "json_invalid"}
_QUOTED = re.compile("'([^']+)'")
LONGEST_NAME = 100
MOST_ERRORS = 50
"""Errors listed for one input or row. A request can have a million unknown fields."""

log = structlog.get_logger()


def status_of(error: LobbyError) -> tuple[int, str]:
    """Returns the HTTP status of an error and its title."""
    return next((status, title) for kind, status, title in STATUSES if isinstance(error, kind))


def as_lobby_error(error: Exception) -> LobbyError:
    """Returns a LobbyError for any error that can end a request. Raises all others again."""
    if isinstance(error, LobbyError):
        return error
    if isinstance(error, RequestValidationError):
        return _from_validation(error)
    if isinstance(error, ClientDisconnect):  # for the log only: the client is gone
        return Invalid("body_incomplete", "The connection ended before the body did.")
    if isinstance(error, UNAVAILABLE):
        log.warning("database_unavailable", error=type(error).__name__)
        message = "The database is busy or away. Please try again in a moment."
        return Unavailable("database_unavailable", message, retry_after=5)
    raise error


async def problem(_request: Request, error: Exception) -> JSONResponse:
    """Returns the response to an error."""
    if isinstance(error, HTTPException):
        return _answer(error.status_code, error.detail, error.detail, "http", (), error.headers)
    ours = as_lobby_error(error)
    status, title = status_of(ours)
    fields = ours.fields if isinstance(ours, Invalid) else ()
    answer = partial(_answer, status, title, ours.message, ours.code, fields, headers_of(ours))
    return answer(proof=ours.challenge) if isinstance(ours, ProofRequired) else answer()


def headers_of(error: LobbyError) -> dict[str, str]:
    """Returns the headers of a response to an error: `Retry-After` or `WWW-Authenticate`."""
    if isinstance(error, Limited | Unavailable | KeyInUse):
        return {"Retry-After": str(error.retry_after)}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}


def _answer(
    status: int,
    title: str,
    detail: str,
    code: str,
    fields: tuple[FieldError, ...],
    headers: Mapping[str, str] | None,
    **more: Any,
) -> JSONResponse:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    if fields:
        body["errors"] = [
            {"field": item.field, "code": item.code, "message": item.message} for item in fields
        ]
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def validation_fields(errors: Sequence[Any]) -> tuple[FieldError, ...]:
    """Converts Pydantic's errors, without the input: it may be personal data."""
    return tuple(
        FieldError(_path(item["loc"]), _CODES.get(item["type"], item["type"]), _message(item))
        for item in errors
    )


def _message(item: Any) -> str:
    """Adds the choice that is nearest to what was sent, where there are choices."""
    message, given = str(item["msg"]), item.get("input")
    if item["type"] not in ("enum", "literal_error") or not isinstance(given, str):
        return message
    choices = _QUOTED.findall(item.get("ctx", {}).get("expected", ""))
    return message + hint(given[:LONGEST_NAME], choices).replace(" Did", ". Did", 1)


def _from_validation(error: RequestValidationError) -> Invalid:
    errors = error.errors()
    fields = validation_fields(errors[:MOST_ERRORS])
    names = ", ".join(sorted({item.field for item in fields}))
    if len(errors) > MOST_ERRORS:
        names = f"{len(errors):,} things are wrong with it, of which these are some: {names}"
    return Invalid("invalid", f"Some of the input is not valid: {names}.", fields)


def _path(location: tuple[Any, ...]) -> str:
    """`('body', 'address', 'town')` -> `address.town`, `('query', 'query')` -> `query`."""
    has_place = location[:1] and location[0] in ("body", "query", "path", "header")
    parts = location[1:] if has_place else location
    # A client may send an unknown field with a name of any length.
    return ".".join(map(str, parts))[:LONGEST_NAME] or "body"
