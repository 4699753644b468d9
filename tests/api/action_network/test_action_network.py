"""Tests the Action Network API: its format, its filters and its limits."""

import json
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlmodel import col, func, select
from structlog.testing import capture_logs

import worker
from api.action_network import nothing_here
from core import logs
from main import create_app
from models import (
    Campaign,
    CampaignStatus,
    Petition,
    Scope,
    Signature,
    SignatureState,
    Submission,
    Supporter,
)
from services.assembly import Lobby
from tests.support.action_network import (
    READS,
    TOKEN,
    V2,
    Headers,
    assert_error,
    every_page,
    id_of,
    others_token,
    person,
    petition_id,
    revoke,
    signatures_of,
    token_for,
)
from tests.support.common import CAN_SIGN, PETITION, Clock, token_in
from tests.support.contract.routes import scopes_in

Deliver = Callable[[], list[EmailMessage]]
PRIVATE = ("people", "petitions", "tags", "advocacy_campaigns")


@pytest.fixture
def reader(lobby: Lobby) -> Headers:
    """Returns the token of an organisation's key that may read."""
    return token_for(lobby, *READS)


@pytest.fixture
def poster(lobby: Lobby) -> Headers:
    """Returns the token of a key that may only post."""
    return token_for(lobby)


@pytest.fixture
def signatures(lobby: Lobby) -> str:
    return signatures_of(lobby)


def rows(lobby: Lobby) -> int:
    """Returns how many submissions, signatures and people there are."""
    with lobby.database.read() as session:
        return sum(
            session.exec(select(func.count()).select_from(table)).one()
            for table in (Submission, Signature, Supporter)
        )


