"""Tests petitions and constituencies in the format of petition.parliament.uk."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import select

from models import CampaignStatus, Membership, PetitionState, PetitionTally, Signature
from models.constituency import OVERSEAS, UNKNOWN
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from tests.support.common import CAMPAIGN, PETITION, START, Clock

LIST, FILE, CONSTITUENCIES = "/petitions.json", "/petitions.csv", "/constituencies.json"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
# Every petition of a list on Parliament's site has these names.
NAMES = [
    "action",
    "background",
    "additional_details",
    "committee_note",
    "state",
    "signature_count",
    "created_at",
    "updated_at",
    "rejected_at",
    "opened_at",
    "closed_at",
    "moderation_threshold_reached_at",
    "response_threshold_reached_at",
    "government_response_at",
    "debate_threshold_reached_at",
    "scheduled_debate_date",
    "debate_outcome_at",
    "creator_name",
    "rejection",
    "government_response",
    "debate",
    "departments",
    "topics",
]


def read(client: TestClient, path: str, **query: Any) -> Any:
    # An empty query would replace the one in the path.
    answer = client.get(path, params=query or None)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def add_petition(lobby: Lobby, slug: str, campaign: str = CAMPAIGN, **changes: Any) -> int:
    """Adds a petition and returns its number."""
    values = {"slug": slug, "action": slug, "addressed_to": "Them"} | changes
    with lobby.database.write() as session:
        row = campaigns.by_slug(session, campaign)
        return petitions.create(session, campaign=row, values=values, now=lobby.clock()).number


def set_tally(lobby: Lobby, **counts: int) -> None:
    """Replaces the counts of the demonstration's petition."""
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, PETITION)
        for row in session.exec(
            select(PetitionTally).where(PetitionTally.petition_id == petition.id)
        ):
            session.delete(row)
        session.flush()
        for code, confirmed in counts.items():
            session.add(
                PetitionTally(petition_id=petition.id, constituency_code=code, confirmed=confirmed)
            )


def numbers(document: Any) -> list[int]:
    return [item["id"] for item in document["data"]]


# ---- lists


def test_a_list_has_the_names_that_tools_look_for(client: TestClient, lobby: Lobby) -> None:
    document = read(client, LIST)
    assert document.keys() == {"links", "data"}
    (petition,) = document["data"]
    assert petition.keys() == {"type", "id", "links", "attributes"}
    assert (petition["type"], petition["id"]) == ("petition", 1)
    assert petition["links"] == {"self": "http://testserver/petitions/1.json"}
    attributes = petition["attributes"]
    assert list(attributes) == NAMES
    ours = client.get(f"/v1/petitions/{PETITION}").json()
    assert attributes["action"] == ours["action"]
    assert attributes["background"] == ours["background"]
    assert attributes["state"] == "open"
    assert attributes["signature_count"] == ours["signature_count"] > 0
    assert attributes["creator_name"]
    assert attributes["closed_at"] is None
    for name in ("created_at", "updated_at", "opened_at"):
        assert MOMENT.fullmatch(attributes[name]), name


