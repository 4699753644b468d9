"""Sends requests to Parliament's official APIs, retries them and maps failures to Unavailable.

A transient failure (no connection, a timeout, a 5xx) is retried, three attempts in all. Every other
answer is final: a 404, a 429, any answer with a `Retry-After`, and every HTTP 200, even if its body
reports a failure.
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

from core.listening import is_loopback
from services.errors import Unavailable

TIMEOUT = httpx2.Timeout(20.0, connect=5.0)
USER_AGENT = "CentralLobby/0.1 (campaign tallies; one request a second at most)"
ATTEMPTS = 3
WAIT = 60  # seconds, where an answer that asks us to wait does not say how long
LONGEST_WAIT = 100_000_000  # seconds; adding much more could overflow a datetime
_TRANSIENT_ERRORS = (
    httpx2.TimeoutException,
    httpx2.NetworkError,
    httpx2.ProxyError,
    httpx2.RemoteProtocolError,
)

Sleep = Callable[[float], None]
Query = Mapping[str, str | int]


def make_client(base_url: str) -> httpx2.Client:
    """Makes a client for one official API; it does not follow redirects."""
    headers = {"User-Agent": USER_AGENT}
    return httpx2.Client(base_url=base_url, timeout=TIMEOUT, headers=headers, verify=_ssl_context())


def pause_between(client: httpx2.Client) -> float:
    """Returns the seconds between two requests: 1, or 0 for a stub on loopback."""
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
    """Returns an answer with one of the `expected` statuses.

    Raises Unavailable otherwise, with the code `{api}_api_limited` where the API asks us to wait,
    and `{api}_api_failed` for all other failures. `about` names the request in the message. `sleep`
    waits between attempts, and may raise to stop them.
    """
    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=_wait_before_retry(client),
        retry=retry_if_exception_type(_TRANSIENT_ERRORS) | retry_if_result(_is_transient),
        sleep=sleep,
        retry_error_callback=_last_outcome,
    )
    try:
        response: httpx2.Response = retrying(client.get, path, params=query, headers=headers)
    except httpx2.HTTPError as error:
        raise bad_answer(api, about, f"no answer ({type(error).__name__})") from error
    if response.status_code not in expected:
        raise _refusal(api, about, response)
    return response


def bad_answer(api: str, about: str, problem: str, retry_after: int = WAIT) -> Unavailable:
    """Returns the error for an answer that cannot be used; the caller raises it."""
    name = api.capitalize()
    message = f"Parliament's {name} API gave no good answer for {about}: {problem.rstrip('.')}."
    return Unavailable(f"{api}_api_failed", message, retry_after)


def retry_after(response: httpx2.Response) -> int:
    """Returns how many seconds an answer asks us to wait; `WAIT` where it does not say.

    `Retry-After` is a number of seconds, or a time by the API's own clock (its `Date` header).
    """
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
    ids: list[int],
    *,
    noun: str,
    total: int,
    first_total: int,
    skip: int,
    size: int,
    earlier_ids: set[int],
) -> str | None:
    """Returns why a page of a list does not continue the pages before it; None where it does.

    `earlier_ids` are the ids on those pages. If an entry is added or removed between two requests,
    later entries move, and a page could leave one out.
    """
    repeated = sorted(earlier_ids.intersection(ids))
    repeated = repeated or [item for item in ids if ids.count(item) > 1]
    if total != first_total:
        return f"it counts {total} {noun}s, not {first_total}"
    if repeated:
        return f"it repeats {noun} {repeated[0]}"
    if len(ids) != max(0, min(size, first_total - skip)):
        return f"it holds {len(ids)} of {first_total} {noun}s"
    return None


@cache
def _ssl_context() -> ssl.SSLContext:
    """Loads the trusted certificates once per process, because that takes 20 ms."""
    return httpx2.create_ssl_context()


def _wait_before_retry(client: httpx2.Client) -> wait_base:
    """Waits a random time, so that clients that failed together do not all retry together.

    The wait is never shorter than the pause between two requests.
    """
    pause = pause_between(client)
    return wait_random_exponential(multiplier=2, min=pause, max=10) if pause else wait_none()


def _is_transient(response: httpx2.Response) -> bool:
    return response.is_server_error and "Retry-After" not in response.headers


def _last_outcome(state: RetryCallState) -> object:
    """Returns the answer of the last attempt, or raises its exception."""
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
