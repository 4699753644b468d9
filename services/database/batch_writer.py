"""Writes what several threads hand over in batches, each in one transaction.

One thread writes, without a timer: a batch is all that arrived while the last one was written, so
that all share the wait for the disk, and one alone does not wait. A batch that fails is split in
two and tried again, so that only the bad item fails.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

LARGEST_BATCH = 500
Item = TypeVar("Item")


class BatchWriter(Generic[Item]):
    """One thread that writes items in the order in which they were added.

    `write` gets a batch, and has written all of it when it returns. `fail` gets what could not be
    written, with the error: one item, or a whole batch if the error is one of `gives_up_on`.
    `patience` is how long items that are not urgent wait for more of them, in seconds.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], None],
        fail: Callable[[Sequence[Item], Exception], None],
        *,
        name: str,
        largest_batch: int = LARGEST_BATCH,
        gives_up_on: tuple[type[Exception], ...] = (),
        patience: float = 0,
    ) -> None:
        self._write, self._fail = write, fail
        self._largest_batch = largest_batch
        self._gives_up_on = gives_up_on
        self._patience = patience
        self._waiting: deque[Item] = deque()
        self._is_urgent = self._is_stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end the thread."""
        if self._thread.is_alive():
            with self._changed:
                self._is_stopping = self._is_urgent = True
                self._changed.notify()
            self._thread.join()

    def add(self, item: Item, *, most: int | None = None, is_urgent: bool = True) -> bool:
        """Queues an item; False, and it is not queued, if `most` are waiting already."""
        with self._changed:
            if most is not None and len(self._waiting) >= most:
                return False
            self._waiting.append(item)
            self._is_urgent = self._is_urgent or is_urgent
            # The thread waits for a first item, then for an urgent one: others need not wake it.
            if is_urgent or len(self._waiting) == 1:
                self._changed.notify()
            return True

    def _run(self) -> None:
        while batch := self._next_batch():
            self._write_or_split(batch)

    def _next_batch(self) -> list[Item]:
        """Waits for items and returns them in order; an empty list means that we stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_stopping)
            if not self._is_urgent:
                self._changed.wait_for(lambda: self._is_urgent, timeout=self._patience)
            size = min(len(self._waiting), self._largest_batch)
            batch = [self._waiting.popleft() for _ in range(size)]
            self._is_urgent = bool(self._waiting) or self._is_stopping
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