def standing(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(
            select(func.count()).where(Signature.state == SignatureState.CONFIRMED)
        ).one()


def confirm(client: TestClient, mail: EmailMessage) -> None:
    answer = client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
    assert answer.status_code == 200, answer.text


# ---- the entry point


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", [V2, f"{V2}/"])
def test_the_entry_point_tells_where_everything_is(
    client: TestClient, reader: Headers, path: str
) -> None:
    answer = client.get(path, headers=reader)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/hal+json"
    entry_point = answer.json()
    assert entry_point["motd"]
    assert entry_point["max_pagesize"] == 25
    for name in PRIVATE:
        assert entry_point["_links"][f"osdi:{name}"]["href"] == f"http://testserver{V2}/{name}"
    assert (
        entry_point["_links"]["osdi:person_signup_helper"]["href"]
        == f"http://testserver{V2}/people"
    )
    assert entry_point["links"]["self"] == f"http://testserver{V2}/"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("headers", [{}, {TOKEN: ""}, {TOKEN: "nonsense"}, {TOKEN: "lobby_x_y"}])
def test_without_a_good_token_the_entry_point_answers_without_private_links(
    client: TestClient, headers: Headers
) -> None:
    answer = client.get(f"{V2}/", headers=headers)
    assert answer.status_code == 200
    assert set(answer.json()["_links"]) == {"self", "docs", "curies"}


# ---- keys


def test_whatever_is_private_is_refused_without_a_good_token(
    client: TestClient, lobby: Lobby, signatures: str
) -> None:
    revoked = token_for(lobby, *READS)
    revoke(lobby, revoked)
    for headers in ({}, {TOKEN: ""}, {TOKEN: "nonsense"}, revoked):
        for path in (*(f"{V2}/{name}" for name in PRIVATE), signatures):
            assert_error(client.get(path, headers=headers), 403)


def test_a_bad_token_is_refused_where_none_would_be_the_public_form(
    client: TestClient, lobby: Lobby, signatures: str
) -> None:
    before = rows(lobby)
    for token in ("", "nonsense", f"lobby_{'0' * 12}_{'a' * 43}"):
        answer = client.post(signatures, headers={TOKEN: token}, json={"person": person()})
        assert_error(answer, 403)
    assert rows(lobby) == before


def test_a_key_of_the_other_api_alone_is_refused(
    client: TestClient, lobby: Lobby, signatures: str
) -> None:
    other = token_for(lobby, Scope.SIGNATURES_WRITE, Scope.SIGNATURES_READ)
    for path in (f"{V2}/petitions", signatures):
        assert_error(client.get(path, headers=other), 403, "scope action_network")
    answer = client.post(signatures, headers=other, json={"person": person()})
    assert_error(answer, 403, "scope action_network")


def test_people_are_told_only_to_keys_that_may_read_them(
    client: TestClient, lobby: Lobby, poster: Headers, signatures: str
) -> None:
    tag = id_of(client.post(f"{V2}/tags", headers=poster, json={"name": "x"}).json())
    for path in (f"{V2}/people", f"{V2}/people/{uuid4()}", signatures, f"{V2}/tags/{tag}/taggings"):
        assert_error(client.get(path, headers=poster), 403, "scope signatures:read")
    filtered = client.get(f"{V2}/people?filter=email_address eq 'anna@example.org'", headers=poster)
    assert_error(filtered, 403, "scope signatures:read")


def dialect_routes(app: FastAPI) -> dict[str, Any]:
    return {
        f"{method} {route.path}": route
        for route in iter_route_contexts(app.routes)
        if (route.path or "").startswith(V2)
        for method in route.methods or ()
    }


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_call_needs_a_key_or_is_meant_for_everybody(client: TestClient) -> None:
    assert isinstance(client.app, FastAPI)
    routes = dialect_routes(client.app)
    public = {call for call, route in routes.items() if not scopes_in(route.dependant)}
    assert public == {
        f"GET {V2}",
        f"OPTIONS {V2}/petitions/{{petition_id}}/signatures",
        f"POST {V2}/petitions/{{petition_id}}/signatures",
    }
    for call in routes.keys() - public:
        method, path = call.split(" ")
        for name in ("person", "petition", "signature", "tag", "tagging", "campaign", "outreach"):
            path = path.replace(f"{{{name}_id}}", str(uuid4()))
        assert_error(client.request(method, path, json={}), 403, "API Key invalid or not present")


# ---- format


def test_a_slash_at_the_end_changes_nothing_and_redirects_nobody(
    client: TestClient, reader: Headers, signatures: str, lobby: Lobby
) -> None:
    for path in (*(f"{V2}/{name}" for name in PRIVATE), signatures):
        with_slash = client.get(f"{path}/", headers=reader)
        assert with_slash.status_code == 200
        assert with_slash.json() == client.get(path, headers=reader).json()
    before = rows(lobby)
    answer = client.post(f"{signatures}/", headers=reader, json={"person": person()})
    assert answer.status_code == 200
    assert rows(lobby) == before + 2, "a submission, and the person whom a reader introduces"


def test_pages_have_25_at_most_and_lead_to_the_next_one(
    client: TestClient, reader: Headers, signatures: str
) -> None:
    first = client.get(signatures, headers=reader, params={"per_page": 100}).json()
    assert len(first["_embedded"]["osdi:signatures"]) == first["per_page"] == 25
    assert len(first["_links"]["osdi:signatures"]) == 25
    assert "prev" not in first["_links"]
    following = urlsplit(first["_links"]["next"]["href"])
    assert parse_qs(following.query)["page"] == ["2"]
    second = client.get(f"{following.path}?{following.query}", headers=reader).json()
    assert second["page"] == 2
    assert not {id_of(signature) for signature in first["_embedded"]["osdi:signatures"]} & {
        id_of(signature) for signature in second["_embedded"]["osdi:signatures"]
    }


def test_a_page_past_the_end_is_empty_and_leads_nowhere(
    client: TestClient, reader: Headers, signatures: str
) -> None:
    for path in (*(f"{V2}/{name}" for name in PRIVATE), signatures):
        for page in ("1000", "9" * 30):
            answer = client.get(path, headers=reader, params={"page": page})
            assert answer.status_code == 200
            (name,) = answer.json()["_embedded"]
            assert answer.json()["_embedded"][name] == []
            assert "next" not in answer.json()["_links"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("told", [{"page": "0"}, {"page": "-1"}, {"page": "x"}, {"per_page": "0"}])
def test_a_page_that_is_no_number_is_refused(
    client: TestClient, reader: Headers, told: dict[str, str]
) -> None:
    assert_error(client.get(f"{V2}/petitions", headers=reader, params=told), 400, *told)


@pytest.mark.slow
def test_pages_read_one_after_the_other_have_everything_once(
    client: TestClient, reader: Headers, signatures: str, lobby: Lobby
) -> None:
    listed = every_page(client, signatures, reader, "signatures")
    live = col(Signature.state).in_([SignatureState.PENDING, SignatureState.CONFIRMED])
    with lobby.database.read() as session:
        expected = set(session.exec(select(Signature.id).where(live)))
    assert {row["identifiers"][1] for row in listed} == {f"central_lobby:{i}" for i in expected}
    assert len(listed) == len(expected)


def test_everything_has_an_identifier_of_action_networks_first(
    client: TestClient, reader: Headers, signatures: str
) -> None:
    client.post(f"{V2}/tags", headers=reader, json={"name": "volunteer"})
    for path in (*(f"{V2}/{name}" for name in PRIVATE), signatures):
        listed = client.get(path, headers=reader).json()
        ((_, items),) = listed["_embedded"].items()
        assert items
        for item in items:
            item_id = id_of(item)
            assert str(UUID(item_id)) == item_id
            assert item["_links"]["self"]["href"].rpartition("/")[2] == item_id
        answer = client.get(urlsplit(items[0]["_links"]["self"]["href"]).path, headers=reader)
        assert answer.json() == items[0]


def test_a_petition_has_its_creator_in_the_form_of_a_person(
    client: TestClient, reader: Headers, lobby: Lobby
) -> None:
    petition = client.get(f"{V2}/petitions/{petition_id(lobby)}", headers=reader).json()
    assert petition["title"] == "Stop the sale of NHS Professionals"
    assert petition["target"][0]["name"] == "the Secretary of State for Health and Social Care"
    assert petition["browser_url"] == f"http://testserver/petitions/{PETITION}"
    assert petition["total_signatures"] > 0
    assert petition["_links"]["osdi:record_signature_helper"]["href"].endswith("/signatures")
    creator = petition["_embedded"]["osdi:creator"]
    assert creator["email_addresses"][0]["primary"] is True
    assert creator["phone_numbers"][0]["primary"] is True
    assert creator["postal_addresses"][0]["primary"] is True
    assert creator["languages_spoken"] == ["en"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_unknown_paths_and_methods_are_told_in_the_dialect(
    client: TestClient, reader: Headers
) -> None:
    assert_error(client.get(f"{V2}/unicorns", headers=reader), 404)
    assert_error(client.get(f"{V2}/petitions/{PETITION}", headers=reader), 404, "petition")
    assert_error(client.delete(f"{V2}/petitions", headers=reader), 405)
    assert_error(client.get(f"{V2}/people/{uuid4()}", headers=reader), 404, "person")
    assert_error(client.get(f"{V2}/tags/{uuid4()}", headers=reader), 404, "tag")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_nobody_has_here_is_an_empty_page(client: TestClient, poster: Headers) -> None:
    for name in nothing_here.NAMES:
        answer = client.get(f"{V2}/{name}", headers=poster, params={"per_page": 1})
        assert answer.status_code == 200
        of_system = name in ("campaigns", "event_campaigns", "surveys")
        kind = f"action_network:{name}" if of_system else f"osdi:{name}"
        assert answer.json()["_embedded"] == {kind: []}
        assert (answer.json()["total_records"], answer.json()["total_pages"]) == (0, 0)
        assert "next" not in answer.json()["_links"]
        entry_point = client.get(V2, headers=poster).json()
        assert urlsplit(entry_point["_links"][kind]["href"]).path == f"{V2}/{name}"
        assert_error(client.post(f"{V2}/{name}", headers=poster, json={}), 405)


# ---- filters


@pytest.mark.slow
def test_signatures_are_found_by_when_they_changed(
    client: TestClient, reader: Headers, signatures: str, lobby: Lobby, clock: Clock
) -> None:
    clock.advance(days=1)
    now = lobby.clock().isoformat().replace("+00:00", "Z")
    answer = client.post(signatures, headers=reader, json={"person": person()})
    signed = id_of(answer.json())
    worker.sort_submissions(lobby)

    def matching_ids(text: str) -> list[str]:
        response = client.get(signatures, headers=reader, params={"filter": text})
        assert response.status_code == 200, response.text
        return [id_of(signature) for signature in response.json()["_embedded"]["osdi:signatures"]]

    assert matching_ids(f"modified_date ge '{now}'") == [signed]
    assert matching_ids(f"modified_date gt '{now}'") == []
    assert signed not in matching_ids(f"modified_date lt '{now}'")
    assert len(matching_ids("modified_date gt '2014-03-25'")) == 25
    assert matching_ids("created_date lt '2014-03-25'") == []
    assert matching_ids("modified_date gt '2026-07-02T13:59:59+02:00'") == [signed]
    assert matching_ids("modified_date gt '2026-07-02T13:59:59 02:00'") == [signed]
    assert matching_ids(f"created_date ge '{now}' and modified_date le '{now}'") == [signed]


def test_a_filter_goes_along_to_the_next_page(
    client: TestClient, reader: Headers, signatures: str
) -> None:
    condition = "modified_date gt '2014-03-25'"
    first = client.get(signatures, headers=reader, params={"filter": condition}).json()
    query = parse_qs(urlsplit(first["_links"]["next"]["href"]).query)
    assert query == {"page": ["2"], "filter": [condition]}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "text",
    [
        "shoe_size eq '42'",
        "email_address gt 'a'",
        "modified_date eq '2014-03-25'",
        "modified_date gt 'yesterday'",
        "modified_date gt '0001-01-01T00:00:00+14:00'",
        "modified_date gt",
        "modified_date gt '2014-03-25' or modified_date lt '2015-03-25'",
        "modified_date gt '2014-03-25' and",
        "email_address eq 'a' and email_address eq 'b'",
        "'; DROP TABLE supporter; --",
        "x" * 501,
    ],
)
def test_a_filter_that_is_not_supported_is_refused(
    client: TestClient, reader: Headers, text: str
) -> None:
    answer = client.get(f"{V2}/people", headers=reader, params={"filter": text})
    assert_error(answer, 400, "filter", "not supported")


# ---- signing with a key


@pytest.mark.slow
def test_a_signature_is_pending_until_it_is_confirmed_by_mail(
    client: TestClient, reader: Headers, signatures: str, deliver: Deliver, lobby: Lobby
) -> None:
    petition = signatures.removesuffix("/signatures")
    before = client.get(petition, headers=reader).json()["total_signatures"]
    answer = client.post(
        signatures,
        headers=reader,
        json={
            "person": person(),
            "comments": "Keep it public",
            "action_network:referrer_data": {"source": "spring-email"},
        },
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/hal+json"
    signature = answer.json()
    assert signature["central_lobby:state"] == "pending"
    assert signature["comments"] == "Keep it public"
    assert signature["action_network:referrer_data"] == {"source": "spring-email"}
    assert client.get(petition, headers=reader).json()["total_signatures"] == before
    (mail,) = deliver()
    assert "anna@example.org" in mail["To"]
    client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
    assert client.get(petition, headers=reader).json()["total_signatures"] == before + 1
    again = client.get(urlsplit(signature["_links"]["self"]["href"]).path, headers=reader).json()
    assert again["central_lobby:state"] == "confirmed"
    someone = client.get(urlsplit(again["_links"]["osdi:person"]["href"]).path, headers=reader)
    supporter = someone.json()
    assert (supporter["given_name"], supporter["family_name"]) == ("Anna", "Example")
    assert supporter["postal_addresses"][0]["postal_code"] == CAN_SIGN
    assert id_of(supporter) == again["action_network:person_id"]


def test_a_key_that_may_not_read_learns_nothing_of_who_signed_before(
    client: TestClient, poster: Headers, signatures: str, deliver: Deliver, clock: Clock
) -> None:
    def sign(email: str) -> dict[str, Any]:
        body = {"person": person(email), "comments": "Please"}
        answer = client.post(signatures, headers=poster, json=body)
        assert answer.status_code == 200
        signature: dict[str, Any] = answer.json()
        return signature

    sign("anna@example.org")
    (mail,) = deliver()
    client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
    clock.advance(days=3)
    repeated, new = sign("anna@example.org"), sign("berta@example.org")

    assert len({id_of(repeated), id_of(sign("anna@example.org"))}) == 2, "each post has its own"

    def shape(signature: dict[str, Any]) -> Any:
        signature = json.loads(json.dumps(signature))
        for secret in (id_of(signature), signature["action_network:person_id"]):
            assert UUID(secret)
            signature = json.loads(json.dumps(signature).replace(secret, "ID"))
        return signature

    assert shape(repeated) == shape(new)
    assert repeated["created_date"] == repeated["modified_date"] == "2026-07-04T12:00:00Z"
    assert len(repeated["identifiers"]) == 1


def test_ids_do_not_tell_when_a_row_was_made(
    client: TestClient, poster: Headers, signatures: str, lobby: Lobby
) -> None:
    people = [
        client.post(signatures, headers=poster, json={"person": person(f"a{n}@example.org")}).json()
        for n in range(8)
    ]
    ids = [UUID(id_of(supporter)) for supporter in people]
    assert len({uuid.bytes[:4] for uuid in ids}) == len(ids), "UUIDv7s of a moment begin alike"
    assert {uuid.version for uuid in ids} != {7}
    with lobby.database.read() as session:
        own = set(session.exec(select(Submission.id)))
    assert len(own) == len(ids)
    assert not set(ids) & own


def test_a_repeated_signature_is_one(
    client: TestClient, reader: Headers, signatures: str, lobby: Lobby, deliver: Deliver
) -> None:
    def sign() -> str:
        return id_of(client.post(signatures, headers=reader, json={"person": person()}).json())

    before = standing(lobby)
    first, second = sign(), sign()
    assert first != second, "nobody knows yet which of them is confirmed"
    for mail in deliver():
        confirm(client, mail)
    assert standing(lobby) == before + 1
    assert sign() == sign() in (first, second)
    assert [mail["Subject"] for mail in deliver() if "confirm" in mail["Subject"].lower()] == []
    assert standing(lobby) == before + 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"given_name": "see https://example.org"}, "person.given_name"),
        ({"email_addresses": []}, "person.email_addresses"),
        ({"email_addresses": [{"address": "no address"}]}, "person.email_addresses"),
        ({"email_addresses": "anna@example.org"}, "person.email_addresses"),
        ({"postal_addresses": [{"postal_code": "XX"}]}, "person.postal_addresses.postal_code"),
        ({"postal_addresses": [{"country": "Utopia"}]}, "person.postal_addresses.country"),
        ({"languages_spoken": {"a": 1}}, "person.languages_spoken"),
    ],
)
@pytest.mark.parametrize("is_blind", [False, True])
def test_a_wrong_field_is_named_and_nothing_is_written(
    client: TestClient,
    reader: Headers,
    signatures: str,
    lobby: Lobby,
    parts: dict[str, Any],
    field: str,
    is_blind: bool,
) -> None:
    before = rows(lobby)
    headers = {} if is_blind else reader
    answer = client.post(signatures, headers=headers, json={"person": person(**parts)})
    assert_error(answer, 400, field)
    assert rows(lobby) == before


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"null",
        b"nonsense",
        b"\xff\xfe",
        b"a=%00&=",
        b"[" * 50_000,
        b'{"person": 5}',
        b'{"person": {"email_addresses": [[]]}}',
        b"",
        b"{}",
        b'{"person": ' * 2000 + b"1" + b"}" * 2000,
        b'{"_links": {"osdi:person": {"href": 5}}}',
        b'{"_links": {"osdi:person": {"href": "https://actionnetwork.org/api/v2/people/x"}}}',
        b'{"_links": {"osdi:person": "x"}}',
        b'{"person": {"given_name": "\\ud800"}}',
    ],
)
def test_a_malformed_body_is_refused(
    client: TestClient, reader: Headers, signatures: str, content: bytes
) -> None:
    for headers in (reader, {}):
        answer = client.post(
            signatures, headers=headers | {"Content-Type": "application/json"}, content=content
        )
        assert_error(answer, 400)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_oversized_body_is_refused(client: TestClient, reader: Headers, signatures: str) -> None:
    body = {"person": person(), "comments": "x" * 300_000}
    assert_error(client.post(signatures, headers=reader, json=body), 413, "200,000 bytes")
    assert_error(client.post(signatures, json=body), 413, "200,000 bytes")


