"""Hashes of passwords. Making and checking one takes 64 MB, and all cores for a tenth of a second.

So this process works at two at a time, in order, in threads of their own. On Linux these have a
lower priority, so that other requests get the processor first.
"""

import os
import secrets
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Protocol

from pwdlib import PasswordHash

AT_ONCE = 2
NICENESS = 10  # added to that of the process: a tenth of its share where both want the processor


class Hasher(Protocol):
    """What makes and checks hashes."""

    def hash(self, password: str, /) -> str:
        """Returns a new hash."""

    def verify(self, password: str, hash: str, /) -> bool:  # noqa: A002 - the library's name
        """Returns whether the hash is of this password."""


RECOMMENDED: Hasher = PasswordHash.recommended()
_hasher = RECOMMENDED


def _step_back() -> None:
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)


# They do nothing but hash: a thread of low priority that runs Python would hold up all others.
_threads = ThreadPoolExecutor(AT_ONCE, "passwords", initializer=_step_back)


def use(hasher: Hasher) -> None:
    """Replaces the hasher of this process. Only tests do, with one that costs little."""
    global _hasher  # noqa: PLW0603 - a process has one
    _hasher = hasher
    _dummy.cache_clear()


def hashed(password: str) -> str:
    """Returns a new hash."""
    return _threads.submit(_hasher.hash, password).result()


def fits(password: str, password_hash: str | None) -> bool:
    """Returns whether the hash is of this password. Without a hash it takes the same time."""
    return _threads.submit(_hasher.verify, password, password_hash or _dummy()).result()


@lru_cache(maxsize=1)
def _dummy() -> str:
    return hashed(secrets.token_hex())
