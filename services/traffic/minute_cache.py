"""Keeps counts that take too long to make for every page, each for a minute."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")
MAX_AGE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Counted(Generic[Value]):
    """A value, and when it was counted. A page that shows it says so."""

    value: Value
    at: datetime


class MinuteCache:
    """Counts each key at most once a minute. Nothing may decide by these values.

    Beyond `most_keys`, the value that was counted longest ago is dropped. One thread counts at a
    time, so that counting never takes more than one processor. An error is not kept.
    """

    def __init__(self, clock: Callable[[], datetime], *, most_keys: int = 200) -> None:
        self._clock = clock
        self._most_keys = most_keys
        self._entries: OrderedDict[Hashable, Counted[Any]] = OrderedDict()
        self._counting = threading.Lock()

    def get(self, key: Hashable, count: Callable[[], Value]) -> Counted[Value]:
        """Returns the value of a key, counted within the last minute. `key` says whose it is."""
        with self._counting:
            found = self._entries.get(key)
            # A negative age means that the clock was put back.
            if found is not None and timedelta() <= self._clock() - found.at < MAX_AGE:
                return found
            counted = Counted(count(), self._clock())
            self._entries[key] = counted
            self._entries.move_to_end(key)
            if len(self._entries) > self._most_keys:
                self._entries.popitem(last=False)
            return counted
