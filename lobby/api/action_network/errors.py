"""Errors as the dialect tells them: `{"error": "..."}`."""

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from lobby.api import errors
from lobby.services.errors import Invalid, LobbyError, Unauthenticated

_WORDS = {404: "There is no such resource here.", 405: "Not with this method."}
# A form on another site posts without a key, and must be able to read why it was refused.
ANY_SITE = {"Access-Control-Allow-Origin": "*"}


async def problem(_request: Request, error: Exception) -> JSONResponse:
    """The answer to an error."""
    if isinstance(error, HTTPException):
        words = _WORDS.get(error.status_code, error.detail)
        return _answer(error.status_code, words, dict(error.headers or {}))
    known = errors.as_lobby_error(error)
    headers = {} if isinstance(known, Unauthenticated) else errors.headers_of(known)
    return _answer(_status(known), _words(known), headers)


def _status(error: LobbyError) -> int:
    """As Action Network has them: 403 for a key that is missing or not good, 400 for bad input."""
    if isinstance(error, Unauthenticated):
        return 403
    return 400 if isinstance(error, Invalid) else errors.status_of(error)[0]


def _words(error: LobbyError) -> str:
    """With the name of each wrong field: there is no other place for it."""
    if isinstance(error, Invalid) and error.fields:
        return " ".join(f"{each.field}: {each.message}" for each in error.fields)
    return error.message


def _answer(status: int, words: str, headers: dict[str, str]) -> JSONResponse:
    return JSONResponse({"error": words}, status, headers=headers | ANY_SITE)
