"""Serves pictures by the digest of their content, so that a cache may keep them for ever."""

import re

from fastapi import Request, Response

from api.answers import caching
from api.http.dependencies import ReadSession
from api.http.late_routes import Router
from services.errors import NotFound
from services.pictures import pictures
from web.base.static_files import FOR_EVER

_DIGEST = re.compile(r"[0-9a-f]{64}")
router = Router()


@router.get("/pictures/{digest}")
def show_picture(digest: str, request: Request, session: ReadSession) -> Response:
    """Returns a file of a picture; 304 where a browser has it, 404 where there is none."""
    if not _DIGEST.fullmatch(digest):
        raise NotFound("picture_unknown", "There is no such picture.")
    tag = f'"{digest}"'
    headers = {"Cache-Control": FOR_EVER, "ETag": tag}
    stored = pictures.file(session, digest)
    if caching.client_has(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(stored.content, media_type=stored.media_type, headers=headers)
