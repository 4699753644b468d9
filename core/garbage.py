"""Settings of Python's garbage collector for processes with many objects and few cycles."""

import gc
from functools import cache


def make_rare() -> None:
    """Makes garbage collection rare, for a process that imports much.

    What is imported stays, but each collection looks at all of it: that was a tenth of the time
    until the server is ready.
    """
    gc.set_threshold(20_000, 20, 50)


@cache
def calm() -> None:
    """Makes garbage collection rare, and excludes the present objects from it.

    Without this, garbage collection caused half of the server's p99 latency and a quarter of the
    time of an import. Only the first call in a process has an effect. Cycles of objects that exist
    then are never freed. They are few: to look for them took a tenth of the time until the server
    is ready, and found a hundred objects.
    """
    gc.freeze()
    make_rare()
