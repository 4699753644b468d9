"""Tests that the hot route answers like the route behind it, in two equal applications."""

import asyncio
import gzip
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

import pytest
import structlog
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import col, select
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.testing import capture_logs

from api.answers.cached_answer import CachedAnswer
from api.answers.state import set_state, state_of
from api.front import hot_route
from api.http import idempotency
from core import logs
from main import Service, create_app
from models import Consent, Submission
from models import Scope as KeyScope
from services.assembly import Lobby
from services.campaigns import petitions
from services.common.tokens import Purpose
from services.errors import Unavailable
from services.signatures.recording import Outcome, SignatureRequest
from services.traffic.answer_cache import AnswerCache
from services.traffic.group_commit import GroupCommit
from tests.support import embeds
from tests.support.common import CAMPAIGN, CAN_SIGN, METRICS, MINISTER, PETITION, SIGNED
from tests.support.keys import key_for

ANNA = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
SIGN = f"/v1/petitions/{PETITION}/signatures"
READS = [
    f"/v1/petitions/{PETITION}",
    f"/v1/campaigns/{CAMPAIGN}",
    f"/v1/campaigns/{CAMPAIGN}/tally",
]
JSON = {"Content-Type": "application/json"}
KEY = "Idempotency-Key"
Headers = dict[str, str] | list[tuple[str, str]]
RequestParts = tuple[str, str, dict[str, Any]]


class PassedOn:
    """Middleware behind the hot route. It notes the paths of requests that reach it."""

    def __init__(self, app: ASGIApp, *, passed: list[str]) -> None:
        self._app, self._passed = app, passed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._passed.append(scope["path"])
        await self._app(scope, receive, send)


@dataclass
class Answer:
    """The answer that a client gets."""

    status: int
    headers: dict[str, Any]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Pair:
    """The application with and without its hot route; `passed` has the paths that it passed on."""

    hot: FastAPI
    plain: FastAPI
    passed: list[str]

    def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Headers | None = None,
        content: bytes | list[bytes] = b"",
    ) -> tuple[Answer, Answer, bool]:
        """Returns both answers, and whether the hot route gave the first one."""
        self.passed.clear()
        pieces = content if isinstance(content, list) else [content]
        hot = call_app(self.hot, method, path, headers or {}, pieces)
        return hot, call_app(self.plain, method, path, headers or {}, pieces), not self.passed


def call_app(app: ASGIApp, method: str, path: str, headers: Headers, pieces: list[bytes]) -> Answer:
    """Calls the application with exactly these headers and pieces. A client would join them."""
    path, _, query = path.partition("?")
    pairs = headers if isinstance(headers, list) else list(headers.items())
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in pairs],
    }
    messages: list[Message] = []
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    waiting[-1]["more_body"] = False

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        messages.append(message)

    async def ask() -> None:
        await app(scope, receive, send)

    asyncio.run(ask())
    start, *bodies = messages
    names = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    del names["x-request-id"]  # each request has another one
    names["vary"] = {part.strip() for part in names.get("vary", "").split(",")}
    return Answer(start["status"], names, b"".join(part.get("body", b"") for part in bodies))


def app_of(lobby: Lobby, *behind: Middleware, is_hot: bool) -> Service:
    """Returns the application with or without its hot route, and with more layers behind it."""
    app = create_app(lobby.settings, lobby=lobby)
    app.user_middleware.extend(behind)
    if not is_hot:
        app.front = None
    return app


@pytest.fixture
def pair(lobby: Lobby) -> Iterator[Pair]:
    passed: list[str] = []
    hot = app_of(lobby, Middleware(PassedOn, passed=passed), is_hot=True)
    plain = app_of(lobby, is_hot=False)
    with TestClient(hot), TestClient(plain):  # these run the startup and shutdown code
        yield Pair(hot, plain, passed)


def request_parts(body: Any, **headers: str) -> dict[str, Any]:
    content = body if isinstance(body, bytes | list) else json.dumps(body).encode()
    return {"content": content, "headers": JSON | headers}


