"""Tests the map of a campaign that organisers see."""

import csv
import io
import re
from html import unescape

import pytest
from sqlmodel import col, select

from models import Campaign, CampaignMotion, CampaignStatus, Constituency, MapLayout, Role
from services.assembly import Lobby
from services.signatures.recording import SignatureRequest
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION
from tests.support.desk import DeskClient, as_role
from tests.support.pages import Page, visible
from tests.support.signatures import sign_and_confirm

PATH = f"/organiser/campaigns/{CAMPAIGN}/map"
TALLY = f"/v1/campaigns/{CAMPAIGN}/tally"


@pytest.fixture
def desk(lobby: Lobby, client: DeskClient) -> DeskClient:
    as_role(lobby, client, Role.VIEWER)
    return client


def key_of(page: Page) -> dict[str, int]:
    found = re.findall(r"<span>([^<]+): <strong>([\d,]+)</strong>", page.text)
    return {unescape(label): int(number.replace(",", "")) for label, number in found}


def links_of(page: Page) -> dict[str, str]:
    """Returns the paths that hexagons lead to, with their titles."""
    found = re.findall(r'<a href="([^"]+)" tabindex="-1"><title>([^<]+)</title>', page.text)
    return {path: unescape(title) for path, title in found}


def test_the_key_by_standing_has_the_numbers_of_the_api(desk: DeskClient) -> None:
    key, summary = key_of(desk.get(PATH)), desk.get(f"{TALLY}/summary").json()
    tally = desk.get(TALLY).json()
    assert key["Signed"] == sum(row["signed"] for row in summary["by_region"])
    assert key["Signed"] == tally["members"]["signed"] - summary["without_seat"]["signed"]
    assert key["Removed their name"] == sum(row["withdrawn"] for row in summary["by_region"])
    assert key["No MP at the moment"] == 14 - tally["members"]["seats_filled"]
    assert sum(key.values()) == tally["members"]["total"] == 14


@pytest.mark.parametrize("by", ["signatures", "letters"])
def test_the_key_by_count_covers_every_seat(by: str, desk: DeskClient) -> None:
    page = desk.get(f"{PATH}?by={by}")
    assert sum(key_of(page).values()) == page.text.count("<use ") == 14
    assert f"{by.capitalize()} per 1,000 voters" in visible(page)


def test_each_hexagon_leads_to_its_member_or_its_vacant_seat(desk: DeskClient) -> None:
    rows = desk.get(TALLY).json()["rows"]
    links = links_of(desk.get(f"{PATH}?by=signatures"))
    assert len(links) == len(rows) == 14
    for row in rows:
        member, seat, count = row["member"], row["constituency"], row["signatures"]
        path = f"mps/{member['id']}" if member else f"seats/{seat['code']}"
        who = f"{member['name']}, {seat['name']}" if member else seat["name"]
        assert links[path] == f"{who}: {count} signature{'' if count == 1 else 's'}"


def test_the_strongest_seats_are_those_of_the_tally(desk: DeskClient) -> None:
    page = desk.get(f"{PATH}?by=signatures")
    shown = re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a></th>', page.text)
    rows = desk.get(f"{TALLY}?sort=-signatures_per_1000").json()["rows"]
    assert shown == [row["constituency"]["name"] for row in rows if row["signatures"]]


def test_the_regions_have_the_numbers_of_the_summary(desk: DeskClient) -> None:
    page = desk.get(PATH)
    shown = re.findall(
        r'<th scope="row">([^<]+)</th><td class="number">(\d+) of (\d+)</td>', page.text
    )
    assert {name: (int(signed), int(can)) for name, signed, can in shown} == {
        row["name"]: (row["signed"], row["can_sign"])
        for row in desk.get(f"{TALLY}/summary").json()["by_region"]
    }


def test_the_file_has_the_rows_of_the_tally(desk: DeskClient) -> None:
    answer = desk.get(f"{PATH}.csv")
    assert answer.text == desk.get(f"{TALLY}.csv").text
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(list(csv.DictReader(io.StringIO(answer.text)))) == 14


def test_an_unknown_choice_is_ignored_in_one_line(desk: DeskClient) -> None:
    page = desk.get(f"{PATH}?by=%3Cb%3Eparty")
    assert page.status_code == 200
    assert "We ignored by=<b>party." in unescape(visible(page))
    assert key_of(page) == key_of(desk.get(PATH))
    for query in ("", "?by=", "?by=letters"):
        assert "We ignored" not in visible(desk.get(PATH + query))


def test_a_new_signature_is_on_the_map_at_once(lobby: Lobby, desk: DeskClient) -> None:
    before = links_of(desk.get(f"{PATH}?by=signatures"))
    new = SignatureRequest(PETITION, "New Signer", "new@example.org", CAN_SIGN)
    sign_and_confirm(lobby, new)
    after = links_of(desk.get(f"{PATH}?by=signatures"))
    (changed,) = {path for path, title in after.items() if before[path] != title}
    assert "Edinburgh East and Musselburgh" in after[changed]


def test_what_cannot_be_on_the_map_is_said_in_words(lobby: Lobby, desk: DeskClient) -> None:
    tally = desk.get(TALLY).json()
    assert f"{tally['signatures']['overseas']} signatures from abroad" in visible(
        desk.get(f"{PATH}?by=signatures")
    )
    with lobby.database.write() as session:
        for seat in session.exec(select(Constituency)).all()[:3]:
            seat.electorate = None
    page = desk.get(f"{PATH}?by=signatures")
    assert key_of(page)["Number of voters unknown"] == 3
    assert sum(key_of(page).values()) == 14


def test_a_campaign_without_a_motion_has_a_sentence_in_place_of_an_empty_map(
    lobby: Lobby, desk: DeskClient
) -> None:
    with lobby.database.write() as session:
        session.delete(session.exec(select(CampaignMotion)).one())
        campaign = session.exec(select(Campaign).where(col(Campaign.slug) == CAMPAIGN)).one()
        campaign.status = CampaignStatus.DRAFT
    page = desk.get(PATH)
    assert "This campaign has no motion in Parliament yet." in visible(page)
    assert "hex-map" not in page.text
    assert "hex-map" in desk.get(f"{PATH}?by=signatures").text
    assert "No letters have been sent yet." in visible(desk.get(f"{PATH}?by=letters"))


def test_the_credit_of_an_imported_map_is_below_it(lobby: Lobby, desk: DeskClient) -> None:
    assert "map-credit" not in desk.get(PATH).text
    with lobby.database.write() as session:
        layout = session.exec(select(MapLayout)).one()
        layout.is_imported, layout.credit = True, "Map: A & B (CC BY 4.0)"
    assert "Map: A & B (CC BY 4.0)" in unescape(visible(desk.get(PATH)))


def test_a_map_has_no_tab_stop_besides_the_table_and_the_file(desk: DeskClient) -> None:
    figure = desk.get(PATH).text.partition("<figure")[2].partition("</figure>")[0]
    assert 'aria-hidden="true"' in figure
    assert figure.count("<a ") == figure.count('tabindex="-1"') == 14
    assert "Map of 14 constituencies by who has signed." in figure
