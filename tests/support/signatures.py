"""Signs, sorts and confirms without HTTP."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import Session

import worker
from models import Signature
from services.assembly import Lobby
from services.signatures import confirming, recording
from services.signatures.confirming import Confirmation
from services.signatures.recording import Outcome, SignatureRequest


def record(
    lobby: Lobby, requests: Sequence[SignatureRequest], *, now: datetime | None = None
) -> list[Outcome]:
    """Records requests in one transaction, and sorts nothing."""
    with lobby.database.write() as session:
        return record_in(session, lobby, requests, now=now)


def record_in(
    session: Session,
    lobby: Lobby,
    requests: Sequence[SignatureRequest],
    *,
    now: datetime | None = None,
    is_one_sender: bool = False,
) -> list[Outcome]:
    """Works like `record`, in a transaction of the caller's."""
    return recording.record(
        session,
        requests,
        postcodes=lobby.postcodes.lookup,
        keyring=lobby.keyring,
        now=now or lobby.clock(),
        is_one_sender=is_one_sender,
    )


def sign_and_sort(lobby: Lobby, *requests: SignatureRequest) -> list[UUID]:
    """Records requests and queues their mails; returns the ids of the submissions."""
    outcomes = record(lobby, requests)
    worker.sort_submissions(lobby)
    ids = [outcome.signature_id for outcome in outcomes]
    return [row_id for row_id in ids if row_id is not None]


def confirm(lobby: Lobby, submission_id: UUID, *, now: datetime | None = None) -> Signature:
    """Confirms a submission; raises what `confirming.confirm` raises."""
    with lobby.database.write() as session:
        return confirming.confirm(
            session, submission_id, keyring=lobby.keyring, now=now or lobby.clock()
        )


def confirm_all(lobby: Lobby, ids: Sequence[UUID]) -> list[Confirmation]:
    """Confirms submissions in one transaction."""
    with lobby.database.write() as session:
        return confirming.confirm_all(session, ids, keyring=lobby.keyring, now=lobby.clock())


def sign_and_confirm(lobby: Lobby, *requests: SignatureRequest) -> list[UUID]:
    """Records and confirms requests, without a mail; returns the ids of the signatures."""
    ids = [outcome.signature_id for outcome in record(lobby, requests)]
    wanted = [row_id for row_id in ids if row_id is not None]
    confirm_all(lobby, wanted)
    return wanted
