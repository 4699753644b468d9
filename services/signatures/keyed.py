"""Batches of signatures of which some came with a key of their sender's."""

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
    """As `recording.record`; what comes with a key is recorded once, however often it comes.

    Its outcome has the `answer` that is kept. That takes two statements more whatever the size,
    three on PostgreSQL, and none in a batch without keys.
    """
    write = partial(recording.record, session, postcodes=postcodes, keyring=keyring, now=now)
    if not any(request.keyed for request in requests):
        return write(requests)
    known = _stored_outcomes(session, requests, now)
    left = [place for place in range(len(requests)) if place not in known]
    recorded = write([requests[place] for place in left])
    new = {
        place: _with_answer(requests[place], outcome)
        for place, outcome in zip(left, recorded, strict=True)
    }
    _store(session, [(requests[place], outcome) for place, outcome in new.items()], now)
    return [(known.get(place) or new[place]) for place in range(len(requests))]


def _stored_outcomes(
    session: Session, requests: Sequence[SignatureRequest], now: datetime
) -> dict[int, Outcome]:
    """By place, those whose key is known: with the answer that was kept, or why there is none."""
    keyed = [(place, each.keyed.attempt) for place, each in enumerate(requests) if each.keyed]
    found = idempotency.look_up(session, [attempt for _, attempt in keyed], now=now)
    return {
        place: Outcome(error=each) if isinstance(each, LobbyError) else Outcome(answer=each)
        for (place, _), each in zip(keyed, found, strict=True)
        if each is not None
    }


def _with_answer(request: SignatureRequest, outcome: Outcome) -> Outcome:
    """With the answer that is to be kept; a refusal is not."""
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
