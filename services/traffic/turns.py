"""Runs expensive calls a few at a time, first come, first served, in threads of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from services.errors import Unavailable

ResultT = TypeVar("ResultT")


class Turns:
    """At most `at_once` calls run, and `longest_queue` further ones wait.

    The shared threads of the server stay free for other requests.
    """

    def __init__(self, name: str, *, at_once: int, longest_queue: int) -> None:
        self._most = at_once + longest_queue
        self._present = 0
        self._threads = ThreadPoolExecutor(at_once, name)

    async def run(self, call: Callable[[], ResultT]) -> ResultT:
        """Returns what the call returns; raises Unavailable if the queue is full."""
        if self._present >= self._most:
            message = "Very many people are doing this right now. Please try again in a moment."
            raise Unavailable("busy", message, retry_after=5)
        self._present += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._present -= 1

    def stop(self) -> None:
        """Ends the threads. What still waits is cancelled."""
        self._threads.shutdown(cancel_futures=True)
