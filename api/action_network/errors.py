"""Errors of the dialect: `{"error": "..."}`."""

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.action_network.places import TOKEN
from api.http import errors
from api.http.idempotency import HEADER, REPLAYED
from services.errors import Invalid, LobbyError, ProofRequired, Unauthenticated

_MESSAGES = {404: "There is no such resource here.", 405: "Not with this method."}
_MANY = "Very many people are signing right now. Please try again in"
# A form on another site posts without a key. Its page must be able to read the error.
ANY_SITE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": f"{REPLAYED}, Retry-After",
}


async def problem(request: Request, error: Exception) -> JSONResponse:
    """Returns the response to an error."""
    if isinstance(error, HTTPException):
        status, headers = error.status_code, dict(error.headers or {})
        message = _MESSAGES.get(status, error.detail)
    else:
        ours = errors.as_lobby_error(error)
        status, message = _status(ours), _message(ours)
        headers = {} if isinstance(ours, Unauthenticated) else errors.headers_of(ours)
    if _is_public_post(request):
        headers |= ANY_SITE
    return JSONResponse({"error": message}, status, headers=headers)


def _is_public_post(request: Request) -> bool:
    is_signature = request.url.path.rstrip("/").endswith("/signatures")
    return request.method == "POST" and is_signature and TOKEN not in request.headers


def _status(error: LobbyError) -> int:
    """Returns Action Network's status: 403 without a valid key, 400 for invalid input.

    Action Network has no Idempotency-Key: a wrong one is a 422, as under `/v1`.
    """
    if isinstance(error, Unauthenticated):
        return 403
    if isinstance(error, Invalid) and any(item.field == HEADER for item in error.fields):
        return 422
    return 400 if isinstance(error, Invalid) else errors.status_of(error)[0]


def _message(error: LobbyError) -> str:
    """Includes the name of each invalid field: the format has no other place for it."""
    if isinstance(error, ProofRequired):  # the format has no place for the challenge
        return f"{_MANY} {error.retry_after} seconds."
    if isinstance(error, Invalid) and error.fields:
        return " ".join(f"{item.field}: {item.message}" for item in error.fields)
    return error.message
