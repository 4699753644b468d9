"""Asking an official API: one way to ask, and one way to be refused.

A fault that passes (no connection, silence, a 5xx) is met by asking again, three times in all. An
answer that tells us something is not: a 404, a 429, whatever has a `Retry-After`, and every answer
with HTTP 200, good or bad.
"""

import ssl
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache

import httpx2
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    wait_none,
    wait_random_exponential,
)
from tenacity.wait import wait_base

from core.settings import is_loopback
from services.errors import Unavailable

TIMEOUT = httpx2.Timeout(20.0, connect=5.0)
USER_AGENT = "CentralLobby/0.1 (campaign tallies; one request a second at most)"
ATTEMPTS = 3
WAIT = 60  # seconds, where an answer that asks us to wait does not say how long
LONGEST_WAIT = 100_000_000  # seconds: beyond it, times cannot be counted on
_TRANSIENT_ERRORS = (
    httpx2.TimeoutException,
    httpx2.NetworkError,
    httpx2.ProxyError,
    httpx2.RemoteProtocolError,
)

Sleep = Callable[[float], None]
Query = Mapping[str, str | int]


def make_client(base_url: str) -> httpx2.Client:
    """A client for one official API; redirects are not followed."""
    headers = {"User-Agent": USER_AGENT}
    return httpx2.Client(base_url=base_url, timeout=TIMEOUT, headers=headers, verify=_ssl_context())


def pause_between(client: httpx2.Client) -> float:
    """Seconds between two requests: about one a second, none to a stub on loopback."""
    return 0.0 if is_loopback(str(client.base_url)) else 1.0


def get(
    client: httpx2.Client,
    path: str,
    *,
    api: str,
    about: str,
    query: Query | None = None,
    headers: Mapping[str, str] | None = None,
    expected: Collection[int] = (httpx2.codes.OK,),
    sleep: Sleep = time.sleep,
) -> httpx2.Response:
    """An answer with one of the `expected` statuses. `about` names it in a complaint.

    Unavailable otherwise, with the code `{api}_api_limited` where the API asks us to wait, and
    `{api}_api_failed` for the rest. `sleep` waits before asking again.
    """
    asking = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=_wait_before_retry(client),
        retry=retry_if_exception_type(_TRANSIENT_ERRORS) | retry_if_result(_is_transient),
        sleep=sleep,
        retry_error_callback=_last_outcome,
    )
    try:
        response: httpx2.Response = asking(client.get, path, params=query, headers=headers)
    except httpx2.HTTPError as error:
        raise bad_answer(api, about, f"no answer ({type(error).__name__})") from error
    if response.status_code not in expected:
        raise _refusal(api, about, response)
    return response


def bad_answer(api: str, about: str, what: str, retry_after: int = WAIT) -> Unavailable:
    """The refusal of an answer that cannot be used, ready to raise."""
    name = api.capitalize()
    message = f"Parliament's {name} API gave no good answer for {about}: {what.rstrip('.')}."
    return Unavailable(f"{api}_api_failed", message, retry_after)


def retry_after(response: httpx2.Response) -> int:
    """How many seconds an answer asks us to wait, as a number or as a time of the API's clock."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal() and len(text) < 9:
        return int(text)
    try:
        until = parsedate_to_datetime(text)
        now = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return WAIT
    wait = until.replace(tzinfo=until.tzinfo or UTC) - now.replace(tzinfo=now.tzinfo or UTC)
    return max(0, min(LONGEST_WAIT, int(wait.total_seconds())))


def page_fault(
    ids: list[int], *, noun: str, total: int, first_total: int, skip: int, size: int, seen: set[int]
) -> str | None:
    """Why a page of a list does not continue the pages before it; None where it does.

    What comes or goes in between would shift the rest, and something would be missed.
    """
    repeated = sorted(seen.intersection(ids)) or [one for one in ids if ids.count(one) > 1]
    if total != first_total:
        return f"it counts {total} {noun}s, not {first_total}"
    if repeated:
        return f"it repeats {noun} {repeated[0]}"
    if len(ids) != max(0, min(size, first_total - skip)):
        return f"it holds {len(ids)} of {first_total} {noun}s"
    return None


@cache
def _ssl_context() -> ssl.SSLContext:
    """Whom we believe, read once a process: reading all certificates takes 20 ms."""
    return httpx2.create_ssl_context()


def _wait_before_retry(client: httpx2.Client) -> wait_base:
    """Random, so that many who met the same fault do not come back together; never sooner than the
    next request would have gone."""
    pause = pause_between(client)
    return wait_random_exponential(multiplier=2, min=pause, max=10) if pause else wait_none()


def _is_transient(response: httpx2.Response) -> bool:
    return response.is_server_error and "Retry-After" not in response.headers


def _last_outcome(state: RetryCallState) -> object:
    """What the last attempt came to: its answer, or the exception that it ended with."""
    return state.outcome.result() if state.outcome else None


def _refusal(api: str, about: str, response: httpx2.Response) -> Unavailable:
    status, seconds = response.status_code, retry_after(response)
    asks_to_wait = response.is_server_error and "Retry-After" in response.headers
    if status == httpx2.codes.TOO_MANY_REQUESTS or asks_to_wait:
        message = (
            f"Parliament's {api.capitalize()} API asks us to wait (HTTP status {status}, "
            f"for {about})."
        )
        return Unavailable(f"{api}_api_limited", message, seconds)
    return bad_answer(api, about, f"HTTP status {status}", seconds)
