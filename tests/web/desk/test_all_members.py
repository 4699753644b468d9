"""Tests of the page 'All MPs' of the desk: its figures, filters, orders, pages and file."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select

from models import (
    Constituency,
    Letter,
    LetterState,
    Member,
    Membership,
    MotionSignatory,
    QuickAnswerKind,
    Role,
    Signature,
    SignatureState,
)
from services.assembly import Lobby
from services.campaigns import quick_answers
from tests.support.common import CAMPAIGN, SIGNED
from tests.support.desk import DeskClient, add_organiser, as_role
from tests.support.home import of_demonstration
from tests.web.desk.seat_pages import (
    MORAG,
    MPS,
    PATH,
    VACANT_NAME,
    records,
    rows_of,
    seats_of,
    tabs_of,
    words,
)
from tools import campaign_rows
from tools.campaign_rows import Size
from web.organisers.members.mps_query import ORDERS

TALLY = f"/v1/campaigns/{CAMPAIGN}/tally"
LABELS = ["Signed", "Said they’ll sign", "Said no", "Not yet", "Don’t normally sign"]


def record_answer(
    lobby: Lobby, kind: QuickAnswerKind = QuickAnswerKind.WILL_SIGN, member_id: int = MORAG
) -> None:
    """Records what an office told the team."""
    organiser = add_organiser(lobby, Role.EDITOR, email=f"{kind}-{member_id}@example.org")
    with lobby.database.write() as session:
        quick_answers.record(
            session,
            of_demonstration(session),
            member_id=member_id,
            kind=kind,
            organiser=organiser,
            now=lobby.clock(),
        )


def counted(lobby: Lobby, table: Any, state: Any) -> dict[str, int]:
    """Counts rows in one state by seat."""
    statement = sa.select(table.constituency_code, sa.func.count()).where(table.state == state)
    with lobby.database.read() as session:
        found = session.execute(statement.group_by(table.constituency_code))
        return {row[0]: row[1] for row in found}


def stance(row: dict[str, Any]) -> str:
    """Says on which tab the API's row of a seat is, by the words of the guide."""
    if row["member"] is None:
        return "No MP"
    if row["standing"] != "not_signed":
        return {"signed": "Signed", "withdrawn": "Removed name"}[row["standing"]]
    if row["eligibility"] != "can_sign":
        return "Don’t normally sign"
    said = {"will_sign": "Said they’ll sign", "will_not": "Said no", None: "Not yet"}
    return said[row["said"]]


def test_every_figure_is_that_of_the_api_of_the_file_and_of_a_count_of_the_rows(
    lobby: Lobby, client: DeskClient
) -> None:
    campaign_rows.fill(lobby, CAMPAIGN, Size(300, 120))
    as_role(lobby, client, Role.VIEWER)
    answer = client.get(MPS)
    shown = {row[0]: row for row in rows_of(answer)}
    api = client.get(TALLY).json()["rows"]
    file = {line["constituency"]: line for line in records(client.get(f"{MPS}.csv").text)}
    signatures = counted(lobby, Signature, SignatureState.CONFIRMED)
    letters = counted(lobby, Letter, LetterState.SENT)
    assert len(shown) == len(api) == len(file) == 14
    assert sum(signatures.values()) > 300
    assert sum(letters.values()) > 100
    for row in api:
        seat = row["constituency"]
        cells, line, code = shown[seat["name"]], file[seat["name"]], seat["code"]
        per_1000 = f"{row['signatures_per_1000']:.2f}"
        assert cells[3:6] == [f"{row['signatures']:,}", per_1000, f"{row['letters_sent']:,}"]
        numbers = [line["signatures"], line["signatures_per_1000"], line["letters_sent"]]
        assert numbers == [str(row["signatures"]), per_1000, str(row["letters_sent"])]
        assert row["signatures"] == signatures.get(code, 0), code
        assert row["letters_sent"] == letters.get(code, 0), code
    tabs = tabs_of(answer)
    for label in LABELS:
        assert tabs[label] == sum(stance(row) == label for row in api), label
    assert tabs["All"] == 14 == sum(tabs.values()) - tabs["All"]


