"""The errors of the API as the OpenAPI document describes them."""

from typing import Any

from pydantic import BaseModel

from api.schemas.signature import RowError


class Problem(BaseModel):
    """A problem (RFC 9457) with a stable `code`.

    `errors` lists invalid fields. `proof` is an ALTCHA challenge, where the client must send a
    proof of work.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[RowError] | None = None
    proof: dict[str, str | int] | None = None


MEDIA_TYPE = "application/problem+json"
_REASONS = {
    400: "The request could not be read",
    401: "A key is needed, or the one given is not valid",
    403: "The key may not do this",
    404: "There is no such thing, or it is another organisation's",
    405: "Not with this method",
    409: "Its state does not allow this",
    410: "A link that was good once has expired",
    413: "The body is too large",
    415: "The body is in a form that this call does not read",
    422: "Some of the input is not valid",
    429: "Too many requests: see Retry-After",
    503: "Something that we depend on does not answer: see Retry-After",
}


def problems() -> dict[int | str, dict[str, Any]]:
    """Returns the `responses` of every route."""
    # `RowError` is a component of the document already, by the answers of bulk calls.
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs")
    content = {MEDIA_TYPE: {"schema": schema}}
    return {
        status: {"description": reason, "content": content} for status, reason in _REASONS.items()
    }
