"""Tests the tally in the JSON API."""

import codecs
import csv

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

from models import Member, Membership, MotionSignatory, Scope
from services.assembly import Lobby
from tests.support.common import CAMPAIGN, PETITION
from tests.support.keys import key_for
from tests.support.problems import assert_problem


def test_the_tally_has_a_row_for_every_seat_and_honest_sums(client: TestClient) -> None:
    body = client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()
    assert len(body["rows"]) == body["members"]["total"] == 14
    assert body["members"] == {
        "total": 14,
        "seats_filled": 13,
        "can_sign": 8,
        "signed": 4,
        "signed_in_seats": 4,
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
        ("standing=not_signed&eligibility=convention&eligibility=cannot&eligibility=refuses", 5),
        ("search=FERNCASTLE", 1),
        ("search=ni ardgail", 1),
        ("search=belfast", 2),
        ("search=nobody", 0),
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


@pytest.mark.parametrize(
    ("query", "field", "nearest"),
    [
        ("standing=sined", "standing", "signed"),
        ("eligibility=cannt", "eligibility.0", "cannot"),
        ("party=labor", "party", "Labour"),
        ("party=Labour (Coop)", "party", "Labour (Co-op)"),
        ("nation=Scotlnd", "nation", "Scotland"),
        ("region=Londn", "region", "London"),
        ("standng=signed", "standng", "standing"),
        ("from=2026-07-01", "from", None),
    ],
)
@pytest.mark.parametrize("call", ["tally", "tally.csv", "tally.jsonl"])
def test_what_the_tally_does_not_know_is_refused_with_the_nearest_name(
    client: TestClient, lobby: Lobby, call: str, query: str, field: str, nearest: str | None
) -> None:
    with lobby.database.write() as session:
        member = session.exec(select(Member).where(Member.party == "Labour").limit(1)).one()
        member.party = "Labour (Co-op)"
    answer = client.get(f"/v1/campaigns/{CAMPAIGN}/{call}?{query}")
    code = f"{field}_unknown" if field in ("party", "nation", "region") else "invalid"
    assert_problem(answer, 422, code, field)
    (error,) = answer.json()["errors"]
    assert error["message"].endswith(f"Did you mean '{nearest}'?") == (nearest is not None)


def test_a_party_whose_last_member_has_left_is_known(client: TestClient, lobby: Lobby) -> None:
    query = f"/v1/campaigns/{CAMPAIGN}/tally?party=Sinn Féin"
    with lobby.database.write() as session:
        left = select(Member.id).where(Member.party == "Sinn Féin")
        for seat in session.exec(select(Membership).where(col(Membership.member_id).in_(left))):
            seat.ends_on = lobby.clock().date()
    assert client.get(query).json()["rows"] == []


FILES = ("tally.csv", "tally.jsonl")
LISTS = (
    "/v1/campaigns",
    f"/v1/campaigns/{CAMPAIGN}/motions",
    f"/v1/campaigns/{CAMPAIGN}/updates",
    f"/v1/campaigns/{CAMPAIGN}/events",
    f"/v1/campaigns/{CAMPAIGN}/tally/summary",
    f"/v1/campaigns/{CAMPAIGN}/tally/history",
    f"/v1/campaigns/{CAMPAIGN}/tally/events",
    f"/v1/petitions/{PETITION}/signatures",
    f"/v1/petitions/{PETITION}/signatures.csv",
)


@pytest.mark.parametrize("call", LISTS)
def test_a_list_refuses_a_name_that_it_does_not_know(client: TestClient, call: str) -> None:
    answer = client.get(call, params={"limt": "5", "x": "1"})
    assert_problem(answer, 422, "invalid", "limt", "x")


def test_a_search_without_its_words_names_the_field(client: TestClient, lobby: Lobby) -> None:
    answer = client.get("/v1/motions", headers=key_for(lobby, Scope.CAMPAIGNS_WRITE))
    assert_problem(answer, 422, "invalid", "query")


def test_the_tally_comes_as_csv_by_name_and_by_header(client: TestClient) -> None:
    by_name = client.get(f"/v1/campaigns/{CAMPAIGN}/tally.csv")
    by_header = client.get(f"/v1/campaigns/{CAMPAIGN}/tally", headers={"Accept": "text/csv"})
    assert by_name.text == by_header.text
    lines = by_name.text.splitlines()
    assert len(lines) == 15
    assert lines[0].startswith("constituency_code,constituency,nation,region,member_id,member")


def test_somebody_without_a_seat_counts_among_the_names_and_not_among_the_seats(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        signed = select(MotionSignatory.member_id).where(~col(MotionSignatory.is_withdrawn))
        statement = select(Membership).where(col(Membership.member_id).in_(signed))
        session.exec(statement.limit(1)).one().ends_on = lobby.clock().date()
    tally = client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()
    summary = client.get(f"/v1/campaigns/{CAMPAIGN}/tally/summary").json()
    campaign = client.get(f"/v1/campaigns/{CAMPAIGN}").json()
    (motion,) = client.get(f"/v1/campaigns/{CAMPAIGN}/motions").json()
    for counts in (tally["members"], summary["members"]):
        assert (counts["signed"], counts["signed_in_seats"]) == (4, 3)
    for counts in (campaign["totals"], campaign["motion"], motion):
        assert (counts["signatories"], counts["signed_in_seats"]) == (4, 3)
    assert sum(row["signed_in_seats"] for row in summary["by_party"]) == 3
    rows = client.get(f"/v1/campaigns/{CAMPAIGN}/tally/summary.csv").text.splitlines()
    place = rows[0].split(",").index("signed_in_seats")
    assert sum(int(row.split(",")[place]) for row in rows[1:]) == 3
    for path in (f"/campaigns/{CAMPAIGN}", f"/campaigns/{CAMPAIGN}/mps"):
        page = client.get(path).text
        assert "3 of 14 MPs" in page
        assert "4 of 14" not in page


def test_a_party_has_a_name_to_show_and_the_party_with_which_it_sits(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        member = session.exec(select(Member).where(Member.party == "Labour")).first()
        assert member
        member.party, member_id = "Labour/Co-op", member.id
    expected = {"party": "Labour/Co-op", "party_name": "Labour (Co-op)", "party_group": "Labour"}
    rows = client.get(f"/v1/campaigns/{CAMPAIGN}/tally?party=labour").json()["rows"]
    (row,) = (row for row in rows if row["member"]["id"] == member_id)
    page = client.get(f"/v1/members/{member_id}").json()
    for found in (row, row["member"], page):
        assert {name: found[name] for name in expected} == expected
    text = client.get(f"/v1/campaigns/{CAMPAIGN}/tally.csv?party=Labour (Co-op)").text
    lines = list(csv.DictReader(text.splitlines()))
    assert len(lines) == len(rows) > 1
    (line,) = (line for line in lines if line["member_id"] == str(member_id))
    assert {name: line[name] for name in expected} == expected


EVERY_CSV = (
    f"/v1/campaigns/{CAMPAIGN}/tally.csv",
    f"/v1/campaigns/{CAMPAIGN}/tally/summary.csv",
    f"/v1/campaigns/{CAMPAIGN}/tally/history.csv",
    f"/v1/campaigns/{CAMPAIGN}/answers.csv",
    f"/v1/campaigns/{CAMPAIGN}/letters.csv",
    f"/v1/petitions/{PETITION}/signatures.csv",
)


@pytest.mark.parametrize("path", EVERY_CSV)
def test_a_csv_file_begins_with_a_byte_order_mark_on_request_alone(
    client: TestClient, lobby: Lobby, path: str
) -> None:
    scopes = (Scope.SIGNATURES_READ, Scope.LETTERS_READ, Scope.LETTERS_WRITERS)
    key = key_for(lobby, *scopes)
    plain = client.get(path, headers=key)
    marked = client.get(f"{path}?bom=1", headers=key)
    assert marked.content == codecs.BOM_UTF8 + plain.content
    assert not plain.content.startswith(codecs.BOM_UTF8)
    assert client.get(f"{path}?bom=false", headers=key).content == plain.content
    assert_problem(client.get(f"{path}?bom=perhaps", headers=key), 422, "invalid", "bom")
    if tag := plain.headers.get("ETag"):
        assert tag != marked.headers["ETag"]
        again = client.get(f"{path}?bom=1", headers=key | {"If-None-Match": marked.headers["ETag"]})
        assert again.status_code == 304


def test_only_keys_for_tallies_get_the_addresses_of_mps_and_no_shared_cache_keeps_them(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        member = session.exec(select(Member).where(Member.party == "Labour").limit(1)).one()
        member.email, member_id = "an.mp@parliament.example", member.id
    reader, other = key_for(lobby, Scope.TALLIES_READ), key_for(lobby, Scope.SIGNATURES_READ)
    for path in ("tally", "tally?standing=not_signed", "tally?standing=signed", *FILES):
        url = f"/v1/campaigns/{CAMPAIGN}/{path}"
        with_emails = client.get(url, headers=reader)
        assert with_emails.headers["Cache-Control"] == "private, no-cache"
        assert "Authorization" in with_emails.headers["Vary"]
        tag = {"If-None-Match": with_emails.headers["ETag"]}
        assert client.get(url, headers=reader | tag).status_code == 304
        for answer in (
            client.get(url),
            client.get(url, headers=other),
            client.get(url, headers=tag),
        ):
            assert answer.status_code == 200
            assert "member_email" not in answer.text
            assert "Authorization" in answer.headers["Vary"]
    rows = client.get(f"/v1/campaigns/{CAMPAIGN}/tally", headers=reader).json()["rows"]
    found = {row["member"]["id"]: row.get("member_email") for row in rows if row["member"]}
    assert found[member_id] == "an.mp@parliament.example"
    text = client.get(f"/v1/campaigns/{CAMPAIGN}/tally.csv", headers=reader).text
    lines = list(csv.DictReader(text.splitlines()))
    assert {
        int(line["member_id"]): line["member_email"] or None for line in lines if line["member_id"]
    } == found
    assert text.splitlines()[0].endswith(",member_email")
