"""Every error of the JSON API as `application/problem+json` (RFC 9457), in one form."""

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
"""In a page's scope: why the form comes back, with all that was typed."""


class UnsupportedMediaType(LobbyError):
    """A body in a form that the call does not read."""


# The first that fits: subclasses stand before their parents.
STATUSES: tuple[tuple[type[LobbyError], int, str], ...] = (
    (NotFound, 404, "Not found"),
    (Gone, 410, "Gone"),
    (Conflict, 409, "Conflict"),
    (Unauthenticated, 401, "Key needed"),
    (Forbidden, 403, "Not allowed"),
    (UnsupportedMediaType, 415, "Unsupported media type"),
    (Invalid, 422, "Invalid input"),
    (Limited, 429, "Too many requests"),
    (Unavailable, 503, "Not available"),
)
# What work beneath the API ends with: errors of ours, and a database that is busy or away.
KNOWN = (LobbyError, *UNAVAILABLE)
_CODES = {"missing": "missing", "extra_forbidden": "unknown_field", "json_invalid": "json_invalid"}
LONGEST_NAME = 100
MOST_ERRORS = 50
"""Of one input or row: who sends a million unknown fields gets no answer with a million lines."""

log = structlog.get_logger()


def status_of(error: LobbyError) -> tuple[int, str]:
    """The HTTP status of an error and its title."""
    return next((status, title) for kind, status, title in STATUSES if isinstance(error, kind))


def as_lobby_error(error: Exception) -> LobbyError:
    """Any error that a request can end with, as one of our tree."""
    if isinstance(error, LobbyError):
        return error
    if isinstance(error, RequestValidationError):
        return _from_validation(error)
    if isinstance(error, ClientDisconnect):  # for the log: nobody is there to read it
        return Invalid("body_incomplete", "The connection ended before the body did.")
    if isinstance(error, UNAVAILABLE):
        log.warning("database_unavailable", error=type(error).__name__)
        message = "The database is busy or away. Please try again in a moment."
        return Unavailable("database_unavailable", message, retry_after=5)
    raise error


async def problem(_request: Request, error: Exception) -> JSONResponse:
    """The answer to an error."""
    if isinstance(error, HTTPException):
        return _answer(error.status_code, error.detail, error.detail, "http", (), error.headers)
    known = as_lobby_error(error)
    status, title = status_of(known)
    fields = known.fields if isinstance(known, Invalid) else ()
    answer = partial(_answer, status, title, known.message, known.code, fields, headers_of(known))
    return answer(proof=known.challenge) if isinstance(known, ProofRequired) else answer()


def headers_of(error: LobbyError) -> dict[str, str]:
    """What an error says beside its status."""
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
    """Pydantic's complaints in our words, without the input: it may be personal."""
    return tuple(
        FieldError(_path(item["loc"]), _CODES.get(item["type"], item["type"]), item["msg"])
        for item in errors
    )


def _from_validation(error: RequestValidationError) -> Invalid:
    found = error.errors()
    fields = validation_fields(found[:MOST_ERRORS])
    named = ", ".join(sorted({item.field for item in fields}))
    if len(found) > MOST_ERRORS:
        named = f"{len(found):,} things are wrong with it, of which these are some: {named}"
    return Invalid("invalid", f"Some of the input is not valid: {named}.", fields)


def _path(location: tuple[Any, ...]) -> str:
    """`('body', 'address', 'town')` -> `address.town`."""
    parts = [str(part) for part in location if part not in ("body", "query", "path", "header")]
    # A field that we do not know may have a name without end.
    return ".".join(parts)[:LONGEST_NAME] or "body"
