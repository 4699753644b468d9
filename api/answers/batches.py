"""Commits the signatures and the confirmations of concurrent requests together.

Each function makes the recorder of a `GroupCommit`: it writes a batch in one transaction.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from core import counters
from services.assembly import Lobby
from services.campaigns import petitions
from services.errors import KeyInUse
from services.signatures import confirming, keyed
from services.signatures.confirming import Confirmation
from services.signatures.recording import Outcome, SignatureRequest


def signature_recorder(lobby: Lobby) -> Callable[[Sequence[SignatureRequest]], list[Outcome]]:
    """Returns a function that records signatures, and returns an outcome for each."""

    def record(requests: Sequence[SignatureRequest]) -> list[Outcome]:
        try:
            outcomes = _recorded(lobby, requests, look_up=False)
        except KeyInUse:  # a request has come again: nothing of this batch is committed yet
            outcomes = _recorded(lobby, requests, look_up=True)
        counters.SIGNATURES.inc(sum(each.is_new for each in outcomes))
        return outcomes

    return record


def _recorded(
    lobby: Lobby, requests: Sequence[SignatureRequest], *, look_up: bool
) -> list[Outcome]:
    """Records signatures in one transaction."""
    with lobby.database.write(is_public=False) as session:
        return keyed.record(
            session,
            requests,
            postcodes=lobby.postcodes.lookup,
            keyring=lobby.keyring,
            now=lobby.clock(),
            look_up=look_up,
        )


class CountedConfirmation(NamedTuple):
    """An outcome, and how many signatures its petition has since; 0 where nothing stands."""

    outcome: Confirmation
    signature_count: int


def confirmation_recorder(lobby: Lobby) -> Callable[[Sequence[UUID]], list[CountedConfirmation]]:
    """Returns a function that confirms signatures by their ids, and returns an outcome for each."""

    def confirm(ids: Sequence[UUID]) -> list[CountedConfirmation]:
        with lobby.database.write(is_count=True) as session:
            keyring, now = lobby.keyring, lobby.clock()
            outcomes = confirming.confirm_all(session, ids, keyring=keyring, now=now)
            # In the same transaction: one of its own would take three more round trips.
            signed = {each.signature.petition_id for each in outcomes if each.signature}
            totals = petitions.counts(session, sorted(signed)) if signed else {}
        counters.CONFIRMATIONS.inc(sum(each.signature is not None for each in outcomes))
        return [
            CountedConfirmation(each, totals[each.signature.petition_id] if each.signature else 0)
            for each in outcomes
        ]

    return confirm
