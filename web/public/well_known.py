"""The files that programs ask every site for: `security.txt` (RFC 9116), `robots.txt`, the icon."""

from datetime import UTC, datetime, time

from fastapi.responses import FileResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from api.http.dependencies import Now, TheLobby
from api.http.late_routes import Router
from web.base.static_files import STATIC

SECURITY = "/.well-known/security.txt"
# What no search engine needs: the API, organisers' pages, and pages behind a link from an email.
# Embedded forms are left to it, so that it reads there that they want no place in its index.
CLOSED = (
    "/api/",
    "/confirm/",
    "/dev/",
    "/disown/",
    "/forgotten",
    "/invitation/",
    "/letters/",
    "/organiser",
    "/set-up",
    "/sign-in",
    "/thanks/",
    "/unsubscribe/",
    "/v1/",
    "/watch/",
    "/withdraw/",
)
_ROBOTS = "".join(("User-agent: *\n", *(f"Disallow: {path}\n" for path in CLOSED)))
router = Router()


@router.get("/robots.txt")
async def robots() -> PlainTextResponse:
    """Tells search engines what to leave out."""
    return PlainTextResponse(_ROBOTS)


@router.get("/favicon.ico")
async def icon() -> FileResponse:
    """Serves `icon.svg` as a picture of 32 by 32 points, for those who do not read a page first."""
    caching = {"Cache-Control": "public, max-age=86400"}
    return FileResponse(
        STATIC / "favicon.ico", media_type="image/vnd.microsoft.icon", headers=caching
    )


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
