"""Group commit: commits the writes of concurrent requests in one transaction.

Each request is answered after its commit. One thread per process commits (`BatchWriter`). If the
database is busy or cannot be reached, all requests of the batch fail at once. Outcomes go back to
the event loop a batch at a time: waking it for each request would cost more than the rest.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.database.batch_writer import LARGEST_BATCH, BatchWriter
from services.errors import Unavailable

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
        self._writer: BatchWriter[_Item[Request, Outcome]] = BatchWriter(
            self._record,
            lambda batch, error: _deliver(batch, [error] * len(batch)),
            name="group-commit",
            largest_batch=largest_batch,
            gives_up_on=_DATABASE_FAULTS,
        )

    def start(self) -> None:
        """Start the thread that commits."""
        self._writer.start()

    def stop(self) -> None:
        """Commit the queued requests, then end the thread."""
        self._writer.stop()

    async def record(self, request: Request) -> Outcome:
        """Returns the outcome after its commit; raises Unavailable if the queue is full."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if not self._writer.add((request, future), most=self._longest_queue):
            message = "Very many people are signing right now. Please try again in a moment."
            raise Unavailable("busy", message, retry_after=2)
        return await future

    def _record(self, batch: "Sequence[_Item[Request, Outcome]]") -> None:
        # Requests whose clients have disconnected are left out.
        wanted = [item for item in batch if not item[1].cancelled()]
        if wanted:
            _deliver(wanted, self._recorder([request for request, _ in wanted]))


def _deliver(
    batch: "Sequence[_Item[Request, Outcome]]", outcomes: "Sequence[Outcome | Exception]"
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
