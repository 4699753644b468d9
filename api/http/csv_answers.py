"""CSV files to download, from their own path or by the header `Accept`."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response

from api.answers.caching import CSV, cacheable_bytes
from services.files.csv_writing import BYTE_ORDER_MARK

PRIVATE = "private, no-cache"
"""For a file that only this caller may have: no shared cache keeps it."""
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})  # what pydantic takes for true

# The `responses` of a route that can answer with CSV.
AS_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {CSV: {"schema": {"type": "string"}}}}}


async def _describe_bom(
    bom: Annotated[
        bool,
        Query(description="`true` begins CSV with a byte order mark, so that Excel reads UTF-8."),
    ] = False,
) -> None:
    """Checks the query of a CSV file, and puts it into the document. `with_bom` reads it."""


BOM = Depends(_describe_bom)
"""A dependency of every call that answers with CSV."""


def with_bom(request: Request, text: str) -> str:
    """Returns the text of a CSV file, with a byte order mark where the request asks for one."""
    wants = request.query_params.get("bom", "").lower() in _TRUE
    return BYTE_ORDER_MARK + text if wants else text


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
    cache_control: str | None = None,
) -> Response:
    """Returns the file as `name`, with its ETag, or 304 if the client has it.

    The ETag is made from `etag_source`, or else from the whole text. Caches store only what is
    public. `cache_control` says something else.
    """
    content = with_bom(request, text)
    caching = cache_control or (None if is_public else "no-store")
    return cacheable_bytes(
        request,
        content.encode(),
        etag_source=with_bom(request, text if etag_source is None else etag_source).encode(),
        media_type=f"{CSV}; charset=utf-8",
        **{"Content-Disposition": f'attachment; filename="{name}"'},
        **({"Cache-Control": caching} if caching else {}),
    )
