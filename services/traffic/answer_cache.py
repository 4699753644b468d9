"""Caches answers that many clients ask for, and builds each of them once for all.

A change made by this process invalidates the cached values, so that its author sees it in the next
answer. Building is limited to a tenth of the time, with a reserve of two seconds: when that is used
up, values up to a second old are served. Changes by other processes, and values that depend on the
time alone, are seen within a second.
"""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
MAX_AGE = timedelta(seconds=1)
RENEWED_AT = timedelta(seconds=0.9)
"""From this age on, the first to ask builds the value again, while the others get the old one."""
BUILD_SHARE = 0.1
"""The part of the time that may be spent on building."""
MOST_BUILD_SECONDS = 2.0
"""The largest reserve of time for building, in seconds; a new cache has all of it."""


_NO_TIME = timedelta()


@dataclass(frozen=True, slots=True)
class _CacheEntry(Generic[Value]):
    """A cached value. `version` is that of the data before the value was built."""

    value: Value
    version: int
    built_at: datetime


class AnswerCache(Generic[Key, Value]):
    """Caches values by key. `build` may be slow; an error that it raises is not cached.

    `version` changes with every change of the data in this process. Beyond `most_keys`, the value
    that was built longest ago is dropped.
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
        self._entries: OrderedDict[Key, _CacheEntry[Value]] = OrderedDict()
        self._building = threading.Lock()
        self._awaited: dict[tuple[asyncio.AbstractEventLoop, Key], asyncio.Future[Value]] = {}
        self._build_seconds, self._counted_at = MOST_BUILD_SECONDS, time.monotonic()

    def cached(self, key: Key) -> Value | None:
        """Returns the cached value if it may be served, or None if it has to be built.

        Builds nothing, so that it can be called on the event loop.
        """
        return self._younger(key, MAX_AGE if self._building.locked() else RENEWED_AT)

    async def fetch(self, key: Key) -> Value:
        """Works like `get`, on an event loop: all that wait there for a value share one thread."""
        value = self.cached(key)
        if value is not None:
            return value
        place = asyncio.get_running_loop(), key
        build = self._awaited.get(place)
        if build is None:
            build = self._awaited[place] = asyncio.ensure_future(asyncio.to_thread(self.get, key))
            build.add_done_callback(lambda _build: self._awaited.pop(place))
        return await asyncio.shield(build)  # who goes away stops it for nobody else

    def _younger(self, key: Key, most: timedelta) -> Value | None:
        entry = self._entries.get(key)
        # A negative age means that the clock was put back.
        if entry is None or not _NO_TIME <= self._clock() - entry.built_at < most:
            return None
        is_good = entry.version == self._version() or self._seconds_to_build() <= 0
        return entry.value if is_good else None

    def get(self, key: Key) -> Value:
        """Returns the value. If several threads need it built, one builds and the others wait."""
        value = self.cached(key)
        if value is not None:
            return value
        with self._building:
            value = self._younger(key, RENEWED_AT)
            return value if value is not None else self._rebuild(key)

    def _rebuild(self, key: Key) -> Value:
        version, built_at, begun = self._version(), self._clock(), time.monotonic()
        value = self._build(key)
        self._build_seconds = self._seconds_to_build() - (time.monotonic() - begun)
        self._counted_at = time.monotonic()
        self._entries[key] = _CacheEntry(value, version, built_at)
        self._entries.move_to_end(key)
        if len(self._entries) > self._most_keys:
            self._entries.popitem(last=False)
        return value

    def _seconds_to_build(self) -> float:
        earned = (time.monotonic() - self._counted_at) * BUILD_SHARE
        return min(MOST_BUILD_SECONDS, self._build_seconds + earned)
