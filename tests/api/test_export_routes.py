"""Tests exports over HTTP: content, access, and transfers that break off."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi.testclient import TestClient
from sqlmodel import col, select

from api.schemas import history, tally_summary
from api.schemas.letters import letter_answer
from main import create_app
from models import (
    AccountEvent,
    AccountEventKind,
    CampaignStatus,
    LetterState,
    Organiser,
    Role,
    Scope,
    Signature,
    SignatureState,
)
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.demonstration import invented_campaign
from services.files import exports
from services.files.export_lines import FileFormat
from services.letters import letter_exports
from services.organisations import organisations
from services.signatures import signature_exports
from services.tallies import tally_exports
from tests.support.common import CAMPAIGN, ORGANISERS_PASSWORD, PETITION
from tests.support.desk import DeskClient, as_role
from tests.support.exports import (
    EMPTY,
    add_petition,
    csv_rows,
    file_of,
    json_rows,
    letters_export,
    log_of_exports,
    make_undecryptable,
    make_unreadable,
    multiply,
    sign,
    signatures_export,
    submit,
)
from tests.support.keys import Headers, add_campaign, key_for, others_key
from tests.support.letters import letters_of
from tests.support.pages import close_campaign, sign_in

SIGNATURES = f"/v1/petitions/{PETITION}/signatures"
LETTERS = f"/v1/campaigns/{CAMPAIGN}/letters"
TALLY = f"/v1/campaigns/{CAMPAIGN}/tally"
DOWNLOAD = "/organiser/supporters/download"
WHY = {
    "petition": PETITION,
    "reason": "To thank those who signed",
    "password": ORGANISERS_PASSWORD,
}
FILES = {
    SIGNATURES: (Scope.SIGNATURES_READ,),
    LETTERS: (Scope.LETTERS_READ, Scope.LETTERS_WRITERS),
}
FILES_AND_FORMATS = [(path, form) for path in FILES for form in FileFormat]
MEDIA_TYPES = {FileFormat.CSV: "text/csv; charset=utf-8", FileFormat.JSONL: "application/x-ndjson"}
MANY = 2 * exports.ENCRYPTED_PAGE_SIZE


@pytest.fixture
def key(lobby: Lobby) -> Headers:
    """Returns the headers of a key that may read signatures and letters of the demonstration."""
    return key_for(lobby, *(scope for scopes in FILES.values() for scope in scopes))


# ---- content


@pytest.mark.parametrize(("path", "form"), FILES_AND_FORMATS)
def test_a_file_comes_with_its_name_and_is_kept_by_nobody(
    client: TestClient, lobby: Lobby, path: str, form: FileFormat
) -> None:
    answer = client.get(f"{path}.{form}", headers=key_for(lobby, *FILES[path]))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == MEDIA_TYPES[form]
    assert answer.headers["Cache-Control"] == "no-store"
    of, name = ("signatures", PETITION) if path == SIGNATURES else ("letters", CAMPAIGN)
    disposition = f'attachment; filename="{name}-{of}.{form}"'
    assert answer.headers["Content-Disposition"] == disposition
    export = signatures_export(lobby) if path == SIGNATURES else letters_export(lobby)
    assert answer.content == file_of(lobby, export, form)


def test_what_is_asked_for_is_what_comes(client: TestClient, lobby: Lobby, key: Headers) -> None:
    anna = submit(lobby, "anna@example.org")
    sign(lobby, "ben@example.org")
    query: dict[str, Any] = {"state": "pending", "personal": "false"}
    answer = client.get(f"{SIGNATURES}.csv", headers=key, params=query)
    wanted = signatures_export(lobby, state=SignatureState.PENDING, is_personal=False)
    assert answer.content == file_of(lobby, wanted)
    assert [row["id"] for row in csv_rows(answer.content)] == [str(anna)]
    query = {"since": (lobby.clock() + timedelta(days=1)).isoformat()}
    assert csv_rows(client.get(f"{SIGNATURES}.csv", headers=key, params=query).content) == []
    query = {"state": "sent", "bodies": "true"}
    answer = client.get(f"{LETTERS}.jsonl", headers=key, params=query)
    wanted = letters_export(lobby, state=LetterState.SENT, has_words=True)
    assert answer.content == file_of(lobby, wanted, FileFormat.JSONL)
    assert [row["body"] for row in json_rows(answer.content)] == [
        letter.body.text for letter, _ in letters_of(lobby) if letter.state is LetterState.SENT
    ]


def test_a_petition_that_nobody_signed_is_a_header_or_nothing(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    add_petition(lobby)
    empty = f"/v1/petitions/{EMPTY}/signatures"
    answer = client.get(f"{empty}.csv", headers=key)
    assert answer.text.startswith("id,state,name,email")
    assert answer.text.count("\n") == 1
    assert client.get(f"{empty}.jsonl", headers=key).text == ""


def test_a_file_is_packed_where_the_client_can_unpack_it(client: TestClient, key: Headers) -> None:
    answer = client.get(f"{SIGNATURES}.csv", headers=key | {"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(csv_rows(answer.content)) == invented_campaign.SIGNATURES


def test_only_to_ask_for_the_head_reads_no_signatures(client: TestClient, key: Headers) -> None:
    with log_of_exports() as log:
        answer = client.head(f"{SIGNATURES}.csv", headers=key)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == MEDIA_TYPES[FileFormat.CSV]
    assert log == []


def test_the_tally_as_lines_has_the_rows_of_its_csv(client: TestClient) -> None:
    for query in ("", "?standing=signed&sort=-signatures"):
        answer = client.get(f"{TALLY}.jsonl{query}")
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        assert f'filename="{CAMPAIGN}-tally.jsonl"' in answer.headers["Content-Disposition"]
        lines, rows = json_rows(answer.content), csv_rows(client.get(f"{TALLY}.csv{query}").content)
        assert len(lines) == len(rows) > 1
        for line, row in zip(lines, rows, strict=True):
            assert list(line) == list(row)
            rate = line["signatures_per_1000"]
            csv_values = {None: "", True: "yes", False: "no"}
            cells = {
                name: csv_values[value] if value is None or isinstance(value, bool) else str(value)
                for name, value in line.items()
            }
            assert cells | {"signatures_per_1000": "" if rate is None else f"{rate:.2f}"} == row
    same = client.get(f"{TALLY}.jsonl", headers={"If-None-Match": answer.headers["ETag"]})
    assert same.status_code == 200, "it is another query's"
    again = {"If-None-Match": client.get(f"{TALLY}.jsonl").headers["ETag"]}
    assert client.get(f"{TALLY}.jsonl", headers=again).status_code == 304


def test_the_guide_tells_the_type_of_every_column(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        petition = petitions.public(session, PETITION)
        campaign = campaigns.public(session, CAMPAIGN)
    signatures = signature_exports.of_petition(petition)
    letters = letter_exports.of_campaign(campaign, has_words=True)
    columns = {*signatures.names, *letters.names, *tally_exports.COLUMNS, tally_exports.EMAIL}
    columns |= {*history.CSV_COLUMNS, *tally_summary.CSV_COLUMNS, *letter_answer.CSV_COLUMNS}
    guide = (Path(__file__).parents[2] / "docs/guide/exports.md").read_text(encoding="utf-8")
    types = guide.partition("### Types")[2].partition("A missing value")[0]
    assert columns - set(re.findall(r"`([a-z_0-9]+)`", types)) == set()


def test_files_are_described(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for of, slug in (("petitions", "signatures"), ("campaigns", "letters"), ("campaigns", "tally")):
        lines = paths[f"/v1/{of}/{{slug}}/{slug}.jsonl"]["get"]
        assert list(lines["responses"]["200"]["content"]) == ["application/x-ndjson"]
        assert "404" in lines["responses"]
    parameters = {
        row["name"] for row in paths["/v1/campaigns/{slug}/letters.csv"]["get"]["parameters"]
    }
    assert parameters == {"slug", "state", "status", "since", "personal", "bodies", "bom"}


# ---- access


@pytest.mark.parametrize(("path", "form"), FILES_AND_FORMATS)
def test_only_a_key_with_the_scope_gets_a_file(
    client: TestClient, lobby: Lobby, path: str, form: FileFormat
) -> None:
    answer = client.get(f"{path}.{form}")
    assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")
    for scope in FILES[path]:
        every_other = key_for(lobby, *(other for other in Scope if other is not scope))
        answer = client.get(f"{path}.{form}", headers=every_other)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_who_may_read_how_letters_go_reads_not_whose_they_are(
    client: TestClient, lobby: Lobby
) -> None:
    letters_key = key_for(lobby, Scope.LETTERS_READ)
    assert client.get(f"{LETTERS}.csv", headers=letters_key).status_code == 403
    assert client.get(f"{LETTERS}.csv?bodies=true", headers=letters_key).status_code == 403
    answer = client.get(f"{LETTERS}.csv?personal=false", headers=letters_key)
    assert answer.content == file_of(lobby, letters_export(lobby, is_personal=False))


@pytest.mark.parametrize(("path", "form"), FILES_AND_FORMATS)
def test_another_organisations_file_does_not_exist(
    client: TestClient, lobby: Lobby, path: str, form: FileFormat
) -> None:
    answer = client.get(f"{path}.{form}", headers=others_key(lobby, *FILES[path]))
    assert answer.status_code == 404
    unknown = path.replace(PETITION, "nothing").replace(CAMPAIGN, "nothing")
    answer = client.get(f"{unknown}.{form}", headers=key_for(lobby, *FILES[path]))
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_letters_of_another_campaign_are_not_in_the_file(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    add_campaign(lobby, "second")
    assert csv_rows(client.get("/v1/campaigns/second/letters.csv", headers=key).content) == []
    assert csv_rows(client.get(f"{LETTERS}.csv", headers=key).content) != []


def test_a_draft_can_be_read_by_its_own_organisation(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    close_campaign(lobby, CampaignStatus.DRAFT)
    for path in FILES:
        assert client.get(f"{path}.csv", headers=key).status_code == 200


BAD = [
    (SIGNATURES, "since=yesterday", "since"),
    (SIGNATURES, "since=2026-07-01T12:00:00", "since"),
    (SIGNATURES, "since=0001-01-01T00:00:00%2B14:00", "since"),
    (SIGNATURES, "since=9999-12-31T23:59:59-14:00", "since"),
    (SIGNATURES, "state=sent", "state"),
    (SIGNATURES, "personal=perhaps", "personal"),
    (LETTERS, "since=soon", "since"),
    (LETTERS, "state=confirmed", "state"),
    (LETTERS, "bodies=true&personal=false", "bodies"),
]


@pytest.mark.parametrize("form", FileFormat)
def test_a_bad_query_is_named_before_anything_is_sent(
    client: TestClient, key: Headers, form: FileFormat
) -> None:
    for path, query, field in BAD:
        answer = client.get(f"{path}.{form}?{query}", headers=key)
        assert answer.status_code == 422, query
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert "Content-Disposition" not in answer.headers


def test_a_time_that_no_calendar_has_is_named_by_the_pages_too(
    client: TestClient, key: Headers
) -> None:
    answer = client.get(f"{SIGNATURES}?since=0001-01-01T00:00:00%2B14:00", headers=key)
    assert answer.status_code == 422
    assert [error["code"] for error in answer.json()["errors"]] == ["time_out_of_range"]


def test_what_is_wrong_with_the_first_page_is_no_file(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    with lobby.database.read() as session:
        first = session.exec(select(Signature.id).order_by(col(Signature.id))).first()
    make_undecryptable(lobby, first)
    answer = client.get(f"{SIGNATURES}.csv", headers=key)
    assert (answer.status_code, answer.json()["code"]) == (503, "personal_data_sealed")


@pytest.mark.parametrize("form", FileFormat)
def test_a_submission_that_does_not_open_is_no_file(
    client: TestClient, lobby: Lobby, key: Headers, form: FileFormat
) -> None:
    make_unreadable(lobby, submit(lobby, "anna@example.org"))
    answer = client.get(f"{SIGNATURES}.{form}?state=pending", headers=key)
    assert (answer.status_code, answer.json()["code"]) == (503, "personal_data_sealed")
    answer = client.get(f"{SIGNATURES}.{form}", headers=key)
    assert answer.status_code == 200, "it is in no other file"


def test_who_has_not_confirmed_is_in_no_file_but_that_of_pending_signatures(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    submit(lobby, "anna@example.org")
    whole = client.get(f"{SIGNATURES}.csv", headers=key).content
    assert len(csv_rows(whole)) == invented_campaign.SIGNATURES
    assert b"anna@example.org" not in whole
    pending = client.get(f"{SIGNATURES}.csv?state=pending", headers=key).content
    assert [row["email"] for row in csv_rows(pending)] == ["anna@example.org"]
    assert pending.splitlines()[0] == whole.splitlines()[0], "with the same columns"
    sign_in(client)
    ours = client.post(f"{DOWNLOAD}?state=pending", data=WHY).content
    assert ours == whole, "an organiser's file is that of all signatures"


# ---- the log


def test_every_file_is_noted_by_key_and_not_by_whom_it_tells_of(
    client: TestClient, key: Headers
) -> None:
    prefix = key["Authorization"].split("_")[1]
    with log_of_exports() as log:
        client.get(f"{SIGNATURES}.csv", headers=key)
        client.get(f"{SIGNATURES}.jsonl?personal=false", headers=key)
        client.get(f"{LETTERS}.csv?bodies=true&state=held", headers=key)
    common = {"by": f"key {prefix}", "whole": True, "event": "export", "log_level": "info"}
    count = invented_campaign.SIGNATURES
    signatures = common | {"of": "signatures", "petition": PETITION, "rows": count}
    letters = common | {"of": "letters", "campaign": CAMPAIGN, "rows": 0}
    assert log == [
        signatures | {"form": "csv", "personal": True},
        signatures | {"form": "jsonl", "personal": False},
        letters | {"form": "csv", "personal": True, "words": True},
    ]


# ---- organisers


def test_an_owner_finds_and_takes_the_signatures(client: TestClient, lobby: Lobby) -> None:
    assert client.get(DOWNLOAD).headers["Location"].startswith("/sign-in")
    sign_in(client)
    path = f"{DOWNLOAD}?petition={PETITION}"
    assert f'href="{DOWNLOAD}' in client.get("/organiser").text
    assert f'value="{PETITION}" checked' in client.get(path).text
    with log_of_exports() as log:
        answer = client.post(DOWNLOAD, data=WHY)
    assert answer.content == file_of(lobby, signatures_export(lobby))
    assert answer.headers["Cache-Control"] == "no-store"
    assert "attachment" in answer.headers["Content-Disposition"]
    with lobby.database.read() as session:
        organiser = session.exec(select(Organiser)).one()
        event = session.exec(
            select(AccountEvent).where(AccountEvent.kind == AccountEventKind.DOWNLOADED)
        ).one()
    assert [entry["by"] for entry in log] == [f"organiser {organiser.id}"]
    assert (event.organiser_id, event.detail) == (organiser.id, f"{PETITION}: {WHY['reason']}")
    assert WHY["reason"] in client.get("/organiser/people/record").text


def test_no_link_takes_the_signatures_any_more(client: TestClient) -> None:
    sign_in(client)
    old = f"/organiser/petitions/{PETITION}/signatures.csv"
    for answer in (client.get(old), client.post(old, data=WHY)):
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("petition", "", "Choose a petition."),
        ("reason", "", "Say what you need the file for."),
        ("reason", "ok", "At least 3 characters, please."),
        ("reason", "x" * 201, "At most 200 characters, please."),
        ("password", "", "Type your password again."),
        ("password", "not the right one", "This is not your password."),
    ],
)
def test_a_download_needs_a_petition_a_reason_and_the_password(
    client: TestClient, lobby: Lobby, field: str, value: str, message: str
) -> None:
    sign_in(client)
    with log_of_exports() as log:
        page = client.post(DOWNLOAD, data=WHY | {field: value})
    assert (page.status_code, log) == (422, [])
    assert message in page.text
    assert "text/html" in page.headers["Content-Type"]
    if field == "password":
        assert f'value="{WHY["reason"]}"' in page.text, "what was typed is kept"
    with lobby.database.read() as session:
        kinds = [row.kind for row in session.exec(select(AccountEvent))]
    assert AccountEventKind.DOWNLOADED not in kinds


def test_an_owner_of_another_organisation_finds_nothing(client: DeskClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        organisations.create(session, name="Others", slug="others", now=lobby.clock())
    as_role(lobby, client, Role.OWNER, organisation="others")
    assert PETITION not in client.get(f"{DOWNLOAD}?petition={PETITION}").text.replace(
        f"petition={PETITION}", ""
    )
    answer = client.post(DOWNLOAD, data=WHY)
    assert answer.status_code == 404
    assert "text/html" in answer.headers["Content-Type"]


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_nobody_but_an_owner_takes_them(client: DeskClient, lobby: Lobby, role: Role) -> None:
    as_role(lobby, client, role)
    assert DOWNLOAD not in client.get("/organiser").text
    with log_of_exports() as log:
        assert client.get(DOWNLOAD).status_code == 403
        assert client.post(DOWNLOAD, data=WHY).status_code == 403
    assert log == []


# ---- transfers that break off


@contextmanager
def served(lobby: Lobby, port: int) -> Iterator[httpx2.Client]:
    """Serves the application over real connections, which a test can break."""
    app = create_app(lobby.settings, lobby=lobby)
    config = uvicorn.Config(app, port=port, log_level="critical", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("packing", ["identity", "gzip"])
def test_a_file_that_breaks_off_does_not_look_whole(
    lobby: Lobby, key: Headers, unused_port: int, packing: str
) -> None:
    multiply(lobby, MANY)
    with lobby.database.read() as session:
        last = session.exec(select(Signature.id).order_by(col(Signature.id).desc())).first()
    make_undecryptable(lobby, last)
    with log_of_exports() as log, served(lobby, unused_port) as client:
        headers = key | {"Accept-Encoding": packing}
        with client.stream("GET", f"{SIGNATURES}.csv", headers=headers) as answer:
            assert answer.status_code == 200
            pieces = answer.iter_bytes()
            first = next(pieces)
            with pytest.raises(httpx2.RemoteProtocolError):
                list(pieces)
    assert first.startswith(b"id,state,")
    (entry,) = log
    assert not entry["whole"]
    assert 0 < entry["rows"] < invented_campaign.SIGNATURES + MANY


@pytest.mark.slow
def test_who_goes_away_ends_the_reading(lobby: Lobby, key: Headers, unused_port: int) -> None:
    multiply(lobby, 5 * MANY)
    pool: Any = lobby.database._reader.pool
    with log_of_exports() as log, served(lobby, unused_port) as client:
        with client.stream("GET", f"{SIGNATURES}.jsonl", headers=key) as answer:
            first = next(answer.iter_lines())
        wait_until(lambda: pool.checkedout() == 0)
    assert json.loads(first)["state"]
    (entry,) = log
    assert not entry["whole"]
    assert entry["rows"] < invented_campaign.SIGNATURES + 5 * MANY


@pytest.mark.slow
def test_others_are_served_while_a_file_goes_out(
    lobby: Lobby, key: Headers, unused_port: int
) -> None:
    """A slow download blocks neither the event loop nor the one connection that writes."""
    multiply(lobby, 5 * MANY)
    anna = {"name": "Anna", "email": "anna@example.org", "postcode": "EH1 1YZ"}
    with (
        served(lobby, unused_port) as client,
        client.stream("GET", f"{SIGNATURES}.jsonl", headers=key) as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        assert client.post(SIGNATURES, json=anna).status_code == 201
        assert client.get("/livez").status_code == 200
        rest = sum(1 for _ in lines)
    assert rest == invented_campaign.SIGNATURES + 5 * MANY - 1, "Anna has not confirmed"
