"""Tests signatures in the JSON API: signing, lists and changes of state."""

import gzip
import json
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

import worker
from models import Membership, Scope
from services.assembly import Lobby
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, SIGNED, Clock, text_of, token_in
from tests.support.keys import key_for
from tests.support.problems import assert_problem

ANNA = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
ADDRESS = {"line1": "1 Example Street", "town": "Edinburgh", "postcode": CAN_SIGN}
SIGN = f"/v1/petitions/{PETITION}/signatures"
Deliver = Callable[[], list[EmailMessage]]


def test_signing_tells_the_seat_the_member_and_whether_they_signed(client: TestClient) -> None:
    response = client.post(SIGN, json={**ANNA, "postcode": SIGNED})
    assert response.status_code == 201
    body = response.json()
    assert body["status"] == "pending"
    assert body["id"] is None
    assert body["constituency"]["name"] == "Manchester Central"
    assert body["member"]["name"] == "Adaeze Hartwhistle"
    assert body["motion"] == {
        "number": "152",
        "title": "Sale of NHS Professionals",
        "signed_by_member": True,
    }


@pytest.mark.parametrize("country", ["GB", "FR"])
def test_without_an_mp_nobody_can_say_whether_they_signed(
    client: TestClient, lobby: Lobby, country: str
) -> None:
    with lobby.database.write() as session:
        statement = select(Membership).where(col(Membership.ends_on).is_(None))
        for membership in session.exec(statement):
            membership.ends_on = lobby.clock().date()
    body = client.post(SIGN, json={**ANNA, "country": country}).json()
    assert body["member"] is None
    assert body["motion"]["signed_by_member"] is None


@pytest.mark.parametrize("locale", ["en", "cy"])
def test_the_answer_tells_in_which_language_the_email_comes(
    client: TestClient, deliver: Deliver, locale: str
) -> None:
    body = client.post(SIGN, json={**ANNA, "locale": locale}).json()
    assert body["locale"] == "en", "no email has Welsh words yet"
    (mail,) = deliver()
    assert "Hello," in text_of(mail)
    token = token_in(mail, "confirm")
    confirmed = client.post("/v1/signatures/confirm", json={"token": token}).json()
    assert confirmed["letter"]["locale"] == "en"


def test_a_repeated_signature_gets_the_same_answer_as_a_new_one(client: TestClient) -> None:
    first = client.post(SIGN, json=ANNA)
    again = client.post(SIGN, json=ANNA)
    assert (first.status_code, first.json()) == (again.status_code, again.json())


def test_a_key_that_may_read_signatures_is_told_the_id(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.SIGNATURES_READ)
    assert client.post(SIGN, json=ANNA, headers=key).json()["id"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"postcode": "nonsense"}, "postcode"),
        ({"postcode": ""}, "postcode"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "See http://spam.example"}, "name"),
        ({"name": "Anna\r\nBcc: all@example.org"}, "name"),
        ({"name": "=?utf-8?q?=0D=0ABcc?="}, "name"),
        ({"email": "not-an-address"}, "email"),
        ({"email": "a@b\r\nBcc: c@example.org"}, "email"),
        ({"country": "Britain"}, "country"),
        ({"comment": "x" * 1001}, "comment"),
        ({"locale": "fr"}, "locale"),
        ({"surname": "Example"}, "surname"),
        ({"consents": {"everything": True}}, "consents.everything"),
        ({"consents": {"updates": "perhaps"}}, "consents.updates"),
    ],
)
def test_bad_input_names_the_field_and_is_not_repeated(
    client: TestClient, change: dict[str, Any], field: str
) -> None:
    response = client.post(SIGN, json={**ANNA, **change})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert "anna@example.org" not in response.text


def test_missing_fields_are_all_named_at_once(client: TestClient) -> None:
    assert_problem(client.post(SIGN, json={}), 422, "invalid", "name", "email", "postcode")


