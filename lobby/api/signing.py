"""Signing a petition and confirming it, whichever way the request came."""

from typing import Any
from uuid import UUID

from fastapi.concurrency import run_in_threadpool

from lobby.api.schemas.signature import NewSignature
from lobby.api.signed_answers import SignedAnswers
from lobby.models import Signature
from lobby.services.errors import NotFound
from lobby.services.group_commit import GroupCommit
from lobby.services.prebuilt import Prebuilt
from lobby.services.signature_states import Confirmed
from lobby.services.signatures import Outcome, SignatureRequest


async def sign(
    state: Any, slug: str, body: NewSignature, partner_id: UUID | None = None
) -> tuple[SignedAnswers, Outcome]:
    """Record a signature, and find what to answer; it is on disk when this returns.

    Raises what `signatures.record` says of the request, and Unavailable where too many wait.
    """
    intake: GroupCommit[SignatureRequest, Outcome] = state.intake
    outcome = await intake.record(body.as_request(slug, partner_id))
    if outcome.error is not None:
        raise outcome.error
    prebuilt: Prebuilt[str, SignedAnswers] = state.public_answers.signed
    answers = prebuilt.at_hand(slug)
    if answers is None:
        answers = await run_in_threadpool(prebuilt.get, slug)
    return answers, outcome


async def confirm(state: Any, signature_id: UUID) -> Signature:
    """Count a signature; on disk when this returns. Raises what `signature_states` says of it."""
    intake: GroupCommit[UUID, Confirmed] = state.confirmations
    found = await intake.record(signature_id)
    if found.signature is None:
        raise found.error or NotFound("signature_unknown", "There is no such signature.")
    return found.signature
