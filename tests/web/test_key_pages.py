"""Tests the organisers' pages that create and revoke API keys, and the log of both."""

import json
import re
import threading
from datetime import datetime
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import inspect
from sqlmodel import select

from models import PARTNER_SCOPES, Organiser, Scope
from models.base import new_id
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.demonstration import invented_campaign
from services.errors import Conflict
from services.keys import key_views
from services.organisations import organisations
from tests.support.common import ORGANISERS_PASSWORD, PETITION, Clock
from tests.support.keys import OTHERS, count_keys, key_for, key_of, logged, others_key, secret_of
from tests.support.pages import sign_in, visible
from tests.support.partners import (
    PAPER,
    RADIO,
    ROUTE,
    SECOND,
    add_partner,
    add_second_petition,
    bearer,
    secret,
)
from tests.support.problems import assert_problem
from web.organisers import key_words

NEW = "/organiser/keys/new"
KEY = re.compile(r"lobby_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
TYPED: dict[str, Any] = {
    "name": "our screen",
    "scope": ["signatures:read"],
    "password": ORGANISERS_PASSWORD,
}


def hidden_fields(signed_in: TestClient, partner: str = "") -> dict[str, str]:
    """Returns the hidden fields of the form."""
    page = signed_in.get(f"{NEW}?partner={partner}" if partner else NEW)
    assert page.status_code == 200
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))


def send(signed_in: TestClient, partner: str = "", **typed: Any) -> Any:
    return signed_in.post(NEW, data={**hidden_fields(signed_in, partner), **TYPED, **typed})


def key_in(page: Any) -> str:
    """Returns the key that a page shows."""
    assert page.status_code == 200, page.text
    (key,) = set(KEY.findall(page.text))
    return str(key)


def organiser_id(lobby: Lobby) -> UUID:
    with lobby.database.read() as session:
        return session.exec(select(Organiser)).one().id


# ---- the form


def test_the_form_says_in_a_sentence_what_each_right_lets_its_holder_do(
    signed_in: TestClient,
) -> None:
    page = signed_in.get(NEW)
    page_text = visible(page)
    for scope in Scope:
        assert f'name="scope" value="{scope}"' in page.text
        assert f"{scope} {key_words.SCOPE_TEXTS[scope]}" in page_text
    assert " checked" not in page.text, "nothing is ticked beforehand"


def test_of_a_partner_only_what_partners_may_do_can_be_ticked(
    signed_in: TestClient, lobby: Lobby
) -> None:
    add_partner(lobby)
    page = signed_in.get(f"{NEW}?partner={PAPER}")
    ticked = set(re.findall(r'name="scope" value="([^"]+)"', page.text))
    assert ticked == PARTNER_SCOPES
    assert "only of people who agreed that it may contact them" in visible(page)


def test_every_right_has_words() -> None:
    for partner in (None, PAPER):
        assert set(key_words.scope_texts(partner)) == set(Scope)


# ---- creation


@pytest.mark.parametrize(
    ("typed", "words"), [("", "again"), (ORGANISERS_PASSWORD[:-1], "not your password")]
)
def test_a_key_is_made_only_by_who_knows_the_password(
    signed_in: TestClient, lobby: Lobby, typed: str, words: str
) -> None:
    page = send(signed_in, password=typed, name="kept")
    assert page.status_code == 422
    assert page.text.count('href="#password"') == 1
    assert words in visible(page)
    assert 'value="kept"' in page.text
    assert ORGANISERS_PASSWORD[:-1] not in page.text
    assert count_keys(lobby) == 0
    key_in(send(signed_in))


def test_a_key_is_made_with_what_was_ticked_and_works(
    signed_in: TestClient, lobby: Lobby, client: TestClient
) -> None:
    add_second_petition(lobby)
    page = send(signed_in, name=" our  screen ", petition=[PETITION], expires="2026-12-31")
    key = key_in(page)
    row = key_of(lobby, bearer(key))
    assert (row.name, row.scopes, row.partner_id) == (
        "our screen",
        ["signatures:read"],
        None,
    )
    assert row.expires_at == datetime.fromisoformat("2027-01-01T00:00+00:00")
    assert client.get(ROUTE, headers=bearer(key)).status_code == 200
    refused = client.get(f"/v1/petitions/{SECOND}/signatures", headers=bearer(key))
    assert_problem(refused, 403, "petition_not_allowed")
    page_text = visible(page)
    assert f"Petitions {PETITION} Last day 31 December 2026" in page_text
    example = unescape(page.text)
    assert f'curl "http://testserver{ROUTE}"' in example
    assert '-H "Authorization: Bearer $KEY"' in example


