"""Tests API keys: scopes, petitions, expiry, revocation and rotation."""

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlmodel import func, select

from api.answers.state import state_of
from main import create_app
from models import PARTNER_SCOPES, ApiKey, ApiKeyPetition, Petition, Scope, Signature
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.errors import Conflict, Invalid, LobbyError, NotFound
from services.keys import key_views
from services.keys.key_uses import KeyUses
from services.keys.key_views import KeyState
from services.organisations import organisations
from tests.support.common import CAN_SIGN, PETITION, Clock
from tests.support.keys import Headers, count_keys, key_for, key_of, others_key, revoke
from tests.support.partners import (
    PAPER,
    ROUTE,
    SECOND,
    WRITE_AND_READ,
    add_partner,
    add_second_petition,
    bearer,
    secret,
)
from tests.support.problems import assert_problem

ANNA: dict[str, Any] = {"name": "Anna", "email": "anna@example.org", "postcode": CAN_SIGN}
NAME = "the form of our site"


# ---- expiry


def test_a_key_is_good_until_its_end_and_not_from_then_on(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    end = clock.now + timedelta(days=1)
    key = bearer(secret(lobby, Scope.SIGNATURES_READ, expires_at=end))
    clock.now = end - timedelta(microseconds=1)
    assert client.get(ROUTE, headers=key).status_code == 200
    clock.now = end
    assert_problem(client.get(ROUTE, headers=key), 401, "key_expired")


def test_only_who_has_the_whole_key_is_told_that_it_has_expired(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    end = clock.now + timedelta(days=1)
    key = secret(lobby, Scope.SIGNATURES_READ, expires_at=end)
    clock.now = end
    forged = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert_problem(client.get(ROUTE, headers=bearer(forged)), 401, "key_invalid")
    revoke(lobby, key)
    assert_problem(client.get(ROUTE, headers=bearer(key)), 401, "key_invalid")


def test_a_key_that_ends_before_it_begins_is_not_made(lobby: Lobby) -> None:
    before = count_keys(lobby)
    with pytest.raises(Invalid) as refused:
        secret(lobby, Scope.SIGNATURES_READ, expires_at=lobby.clock())
    assert [error.field for error in refused.value.fields] == ["expires"]
    assert count_keys(lobby) == before


def test_a_revoked_key_is_refused_by_every_process_from_the_next_request_on(
    client: TestClient, lobby: Lobby
) -> None:
    key = secret(lobby, Scope.SIGNATURES_READ)
    second = create_app(lobby.settings, lobby=lobby)  # with a cache of its own
    with TestClient(second) as another:
        for process in (client, another):
            assert process.get(ROUTE, headers=bearer(key)).status_code == 200
        revoke(lobby, key)
        for process in (client, another):
            assert_problem(process.get(ROUTE, headers=bearer(key)), 401, "key_invalid")


def test_revoking_again_changes_nothing_and_an_unknown_key_is_told(
    lobby: Lobby, clock: Clock
) -> None:
    key = secret(lobby, Scope.SIGNATURES_READ)
    revoke(lobby, key)
    clock.advance(days=1)
    revoke(lobby, key.split("_")[1])
    assert key_of(lobby, bearer(key)).revoked_at == clock.now - timedelta(days=1)
    with pytest.raises(NotFound):
        revoke(lobby, "0" * 12)


# ---- rotation


def test_of_one_name_two_keys_are_live_so_that_one_can_follow_the_other(
    client: TestClient, lobby: Lobby
) -> None:
    first, second = (secret(lobby, Scope.SIGNATURES_READ, name=NAME) for _ in range(2))
    with pytest.raises(Conflict, match="revoke one first"):
        secret(lobby, Scope.SIGNATURES_READ, name=NAME)
    for key in (first, second):
        assert client.get(ROUTE, headers=bearer(key)).status_code == 200
    revoke(lobby, first)
    third = secret(lobby, Scope.SIGNATURES_READ, name=NAME)
    for key in (second, third):
        assert client.get(ROUTE, headers=bearer(key)).status_code == 200


def test_a_key_that_has_expired_is_no_live_one(lobby: Lobby, clock: Clock) -> None:
    end = clock.now + timedelta(days=1)
    for _ in range(2):
        secret(lobby, Scope.SIGNATURES_READ, name=NAME, expires_at=end)
    with pytest.raises(Conflict):
        secret(lobby, Scope.SIGNATURES_READ, name=NAME)
    clock.now = end
    for _ in range(2):
        secret(lobby, Scope.SIGNATURES_READ, name=NAME)
    with pytest.raises(Conflict):
        secret(lobby, Scope.SIGNATURES_READ, name=NAME)


def test_names_are_each_owners_own_and_a_key_without_one_has_no_fellows(lobby: Lobby) -> None:
    add_partner(lobby)
    others_key(lobby, Scope.SIGNATURES_READ)
    for whose in ({}, {"partner_slug": PAPER}, {"organisation": "others"}):
        for _ in range(2):
            secret(lobby, Scope.SIGNATURES_READ, name=NAME, **whose)
        with pytest.raises(Conflict):
            secret(lobby, Scope.SIGNATURES_READ, name=NAME, **whose)
    for _ in range(3):
        secret(lobby, Scope.SIGNATURES_READ)


def test_of_many_keys_of_one_name_at_once_two_are_made(lobby: Lobby) -> None:
    barrier = threading.Barrier(4)
    became: Counter[str] = Counter()

    def make() -> None:
        barrier.wait()
        try:
            secret(lobby, Scope.SIGNATURES_READ, name=NAME)
            became["made"] += 1
        except LobbyError as error:
            became[error.code] += 1

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert became == {"made": 2, "too_many_live_keys": 2}


# ---- keys for some petitions


@pytest.fixture
def narrow(lobby: Lobby) -> Headers:
    """Returns the headers of a key for the organisation's second petition only."""
    add_second_petition(lobby)
    return bearer(secret(lobby, *WRITE_AND_READ, petition_slugs=[SECOND]))


CALLS = [
    ("POST", "", ANNA),
    ("POST", "/bulk", [ANNA]),
    ("GET", "", None),
    ("GET", ".csv", None),
    ("GET", ".jsonl", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_a_key_for_one_petition_does_nothing_with_another(
    client: TestClient, lobby: Lobby, narrow: Headers, method: str, path: str, body: Any
) -> None:
    def send(slug: str, key: Headers) -> Any:
        return client.request(
            method, f"/v1/petitions/{slug}/signatures{path}", json=body, headers=key
        )

    before = signatures(lobby)
    assert_problem(send(PETITION, narrow), 403, "petition_not_allowed")
    assert_problem(send("no-such", narrow), 404, "petition_unknown")
    theirs = others_key(lobby, *WRITE_AND_READ)
    assert_problem(send(PETITION, theirs), 404, "petition_unknown")
    assert_problem(send(SECOND, theirs), 404, "petition_unknown")
    assert signatures(lobby) == before
    assert send(SECOND, narrow).status_code in (200, 201)


def test_a_key_for_one_petition_changes_no_other(client: TestClient, lobby: Lobby) -> None:
    add_second_petition(lobby)
    key = secret(lobby, Scope.CAMPAIGNS_WRITE, Scope.ACTION_NETWORK, petition_slugs=[SECOND])
    for slug, status in ((PETITION, 403), (SECOND, 200)):
        number = client.get(f"/v1/petitions/{slug}").json()["number"]
        with lobby.database.read() as session:
            petition_id = session.exec(select(Petition.id).where(Petition.number == number)).one()
        changed = client.patch(
            f"/v1/petitions/{slug}", json={"background": "New"}, headers=bearer(key)
        )
        put = client.put(
            f"/api/v2/petitions/{petition_id}",
            json={"description": "Newer"},
            headers={"OSDI-API-Token": key},
        )
        assert (changed.status_code, put.status_code) == (status, status)
        background = client.get(f"/v1/petitions/{slug}").json()["background"]
        assert (background == "Newer") == (status == 200)


def signatures(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(Signature)).one()


def test_a_key_is_only_for_petitions_that_are_its_organisations(lobby: Lobby) -> None:
    others_key(lobby, Scope.SIGNATURES_READ)
    with pytest.raises(NotFound):
        secret(lobby, Scope.SIGNATURES_READ, organisation="others", petition_slugs=[PETITION])
    with lobby.database.read() as session:
        assert session.exec(select(ApiKeyPetition)).all() == []


# ---- keys of partners


@pytest.mark.parametrize("scope", sorted(set(Scope) - PARTNER_SCOPES))
def test_a_partners_key_cannot_have_what_is_the_organisations_own(
    lobby: Lobby, scope: Scope
) -> None:
    add_partner(lobby)
    before = count_keys(lobby)
    with pytest.raises(Invalid) as refused:
        secret(lobby, Scope.SIGNATURES_WRITE, scope, partner_slug=PAPER)
    assert (refused.value.code, scope in refused.value.message) == ("scope_not_for_partners", True)
    assert count_keys(lobby) == before


def test_a_partners_key_from_before_the_rule_has_lost_what_it_may_not_have(
    client: TestClient, lobby: Lobby
) -> None:
    add_partner(lobby)
    key = bearer(secret(lobby, Scope.SIGNATURES_READ, partner_slug=PAPER))
    with lobby.database.write() as session:
        session.get_one(ApiKey, key_of(lobby, key).id).scopes = list(Scope)
    body = {"slug": "new", "title": "New", "summary": "New"}
    answer = client.post("/v1/campaigns", json=body, headers=key)
    assert_problem(answer, 403, "scope_missing")
    assert client.get(ROUTE, headers=key).status_code == 200


def test_keys_are_listed_without_their_secrets(lobby: Lobby, clock: Clock) -> None:
    add_partner(lobby)
    end = clock.now + timedelta(days=1)
    secret(lobby, Scope.SIGNATURES_READ, name=NAME, petition_slugs=[PETITION])
    revoke(lobby, secret(lobby, Scope.SIGNATURES_WRITE, partner_slug=PAPER))
    secret(lobby, Scope.SIGNATURES_WRITE, partner_slug=PAPER, expires_at=end)
    with lobby.database.read() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        views = key_views.of_organisation(session, owner.id)
    assert [(view.key.name, view.partner, view.petitions) for view in views] == [
        (NAME, None, (PETITION,)),
        ("", PAPER, ()),
        ("", PAPER, ()),
    ]
    live, revoked, expired = KeyState.LIVE, KeyState.REVOKED, KeyState.EXPIRED
    assert [view.state(clock.now) for view in views] == [live, revoked, live]
    assert [view.state(end) for view in views] == [live, revoked, expired]


# ---- last use


def test_the_minute_in_which_a_key_was_used_is_written_down_when_the_process_ends(
    lobby: Lobby, clock: Clock
) -> None:
    key = key_for(lobby, Scope.SIGNATURES_READ)
    clock.advance(seconds=59)
    with TestClient(create_app(lobby.settings, lobby=lobby)) as client:
        assert client.get(ROUTE, headers=key).status_code == 200
        assert key_of(lobby, key).last_used_at is None, "not on the way of a request"
    assert key_of(lobby, key).last_used_at == clock.now.replace(second=0)


def test_many_requests_with_a_key_write_nothing_and_one_row_is_written_for_all(
    lobby: Lobby, clock: Clock
) -> None:
    key = key_of(lobby, key_for(lobby, Scope.SIGNATURES_READ))
    uses = KeyUses(lobby.database)
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, text: str, *_others: Any) -> None:
        sent.append(text)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        for _ in range(1000):
            uses.note(key.id, clock.now)
        assert sent == []
        uses.write()
        written = [text for text in sent if text.startswith("UPDATE")]
        uses.write()
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(written) == 1
    assert [text for text in sent if text.startswith("UPDATE")] == written


def test_an_earlier_minute_of_another_process_does_not_override_a_later_one(
    lobby: Lobby, clock: Clock
) -> None:
    headers = key_for(lobby, Scope.SIGNATURES_READ)
    key = key_of(lobby, headers)
    one_process, other_process = KeyUses(lobby.database), KeyUses(lobby.database)
    other_process.note(key.id, clock.now - timedelta(hours=1))
    one_process.note(key.id, clock.now)
    one_process.write()
    other_process.write()
    assert key_of(lobby, headers).last_used_at == clock.now


def test_a_key_that_is_refused_was_not_used(client: TestClient, lobby: Lobby) -> None:
    key = secret(lobby, Scope.SIGNATURES_READ)
    revoke(lobby, key)
    client.get(ROUTE, headers=bearer(key))
    state_of({"app": client.app}).key_uses.write()
    assert key_of(lobby, bearer(key)).last_used_at is None