def sign_request(body: Any, **headers: str) -> RequestParts:
    return "POST", SIGN, request_parts(body, **headers)


def with_media_type(media_type: str) -> RequestParts:
    return (
        "POST",
        SIGN,
        {"content": json.dumps(ANNA).encode(), "headers": {"Content-Type": media_type}},
    )


WHOLE = json.dumps(ANNA).encode()
GOOD: dict[str, RequestParts] = {
    "a signature": sign_request(ANNA),
    "of a signed seat": sign_request({**ANNA, "email": "b@example.org", "postcode": SIGNED}),
    "of a minister's seat": sign_request({**ANNA, "email": "c@example.org", "postcode": MINISTER}),
    "unknown postcode": sign_request({**ANNA, "postcode": "ZZ1 1ZZ"}),
    "Crown dependency": sign_request({**ANNA, "postcode": "JE2 3AB"}),
    "from abroad": sign_request({**ANNA, "country": "FR", "postcode": ""}),
    "with everything": sign_request(
        {**ANNA, "comment": "My ward.\n\nReally.", "locale": "cy", "source": "leaflet"}
        | {"consents": {"updates": True}}
    ),
    "null where it may be": sign_request({**ANNA, "comment": None, "source": None}),
    "other letters": sign_request({**ANNA, "name": "Zoë 🙂 O’Brien", "email": "ANNA@EXAMPLE.ORG"}),
    "charset": with_media_type("application/json; charset=utf-8"),
    "charset without a space": with_media_type("application/json;charset=utf-8"),
    "another charset than it says": with_media_type("application/json; charset=utf-16"),
    "in pieces": sign_request([WHOLE[:1], WHOLE[1:30], b"", WHOLE[30:]]),
    "spaces around": sign_request(b" \n" + WHOLE + b"\n "),
    "a field twice": sign_request(WHOLE[:-1] + b', "name": "Bertha Example"}'),
    "a field twice, first of another type": sign_request(b'{"name": 5, ' + WHOLE[1:]),
    "gzip may come": sign_request(ANNA, **{"Accept-Encoding": "gzip"}),
    "nothing packed": sign_request(ANNA, **{"Accept-Encoding": "identity"}),
    "unknown petition": ("POST", "/v1/petitions/no-such/signatures", request_parts(ANNA)),
    "CSV is liked": sign_request(ANNA, Accept="text/csv"),
    "unknown slug to read": ("GET", "/v1/petitions/no-such", {}),
}
PASSED_ON: dict[str, RequestParts] = {
    "no name": sign_request({**ANNA, "name": ""}),
    "long name": sign_request({**ANNA, "name": "x" * 101}),
    "name with a link": sign_request({**ANNA, "name": "See http://spam.example"}),
    "name of two lines": sign_request({**ANNA, "name": "Anna\r\nBcc: all@example.org"}),
    "name as a number": sign_request({**ANNA, "name": 5}),
    "half a character": sign_request(WHOLE.replace(b"Anna E", b"\\ud83d E")),
    "NUL": sign_request({**ANNA, "name": "Anna\0"}),
    "an address that mail does not reach": sign_request({**ANNA, "email": "zoë@example.org"}),
    "no address": sign_request({**ANNA, "email": "nobody"}),
    "malformed postcode": sign_request({**ANNA, "postcode": "nonsense"}),
    "country": sign_request({**ANNA, "country": "Britain"}),
    "comment": sign_request({**ANNA, "comment": "x" * 1001}),
    "locale": sign_request({**ANNA, "locale": "fr"}),
    "unknown field": sign_request({**ANNA, "surname": "Example"}),
    "unknown consent": sign_request({**ANNA, "consents": {"everything": True}}),
    "consent of another type": sign_request({**ANNA, "consents": {"updates": "perhaps"}}),
    "consents null": sign_request({**ANNA, "consents": None}),
    "many things": sign_request({"name": "", "email": "x", "postcode": "x", "more": 1}),
    "missing": sign_request({}),
    "a list": sign_request([b"[]"]),
    "null": sign_request(b"null"),
    "half": sign_request(b"{"),
    "empty": sign_request(b""),
    "no UTF-8": sign_request(b"\xff\xfe"),
    "Latin-1": sign_request('{"name": "Zoë"}'.encode("latin-1")),
    "UTF-16": sign_request(json.dumps(ANNA).encode("utf-16")),
    "a mark of byte order": sign_request(b"\xef\xbb\xbf" + WHOLE),
    "something behind": sign_request(WHOLE + b" true"),
    "NaN": sign_request(WHOLE[:-1] + b', "comment": NaN}'),
    "deep": sign_request(b'{"name": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "large": sign_request({**ANNA, "comment": "x" * 200_000}),
    "large in pieces": sign_request([b'{"comment": "', *[b"x" * 60_000] * 4, b'"}']),
    "much too large": sign_request(b" " * 21_500_000),
    "large and good": sign_request([WHOLE, *[b" " * 60_000] * 4]),
    "text": with_media_type("text/plain"),
    "a form": with_media_type("application/x-www-form-urlencoded"),
    "no type": with_media_type(""),
    "a longer type": with_media_type("application/jsonx"),
    "lines of JSON": with_media_type("application/json-seq"),
    "another JSON": with_media_type("application/problem+json"),
    "large letters": with_media_type("Application/JSON"),
    "packed": sign_request(gzip.compress(WHOLE), **{"Content-Encoding": "gzip"}),
    "upper-case slug": ("POST", SIGN.replace(PETITION, PETITION.upper()), request_parts(ANNA)),
    "NUL in the slug": ("POST", "/v1/petitions/a%00b/signatures", request_parts(ANNA)),
    "line in the slug": ("POST", f"/v1/petitions/{PETITION}%0A/signatures", request_parts(ANNA)),
    "slash at the end": ("POST", SIGN + "/", request_parts(ANNA)),
    "a query": ("POST", SIGN + "?x=1", request_parts(ANNA)),
    "no such key": sign_request(ANNA, Authorization="Bearer nobody"),
    "an empty Idempotency-Key": sign_request(ANNA, **{KEY: ""}),
    "a long one": sign_request(ANNA, **{KEY: "x" * 256}),
    "one beyond ASCII": sign_request(ANNA, **{KEY: "schlüssel"}),
    "one with a tab": sign_request(ANNA, **{KEY: "a\tb"}),
    "one with a control character": sign_request(ANNA, **{KEY: "a\x7fb"}),
    "one that is wrong in a body that is": sign_request({}, **{KEY: ""}),
    "a good one and a wrong body": sign_request({}, **{KEY: "k"}),
    "HEAD": ("HEAD", SIGN, {}),
    "OPTIONS": ("OPTIONS", SIGN, {}),
    "PUT": ("PUT", SIGN, request_parts(ANNA)),
    "GET without a key": ("GET", SIGN, {}),
    "OPTIONS of a read": ("OPTIONS", READS[0], {}),
    "POST of a read": ("POST", READS[0], request_parts(ANNA)),
    "large slug to read": ("GET", READS[0].upper().replace("/V1/PETITIONS", "/v1/petitions"), {}),
    "slash at the end of a read": ("GET", READS[0] + "/", {}),
    "query of a read": ("GET", READS[2] + "?standing=signed", {}),
    "wrong query of a read": ("GET", READS[2] + "?sort=nothing", {}),
    "no such key to read": ("GET", READS[0], {"headers": {"Authorization": "Bearer nobody"}}),
    "CSV": ("GET", READS[2], {"headers": {"Accept": "text/csv"}}),
    "CSV among others": ("GET", READS[2], {"headers": {"Accept": "text/csv, */*;q=0.1"}}),
    **{f"HEAD {path}": ("HEAD", path, {}) for path in READS},
}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", GOOD)
def test_what_the_hot_route_answers_itself_is_the_same(pair: Pair, name: str) -> None:
    method, path, parts = GOOD[name]
    hot, plain, from_hot_route = pair.ask(method, path, **parts)
    assert hot == plain
    assert from_hot_route


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", PASSED_ON)
def test_what_the_hot_route_hands_on_arrives_whole(pair: Pair, name: str) -> None:
    method, path, parts = PASSED_ON[name]
    hot, plain, from_hot_route = pair.ask(method, path, **parts)
    assert hot == plain
    assert not from_hot_route


@pytest.mark.parametrize(
    ("name", "values", "has_one"),
    [
        ("Accept", ("text/csv", "application/json"), False),
        ("Accept", ("application/json", "text/csv"), True),
    ],
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_of_two_headers_alike_the_first_counts(
    pair: Pair, name: str, values: tuple[str, str], has_one: bool
) -> None:
    pair.ask("GET", READS[2])
    hot, plain, from_hot_route = pair.ask(
        "GET", READS[2], headers=[(name, value) for value in values]
    )
    assert hot == plain
    assert from_hot_route is has_one


@pytest.mark.parametrize("path", READS)
def test_a_read_is_the_same_however_it_is_asked_for(pair: Pair, path: str) -> None:
    first, _, _ = pair.ask("GET", path)  # from now on it is cached
    tag = first.headers["etag"]
    statuses: list[tuple[dict[str, str], int]] = [
        ({"Accept-Encoding": "identity"}, 200),
        ({"Accept-Encoding": "gzip"}, 200),
        ({"Accept": "text/html, */*"}, 200),
        ({"If-None-Match": tag}, 304),
        ({"If-None-Match": f'"other", W/{tag}', "Accept-Encoding": "gzip"}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200),
    ]
    for headers, status in statuses:
        hot, plain, from_hot_route = pair.ask("GET", path, headers=headers)
        assert hot == plain, headers
        assert from_hot_route, headers
        assert hot.status == status, headers
        assert hot.headers["etag"] == tag, headers


@pytest.mark.parametrize("path", READS)
def test_a_first_read_is_the_same_as_the_next(pair: Pair, path: str) -> None:
    first, plain, from_hot_route = pair.ask("GET", path)
    again, _, again_from_hot_route = pair.ask("GET", path)
    assert (from_hot_route, again_from_hot_route) == (True, True)
    assert first == plain == again


@pytest.mark.parametrize(
    ("typed", "is_known"),
    [
        (CAN_SIGN, True),
        (quote(CAN_SIGN.lower()), True),
        (CAN_SIGN.replace(" ", ""), True),
        ("ZZ1%201ZZ", False),
        ("NONSENSE", False),
        ("M1%C2%A01AE", False),
        ("JE2%203AB", True),
    ],
)
def test_a_postcode_is_answered_the_same_however_it_is_typed(
    pair: Pair, typed: str, is_known: bool
) -> None:
    pair.ask("GET", f"/v1/postcodes/{CAN_SIGN}")  # from now on the seats are cached
    hot, plain, from_hot_route = pair.ask("GET", f"/v1/postcodes/{typed}")
    assert hot == plain
    assert from_hot_route is is_known


@pytest.mark.parametrize("name", ["a field twice", "with everything", "spaces around", "in pieces"])
def test_what_is_written_down_is_the_same(pair: Pair, lobby: Lobby, name: str) -> None:
    _, path, parts = GOOD[name]
    rows = []
    for number, app in enumerate((pair.hot, pair.plain)):
        address = f"person{number}@example.org".encode()
        pieces = parts["content"] if isinstance(parts["content"], list) else [parts["content"]]
        whole = b"".join(pieces).replace(b"anna@example.org", address)
        assert call_app(app, "POST", path, parts["headers"], [whole]).status == 201
        rows.append(newest_signature(lobby))
    assert rows[0] == rows[1]


def newest_signature(lobby: Lobby) -> dict[str, Any]:
    """Confirms the newest submission, and returns its signature without the columns that differ
    between any two."""
    row = embeds.newest_signature(lobby)
    with lobby.database.read() as session:
        answers = select(Consent.granted).where(Consent.signature_id == row.id)
        return row.model_dump(exclude={"id", "supporter_id"}) | {
            "said": session.exec(answers).all()
        }


def test_a_key_is_told_the_id_as_ever(pair: Pair, lobby: Lobby) -> None:
    key = key_for(lobby, KeyScope.SIGNATURES_READ)
    hot, plain, from_hot_route = pair.ask("POST", SIGN, **request_parts(ANNA, **key))
    ids = [UUID(answer.json()["id"]) for answer in (hot, plain)]
    with lobby.database.read() as session:
        assert all(session.get(Submission, row_id) for row_id in ids), "each post has its own"
    assert hot.json() | {"id": None} == plain.json() | {"id": None}
    assert not from_hot_route


# ---- confirming


def confirm_request(body: Any, **headers: str) -> RequestParts:
    return "POST", hot_route.CONFIRM, request_parts(body, **headers)


def confirming_token(pair: Pair, lobby: Lobby, **changes: str) -> str:
    assert pair.ask("POST", SIGN, **request_parts({**ANNA, **changes}))[0].status == 201
    with lobby.database.read() as session:
        newest = session.exec(select(Submission.id).order_by(col(Submission.id).desc())).first()
    assert newest is not None
    return lobby.tokens.issue(Purpose.CONFIRM, newest)


@pytest.mark.parametrize("postcode", [CAN_SIGN, SIGNED, MINISTER, "ZZ1 1ZZ"])
def test_a_confirmation_is_answered_the_same_either_way(
    pair: Pair, lobby: Lobby, postcode: str
) -> None:
    token = confirming_token(pair, lobby, postcode=postcode)
    method, path, parts = confirm_request({"token": token})
    hot, plain, from_hot_route = pair.ask(method, path, **parts)
    assert from_hot_route
    assert (hot.status, hot.headers["cache-control"]) == (200, "no-store")
    proofs = [(answer.json()["letter"] or {}).get("proof") for answer in (hot, plain)]
    assert (proofs[0] is None) == (proofs[1] is None)
    assert strip_proof(hot) == strip_proof(plain)


def strip_proof(answer: Answer) -> Any:
    """Returns the answer without the proof for letters, which is another one each time.

    The declared route's answers may be packed, so they vary with `Accept-Encoding`.
    """
    body = answer.json()
    if body["letter"]:
        del body["letter"]["proof"]
    either_way = {"content-length", "vary"}
    headers = {name: value for name, value in answer.headers.items() if name not in either_way}
    return answer.status, headers, body


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("body", "is_hot"),
    [
        ({"token": "nonsense"}, True),
        ({"token": ""}, False),
        ({}, False),
        ({"token": "x", "more": 1}, False),
        (b"{", False),
    ],
)
def test_a_confirmation_that_cannot_be_is_refused_the_same_way(
    pair: Pair, body: Any, is_hot: bool
) -> None:
    method, path, parts = confirm_request(body)
    hot, plain, from_hot_route = pair.ask(method, path, **parts)
    assert hot == plain
    assert hot.status >= 400
    assert from_hot_route is is_hot


def test_a_confirmation_after_withdrawing_is_refused_the_same_way(pair: Pair, lobby: Lobby) -> None:
    token = confirming_token(pair, lobby)
    method, path, parts = confirm_request({"token": token})
    assert pair.ask(method, path, **parts)[0].status == 200
    signature_id = lobby.tokens.read(Purpose.CONFIRM, token)
    withdrawing = {"token": lobby.tokens.issue(Purpose.WITHDRAW, signature_id)}
    content = json.dumps(withdrawing).encode()
    withdrawn = call_app(pair.plain, "POST", "/v1/signatures/withdraw", JSON, [content])
    assert withdrawn.status == 200
    hot, plain, from_hot_route = pair.ask(method, path, **parts)
    assert hot == plain
    assert (hot.status, hot.json()["code"]) == (409, "signature_ended")
    assert from_hot_route


# ---- with an Idempotency-Key


KEYS = [
    "k",
    "x" * 255,
    "~!#$%&()*+,-./:;<=>?@[]^_`{|} x",
    "8e03978e-40d5-43dd-bc93-6894a57f9324",
]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("key", KEYS)
def test_a_key_gets_the_first_answer_whichever_way_it_comes(pair: Pair, key: str) -> None:
    plain_answer = pair.ask("POST", SIGN, **request_parts({**ANNA, "email": "b@example.org"}))[0]
    first, second, from_hot_route = pair.ask("POST", SIGN, **request_parts(ANNA, **{KEY: key}))
    assert from_hot_route
    assert first == plain_answer, "the first answer does not show that there is a key"
    assert second.headers.pop("idempotency-replayed") == "true"
    assert second == first
    hot, plain, from_hot_route = pair.ask("POST", SIGN, **request_parts(ANNA, **{KEY: key}))
    assert from_hot_route
    assert hot == plain
    assert hot.headers["idempotency-replayed"] == "true"
    assert hot.content == first.content


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_of_two_keys_the_first_counts(pair: Pair) -> None:
    content = json.dumps(ANNA).encode()
    both = [*JSON.items(), (KEY, "a"), (KEY, "b")]
    first, second, from_hot_route = pair.ask("POST", SIGN, headers=both, content=content)
    assert from_hot_route
    assert (first.status, second.status) == (201, 201)
    for key, is_replayed in (("a", True), ("b", False)):
        answer = call_app(pair.plain, "POST", SIGN, JSON | {KEY: key}, [content])
        assert ("idempotency-replayed" in answer.headers) is is_replayed


def test_the_second_way_keeps_for_the_first(pair: Pair) -> None:
    parts = request_parts(ANNA, **{KEY: "k"})
    first = call_app(pair.plain, "POST", SIGN, parts["headers"], [parts["content"]])
    again, _, from_hot_route = pair.ask("POST", SIGN, **parts)
    assert from_hot_route
    assert (again.status, again.content) == (first.status, first.content)
    assert again.headers.pop("idempotency-replayed") == "true"
    assert again.headers == first.headers


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (SIGN, {**ANNA, "name": "Somebody Else"}, 422, "idempotency_key_reused"),
        (SIGN, {**ANNA, "postcode": SIGNED}, 422, "idempotency_key_reused"),
        ("/v1/petitions/no-such/signatures", ANNA, 404, "petition_unknown"),
    ],
)
def test_a_key_of_another_request_is_refused_the_same_way(
    pair: Pair, path: str, body: Any, status: int, code: str
) -> None:
    pair.ask("POST", SIGN, **request_parts(ANNA, **{KEY: "k"}))
    hot, plain, from_hot_route = pair.ask("POST", path, **request_parts(body, **{KEY: "k"}))
    assert from_hot_route
    assert hot == plain
    assert (hot.status, hot.json()["code"]) == (status, code)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_key_that_is_worked_on_is_in_use_either_way(pair: Pair) -> None:
    parts = request_parts(ANNA, **{KEY: "k"})
    scope = {"app": pair.hot, "method": "POST", "path": SIGN}
    attempt = idempotency.attempt_of(scope, "k", parts["content"])
    states = [state_of({"app": app}) for app in (pair.hot, pair.plain)]
    with states[0].in_flight.reserve(attempt), states[1].in_flight.reserve(attempt):
        hot, plain, from_hot_route = pair.ask("POST", SIGN, **parts)
        other, other_plain, _ = pair.ask(
            "POST", SIGN, **request_parts({**ANNA, "name": "B"}, **{KEY: "k"})
        )
    assert from_hot_route
    assert hot == plain
    assert (hot.status, hot.json()["code"]) == (409, "idempotency_key_in_use")
    assert int(hot.headers["retry-after"]) > 0
    assert other == other_plain
    assert (other.status, other.json()["code"]) == (422, "idempotency_key_reused")
    assert pair.ask("POST", SIGN, **parts)[0].status == 201


