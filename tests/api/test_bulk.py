"""Tests signatures in bulk: limits, errors of the request, and errors of single rows."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, func, select

import worker
from api.schemas.signature import BulkAnswer
from models import OutboxMessage, Scope, Signature, SignatureState, Submission
from services.assembly import Lobby
from services.campaigns import petitions
from services.operations import recounts
from services.signatures import signature_states
from services.signatures.recording import SignatureRequest
from tests.support.common import CAN_SIGN, PETITION, Clock
from tests.support.database.query_plans import sent_statements
from tests.support.keys import Headers, key_for, others_key
from tests.support.partners import SECOND, add_second_petition
from tests.support.problems import assert_problem
from tests.support.signatures import confirm, record, sign_and_confirm, sign_and_sort

ANNA: dict[str, Any] = {"name": "Anna", "email": "anna@example.org", "postcode": CAN_SIGN}
BEN = ANNA | {"email": "ben@example.org"}
BULK = f"/v1/petitions/{PETITION}/signatures/bulk"
PENDING = f"/v1/petitions/{PETITION}/signatures?state=pending&limit=200"
PAPER = "paper, Leeds stall, 3 May 2026"
ON_PAPER = ANNA | {"provenance": PAPER, "signed_at": "2026-05-03T12:00:00+01:00"}
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture
def writer(lobby: Lobby) -> Headers:
    return key_for(lobby, Scope.SIGNATURES_WRITE)


@pytest.fixture
def reader(lobby: Lobby) -> Headers:
    return key_for(lobby, Scope.SIGNATURES_WRITE, Scope.SIGNATURES_READ)


@pytest.fixture
def importer(lobby: Lobby) -> Headers:
    scopes = Scope.SIGNATURES_WRITE, Scope.SIGNATURES_READ, Scope.SIGNATURES_IMPORT
    return key_for(lobby, *scopes)


@pytest.fixture(autouse=True)
def _tallies_are_exact(lobby: Lobby) -> Iterator[None]:
    yield
    with lobby.database.read() as session:
        assert recounts.wrong_signatures(session) == []


def post(client: TestClient, key: Headers, content: Any, **headers: str) -> Any:
    """Posts bytes unchanged and anything else as JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(BULK, content=body, headers={**JSON, **key, **named})


def statuses(response: Any) -> list[str]:
    """Checks the answer against its model and returns the status of each row."""
    assert response.status_code == 200, response.text
    answer = BulkAnswer.model_validate(response.json())
    values = [result.status for result in answer.results]
    assert [result.index for result in answer.results] == list(range(len(values)))
    counted = [values.count(status) for status in ("accepted", "duplicate", "rejected")]
    assert [answer.accepted, answer.duplicates, answer.rejected] == counted
    return [str(value) for value in values]


def errors(response: Any, place: int) -> set[tuple[str, str]]:
    return {
        (error["field"], error["code"]) for error in response.json()["results"][place]["errors"]
    }


def signature_count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(Signature)).one()


def submission_count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(Submission)).one()


def email_count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(OutboxMessage)).one()


def confirmed_count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return petitions.count(session, petitions.public(session, PETITION).id)


# ---- errors of the request

ROW = json.dumps(ANNA).encode()


