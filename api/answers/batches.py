"""Commits the signatures and the confirmations of concurrent requests together.

Each function makes the recorder of a `GroupCommit`: it writes a batch in one transaction.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

from services.assembly import Lobby
from services.signatures import confirming, keyed
from services.signatures.confirming import Confirmation
from services.signatures.recording import Outcome, SignatureRequest


def signature_recorder(lobby: Lobby) -> Callable[[Sequence[SignatureRequest]], list[Outcome]]:
    """Returns a function that records signatures, and returns an outcome for each."""

    def record(requests: Sequence[SignatureRequest]) -> list[Outcome]:
        with lobby.database.write(is_public=False) as session:
            return keyed.record(
                session,
                requests,
                postcodes=lobby.postcodes.lookup,
                keyring=lobby.keyring,
                now=lobby.clock(),
            )

    return record


def confirmation_recorder(lobby: Lobby) -> Callable[[Sequence[UUID]], list[Confirmation]]:
    """Returns a function that confirms signatures by their ids, and returns an outcome for each."""

    def confirm(ids: Sequence[UUID]) -> list[Confirmation]:
        with lobby.database.write(is_count=True) as session:
            keyring, now = lobby.keyring, lobby.clock()
            return confirming.confirm_all(session, ids, keyring=keyring, now=now)

    return confirm
