"""The worker's loop: email in the main thread, everything else in threads of their own.

So email, motions, members, bounces and webhooks do not wait for each other.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from services.assembly import Lobby
from worker.adoption import SignatureAdoption
from worker.alerts import make_digests
from worker.bounces import read_bounces
from worker.countries import correct_countries
from worker.idempotency import forget_old_keys
from worker.letter_adoption import LetterAdoption
from worker.mail import clean_up, deliver_due
from worker.new_secrets import look_for_new_secret
from worker.parliament import sync_if_due, sync_members_if_due
from worker.retention import (
    SenderCleanup,
    delete_old_drafts,
    delete_old_submissions,
    forget_old_accounts,
    forget_team_records,
)
from worker.sorting import SubmissionSorter
from worker.webhooks import clean_up_webhooks, deliver_webhooks

IDLE_SECONDS = 0.5
CLEANUP_SECONDS = 60.0
CHECK_SECONDS = 20.0
HOUR_SECONDS = 3600.0
STOP_SECONDS = 2.0  # how long to wait for requests to Parliament when we stop
log = structlog.get_logger()


def run(lobby: Lobby, stop: threading.Event, *, look_every: float = CHECK_SECONDS) -> None:
    """Works until `stop` is set.

    `look_every` is the number of seconds between two checks for motions, members and digests that
    are due, and for bounces. Webhooks and submissions are checked as often as email.
    """
    threads = [
        threading.Thread(target=repeat, args=(lobby, stop, task, seconds), name=name, daemon=True)
        for name, task, seconds in (
            ("secrets", look_for_new_secret, look_every),
            ("motions", sync_if_due, look_every),
            ("members", sync_members_if_due, look_every),
            ("bounces", read_bounces, look_every),
            ("submissions", SubmissionSorter(), IDLE_SECONDS),
            ("submissions-cleanup", delete_old_submissions, CLEANUP_SECONDS),
            ("senders", SenderCleanup(), HOUR_SECONDS),
            ("drafts", delete_old_drafts, HOUR_SECONDS),
            ("accounts-cleanup", forget_old_accounts, HOUR_SECONDS),
            ("alerts", make_digests, look_every),
            ("team-records-cleanup", forget_team_records, HOUR_SECONDS),
            ("webhooks", deliver_webhooks, IDLE_SECONDS),
            ("webhooks-cleanup", clean_up_webhooks, CLEANUP_SECONDS),
            ("countries", correct_countries, CLEANUP_SECONDS),
            ("adoption", SignatureAdoption(), CLEANUP_SECONDS),
            ("letter-adoption", LetterAdoption(), CLEANUP_SECONDS),
        )
    ]
    for thread in threads:
        thread.start()
    next_cleanup = 0.0
    while not stop.is_set():
        with _errors_logged(stop):
            if time.monotonic() >= next_cleanup:
                next_cleanup = time.monotonic() + CLEANUP_SECONDS
                clean_up(lobby)
                forget_old_keys(lobby, stop)
            if not deliver_due(lobby):
                stop.wait(IDLE_SECONDS)
    deadline = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def watch_secrets(lobby: Lobby, stop: threading.Event) -> None:
    """Looks for a new version of the secret key until `stop` is set, where no worker does."""
    if not stop.wait(CHECK_SECONDS):
        repeat(lobby, stop, look_for_new_secret, CHECK_SECONDS)


def repeat(
    lobby: Lobby,
    stop: threading.Event,
    task: Callable[[Lobby, threading.Event], object],
    seconds: float,
) -> None:
    """Calls `task`, which decides whether anything is due, with this pause until `stop` is set."""
    while not stop.is_set():
        with _errors_logged(stop):
            task(lobby, stop)
            stop.wait(seconds)


@contextmanager
def _errors_logged(stop: threading.Event) -> Iterator[None]:
    """Logs an error and lets the loop continue after a pause."""
    try:
        yield
    except Exception:
        log.exception("worker_round_failed")
        stop.wait(IDLE_SECONDS)
