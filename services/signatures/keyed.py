"""Batches of signatures in which some requests have an idempotency key."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from sqlmodel import Session

from models import Keyring
from services.errors import LobbyError
from services.signatures import recording
from services.signatures.recording import Lookup, Outcome, SignatureRequest
from services.traffic import idempotency

Write = Callable[[Sequence[SignatureRequest]], list[Outcome]]


def record(
    session: Session,
    requests: Sequence[SignatureRequest],
    *,
    postcodes: Lookup,
    keyring: Keyring,
    now: datetime,
    look_up: bool = True,
) -> list[Outcome]:
    """Works like `recording.record`, but a request with an idempotency key is recorded only once.

    Its outcome has the stored `answer`. Nearly all keys are new: without `look_up` they cost one
    statement per batch, with it two, three on PostgreSQL.

    :raises KeyInUse: another process has stored an answer meanwhile, or without `look_up` a key may
        have one; the transaction must be rolled back
    """
    write = partial(recording.record, session, postcodes=postcodes, keyring=keyring, now=now)
    stored = _stored_outcomes(session, requests, now) if look_up else {}
    remaining = [position for position in range(len(requests)) if position not in stored]
    recorded = _recorded(session, [requests[position] for position in remaining], write, now)
    outcomes = stored | dict(zip(remaining, recorded, strict=True))
    if not look_up and any(each.keyed and outcomes[at].error for at, each in enumerate(requests)):
        raise idempotency.in_use()  # an earlier request with this key may have an answer
    return [outcomes[position] for position in range(len(requests))]


def _recorded(
    session: Session, requests: Sequence[SignatureRequest], write: Write, now: datetime
) -> list[Outcome]:
    """Records requests, and stores the answers to those with a key."""
    outcomes = list(map(_with_answer, requests, write(requests)))
    _store(session, list(zip(requests, outcomes, strict=True)), now)
    return outcomes


def _stored_outcomes(
    session: Session, requests: Sequence[SignatureRequest], now: datetime
) -> dict[int, Outcome]:
    """Returns stored answers and errors of known keys, by the position of the request."""
    attempts = {
        position: request.keyed.attempt
        for position, request in enumerate(requests)
        if request.keyed
    }
    results = idempotency.look_up(session, list(attempts.values()), now=now) if attempts else []
    return {
        position: Outcome(error=result)
        if isinstance(result, LobbyError)
        else Outcome(answer=result)
        for position, result in zip(attempts, results, strict=True)
        if result is not None
    }


def _with_answer(request: SignatureRequest, outcome: Outcome) -> Outcome:
    # Errors are not stored, so that the client can try again with the same key.
    if request.keyed is None or outcome.error is not None:
        return outcome
    return outcome._replace(answer=request.keyed.answer(outcome))


def _store(
    session: Session, recorded: Sequence[tuple[SignatureRequest, Outcome]], now: datetime
) -> None:
    answers = [
        (request.keyed.attempt, outcome.answer)
        for request, outcome in recorded
        if request.keyed and outcome.answer
    ]
    idempotency.store(session, answers, now=now)
