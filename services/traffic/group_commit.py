"""Requests that arrive together share one transaction, and each is answered after its commit.

One thread a process commits; no timer: a batch is whatever arrived while the last one committed,
so a lone request waits for nothing. A batch that fails is halved and tried again until what spoils
it stands alone, so that a bad request fails alone; where the database is busy or away, no request
is to blame, and all are told at once. Answers go back to the event loop a batch at a time: waking
it for each would cost more than the rest of this module.
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
_OF_NO_REQUEST = (OperationalError, PoolTimeout)


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
    ) -> None:
        self._recorder = recorder
        self._longest_queue = longest_queue
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

    def _next_batch(self) -> "list[_Item[Request, Outcome]]":
        """What waits, in the order in which it came; nothing only at the end."""
        with self._changed:
            while not self._waiting and not self._is_stopping:
                self._changed.wait()
            size = min(len(self._waiting), LARGEST_BATCH)
            return [self._waiting.popleft() for _ in range(size)]

    def _record(self, batch: "list[_Item[Request, Outcome]]") -> None:
        if not batch:
            return
        try:
            outcomes = self._recorder([request for request, _ in batch])
        except _OF_NO_REQUEST as error:
            _hand_over(batch, [error] * len(batch))
        except Exception as error:  # whatever it is, it belongs to those who wait
            if len(batch) > 1:
                middle = len(batch) // 2
                self._record(batch[:middle])
                self._record(batch[middle:])
            else:
                _hand_over(batch, [error])
        else:
            _hand_over(batch, outcomes)


def _hand_over(
    batch: "list[_Item[Request, Outcome]]", outcomes: "Sequence[Outcome | Exception]"
) -> None:
    """Give each what became of it, in the event loop where it waits."""
    if len(outcomes) != len(batch):  # they may be recorded: not again, and nobody waits for ever
        outcomes = [RuntimeError("the recorder gave another number of outcomes")] * len(batch)
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Outcome], Any]]] = {}
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        by_loop.setdefault(future.get_loop(), []).append((future, outcome))
    for loop, pairs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # a loop that has closed: nobody waits there
            loop.call_soon_threadsafe(_settle, pairs)


def _settle(pairs: "list[tuple[asyncio.Future[Outcome], Any]]") -> None:
    for future, outcome in pairs:
        if future.done():  # its client may have gone
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
