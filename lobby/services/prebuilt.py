"""Answers that many ask for, built once for all of them.

While little happens an answer is never older than the last change in this process: a change is seen
by the next reader. While much happens it is built at most about once a second, however many ask.
Changes by other processes are seen within a second.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
LONGEST = 1.0  # seconds that a value is kept without a look at what it was built from
MOST_KEYS = 1000
BURST = 10.0  # builds beyond one a second, while little happens


@dataclass(slots=True)
class _Kept(Generic[Value]):
    """`version` is that of the data before the value was built."""

    value: Value
    version: int
    built_at: float
    credit: float


class Prebuilt(Generic[Key, Value]):
    """Values by key. `build` may be slow and may raise, which is kept for nobody.

    `version` changes with every change of the data in this process.
    """

    def __init__(self, build: Callable[[Key], Value], version: Callable[[], int]) -> None:
        self._build = build
        self._version = version
        self._kept: OrderedDict[Key, _Kept[Value]] = OrderedDict()
        self._lock = threading.Lock()  # of the dict: held for moments
        self._building = threading.Lock()

    def at_hand(self, key: Key) -> Value | None:
        """The value if it is good enough now, without any work; None where it has to be built."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        age = time.monotonic() - kept.built_at
        is_good = age < LONGEST and (kept.version == self._version() or kept.credit < 1)
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
        before = self._kept.get(key)
        version = self._version()
        value = self._build(key)
        now = time.monotonic()
        credit = BURST if before is None else before.credit - 1 + now - before.built_at
        with self._lock:
            self._kept[key] = _Kept(value, version, now, max(0.0, min(BURST, credit)))
            self._kept.move_to_end(key)
            if len(self._kept) > MOST_KEYS:
                self._kept.popitem(last=False)
        return value