@pytest.mark.parametrize("state", ["closed", "draft"])
def test_a_petition_that_takes_no_names_keeps_no_answer(
    pair: Pair, lobby: Lobby, state: str
) -> None:
    parts = request_parts(ANNA, **{KEY: "k"})
    with lobby.database.read() as session:
        owner = petitions.public(session, PETITION).organisation_id
    for now, status in ((state, {404, 409}), ("open", {201})):
        with lobby.database.write() as session:
            petition = petitions.own(session, PETITION, organisation_id=owner)
            petitions.update(session, petition, values={"state": now}, now=lobby.clock())
        hot, plain, from_hot_route = pair.ask("POST", SIGN, **parts)
        assert from_hot_route
        assert hot.status in status
        assert hot.content == plain.content


@pytest.mark.parametrize("state", ["closed", "draft"])
def test_a_petition_that_takes_no_names_says_so_the_same_way(
    pair: Pair, lobby: Lobby, state: str
) -> None:
    with lobby.database.write() as session:
        petition = petitions.public(session, PETITION)
        petitions.update(session, petition, values={"state": state}, now=lobby.clock())
    hot, plain, _ = pair.ask("POST", SIGN, **request_parts(ANNA))
    assert hot == plain
    assert hot.status in (404, 409)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OperationalError("INSERT", {}, Exception("away")), "database_unavailable"),
        (PoolTimeout(), "database_unavailable"),
        (Unavailable("busy", "Very many.", retry_after=2), "busy"),
    ],
    ids=["away", "no connection", "crowded"],
)
def test_a_database_in_trouble_is_told_the_same_way(
    lobby: Lobby, error: Exception, code: str
) -> None:
    def record(_requests: Sequence[SignatureRequest]) -> list[Outcome]:
        raise error

    answers = []
    for is_hot in (True, False):
        app = app_of(lobby, is_hot=is_hot)
        set_state(app, replace(state_of({"app": app}), intake=GroupCommit(record)))
        with TestClient(app):
            content, headers = request_parts(ANNA).values()
            answers.append(call_app(app, "POST", SIGN, headers, [content]))
    hot, plain = answers
    assert hot == plain
    assert hot.status == 503
    assert hot.json()["code"] == code
    assert int(hot.headers["retry-after"]) > 0


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_error_that_nobody_expected_is_told_and_logged_the_same_way(lobby: Lobby) -> None:
    def record(_requests: Sequence[SignatureRequest]) -> list[Outcome]:
        raise ArithmeticError("secret words")

    answers, logged = [], []
    for is_hot in (True, False):
        app = app_of(lobby, is_hot=is_hot)
        set_state(app, replace(state_of({"app": app}), intake=GroupCommit(record)))
        with TestClient(app, raise_server_exceptions=False) as client, capture_logs() as entries:
            answers.append(client.post(SIGN, json=ANNA))
        logged.append([entry for entry in entries if entry["event"] == "request_failed"])
    hot, plain = answers
    assert hot.json() == plain.json()
    assert (hot.status_code, hot.json()["code"]) == (500, "internal_error")
    assert "secret" not in hot.text
    assert [entry["error"] for entry in logged[0]] == ["ArithmeticError"]
    assert len(logged[1]) == 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_is_logged_while_a_read_is_built_has_the_id_of_its_request(lobby: Lobby) -> None:
    def build(_slug: str) -> CachedAnswer:
        structlog.get_logger().error("building")
        return CachedAnswer.of_bytes(b"{}")

    app = app_of(lobby, is_hot=True)
    answers = state_of({"app": app}).public_answers
    answers.petitions = AnswerCache(build, version=lambda: 0, clock=lobby.clock)
    with TestClient(app) as client, capture_logs(processors=[logs.add_request_id]) as entries:
        answer = client.get(READS[0])
    (built,) = [entry for entry in entries if entry["event"] == "building"]
    assert built["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_metrics_name_the_same_route(pair: Pair) -> None:
    for path in (*READS, f"/v1/postcodes/{CAN_SIGN}"):
        pair.ask("GET", path)
    pair.ask("POST", SIGN, **request_parts(ANNA))
    metrics = call_app(pair.hot, "GET", "/metrics", METRICS, [b""]).content.decode()
    for template in (hot_route.SIGN, hot_route.POSTCODE, *hot_route.READS):
        methods = set(re.findall(rf'method="(\w+)",route="{re.escape(template)}"', metrics))
        assert methods >= {"POST" if template == hot_route.SIGN else "GET"}
    assert PETITION not in metrics