def test_a_key_for_a_partner_is_that_partners(
    signed_in: TestClient, lobby: Lobby, client: TestClient
) -> None:
    partner = add_partner(lobby)
    page = send(signed_in, PAPER, scope=["signatures:write", "signatures:read"])
    key = key_in(page)
    assert key_of(lobby, bearer(key)).partner_id == partner.id
    assert f"/v1/partners/{PAPER}/summary" in page.text
    summary = client.get(f"/v1/partners/{PAPER}/summary", headers=bearer(key))
    assert summary.status_code == 200
    assert f'href="/organiser/partners/{PAPER}"' in page.text


WITHOUT_EXAMPLE = (  # a key with this scope alone has no example command
    Scope.SIGNATURES_IMPORT,
    Scope.TALLIES_READ,
    Scope.LETTERS_READ,
    Scope.LETTERS_WRITERS,
)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_command_that_a_key_is_tried_with_is_one_that_it_may_give(
    signed_in: TestClient, client: TestClient, scope: Scope
) -> None:
    page = send(signed_in, scope=[scope.value])
    key = key_in(page)
    pattern = r'curl "http://testserver([^"]+)"(.*?-H "([\w-]+): ?([^$]*)\$KEY".*?)</textarea>'
    command = re.search(pattern, unescape(page.text), re.DOTALL)
    assert (command is None) == (scope in WITHOUT_EXAMPLE)
    if command is None:
        return
    path, rest, name, before = command.groups()
    body = re.search(r"-d '(.*)'", rest)
    answer = client.request(
        "POST" if body else "GET",
        path,
        headers={name: before + key},
        json=json.loads(body[1]) if body else None,
    )
    assert answer.status_code in (200, 201), answer.text


def test_a_key_is_on_the_page_that_makes_it_and_nowhere_else(
    signed_in: TestClient, lobby: Lobby
) -> None:
    form = hidden_fields(signed_in)
    with logged() as entries:
        page = signed_in.post(NEW, data={**form, **TYPED})
        key = key_in(page)
        seen = [signed_in.get(path) for path in ("/organiser/partners", "/organiser", NEW)]
        seen.append(signed_in.post(NEW, data={**form, **TYPED}))
        seen.append(signed_in.get(f"/organiser/keys/{key.split('_')[1]}/revoke"))
    assert page.headers["Cache-Control"] == "no-store"
    assert page.text.count(secret_of(key)) == 1
    assert "Location" not in page.headers
    assert secret_of(key) not in str(page.headers)
    assert secret_of(key) not in str(page.url)
    assert all(secret_of(key) not in answer.text for answer in seen)
    assert secret_of(key) not in json.dumps(entries, default=str)
    with lobby.database.connection() as connection:
        for table in inspect(connection).get_table_names():
            rows = connection.exec_driver_sql(f'SELECT * FROM "{table}"').all()
            assert secret_of(key) not in str(rows), table


def test_who_made_and_who_revoked_a_key_is_noted_by_ids_alone(
    signed_in: TestClient, lobby: Lobby
) -> None:
    with logged() as entries:
        key = key_in(send(signed_in, name="A Secret Name"))
        prefix = key.split("_")[1]
        signed_in.post(f"/organiser/keys/{prefix}/revoke")
    key_entries = [entry for entry in entries if entry["event"].startswith("key_")]
    common = {"key_id": str(key_of(lobby, bearer(key)).id), "log_level": "info"}
    by = {"by": f"organiser {organiser_id(lobby)}"}
    assert key_entries == [
        {"event": "key_made"} | common | by,
        {"event": "key_revoked"} | common | by,
    ]
    assert "A Secret Name" not in str(entries)


# ---- shown once


def test_a_form_that_is_sent_again_makes_no_second_key_and_says_so(
    signed_in: TestClient, lobby: Lobby
) -> None:
    form = hidden_fields(signed_in)
    first = key_in(signed_in.post(NEW, data={**form, **TYPED}))
    before = count_keys(lobby)
    for typed in (TYPED, TYPED | {"name": "another name"}):
        again = signed_in.post(NEW, data={**form, **typed})
        assert again.status_code == 409
        assert again.headers["Cache-Control"] == "no-store"
        page_text = visible(again)
        assert "We made no second key, and we can’t show the first one again." in page_text
        assert f"our screen, {first.split('_')[1]}" in page_text.replace(" ,", ",")
        assert not KEY.search(again.text)
    assert count_keys(lobby) == before
    assert key_in(send(signed_in)) != first, "a form that is opened anew makes another"


