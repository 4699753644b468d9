"""Signing one petition, whichever way the request came."""

from typing import Any
from uuid import UUID

from fastapi.concurrency import run_in_threadpool

from lobby.api.schemas.signature import NewSignature
from lobby.api.signed_answers import SignedAnswers
from lobby.services.group_commit import GroupCommit
from lobby.services.prebuilt import Prebuilt
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
