"""Tests the tally by seat, its sums by party, nation and region, and rates per 1,000 electors."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import Session, col, select

from models import (
    Constituency,
    Member,
    MemberOverride,
    MemberReply,
    Membership,
    Organisation,
    OverrideKind,
    Private,
    ReplyKind,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.parliament import seat_snapshots
from tests.support.common import CAMPAIGN

TALLY = f"/v1/campaigns/{CAMPAIGN}/tally"
EDINBURGH, MANCHESTER, NORWICH = "S14000078", "E14001352", "E14001409"
GROUPINGS = ("by_party", "by_nation", "by_region")


def read(client: TestClient, path: str = "", **query: str) -> Any:
    answer = client.get(TALLY + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def table(client: TestClient, path: str, **query: str) -> list[dict[str, str]]:
    answer = client.get(TALLY + path, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(answer.text.splitlines()))


def codes(rows: list[Any]) -> list[str]:
    return [row["constituency"]["code"] for row in rows]


def change_seat(lobby: Lobby, code: str, **values: Any) -> None:
    with lobby.database.write() as session:
        session.get_one(Constituency, code).sqlmodel_update(values)


def member_in(session: Session, code: str) -> int:
    statement = select(Membership.member_id).where(
        Membership.constituency_code == code, col(Membership.ends_on).is_(None)
    )
    return session.exec(statement).one()


def note(lobby: Lobby, code: str, kind: OverrideKind, day: date) -> None:
    """Adds an organiser's note about the member of a seat."""
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        session.add(
            MemberOverride(
                organisation_id=campaign.organisation_id,
                campaign_id=campaign.id,
                member_id=member_in(session, code),
                kind=kind,
                reason="Told a constituent.",
                link="https://example.org/said",
                starts_on=day,
                recorded_at=lobby.clock(),
            )
        )


