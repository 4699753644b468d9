"""Tests idempotency keys: a repeated request gets the first answer and has no second effect.

Batches of signatures with keys are in tests/services/signatures/test_batches.py, both ways of
signing in tests/api/test_hot_route.py, and a running server in
tests/drills/test_idempotency_drill.py.
"""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import SQLModel, func, select

import worker
from api.answers.state import state_of
from api.http.idempotency import attempt_of
from models import (
    Campaign,
    CampaignEvent,
    CampaignUpdate,
    IdempotencyKey,
    Keyring,
    Letter,
    LetterSketch,
    LetterState,
    LetterTally,
    MemberOverride,
    MemberReply,
    OutboxMessage,
    Petition,
    Scope,
    Submission,
)
from services.assembly import Lobby
from services.database.engine import Database
from services.errors import Invalid, KeyInUse
from services.keys import api_keys
from services.traffic import idempotency
from services.traffic.idempotency import Attempt, RequestsInFlight, StoredAnswer
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, Clock, token_in
from tests.support.keys import key_for
from tests.support.letters import put_into_state
from worker.idempotency import AT_ONCE

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
ANNA = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
BEN = {**ANNA, "name": "Ben Example", "email": "ben@example.org"}
SIGN = f"/v1/petitions/{PETITION}/signatures"
LETTERS = f"/v1/campaigns/{CAMPAIGN}/letters"
LETTER = {
    "name": "Anna Example",
    "email": "anna@example.org",
    "address": {"line1": "1 Example Street", "town": "Edinburgh", "postcode": CAN_SIGN},
    "subject": "A subject",
    "body": "Dear MP,\n\nPlease sign the motion. My ward depends on these nurses every night.\n",
}
CAMPAIGN_BODY = {"slug": "new", "title": "New", "summary": "A new one."}
PETITION_BODY = {"slug": "new-one", "action": "Do it", "addressed_to": "the House"}
REPLY = {"member_id": 900001, "kind": "will_sign", "text": "I will.", "said_on": "2026-06-29"}
UPDATE = {"title": "We have a debate", "body": "It is **on 25 July**."}
EVENT = {"kind": "debate", "title": "MPs debate the sale", "day": "2026-07-25"}
OVERRIDE = {"kind": "refuses", "reason": "She signs none.", "link": "https://example.org/7"}
Deliver = Callable[[], list[EmailMessage]]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that creates rows, a second body for it, and the tables of the new rows."""

    path: str
    body: Any
    other: Any
    tables: tuple[type[SQLModel], ...]
    scope: Scope | None = None
    status: int = 201

    def send(self, client: TestClient, key: str | None, body: Any = None, **headers: str) -> Any:
        all_headers = headers | ({HEADER: key} if key is not None else {})
        return client.post(self.path, json=self.body if body is None else body, headers=all_headers)


CALLS = {
    "campaign": Call(
        "/v1/campaigns",
        CAMPAIGN_BODY,
        {**CAMPAIGN_BODY, "slug": "newer"},
        (Campaign,),
        Scope.CAMPAIGNS_WRITE,
    ),
    "petition": Call(
        f"/v1/campaigns/{CAMPAIGN}/petitions",
        PETITION_BODY,
        {**PETITION_BODY, "slug": "newer"},
        (Petition,),
        Scope.CAMPAIGNS_WRITE,
    ),
    "reply": Call(
        f"/v1/campaigns/{CAMPAIGN}/replies",
        REPLY,
        {**REPLY, "text": "I will not."},
        (MemberReply,),
        Scope.CAMPAIGNS_WRITE,
    ),
    "update": Call(
        f"/v1/campaigns/{CAMPAIGN}/updates",
        UPDATE,
        {**UPDATE, "title": "Other news"},
        (CampaignUpdate,),
        Scope.CAMPAIGNS_WRITE,
    ),
    "event": Call(
        f"/v1/campaigns/{CAMPAIGN}/events",
        EVENT,
        {**EVENT, "day": "2026-07-26"},
        (CampaignEvent,),
        Scope.CAMPAIGNS_WRITE,
    ),
    "override": Call(
        "/v1/members/900001/overrides",
        OVERRIDE,
        {**OVERRIDE, "reason": "Another."},
        (MemberOverride,),
        Scope.CAMPAIGNS_WRITE,
    ),
    "bulk": Call(
        f"{SIGN}/bulk",
        [ANNA, BEN],
        [ANNA],
        (Submission, Submission, OutboxMessage, OutboxMessage),
        Scope.SIGNATURES_WRITE,
        status=200,
    ),
    "signature": Call(SIGN, ANNA, BEN, (Submission, OutboxMessage)),
    "signature with a key": Call(
        SIGN, ANNA, BEN, (Submission, OutboxMessage), Scope.SIGNATURES_READ
    ),
    "letter": Call(LETTERS, LETTER, {**LETTER, "subject": "Another"}, (Submission, OutboxMessage)),
}


def row_counts(lobby: Lobby, *tables: type[SQLModel]) -> dict[str, int]:
    worker.sort_submissions(lobby)  # it queues the mails
    everything: set[type[SQLModel]] = {*tables, IdempotencyKey}
    with lobby.database.read() as session:
        return {
            table.__name__: session.exec(select(func.count()).select_from(table)).one()
            for table in everything
        }


def added_rows(lobby: Lobby, before: dict[str, int]) -> dict[str, int]:
    tables = {table for call in CALLS.values() for table in call.tables}
    now = row_counts(lobby, *tables)
    return {name: now[name] - count for name, count in before.items() if now[name] != count}


def expected(call: Call, *, keys: int = 1) -> dict[str, int]:
    counts = {table.__name__: call.tables.count(table) for table in call.tables}
    return counts | ({"IdempotencyKey": keys} if keys else {})


def headers_for(lobby: Lobby, call: Call) -> dict[str, str]:
    return key_for(lobby, call.scope) if call.scope else {}


def assert_refused(response: Any, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    if status == 422:
        assert [error["field"] for error in response.json()["errors"]] == [HEADER]
    else:
        assert int(response.headers["Retry-After"]) > 0


@pytest.fixture
def app(client: TestClient) -> FastAPI:
    assert isinstance(client.app, FastAPI)
    return client.app


@pytest.fixture
def other_database(lobby: Lobby) -> Iterator[Database]:
    """Opens the same database a second time, as another process does."""
    database = Database(lobby.database.url)
    yield database
    database.close()


# ---- every call that creates something


@pytest.mark.parametrize("name", CALLS)
def test_what_creates_something_does_so_once_a_key(
    client: TestClient, lobby: Lobby, clock: Clock, name: str
) -> None:
    call = CALLS[name]
    caller, before = headers_for(lobby, call), row_counts(lobby, *CALLS[name].tables)
    first = call.send(client, "k", **caller)
    assert first.status_code == call.status, first.text
    assert REPLAYED not in first.headers
    clock.advance(hours=23, minutes=59)
    again = call.send(client, "k", **caller)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers[REPLAYED] == "true"
    assert again.headers["content-type"] == first.headers["content-type"] == "application/json"
    assert added_rows(lobby, before) == expected(call)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_key_with_another_body_is_refused_and_creates_nothing(
    client: TestClient, lobby: Lobby, name: str
) -> None:
    call = CALLS[name]
    caller = headers_for(lobby, call)
    first = call.send(client, "k", **caller)
    before = row_counts(lobby, *call.tables)
    refused = call.send(client, "k", call.other, **caller)
    assert_refused(refused, 422, "idempotency_key_reused")
    assert added_rows(lobby, before) == {}
    assert call.send(client, "k", **caller).content == first.content


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "key", ["", "x" * 256, "caf\xe9", "a\tb"], ids=["empty", "long", "é", "tab"]
)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_key_of_another_form_is_refused(
    client: TestClient, lobby: Lobby, name: str, key: str
) -> None:
    call = CALLS[name]
    headers: Any = headers_for(lobby, call) | {HEADER: key.encode("latin-1")}
    before = row_counts(lobby, *call.tables)
    refused = client.post(call.path, json=call.body, headers=headers)
    assert_refused(refused, 422, "idempotency_key_malformed")
    assert added_rows(lobby, before) == {}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_key_that_is_worked_on_in_this_process_is_in_use(
    client: TestClient, app: FastAPI, lobby: Lobby, name: str
) -> None:
    call = CALLS[name]
    caller = headers_for(lobby, call)
    before = row_counts(lobby, *call.tables)
    with state_of({"app": app}).in_flight.reserve(attempt_of_call(app, lobby, call, caller)):
        assert_refused(call.send(client, "k", **caller), 409, "idempotency_key_in_use")
    assert added_rows(lobby, before) == {}
    assert call.send(client, "k", **caller).status_code == call.status


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_key_that_is_worked_on_in_another_process_is_in_use(
    client: TestClient, app: FastAPI, lobby: Lobby, other_database: Database, name: str
) -> None:
    call = CALLS[name]
    caller = headers_for(lobby, call)
    attempt = attempt_of_call(app, lobby, call, caller)
    before = row_counts(lobby, *call.tables)
    with other_database.write() as session:
        assert idempotency.look_up(session, [attempt], now=lobby.clock()) == [None]
        assert_refused(call.send(client, "k", **caller), 409, "idempotency_key_in_use")
    assert added_rows(lobby, before) == {}
    assert call.send(client, "k", **caller).status_code == call.status


def attempt_of_call(app: FastAPI, lobby: Lobby, call: Call, caller: dict[str, str]) -> Attempt:
    """Returns the attempt of a call with the key 'k'."""
    caller_of_key = None
    if caller:
        with lobby.database.read() as session:
            key = caller["Authorization"].split()[1]
            caller_of_key = api_keys.caller_of(session, key, now=lobby.clock())
    content = json.dumps(call.body, separators=(",", ":"), ensure_ascii=False).encode()
    scope = {"app": app, "method": "POST", "path": call.path}
    return attempt_of(scope, "k", content, caller_of_key)


def test_without_a_key_nothing_is_kept(client: TestClient, lobby: Lobby) -> None:
    for call in CALLS.values():
        assert call.send(client, None, **headers_for(lobby, call)).status_code == call.status
    assert row_counts(lobby)["IdempotencyKey"] == 0


def test_an_opened_letter_counts_once_a_key(client: TestClient, lobby: Lobby) -> None:
    draft = {"postcode": CAN_SIGN}
    bodies = {
        key: {
            "postcode": CAN_SIGN,
            "via": "copy",
            "token": client.post(f"{LETTERS}/draft", json=draft).json()["opened_token"],
        }
        for key in ("a", "b")
    }
    answers = [
        client.post(f"{LETTERS}/opened", json=bodies[key], headers={HEADER: key})
        for key in ("a", "a", "b", "a")
    ]
    assert [answer.status_code for answer in answers] == [202] * 4
    assert len({answer.content for answer in answers}) == 1
    with lobby.database.read() as session:
        assert sum(row.opened for row in session.exec(select(LetterTally))) == 2


def test_a_letter_that_comes_again_is_one_letter_and_one_mail(
    client: TestClient, deliver: Deliver
) -> None:
    deliver()
    call = CALLS["letter"]
    ids = {call.send(client, "k").json()["id"] for _ in range(3)}
    assert len(ids) == 1
    assert len(deliver()) == 1


def test_a_refused_letter_that_is_retried_goes_again_once(client: TestClient, lobby: Lobby) -> None:
    letter = refused_letter(lobby)
    caller = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    path = f"/v1/letters/{letter.id}/retry"
    first = client.post(path, headers=caller | {HEADER: "k"})
    assert first.status_code == 200, first.text
    refused_letter(lobby)
    again = client.post(path, headers=caller | {HEADER: "k"})
    assert (again.status_code, again.content) == (200, first.content)
    with lobby.database.read() as session:
        assert session.get_one(Letter, letter.id).state is LetterState.REJECTED


def refused_letter(lobby: Lobby) -> Letter:
    """Rejects the first letter, so that later ones are not compared with it."""
    letter, _ = put_into_state(lobby, 0, LetterState.REJECTED)
    with lobby.database.write() as session:
        if sketch := session.get(LetterSketch, letter.id):
            session.delete(sketch)
    return letter


def test_an_uncertain_letter_is_settled_once(client: TestClient, lobby: Lobby) -> None:
    letter, _ = put_into_state(lobby, 0, LetterState.UNCERTAIN)
    caller = key_for(lobby, Scope.CAMPAIGNS_WRITE) | {HEADER: "k"}
    path, body = f"/v1/letters/{letter.id}/settle", {"outcome": "sent"}
    first = client.post(path, json=body, headers=caller)
    again = client.post(path, json=body, headers=caller)
    assert (first.status_code, again.status_code) == (200, 200), again.text
    assert first.content == again.content
    assert client.post(path, json=body, headers=caller | {HEADER: "l"}).status_code == 409


@pytest.mark.slow
def test_calls_that_do_nothing_twice_anyway_take_any_key_and_ignore_it(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    client.post(SIGN, json=ANNA)
    (mail,) = deliver()
    draft = {"postcode": CAN_SIGN}
    check = {"postcode": CAN_SIGN, "subject": LETTER["subject"], "body": LETTER["body"]}
    for path, body in (
        (f"{LETTERS}/draft", draft),
        (f"{LETTERS}/check", check),
        ("/v1/signatures/confirm", {"token": token_in(mail, "confirm")}),
        ("/v1/signatures/withdraw", {"token": token_in(mail, "withdraw")}),
        ("/v1/signatures/disown", {"token": token_in(mail, "disown")}),
    ):
        for key in ("k", "", "x" * 300):
            answer = client.post(path, json=body, headers={HEADER: key})
            assert answer.status_code == 200, answer.text
            assert REPLAYED not in answer.headers
    assert row_counts(lobby)["IdempotencyKey"] == 0


# ---- stored answers


def test_only_good_answers_are_kept(client: TestClient, lobby: Lobby) -> None:
    caller = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    call = CALLS["campaign"]
    call.send(client, "first", **caller)
    for _ in range(2):
        taken = call.send(client, "k", **caller)
        assert (taken.status_code, taken.json()["code"]) == (409, "exists_already")
    wrong = call.send(client, "k", {**CAMPAIGN_BODY, "title": ""}, **caller)
    assert wrong.status_code == 422
    assert call.send(client, "k", call.other, **caller).status_code == 201
    assert row_counts(lobby)["IdempotencyKey"] == 2


def test_a_bulk_post_with_bad_rows_is_answered_well_and_kept(
    client: TestClient, lobby: Lobby
) -> None:
    caller = key_for(lobby, Scope.SIGNATURES_WRITE) | {HEADER: "k"}
    answers = [client.post(f"{SIGN}/bulk", json=[ANNA, 7], headers=caller) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert answers[1].json()["rejected"] == 1
    assert answers[1].headers[REPLAYED] == "true"


def test_keys_of_two_callers_are_two_keys(client: TestClient, lobby: Lobby) -> None:
    call = CALLS["reply"]
    for _ in range(2):
        assert REPLAYED not in call.send(client, "k", **headers_for(lobby, call)).headers
    assert row_counts(lobby)["IdempotencyKey"] == 2
    assert CALLS["signature"].send(client, "k").status_code == 201, "the public is another"


def test_a_callers_key_is_one_across_all_paths(client: TestClient, lobby: Lobby) -> None:
    caller = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    assert CALLS["campaign"].send(client, "k", **caller).status_code == 201
    refused = CALLS["petition"].send(client, "k", **caller)
    assert_refused(refused, 422, "idempotency_key_reused")
    assert CALLS["signature"].send(client, "k", **caller).status_code == 422


def test_the_publics_key_is_one_a_path(client: TestClient, lobby: Lobby) -> None:
    assert CALLS["signature"].send(client, "k").status_code == 201
    assert CALLS["letter"].send(client, "k").status_code == 201
    assert row_counts(lobby)["IdempotencyKey"] == 2


def test_a_caller_who_may_read_signatures_is_told_the_same_id_again(
    client: TestClient, lobby: Lobby
) -> None:
    call = CALLS["signature with a key"]
    caller = headers_for(lobby, call)
    first, again = call.send(client, "k", **caller), call.send(client, "k", **caller)
    assert first.json()["id"] == again.json()["id"]
    assert UUID(first.json()["id"])


def test_a_key_means_nothing_any_more_after_a_day(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    call = CALLS["reply"]
    caller, before = headers_for(lobby, call), row_counts(lobby, MemberReply)
    first = call.send(client, "k", **caller)
    clock.advance(hours=24)
    later = call.send(client, "k", **caller)
    assert later.status_code == 201
    assert REPLAYED not in later.headers
    assert later.json()["id"] != first.json()["id"]
    assert added_rows(lobby, before) == {"MemberReply": 2, "IdempotencyKey": 1}
    assert call.send(client, "k", **caller).content == later.content
    clock.advance(hours=24)
    assert call.send(client, "k", call.other, **caller).status_code == 201


def test_a_petition_that_closed_meanwhile_is_no_reason_to_answer_otherwise(
    client: TestClient, lobby: Lobby
) -> None:
    first = CALLS["signature"].send(client, "k")
    caller = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    closed = client.patch(f"/v1/petitions/{PETITION}", json={"state": "closed"}, headers=caller)
    assert closed.status_code == 200
    assert CALLS["signature"].send(client, "l").status_code == 409
    assert CALLS["signature"].send(client, "k").content == first.content


# ---- privacy


def test_the_table_tells_neither_keys_nor_requests_nor_answers(
    client: TestClient, lobby: Lobby
) -> None:
    CALLS["signature"].send(client, "the-key-of-anna")
    with lobby.database.read() as session:
        (row,) = session.connection().exec_driver_sql("SELECT * FROM idempotency_key")
    stored = b"|".join(
        bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row
    )
    for secret in (
        b"the-key-of-anna",
        b"anna@",
        b"Anna",
        b"EH1",
        b"Edinburgh",
        b"S14000078",
        b"Morag",
    ):
        assert secret not in stored
    assert len(row) == 5


def test_equal_requests_with_two_keys_have_nothing_in_common_in_the_table(
    client: TestClient, lobby: Lobby
) -> None:
    for key in ("a", "b"):
        CALLS["signature"].send(client, key)
    with lobby.database.read() as session:
        first, second = session.exec(select(IdempotencyKey)).all()
    assert first.key_index != second.key_index
    assert first.fingerprint != second.fingerprint


def test_a_stranger_who_guesses_a_key_learns_nothing_of_the_signature(
    client: TestClient, lobby: Lobby
) -> None:
    signature = CALLS["signature"].send(client, "k").json()
    refused = CALLS["signature"].send(client, "k", {**ANNA, "name": "A Stranger"})
    assert_refused(refused, 422, "idempotency_key_reused")
    for part in (signature["member"]["name"], signature["constituency"]["name"], "example.org"):
        assert part not in refused.text


@pytest.mark.parametrize(
    "change",
    [
        {"key": "other"},
        {"key_id": UUID(int=1)},
        {"method": "PUT"},
        {"path": "/v1/other"},
        {"content": b"{} "},
        {"path": "/v1/", "content": b"one{}"},
    ],
    ids=["key", "caller", "method", "path", "content", "where the path ends"],
)
def test_every_part_of_a_request_makes_another_fingerprint(change: dict[str, Any]) -> None:
    ring = Keyring(["a secret that is long enough for a test"])
    parts: dict[str, Any] = {
        "key": "k",
        "key_id": None,
        "method": "POST",
        "path": "/v1/one",
        "content": b"{}",
    }
    first = idempotency.attempt(ring, **parts)
    assert idempotency.attempt(ring, **parts) == first
    assert idempotency.attempt(ring, **{**parts, **change}).fingerprint != first.fingerprint


def test_keys_outlive_a_new_secret_and_mean_nothing_under_another() -> None:
    old, new = "the old secret, which is long enough", "a new secret, which is as long as that"

    def attempt(*secrets: str) -> Attempt:
        ring = Keyring(secrets)
        return idempotency.attempt(ring, "k", key_id=None, method="POST", path="/", content=b"")

    assert attempt(old) == attempt(new, old)
    assert attempt(old).index != attempt(new).index


# ---- one transaction


class Crash(Exception):
    """Stands for the end of the process."""


def new_attempt(lobby: Lobby, key: str = "k", content: bytes = b"{}") -> Attempt:
    return idempotency.attempt(
        lobby.keyring, key, key_id=None, method="POST", path="/", content=content
    )


@dataclass
class CampaignMaker:
    """Adds a campaign and counts the calls."""

    lobby: Lobby
    times: int = 0
    crashes: bool = False
    slugs: list[str] = field(default_factory=list)

    def once(self, attempt: Attempt, *, crashes_at_the_end: bool = False) -> StoredAnswer:
        from services.campaigns import campaigns

        now = self.lobby.clock()
        with self.lobby.database.write() as session:

            def work() -> StoredAnswer:
                self.times += 1
                owner = campaigns.public(session, CAMPAIGN).organisation_id
                values = {"slug": f"made-{self.times}", "title": "Made", "summary": ""}
                campaigns.create(session, organisation_id=owner, values=values, now=now)
                if self.crashes:
                    raise Crash
                return StoredAnswer(201, b"made")

            answer = idempotency.run_once(session, attempt, work, now=now)
            if crashes_at_the_end:
                raise Crash
            return answer


@pytest.mark.parametrize("at_the_end", [False, True], ids=["in the work", "before the commit"])
def test_a_crash_leaves_neither_the_key_nor_what_was_created(
    lobby: Lobby, at_the_end: bool
) -> None:
    before = row_counts(lobby, Campaign)
    work, attempt = CampaignMaker(lobby, crashes=not at_the_end), new_attempt(lobby)
    with pytest.raises(Crash):
        work.once(attempt, crashes_at_the_end=at_the_end)
    assert added_rows(lobby, before) == {}
    work.crashes = False
    assert work.once(attempt) == StoredAnswer(201, b"made")
    assert work.once(attempt) == StoredAnswer(201, b"made", is_replayed=True)
    assert work.times == 2
    assert added_rows(lobby, before) == {"Campaign": 1, "IdempotencyKey": 1}


@pytest.mark.slow
def test_many_at_once_with_one_key_create_one_thing(client: TestClient, lobby: Lobby) -> None:
    call = CALLS["reply"]
    caller, before = headers_for(lobby, call), row_counts(lobby, MemberReply)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: call.send(client, "k", **caller), range(40)))
    good = {answer.content for answer in answers if answer.status_code == 201}
    assert len(good) == 1
    for answer in answers:
        if answer.status_code != 201:
            assert_refused(answer, 409, "idempotency_key_in_use")
    assert added_rows(lobby, before) == expected(call)


def test_a_key_is_free_again_when_the_work_is_over_however_it_ended() -> None:
    in_flight, attempt = RequestsInFlight(), Attempt(b"index", b"fingerprint")
    for error in (Crash, Invalid):
        with pytest.raises(error), in_flight.reserve(attempt):
            raise error("code", "message")
    with in_flight.reserve(attempt):
        with pytest.raises(KeyInUse), in_flight.reserve(attempt):
            pass
        with pytest.raises(Invalid), in_flight.reserve(Attempt(b"index", b"another")):
            pass
        with in_flight.reserve(Attempt(b"another", b"fingerprint")):
            pass
        with pytest.raises(KeyInUse), in_flight.reserve(attempt):
            pass
    with in_flight.reserve(attempt):
        pass


# ---- cleanup


def store_keys(lobby: Lobby, count: int, start: int = 0) -> None:
    answers = [
        (new_attempt(lobby, f"k{number}"), StoredAnswer(201, b"{}"))
        for number in range(start, start + count)
    ]
    with lobby.database.write() as session:
        idempotency.store(session, answers, now=lobby.clock())


def forget_old_keys(lobby: Lobby) -> int:
    return worker.forget_old_keys(lobby, threading.Event())


def test_the_worker_forgets_keys_after_a_day(lobby: Lobby, clock: Clock) -> None:
    store_keys(lobby, 3)
    clock.advance(hours=1)
    store_keys(lobby, 2, start=3)
    clock.advance(hours=22, minutes=59)
    assert forget_old_keys(lobby) == 0
    clock.advance(minutes=1)
    assert forget_old_keys(lobby) == 3
    assert forget_old_keys(lobby) == 0
    assert row_counts(lobby)["IdempotencyKey"] == 2


def test_many_keys_are_forgotten_in_small_batches(lobby: Lobby, clock: Clock) -> None:
    store_keys(lobby, 2 * AT_ONCE + 1)
    clock.advance(days=1)
    with lobby.database.write() as session:
        assert idempotency.delete_expired(session, now=clock.now, limit=AT_ONCE) == AT_ONCE
    assert forget_old_keys(lobby) == AT_ONCE + 1
    assert row_counts(lobby)["IdempotencyKey"] == 0


def test_a_worker_that_is_told_to_stop_forgets_one_batch_at_most(
    lobby: Lobby, clock: Clock
) -> None:
    store_keys(lobby, AT_ONCE + 1)
    clock.advance(days=1)
    stop = threading.Event()
    stop.set()
    assert worker.forget_old_keys(lobby, stop) == AT_ONCE


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_two_workers_do_not_wait_for_each_other(
    lobby: Lobby, clock: Clock, other_database: Database
) -> None:
    store_keys(lobby, 5)
    clock.advance(days=1)
    with other_database.write() as session:
        assert idempotency.delete_expired(session, now=clock.now, limit=3) == 3
        assert forget_old_keys(lobby) == 2


# ---- the OpenAPI document


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_document_tells_of_the_header_where_it_counts(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    described = {
        path
        for path, methods in paths.items()
        for method, call in methods.items()
        if method == "post" and HEADER in {entry["name"] for entry in call.get("parameters", ())}
    }
    slug = "/v1/campaigns/{slug}"
    assert described == {
        "/v1/campaigns",
        f"{slug}/petitions",
        f"{slug}/replies",
        f"{slug}/updates",
        f"{slug}/events",
        f"{slug}/letters",
        f"{slug}/letters/opened",
        "/v1/letters/{letter_id}/retry",
        "/v1/letters/{letter_id}/settle",
        "/v1/members/{member_id}/overrides",
        "/v1/organisation/privacy-notice",
        "/v1/petitions/{slug}/signatures",
        "/v1/petitions/{slug}/signatures/bulk",
        "/v1/hooks",
        "/v1/partners",
        "/v1/webhooks",
        "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/resend",
        "/v1/webhooks/{webhook_id}/secret",
        "/v1/webhooks/{webhook_id}/test",
    }
    created = {
        path
        for path, methods in paths.items()
        if "post" in methods and "201" in methods["post"]["responses"]
    }
    assert created < described
    for path in described:
        call = paths[path]["post"]
        (parameter,) = [entry for entry in call["parameters"] if entry["name"] == HEADER]
        assert (parameter["in"], parameter["required"]) == ("header", False)
        schema = json.dumps(parameter)
        assert '"minLength": 1' in schema
        assert '"maxLength": 255' in schema
        responses = call["responses"]
        for status in ("409", "422"):
            assert HEADER in responses[status]["description"]
            assert "application/problem+json" in responses[status]["content"]
        good = [response for status, response in responses.items() if status.startswith("2")]
        assert [REPLAYED in response["headers"] for response in good] == [True]
        assert all("$ref" in json.dumps(response["content"]) for response in good)
