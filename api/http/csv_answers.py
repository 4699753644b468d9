"""CSV files to download, and when they are asked for."""

from typing import Any

from fastapi import Request, Response

from api.answers.caching import CSV, keepable_bytes

# What OpenAPI says of an answer that is CSV, or can be.
AS_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}


def wants_csv(request: Request) -> bool:
    """True where `Accept` names CSV."""
    return CSV in request.headers.get("Accept", "")


def keepable_csv(request: Request, text: str, *, name: str, marked: str | None = None) -> Response:
    """A file called `name`, with its ETag, or 304. `marked` is what makes it another one, where
    that is not all of the text."""
    content = text.encode()
    return keepable_bytes(
        request,
        content,
        marked=content if marked is None else marked.encode(),
        media_type=f"{CSV}; charset=utf-8",
        **{"Content-Disposition": f'attachment; filename="{name}"'},
    )