def test_pages_lead_to_each_other(client: TestClient, lobby: Lobby) -> None:
    for number in range(2, 6):
        assert add_petition(lobby, f"petition-{number}") == number
    first = read(client, LIST, count=2)
    at = "http://testserver/petitions.json?count=2"
    assert first["links"] == {
        "self": at,
        "first": at,
        "last": f"{at}&page=3",
        "next": f"{at}&page=2",
        "prev": None,
    }
    assert numbers(first) == [5, 4], "newest first"
    middle = read(client, first["links"]["next"])
    assert numbers(middle) == [3, 2]
    assert middle["links"]["prev"] == at
    last = read(client, middle["links"]["next"])
    assert (numbers(last), last["links"]["next"]) == ([1], None)
    behind = read(client, LIST, count=2, page=9)
    assert (numbers(behind), behind["links"]["prev"]) == ([], f"{at}&page=3")


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("all", [6, 3, 2, 1]),
        ("published", [6, 3, 2, 1]),
        ("open", [1]),
        ("recent", [1]),
        ("closed", [6, 3, 2]),
        ("rejected", []),
        ("with_response", []),
    ],
)
def test_a_list_holds_the_petitions_of_its_state_and_no_draft(
    client: TestClient, lobby: Lobby, state: str, found: list[int]
) -> None:
    add_petition(lobby, "closed", state=PetitionState.CLOSED)
    add_petition(lobby, "due", closes_at=START)
    add_petition(lobby, "draft", state=PetitionState.DRAFT)
    with lobby.database.write() as session:
        owner = campaigns.by_slug(session, CAMPAIGN).organisation_id
        for slug, status in [("hidden", CampaignStatus.DRAFT), ("won", CampaignStatus.WON)]:
            values = {"slug": slug, "title": slug, "summary": slug, "status": status}
            campaigns.create(session, organisation_id=owner, values=values, now=START)
    add_petition(lobby, "of-hidden", campaign="hidden")
    assert add_petition(lobby, "of-won", campaign="won") == 6
    document = read(client, LIST, state=state)
    assert numbers(document) == found
    for item in document["data"]:
        assert item["attributes"]["state"] == ("open" if item["id"] == 1 else "closed")
    lines = list(csv.DictReader(io.StringIO(client.get(FILE, params={"state": state}).text)))
    assert len(lines) == len(found)


@pytest.mark.parametrize(
    "query", [{"state": "opened"}, {"page": 0}, {"page": "two"}, {"count": 51}, {"count": 0}]
)
def test_a_list_that_there_is_not_is_refused_by_the_name_of_what_is_wrong(
    client: TestClient, query: dict[str, Any]
) -> None:
    answer = client.get(LIST, params=query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == list(query)


def test_the_file_has_the_columns_of_parliaments(client: TestClient, lobby: Lobby) -> None:
    add_petition(lobby, "a-formula", action="=1+1")
    answer = client.get(FILE)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    formula, demonstration = csv.reader(io.StringIO(answer.text.partition("\r\n")[2]))
    assert answer.text.startswith("Petition,URL,State,Signatures Count\r\n")
    assert formula == ["'=1+1", "http://testserver/petitions/a-formula", "open", "0"]
    counted = read(client, "/petitions/1/count.json")["signature_count"]
    assert demonstration[1:] == [
        f"http://testserver/petitions/{PETITION}",
        "open",
        str(counted),
    ]


# ---- one petition


def test_signatures_are_told_by_seat_region_and_home_or_abroad(
    client: TestClient, lobby: Lobby
) -> None:
    set_tally(
        lobby, S14000078=5, E14001420=2, E14001172=0, E14009999=4, **{UNKNOWN: 3, OVERSEAS: 7}
    )
    document = read(client, "/petitions/1.json")
    assert document["links"] == {"self": "http://testserver/petitions/1.json"}
    attributes = document["data"]["attributes"]
    assert attributes["signature_count"] == 21
    assert attributes["signatures_by_country"] == [
        {"name": "United Kingdom", "code": "GB", "signature_count": 14},
        {"name": "Outside the United Kingdom", "code": "ZZ", "signature_count": 7},
    ]
    seats = attributes["signatures_by_constituency"]
    assert {seat["ons_code"]: seat["signature_count"] for seat in seats}["S14000078"] == 5
    assert "E14001172" not in {seat["ons_code"] for seat in seats}, "nobody signed there"
    assert "E14009999" not in {seat["ons_code"] for seat in seats}, "a seat that we do not hold"
    edinburgh = next(seat for seat in seats if seat["ons_code"] == "S14000078")
    assert edinburgh == {
        "name": "Edinburgh East and Musselburgh",
        "ons_code": "S14000078",
        "mp": "Morag Ferncastle",
        "signature_count": 5,
    }
    regions = attributes["signatures_by_region"]
    scotland = {"name": "Scotland", "ons_code": "M", "signature_count": 5}
    assert scotland in regions
    assert sum(region["signature_count"] for region in regions) == sum(
        seat["signature_count"] for seat in seats
    )
    assert attributes["other_parliamentary_business"] == []


def test_every_region_of_the_demonstration_has_its_letter(client: TestClient) -> None:
    regions = read(client, "/petitions/1.json")["data"]["attributes"]["signatures_by_region"]
    assert regions
    assert all(re.fullmatch("[A-N]", region["ons_code"]) for region in regions)


def test_a_petition_tells_when_it_closed(client: TestClient, lobby: Lobby, clock: Clock) -> None:
    def closed_at(number: int) -> Any:
        attributes = read(client, f"/petitions/{number}.json")["data"]["attributes"]
        assert attributes["state"] == "closed"
        assert attributes["creator_name"] is None, "as at Parliament's"
        return attributes["closed_at"]

    due = add_petition(lobby, "due", closes_at=START + timedelta(hours=1))
    number_closed = add_petition(lobby, "by-hand", closes_at=START + timedelta(days=9))
    clock.advance(hours=2)
    assert closed_at(due) == "2026-07-01T13:00:00.000Z"
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, "by-hand")
        petitions.update(session, petition, values={"state": PetitionState.CLOSED}, now=clock.now)
    assert closed_at(number_closed) == "2026-07-01T14:00:00.000Z"
    clock.advance(hours=1)
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        campaigns.update(session, campaign, values={"status": CampaignStatus.WON}, now=clock.now)
    assert closed_at(1) == "2026-07-01T15:00:00.000Z"


