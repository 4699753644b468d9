"""Deletes what nobody confirmed or finished in time, and hashes that are no longer needed."""

import threading
from uuid import UUID

from services.accounts import retention
from services.alerts import digests
from services.assembly import Lobby
from services.campaigns import team_retention
from services.letters import letter_drafts
from services.submissions import ending, sender_requests

_MOST_ROUNDS = 40


def delete_old_submissions(lobby: Lobby, stop: threading.Event) -> int:
    """Deletes old submissions in small transactions; returns how many.

    After a rush some are left for the next call. They cannot be confirmed: their links have
    expired. It also deletes old requests about submissions, which are few.
    """
    with lobby.database.write(is_public=False) as session:
        sender_requests.delete_old(session, now=lobby.clock())
    total = 0
    for _ in range(_MOST_ROUNDS):
        with lobby.database.write(is_public=False) as session:
            deleted = ending.delete_old(session, now=lobby.clock())
        total += deleted
        if not deleted or stop.is_set():
            break
    return total


def delete_old_drafts(lobby: Lobby, stop: threading.Event) -> int:
    """Deletes drafts of letters that nobody has saved for 14 days; returns how many."""
    total = 0
    while not stop.is_set():
        with lobby.database.write(is_public=False) as session:
            deleted = letter_drafts.delete_old(session, now=lobby.clock())
        total += deleted
        if not deleted:
            break
    return total


def forget_old_accounts(lobby: Lobby, _stop: threading.Event) -> None:
    """Deletes ended sessions, expired invitations, old digests, and what is older than a year.

    These are few.
    """
    with lobby.database.write(is_public=False) as session:
        retention.forget_old(session, now=lobby.clock())
        digests.forget_old(session, now=lobby.clock())


def forget_team_records(lobby: Lobby, _stop: threading.Event) -> None:
    """Deletes notes and quick answers about members, a year after their campaign ended."""
    with lobby.database.write(is_public=False) as session:
        team_retention.forget_old(session, now=lobby.clock())


class SenderCleanup:
    """Empties the hashes of senders in old messages. Each process has one."""

    def __init__(self) -> None:
        self._after: UUID | None = None

    def __call__(self, lobby: Lobby, stop: threading.Event) -> None:
        """Empties all that are old enough, in small transactions."""
        while not stop.is_set():
            with lobby.database.read() as session:
                ids = ending.with_old_senders(session, after=self._after, now=lobby.clock())
            if not ids:
                return
            with lobby.database.write(is_public=False) as session:
                ending.empty_senders(session, ids)
            self._after = ids[-1]
