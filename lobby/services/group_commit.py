"""Requests that arrive together share one transaction, and each is answered after its commit.

One thread a process commits; no timer: a batch is whatever arrived while the last one committed,
so a lone request waits for nothing. A batch that fails is tried again one by one, so that a bad
request fails alone.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from lobby.services.errors import Unavailable
from lobby.services.signatures import Outcome, SignatureRequest

LARGEST_BATCH = 500
LONGEST_QUEUE = 5000
# Records a batch in one transaction and returns after its commit.
Recorder = Callable[[Sequence[SignatureRequest]], list[Outcome]]
_Waiting = tuple[SignatureRequest, "Future[Outcome]"]


class GroupCommit:
    """Takes single requests from the event loop and records them in batches."""

    def __init__(self, recorder: Recorder, *, longest_queue: int = LONGEST_QUEUE) -> None:
        self._recorder = recorder
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(longest_queue)
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)

    def start(self) -> None:
        """Begin to commit."""
        self._thread.start()

    def stop(self) -> None:
        """Commit what is waiting, then end."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    async def record(self, request: SignatureRequest) -> Outcome:
        """The outcome, once it is on disk. Unavailable where too many are waiting."""
        future: Future[Outcome] = Future()
        try:
            self._queue.put_nowait((request, future))
        except queue.Full as error:
            message = "Very many people are signing right now. Please try again in a moment."
            raise Unavailable("busy", message, retry_after=2) from error
        return await asyncio.wrap_future(future)

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, is_last = self._drain(first)
            # A request whose client has gone is left out, unless it is being recorded already.
            alive = [item for item in batch if item[1].set_running_or_notify_cancel()]
            self._record(alive)
            if is_last:
                return

    def _drain(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        batch = [first]
        with contextlib.suppress(queue.Empty):
            while len(batch) < LARGEST_BATCH:
                item = self._queue.get_nowait()
                if item is None:
                    return batch, True
                batch.append(item)
        return batch, False

    def _record(self, batch: list[_Waiting]) -> None:
        try:
            outcomes = self._recorder([request for request, _ in batch]) if batch else []
        except Exception as error:  # whatever it is, it belongs to those who wait
            if len(batch) == 1:
                batch[0][1].set_exception(error)
            else:
                for item in batch:
                    self._record([item])
            return
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            future.set_result(outcome)
