"""Answers that a client can keep: `ETag` and 304."""

import hashlib
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

MEDIA_TYPE = "application/json"
CSV = "text/csv"


def keepable(request: Request, answer: BaseModel, *, but: set[str] | None = None) -> Response:
    """The answer with its ETag, or 304 where the client has it. `but` are fields that only tell
    the time of the answer, and do not make it another one."""
    content = answer.model_dump_json().encode()
    marked = answer.model_dump_json(exclude=but).encode() if but else content
    return keepable_bytes(request, content, marked=marked, media_type=MEDIA_TYPE)


def keepable_bytes(
    request: Request, content: bytes, *, marked: bytes, media_type: str, **headers: Any
) -> Response:
    """As `keepable`, for bytes of any kind."""
    tag = tag_of(marked)
    kept = headers_with(tag) | headers
    if has(request, tag):
        return Response(status_code=304, headers=kept)
    return Response(content, media_type=media_type, headers=kept)


def tag_of(marked: bytes) -> str:
    """The ETag of what makes an answer another one."""
    return f'"{hashlib.sha256(marked).hexdigest()[:32]}"'


def headers_with(tag: str) -> dict[str, str]:
    """To be asked for again each time, and told that it is the same."""
    return {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept, Authorization"}


def has(request: Request, tag: str) -> bool:
    """Whether the client has said that it holds the answer with this tag."""
    given = request.headers.get("If-None-Match", "").split(",")
    sent = [item.strip().removeprefix("W/") for item in given]
    return tag in sent or "*" in sent
