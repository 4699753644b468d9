"""Tests idempotency keys of the Action Network API: one creation for each key."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.message import EmailMessage

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import SQLModel, func, select

import worker
from api.answers.state import state_of
from api.http.idempotency import attempt_of
from models import (
    Campaign,
    CampaignStatus,
    IdempotencyKey,
    Letter,
    OutboxMessage,
    Petition,
    Scope,
    Signature,
    Submission,
    Supporter,
    Tag,
    Tagging,
)
from services.assembly import Lobby
from services.keys import api_keys
from services.signatures.recording import SignatureRequest
from tests.support.action_network import (
    READS,
    TOKEN,
    V2,
    Headers,
    Json,
    assert_error,
    campaign_id,
    every_page,
    id_of,
    person,
    signatures_of,
    token_for,
)
from tests.support.common import CAN_SIGN, PETITION, Clock
from tests.support.signatures import sign_and_confirm

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
Deliver = Callable[[], list[EmailMessage]]
TABLES: tuple[type[SQLModel], ...] = (
    Campaign,
    IdempotencyKey,
    Letter,
    OutboxMessage,
    Petition,
    Signature,
    Submission,
    Supporter,
    Tag,
    Tagging,
)
POSTS = (Scope.ACTION_NETWORK, Scope.CAMPAIGNS_WRITE)
NAMES = (
    "person",
    "petition",
    "signature",
    "blind signature",
    "tag",
    "tagging",
    "campaign",
    "outreach",
)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that creates rows, a second body for it, and the number of new rows by table."""

    path: str
    body: Json
    other: Json
    added: dict[str, int]
    token: Headers

    def send(
        self, client: TestClient, key: str | None = "k", body: Json | None = None
    ) -> httpx2.Response:
        headers = self.token | ({} if key is None else {HEADER: key})
        return client.post(self.path, headers=headers, content=content(body or self.body))


def content(body: Json) -> bytes:
    return json.dumps(body).encode()


def call_of(client: TestClient, lobby: Lobby, name: str, *scopes: Scope) -> Call:
    token = token_for(lobby, *(scopes or (*READS, Scope.CAMPAIGNS_WRITE)))
    may_read = not scopes or Scope.SIGNATURES_READ in scopes
    path, body, other, added = parts_of_call(client, lobby, name, token, may_read=may_read)
    return Call(path, body, other, added, {} if name == "blind signature" else token)


def parts_of_call(
    client: TestClient, lobby: Lobby, name: str, token: Headers, *, may_read: bool
) -> tuple[str, Json, Json, dict[str, int]]:
    body, other = {"person": person()}, {"person": person("berta@example.org")}
    if name == "person":
        return f"{V2}/people", body, other, {"Supporter": 1, "IdempotencyKey": 1}
    if name == "petition":
        added = {"Petition": 1, "IdempotencyKey": 1}
        return f"{V2}/petitions", {"title": "Save it"}, {"title": "Save them"}, added
    if name == "campaign":
        added = {"Campaign": 1, "IdempotencyKey": 1}
        return f"{V2}/advocacy_campaigns", {"title": "Save it"}, {"title": "Save them"}, added
    if name == "blind signature":
        added = {"Submission": 1, "OutboxMessage": 1, "IdempotencyKey": 1}
        return signatures_of(lobby), body, other, added
    if name == "tag":
        return f"{V2}/tags", {"name": "a"}, {"name": "b"}, {"Tag": 1, "IdempotencyKey": 1}
    if name == "outreach":
        address = {"address_lines": ["1 High St"], "locality": "Leith", "postal_code": CAN_SIGN}
        words = "Dear MP,\n\nPlease sign the motion. My ward depends on these nurses.\n"
        writer = {"person": person(postal_addresses=[address]), "message": words}
        path = f"{V2}/advocacy_campaigns/{campaign_id(lobby)}/outreaches"
        added = {"Submission": 1, "OutboxMessage": 1, "IdempotencyKey": 1}
        return path, writer | {"subject": "A"}, writer | {"subject": "B"}, added
    tag = id_of(client.post(f"{V2}/tags", headers=token, json={"name": "volunteer"}).json())
    if name == "signature":
        added = {"Submission": 1, "OutboxMessage": 1, "IdempotencyKey": 2}
        if may_read:
            added |= {"Supporter": 1, "Tagging": 1}
        tags = {"add_tags": ["volunteer"]}
        return signatures_of(lobby), body | tags, other | tags, added
    anna, berta = (
        {"_links": {"osdi:person": client.post(f"{V2}/people", headers=token, json=values).json()}}
        for values in (body, other)
    )
    for link in (anna, berta):
        link["_links"]["osdi:person"] = link["_links"]["osdi:person"]["_links"]["self"]
    return f"{V2}/tags/{tag}/taggings", anna, berta, {"Tagging": 1, "IdempotencyKey": 1}


def row_counts(lobby: Lobby) -> dict[str, int]:
    """Returns how many rows there are, once the mails of what was submitted are queued."""
    worker.sort_submissions(lobby)
    with lobby.database.read() as session:
        return {
            table.__name__: session.exec(select(func.count()).select_from(table)).one()
            for table in TABLES
        }


def added(lobby: Lobby, before: dict[str, int]) -> dict[str, int]:
    return {name: n - before[name] for name, n in row_counts(lobby).items() if n != before[name]}


def in_progress(
    client: TestClient, lobby: Lobby, call: Call, key: str
) -> AbstractContextManager[None]:
    """Marks the call as in progress in this process."""
    assert isinstance(client.app, FastAPI)
    caller = None
    if call.token:
        with lobby.database.read() as session:
            caller = api_keys.caller_of(session, call.token[TOKEN], now=lobby.clock())
    scope = {"app": client.app, "method": "POST", "path": call.path}
    attempt = attempt_of(scope, key, content(call.body), caller)
    return state_of({"app": client.app}).in_flight.reserve(attempt)


