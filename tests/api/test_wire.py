"""Tests of what a client may send, and how slowly, with raw sockets and a server of its own.

The server's bounds in time are shorter than in production; those in bytes are the same.
"""

import json
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from api.front.wire_bounds import Bounds
from core.settings import Settings
from tests.support.cli import Cli, free_port
from tests.support.common import CAN_SIGN, PETITION
from tests.support.lobbies import settings_for
from tests.support.wire import WireClient, WireServer, wait_until_it_serves, wire_server

pytestmark = pytest.mark.slow

HOST = b"Host: localhost\r\n"
LIVE = b"GET /livez HTTP/1.1\r\n" + HOST
GOOD = LIVE + b"\r\n"
SIGN = f"POST /v1/petitions/{PETITION}/signatures HTTP/1.1\r\n".encode() + HOST
SIGN_JSON = SIGN + b"Content-Type: application/json\r\n"
ANNA = json.dumps({"name": "Anna", "email": "anna@example.org", "postcode": CAN_SIGN}).encode()
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
MUCH = 20_000_000  # bytes


def sized(count: int) -> bytes:
    return b"Content-Length: %d\r\n\r\n" % count


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def settings_in(folder: Path, template: Path, postcodes: Path) -> Settings:
    """SQLite is enough: the bounds are in front of the application."""
    settings = settings_for(f"sqlite:///{folder}/lobby.db", folder)
    shutil.copy(template, folder / "lobby.db")
    shutil.copy(postcodes, settings.postcode_file)
    return settings


