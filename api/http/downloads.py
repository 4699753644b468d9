"""Files to download that are made while they go out, however long they are."""

from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import iterate_in_threadpool
from starlette.types import Receive, Scope, Send

from api.answers.caching import CSV
from services.assembly import Lobby
from services.files import exports
from services.files.export_lines import FileFormat
from services.files.exports import Chunk, Chunks, Export

NDJSON = "application/x-ndjson"
MEDIA_TYPES = {FileFormat.CSV: f"{CSV}; charset=utf-8", FileFormat.JSONL: NDJSON}


def described(form: FileFormat) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of such an answer."""
    media_type = CSV if form is FileFormat.CSV else NDJSON
    content = {media_type: {"schema": {"type": "string"}}}
    return {200: {"description": "A file, streamed: whole if it ends well", "content": content}}


def download(
    request: Request, lobby: Lobby, export: Export, form: FileFormat, *, name: str, by: str
) -> Response:
    """The file called `name`, and who takes it in the log: `by` names a key or an organiser.

    The first page is read here, so that what can go wrong with it is told as any other error. What
    goes wrong later breaks the connection: then the file must not look whole. No session may be
    open around this: one connection a request.
    """
    headers = attached(f"{name}.{form}")
    if request.scope.get("is_head"):
        return Response(media_type=MEDIA_TYPES[form], headers=headers)
    parts = exports.chunks(lobby.database, export, form, keyring=lobby.keyring)
    noted = exports.noted(parts, export, by=by, form=form)
    return _Download(next(noted), noted, media_type=MEDIA_TYPES[form], headers=headers)


def attached(name: str) -> dict[str, str]:
    """To be saved as a file, and kept by nobody on the way."""
    disposition = f'attachment; filename="{name}"'
    return {"Content-Disposition": disposition, "Cache-Control": "no-store"}


class _Download(StreamingResponse):
    """Pages are read in threads, each when the one before has gone out."""

    def __init__(self, first: Chunk, others: Chunks, **options: Any) -> None:
        self._others = others
        super().__init__(self._contents(first), **options)

    async def _contents(self, first: Chunk) -> Any:
        yield first.content
        async for chunk in iterate_in_threadpool(self._others):
            yield chunk.content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """At once, and not when garbage is collected, where the client has gone."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._others.close()