@pytest.mark.parametrize(
    ("content", "headers", "code"),
    [
        (b"[" + b",".join([ROW] * 5001) + b"]", JSON, "too_many_rows"),
        (b"\n".join([ROW] * 5001), NDJSON, "too_many_rows"),
        (b"7\n" * 5_000_000, NDJSON, "too_many_rows"),
        (b" " * 20_500_000, JSON, "too_large"),
        (gzip.compress(b" " * 30_000_000), JSON | GZIP, "too_large"),
        (gzip.compress(b" " * 15_000_000) * 2, JSON | GZIP, "too_large"),
        (b"no gzip", JSON | GZIP, "gzip_invalid"),
        (gzip.compress(b"[" + ROW + b"]")[:-20], JSON | GZIP, "gzip_invalid"),
        (gzip.compress(b"[" + ROW + b"]")[:-1] + b"x", JSON | GZIP, "gzip_invalid"),
        (b"", JSON, "json_invalid"),
        (b"{", JSON, "json_invalid"),
        (b"[" + ROW, JSON, "json_invalid"),
        (b"[" * 100_000, JSON, "json_invalid"),
        (b"[" * 100_000 + b"]" * 100_000, JSON, "json_invalid"),
        (b"[{" + b'"a":{' * 50_000, JSON, "json_invalid"),
        (b"[" + b"1" * 5000 + b"]", JSON, "json_invalid"),
        (b'["\xff"]', JSON, "json_invalid"),
        (b"null", JSON, "not_an_array"),
        (b"7", JSON, "not_an_array"),
        (b'"text"', JSON, "not_an_array"),
        (ROW, JSON, "not_an_array"),
    ],
    ids=range(21),
)
def test_a_body_that_is_too_much_or_nonsense_is_refused_and_writes_nothing(
    client: TestClient, lobby: Lobby, writer: Headers, content: bytes, headers: Headers, code: str
) -> None:
    before = signature_count(lobby), submission_count(lobby)
    response = client.post(BULK, content=content, headers={**writer, **headers})
    assert_problem(response, 422, code, "body")
    assert (signature_count(lobby), submission_count(lobby)) == before


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Type": "text/csv"}, "content_type_unsupported"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "content_type_unsupported"),
        ({"Content-Type": "application/jsonx"}, "content_type_unsupported"),
        ({"Content-Type": "text/plain; x=application/x-ndjson"}, "content_type_unsupported"),
        ({"Content-Type": ""}, "content_type_unsupported"),
        ({"Content-Encoding": "br"}, "encoding_unsupported"),
        ({"Content-Encoding": "gzip, gzip"}, "encoding_unsupported"),
    ],
)
def test_another_form_of_body_is_a_415(
    client: TestClient, writer: Headers, headers: Headers, code: str
) -> None:
    response = client.post(BULK, content=b"[]", headers={**JSON, **writer, **headers})
    assert_problem(response, 415, code)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", None])
def test_json_may_be_named_in_several_ways_or_not_at_all(
    client: TestClient, writer: Headers, kind: str | None
) -> None:
    headers = {**writer, "Content-Type": kind} if kind else writer
    response = client.post(BULK, content=b"[" + ROW + b"]", headers=headers)
    assert statuses(response) == ["accepted"]


@pytest.mark.parametrize(("content", "headers"), [(b"[]", JSON), (b"\n \n", NDJSON)])
def test_no_rows_are_none_and_no_error(
    client: TestClient, writer: Headers, content: bytes, headers: Headers
) -> None:
    response = client.post(BULK, content=content, headers={**writer, **headers})
    assert statuses(response) == []


def test_another_organisations_key_finds_no_petition(client: TestClient, lobby: Lobby) -> None:
    key = others_key(lobby, Scope.SIGNATURES_WRITE, Scope.SIGNATURES_IMPORT)
    assert_problem(post(client, key, [ON_PAPER]), 404, "petition_unknown")


