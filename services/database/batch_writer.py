"""Writes what several threads hand over in batches, each in one transaction.

One thread writes, without a timer: a batch is all that arrived while the last one was written, so
that all share the wait for the disk, and one alone does not wait. A batch that fails is split in
two and tried again, so that only the bad item fails.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

LARGEST_BATCH = 500
Item = TypeVar("Item")


class BatchWriter(Generic[Item]):
    """One thread that writes items in the order in which they were added.

    `write` gets a batch, and has written all of it when it returns. `fail` gets what could not be
    written, with the error: one item, or a whole batch if the error is one of `gives_up_on`.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], None],
        fail: Callable[[Sequence[Item], Exception], None],
        *,
        name: str,
        largest_batch: int = LARGEST_BATCH,
        gives_up_on: tuple[type[Exception], ...] = (),
    ) -> None:
        self._write, self._fail = write, fail
        self._largest_batch = largest_batch
        self._gives_up_on = gives_up_on
        self._waiting: deque[Item] = deque()
        self._due = 0.0  # when the next batch is written, by `time.monotonic`
        self._is_stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end the thread."""
        if self._thread.is_alive():
            with self._changed:
                self._is_stopping = True
                self._changed.notify()
            self._thread.join()

    def add(self, item: Item, *, most: int | None = None, patience: float = 0) -> bool:
        """Queues an item; False, and it is not queued, if `most` are waiting already.

        For `patience` seconds it waits for more of them, or for one with less patience.
        """
        due = time.monotonic() + patience if patience else 0.0
        with self._changed:
            if most is not None and len(self._waiting) >= most:
                return False
            is_first = not self._waiting
            self._waiting.append(item)
            if is_first or due < self._due:  # otherwise the thread need not wake
                self._due = due
                self._changed.notify()
            return True

    def _run(self) -> None:
        while batch := self._next_batch():
            self._write_or_split(batch)

    def _next_batch(self) -> list[Item]:
        """Waits for items and returns them in order; an empty list means that we stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_stopping)
            while not self._is_stopping and (left := self._due - time.monotonic()) > 0:
                self._changed.wait(left)
            size = min(len(self._waiting), self._largest_batch)
            batch = [self._waiting.popleft() for _ in range(size)]
            self._due = 0.0  # of those that are left
            return batch

    def _write_or_split(self, batch: Sequence[Item]) -> None:
        try:
            self._write(batch)
        except Exception as error:  # every error goes to `fail`
            if len(batch) == 1 or isinstance(error, self._gives_up_on):
                self._fail(batch, error)
                return
            middle = len(batch) // 2
            self._write_or_split(batch[:middle])
            self._write_or_split(batch[middle:])
