"""Request bodies as clients of Action Network send them, with any media type."""

from typing import Annotated, Any
from urllib.parse import parse_qsl

import orjson
from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from services.errors import Invalid

LARGEST = 200_000  # bytes: a letter has a few thousand at most
_MOST_FIELDS = 100
Json = dict[str, Any]


async def _content(request: Request) -> bytes:
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > LARGEST:
            raise HTTPException(413, f"At most {LARGEST:,} bytes, please.")
    return content


Content = Annotated[bytes, Depends(_content)]
"""The body as bytes."""


async def _read(request: Request, content: Content) -> Json:
    """Returns a JSON object or the fields of a form. The empty body of a PUT is an empty object.

    It ignores the media type: the library parsons sends forms as JSON with PUT.
    """
    if not content.strip():
        if request.method == "POST":
            # The library parsons sends some POSTs with a query instead, which many logs would keep.
            raise Invalid("body_missing", "The body is empty: what a URL says is not read.")
        return {}
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return _form(content)
    if not isinstance(body, dict):
        raise _malformed()
    return body


def _form(content: bytes) -> Json:
    if content.lstrip()[:1] in (b"{", b"[", b'"') or b"=" not in content:
        raise _malformed()
    try:
        return dict(parse_qsl(content.decode(), True, True, max_num_fields=_MOST_FIELDS))
    except ValueError:  # also for text that is not UTF-8
        raise _malformed() from None


def _malformed() -> Invalid:
    message = "The body is not valid JSON: it must be one object."
    return Invalid("json_invalid", message)


Body = Annotated[Json, Depends(_read)]
