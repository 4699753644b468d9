"""The contract of the JSON API, from outside."""

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support import CAMPAIGN, CAN_SIGN, MINISTER, PETITION, SIGNED, Clock, text_of, token_in

from lobby.models import Scope
from lobby.services import api_keys, demonstration, official_apis, organisations
from lobby.services.errors import Unavailable
from lobby.services.lobby import Lobby

ANNA = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
ADDRESS = {"line1": "1 Example Street", "town": "Edinburgh", "postcode": CAN_SIGN}
BODY = "Dear MP,\n\nPlease sign the motion. My ward depends on these nurses every night.\n"
SIGN = f"/v1/petitions/{PETITION}/signatures"
Deliver = Callable[[], list[EmailMessage]]


def key_for(lobby: Lobby, *scopes: Scope, organisation: str | None = None) -> dict[str, str]:
    with lobby.database.write() as session:
        slug = organisation or demonstration.about().organisation
        owner = organisations.by_slug(session, slug)
        key = api_keys.create(session, organisation=owner, scopes=list(scopes), now=lobby.clock())
    return {"Authorization": f"Bearer {key}"}


def other_organisation(lobby: Lobby) -> str:
    with lobby.database.write() as session:
        organisations.create(session, name="Others", slug="others", now=lobby.clock())
    return "others"


def assert_problem(response: Any, status: int, code: str, *fields: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert {"type", "title", "detail"} <= body.keys()
    assert {error["field"] for error in body.get("errors", [])} == set(fields)


@pytest.mark.parametrize("spelling", ["EH1 1YZ", "eh11yz", " Eh1  1yz "])
def test_a_postcode_in_any_case_and_spacing_tells_seat_and_member(
    client: TestClient, spelling: str
) -> None:
    body = client.get(f"/v1/postcodes/{spelling}").json()
    assert body == {
        "postcode": "EH1 1YZ",
        "status": "found",
        "constituency": {
            "code": "S14000078",
            "name": "Edinburgh East and Musselburgh",
            "nation": "Scotland",
            "region": "Scotland",
        },
        "member": {
            "id": 900001,
            "name": "Morag Ferncastle",
            "party": "Scottish National Party",
            "constituency": "Edinburgh East and Musselburgh",
        },
    }


def test_a_postcode_that_nobody_knows_is_a_404_and_one_that_is_none_a_422(
    client: TestClient,
) -> None:
    assert_problem(client.get("/v1/postcodes/ZZ1 1ZZ"), 404, "postcode_unknown")
    assert_problem(client.get("/v1/postcodes/nonsense"), 422, "postcode_malformed", "postcode")


def test_a_crown_dependency_is_not_in_the_uk_parliament(client: TestClient) -> None:
    body = client.get("/v1/postcodes/JE2 3AB").json()
    assert body["status"] == "not_in_uk_parliament"
    assert body["constituency"] is None
    assert body["member"] is None


def test_a_campaign_tells_its_petitions_motion_totals_and_news(client: TestClient) -> None:
    body = client.get(f"/v1/campaigns/{CAMPAIGN}").json()
    assert body["organisation"]["is_demonstration"] is True
    assert [petition["slug"] for petition in body["petitions"]] == [PETITION]
    assert body["motion"]["number"] == "152"
    assert body["motion"]["signatories"] == 4
    assert body["totals"]["signatures"] == body["petitions"][0]["signature_count"] == 360
    assert body["updates"]


@pytest.mark.parametrize(
    "path",
    [f"/v1/campaigns/{CAMPAIGN}", f"/v1/petitions/{PETITION}", f"/v1/campaigns/{CAMPAIGN}/tally"],
)
def test_a_read_that_has_not_changed_is_a_304(client: TestClient, clock: Clock, path: str) -> None:
    first = client.get(path)
    assert first.status_code == 200
    clock.advance(seconds=30)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_unknown_slugs_are_404(client: TestClient) -> None:
    assert_problem(client.get("/v1/campaigns/none"), 404, "campaign_unknown")
    assert_problem(client.get("/v1/campaigns/none/tally"), 404, "campaign_unknown")
    assert_problem(client.get("/v1/petitions/none"), 404, "petition_unknown")
    response = client.post("/v1/petitions/none/signatures", json=ANNA)
    assert_problem(response, 404, "petition_unknown")


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
    assert "Morag Ferncastle" in body["letter"]["body"]
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
    assert withdrawn.json() == {"status": "withdrawn"}
    client.post(SIGN, json={**ANNA, "email": "ben@example.org"})
    (mail,) = deliver()
    disowned = client.post("/v1/signatures/disown", json={"token": token_in(mail, "disown")})
    assert disowned.json() == {"status": "rejected"}


def test_a_link_of_another_purpose_a_forged_and_an_expired_one_do_nothing(
    client: TestClient, deliver: Deliver, clock: Clock
) -> None:
    client.post(SIGN, json=ANNA)
    (mail,) = deliver()
    confirm, withdraw = token_in(mail, "confirm"), token_in(mail, "withdraw")
    # Not the last letter: some of its bits mean nothing in base64.
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


def test_the_tally_has_a_row_for_every_seat_and_honest_sums(client: TestClient) -> None:
    body = client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()
    assert len(body["rows"]) == body["members"]["total"] == 14
    assert body["members"] == {
        "total": 14,
        "seats_filled": 13,
        "can_sign": 8,
        "signed": 4,
        "withdrawn": 1,
    }
    seats = sum(row["signatures"] for row in body["rows"])
    sums = body["signatures"]
    assert seats + sums["unknown"] + sums["overseas"] == sums["confirmed"] == 360
    assert sum(row["letters_sent"] for row in body["rows"]) == body["letters"]["sent"] > 0
    assert body["motion"]["parliament_session"] == "2026-27"
    assert body["motion"]["sync_failed"] is False
    eligibilities = {row["eligibility"] for row in body["rows"]}
    assert eligibilities == {"can_sign", "convention", "cannot", "refuses", "vacant"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("standing=signed", 4),
        ("standing=withdrawn", 1),
        ("eligibility=vacant", 1),
        ("nation=Scotland", 1),
        ("region=london", 2),
        ("party=Sinn Féin", 1),
        ("standing=not_signed&eligibility=can_sign", 3),
    ],
)
def test_the_tally_is_filtered_by_rows_and_keeps_its_sums(
    client: TestClient, query: str, expected: int
) -> None:
    body = client.get(f"/v1/campaigns/{CAMPAIGN}/tally?{query}").json()
    assert len(body["rows"]) == expected
    assert body["members"]["total"] == 14