@pytest.fixture
def settings(tmp_path: Path, sqlite_templates: dict[str, Path], postcode_file: Path) -> Settings:
    """For a server of the test's own."""
    return settings_in(tmp_path, sqlite_templates["full"], postcode_file)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, sqlite_templates: dict[str, Path], postcode_file: Path
) -> Iterator[WireServer]:
    folder = tmp_path_factory.mktemp("wire")
    with wire_server(settings_in(folder, sqlite_templates["full"], postcode_file)) as server:
        yield server
        assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    "headers", [b"X-Long: " + b"a" * MUCH, b"a: b\r\n" * (MUCH // 6), b"X" * MUCH]
)
def test_much_in_front_of_a_body_is_refused_and_takes_no_memory(
    server: WireServer, headers: bytes
) -> None:
    server.ask(GOOD)
    before = server.most_memory
    answer = server.ask(LIVE + headers)
    assert (answer.status, answer.code) == (431, "headers_too_large")
    assert server.most_memory < before + 15, "MB"


def test_a_long_request_line_is_refused(server: WireServer) -> None:
    answer = server.ask(b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert (answer.status, answer.code) == (431, "headers_too_large")


def test_headers_are_measured_whether_they_come_in_one_piece_or_in_many(server: WireServer) -> None:
    fits, too_long = (LIVE + b"X: " + b"a" * count + b"\r\n\r\n" for count in (32_000, 33_000))
    assert server.ask(fits).status == 200
    assert server.ask(too_long).status == 431
    for data, status in ((fits, 200), (too_long, 431)):
        with closing(server.connect()) as client:
            for start in range(0, len(data), 3000):
                client.send(data[start : start + 3000])
                time.sleep(0.01)
            assert client.answer().status == status


def test_a_hundred_headers_are_taken_and_one_more_is_not(server: WireServer) -> None:
    assert server.ask(LIVE + b"a: b\r\n" * 99 + b"\r\n").status == 200
    answer = server.ask(LIVE + b"a: b\r\n" * 100 + b"\r\n")
    assert (answer.status, answer.code) == (431, "headers_too_many")


def test_headers_behind_a_chunked_body_are_counted_too(server: WireServer) -> None:
    start = SIGN_JSON + CHUNKED + chunk(b"{") + b"0\r\n"
    for trailers in (b"a: b\r\n" * 300_000, b"a: " + b"b" * 1_000_000):
        answer = server.ask(start + trailers)
        assert (answer.status, answer.code) == (431, "headers_too_large")


def test_headers_that_are_not_whole_in_time_are_refused(server: WireServer) -> None:
    with closing(server.connect(LIVE + b"X: ")) as client:
        while not select.select([client.socket], [], [], 0.1)[0]:
            client.send(b"a")
        answer = client.answer()
        assert (answer.status, answer.code) == (408, "headers_too_slow")
        assert client.ends() == b""


def test_a_second_request_has_the_same_time_for_its_headers(server: WireServer) -> None:
    with closing(server.connect(GOOD)) as client:
        assert client.answer().status == 200
        client.send(b"GET /livez HT")
        assert client.answer().status == 408


def test_empty_lines_between_requests_hold_no_connection(server: WireServer) -> None:
    with closing(server.connect(GOOD)) as client:
        assert client.answer().status == 200
        while not select.select([client.socket], [], [], 0.1)[0]:
            client.send(b"\r\n")
        assert client.answer().status == 408


def test_a_connection_on_which_nothing_comes_ends_without_an_answer(server: WireServer) -> None:
    with closing(server.connect()) as client:
        assert client.ends() == b""


@pytest.mark.parametrize("size", [sized(500), CHUNKED])
def test_a_body_that_stops_is_refused(server: WireServer, size: bytes) -> None:
    start = chunk(b'{"name"') if size == CHUNKED else b'{"name"'
    with closing(server.connect(SIGN_JSON + size + start)) as client:
        answer = client.answer()
        assert (answer.status, answer.code) == (408, "body_too_slow")
        assert client.ends() == b""


def test_a_body_at_a_byte_at_a_time_is_refused(server: WireServer) -> None:
    with closing(server.connect(SIGN_JSON + sized(100_000))) as client:
        while not select.select([client.socket], [], [], 0.1)[0]:
            client.send(b" ")
        assert client.answer().code == "body_too_slow"


def test_a_large_body_at_a_fair_pace_is_read_to_its_end(server: WireServer) -> None:
    size, body = 100_000, ANNA.ljust(100_000)
    with closing(server.connect(SIGN_JSON + sized(size))) as client:
        for start in range(0, size, 2500):  # for more than twice the time without a pace
            client.send(body[start : start + 2500])
            time.sleep(0.12)
        assert client.answer().status == 201


def test_a_client_that_sends_on_after_its_answer_is_cut_off(server: WireServer) -> None:
    with closing(server.connect(SIGN_JSON + sized(10**12))) as client:
        client.send(b" " * 400_000)
        assert client.answer().status == 413
        while not select.select([client.socket], [], [], 0.1)[0]:
            client.send(b" " * 1000)
        assert client.ends() == b""


def test_pipelined_requests_are_answered_in_order(server: WireServer) -> None:
    paths = ["/livez", "/nope", "/v1/postcodes/EH11YZ"] * 5
    requests = b"".join(f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n" for path in paths)
    with closing(server.connect(requests)) as client:
        statuses = [client.answer().status for _ in paths]
    assert statuses == [200, 404, 200] * 5


def test_pipelined_bodies_go_to_their_own_requests(server: WireServer) -> None:
    bodies = [ANNA.replace(b"anna@", b"anna%d@" % number) for number in range(5)]
    requests = b"".join(SIGN_JSON + sized(len(body)) + body for body in bodies)
    with closing(server.connect(requests + GOOD)) as client:
        assert [client.answer().status for _ in range(6)] == [201] * 5 + [200]


def test_thousands_of_pipelined_requests_are_not_taken_in(server: WireServer) -> None:
    with closing(server.connect(GOOD * 6000)) as client:
        assert client.ends().count(b"200 OK") <= Bounds().pipelined


def test_a_connection_serves_many_requests_one_after_the_other(server: WireServer) -> None:
    with closing(server.connect()) as client:
        for _ in range(3):
            client.send(GOOD)
            assert client.answer().status == 200
            time.sleep(1.2)  # longer than the time for headers


def test_a_client_that_asks_first_may_send_its_body(server: WireServer) -> None:
    head = SIGN_JSON + b"Expect: 100-continue\r\n" + sized(len(ANNA))
    with closing(server.connect(head)) as client:
        first = client.socket.recv(65536)
        assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(ANNA)
        assert client.answer().status == 201


def test_a_chunked_body_is_read(server: WireServer) -> None:
    with closing(server.connect(SIGN_JSON + CHUNKED)) as client:
        for start in range(0, len(ANNA), 10):
            client.send(chunk(ANNA[start : start + 10]))
            time.sleep(0.005)
        client.send(b"0\r\nX-Trailer: fine\r\n\r\n" + GOOD)
        assert [client.answer().status for _ in range(2)] == [201, 200]


def test_head_has_no_body_and_the_connection_goes_on(server: WireServer) -> None:
    head = GOOD.replace(b"GET", b"HEAD")
    with closing(server.connect(head + GOOD)) as client:
        first = client.answer(has_body=False)
        second = client.answer()
    assert (first.status, second.status) == (200, 200)
    assert int(first.headers["content-length"]) == len(second.content) > 0


def test_http_1_0_is_answered_and_closed(server: WireServer) -> None:
    with closing(server.connect(b"GET /livez HTTP/1.0\r\n\r\n")) as client:
        assert client.answer().status == 200
        assert client.ends() == b""


@pytest.mark.parametrize(
    "request_head",
    [
        f"GET /v1/petitions/{PETITION} HTTP/1.1\r\n".encode() + HOST,
        f"GET /v1/petitions/{PETITION} HTTP/1.1\r\n".encode() + HOST + b"Accept-Encoding: gzip\r\n",
        f"GET /v1/petitions/{PETITION} HTTP/1.1\r\n".encode() + HOST + b"If-None-Match: *\r\n",
        b"GET /v1/postcodes/EH11YZ HTTP/1.1\r\n" + HOST,
        SIGN_JSON + sized(len(ANNA)).removesuffix(b"\r\n"),
    ],
    ids=["petition", "packed", "unchanged", "postcode", "signature"],
)
def test_a_prepared_answer_has_the_headers_that_the_server_would_render_itself(
    server: WireServer, request_head: bytes
) -> None:
    body = ANNA if request_head.startswith(b"POST") else b""
    is_unchanged = b"If-None-Match" in request_head
    with closing(server.connect(request_head + b"\r\n" + body)) as client:
        prepared = client.answer(has_body=not is_unchanged)
        client.send(GOOD)
        assert client.answer().status == 200, "the connection goes on"
    closing_head = request_head + b"Connection: close\r\n"
    with closing(server.connect(closing_head + b"\r\n" + body)) as client:
        rendered = client.answer(has_body=not is_unchanged)
        assert client.ends() == b""
    assert (prepared.status, prepared.content) == (rendered.status, rendered.content)
    assert "connection" not in prepared.headers
    assert without_changing(prepared.headers) == without_changing(rendered.headers)
    assert prepared.headers.keys() >= {"date", "server", "x-request-id", "ratelimit"}


def without_changing(headers: dict[str, str]) -> dict[str, str]:
    """Returns the headers but for those that differ between any two answers."""
    changing = {"connection", "date", "x-request-id", "ratelimit"}
    return {name: value for name, value in headers.items() if name not in changing}


def test_an_upgrade_is_not_taken_up(server: WireServer) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n"
    assert server.ask(LIVE + upgrade).status == 200


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01", b"\0" * 100_000, b"GET\r\n\r\n"])
def test_what_is_not_http_is_refused(server: WireServer, garbage: bytes) -> None:
    answer = server.ask(garbage)
    assert (answer.status, answer.code) == (400, "request_malformed")


def test_a_client_that_does_not_read_its_answers_is_cut_off(settings: Settings) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
    with wire_server(settings, reader_seconds=1) as server:
        with closing(server.connect(request * 90)) as client:
            poll = select.poll()
            poll.register(client.socket, 0)  # errors and the end alone: there is much to read
            assert poll.poll(60_000), "the server keeps it"
        assert server.ask(GOOD).status == 200
        assert "answer_not_read" in server.log.read_text()


def test_connections_over_the_bound_are_told_to_come_back(settings: Settings) -> None:
    with wire_server(settings, connections=4, head_seconds=20) as server, ExitStack() as stack:
        clients = [stack.enter_context(closing(server.connect())) for _ in range(4)]
        answers = [server.ask(GOOD) for _ in range(3)]
        clients[0].send(GOOD)
        assert clients[0].answer().status == 200, "who is in is served"
        clients[1].close()
        for client in clients[2:]:
            client.close()
        _until_served(server)
    assert {(answer.status, answer.code) for answer in answers} == {(503, "too_many_connections")}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)


def _until_served(server: WireServer) -> None:
    ends = time.monotonic() + 30
    while server.ask(GOOD).status != 200:
        assert time.monotonic() < ends, "the room is not given back"
        time.sleep(0.1)


def test_requests_over_the_bound_are_told_to_come_back(settings: Settings) -> None:
    half = SIGN_JSON + sized(len(ANNA)) + ANNA[:10]
    with wire_server(settings, requests=2, body_seconds=20) as server, ExitStack() as stack:
        clients = [stack.enter_context(closing(server.connect(half))) for _ in range(2)]
        _until_busy(server)
        answer = server.ask(GOOD)
        clients[0].send(ANNA[10:])
        assert clients[0].answer().status == 201
        assert server.ask(GOOD).status == 200
    assert (answer.status, answer.code) == (503, "busy")
    assert int(answer.headers["retry-after"]) > 0


def _until_busy(server: WireServer) -> None:
    ends = time.monotonic() + 30
    while server.ask(GOOD).status == 200:
        assert time.monotonic() < ends, "it takes more than its bound"


def test_the_command_serves_with_these_bounds_and_stops_in_spite_of_a_slow_body(
    tmp_path: Path,
) -> None:
    cli, port = Cli(tmp_path, {"LOBBY_WORKER": "off"}), free_port()
    with cli.running("serve", "--port", str(port)) as process:
        wait_until_it_serves(port, process)
        with closing(WireClient(port)) as client:
            client.send(LIVE + b"a: b\r\n" * 100 + b"\r\n")
            assert client.answer().status == 431
        with closing(WireClient(port)) as client:
            client.send(SIGN_JSON + sized(500) + b"{")
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            answer = client.answer()
        assert (answer.status, answer.code) == (503, "stopping")
        assert process.wait(timeout=60) in (0, -signal.SIGTERM)
        assert "Traceback" not in (process.stderr.read() if process.stderr else "")
