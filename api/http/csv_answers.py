"""CSV files to download, from their own path or by the header `Accept`."""

from typing import Any

from fastapi import Request, Response

from api.answers.caching import CSV, cacheable_bytes

# The `responses` of a route that can answer with CSV.
AS_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}


def wants_csv(request: Request) -> bool:
    """Returns whether the header `Accept` names CSV."""
    return CSV in request.headers.get("Accept", "")


def cacheable_csv(
    request: Request,
    text: str,
    *,
    name: str,
    etag_source: str | None = None,
    is_public: bool = True,
) -> Response:
    """Returns the file as `name`, with its ETag, or 304 if the client has it.

    The ETag is made from `etag_source`, or else from the whole text. Caches store only what is
    public.
    """
    content = text.encode()
    return cacheable_bytes(
        request,
        content,
        etag_source=content if etag_source is None else etag_source.encode(),
        media_type=f"{CSV}; charset=utf-8",
        **{"Content-Disposition": f'attachment; filename="{name}"'},
        **({} if is_public else {"Cache-Control": "no-store"}),
    )
