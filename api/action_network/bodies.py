"""Bodies of requests, as clients of Action Network send them: whatever they are labelled as."""

from typing import Annotated, Any
from urllib.parse import parse_qsl

import orjson
from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from services.errors import Invalid

LARGEST = 200_000  # bytes: a letter has at most some thousands
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
"""A body as it was sent."""


async def _read(request: Request, content: Content) -> Json:
    """An object of JSON, or a form. An empty body of a PUT is an empty object.

    A client may send a form and call it JSON (the library parsons does so with PUT).
    """
    if not content.strip():
        if request.method == "POST":
            # The library parsons sends some of its POSTs so. An address ends up in many logs.
            raise Invalid("body_missing", "The body is empty: what a URL says is not read.")
        return {}
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return _form(content)
    if not isinstance(found, dict):
        raise _malformed()
    return found


def _form(content: bytes) -> Json:
    if content.lstrip()[:1] in (b"{", b"[", b'"') or b"=" not in content:
        raise _malformed()
    try:
        return dict(parse_qsl(content.decode(), True, True, max_num_fields=_MOST_FIELDS))
    except ValueError:  # also where it is no UTF-8
        raise _malformed() from None


def _malformed() -> Invalid:
    message = "The body is not valid JSON: it must be one object."
    return Invalid("json_invalid", message)


Body = Annotated[Json, Depends(_read)]
