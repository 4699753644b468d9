"""Turns submissions back into what earlier versions read, on the way down to their schema."""

import threading
from collections.abc import Callable
from uuid import UUID

import structlog

from services.assembly import Lobby
from services.signatures import giving_back
from worker.letter_adoption import give_back_letters
from worker.retention import delete_old_submissions
from worker.sorting import sort_submissions

FIRST_WITH_SUBMISSIONS = "0016"
Progress = Callable[[int, int], None]
log = structlog.get_logger()


def _show_nothing(_done: int, _total: int) -> None: ...


def needs_giving_back(current: str | None, wanted: str) -> bool:
    """Returns whether the way from one revision of the schema to another ends before 0016."""
    has_submissions = current is not None and current >= FIRST_WITH_SUBMISSIONS
    return has_submissions and (wanted == "base" or wanted < FIRST_WITH_SUBMISSIONS)


def give_back_submissions(lobby: Lobby, *, progress: Progress = _show_nothing) -> int:
    """Turns submissions into pending signatures and letters; returns how many it ended.

    `progress` is called with the number of signatures that are done, and of all.
    It works in small transactions, and goes on after a crash. Submissions that cannot be decrypted
    stay, and so do those that a server which still runs makes meanwhile: the migration then
    refuses to delete them.
    """
    while delete_old_submissions(lobby, threading.Event()):
        pass
    sort_submissions(lobby)  # who is refused, or has signed, gets no pending signature
    return _give_back_signatures(lobby, progress) + give_back_letters(lobby)


def _give_back_signatures(lobby: Lobby, progress: Progress) -> int:
    with lobby.database.read() as session:
        total = giving_back.count(session)
    ended = 0
    before: UUID | None = giving_back.THE_NEWEST
    while before is not None:
        with lobby.database.write(is_public=False) as session:
            part = giving_back.give_back(
                session, before=before, keyring=lobby.keyring, now=lobby.clock()
            )
        for submission_id in part.left:
            log.error("submission_unreadable", submission=str(submission_id))
        ended, before = ended + part.ended, part.last
        progress(ended, total)
    return ended
