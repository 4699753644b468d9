"""How many files and connections this process may have open."""

import resource
import sys


def limit() -> int:
    """Returns the soft limit, which counts now."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def raise_limit(wanted: int) -> None:
    """Raises the soft limit to `wanted`, or as far as the hard limit allows.

    The usual soft limit of 1,024 is for programs that call `select`; this one does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < reachable:
        resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
