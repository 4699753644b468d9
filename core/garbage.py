"""Python's collector of garbage, for processes that make very many objects and few circles."""

import gc
from functools import cache


@cache
def calm() -> None:
    """What lives as long as the process is not searched again: half of the server's tail, and a
    quarter of an import, was the collector's.

    Once a process: what was alive then is never freed, if it lies in a circle.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
