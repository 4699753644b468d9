"""Tests lists of signatures, and of submissions as pending ones: content, paging and plans."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event
from sqlmodel import Session, select
from structlog.testing import capture_logs

from models import (
    Partner,
    Private,
    Scope,
    Signature,
    SignatureState,
    Submission,
    SubmissionKind,
    SubmissionState,
)
from models.base import new_ids_at, table_of
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.database.time_windows import ChangePosition, ChangeWindow
from services.demonstration import invented_campaign
from services.signatures import pending_views, signature_lists
from services.signatures.recording import ImportOrigin, SignatureRequest
from services.submissions import intake, payload
from services.submissions.intake import NewSubmission
from services.views.desk import petitions as desk_petitions
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, START, Clock
from tests.support.database.query_plans import pretend_to_be_large, sent_statements
from tests.support.exports import make_unreadable, sign, submit
from tests.support.keys import Headers, key_for
from tests.support.partners import PAPER, SECOND, add_partner, add_second_petition, partner_key
from tests.support.signatures import confirm, record, sign_and_sort

LIST = f"/v1/petitions/{PETITION}/signatures"
LATER = START + timedelta(hours=1)
SINCE = "since=2026-07-01T13:00:00Z"
"""After all signatures of the demonstration."""
STRANGE = 'She said "no",\nand then: ÿ 😀'
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def _it_is_later(clock: Clock) -> None:
    clock.now = LATER


@pytest.fixture
def key(lobby: Lobby) -> Headers:
    return key_for(lobby, Scope.SIGNATURES_READ)


def rows_of(client: TestClient, key: Headers, query: str = SINCE) -> Any:
    answer = client.get(f"{LIST}?{query}", headers=key)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pages_of(client: TestClient, key: Headers, query: str) -> list[list[Row]]:
    """Reads all pages by their links."""
    answer = client.get(f"{LIST}?{query}", headers=key)
    pages = [answer.json()]
    while "next" in answer.links:
        answer = client.get(answer.links["next"]["url"], headers=key)
        pages.append(answer.json())
    return pages


def emails(rows: list[Row]) -> list[str]:
    return [row["email"].partition("@")[0] for row in rows]


def add_row_of_before(lobby: Lobby, state: SignatureState, signed_at: datetime = LATER) -> UUID:
    """Adds a signature in a state that only rows from before submissions have."""
    confirmed = sign(lobby, f"{state}@example.org")
    with lobby.database.write() as session:
        signature = session.get_one(Signature, confirmed.id)
        signature.state, signature.signed_at = state, signed_at
        signature.confirmed_at = None
        signature.ended_at = None if state is SignatureState.PENDING else signed_at
    return confirmed.id


# ---- what is in a list


def test_a_pending_signature_shows_what_was_typed(
    client: TestClient, lobby: Lobby, key: Headers, clock: Clock
) -> None:
    row_id = submit(
        lobby,
        "Anna@example.org",
        name="Anna Éxample",
        comment=STRANGE,
        country="FR",
        postcode="75001",
        locale="cy",
        source="stall",
    )
    shown = {
        "id": str(row_id),
        "state": "pending",
        "status": "pending",
        "name": "Anna Éxample",
        "email": "Anna@example.org",
        "postcode": "75001",
        "country": "FR",
        "comment": STRANGE,
        "constituency": "overseas",
        "locale": "cy",
        "source": "stall",
        "signed_at": "2026-07-01T13:00:00Z",
        "confirmed_at": None,
        "ended_at": None,
        "provenance": None,
        "partner": None,
        "consents": {"updates": None, "partner": None},
        "changed_at": "2026-07-01T13:00:00Z",
    }
    assert rows_of(client, key, "state=pending") == [shown]
    clock.advance(hours=1)
    confirm(lobby, row_id)
    (confirmed,) = rows_of(client, key)
    changed = {"state": "confirmed", "status": "confirmed", "confirmed_at": "2026-07-01T14:00:00Z"}
    changed |= {"changed_at": "2026-07-01T14:00:00Z"}
    assert confirmed == shown | changed, "with the same id"
    assert rows_of(client, key, "state=pending") == []


def test_an_import_that_waits_says_where_it_was_signed(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    origin = ImportOrigin("paper, Leeds", is_confirmed=False)
    record(lobby, [SignatureRequest(PETITION, "A", "a@example.org", CAN_SIGN, imported=origin)])
    (row,) = rows_of(client, key, "state=pending")
    assert row["provenance"] == "paper, Leeds"


def test_what_is_not_sorted_yet_is_in_no_list_and_what_waits_is(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    request = SignatureRequest(PETITION, "Anna", "anna@example.org", CAN_SIGN)
    record(lobby, [request])
    assert rows_of(client, key) == rows_of(client, key, "state=pending") == []
    sign_and_sort(lobby, *[request] * 5)
    with lobby.database.read() as session:
        states = set(session.exec(select(Submission.state)))
    assert states == {SubmissionState.ASKED, SubmissionState.WAITING}
    with lobby.database.read() as session:
        sent = [str(row_id) for row_id in session.exec(select(Submission.id))]
    assert [row["id"] for row in rows_of(client, key, "state=pending")] == sorted(sent)


def test_a_state_picks_signatures_or_what_is_pending(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    submit(lobby, "pending@example.org")
    sign(lobby, "confirmed@example.org")
    assert emails(rows_of(client, key)) == ["pending", "confirmed"]
    assert emails(rows_of(client, key, "state=pending")) == ["pending"]
    assert emails(rows_of(client, key, f"{SINCE}&state=confirmed")) == ["confirmed"]
    for state in ("withdrawn", "rejected", "expired"):
        assert rows_of(client, key, f"state={state}") == []


def test_signatures_and_what_is_pending_are_merged_by_id_or_by_change_page_by_page(
    client: TestClient, lobby: Lobby, key: Headers, clock: Clock
) -> None:
    ids = []
    for number in range(7):
        clock.advance(seconds=1)
        ids.append(submit(lobby, f"a{number}@example.org"))
    for number in (1, 2, 5):
        confirm(lobby, ids[number])
    # Number 6 arrived in the second in which the three were confirmed.
    by_change = [str(ids[number]) for number in (0, 3, 4, 1, 2, 5, 6)]
    for limit in (1, 2, 3, 7):
        pages = pages_of(client, key, f"limit={limit}&{SINCE}")
        assert [row["id"] for rows in pages for row in rows] == by_change
        assert all(len(rows) == limit for rows in pages[:-1])
    everything = [row for rows in pages_of(client, key, "limit=100") for row in rows]
    assert len(everything) == invented_campaign.SIGNATURES + 7
    assert [row["id"] for row in everything] == sorted(row["id"] for row in everything)


@pytest.mark.parametrize("milliseconds", [1, 122, 123, 999, 253_402_300_799_999])
def test_a_submission_stands_at_the_millisecond_of_its_id(milliseconds: int) -> None:
    before, at, after = ((milliseconds + more) << 80 for more in (-1, 0, 1))
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    for own in (at, at + 5, after - 1):
        place = ChangePosition(moment, UUID(int=own))
        assert pending_views.last_before(place) == UUID(int=own), "itself"
    for other in (0, before):
        place = ChangePosition(moment, UUID(int=other))
        assert pending_views.last_before(place) == UUID(int=at - 1), "all of the millisecond"
    place = ChangePosition(moment + timedelta(microseconds=1), UUID(int=0))
    assert pending_views.last_before(place) == UUID(int=after - 1)


def test_since_a_time_is_what_was_received_then_or_later(
    client: TestClient, lobby: Lobby, key: Headers, clock: Clock
) -> None:
    submit(lobby, "early@example.org")
    clock.advance(days=1)
    submit(lobby, "late@example.org")
    assert emails(rows_of(client, key, "since=2026-07-02T13:00:00Z")) == ["late"]
    assert emails(rows_of(client, key, "state=pending&since=2026-07-02T13:00:00Z")) == ["late"]
    assert rows_of(client, key, "state=pending&since=2026-07-02T13:00:01Z") == []


def test_a_copy_that_is_kept_by_since_with_a_minutes_overlap_misses_nothing(
    client: TestClient, lobby: Lobby, key: Headers, clock: Clock
) -> None:
    """Confirmations appear behind a cursor, because ids are in the order of receipt."""
    first, second = submit(lobby, "a@example.org"), submit(lobby, "b@example.org")
    copy = {row["id"]: row["state"] for rows in pages_of(client, key, "limit=100") for row in rows}
    asked_at = clock.now
    clock.advance(minutes=10)
    confirm(lobby, first)
    since = (asked_at - timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    copy |= {row["id"]: row["state"] for row in rows_of(client, key, f"since={since}")}
    assert (copy[str(first)], copy[str(second)]) == ("confirmed", "pending")


@pytest.mark.parametrize("state", [None, SignatureState.PENDING])
def test_what_is_confirmed_while_a_list_is_read_is_in_it_once(
    lobby: Lobby, state: SignatureState | None
) -> None:
    row_id = submit(lobby, "anna@example.org")
    confirmed: list[UUID] = []

    def confirm_meanwhile(_connection: Any, _cursor: Any, text: str, *_others: Any) -> None:
        if ("FROM submission" in text or "FROM signature" in text) and not confirmed:
            confirmed.append(row_id)
            confirm(lobby, row_id)

    with lobby.database.read() as session:
        petition = petitions.public(session, PETITION)
        event.listen(Engine, "after_cursor_execute", confirm_meanwhile)
        try:
            rows = signature_lists.changes(
                session,
                petition.id,
                state=state,
                window=ChangeWindow(LATER),
                limit=10,
                keyring=lobby.keyring,
            )
        finally:
            event.remove(Engine, "after_cursor_execute", confirm_meanwhile)
    assert confirmed == [row.id for row in rows] == [row_id]


def test_submissions_of_another_petition_and_of_letters_are_not_in_the_list(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    add_second_petition(lobby)
    submit(lobby, "anna@example.org", petition_slug=SECOND)
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        sealed = Private(campaign.organisation_id, "a letter")
        letter = NewSubmission(SubmissionKind.LETTER, campaign.id, "overseas", sealed)
        (letter_id,) = intake.insert(session, [letter], now=lobby.clock())
        session.get_one(Submission, UUID(letter_id)).state = SubmissionState.ASKED
    assert rows_of(client, key) == rows_of(client, key, "state=pending") == []


# ---- what does not open


@pytest.mark.parametrize("query", ["", "&state=pending"])
def test_what_does_not_open_is_left_out_logged_by_id_and_stops_no_page(
    client: TestClient, lobby: Lobby, key: Headers, query: str
) -> None:
    ids = [submit(lobby, f"{name}@example.org") for name in "abc"]
    make_unreadable(lobby, ids[1])
    with capture_logs() as log:
        pages = pages_of(client, key, f"limit=1&{SINCE}{query}")
    assert [emails(rows) for rows in pages] == [["a"], [], ["c"]]
    events = [entry for entry in log if entry["event"] == "submission_unreadable"]
    assert {entry["submission"] for entry in events} == {str(ids[1])}
    assert not any("example.org" in str(entry) for entry in log)


# ---- partners, and rows from before submissions


def test_a_partner_sees_nothing_that_is_pending(client: TestClient, lobby: Lobby) -> None:
    add_partner(lobby)
    row_id = submit(lobby, "anna@example.org", partner=PAPER, partner_contact=True)
    key = partner_key(lobby)
    for query in ("limit=200", "state=pending", SINCE):
        assert rows_of(client, key, query) == []
    confirm(lobby, row_id)
    assert emails(rows_of(client, key, "limit=200")) == ["anna"]


def test_rows_from_before_are_shown_as_before(
    client: TestClient, lobby: Lobby, key: Headers
) -> None:
    pending = add_row_of_before(lobby, SignatureState.PENDING)
    expired = add_row_of_before(lobby, SignatureState.EXPIRED)
    submitted = submit(lobby, "anna@example.org")
    seen = {row["id"]: row["state"] for row in rows_of(client, key)}
    states = {str(pending): "pending", str(expired): "expired", str(submitted): "pending"}
    assert seen.items() >= states.items()
    assert {row["id"] for row in rows_of(client, key, "state=pending")} == {
        str(pending),
        str(submitted),
    }
    assert [row["id"] for row in rows_of(client, key, "state=expired")] == [str(expired)]


@pytest.mark.parametrize("state", [SignatureState.PENDING, SignatureState.WITHDRAWN])
def test_a_partner_does_not_learn_from_rows_of_before_who_had_signed_earlier(
    client: TestClient, lobby: Lobby, state: SignatureState
) -> None:
    """Somebody who withdrew and signed again kept the time of the first confirmation."""
    partner: Partner = add_partner(lobby)
    row_id = add_row_of_before(lobby, state, LATER + timedelta(days=1))
    with lobby.database.write() as session:
        signature = session.get_one(Signature, row_id)
        signature.partner_id, signature.confirmed_at = partner.id, LATER
    key = partner_key(lobby)
    assert rows_of(client, key, "limit=200") == rows_of(client, key, f"state={state}") == []
    summary = client.get(f"/v1/partners/{PAPER}/summary", headers=key).json()
    assert summary["petitions"] == []


# ---- plans


def add_many_submissions(lobby: Lobby, count: int) -> None:
    """Adds sorted submissions of another petition, and as many that are new."""
    add_second_petition(lobby)
    with lobby.database.write() as session:
        second = petitions.public(session, SECOND)
        contents = payload.SignaturePayload("A", "a@example.org", CAN_SIGN, "GB", "en")
        sealed = payload.seal(second.organisation_id, contents)
        row = NewSubmission(SubmissionKind.SIGNATURE, second.id, "unknown", sealed)
        ids = intake.insert(session, [row] * 2 * count, now=lobby.clock())
        table = table_of(Submission)
        for start in range(0, count, 500):
            some = [UUID(row_id) for row_id in ids[start : start + 500]]
            sorted_ones = sa.update(table).where(table.c.id.in_(some))
            session.connection().execute(sorted_ones.values(state=SubmissionState.ASKED))
    submit(lobby, "anna@example.org")
    with lobby.database.write() as session:
        session.connection().exec_driver_sql("ANALYZE")
        if not lobby.database.is_sqlite:  # which would rightly scan some thousand rows
            session.connection().exec_driver_sql(
                "UPDATE pg_class SET relpages = 1, reltuples = 1000000 WHERE oid IN ("
                "SELECT indexrelid FROM pg_index WHERE indrelid = 'submission'::regclass "
                "UNION SELECT 'submission'::regclass)"
            )


def plan_of(session: Session, statement: tuple[str, Any]) -> str:
    connection = session.connection()
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    rows = connection.exec_driver_sql(f"{explain} {statement[0]}", statement[1])
    return "\n".join(str(row[-1]) for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("after", [None, UUID(int=0), "last"])
@pytest.mark.own_database
def test_pending_signatures_are_found_by_their_index(lobby: Lobby, after: Any) -> None:
    add_many_submissions(lobby, 3000)
    (last,) = new_ids_at(1, lobby.clock() - timedelta(seconds=1))
    with lobby.database.read() as session, sent_statements() as sent:
        petition = petitions.public(session, PETITION)
        rows = pending_views.page(
            session,
            petition.id,
            since=None,
            after=UUID(last) if after == "last" else after,
            limit=51,
            keyring=lobby.keyring,
        )
        of_petitions = desk_petitions.of_organisation(
            session, petition.organisation_id, now=lobby.clock()
        )
    unconfirmed = {each.petition.id: each.unconfirmed for each in of_petitions}
    assert (len(rows), unconfirmed[petition.id]) == (1, 1)
    statements = [statement for statement in sent if "FROM submission" in statement[0]]
    assert len(statements) == 2
    with lobby.database.read() as session:
        for statement in statements:
            plan = plan_of(session, statement)
            assert "ix_submission_petition_id_id" in plan, plan
            sorts = plan.count("TEMP B-TREE") + plan.count("Sort Key")
            assert sorts == plan.count("ix_consent_supporter_id"), (
                f"only a person's answers: {plan}"
            )


def test_rows_from_before_are_looked_for_by_their_index(lobby: Lobby) -> None:
    pretend_to_be_large(lobby)
    with lobby.database.read() as session, sent_statements() as sent:
        petition_id = petitions.public(session, PETITION).id
        signature_lists.page(
            session,
            petition_id,
            state=SignatureState.PENDING,
            after=None,
            limit=51,
            keyring=lobby.keyring,
        )
    (statement,) = [statement for statement in sent if "FROM signature" in statement[0]]
    with lobby.database.read() as session:
        plan = plan_of(session, statement)
    assert "ix_signature_pending" in plan, plan


def test_a_count_stops_at_its_limit(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_views, "MOST_COUNTED", 2)
    for number in range(4):
        submit(lobby, f"a{number}@example.org")
    with lobby.database.read() as session:
        owner = petitions.public(session, PETITION).organisation_id
        (counted,) = desk_petitions.of_organisation(session, owner, now=lobby.clock())
    assert counted.unconfirmed == 3


def test_times_are_shown_in_utc(lobby: Lobby) -> None:
    row_id = submit(lobby, "anna@example.org")
    with lobby.database.read() as session:
        petition_id = petitions.public(session, PETITION).id
        (row,) = pending_views.page(
            session, petition_id, since=None, after=None, limit=2, keyring=lobby.keyring
        )
    assert row.signature is not None
    assert (row.id, row.signature.signed_at.tzinfo) == (row_id, UTC)