@pytest.mark.parametrize("path", ["/petitions/{}.json", "/petitions/{}/count.json"])
@pytest.mark.parametrize("number", [2, 0, 999, 2**31, 10**30])
def test_a_number_that_no_public_petition_has_is_a_404(
    client: TestClient, lobby: Lobby, path: str, number: int
) -> None:
    assert add_petition(lobby, "draft", state=PetitionState.DRAFT) == 2
    answer = client.get(path.format(number))
    assert (answer.status_code, answer.json()["code"]) == (404, "petition_unknown")


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_is_no_number_is_refused_by_name(client: TestClient) -> None:
    answer = client.get(f"/petitions/{PETITION}.json")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "number"


def test_a_vacant_seat_has_no_mp(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        memberships = select(Membership).where(Membership.constituency_code == "S14000078")
        for membership in session.exec(memberships):
            membership.ends_on = START.date()
    vacant = read(client, CONSTITUENCIES)["S14000078"]
    assert vacant == {
        "mp": None,
        "party": None,
        "constituency": "Edinburgh East and Musselburgh",
        "ons_code": "S14000078",
    }
    seats = read(client, "/petitions/1.json")["data"]["attributes"]["signatures_by_constituency"]
    assert {seat["mp"] for seat in seats if seat["ons_code"] == "S14000078"} == {None}


def test_constituencies_are_told_by_their_code(client: TestClient) -> None:
    seats = read(client, CONSTITUENCIES)
    assert all(code == seat["ons_code"] for code, seat in seats.items())
    assert seats["S14000078"]["mp"] == "Morag Ferncastle"
    assert seats["S14000078"]["party"] == "Scottish National Party"


# ---- caching


@pytest.mark.parametrize(
    "path", [LIST, FILE, CONSTITUENCIES, "/petitions/1.json", "/petitions/1/count.json"]
)
def test_what_has_not_changed_is_not_sent_again(
    client: TestClient, lobby: Lobby, path: str
) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    set_tally(lobby, S14000078=5)
    later = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert later.status_code == (304 if path == CONSTITUENCIES else 200), (
        "new counts are seen at once"
    )


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_no_read_looks_at_a_signature(
    client: TestClient, lobby: Lobby, watch: Callable[[], list[str]]
) -> None:
    for path in (LIST, FILE, CONSTITUENCIES, "/petitions/1.json", "/petitions/1/count.json"):
        assert client.get(path).status_code == 200
    assert watch()
    assert [text for text in watch() if f"FROM {Signature.__tablename__}" in text] == []


@pytest.fixture
def watch(lobby: Lobby) -> Any:
    """Yields a function that returns the SQL statements so far."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    engine = lobby.database._reader
    sa.event.listen(engine, "before_cursor_execute", note)
    yield lambda: statements
    sa.event.remove(engine, "before_cursor_execute", note)
