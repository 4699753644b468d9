"""Batches of signatures in which some requests have an idempotency key."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from sqlmodel import Session

from models import Keyring
from services.errors import LobbyError
from services.signatures import recording
from services.signatures.recording import Lookup, Outcome, SignatureRequest
from services.traffic import idempotency


def record(
    session: Session,
    requests: Sequence[SignatureRequest],
    *,
    postcodes: Lookup,
    keyring: Keyring,
    now: datetime,
) -> list[Outcome]:
    """Works like `recording.record`, but a request with an idempotency key is recorded only once.

    Its outcome has the stored `answer`. Keys cost two more statements per batch, three on
    PostgreSQL; a batch without keys costs none.
    """
    write = partial(recording.record, session, postcodes=postcodes, keyring=keyring, now=now)
    if not any(request.keyed for request in requests):
        return write(requests)
    stored = _stored_outcomes(session, requests, now)
    remaining = [position for position in range(len(requests)) if position not in stored]
    recorded = write([requests[position] for position in remaining])
    new = {
        position: _with_answer(requests[position], outcome)
        for position, outcome in zip(remaining, recorded, strict=True)
    }
    _store(session, [(requests[position], outcome) for position, outcome in new.items()], now)
    return [(stored.get(position) or new[position]) for position in range(len(requests))]


def _stored_outcomes(
    session: Session, requests: Sequence[SignatureRequest], now: datetime
) -> dict[int, Outcome]:
    """Returns stored answers and errors of known keys, by the position of the request."""
    attempts = {
        position: request.keyed.attempt
        for position, request in enumerate(requests)
        if request.keyed
    }
    results = idempotency.look_up(session, list(attempts.values()), now=now)
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