# ---- errors of rows


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("null", "body", "model_type"),
        ("7", "body", "model_type"),
        ("[]", "body", "model_type"),
        ("123456789012345678901234567890", "body", "model_type"),
        ("{}", "name", "missing"),
        ('{"name": 123456789012345678901234567890}', "name", "string_type"),
        ('{"name": 1e400}', "name", "string_type"),
        ('{"name": NaN}', "name", "string_type"),
        ('{"name": null}', "name", "string_type"),
        ('{"name": "\\ud800"}', "name", "string_unicode"),
        ('{"name": "a\\u0000"}', "name", "control_character"),
        ('{"name": ' + "[" * 900 + "]" * 900 + "}", "name", "string_type"),
        ('{"consents": null}', "consents", "model_type"),
        ('{"consents": {"updates": "maybe"}}', "consents.updates", "bool_parsing"),
        ('{"\\ud83d": 1}', "body", "string_unicode"),
        ('{"' + "x" * 5000 + '": 1}', "x" * 100, "unknown_field"),
        ('{"signed_at": 1777777777}', "signed_at", "moment_malformed"),
        ('{"signed_at": "yesterday"}', "signed_at", "datetime_from_date_parsing"),
        ('{"signed_at": "2026-05-03T12:00:00"}', "signed_at", "timezone_aware"),
        ('{"provenance": 7}', "provenance", "string_type"),
    ],
)
@pytest.mark.parametrize("form", ["array", "lines"])
def test_a_bad_row_is_told_by_its_field_and_spoils_no_other(
    client: TestClient, importer: Headers, form: str, row: str, field: str, code: str
) -> None:
    rows = [json.dumps(ANNA), row, json.dumps(BEN)]
    content = "\n".join(rows) if form == "lines" else f"[{','.join(rows)}]"
    headers = NDJSON if form == "lines" else JSON
    response = client.post(BULK, content=content.encode(), headers={**importer, **headers})
    assert statuses(response) == ["accepted", "rejected", "accepted"]
    assert (field, code) in errors(response, 1)


@pytest.mark.parametrize("line", [b"{", b"{broken", b"\xff", b"1" * 5000, b"[" * 100_000])
def test_a_broken_line_spoils_no_other(client: TestClient, writer: Headers, line: bytes) -> None:
    content = b"\r\n".join([ROW, line, b"", json.dumps(BEN).encode()])
    response = client.post(BULK, content=content, headers={**writer, **NDJSON})
    assert statuses(response) == ["accepted", "rejected", "accepted"]
    assert errors(response, 1) == {("", "json_invalid")}


@pytest.mark.slow
def test_a_row_of_nothing_but_unknown_fields_does_not_make_an_endless_answer(
    client: TestClient, writer: Headers
) -> None:
    response = post(client, writer, [{f"field{n}": n for n in range(100_000)}, ANNA])
    assert statuses(response) == ["rejected", "accepted"]
    assert len(response.content) < 1000


def test_a_row_never_comes_back_in_its_error(client: TestClient, writer: Headers) -> None:
    response = post(client, writer, [ANNA | {"email": "not.an.address", "postcode": "secret"}])
    assert "not.an.address" not in response.text
    assert "secret" not in response.text


def test_gzip_in_several_parts_loses_none(client: TestClient, writer: Headers) -> None:
    parts = gzip.compress(ROW + b"\n"), gzip.compress(json.dumps(BEN).encode())
    response = client.post(BULK, content=b"".join(parts), headers={**writer, **NDJSON, **GZIP})
    assert statuses(response) == ["accepted", "accepted"]


def test_gzip_in_parts_without_end_is_refused(client: TestClient, writer: Headers) -> None:
    content = gzip.compress(b"[]") + gzip.compress(b"") * 5000
    response = client.post(BULK, content=content, headers={**writer, **JSON, **GZIP})
    assert_problem(response, 422, "gzip_invalid", "body")


def test_duplicates_in_one_batch_are_told_to_every_key(
    client: TestClient, lobby: Lobby, writer: Headers
) -> None:
    before, sent = submission_count(lobby), email_count(lobby)
    rows = [ANNA, BEN, ANNA, ANNA | {"email": "Anna@EXAMPLE.org".replace("A", "a")}, BEN]
    response = post(client, writer, rows)
    assert statuses(response) == ["accepted", "accepted", "duplicate", "duplicate", "duplicate"]
    worker.sort_submissions(lobby)
    assert (submission_count(lobby), email_count(lobby)) == (before + 2, sent + 2)