def test_the_tally_is_sorted_as_asked(client: TestClient) -> None:
    rows = client.get(f"/v1/campaigns/{CAMPAIGN}/tally?sort=-signatures").json()["rows"]
    counts = [row["signatures"] for row in rows]
    assert counts == sorted(counts, reverse=True)


def test_a_filter_that_does_not_exist_names_the_field(client: TestClient) -> None:
    for query, field in (("standing=maybe", "standing"), ("sort=colour", "sort")):
        response = client.get(f"/v1/campaigns/{CAMPAIGN}/tally?{query}")
        assert response.status_code == 422
        assert [error["field"] for error in response.json()["errors"]] == [field]


def test_the_tally_comes_as_csv_by_name_and_by_header(client: TestClient) -> None:
    by_name = client.get(f"/v1/campaigns/{CAMPAIGN}/tally.csv")
    by_header = client.get(f"/v1/campaigns/{CAMPAIGN}/tally", headers={"Accept": "text/csv"})
    assert by_name.text == by_header.text
    lines = by_name.text.splitlines()
    assert len(lines) == 15
    assert lines[0].startswith("constituency_code,constituency,nation,region,member_id,member")


def test_a_draft_follows_from_standing_and_eligibility(client: TestClient) -> None:
    drafts = {
        postcode: client.post(
            f"/v1/campaigns/{CAMPAIGN}/letters/draft",
            json={"postcode": postcode, "name": "Anna", "points": ["A point."], "personal": "Me."},
        ).json()
        for postcode in (CAN_SIGN, SIGNED, MINISTER)
    }
    assert [draft["variant"] for draft in drafts.values()] == ["ask", "thank", "minister"]
    assert all(draft["can_send"] for draft in drafts.values())
    ask = drafts[CAN_SIGN]
    assert "A point." in ask["body"]
    assert "Me." in ask["body"]
    assert ask["compose"]["mailto"].startswith("mailto:morag.ferncastle@example.org?subject=")
    assert "+" not in ask["compose"]["mailto"]
    assert "%0D%0A" in ask["compose"]["mailto"]


