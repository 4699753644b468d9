"""Signatures in bulk: a JSON array or NDJSON, in one transaction."""

import json
import zlib
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError
from sqlmodel import Session

from lobby.api.dependencies import SignaturesWriter, Slug
from lobby.api.errors import validation_fields
from lobby.api.idempotency import GivenKey, OnceOnly, answers
from lobby.api.schemas.signature import BulkAnswer, NewSignature, RowError, RowResult
from lobby.models import Scope
from lobby.services import petitions, signatures
from lobby.services.errors import FieldError, Invalid, LobbyError
from lobby.services.lobby import Lobby
from lobby.services.organisations import Caller
from lobby.services.signatures import Outcome, SignatureRequest

router = APIRouter(tags=["signatures"])
LARGEST_BULK = 5000
LARGEST_BULK_BYTES = 20_000_000


@router.post(
    "/petitions/{slug}/signatures/bulk",
    response_model=BulkAnswer,
    responses=answers(200),
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
    """Up to 5,000 signatures, as a JSON array or NDJSON; a bad row never spoils the others.

    Needs a key with `signatures:write`, of the petition's own organisation.
    """
    content = await _body(request)
    lobby: Lobby = request.app.state.lobby
    once = OnceOnly(request, key, content, caller)
    return await run_in_threadpool(_record_bulk, lobby, slug, content, content_type, caller, once)


async def _body(request: Request) -> bytes:
    """The body, unpacked if it is gzip, within a bound on both sizes."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > LARGEST_BULK_BYTES:
            raise _too_large()
    if request.headers.get("Content-Encoding", "").lower() != "gzip":
        return bytes(content)
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(bytes(content), LARGEST_BULK_BYTES)
    except zlib.error as error:
        raise Invalid.field("body", "gzip_invalid", "The body is not gzip.") from error
    if unpacker.unconsumed_tail:
        raise _too_large()
    return unpacked


def _too_large() -> Invalid:
    return Invalid.field("body", "too_large", f"At most {LARGEST_BULK_BYTES:,} bytes, please.")


def _record_bulk(
    lobby: Lobby, slug: str, content: bytes, content_type: str, caller: Caller, once: OnceOnly
) -> Response:
    with lobby.database.read() as session:
        petitions.own(session, slug, organisation_id=caller.organisation_id)
    rows = _ndjson(content) if "ndjson" in content_type else _json_array(content)
    if len(rows) > LARGEST_BULK:
        message = f"At most {LARGEST_BULK:,} rows a request; these are {len(rows):,}."
        raise Invalid.field("body", "too_many_rows", message)
    parsed = [_parse(row, slug, caller) for row in rows]
    good = [row for row in parsed if isinstance(row, SignatureRequest)]
    now = lobby.clock()

    def record(session: Session) -> BulkAnswer:
        outcomes = iter(_record(session, lobby, good, now))
        paired = [next(outcomes) if isinstance(row, SignatureRequest) else row for row in parsed]
        return _bulk_answer(paired, may_read=Scope.SIGNATURES_READ in caller.scopes)

    return once.answer(record, status=200)


def _record(
    session: Session, lobby: Lobby, rows: list[SignatureRequest], now: datetime
) -> list[Outcome]:
    lookup, keyring = lobby.postcodes.lookup, lobby.keyring
    return signatures.record(session, rows, postcodes=lookup, keyring=keyring, now=now)


def _json_array(content: bytes) -> list[Any]:
    try:
        rows = json.loads(content)
    except ValueError as error:
        raise Invalid.field("body", "json_invalid", f"The body is not JSON: {error}.") from error
    if not isinstance(rows, list):
        raise Invalid.field("body", "not_an_array", "Send a JSON array of signatures.")
    return rows


def _ndjson(content: bytes) -> list[Any]:
    return [_json_or_error(line) for line in content.splitlines() if line.strip()]


def _json_or_error(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        return Invalid.field("", "json_invalid", f"This line is not JSON: {error}.")


def _parse(row: Any, slug: str, caller: Caller) -> SignatureRequest | Invalid:
    """A row as a request, or what is wrong with it."""
    if isinstance(row, Invalid):
        return row
    try:
        return NewSignature.model_validate(row).as_request(slug, caller.partner_id)
    except ValidationError as error:
        return Invalid("invalid", "This row is not valid.", validation_fields(error.errors()))
    except Invalid as error:
        return error


def _bulk_answer(outcomes: list[Outcome | Invalid], *, may_read: bool) -> BulkAnswer:
    results = [_row_result(place, found, may_read) for place, found in enumerate(outcomes)]
    statuses = [result.status for result in results]
    return BulkAnswer(
        accepted=statuses.count("accepted"),
        duplicates=statuses.count("duplicate"),
        rejected=statuses.count("rejected"),
        results=results,
    )


def _row_result(place: int, found: Outcome | Invalid, may_read: bool) -> RowResult:
    error = found if isinstance(found, LobbyError) else found.error
    if error is not None:
        fields = error.fields if isinstance(error, Invalid) else ()
        told = fields or (FieldError("", error.code, error.message),)
        errors = [RowError(field=one.field, code=one.code, message=one.message) for one in told]
        return RowResult(index=place, status="rejected", errors=errors)
    assert isinstance(found, Outcome)  # noqa: S101 - every error was returned above
    is_duplicate = found.is_repeat_in_batch or (may_read and not found.is_new)
    return RowResult(
        index=place,
        status="duplicate" if is_duplicate else "accepted",
        id=found.signature_id if may_read else None,
    )
