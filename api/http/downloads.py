"""Streams files of any length while reading them from the database."""

from dataclasses import replace
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool
from starlette.types import Receive, Scope, Send

from api.answers.caching import CSV
from api.http.csv_answers import with_bom
from services.assembly import Lobby
from services.files import exports
from services.files.export_lines import FileFormat
from services.files.exports import Chunk, Chunks, Export

NDJSON = "application/x-ndjson"
MEDIA_TYPES = {FileFormat.CSV: f"{CSV}; charset=utf-8", FileFormat.JSONL: NDJSON}


def file_responses(form: FileFormat) -> dict[int | str, dict[str, Any]]:
    """Returns the `responses` of a route that streams a file."""
    media_type = CSV if form is FileFormat.CSV else NDJSON
    content = {media_type: {"schema": {"type": "string"}}}
    return {200: {"description": "A file, streamed: whole if it ends well", "content": content}}


def download(
    request: Request, lobby: Lobby, export: Export, form: FileFormat, *, name: str, by: str
) -> Response:
    """Returns the file as `name`, and logs who takes it: `by` names a key or an organiser.

    The first page is read here, so that its errors become problems as usual. A later error breaks
    the connection, so that the client does not take the file for complete. The caller must have no
    session open: a request may use one connection.
    """
    headers = attachment_headers(f"{name}.{form}")
    if request.scope.get("is_head"):
        return Response(media_type=MEDIA_TYPES[form], headers=headers)
    parts = exports.chunks(lobby.database, export, form, keyring=lobby.keyring)
    logged = exports.logged(parts, export, by=by, form=form)
    first = next(logged)
    if form is FileFormat.CSV:
        first = replace(first, content=with_bom(request, "").encode() + first.content)
    return _Download(first, logged, media_type=MEDIA_TYPES[form], headers=headers)


def attachment_headers(name: str) -> dict[str, str]:
    """Returns headers that make a browser save a file, and forbid caches to store it."""
    disposition = f'attachment; filename="{name}"'
    return {"Content-Disposition": disposition, "Cache-Control": "no-store"}


class _Download(StreamingResponse):
    """Reads each page in a thread, after the one before it was sent."""

    def __init__(self, first: Chunk, others: Chunks, **options: Any) -> None:
        self._others = others
        super().__init__(self._contents(first), **options)

    async def _contents(self, first: Chunk) -> Any:
        yield first.content
        async for chunk in iterate_in_threadpool(self._others):
            yield chunk.content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Closes the session at once when the client disconnects, and not at garbage collection."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._others.close()