def test_another_organisations_petition_is_not_there(
    client: TestClient, lobby: Lobby, signatures: str
) -> None:
    other = others_token(lobby, *READS)
    before = rows(lobby)
    petition = signatures.removesuffix("/signatures")
    assert_error(client.get(petition, headers=other), 404)
    assert_error(client.get(signatures, headers=other), 404)
    assert_error(client.post(signatures, headers=other, json={"person": person()}), 404)
    assert client.get(f"{V2}/petitions", headers=other).json()["_embedded"] == {
        "osdi:petitions": []
    }
    assert client.get(f"{V2}/people", headers=other).json()["_embedded"] == {"osdi:people": []}
    assert rows(lobby) == before


def test_a_closed_petition_takes_no_signature(
    client: TestClient, reader: Headers, signatures: str, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        session.exec(select(Campaign)).one().status = CampaignStatus.CLOSED
    assert_error(client.post(signatures, headers=reader, json={"person": person()}), 409, "closed")
    assert_error(client.post(signatures, json={"person": person()}), 409, "closed")


# ---- requests without a token


def test_a_browser_that_posts_blindly_is_answered_nothing(
    client: TestClient, signatures: str, deliver: Deliver, lobby: Lobby
) -> None:
    before = rows(lobby), standing(lobby)
    for _ in range(2):
        answer = client.post(signatures, json={"person": person(), "add_tags": ["whatever"]})
        assert (answer.status_code, answer.json()) == (200, {})
        assert answer.headers["access-control-allow-origin"] == "*"
    assert rows(lobby) == before[0] + 2, "two submissions, and nobody is introduced"
    mails = deliver()
    assert ["anna@example.org" in mail["To"] for mail in mails] == [True, True]
    for mail in mails:
        confirm(client, mail)
    assert standing(lobby) == before[1] + 1


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_browser_may_ask_before_it_posts_from_another_site(
    client: TestClient, signatures: str
) -> None:
    preflight = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    answer = client.options(signatures, headers=preflight)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "Content-Type, Idempotency-Key"


def test_a_blind_post_to_a_draft_does_not_tell_its_name(
    client: TestClient, signatures: str, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        session.exec(select(Petition)).one().state = "draft"  # type: ignore[assignment] # as stored
    answer = client.post(signatures, json={"person": person()})
    assert_error(answer, 404)
    assert PETITION not in answer.text


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_blind_post_cannot_link_to_a_person(client: TestClient, signatures: str) -> None:
    link = {"_links": {"osdi:person": {"href": f"https://actionnetwork.org/people/{uuid4()}"}}}
    assert_error(client.post(signatures, json=link), 400, "person")


# ---- limits


def test_requests_with_a_token_count_for_the_key(lobby: Lobby, signatures: str) -> None:
    limits = {"posts_per_address": 1, "posts_per_key": 3}
    app = create_app(lobby.settings.model_copy(update=limits), lobby=lobby)
    token = token_for(lobby)
    with TestClient(app, client=("192.0.2.1", 50000), follow_redirects=False) as client:
        body = {"person": person()}
        taken = [client.post(signatures, headers=token, json=body) for _ in range(3)]
        refused = client.post(signatures, headers=token, json=body)
        same_key = client.post(
            "/v1/signatures/confirm",
            headers={"Authorization": f"Bearer {token[TOKEN]}"},
            json={"token": "x"},
        )
        blind = [client.post(signatures, json=body).status_code for _ in range(2)]
    assert [answer.status_code for answer in taken] == [200, 200, 200]
    assert taken[0].headers["ratelimit"].startswith('"key";r=2')
    assert_error(refused, 429, "with your key")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert same_key.status_code == 429, "one key has one share, whichever header has it"
    assert blind == [200, 429], "without a token the address counts"


# ---- the log


def test_the_log_has_the_routes_and_nobody(
    client: TestClient, reader: Headers, signatures: str
) -> None:
    logs.configure(level="INFO")  # the other tests log errors only
    try:
        with capture_logs() as entries:
            params = {"filter": "email_address eq 'anna@example.org'"}
            client.get(f"{V2}/people/", headers=reader, params=params)
            client.post(signatures, headers=reader, json={"person": person()})
            client.post(f"{signatures}/", json={"person": person(email_addresses=[])})
    finally:
        logs.configure(level="ERROR")
    requests = [(entry["method"], entry["route"], entry["status"]) for entry in entries]
    sign = f"{V2}/petitions/{{petition_id}}/signatures"
    assert requests == [("GET", f"{V2}/people", 200), ("POST", sign, 200), ("POST", sign, 400)]
    assert "anna" not in str(entries).lower()
