"""Signing in bulk: a JSON array or NDJSON, in one transaction."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from api.answers.state import state_of
from api.http.dependencies import SignaturesWriter, Slug, require_petition
from api.http.idempotency import GivenKey, OnceOnly, once_responses
from api.schemas.signature import BulkAnswer
from api.v1.bulk_rows import LARGEST_BULK, content_of, request_of, rows_of
from services.assembly import Lobby
from services.errors import FieldError, Invalid, LobbyError
from services.keys.api_keys import Caller
from services.signatures import recording
from services.signatures.recording import Outcome, SignatureRequest

router = APIRouter(tags=["signatures"])


@router.post(
    "/petitions/{slug}/signatures/bulk",
    response_model=BulkAnswer,
    responses=once_responses(200),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "array", "maxItems": LARGEST_BULK, "items": {}}
                },
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        }
    },
)
async def sign_in_bulk(
    slug: Slug,
    request: Request,
    caller: SignaturesWriter,
    content_type: Annotated[str, Header()] = "application/json",
    key: GivenKey = None,
) -> Response:
    """Record up to 5,000 signatures, as a JSON array or NDJSON. Invalid rows are rejected alone.

    Needs a key with `signatures:write` of the petition's organisation that covers this petition.
    With `signatures:import` too, rows may say where and when they were signed elsewhere
    (`provenance`, and `signed_at` from 2000 on). Such signatures count at once, without an email
    to confirm them.
    """
    content = await content_of(request)
    lobby = state_of(request).lobby
    once = OnceOnly(request, key, content, caller)
    return await run_in_threadpool(_record_bulk, lobby, slug, content, content_type, caller, once)


def _record_bulk(
    lobby: Lobby, slug: str, content: bytes, content_type: str, caller: Caller, once: OnceOnly
) -> Response:
    require_petition(lobby, slug, caller)
    now = lobby.clock()
    parsed = [request_of(row, slug, caller, now) for row in rows_of(content, content_type)]
    good = [row for row in parsed if isinstance(row, SignatureRequest)]

    def record(session: Session) -> bytes:
        outcomes = iter(_record(session, lobby, good, now))
        paired = [next(outcomes) if isinstance(row, SignatureRequest) else row for row in parsed]
        return _bulk_answer(paired, may_read=caller.may_know_signers)

    is_public = any(row.imported for row in good)  # other signatures do not count yet
    return once.answer(record, status=200, is_public=is_public, is_count=True)


def _record(
    session: Session, lobby: Lobby, rows: list[SignatureRequest], now: datetime
) -> list[Outcome]:
    lookup, keyring = lobby.postcodes.lookup, lobby.keyring
    return recording.record(session, rows, postcodes=lookup, keyring=keyring, now=now)


def _bulk_answer(outcomes: list[Outcome | Invalid], *, may_read: bool) -> bytes:
    """Returns the JSON of a `BulkAnswer` without the model, which would take as long as recording
    thousands of rows."""
    results = [_row_result(index, outcome, may_read) for index, outcome in enumerate(outcomes)]
    counts = Counter(result["status"] for result in results)
    body = {
        "accepted": counts["accepted"],
        "duplicates": counts["duplicate"],
        "rejected": counts["rejected"],
        "results": results,
    }
    return orjson.dumps(body)


def _row_result(index: int, outcome: Outcome | Invalid, may_read: bool) -> dict[str, Any]:
    error = outcome if isinstance(outcome, LobbyError) else outcome.error
    if error is not None:
        fields = error.fields if isinstance(error, Invalid) else ()
        errors = fields or (FieldError("", error.code, error.message),)
        return {"index": index, "status": "rejected", "id": None, "errors": errors}
    assert isinstance(outcome, Outcome)  # noqa: S101 - every error was returned above
    was_known = not (outcome.is_new or outcome.is_counted)
    is_duplicate = outcome.is_repeat_in_batch or (may_read and was_known)
    return {
        "index": index,
        "status": "duplicate" if is_duplicate else "accepted",
        "id": outcome.signature_id if may_read else None,
        "errors": None,
    }
