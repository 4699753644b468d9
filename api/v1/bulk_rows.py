"""Parses the body of a bulk call: each row becomes a request or an error."""

import gzip
import io
import json
import zlib
from datetime import datetime
from typing import Any

import orjson
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError

from api.http.errors import MOST_ERRORS, UnsupportedMediaType, validation_fields
from api.schemas.signature import BulkSignature
from models import Scope
from services.errors import FieldError, Invalid
from services.keys.api_keys import Caller
from services.signatures.recording import ImportOrigin, SignatureRequest

LARGEST_BULK = 5000
LARGEST_BULK_BYTES = 20_000_000
_PART = b"\x1f\x8b\x08"
"""The first bytes of each part of a gzip file (RFC 1952). Data can contain them by chance."""

MOST_PARTS = 5000
"""An empty part has 20 bytes, and unpacking a million of them takes seconds."""

JSON = "application/json"
NDJSON = ("application/x-ndjson", "application/ndjson")


async def content_of(request: Request) -> bytes:
    """Returns the body, unpacked if it is gzip. Both sizes are limited."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > LARGEST_BULK_BYTES:
            raise _too_large()
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return bytes(content)
    if encoding not in ("gzip", "x-gzip"):
        raise UnsupportedMediaType("encoding_unsupported", "Send the body as it is, or as gzip.")
    return await run_in_threadpool(_unpacked, bytes(content))


def _unpacked(content: bytes) -> bytes:
    if content.count(_PART) > MOST_PARTS:
        message = f"The body is gzip in more than {MOST_PARTS:,} parts: pack it as one."
        raise Invalid.field("body", "gzip_invalid", message)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            unpacked = stream.read(LARGEST_BULK_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        message = "The body is not gzip, or not all of it has arrived."
        raise Invalid.field("body", "gzip_invalid", message) from error
    if len(unpacked) > LARGEST_BULK_BYTES:
        raise _too_large()
    return unpacked


def _too_large() -> Invalid:
    return Invalid.field("body", "too_large", f"At most {LARGEST_BULK_BYTES:,} bytes, please.")


def rows_of(content: bytes, content_type: str) -> list[Any]:
    """Returns the value of each row, or an Invalid for a line that is no JSON; at most 5,000."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind in NDJSON:
        return _ndjson(content)
    if kind == JSON:
        return _json_array(content)
    message = f"Send a JSON array as {JSON}, or JSON lines as {NDJSON[0]}."
    raise UnsupportedMediaType("content_type_unsupported", message)


def _json_array(content: bytes) -> list[Any]:
    try:
        rows = _parsed(content)
    except ValueError as error:
        raise Invalid.field("body", "json_invalid", f"The body is not JSON: {error}.") from error
    if not isinstance(rows, list):
        raise Invalid.field("body", "not_an_array", "Send a JSON array of signatures.")
    if len(rows) > LARGEST_BULK:
        raise _too_many(f"these are {len(rows):,}")
    return rows


def _ndjson(content: bytes) -> list[Any]:
    """Skips empty lines and counts while reading, so that no body becomes a list of millions."""
    rows: list[Any] = []
    for line in io.BytesIO(content):
        if not line.strip():
            continue
        if len(rows) == LARGEST_BULK:
            raise _too_many("these are more")
        try:
            rows.append(_parsed(line))
        except ValueError as error:
            rows.append(Invalid.field("", "json_invalid", f"This line is not JSON: {error}."))
    return rows


def _too_many(count: str) -> Invalid:
    message = f"At most {LARGEST_BULK:,} rows a request; {count}."
    return Invalid.field("body", "too_many_rows", message)


def _parsed(content: bytes) -> Any:
    """Parses with orjson, and what it refuses with json. Raises ValueError.

    json accepts half of a surrogate pair, which then makes only its row invalid, and has the
    better messages.
    """
    try:
        return orjson.loads(content)
    except ValueError:
        pass
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def request_of(
    row: Any, slug: str, caller: Caller, sender: bytes | None, now: datetime
) -> SignatureRequest | Invalid:
    """Returns the request of a row, or the error. `sender` is the keyed hash of its sender."""
    if isinstance(row, Invalid):
        return row
    try:
        signature = BulkSignature.model_validate(row)
        imported = _import_of(signature, caller, now)
    except ValidationError as error:
        return _invalid(error)
    except Invalid as error:
        return error
    return signature.as_request(slug, caller.partner_id, imported, sender_index=sender)


def _invalid(error: ValidationError) -> Invalid:
    count = error.error_count()
    if count > MOST_ERRORS:
        return Invalid("invalid", f"This row is not valid: {count:,} things are wrong with it.")
    return Invalid("invalid", "This row is not valid.", validation_fields(error.errors()))


def _import_of(row: BulkSignature, caller: Caller, now: datetime) -> ImportOrigin | None:
    """Returns where the row was signed, if it says so. Raises Invalid if the key may not import."""
    values = {"provenance": row.provenance, "signed_at": row.signed_at}
    names = [name for name, value in values.items() if value is not None]
    if not names:
        return None
    if Scope.SIGNATURES_IMPORT not in caller.scopes:
        message = f"This key lacks the scope {Scope.SIGNATURES_IMPORT}."
        fields = tuple(FieldError(name, "scope_missing", message) for name in names)
        raise Invalid("scope_missing", message, fields)
    return ImportOrigin.of(row.provenance or "", signed_at=row.signed_at, now=now)