def test_the_file_of_the_desk_is_that_of_the_api(lobby: Lobby, client: DeskClient) -> None:
    as_role(lobby, client, Role.VIEWER)
    own = client.get(f"{MPS}.csv?sort=constituency")
    assert own.headers["Content-Disposition"] == f'attachment; filename="{CAMPAIGN}-mps.csv"'
    assert own.headers["Cache-Control"] == "no-store"
    assert own.text == client.get(f"{TALLY}.csv").text


@pytest.mark.parametrize(
    ("query", "seats"),
    [
        ("standing=withdrawn", ["Brighton Pavilion"]),
        ("standing=vacant", [VACANT_NAME]),
        ("party=Green+Party", ["Bristol Central"]),
        ("party=Labour&standing=cannot&region=London", ["Cities of London and Westminster"]),
        ("region=Scotland", ["Edinburgh East and Musselburgh"]),
        ("q=ni+ardgail", ["Belfast West"]),  # Caoimhe Ní Ardgail
        ("q=FERNcastle", ["Edinburgh East and Musselburgh"]),
        ("q=de+caerdydd", ["Cardiff South and Penarth"]),
        ("q=belfast&sort=constituency", ["Belfast South and Mid Down", "Belfast West"]),
        ("q=belfast+west", ["Belfast West"]),
        ("q=Labour+MPs", []),
    ],
)
def test_filters_and_words_choose_the_rows_of_the_page_and_of_the_file(
    signed_in: DeskClient, lobby: Lobby, query: str, seats: list[str]
) -> None:
    with lobby.database.write() as session:
        session.get_one(Constituency, "W07000091").name_welsh = "De Caerdydd a Phenarth"
    answer = signed_in.get(f"{MPS}?{query}")
    assert seats_of(answer) == seats
    file = records(signed_in.get(f"{MPS}.csv?{query}").text)
    assert [line["constituency"] for line in file] == seats
    assert ("No MPs match" in answer.text) is (seats == [])
    assert "Clear filters" in answer.text


def test_labour_is_one_party_with_its_cooperative_members(signed_in: DeskClient) -> None:
    answer = signed_in.get(f"{MPS}?party=Labour&sort=member")
    parties = [row[1] for row in rows_of(answer)]
    assert "Farooq Haldenby Labour (Co-op)" in parties
    assert len(parties) == 5
    assert '<option value="Labour (Co-op)">' not in answer.text


