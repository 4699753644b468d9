"""Responses that a client can cache and revalidate: `ETag` and 304."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

MEDIA_TYPE = "application/json"
CSV = "text/csv"
HTML = "text/html; charset=utf-8"
CHECKED = "no-cache"
"""Lets a client keep a response, and makes it revalidate each time."""


def cacheable(request: Request, answer: BaseModel, *, without: set[str] | None = None) -> Response:
    """Returns the answer with its ETag, or 304 if the client has it.

    The ETag leaves out the fields in `without`, such as the time of the answer.
    """
    content = answer.model_dump_json().encode()
    etag_source = answer.model_dump_json(exclude=without).encode() if without else content
    return cacheable_bytes(request, content, etag_source=etag_source, media_type=MEDIA_TYPE)


def cacheable_list(request: Request, answers: Sequence[BaseModel], **headers: Any) -> Response:
    """Works like `cacheable`, for a list. A link to the next page is a part of its ETag."""
    content = as_list(answers)
    source = content + headers.get("Link", "").encode()
    return cacheable_bytes(request, content, etag_source=source, media_type=MEDIA_TYPE, **headers)


def as_list(answers: Iterable[BaseModel]) -> bytes:
    """Returns a list as JSON."""
    return b"[" + b",".join(answer.model_dump_json().encode() for answer in answers) + b"]"


def cacheable_bytes(
    request: Request, content: bytes, *, etag_source: bytes, media_type: str, **headers: Any
) -> Response:
    """Works like `cacheable`, for any content. The ETag is made from `etag_source`."""
    tag = etag_of(etag_source)
    all_headers = etag_headers(tag) | headers
    if client_has(request, tag):
        return Response(status_code=304, headers=all_headers)
    return Response(content, media_type=media_type, headers=all_headers)


def etag_of(etag_source: bytes) -> str:
    """Returns an ETag: part of the SHA-256 of `etag_source`, in quotes."""
    return f'"{hashlib.sha256(etag_source).hexdigest()[:32]}"'


def etag_headers(
    tag: str, *, cache_control: str = CHECKED, vary: str = "Accept, Authorization"
) -> dict[str, str]:
    """Returns headers that let a client keep a response: by default to revalidate it each time."""
    return {"ETag": tag, "Cache-Control": cache_control, "Vary": vary}


def client_has(request: Request, tag: str) -> bool:
    """Returns whether the request says, in `If-None-Match`, that the client has this ETag."""
    return is_listed(request.headers.get("If-None-Match", ""), tag)


def is_listed(if_none_match: str, tag: str) -> bool:
    """Returns whether the value of `If-None-Match` has this ETag."""
    tags = [item.strip().removeprefix("W/") for item in if_none_match.split(",")]
    return tag in tags or "*" in tags