def test_of_one_form_sent_many_times_at_once_one_key_is_made(
    signed_in: TestClient, lobby: Lobby
) -> None:
    key_id, before = new_id(), count_keys(lobby)
    barrier, became = threading.Barrier(4), []

    def make() -> None:
        barrier.wait()
        try:
            secret(lobby, Scope.SIGNATURES_READ, name="our screen", key_id=key_id)
            became.append("made")
        except Conflict as error:
            became.append(error.code)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(became) == ["key_made_already"] * 3 + ["made"]
    assert count_keys(lobby) == before + 1


@pytest.mark.parametrize("kind", ["old", "none", "nonsense", "of another purpose"])
def test_a_form_without_a_good_token_makes_nothing_loses_nothing_and_can_be_sent_again(
    signed_in: TestClient, lobby: Lobby, clock: Clock, kind: str
) -> None:
    token = {
        "old": lobby.tokens.issue(Purpose.NEW_KEY, new_id()),
        "none": "",
        "nonsense": "a.b.c",
        "of another purpose": lobby.tokens.issue(Purpose.CONFIRM, new_id()),
    }[kind]
    if kind == "old":
        clock.advance(hours=13)
        sign_in(signed_in)
    before = count_keys(lobby)
    page = signed_in.post(NEW, data={**TYPED, "form": token})
    assert page.status_code == 422
    assert "This form was open for too long." in visible(page)
    assert 'value="our screen"' in page.text
    assert 'value="signatures:read" checked' in page.text
    assert count_keys(lobby) == before
    form_id = re.search(r'name="form" value="([^"]+)"', page.text)
    assert form_id
    key_in(signed_in.post(NEW, data={**TYPED, "form": form_id[1]}))
    assert count_keys(lobby) == before + 1


def test_a_token_of_another_organisations_form_tells_nothing_of_its_key(
    signed_in: TestClient, lobby: Lobby
) -> None:
    others_key(lobby, Scope.SIGNATURES_READ)
    key_id = new_id()
    theirs = secret(lobby, Scope.SIGNATURES_READ, organisation=OTHERS, name="theirs", key_id=key_id)
    token = lobby.tokens.issue(Purpose.NEW_KEY, key_id)
    page = signed_in.post(NEW, data={**TYPED, "form": token})
    assert page.status_code == 404
    assert theirs.split("_")[1] not in page.text


# ---- errors


@pytest.mark.parametrize(
    ("typed", "fields"),
    [
        ({"name": "", "scope": []}, ["name", "scope"]),
        ({"name": " \u200b "}, ["name"]),
        ({"name": "x" * 121, "expires": "tomorrow"}, ["name", "expires"]),
        ({"expires": "2026-06-30"}, ["expires"]),
        ({"expires": "9999-12-31"}, ["expires"]),
        ({"scope": ["everything"]}, ["scope"]),
        ({"name": "\x00"}, ["name"]),
    ],
)
def test_what_is_wrong_is_named_and_nothing_typed_is_lost(
    signed_in: TestClient, lobby: Lobby, typed: dict[str, Any], fields: list[str]
) -> None:
    before = count_keys(lobby)
    form = {**TYPED, "petition": [PETITION], "expires": "2027-01-31", **typed}
    page = send(signed_in, **form)
    assert page.status_code == 422
    assert re.findall(r'<li><a href="#(\w+)">', page.text) == fields
    for field in fields:
        assert f'id="{field}-error"' in page.text
    assert f'value="{form["name"]}"' in page.text
    assert f'value="{form["expires"]}"' in page.text
    assert f'value="{PETITION}" checked' in page.text
    assert ('value="signatures:read" checked' in page.text) == ("signatures:read" in form["scope"])
    assert count_keys(lobby) == before


def test_a_third_live_key_of_a_name_is_refused_beside_the_name(
    signed_in: TestClient, lobby: Lobby
) -> None:
    for _ in range(2):
        key_in(send(signed_in))
    before = count_keys(lobby)
    page = send(signed_in)
    assert page.status_code == 422
    assert '<a href="#name">There are 2 live keys named' in page.text
    assert count_keys(lobby) == before


