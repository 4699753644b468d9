"""Python's collector of garbage, for processes that make very many objects and few circles."""

import gc


def calm() -> None:
    """What lives as long as the process is not searched again: half of the server's tail, and a
    quarter of an import, was the collector's."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
