"""Errors as the dialect tells them: `{"error": "..."}`."""

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.action_network.places import TOKEN
from api.http import errors
from api.http.idempotency import HEADER, REPLAYED
from services.errors import Invalid, LobbyError, ProofRequired, Unauthenticated

_WORDS = {404: "There is no such resource here.", 405: "Not with this method."}
_MANY = "Very many people are signing right now. Please try again in"
# A form on another site posts without a key, and must be able to read why it was refused.
ANY_SITE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": f"{REPLAYED}, Retry-After",
}


async def problem(request: Request, error: Exception) -> JSONResponse:
    """The answer to an error."""
    if isinstance(error, HTTPException):
        status, headers = error.status_code, dict(error.headers or {})
        words = _WORDS.get(status, error.detail)
    else:
        known = errors.as_lobby_error(error)
        status, words = _status(known), _words(known)
        headers = {} if isinstance(known, Unauthenticated) else errors.headers_of(known)
    if _is_blind_post(request):
        headers |= ANY_SITE
    return JSONResponse({"error": words}, status, headers=headers)


def _is_blind_post(request: Request) -> bool:
    is_signature = request.url.path.rstrip("/").endswith("/signatures")
    return request.method == "POST" and is_signature and TOKEN not in request.headers


def _status(error: LobbyError) -> int:
    """As Action Network has them: 403 for a key that is missing or not good, 400 for bad input. It
    has no Idempotency-Key: what is wrong with one is a 422, as under `/v1`."""
    if isinstance(error, Unauthenticated):
        return 403
    if isinstance(error, Invalid) and any(each.field == HEADER for each in error.fields):
        return 422
    return 400 if isinstance(error, Invalid) else errors.status_of(error)[0]


def _words(error: LobbyError) -> str:
    """With the name of each wrong field: there is no other place for it."""
    if isinstance(error, ProofRequired):  # for which there is no room here
        return f"{_MANY} {error.retry_after} seconds."
    if isinstance(error, Invalid) and error.fields:
        return " ".join(f"{each.field}: {each.message}" for each in error.fields)
    return error.message