def test_no_letter_goes_to_a_vacant_seat_or_to_who_took_their_name_off(
    client: TestClient,
) -> None:
    for postcode, reason in (("NR2 1NH", "vacant"), ("BN1 1EE", "withdrawn")):
        draft = client.post(
            f"/v1/campaigns/{CAMPAIGN}/letters/draft", json={"postcode": postcode}
        ).json()
        assert draft["can_send"] is False
        assert draft["reason"] == reason
        letter = {
            **{name: ANNA[name] for name in ("name", "email")},
            "address": {**ADDRESS, "postcode": postcode},
            "subject": "A subject",
            "body": BODY,
        }
        response = client.post(f"/v1/campaigns/{CAMPAIGN}/letters", json=letter)
        assert_problem(response, 409, f"letter_{reason}")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"address": {**ADDRESS, "line1": ""}}, "address.line1"),
        ({"address": {**ADDRESS, "postcode": "nonsense"}}, "address.postcode"),
        ({"address": {**ADDRESS, "county": "Lothian"}}, "address.county"),
        ({"subject": "two\nlines"}, "subject"),
        ({"subject": ""}, "subject"),
        ({"subject": "=?utf-8?q?x?="}, "subject"),
        ({"body": "short"}, "body"),
        ({"body": "x" * 10_001}, "body"),
        ({"body": BODY + "\x00"}, "body"),
    ],
)
def test_a_bad_letter_names_the_field(
    client: TestClient, change: dict[str, Any], field: str
) -> None:
    letter = {
        "name": "Anna Example",
        "email": "anna@example.org",
        "address": ADDRESS,
        "subject": "A subject",
        "body": BODY,
    }
    response = client.post(f"/v1/campaigns/{CAMPAIGN}/letters", json={**letter, **change})
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_a_key_makes_a_campaign_and_a_petition(client: TestClient, lobby: Lobby) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    campaign = {"slug": "new", "title": "New", "summary": "A new one.", "motion_id": 900152}
    made = client.post("/v1/campaigns", json=campaign, headers=key)
    assert made.status_code == 201
    assert made.json()["motion"]["id"] == 900152
    petition = {"slug": "new-one", "action": "Do it", "addressed_to": "the House", "goal": 10}
    made = client.post("/v1/campaigns/new/petitions", json=petition, headers=key)
    assert made.status_code == 201
    assert made.json()["number"] == 2
    assert client.post("/v1/petitions/new-one/signatures", json=ANNA).status_code == 201
    assert_problem(client.post("/v1/campaigns", json=campaign, headers=key), 409, "exists_already")
    changed = client.patch("/v1/campaigns/new", json={"title": "Newer"}, headers=key)
    assert changed.json()["title"] == "Newer"
    assert changed.json()["summary"] == "A new one."


def test_a_draft_campaign_is_seen_by_its_own_organisation_only(
    client: TestClient, lobby: Lobby
) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    body = {"slug": "draft", "title": "Draft", "summary": "Not yet.", "status": "draft"}
    client.post("/v1/campaigns", json=body, headers=key)
    assert client.get("/v1/campaigns/draft", headers=key).status_code == 200
    assert_problem(client.get("/v1/campaigns/draft"), 404, "campaign_unknown")
    listed = [campaign["slug"] for campaign in client.get("/v1/campaigns").json()]
    assert listed == [CAMPAIGN]


def test_another_organisation_finds_nothing_of_ours_to_change_or_read(
    client: TestClient, lobby: Lobby
) -> None:
    every = (Scope.CAMPAIGNS_WRITE, Scope.SIGNATURES_READ, Scope.SIGNATURES_WRITE)
    key = key_for(lobby, *every, organisation=other_organisation(lobby))
    calls = [
        client.patch(f"/v1/campaigns/{CAMPAIGN}", json={"title": "Ours"}, headers=key),
        client.patch(f"/v1/petitions/{PETITION}", json={"action": "Ours"}, headers=key),
        client.post(f"/v1/campaigns/{CAMPAIGN}/petitions", json={}, headers=key),
        client.get(SIGN, headers=key),
        client.post(f"{SIGN}/bulk", json=[], headers=key),
    ]
    assert [call.status_code for call in calls] == [404, 404, 422, 404, 404]
    petition = {"slug": "theirs", "action": "Theirs", "addressed_to": "them"}
    call = client.post(f"/v1/campaigns/{CAMPAIGN}/petitions", json=petition, headers=key)
    assert call.status_code == 404


def test_keys_are_asked_for_and_checked(client: TestClient, lobby: Lobby) -> None:
    body = {"slug": "x", "title": "X", "summary": "X"}
    assert_problem(client.post("/v1/campaigns", json=body), 401, "key_missing")
    good = key_for(lobby, Scope.TALLIES_READ)
    assert_problem(client.post("/v1/campaigns", json=body, headers=good), 403, "scope_missing")
    for value in (good["Authorization"][:-2] + "xx", "Bearer nonsense", "Basic abc"):
        headers = {"Authorization": value}
        response = client.post("/v1/campaigns", json=body, headers=headers)
        assert_problem(response, 401, "key_invalid")
        assert response.headers["WWW-Authenticate"] == "Bearer"


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


