"""Signing in bulk: a JSON array or NDJSON, in one transaction."""

from collections import Counter
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlmodel import Session

from api.answers.signature_intake import sender_of
from api.answers.state import state_of
from api.http.dependencies import SignaturesWriter, Slug
from api.http.idempotency import GivenKey, OnceOnly, once_responses
from api.http.late_routes import Router
from api.schemas.signature import BulkAnswer
from api.v1.bulk_rows import LARGEST_BULK, content_of, request_of, rows_of
from core import counters
from models import Petition
from services.assembly import Lobby
from services.errors import FieldError, Invalid, LobbyError
from services.keys import api_keys
from services.keys.api_keys import Caller
from services.signatures import known_signers, recording
from services.signatures.known_signers import KnownSigners
from services.signatures.recording import Outcome, SignatureRequest

router = Router(tags=["signatures"])


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
    to confirm them. With `signatures:read` too, rows are duplicates if their address has signed or
    was asked by email before, except in the last second.
    """
    content = await content_of(request)
    once = OnceOnly(request, key, content, caller)
    return await run_in_threadpool(_record_bulk, request, slug, content, content_type, caller, once)


def _record_bulk(
    request: Request, slug: str, content: bytes, content_type: str, caller: Caller, once: OnceOnly
) -> Response:
    lobby, sender = state_of(request).lobby, sender_of(request.scope)
    with lobby.database.read() as session:
        petition = api_keys.own_petition(session, caller, slug)
    now, rows = lobby.clock(), rows_of(content, content_type)
    parsed = [request_of(row, slug, caller, sender, now) for row in rows]
    good = [row for row in parsed if isinstance(row, SignatureRequest)]
    # Before the transaction, so that nobody else waits for it.
    known = _known(lobby, petition, good) if caller.may_know_signers else known_signers.NOBODY

    made: list[bool] = []

    def record(session: Session) -> bytes:
        recorded = _record(session, lobby, good, now)
        made.extend(outcome.is_new for outcome in recorded)
        outcomes = iter(map(partial(_with_known, known), good, recorded))
        paired = [next(outcomes) if isinstance(row, SignatureRequest) else row for row in parsed]
        return _bulk_answer(paired, may_read=caller.may_know_signers)

    is_public = any(row.imported for row in good)  # other signatures do not count yet
    response = once.answer(record, status=200, is_public=is_public, is_count=True)
    counters.SIGNATURES.inc(sum(made))
    return response


def _known(lobby: Lobby, petition: Petition, rows: list[SignatureRequest]) -> KnownSigners:
    # What is known of imports, recording finds out.
    emails = [row.email for row in rows if row.imported is None]
    with lobby.database.read() as session:
        return known_signers.find(session, petition, emails, keyring=lobby.keyring)


def _with_known(known: KnownSigners, row: SignatureRequest, outcome: Outcome) -> Outcome:
    """Returns the outcome for a key that may know who has signed."""
    if row.imported or outcome.error or not known.has(row.email):
        return outcome
    standing_id = known.standing_id(row.email)
    row_id = standing_id.hex if standing_id else outcome.row_id
    return outcome._replace(is_new=False, row_id=row_id)


def _record(
    session: Session, lobby: Lobby, rows: list[SignatureRequest], now: datetime
) -> list[Outcome]:
    lookup, keyring = lobby.postcodes.lookup, lobby.keyring
    return recording.record(
        session, rows, postcodes=lookup, keyring=keyring, now=now, is_one_sender=True
    )


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