@pytest.mark.parametrize("scope", sorted(set(Scope) - PARTNER_SCOPES))
def test_a_partners_key_cannot_be_given_more_by_who_writes_the_form_themselves(
    signed_in: TestClient, lobby: Lobby, scope: Scope
) -> None:
    add_partner(lobby)
    before = count_keys(lobby)
    page = send(signed_in, PAPER, scope=["signatures:write", scope.value])
    assert page.status_code == 422
    assert 'id="scope-error"' in page.text
    assert count_keys(lobby) == before


@pytest.mark.slow
def test_a_foreign_partner_or_petition_is_a_page_that_does_not_exist(
    signed_in: TestClient, lobby: Lobby
) -> None:
    others_key(lobby, Scope.SIGNATURES_READ)
    add_partner(lobby, RADIO, organisation=OTHERS)
    before = count_keys(lobby)
    for partner in (RADIO, "nobody", "NOBODY", "%00"):
        assert signed_in.get(f"{NEW}?partner={partner}").status_code == 404
    mistakes: list[dict[str, Any]] = [
        {"partner": RADIO},
        {"partner": "\x00"},
        {"petition": ["no"]},
        {"petition": [" "]},
    ]
    for wrong in mistakes:
        page = signed_in.post(NEW, data={**hidden_fields(signed_in), **TYPED, **wrong})
        assert page.status_code == 404, wrong
    assert count_keys(lobby) == before


# ---- revocation


@pytest.mark.slow
def test_a_key_is_revoked_on_a_page_that_says_what_that_does(
    signed_in: TestClient, lobby: Lobby, client: TestClient, clock: Clock
) -> None:
    add_partner(lobby)
    for slug in ("", PAPER):
        key = key_in(send(signed_in, slug))
        path = f"/organiser/keys/{key.split('_')[1]}/revoke"
        assert f'href="{path}"' in signed_in.get("/organiser/partners").text
        page = signed_in.get(path)
        assert "You can’t undo this." in visible(page)
        assert f'<form method="post" action="{path}">' in page.text
        assert client.get(ROUTE, headers=bearer(key)).status_code == 200, "reading ends nothing"
        for _ in range(2):
            answer = signed_in.post(path)
            assert answer.headers["Location"] == "/organiser/partners?done=revoked"
        assert "The key is revoked" in visible(signed_in.get(answer.headers["Location"]))
        assert_problem(client.get(ROUTE, headers=bearer(key)), 401, "key_invalid")
        assert key_of(lobby, bearer(key)).revoked_at == clock.now
        page_text = visible(signed_in.get(path))
        assert "We refuse it already. There’s nothing to do." in page_text
        assert "Revoked 1 July 2026, 13:00" in page_text


def test_another_organisations_key_is_a_page_that_does_not_exist(
    signed_in: TestClient, lobby: Lobby
) -> None:
    theirs = others_key(lobby, Scope.SIGNATURES_READ)
    prefix = theirs["Authorization"].split("_")[1]
    for method in ("GET", "POST"):
        for text in (prefix, "0" * 12, "nonsense", theirs["Authorization"].split()[1]):
            page = signed_in.request(method, f"/organiser/keys/{text}/revoke")
            assert page.status_code == 404
            assert secret_of(theirs["Authorization"]) not in page.text
    assert key_of(lobby, theirs).revoked_at is None


def test_keys_of_the_desk_are_those_of_the_command_and_of_the_calls(
    signed_in: TestClient, lobby: Lobby, client: TestClient
) -> None:
    key = key_in(send(signed_in, scope=["campaigns:write"]))
    with lobby.database.read() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        views = key_views.of_organisation(session, owner.id)
    assert [view.key.prefix for view in views] == [key.split("_")[1]]
    listed = client.get("/v1/keys", headers=bearer(key)).json()
    assert [row["name"] for row in listed] == ["our screen"]
    other = key_for(lobby, Scope.SIGNATURES_READ)
    assert client.delete(f"/v1/keys/{key.split('_')[1]}", headers=bearer(key)).status_code == 204
    with lobby.database.read() as session:
        live = key_views.live(session, owner.id, now=lobby.clock())
    assert [view.key.id for view in live] == [key_of(lobby, other).id]