@pytest.mark.parametrize("content", [b"{", b"[]", b"null", b'"text"', b"\xff\xfe"])
def test_a_body_that_is_no_object_is_a_422(client: TestClient, content: bytes) -> None:
    response = client.post(SIGN, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.slow
def test_the_whole_way_of_a_supporter(client: TestClient, deliver: Deliver) -> None:
    count = client.get(f"/v1/petitions/{PETITION}").json()["signature_count"]
    client.post(SIGN, json={**ANNA, "consents": {"updates": True}})
    (mail,) = deliver()
    token = token_in(mail, "confirm")

    confirmed = client.post("/v1/signatures/confirm", json={"token": token})
    assert confirmed.status_code == 200
    body = confirmed.json()
    assert body["status"] == "confirmed"
    assert body["petition"] == {"slug": PETITION, "signature_count": count + 1}
    assert body["letter"]["variant"] == "ask"
    assert body["member"]["name"] == "Morag Ferncastle"
    assert body["letter"]["body"].startswith("Dear Ms Ferncastle,\n")
    again = client.post("/v1/signatures/confirm", json={"token": token})
    assert again.json() == body

    letter = {
        "name": ANNA["name"],
        "email": ANNA["email"],
        "address": ADDRESS,
        "subject": body["letter"]["subject"],
        "body": body["letter"]["body"],
    }
    pending = client.post(f"/v1/campaigns/{CAMPAIGN}/letters", json=letter)
    assert pending.status_code == 201
    assert pending.json()["status"] == "pending"
    (mail,) = deliver()
    assert mail["To"] == ANNA["email"]
    token = token_in(mail, "letters/confirm")
    queued = client.post("/v1/letters/confirm", json={"token": token})
    assert queued.json()["status"] == "queued"
    (sent,) = deliver()
    assert sent["To"] == "morag.ferncastle@example.org"
    assert sent["Reply-To"] == "Anna Example <anna@example.org>"
    assert "Anna Example <post@lobby.example.org>" in sent["From"]
    assert "1 Example Street" in text_of(sent)
    assert client.post("/v1/letters/confirm", json={"token": token}).json()["status"] == "sent"
    assert deliver() == []

    tally = client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()
    row = next(row for row in tally["rows"] if row["constituency"]["code"] == "S14000078")
    assert row["letters_sent"] >= 1
    assert tally["signatures"]["confirmed"] == count + 1


def test_a_signature_can_be_withdrawn_and_disowned_with_the_links_in_the_mail(
    client: TestClient, deliver: Deliver
) -> None:
    client.post(SIGN, json=ANNA)
    (mail,) = deliver()
    withdrawn = client.post("/v1/signatures/withdraw", json={"token": token_in(mail, "withdraw")})
    assert withdrawn.json() == {"status": "withdrawn", "state": "withdrawn"}
    client.post(SIGN, json={**ANNA, "email": "ben@example.org"})
    (mail,) = deliver()
    rejected = client.post("/v1/signatures/disown", json={"token": token_in(mail, "disown")})
    assert rejected.json() == {"status": "rejected", "state": "rejected"}


def test_a_link_of_another_purpose_a_forged_and_an_expired_one_do_nothing(
    client: TestClient, deliver: Deliver, clock: Clock
) -> None:
    client.post(SIGN, json=ANNA)
    (mail,) = deliver()
    confirm, withdraw = token_in(mail, "confirm"), token_in(mail, "withdraw")
    # Not the last letter: base64 ignores some of its bits.
    forged = confirm[:-5] + ("A" if confirm[-5] != "A" else "B") + confirm[-4:]
    for token in (withdraw, forged, "x", "ü"):
        response = client.post("/v1/signatures/confirm", json={"token": token})
        assert_problem(response, 422, "token_invalid", "token")
    clock.advance(days=15)
    response = client.post("/v1/signatures/confirm", json={"token": confirm})
    assert_problem(response, 410, "token_expired")


def test_a_closed_petition_says_so(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    closed = client.patch(f"/v1/petitions/{PETITION}", json={"state": "closed"}, headers=key)
    assert closed.json()["is_open"] is False
    assert_problem(client.post(SIGN, json=ANNA), 409, "petition_closed")


def test_signatures_are_read_page_by_page_with_a_link(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.SIGNATURES_READ)
    url: str | None = f"{SIGN}?limit=150&state=confirmed"
    seen: list[str] = []
    while url:
        response = client.get(url, headers=key)
        seen += [signature["id"] for signature in response.json()]
        link = response.headers.get("Link")
        url = link.partition(">")[0].strip("<") if link else None
    assert len(seen) == len(set(seen)) == 360
    first = client.get(f"{SIGN}?limit=1", headers=key).json()[0]
    assert first["email"].endswith("@example.org")
    bad = client.get(f"{SIGN}?cursor=nonsense", headers=key)
    assert_problem(bad, 422, "cursor_invalid", "cursor")


def test_a_link_to_the_next_page_takes_no_key_out_of_https(
    client: TestClient, lobby: Lobby
) -> None:
    lobby.settings.base_url = "https://lobby.example.org"
    key = key_for(lobby, Scope.SIGNATURES_READ)
    link = client.get(f"{SIGN}?limit=1", headers=key).headers["Link"]
    assert link.startswith(f"<https://lobby.example.org{SIGN}?limit=1&cursor=")


def test_what_changed_since_a_time_can_be_asked_for(
    client: TestClient, lobby: Lobby, clock: Clock, deliver: Deliver
) -> None:
    key = key_for(lobby, Scope.SIGNATURES_READ)
    client.post(SIGN, json=ANNA)
    (mail,) = deliver()
    clock.advance(days=1)
    since = clock.now.isoformat().replace("+00:00", "Z")
    assert client.get(f"{SIGN}?since={since}", headers=key).json() == []
    client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
    changed = client.get(f"{SIGN}?since={since}", headers=key).json()
    assert [signature["email"] for signature in changed] == ["anna@example.org"]


def test_bulk_takes_what_is_good_and_tells_what_is_not(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.SIGNATURES_WRITE)
    rows = [ANNA, {**ANNA, "email": "bad"}, ANNA, {**ANNA, "email": "ben@example.org"}, 7]
    body = client.post(f"{SIGN}/bulk", json=rows, headers=key).json()
    statuses = [result["status"] for result in body["results"]]
    assert statuses == ["accepted", "rejected", "duplicate", "accepted", "rejected"]
    assert (body["accepted"], body["duplicates"], body["rejected"]) == (2, 1, 2)
    assert body["results"][1]["errors"][0]["field"] == "email"
    again = client.post(f"{SIGN}/bulk", json=[ANNA], headers=key).json()
    assert again["duplicates"] == 0, "only a key that may read signatures is told"
    reader = key_for(lobby, Scope.SIGNATURES_WRITE, Scope.SIGNATURES_READ)
    worker.sort_submissions(lobby)
    again = client.post(f"{SIGN}/bulk", json=[ANNA], headers=reader).json()
    assert again["duplicates"] == 1


def test_bulk_takes_ndjson_and_gzip(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.SIGNATURES_WRITE)
    lines = json.dumps(ANNA) + "\n{broken\n" + json.dumps({**ANNA, "email": "b@example.org"})
    headers = {
        **key,
        "Content-Type": "application/x-ndjson",
        "Content-Encoding": "gzip",
    }
    content = gzip.compress(lines.encode())
    body = client.post(f"{SIGN}/bulk", content=content, headers=headers).json()
    statuses = [result["status"] for result in body["results"]]
    assert statuses == ["accepted", "rejected", "accepted"]


@pytest.mark.slow
def test_bulk_refuses_too_much_and_nonsense(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.SIGNATURES_WRITE)
    too_many = client.post(f"{SIGN}/bulk", json=[ANNA] * 5001, headers=key)
    assert_problem(too_many, 422, "too_many_rows", "body")
    assert_problem(client.post(f"{SIGN}/bulk", json={}, headers=key), 422, "not_an_array", "body")
    bomb = gzip.compress(b" " * 30_000_000)
    headers = {**key, "Content-Encoding": "gzip", "Content-Type": "application/json"}
    response = client.post(f"{SIGN}/bulk", content=bomb, headers=headers)
    assert_problem(response, 422, "too_large", "body")
    response = client.post(f"{SIGN}/bulk", content=b"not gzip", headers=headers)
    assert_problem(response, 422, "gzip_invalid", "body")


def test_only_a_bulk_post_may_be_large(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.SIGNATURES_WRITE, Scope.CAMPAIGNS_WRITE)
    content = b"[" + b" " * 200_000 + b"]"
    paths = [SIGN, f"/v1/campaigns/{CAMPAIGN}/letters/draft", "/v1/campaigns"]
    for path in paths:
        assert_problem(client.post(path, content=content, headers=key), 413, "http")
    page = f"/petitions/{PETITION}/sign"
    assert client.post(page, data={"name": "a" * 200_000}).status_code == 413
    assert client.post(f"{SIGN}/bulk", content=content, headers=key).status_code == 200
    variants = f"/v1/campaigns/{CAMPAIGN}/letters/variants"
    assert client.put(variants, content=content, headers=key).status_code == 422
