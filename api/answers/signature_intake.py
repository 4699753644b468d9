"""Signing a petition and confirming it, whichever way the request came."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from fastapi.concurrency import run_in_threadpool

from api.answers.signed_answers import SignedAnswers
from api.schemas.signature import NewSignature
from models import Signature
from services.errors import NotFound
from services.keys.api_keys import Caller
from services.signatures.recording import Outcome, SignatureRequest
from services.signatures.signature_states import Confirmation
from services.traffic.answer_cache import AnswerCache
from services.traffic.group_commit import GroupCommit
from services.traffic.idempotency import Attempt, KeyedRequest, RequestsInFlight, StoredAnswer

SIGNED = 201  # the status of a signature


async def sign(
    state: Any, slug: str, body: NewSignature, partner_id: UUID | None = None
) -> tuple[SignedAnswers, Outcome]:
    """Record a signature, and find what to answer; it is on disk when this returns.

    Raises what `recording.record` says of the request, and Unavailable where too many wait.
    """
    outcome = await _recorded(state, body.as_request(slug, partner_id))
    prebuilt: AnswerCache[str, SignedAnswers] = state.public_answers.signed
    answers = prebuilt.cached(slug)
    if answers is None:
        answers = await run_in_threadpool(prebuilt.get, slug)
    return answers, outcome


async def sign_once(
    state: Any, slug: str, body: NewSignature, attempt: Attempt, caller: Caller | None = None
) -> StoredAnswer:
    """As `sign`, with a key: what was answered first is kept in the same transaction.

    Raises also what `services.traffic.idempotency` says of the key.
    """
    prebuilt: AnswerCache[str, SignedAnswers] = state.public_answers.signed

    def answer(outcome: Outcome) -> StoredAnswer:
        return StoredAnswer(SIGNED, content(prebuilt.get(slug), outcome, caller))

    request = body.as_request(slug, caller.partner_id if caller else None)
    return await record_once(state, request, KeyedRequest(attempt, answer))


async def record_once(
    state: Any, request: SignatureRequest, keyed: KeyedRequest[Outcome]
) -> StoredAnswer:
    """Record a signature with a key, and the answer that `keyed` makes; or give that again."""
    in_flight: RequestsInFlight = state.in_flight
    with in_flight.reserve(keyed.attempt):
        outcome = await _recorded(state, replace(request, keyed=keyed))
    assert outcome.answer is not None  # noqa: S101 - every error was raised above
    return outcome.answer


def content(answers: SignedAnswers, outcome: Outcome, caller: Caller | None = None) -> bytes:
    """The answer to a signature; a key that may read signatures is also told its id, which tells
    when they signed first."""
    code = outcome.constituency_code or ""
    if caller is None or not caller.may_know_signers:
        return answers.content(code)
    found = answers.answer(code)
    found.id = outcome.signature_id
    return found.model_dump_json().encode()


async def confirm(state: Any, signature_id: UUID) -> Signature:
    """Count a signature; on disk when this returns. Raises what `signature_states` says of it."""
    intake: GroupCommit[UUID, Confirmation] = state.confirmations
    found = await intake.record(signature_id)
    if found.signature is None:
        raise found.error or NotFound("signature_unknown", "There is no such signature.")
    return found.signature


async def _recorded(state: Any, request: SignatureRequest) -> Outcome:
    intake: GroupCommit[SignatureRequest, Outcome] = state.intake
    outcome = await intake.record(request)
    if outcome.error is not None:
        raise outcome.error
    return outcome
