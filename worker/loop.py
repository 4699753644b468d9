"""The loop: mail in this thread; motions, members, what came back and webhooks beside it, so that
none waits for another."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from services.assembly import Lobby
from worker.bounces import read_bounces
from worker.idempotency import forget_old_keys
from worker.mail import clean_up, deliver_due
from worker.parliament import sync_if_due, sync_members_if_due
from worker.webhooks import clean_up_webhooks, deliver_webhooks

IDLE_SECONDS = 0.5
CLEANUP_SECONDS = 60.0
CHECK_SECONDS = 20.0
PATIENCE_SECONDS = 2.0  # with requests to Parliament that are under way when we stop
log = structlog.get_logger()


def run(lobby: Lobby, stop: threading.Event, *, look_every: float = CHECK_SECONDS) -> None:
    """Work until told to stop.

    `look_every` is how many seconds lie between two looks at what is due to be asked for, and at
    what came back. Webhooks are looked for as often as mail is.
    """
    beside = [
        threading.Thread(target=follow, args=(lobby, stop, sync, seconds), name=name, daemon=True)
        for name, sync, seconds in (
            ("motions", sync_if_due, look_every),
            ("members", sync_members_if_due, look_every),
            ("bounces", read_bounces, look_every),
            ("webhooks", deliver_webhooks, IDLE_SECONDS),
            ("webhooks-house", clean_up_webhooks, CLEANUP_SECONDS),
        )
    ]
    for thread in beside:
        thread.start()
    next_housekeeping = 0.0
    while not stop.is_set():
        with _going_on(stop):
            if time.monotonic() >= next_housekeeping:
                next_housekeeping = time.monotonic() + CLEANUP_SECONDS
                clean_up(lobby)
                forget_old_keys(lobby, stop)
            if not deliver_due(lobby):
                stop.wait(IDLE_SECONDS)
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    for thread in beside:
        thread.join(max(0.0, patience_ends - time.monotonic()))


def follow(
    lobby: Lobby,
    stop: threading.Event,
    sync: Callable[[Lobby, threading.Event], object],
    look_every: float,
) -> None:
    """Call `sync`, which knows itself whether it is due, every so many seconds until the end."""
    while not stop.is_set():
        with _going_on(stop):
            sync(lobby, stop)
            stop.wait(look_every)


@contextmanager
def _going_on(stop: threading.Event) -> Iterator[None]:
    """An error is logged, and the work goes on: a loop outlives whatever one round meets."""
    try:
        yield
    except Exception:
        log.exception("worker_round_failed")
        stop.wait(IDLE_SECONDS)
