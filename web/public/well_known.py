"""`security.txt`: where to report a vulnerability (RFC 9116)."""

from datetime import UTC, datetime, time

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from api.http.dependencies import Now, TheLobby

SECURITY = "/.well-known/security.txt"
router = APIRouter()


@router.get(SECURITY)
def security(lobby: TheLobby, now: Now) -> PlainTextResponse:
    """Serves `security.txt`; 404 where it is not configured or has expired.

    RFC 9116 says that an expired file must not be used.
    """
    settings = lobby.settings
    if settings.security_expires is None or settings.security_expires <= now.date():
        raise HTTPException(404)
    expires = datetime.combine(settings.security_expires, time(), UTC)
    return PlainTextResponse(
        f"Contact: {settings.security_contact}\n"
        f"Expires: {expires.isoformat().replace('+00:00', 'Z')}\n"
        "Preferred-Languages: en\n"
        f"Canonical: {settings.base_url}{SECURITY}\n"
    )
