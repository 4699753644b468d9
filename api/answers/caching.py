"""Responses that a client can cache and revalidate: `ETag` and 304."""

import hashlib
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

MEDIA_TYPE = "application/json"
CSV = "text/csv"


def keepable(request: Request, answer: BaseModel, *, but: set[str] | None = None) -> Response:
    """Returns the answer with its ETag, or 304 if the client has it.

    The ETag leaves out the fields in `but`, such as the time of the answer.
    """
    content = answer.model_dump_json().encode()
    marked = answer.model_dump_json(exclude=but).encode() if but else content
    return keepable_bytes(request, content, marked=marked, media_type=MEDIA_TYPE)


def keepable_bytes(
    request: Request, content: bytes, *, marked: bytes, media_type: str, **headers: Any
) -> Response:
    """As `keepable`, for any content. The ETag is made from `marked`."""
    tag = tag_of(marked)
    all_headers = headers_with(tag) | headers
    if has(request, tag):
        return Response(status_code=304, headers=all_headers)
    return Response(content, media_type=media_type, headers=all_headers)


def tag_of(marked: bytes) -> str:
    """Returns an ETag: part of the SHA-256 of `marked`, in quotes."""
    return f'"{hashlib.sha256(marked).hexdigest()[:32]}"'


def headers_with(tag: str) -> dict[str, str]:
    """Returns headers that let a client keep a response, and make it revalidate each time."""
    return {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept, Authorization"}


def has(request: Request, tag: str) -> bool:
    """Whether the request says, in `If-None-Match`, that the client has this ETag."""
    items = request.headers.get("If-None-Match", "").split(",")
    tags = [item.strip().removeprefix("W/") for item in items]
    return tag in tags or "*" in tags
