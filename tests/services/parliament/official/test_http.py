"""Tests requests to an official API: what is retried, what is not, and the waits between."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from services.errors import NotFound, Unavailable
from services.parliament.official import http, members_api, motions_api
from tests.support.outside.members_api import JSON, MembersApi, Person, Reply
from tests.support.outside.members_api import serving as serving_members
from tests.support.outside.motions_api import DEMONSTRATION, FAILURE, KNOWN, Parliament
from tests.support.outside.motions_api import Reply as MotionReply
from tests.support.outside.motions_api import serving as serving_motions

Behaviour = Callable[[httpx2.Request], httpx2.Response]
REMOTE = "https://api.example/api"
LOOPBACK = "http://127.0.0.1:9/api"
DATE = "Wed, 01 Jul 2026 12:00:00 GMT"
OK = httpx2.Response(200, content=b"{}")


def answers(*responses: httpx2.Response | type[httpx2.TransportError]) -> Behaviour:
    """Returns a handler that sends the responses in turn and repeats the last one."""
    left = list(responses)

    def handle(request: httpx2.Request) -> httpx2.Response:
        response = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(response, type):
            raise response("as the test wants it", request=request)
        return httpx2.Response(
            response.status_code, headers=response.headers, content=response.content
        )

    return handle


class ApiCaller:
    """Asks an API with this behaviour; records the requests and the waits between them."""

    def __init__(self, behaviour: Behaviour, base_url: str = REMOTE) -> None:
        self.requests: list[httpx2.Request] = []
        self.waits: list[float] = []

        def handle(request: httpx2.Request) -> httpx2.Response:
            self.requests.append(request)
            return behaviour(request)

        self._client = httpx2.Client(transport=httpx2.MockTransport(handle), base_url=base_url)

    def __call__(self) -> httpx2.Response:
        with self._client as client:
            return http.get(
                client, "/thing", api="motions", about="a thing", sleep=self.waits.append
            )

    def refused(self) -> Unavailable:
        with pytest.raises(Unavailable) as refusal:
            self()
        return refusal.value


# ---- retried

PASSING: dict[str, httpx2.Response | type[httpx2.TransportError]] = {
    "nobody listens": httpx2.ConnectError,
    "no connection in time": httpx2.ConnectTimeout,
    "no answer in time": httpx2.ReadTimeout,
    "the connection broke": httpx2.RemoteProtocolError,
    "it broke while reading": httpx2.ReadError,
    "HTTP 500": httpx2.Response(500),
    "HTTP 502": httpx2.Response(502),
    "HTTP 503": httpx2.Response(503),
}


@pytest.mark.parametrize("case", list(PASSING))
def test_a_fault_that_passes_is_met_by_asking_again(case: str) -> None:
    api_caller = ApiCaller(answers(PASSING[case], PASSING[case], OK))
    assert api_caller().status_code == 200
    assert len(api_caller.requests) == 3
    assert len({str(request.url) for request in api_caller.requests}) == 1


@pytest.mark.parametrize("case", list(PASSING))
def test_a_fault_that_stays_is_told_after_three_attempts(case: str) -> None:
    api_caller = ApiCaller(answers(PASSING[case]))
    refusal = api_caller.refused()
    assert len(api_caller.requests) == 3
    assert refusal.code == "motions_api_failed"
    assert refusal.message.startswith("Parliament's Motions API gave no good answer for a thing: ")


def test_waits_grow_and_differ_and_are_never_shorter_than_a_second() -> None:
    waits = []
    for _ in range(50):
        api_caller = ApiCaller(answers(httpx2.ConnectError))
        api_caller.refused()
        assert len(api_caller.waits) == 2
        waits.append(api_caller.waits)
    assert all(1 <= first <= 2 and 1 <= second <= 4 for first, second in waits)
    assert len({first for first, _ in waits}) > 40, "who failed together does not return together"
    assert max(second for _, second in waits) > 2


def test_nobody_waits_for_a_stub_on_loopback() -> None:
    api_caller = ApiCaller(answers(httpx2.ConnectError), LOOPBACK)
    api_caller.refused()
    assert api_caller.waits == [0, 0]
    with http.make_client(LOOPBACK) as stub, http.make_client(REMOTE) as real:
        pauses = [http.pause_between(client) for client in (stub, real)]
    assert pauses == [0, 1]


def test_a_sleep_that_raises_ends_the_asking() -> None:
    class Stopped(Exception):
        pass

    def sleep(_seconds: float) -> None:
        raise Stopped

    behaviour = httpx2.MockTransport(answers(httpx2.Response(500)))
    with httpx2.Client(transport=behaviour, base_url=REMOTE) as client, pytest.raises(Stopped):
        http.get(client, "/thing", api="motions", about="a thing", sleep=sleep)


# ---- not retried

FINAL: dict[str, httpx2.Response] = {
    "HTTP 404": httpx2.Response(404),
    "HTTP 403": httpx2.Response(403),
    "HTTP 304 unasked": httpx2.Response(304),
    "a redirect": httpx2.Response(302, headers={"Location": "/elsewhere"}),
    "HTTP 204": httpx2.Response(204),
    "HTTP 403 with a wait": httpx2.Response(403, headers={"Retry-After": "5"}),
}
LIMITS: dict[str, httpx2.Response] = {
    "HTTP 429": httpx2.Response(429, headers={"Retry-After": "3100"}),
    "HTTP 503 with a wait": httpx2.Response(503, headers={"Retry-After": "3100"}),
    "HTTP 500 with a wait": httpx2.Response(500, headers={"Retry-After": "3100"}),
}


@pytest.mark.parametrize("case", list(FINAL))
def test_an_answer_that_tells_something_is_final(case: str) -> None:
    api_caller = ApiCaller(answers(FINAL[case], OK))
    assert api_caller.refused().code == "motions_api_failed"
    assert (len(api_caller.requests), api_caller.waits) == (1, [])


@pytest.mark.parametrize("case", list(LIMITS))
def test_a_request_to_wait_is_carried_and_nothing_is_asked_after_it(case: str) -> None:
    api_caller = ApiCaller(answers(LIMITS[case], OK))
    refusal = api_caller.refused()
    assert (refusal.code, refusal.retry_after) == ("motions_api_limited", 3100)
    assert (len(api_caller.requests), api_caller.waits) == (1, [])


def test_a_limit_without_a_time_is_a_minute() -> None:
    refusal = ApiCaller(answers(httpx2.Response(429))).refused()
    assert (refusal.code, refusal.retry_after) == ("motions_api_limited", 60)


def test_a_body_that_cannot_be_read_is_final() -> None:
    odd = httpx2.Response(200, headers={"Content-Encoding": "gzip"})

    def handle(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=odd.headers, stream=httpx2.ByteStream(b"not gzip"))

    api_caller = ApiCaller(handle)
    assert "DecodingError" in api_caller.refused().message
    assert len(api_caller.requests) == 1


# ---- how long


def wait_for_header(text: str, date: str = DATE) -> int:
    response = httpx2.Response(429, headers={"Retry-After": text, "Date": date})
    return http.retry_after(response)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3100", 3100),
        (" 7 ", 7),
        ("0", 0),
        ("Wed, 01 Jul 2026 12:57:00 GMT", 57 * 60),
        ("Wednesday, 01-Jul-26 12:57:00 GMT", 57 * 60),
        ("Wed, 01 Jul 2026 11:00:00 GMT", 0),
        ("soon", 60),
        ("", 60),
        ("-5", 60),
        ("9" * 50, 60),
    ],
)
def test_a_wait_is_seconds_or_a_time_of_the_apis_clock(text: str, seconds: int) -> None:
    assert wait_for_header(text) == seconds


def test_a_wait_in_an_answer_without_its_own_time_is_a_minute() -> None:
    until = format_datetime(datetime(2026, 7, 1, 13, 0, tzinfo=UTC), usegmt=True)
    assert http.retry_after(httpx2.Response(429, headers={"Retry-After": until})) == 60


def test_a_wait_into_the_far_future_is_still_a_time() -> None:
    seconds = wait_for_header("Fri, 31 Dec 9999 23:59:59 GMT")
    assert datetime(2026, 7, 1, tzinfo=UTC) + timedelta(seconds=seconds)


# ---- both APIs use it


def test_a_dropped_connection_does_not_end_a_sync_of_members() -> None:
    broken = iter([True, False, True, True, False])

    class Shaky(MembersApi):
        def reply_to(self, target: str) -> Reply:
            reply = super().reply_to(target)
            return Reply(breaks=True) if "Contact" in target and next(broken, False) else reply

    with serving_members(Shaky) as api:
        api.people = [Person(number, f"Seat {number}") for number in range(1, 4)]
        with http.make_client(api.url) as client:
            members = members_api.fetch_members(client)
    assert [member.email for member in members] == [
        f"member{number}@parliament.example" for number in (1, 2, 3)
    ]
    assert api.asked.count("1/Contact") == 2
    assert api.asked.count("2/Contact") == 3
    assert api.asked.count("1/Biography") == 1


def test_members_are_not_asked_for_again_after_a_request_to_wait() -> None:
    with serving_members() as api:
        api.people = [Person(1, "Seat 1")]
        api.instead["1/Contact"] = Reply(b"", 503, JSON | {"Retry-After": "120"})
        with http.make_client(api.url) as client, pytest.raises(Unavailable) as refusal:
            members_api.fetch_members(client)
    assert (refusal.value.code, refusal.value.retry_after) == ("members_api_limited", 120)
    assert api.asked == ["Search?skip=0", "1/Contact"]


def fetch_motion(*replies: MotionReply | bytes) -> Parliament:
    with serving_motions() as api:
        api.answers(*replies)
        try:
            with http.make_client(api.url) as client:
                motions_api.fetch_motion(client, KNOWN)
        except (Unavailable, NotFound):
            pass
    return api


def test_a_motion_is_asked_for_again_after_a_dropped_connection() -> None:
    api = fetch_motion(MotionReply(breaks=True), MotionReply(status=502), DEMONSTRATION)
    assert api.asked == [f"/EarlyDayMotion/{KNOWN}"] * 3


@pytest.mark.parametrize(
    "reply",
    [MotionReply(status=404), MotionReply(status=429), MotionReply(FAILURE), MotionReply(b"<p>")],
    ids=["unknown", "limited", "a failure with HTTP 200", "another form"],
)
def test_a_motion_is_not_asked_for_again_after_an_answer(reply: MotionReply) -> None:
    assert len(fetch_motion(reply, DEMONSTRATION).asked) == 1


def test_both_clients_say_who_asks() -> None:
    api = fetch_motion(DEMONSTRATION)
    assert api.headers[0]["User-Agent"] == http.USER_AGENT