@pytest.mark.parametrize(
    ("scopes", "name"),
    [
        *(((), name) for name in NAMES),
        # Only keys that may read people put tags on them by their ids.
        *((POSTS, name) for name in NAMES if name != "tagging"),
    ],
)
def test_what_creates_something_does_so_once_a_key(
    client: TestClient, lobby: Lobby, clock: Clock, name: str, scopes: tuple[Scope, ...]
) -> None:
    call = call_of(client, lobby, name, *scopes)
    before = row_counts(lobby)
    first = call.send(client)
    assert first.status_code == 200, first.text
    assert REPLAYED not in first.headers
    clock.advance(hours=23, minutes=59)
    again = call.send(client)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers[REPLAYED] == "true"
    for header in ("content-type", "cache-control", "access-control-allow-origin"):
        assert again.headers.get(header) == first.headers.get(header)
    assert added(lobby, before) == call.added


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_answer_with_a_key_is_the_one_without(
    client: TestClient, lobby: Lobby, name: str
) -> None:
    call = call_of(client, lobby, name)
    keyed, plain = call.send(client), call.send(client, None)
    assert keyed.status_code == plain.status_code == 200
    assert keyed.headers.keys() == plain.headers.keys()
    assert keyed.headers["content-type"] == plain.headers["content-type"]
    if name == "signature":  # each post has an id of its own
        assert id_of(keyed.json()) != id_of(plain.json())
        assert without_ids(keyed.json()) == without_ids(plain.json())
    elif name not in ("petition", "campaign", "outreach"):  # these create new rows
        assert keyed.json() == plain.json()
    assert keyed.json().keys() == plain.json().keys()


def without_ids(signature: Json) -> str:
    text = json.dumps(signature)
    for identifier in signature["identifiers"]:
        text = text.replace(identifier.partition(":")[2], "ID")
    return text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_key_with_another_body_is_refused_and_creates_nothing(
    client: TestClient, lobby: Lobby, name: str
) -> None:
    call = call_of(client, lobby, name)
    first = call.send(client)
    before = row_counts(lobby)
    refused = call.send(client, body=call.other)
    assert_error(refused, 422, HEADER, "came with another request")
    assert added(lobby, before) == {}
    assert call.send(client).content == first.content


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_key_of_another_form_is_refused(client: TestClient, lobby: Lobby, name: str) -> None:
    call = call_of(client, lobby, name)
    before = row_counts(lobby)
    for key in ("", "x" * 256, "a\tb"):
        assert_error(call.send(client, key), 422, HEADER, "printable ASCII")
    assert added(lobby, before) == {}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_key_that_is_worked_on_is_in_use(client: TestClient, lobby: Lobby, name: str) -> None:
    call = call_of(client, lobby, name)
    before = row_counts(lobby)
    with in_progress(client, lobby, call, "k"):
        refused = call.send(client)
    assert_error(refused, 409, "still running")
    assert int(refused.headers["retry-after"]) > 0
    assert added(lobby, before) == {}
    assert call.send(client).status_code == 200


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_without_a_key_nothing_is_kept(client: TestClient, lobby: Lobby, name: str) -> None:
    assert call_of(client, lobby, name).send(client, None).status_code == 200
    assert row_counts(lobby)["IdempotencyKey"] == 0


def test_a_signature_whose_answer_was_never_made_has_one_mail_and_its_tags(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    call = call_of(client, lobby, "signature")
    before = row_counts(lobby)
    with in_progress(client, lobby, call, "k\nanswer"):
        assert_error(call.send(client), 409)
    assert added(lobby, before).keys() & {"Submission", "Tagging"} == {"Submission"}
    first, again = call.send(client), call.send(client)
    assert first.status_code == 200
    assert first.content == again.content
    assert added(lobby, before) == call.added
    assert len(deliver()) == 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_callers_key_is_one_across_all_paths(client: TestClient, lobby: Lobby) -> None:
    token = token_for(lobby, *READS) | {HEADER: "k"}
    body = {"person": person()}
    assert client.post(f"{V2}/people", headers=token, json=body).status_code == 200
    before = row_counts(lobby)
    assert_error(client.post(signatures_of(lobby), headers=token, json=body), 422, HEADER)
    assert added(lobby, before) == {}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_refusal_is_not_kept(client: TestClient, lobby: Lobby) -> None:
    call = call_of(client, lobby, "signature")
    with lobby.database.write() as session:
        session.exec(select(Campaign)).one().status = CampaignStatus.CLOSED
    assert_error(call.send(client), 409, "closed")
    with lobby.database.write() as session:
        session.exec(select(Campaign)).one().status = CampaignStatus.OPEN
    assert call.send(client).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_calls_that_create_nothing_ignore_a_key(client: TestClient, lobby: Lobby) -> None:
    token = token_for(lobby, *READS)
    (row_id,) = sign_and_confirm(lobby, SignatureRequest(PETITION, "A", "a@b.org", CAN_SIGN))
    listed = every_page(client, signatures_of(lobby), token, "signatures")
    (signed,) = [each for each in listed if each["identifiers"][1] == f"central_lobby:{row_id}"]
    path = f"{signatures_of(lobby)}/{id_of(signed)}"
    for key in ("k", "", "x" * 300):
        answer = client.put(path, headers=token | {HEADER: key}, json={"comments": "Thanks"})
        assert answer.status_code == 200
    assert row_counts(lobby)["IdempotencyKey"] == 0