def test_ids_are_for_keys_that_may_read(
    client: TestClient, lobby: Lobby, writer: Headers, reader: Headers
) -> None:
    assert [result["id"] for result in post(client, writer, [ANNA, BEN]).json()["results"]] == [
        None
    ] * 2
    worker.sort_submissions(lobby)
    again = post(client, reader, [ANNA, BEN | {"name": "Ben"}, ANNA])
    assert statuses(again) == ["duplicate"] * 3
    ids = [result["id"] for result in again.json()["results"]]
    assert ids[0] == ids[2]
    with lobby.database.read() as session:
        assert session.get(Submission, UUID(ids[0])) is not None, "that of this post"
    worker.sort_submissions(lobby)
    listed = {row["id"]: row["name"] for row in client.get(PENDING, headers=reader).json()}
    assert [listed[row_id] for row_id in ids[:2]] == ["Anna", "Ben"]


def test_the_id_of_somebody_who_has_signed_is_that_of_the_signature(
    client: TestClient, lobby: Lobby, reader: Headers
) -> None:
    ids = [result["id"] for result in post(client, reader, [ANNA, BEN]).json()["results"]]
    confirm(lobby, UUID(ids[0]))
    again = post(client, reader, [ANNA, BEN | {"email": "cara@example.org"}, ANNA])
    assert statuses(again) == ["duplicate", "accepted", "duplicate"]
    results = again.json()["results"]
    assert results[0]["id"] == results[2]["id"] == ids[0]
    single = client.post(BULK.removesuffix("/bulk"), json=ANNA, headers=reader).json()
    assert single["id"] == ids[0]


def test_what_came_in_the_last_second_is_not_known_yet(
    client: TestClient, lobby: Lobby, reader: Headers
) -> None:
    assert statuses(post(client, reader, [ANNA])) == ["accepted"]
    assert statuses(post(client, reader, [ANNA])) == ["accepted"]
    worker.sort_submissions(lobby)
    assert statuses(post(client, reader, [ANNA])) == ["duplicate"]


def test_who_has_signed_another_petition_is_no_duplicate(
    client: TestClient, lobby: Lobby, reader: Headers
) -> None:
    add_second_petition(lobby)
    request = SignatureRequest(SECOND, "Anna", ANNA["email"], CAN_SIGN)
    confirm(lobby, sign_and_sort(lobby, request)[0])
    sign_and_sort(lobby, replace(request, email=BEN["email"]))
    assert statuses(post(client, reader, [ANNA, BEN])) == ["accepted", "accepted"]


def test_who_has_withdrawn_is_no_duplicate(
    client: TestClient, lobby: Lobby, reader: Headers, clock: Clock
) -> None:
    (made,) = post(client, reader, [ANNA]).json()["results"]
    confirm(lobby, UUID(made["id"]))
    with lobby.database.write() as session:
        signature_states.withdraw(session, UUID(made["id"]), now=clock.now)
    again = post(client, reader, [ANNA])
    assert statuses(again) == ["accepted"]
    assert again.json()["results"][0]["id"] != made["id"]


def test_a_repeated_request_gets_its_first_answer_whoever_has_signed_since(
    client: TestClient, lobby: Lobby, reader: Headers
) -> None:
    first = post(client, reader, [ANNA], Idempotency_Key="once")
    assert statuses(first) == ["accepted"]
    confirm(lobby, UUID(first.json()["results"][0]["id"]))
    again = post(client, reader, [ANNA], Idempotency_Key="once")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()


