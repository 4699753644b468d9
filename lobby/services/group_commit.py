"""Requests that arrive together share one transaction, and each is answered after its commit.

One thread a process commits; no timer: a batch is whatever arrived while the last one committed,
so a lone request waits for nothing. A batch that fails is halved and tried again until what spoils
it stands alone, so that a bad request fails alone. One that took long to fail waited for the
database, and fails as a whole: its halves would wait as long, one after the other. Answers go back
to the event loop a batch at a time: waking it for each would cost more than the rest of this
module.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from lobby.services.errors import Unavailable

LARGEST_BATCH = 500
LONGEST_QUEUE = 5000
LONG = 5.0  # seconds
Request = TypeVar("Request")
Outcome = TypeVar("Outcome")


class GroupCommit(Generic[Request, Outcome]):
    """Takes single requests from the event loop and records them in batches.

    The recorder writes a batch in one transaction, and after its commit returns an outcome for
    each.
    """

    def __init__(
        self,
        recorder: Callable[[Sequence[Request]], Sequence[Outcome]],
        *,
        longest_queue: int = LONGEST_QUEUE,
        long: float = LONG,
    ) -> None:
        self._recorder = recorder
        self._longest_queue, self._long = longest_queue, long
        self._waiting: deque[tuple[Request, asyncio.Future[Outcome]]] = deque()
        self._changed = threading.Condition()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)

    def start(self) -> None:
        """Begin to commit."""
        self._thread.start()

    def stop(self) -> None:
        """Commit what is waiting, then end."""
        if self._thread.is_alive():
            with self._changed:
                self._is_stopping = True
                self._changed.notify()
            self._thread.join()

    async def record(self, request: Request) -> Outcome:
        """The outcome, once it is on disk. Unavailable where too many are waiting."""
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
            # A request whose client has gone is left out, unless it is being recorded already.
            self._record([item for item in batch if not item[1].cancelled()])

    def _next_batch(self) -> list[tuple[Request, "asyncio.Future[Outcome]"]]:
        """What waits, in the order in which it came; nothing only at the end."""
        with self._changed:
            while not self._waiting and not self._is_stopping:
                self._changed.wait()
            size = min(len(self._waiting), LARGEST_BATCH)
            return [self._waiting.popleft() for _ in range(size)]

    def _record(self, batch: list[tuple[Request, "asyncio.Future[Outcome]"]]) -> None:
        if not batch:
            return
        futures = [future for _, future in batch]
        begun = time.monotonic()
        try:
            outcomes = self._recorder([request for request, _ in batch])
        except Exception as error:  # whatever it is, it belongs to those who wait
            if len(batch) > 1 and time.monotonic() - begun < self._long:
                middle = len(batch) // 2
                self._record(batch[:middle])
                self._record(batch[middle:])
            else:
                futures[0].get_loop().call_soon_threadsafe(_fail, futures, error)
            return
        futures[0].get_loop().call_soon_threadsafe(_settle, futures, outcomes)


def _settle(futures: "list[asyncio.Future[Outcome]]", outcomes: Sequence[Outcome]) -> None:
    for future, outcome in zip(futures, outcomes, strict=True):
        if not future.done():  # its client may have gone
            future.set_result(outcome)


def _fail(futures: "list[asyncio.Future[Outcome]]", error: Exception) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
