"""Answers that many ask for, built once for all of them.

An answer is built anew as soon as something has changed in this process, so that who changes
something sees it at the next look. But building may take a tenth of the time and no more, with two
seconds in hand for a start: under load, answers are a little older instead. Changes by other
processes, and what changes with time alone, are seen within a second.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
LONGEST = timedelta(seconds=1)
SHARE = 0.1
MOST_IN_HAND = 2.0  # seconds of building


@dataclass(frozen=True, slots=True)
class _Kept(Generic[Value]):
    """`version` is that of the data before the value was built."""

    value: Value
    version: int
    built_at: datetime


class AnswerCache(Generic[Key, Value]):
    """Values by key. `build` may be slow; what it raises is kept for nobody.

    `version` changes with every change of the data in this process.
    """

    def __init__(
        self,
        build: Callable[[Key], Value],
        *,
        version: Callable[[], int],
        clock: Callable[[], datetime],
        most_keys: int = 1000,
    ) -> None:
        self._build = build
        self._version = version
        self._clock = clock
        self._most_keys = most_keys
        self._kept: OrderedDict[Key, _Kept[Value]] = OrderedDict()
        self._building = threading.Lock()
        self._in_hand, self._counted_at = MOST_IN_HAND, time.monotonic()

    def at_hand(self, key: Key) -> Value | None:
        """The value if it is good enough now, without any work; None where it has to be built."""
        kept = self._kept.get(key)
        # An age below nothing: the clock was put back meanwhile.
        if kept is None or not timedelta() <= self._clock() - kept.built_at < LONGEST:
            return None
        is_good = kept.version == self._version() or self._seconds_in_hand() <= 0
        return kept.value if is_good else None

    def get(self, key: Key) -> Value:
        """The value; of several who need it built, one builds it and the others wait."""
        found = self.at_hand(key)
        if found is not None:
            return found
        with self._building:
            found = self.at_hand(key)
            return found if found is not None else self._rebuilt(key)

    def _rebuilt(self, key: Key) -> Value:
        version, built_at, begun = self._version(), self._clock(), time.monotonic()
        value = self._build(key)
        self._in_hand = self._seconds_in_hand() - (time.monotonic() - begun)
        self._counted_at = time.monotonic()
        self._kept[key] = _Kept(value, version, built_at)
        self._kept.move_to_end(key)
        if len(self._kept) > self._most_keys:
            self._kept.popitem(last=False)
        return value

    def _seconds_in_hand(self) -> float:
        earned = (time.monotonic() - self._counted_at) * SHARE
        return min(MOST_IN_HAND, self._in_hand + earned)