def test_a_key_that_may_not_read_gets_the_same_work_and_answer_for_every_address(
    client: TestClient, lobby: Lobby, writer: Headers, clock: Clock
) -> None:
    """Nothing is asked about the address: the statements are the same, in the same order."""
    people = {
        state: ANNA | {"email": f"{state}@example.org"}
        for state in ("unknown", "new", "asked", "confirmed", "withdrawn", "disowned")
    }
    requests = {
        state: SignatureRequest(PETITION, "Anna", person["email"], CAN_SIGN)
        for state, person in people.items()
    }
    sign_and_sort(lobby, requests["asked"])
    for state in ("confirmed", "withdrawn", "disowned"):
        (row_id,) = sign_and_confirm(lobby, requests[state])
        with lobby.database.write() as session:
            if state == "withdrawn":
                signature_states.withdraw(session, row_id, now=clock.now)
            if state == "disowned":
                signature_states.disown(session, row_id, now=clock.now)
    record(lobby, [requests["new"]])
    post(client, writer, [BEN])  # what is cached is cached
    seen = {}
    for state, person in people.items():
        with sent_statements() as sent:
            answer = post(client, writer, [person])
        seen[state] = answer.json(), [text for text, _ in sent]
    assert all(answer == seen["unknown"] for answer in seen.values()), seen
    assert seen["unknown"][0]["accepted"] == 1


def test_a_key_that_may_read_takes_two_look_ups_for_any_number_of_rows(
    client: TestClient, writer: Headers, reader: Headers
) -> None:
    def statements(key: Headers, count: int) -> int:
        rows = [ANNA | {"email": f"p{n}.{count}@example.org"} for n in range(count)]
        with sent_statements() as sent:
            assert statuses(post(client, key, rows)) == ["accepted"] * count
        return sum(text.startswith("SELECT") for text, _ in sent)

    for count in (1, 40):
        assert statements(reader, count) == statements(writer, count) + 2


def test_all_rows_of_a_key_are_one_senders(
    client: TestClient, lobby: Lobby, writer: Headers, reader: Headers
) -> None:
    post(client, writer, [ANNA, BEN])
    post(client, reader, [ANNA])
    client.post(BULK.removesuffix("/bulk"), json=ANNA, headers=writer)
    with lobby.database.read() as session:
        statement = select(Submission.sender_index).order_by(col(Submission.id))
        first, second, others, single = session.exec(statement)
    assert first == second == single is not None
    assert others not in (None, first)


@pytest.mark.slow
def test_the_largest_post_is_taken(client: TestClient, lobby: Lobby, writer: Headers) -> None:
    before = submission_count(lobby)
    rows = [ANNA | {"email": f"p{n}@example.org"} for n in range(5000)]
    assert statuses(post(client, writer, rows)) == ["accepted"] * 5000
    assert submission_count(lobby) == before + 5000


@pytest.mark.slow
def test_the_largest_post_of_a_key_that_may_read_is_known_again(
    client: TestClient, lobby: Lobby, reader: Headers
) -> None:
    rows = [ANNA | {"email": f"p{n}@example.org"} for n in range(5000)]
    assert statuses(post(client, reader, rows)) == ["accepted"] * 5000
    worker.sort_submissions(lobby)
    assert statuses(post(client, reader, rows)) == ["duplicate"] * 5000


# ---- imports of signatures from elsewhere


def test_a_key_that_may_import_brings_in_what_counts_at_once(
    client: TestClient, lobby: Lobby, importer: Headers
) -> None:
    before, sent = confirmed_count(lobby), email_count(lobby)
    response = post(client, importer, [ON_PAPER, BEN | {"provenance": PAPER}, ON_PAPER])
    assert statuses(response) == ["accepted", "accepted", "duplicate"]
    assert (confirmed_count(lobby), email_count(lobby)) == (before + 2, sent)
    assert statuses(post(client, importer, [ON_PAPER])) == ["duplicate"]
    assert confirmed_count(lobby) == before + 2
    shown = client.get(f"/v1/petitions/{PETITION}", headers=importer).json()
    assert shown["signature_count"] == before + 2
    since = "?limit=100&since=2026-07-01T12:00:00Z"
    listed = client.get(BULK.removesuffix("/bulk") + since, headers=importer).json()
    (anna,) = [signature for signature in listed if signature["email"] == ANNA["email"]]
    assert (anna["state"], anna["provenance"]) == ("confirmed", PAPER)
    assert anna["signed_at"].startswith("2026-05-03T11:00:00")


