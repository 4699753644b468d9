"""Group commit: commits the writes of concurrent requests in one transaction.

Each request is answered after its commit. One thread per process commits, without a timer: a batch
is all that arrived while the last one was committed, so a single request does not wait. A batch
that fails is split in two and tried again, so that only the bad request fails. If the database is
busy or cannot be reached, all requests of the batch fail at once. Outcomes go back to the event
loop a batch at a time: waking it for each request would cost more than the rest of this module.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.errors import Unavailable

LARGEST_BATCH = 500
LONGEST_QUEUE = 5000
Request = TypeVar("Request")
Outcome = TypeVar("Outcome")
_Item = tuple[Request, "asyncio.Future[Outcome]"]
_DATABASE_FAULTS = (OperationalError, PoolTimeout)


class GroupCommit(Generic[Request, Outcome]):
    """Takes single requests from the event loop and records them in batches.

    `recorder` writes a batch in one transaction and, after the commit, returns one outcome for each
    request, in order.
    """

    def __init__(
        self,
        recorder: Callable[[Sequence[Request]], Sequence[Outcome]],
        *,
        longest_queue: int = LONGEST_QUEUE,
        largest_batch: int = LARGEST_BATCH,
    ) -> None:
        self._recorder = recorder
        self._longest_queue = longest_queue
        self._largest_batch = largest_batch
        self._waiting: deque[tuple[Request, asyncio.Future[Outcome]]] = deque()
        self._changed = threading.Condition()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)

    def start(self) -> None:
        """Start the thread that commits."""
        self._thread.start()

    def stop(self) -> None:
        """Commit the queued requests, then end the thread."""
        if self._thread.is_alive():
            with self._changed:
                self._is_stopping = True
                self._changed.notify()
            self._thread.join()

    async def record(self, request: Request) -> Outcome:
        """Returns the outcome after its commit; raises Unavailable if the queue is full."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        with self._changed:
            if len(self._waiting) >= self._longest_queue:
                message = "Very many people are signing right now. Please try again in a moment."
                raise Unavailable("busy", message, retry_after=2)
            self._waiting.append((request, future))
            if len(self._waiting) == 1:
                self._changed.notify()
        return await future

    def _run(self) -> None:
        while batch := self._next_batch():
            # Requests whose clients have disconnected are left out.
            self._record([item for item in batch if not item[1].cancelled()])

    def _next_batch(self) -> "list[_Item[Request, Outcome]]":
        """Waits for requests and returns them in order; an empty list means that we stop."""
        with self._changed:
            while not self._waiting and not self._is_stopping:
                self._changed.wait()
            size = min(len(self._waiting), self._largest_batch)
            return [self._waiting.popleft() for _ in range(size)]

    def _record(self, batch: "list[_Item[Request, Outcome]]") -> None:
        if not batch:
            return
        try:
            outcomes = self._recorder([request for request, _ in batch])
        except _DATABASE_FAULTS as error:
            _deliver(batch, [error] * len(batch))
        except Exception as error:  # every error goes to the waiting requests
            if len(batch) > 1:
                middle = len(batch) // 2
                self._record(batch[:middle])
                self._record(batch[middle:])
            else:
                _deliver(batch, [error])
        else:
            _deliver(batch, outcomes)


def _deliver(
    batch: "list[_Item[Request, Outcome]]", outcomes: "Sequence[Outcome | Exception]"
) -> None:
    """Resolve the futures of a batch, each in its own event loop."""
    # They may be recorded, so they are not tried again; an error keeps them from waiting for ever.
    if len(outcomes) != len(batch):
        outcomes = [RuntimeError("the recorder gave another number of outcomes")] * len(batch)
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Outcome], Any]]] = {}
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        by_loop.setdefault(future.get_loop(), []).append((future, outcome))
    for loop, pairs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has closed
            loop.call_soon_threadsafe(_resolve, pairs)


def _resolve(pairs: "list[tuple[asyncio.Future[Outcome], Any]]") -> None:
    for future, outcome in pairs:
        if future.done():  # the client may have disconnected
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