@contextmanager
def statements(lobby: Lobby) -> Iterator[list[str]]:
    """Collects the statements that the reading engine sends."""
    seen: list[str] = []

    def note_it(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    engine = lobby.database._reader
    sa.event.listen(engine, "before_cursor_execute", note_it)
    yield seen
    sa.event.remove(engine, "before_cursor_execute", note_it)


# ---- rates per 1,000 electors


def test_a_row_tells_its_electorate_and_signatures_for_every_1000_electors(
    client: TestClient,
) -> None:
    (row,) = [row for row in read(client)["rows"] if row["constituency"]["code"] == EDINBURGH]
    assert row["electorate"] == 76188
    assert row["signatures_per_1000"] == round(row["signatures"] / 76.188, 2) > 0


@pytest.mark.parametrize("electorate", [None, 0])
@pytest.mark.parametrize("order", ["signatures_per_1000", "-signatures_per_1000"])
def test_a_seat_without_electors_has_no_rate_and_comes_last_in_both_directions(
    client: TestClient, lobby: Lobby, electorate: int | None, order: str
) -> None:
    change_seat(lobby, EDINBURGH, electorate=electorate)
    rows = read(client, sort=order)["rows"]
    assert codes(rows)[-1] == EDINBURGH
    assert (rows[-1]["electorate"], rows[-1]["signatures_per_1000"]) == (electorate, None)
    rates = [row["signatures_per_1000"] for row in rows[:-1]]
    assert rates == sorted(rates, reverse=order.startswith("-"))
    assert rates[0] != rates[-1]
    assert table(client, ".csv", sort=order)[-1]["signatures_per_1000"] == ""


def test_who_has_not_signed_comes_last_whichever_way_the_days_are_sorted(
    client: TestClient,
) -> None:
    for order in ("signed_on", "-signed_on"):
        days = [row["signed_on"] for row in read(client, sort=order)["rows"]]
        assert days[4:] == [None] * 10
        assert days[:4] == sorted(days[:4], reverse=order.startswith("-"))


# ---- filters


def test_signed_since_keeps_names_that_stand_from_that_day_on(client: TestClient) -> None:
    signed_rows = read(client, standing="signed")["rows"]
    days = sorted(row["signed_on"] for row in signed_rows)
    filtered = read(client, signed_since=days[2])
    assert sorted(row["signed_on"] for row in filtered["rows"]) == days[2:]
    assert {row["standing"] for row in filtered["rows"]} == {"signed"}
    assert filtered["members"]["signed"] == 4, "sums are of all seats"
    assert read(client, signed_since="2026-07-02")["rows"] == []


@pytest.mark.parametrize(
    "day", ["yesterday", "2026-13-01", "20260503", "2026-W01-1", "86400", "", "2026-5-3"]
)
@pytest.mark.parametrize("path", ["", ".csv"])
def test_a_day_that_is_none_names_the_field(client: TestClient, path: str, day: str) -> None:
    answer = client.get(TALLY + path, params={"signed_since": day})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["signed_since"]


def test_said_keeps_members_by_what_they_said_last(client: TestClient, lobby: Lobby) -> None:
    note(lobby, EDINBURGH, OverrideKind.SAYS_WILL_SIGN, date(2026, 6, 29))
    note(lobby, MANCHESTER, OverrideKind.SAYS_WILL_NOT, date(2026, 6, 29))
    assert codes(read(client, said="will_sign")["rows"]) == [EDINBURGH]
    assert codes(read(client, said="will_not")["rows"]) == [MANCHESTER]
    answer = client.get(TALLY, params={"said": "perhaps"})
    assert [error["field"] for error in answer.json()["errors"]] == ["said"]


# ---- CSV


def test_the_csv_tells_what_the_json_tells(client: TestClient, lobby: Lobby) -> None:
    note(lobby, EDINBURGH, OverrideKind.SAYS_WILL_SIGN, date(2026, 6, 29))
    rows = {row["constituency_code"]: row for row in table(client, ".csv")}
    for seat in read(client)["rows"]:
        row = rows[seat["constituency"]["code"]]
        assert row["electorate"] == str(seat["electorate"])
        assert row["signatures_per_1000"] == f"{seat['signatures_per_1000']:.2f}"
        assert row["said"] == (seat["said"] or "")
        reply = seat["reply"] or {"kind": "", "said_on": ""}
        assert (row["reply"], row["reply_on"]) == (reply["kind"], reply["said_on"])
    assert rows[EDINBURGH]["said"] == "will_sign"
    assert (rows[EDINBURGH]["reply"], rows[EDINBURGH]["reply_on"]) == ("undecided", "2026-06-27")


def test_no_cell_of_a_csv_is_a_formula(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        session.get_one(Member, member_in(session, EDINBURGH)).party = "=1+1"
    change_seat(lobby, EDINBURGH, region="@SUM(A1)", nation="-2")
    (row,) = [row for row in table(client, ".csv") if row["constituency_code"] == EDINBURGH]
    assert (row["party"], row["region"], row["nation"]) == ("'=1+1", "'@SUM(A1)", "'-2")
    for by, name in (("party", "'=1+1"), ("region", "'@SUM(A1)"), ("nation", "'-2")):
        assert name in {row["name"] for row in table(client, "/summary.csv", by=by)}


# ---- sums


def add_up(body: Any, grouping: str, column: str) -> int:
    return sum(row[column] for row in body[grouping])


def assert_sums_are_those_of_the_tally(client: TestClient) -> None:
    tally, body = read(client), read(client, "/summary")
    assert (body["members"], body["signatures"]) == (tally["members"], tally["signatures"])
    members, signatures = tally["members"], tally["signatures"]
    without_seat = signatures["unknown"] + signatures["overseas"]
    electors = sum(row["electorate"] for row in tally["rows"])
    for by in GROUPINGS:
        assert add_up(body, by, "seats") == members["total"]
        assert add_up(body, by, "seats_filled") == members["seats_filled"]
        assert add_up(body, by, "can_sign") == members["can_sign"]
        for standing in ("signed", "withdrawn"):
            in_seats = add_up(body, by, standing)
            assert in_seats + body["without_seat"][standing] == members[standing]
        assert add_up(body, by, "signatures") + without_seat == signatures["confirmed"]
        assert add_up(body, by, "letters_sent") == tally["letters"]["sent"]
        assert add_up(body, by, "electorate") == electors


def test_each_grouping_adds_up_to_the_tally(client: TestClient) -> None:
    assert_sums_are_those_of_the_tally(client)
    assert read(client, "/summary")["without_seat"] == {"signed": 0, "withdrawn": 0}


def test_a_name_of_a_member_who_lost_their_seat_stands_apart(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        membership = select(Membership).where(Membership.constituency_code == MANCHESTER)
        session.exec(membership).one().ends_on = lobby.clock().date()
    assert_sums_are_those_of_the_tally(client)
    body = read(client, "/summary")
    assert body["without_seat"] == {"signed": 1, "withdrawn": 0}
    (vacant,) = [row for row in body["by_party"] if row["name"] == "Vacant"]
    assert (vacant["seats"], vacant["seats_filled"], vacant["signed"]) == (2, 0, 0)


def test_signatures_from_a_seat_that_was_never_imported_count_as_unknown(
    client: TestClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        moved = "UPDATE petition_tally SET constituency_code = 'E14999999' WHERE "
        where = f"constituency_code = '{NORWICH}'"  # vacant, so that no other row refers to it
        session.connection().execute(sa.text(moved + where))
    assert read(client)["signatures"]["unknown"] > 0
    assert_sums_are_those_of_the_tally(client)


def test_a_campaign_for_some_nations_still_counts_every_seat(
    client: TestClient, lobby: Lobby
) -> None:
    before = read(client, "/summary")
    with lobby.database.write() as session:
        campaigns.public(session, CAMPAIGN).nations = ["Scotland", "Wales"]
    assert_sums_are_those_of_the_tally(client)
    body = read(client, "/summary")
    assert body["by_nation"] == before["by_nation"]
    assert len(body["by_nation"]) == 4


def test_a_row_tells_its_share_of_those_who_can_sign_and_its_rate(client: TestClient) -> None:
    rows = {row["name"]: row for row in read(client, "/summary")["by_party"]}
    labour = rows["Labour"]
    # One of the five is of Labour (Co-op), which sits with Labour.
    assert (labour["seats"], labour["can_sign"], labour["signed"]) == (5, 3, 2)
    assert "Labour (Co-op)" not in rows
    assert labour["signed_of_can_sign"] == 0.667
    rate = round(1000 * labour["signatures"] / labour["electorate"], 2)
    assert labour["signatures_per_1000"] == rate
    assert (rows["Sinn Féin"]["can_sign"], rows["Sinn Féin"]["signed_of_can_sign"]) == (0, None)


def test_vacant_seats_are_the_last_row_and_parties_go_by_their_seats(client: TestClient) -> None:
    rows = read(client, "/summary")["by_party"]
    assert (rows[0]["name"], rows[-1]["name"]) == ("Labour", "Vacant")
    assert (rows[-1]["seats"], rows[-1]["seats_filled"], rows[-1]["can_sign"]) == (1, 0, 0)
    assert rows[-1]["signatures"] > 0, "people of a vacant seat still sign"


def test_a_group_with_an_unknown_electorate_has_no_rate(client: TestClient, lobby: Lobby) -> None:
    change_seat(lobby, MANCHESTER, electorate=None)
    rows = {row["name"]: row for row in read(client, "/summary")["by_nation"]}
    assert (rows["England"]["electorate"], rows["England"]["signatures_per_1000"]) == (None, None)
    assert rows["Wales"]["electorate"] == 73060
    (row,) = [row for row in table(client, "/summary.csv", by="nation") if row["name"] == "England"]
    assert (row["electorate"], row["signatures_per_1000"]) == ("", "")


@pytest.mark.parametrize("by", ["party", "nation", "region"])
def test_a_grouping_comes_as_csv(client: TestClient, by: str) -> None:
    rows = table(client, "/summary.csv", by=by)
    groups = read(client, "/summary")[f"by_{by}"]
    assert [row["name"] for row in rows] == [row["name"] for row in groups]
    for row, expected in zip(rows, groups, strict=True):
        assert list(row) == list(expected)
        assert int(row["signed"]) == expected["signed"]
        share = expected["signed_of_can_sign"]
        assert row["signed_of_can_sign"] == ("" if share is None else f"{share:.3f}")


def test_a_grouping_that_does_not_exist_names_the_field(client: TestClient) -> None:
    answer = client.get(f"{TALLY}/summary.csv?by=colour")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["by"]


def test_without_a_motion_nobody_has_signed(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        session.connection().execute(sa.text("DELETE FROM campaign_motion"))
    body = read(client, "/summary")
    assert body["motion"] is None
    assert add_up(body, "by_party", "signed") == 0
    assert add_up(body, "by_party", "seats") == 14


@pytest.mark.parametrize("path", ["/summary", "/summary.csv?by=region", ".csv"])
def test_a_client_that_has_it_gets_304_until_a_count_changes(
    client: TestClient, lobby: Lobby, path: str
) -> None:
    tag = {"If-None-Match": client.get(TALLY + path).headers["ETag"]}
    assert client.get(TALLY + path, headers=tag).status_code == 304
    with lobby.database.write() as session:
        session.connection().execute(sa.text("UPDATE petition_tally SET confirmed = confirmed + 1"))
    assert client.get(TALLY + path, headers=tag).status_code == 200


def test_a_draft_and_an_unknown_campaign_have_no_summary(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        other = Organisation(slug="other", name="Other", created_at=lobby.clock())
        session.add(other)
        session.flush()
        values = {"slug": "theirs", "title": "t", "summary": "s", "status": "draft"}
        campaigns.create(session, organisation_id=other.id, values=values, now=lobby.clock())
    for slug in ("theirs", "none"):
        for path in ("summary", "summary.csv", "history.csv", "events", "events.atom"):
            assert client.get(f"/v1/campaigns/{slug}/tally/{path}").status_code == 404


@pytest.mark.parametrize("path", ["", ".csv", "/summary", "/summary.csv"])
def test_reading_takes_a_fixed_number_of_statements_and_never_scans_signatures(
    client: TestClient, lobby: Lobby, path: str
) -> None:
    with lobby.database.read() as session:  # from now on the seats are in memory
        seat_snapshots.of_day(session, lobby.clock().date())
    with statements(lobby) as before:
        client.get(TALLY + path)
    note(lobby, EDINBURGH, OverrideKind.SAYS_WILL_SIGN, date(2026, 6, 29))
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        for code in (MANCHESTER, "E14001130", "E14001305"):
            session.add(
                MemberReply(
                    campaign_id=campaign.id,
                    member_id=member_in(session, code),
                    kind=ReplyKind.MEETING,
                    said_on=date(2026, 6, 1),
                    verified_by=Private(campaign.organisation_id, "An organiser"),
                    recorded_at=lobby.clock(),
                    updated_at=lobby.clock(),
                )
            )
    with statements(lobby) as after:
        client.get(TALLY + path)
    assert 0 < len(before) == len(after) < 15
    assert not [statement for statement in after if "FROM signature" in statement]