def test_a_postcode_leads_to_its_seat_and_does_not_stay_in_the_address(
    signed_in: DeskClient,
) -> None:
    answer = signed_in.get(f"{MPS}?q={SIGNED.replace(' ', '')}&sort=member", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{MPS}?q=Manchester+Central&sort=member"
    assert seats_of(signed_in.get(answer.headers["Location"])) == ["Manchester Central"]
    file = records(signed_in.get(f"{MPS}.csv?q={SIGNED}").text)
    assert [line["constituency"] for line in file] == ["Manchester Central"]
    unknown = signed_in.get(f"{MPS}?q=ZZ1+1ZZ")
    assert "We can’t find a constituency for that postcode" in unknown.text
    assert rows_of(unknown) == []


def test_what_the_address_has_and_the_page_does_not_know_is_ignored_in_one_line(
    signed_in: DeskClient,
) -> None:
    answer = signed_in.get(f"{MPS}?sort=foo&party=Whigs&page=0&standing=signed")
    assert "We ignored sort=foo and page=0 and party=Whigs." in answer.text
    assert len(rows_of(answer)) == 4
    assert "We ignored" not in signed_in.get(f"{MPS}?sort=&party=&q=&page=1").text
    evil = signed_in.get(f"{MPS}?sort=<script>")
    assert "We ignored sort=&lt;script&gt;." in evil.text


def test_each_order_sorts_the_rows_and_its_head_turns_it_round(signed_in: DeskClient) -> None:
    columns = ["constituency", "member", "standing", "signatures", "signatures_per_1000"]
    columns += ["letters_sent", "heard"]
    for sort in ORDERS:
        answer = signed_in.get(f"{MPS}?sort={sort}")
        place, is_down = columns.index(sort.removeprefix("-")), sort.startswith("-")
        heads = answer.text.partition("<thead")[2].partition("</thead>")[0].split("<th ")[1:]
        direction = "descending" if is_down else "ascending"
        assert [f'aria-sort="{direction}"' in head for head in heads].index(True) == place
        turned = sort.removeprefix("-") if is_down else f"-{sort}"
        link = "" if turned == "-signatures" else f"?sort={turned}"
        assert f'href="{MPS}{link}"' in heads[place]
        values = [row[place] for row in rows_of(answer)]
        if place in (3, 4, 5):
            numbers = [float(value) for value in values]
            assert numbers == sorted(numbers, reverse=is_down), sort
        if place == 0:
            assert values == sorted(values, reverse=is_down)
    assert [row[1] for row in rows_of(signed_in.get(f"{MPS}?sort=-member"))][-1].startswith("No MP")


def test_fifty_rows_are_on_a_page_and_all_in_the_file(signed_in: DeskClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        session.add_all(
            Constituency(
                code=f"E99{number:06}",
                name=f"Seat {number:03}",
                nation="England",
                region="London",
            )
            for number in range(100)
        )
    pages = [signed_in.get(f"{MPS}?sort=constituency&page={number}") for number in (1, 2, 3, 9)]
    assert [len(rows_of(page)) for page in pages] == [50, 50, 14, 14]
    together = [name for page in pages[:3] for name in seats_of(page)]
    assert together == sorted(together)
    assert len(set(together)) == 114
    assert len(records(signed_in.get(f"{MPS}.csv").text)) == 114
    assert "51 to 100 of 114" in words(pages[1].text)


def test_what_an_office_told_the_team_is_a_stance_for_editors_alone(
    lobby: Lobby, client: DeskClient
) -> None:
    record_answer(lobby)
    as_role(lobby, client, Role.EDITOR)
    editors = client.get(f"{MPS}?standing=will_sign")
    assert [row[0] for row in rows_of(editors)] == ["Edinburgh East and Musselburgh"]
    assert rows_of(editors)[0][6] == "Said yes, 1 July"
    assert tabs_of(editors)["Said they’ll sign"] == 1
    assert records(client.get(f"{MPS}.csv?standing=will_sign").text) == [], "no file has answers"
    as_role(lobby, client, Role.VIEWER)
    viewers = client.get(f"{MPS}?standing=will_sign")
    assert rows_of(viewers) == []
    assert tabs_of(viewers)["Said they’ll sign"] == 0
    assert "Said yes" not in client.get(MPS).text


def test_an_office_that_did_not_answer_changes_no_stance(lobby: Lobby, client: DeskClient) -> None:
    record_answer(lobby, QuickAnswerKind.NO_ANSWER)
    as_role(lobby, client, Role.EDITOR)
    row = next(each for each in rows_of(client.get(MPS)) if "Morag" in each[1])
    assert (row[2], row[6]) == ("Not yet", "No answer, 1 July")


def test_those_who_signed_and_left_parliament_are_named_below_the_table(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        signed = select(MotionSignatory.member_id).where(MotionSignatory.sponsoring_order == 1)
        member = session.get_one(Member, session.exec(signed).one())
        held = session.exec(select(Membership).where(Membership.member_id == member.id)).one()
        held.ends_on = lobby.clock().date()
    answer = signed_in.get(MPS)
    assert f'<a class="target" href="{MPS}/{member.id}">{member.name}</a>' in answer.text
    assert "1 MP who signed has left Parliament since" in words(answer.text)
    assert tabs_of(answer)["Signed"] == 3


def test_every_row_leads_to_a_page_that_is_there_with_the_list_in_its_address(
    signed_in: DeskClient,
) -> None:
    html = signed_in.get(f"{MPS}?standing=not_yet").text
    assert f'href="{MPS}/{MORAG}?standing=not_yet"' in html
    vacant = signed_in.get(f"{MPS}?standing=vacant").text
    assert f'href="{PATH}/seats/E14001409?standing=vacant"' in vacant