def test_who_was_asked_and_has_not_answered_is_taken_on_paper(
    client: TestClient, lobby: Lobby, importer: Headers
) -> None:
    post(client, importer, [ANNA])
    before = confirmed_count(lobby)
    assert statuses(post(client, importer, [ON_PAPER])) == ["accepted"]
    assert confirmed_count(lobby) == before + 1


@pytest.mark.parametrize("end", [signature_states.withdraw, signature_states.disown])
def test_an_import_never_overrides_a_persons_own_word(
    client: TestClient, lobby: Lobby, importer: Headers, clock: Clock, end: Any
) -> None:
    (made,) = post(client, importer, [ANNA]).json()["results"]
    confirm(lobby, UUID(made["id"]))
    with lobby.database.write() as session:
        end(session, UUID(made["id"]), now=clock.now)
    before, sent = confirmed_count(lobby), email_count(lobby)
    assert statuses(post(client, importer, [ON_PAPER])) == ["duplicate"]
    assert (confirmed_count(lobby), email_count(lobby)) == (before, sent)
    with lobby.database.read() as session:
        state = signature_states.get(session, UUID(made["id"])).state
    assert state in (SignatureState.WITHDRAWN, SignatureState.REJECTED)


@pytest.mark.parametrize("field", ["provenance", "signed_at"])
def test_a_key_that_may_not_import_is_refused_such_fields_by_name(
    client: TestClient, lobby: Lobby, writer: Headers, field: str
) -> None:
    before = signature_count(lobby), submission_count(lobby)
    response = post(client, writer, [ANNA | {field: ON_PAPER[field]}])
    assert statuses(response) == ["rejected"]
    assert errors(response, 0) == {(field, "scope_missing")}
    assert (signature_count(lobby), submission_count(lobby)) == before


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"signed_at": "2026-05-03T12:00:00Z"}, {("provenance", "missing")}),
        ({"provenance": ""}, {("provenance", "missing")}),
        ({"provenance": "  "}, {("provenance", "missing")}),
        ({"provenance": "x" * 201}, {("provenance", "too_long")}),
        ({"provenance": "a\nb"}, {("provenance", "control_character")}),
        (
            {"signed_at": "1999-12-31T23:59:59Z"},
            {("signed_at", "too_early"), ("provenance", "missing")},
        ),
        ({"provenance": PAPER, "signed_at": "1999-12-31T23:59:59Z"}, {("signed_at", "too_early")}),
        (
            {"provenance": PAPER, "signed_at": "2026-07-01T12:00:01Z"},
            {("signed_at", "in_the_future")},
        ),
        (
            {"provenance": PAPER, "signed_at": "9999-12-31T23:59:59Z"},
            {("signed_at", "in_the_future")},
        ),
    ],
)
def test_where_and_when_must_be_possible(
    client: TestClient, importer: Headers, given: dict[str, str], expected: set[tuple[str, str]]
) -> None:
    response = post(client, importer, [ANNA | given])
    assert statuses(response) == ["rejected"]
    assert errors(response, 0) == expected


@pytest.mark.parametrize("moment", ["2000-01-01T00:00:00Z", "2026-07-01T12:00:00Z"])
def test_the_first_and_the_last_moment_are_possible(
    client: TestClient, importer: Headers, moment: str
) -> None:
    assert statuses(post(client, importer, [ON_PAPER | {"signed_at": moment}])) == ["accepted"]


@pytest.mark.parametrize("field", ["provenance", "signed_at"])
def test_the_public_cannot_say_where_they_signed(client: TestClient, field: str) -> None:
    body = ANNA | {field: ON_PAPER[field]}
    response = client.post(BULK.removesuffix("/bulk"), json=body)
    assert_problem(response, 422, "invalid", field)


def test_a_field_that_cannot_be_written_is_no_error_of_ours(client: TestClient) -> None:
    content = json.dumps(ANNA | {"\ud83d": 1}).encode()
    response = client.post(BULK.removesuffix("/bulk"), content=content, headers=JSON)
    assert_problem(response, 422, "invalid", "body")
