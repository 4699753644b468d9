"""Records signatures, for the API, its fast path, the dialect and the pages."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from api.answers.signed_answers import SignedAnswers
from api.answers.state import AppState, state_of
from api.schemas.signature import NewSignature
from services.errors import LobbyError
from services.keys.api_keys import Caller
from services.signatures.recording import Outcome, SignatureRequest
from services.traffic.idempotency import Attempt, KeyedRequest, StoredAnswer

SENDER = "lobby.sender"
"""The key of the sender's hash in the ASGI scope."""

SIGNED = 201
"""The HTTP status of a recorded signature."""


def sender_of(scope: Mapping[str, Any]) -> bytes | None:
    """Returns the keyed hash of the network or key that a request came from.

    `api.front.rate_limiting` puts it into the ASGI scope. None for a local socket.
    """
    sender: bytes | None = scope.get(SENDER)
    return sender


async def submit(scope: Mapping[str, Any], request: SignatureRequest) -> Outcome:
    """Records a request of a page. It is committed when this returns; raises as `sign` does."""
    return await _record(state_of(scope), replace(request, sender_index=sender_of(scope)))


async def sign(
    state: AppState,
    slug: str,
    body: NewSignature,
    partner_id: UUID | None = None,
    *,
    sender: bytes | None,
) -> tuple[SignedAnswers, Outcome]:
    """Records a signature, and returns the petition's responses and the outcome.

    The submission is committed when this returns. Raises what `recording.record` raises for the
    request, and Unavailable if the queue is full.
    """
    outcome = await _record(state, body.as_request(slug, partner_id, sender_index=sender))
    return await state.public_answers.signed.fetch(slug), outcome


async def sign_once(
    state: AppState,
    slug: str,
    body: NewSignature,
    attempt: Attempt,
    caller: Caller | None = None,
    *,
    sender: bytes | None,
    standing_id: UUID | None = None,
) -> StoredAnswer:
    """Records a signature once per idempotency key, and stores the response with it.

    A repeated key gets the stored response. Raises what `sign` and
    `services.traffic.idempotency` raise.
    """
    signed = state.public_answers.signed
    with suppress(LobbyError):  # `record` has the error that a signer gets
        await signed.fetch(slug)  # here, so that the transaction need not wait for it

    def answer(outcome: Outcome) -> StoredAnswer:
        found = content(signed.get(slug), outcome, caller, standing_id=standing_id)
        return StoredAnswer(SIGNED, found)

    partner_id = caller.partner_id if caller else None
    keyed = KeyedRequest(attempt, answer)
    request = body.as_request(slug, partner_id, sender_index=sender, keyed=keyed)
    return await _once(state, request, attempt)


async def record_once(
    state: AppState, request: SignatureRequest, keyed: KeyedRequest[Outcome]
) -> StoredAnswer:
    """Records a request once per idempotency key. Returns what `keyed` makes of the outcome, or
    the response that was stored before."""
    return await _once(state, replace(request, keyed=keyed), keyed.attempt)


async def _once(state: AppState, request: SignatureRequest, attempt: Attempt) -> StoredAnswer:
    with state.in_flight.reserve(attempt):
        outcome = await _record(state, request)
    assert outcome.answer is not None  # noqa: S101 - every error was raised above
    return outcome.answer


def content(
    answers: SignedAnswers,
    outcome: Outcome,
    caller: Caller | None = None,
    *,
    standing_id: UUID | None = None,
) -> bytes:
    """Returns the response to a signature as JSON.

    Only an API key that may read signatures gets an id: that of the signer's confirmed signature,
    `standing_id`, or else the submission's, which becomes the signature's.
    """
    code = outcome.constituency_code or ""
    if caller is None or not caller.may_know_signers:
        return answers.content(code)
    answer = answers.answer(code)
    answer.id = standing_id or outcome.signature_id
    return answer.model_dump_json().encode()


async def _record(state: AppState, request: SignatureRequest) -> Outcome:
    outcome = await state.intake.record(request)
    if outcome.error is not None:
        raise outcome.error
    return outcome