def test_a_search_for_motions_needs_a_key_and_obeys_parliament(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    assert_problem(client.get("/v1/motions?query=NHS"), 401, "key_missing")
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    with lobby.database.write() as session:
        limited = Unavailable("motions_api_limited", "Wait.", 3100)
        official_apis.note_failed(session, "motions", limited, now=clock.now)
    unknown = {"slug": "x", "title": "X", "summary": "X", "motion_id": 77}
    for response in (
        client.get("/v1/motions?query=NHS", headers=key),
        client.post("/v1/campaigns", json=unknown, headers=key),
    ):
        assert_problem(response, 503, "motions_api_limited")
        assert int(response.headers["Retry-After"]) >= 3100
    assert client.get("/v1/motions", headers=key).status_code == 422


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
    found = client.get(f"{SIGN}?since={since}", headers=key).json()
    assert [signature["email"] for signature in found] == ["anna@example.org"]


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


def test_the_process_tells_how_it_is(client: TestClient) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").status_code == 200
    client.get(f"/v1/campaigns/{CAMPAIGN}")
    metrics = client.get("/metrics").text
    assert 'route="/v1/campaigns/{slug}"' in metrics
    assert CAMPAIGN not in metrics


def test_paths_that_do_not_exist_are_problems_too(client: TestClient) -> None:
    assert_problem(client.get("/v1/nothing"), 404, "http")
    assert_problem(client.delete(f"/v1/campaigns/{CAMPAIGN}"), 405, "http")


def test_every_answer_has_the_headers_of_safety(client: TestClient) -> None:
    for path in ("/", f"/v1/campaigns/{CAMPAIGN}", "/v1/nothing"):
        headers = client.get(path).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_petitions_that_are_made_at_once_get_a_number_each(
    client: TestClient, lobby: Lobby
) -> None:
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    slugs = [f"at-once-{number}" for number in range(8)]

    def make(slug: str) -> Any:
        body = {"slug": slug, "action": slug, "addressed_to": "Them"}
        return client.post(f"/v1/campaigns/{CAMPAIGN}/petitions", json=body, headers=key)

    with ThreadPoolExecutor(len(slugs)) as pool:
        answers = list(pool.map(make, slugs))
    assert [answer.status_code for answer in answers] == [201] * len(slugs)
    numbers = {answer.json()["number"] for answer in answers}
    assert len(numbers) == len(slugs)
    assert_problem(make(slugs[0]), 409, "exists_already")


def test_a_body_that_is_far_too_large_is_refused_early(client: TestClient) -> None:
    response = client.post(SIGN, content=b" " * 22_000_000)
    assert_problem(response, 413, "http")


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


def test_of_very_many_wrong_fields_some_are_told_and_how_many_there_are(client: TestClient) -> None:
    for path in (SIGN, f"/v1/campaigns/{CAMPAIGN}/letters/draft"):
        response = client.post(path, json={f"field{n}": n for n in range(10_000)})
        told = response.json()
        assert (response.status_code, len(told["errors"])) == (422, 50)
        assert "10,00" in told["detail"]
        assert len(response.content) < 10_000


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("path", "status"),
    [
        (SIGN, 400),
        (f"{SIGN}/bulk", 422),
        ("/api/v2/petitions/0197c5a0-0000-7000-8000-000000000001/signatures", 400),
        (f"/petitions/{PETITION}/sign", 400),
    ],
)
def test_a_sender_who_goes_away_half_way_is_no_failure_of_ours(
    client: TestClient, lobby: Lobby, path: str, status: int
) -> None:
    key = key_for(lobby, Scope.SIGNATURES_WRITE)["Authorization"]
    headers = {"content-type": "application/json", "content-length": "1000"}
    if path.endswith("bulk"):
        headers["authorization"] = key
    if path.endswith("sign"):
        headers["content-type"] = "application/x-www-form-urlencoded"
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
    }
    messages = [{"type": "http.request", "body": b"[{", "more_body": True}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    assert client.portal is not None
    client.portal.call(client.app, scope, receive, send)
    assert sent[0]["status"] == status


def test_a_path_with_a_nul_is_a_404(client: TestClient) -> None:
    for path in ("/v1/campaigns/%00", "/v1/petitions/a%00b", "/campaigns/%00"):
        assert client.get(path).status_code == 404


def test_head_answers_as_get_without_a_body(client: TestClient) -> None:
    for path in ("/", f"/v1/campaigns/{CAMPAIGN}"):
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]


def test_a_long_answer_travels_compressed(client: TestClient) -> None:
    response = client.get(f"/v1/campaigns/{CAMPAIGN}/tally", headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"


def test_the_api_describes_itself(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert "/v1/petitions/{slug}/signatures" in document["paths"]
    assert not [path for path in document["paths"] if path.startswith("/confirm")]
