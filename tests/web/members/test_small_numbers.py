"""Tests that no public page or file of MPs shows a number of people under five."""

import csv
import io
import random
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from sqlmodel import select

from models import Constituency, LetterTally, Petition, PetitionTally
from services.assembly import Lobby
from services.campaigns import campaigns
from services.tallies import public_tallies, tally_exports
from services.tallies.seat_table import Tally, TallyFilter
from tests.support.common import CAMPAIGN
from tests.support.made_up.tallies import tallies
from tests.support.pages import CAMPAIGN_PATH, MPS, TALLY, visible

FEW = "fewer than 5"
ROUNDS = 4
OUTSIDE = ("unknown", "overseas")
Numbers = dict[str, tuple[int, int]]


def set_counts(lobby: Lobby, draw: random.Random) -> None:
    """Gives every seat new numbers of signatures and letters, most of them small."""
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        petition = session.exec(select(Petition)).one()
        motion = campaigns.motion_of(session, campaign.id)
        assert motion
        for table in (PetitionTally, LetterTally):
            for row in session.exec(select(table)):
                session.delete(row)
        session.flush()
        for code in [*session.exec(select(Constituency.code)), *OUTSIDE]:
            session.add(
                PetitionTally(
                    petition_id=petition.id, constituency_code=code, confirmed=draw.randrange(8)
                )
            )
            if code in OUTSIDE:  # nobody there has an MP to write to
                continue
            session.add(
                LetterTally(
                    campaign_id=campaign.id,
                    motion_id=motion.id,
                    motion_key=motion.id,
                    constituency_code=code,
                    sent=draw.randrange(8),
                    opened=draw.randrange(8),
                )
            )


def shown(count: int) -> str:
    return str(count) if count >= 5 else FEW


def rows_of_page(html: str) -> dict[str, tuple[str, ...]]:
    """Returns the numbers of people in each row of the table, as they are shown."""
    found = re.findall(r'<tr><th scope="row"><a [^>]+>([^<]+)</a></th>(.+)</tr>', html)
    return {
        seat: tuple(re.findall(r'<td class="n" data-label="[^"]+">([^<]+?) ?<', cells))
        for seat, cells in found
    }


@pytest.mark.slow
@given(tallies())
def test_a_public_tally_has_the_numbers_of_the_tally_from_five_up(tally: Tally) -> None:
    public = public_tallies.without_small(tally)
    names = ("signatures", "letters_sent", "letters_opened")
    for row, exact in zip(public.rows, tally.rows, strict=True):
        for name in names:
            number = getattr(exact, name)
            assert getattr(row, name) == (number if number >= 5 else 0)
    assert (public.confirmed, public.signed) == (tally.confirmed, tally.signed)
    rows = csv.DictReader(io.StringIO(tally_exports.public_csv(tally.rows)))
    for cells, exact in zip(rows, tally.rows, strict=True):
        assert [cells[name] for name in names] == [shown(getattr(exact, name)) for name in names]
        assert (cells["signatures_per_1000"] == "") == (
            exact.signatures < 5 or exact.electorate is None
        )


@pytest.mark.slow
@given(tallies())
def test_sums_of_groups_have_no_small_numbers_either(tally: Tally) -> None:
    summary = public_tallies.summary_of(tally)
    for row in (*summary.by_party, *summary.by_nation, *summary.by_region):
        for number in (row.signatures, row.letters_sent):
            assert number == 0 or number >= 5
        assert row.signatures or row.signatures_per_1000 is None


@pytest.mark.slow
@given(tallies())
def test_no_order_of_rows_tells_small_numbers_apart(tally: Tally) -> None:
    public = public_tallies.without_small(tally)
    for sort in ("-signatures", "signatures_per_1000", "-letters_sent"):
        found = TallyFilter(sort=sort).apply(public.rows)
        hidden = [row.constituency.name for row in found if not row.signatures + row.letters_sent]
        place = {row.constituency.name: number for number, row in enumerate(public.rows)}
        with_electors = [name for name in hidden if _has_electors(public, name)]
        for names in (with_electors, [name for name in hidden if name not in with_electors]):
            assert names == sorted(names, key=place.__getitem__)


def _has_electors(tally: Tally, name: str) -> bool:
    row = next(row for row in tally.rows if row.constituency.name == name)
    return row.electorate is not None


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_pages_and_files_show_the_numbers_of_the_api_from_five_up(
    client: TestClient, lobby: Lobby, seed: int
) -> None:
    set_counts(lobby, random.Random(seed))
    api: dict[str, Any] = client.get(TALLY).json()
    page = client.get(MPS)
    on_page = rows_of_page(page.text)
    file = {
        row["constituency_code"]: row
        for row in csv.DictReader(io.StringIO(client.get(f"{MPS}.csv").text))
    }
    assert len(on_page) == len(file) == len(api["rows"]) == 14
    for row in api["rows"]:
        seat, member = row["constituency"], row["member"]
        signatures, letters = shown(row["signatures"]), shown(row["letters_sent"])
        assert on_page[seat["name"]] == (signatures, letters)
        cells = file[seat["code"]]
        assert (cells["signatures"], cells["letters_sent"]) == (signatures, letters)
        assert cells["letters_opened"] == shown(row["letters_opened"])
        own = client.get(f"{CAMPAIGN_PATH}/constituencies/{seat['code']}", follow_redirects=True)
        strip = re.findall(r"<li><strong>([^<]+)</strong> ([^<]+)</li>", own.text)
        opened = row["letters_opened"]
        assert strip == [
            (signatures, "people have signed the petition"),
            (letters, "letters sent to their MP"),
            *([(str(opened), "letters sent from people’s own email (reported)")] * (opened >= 5)),
        ]
        assert member is None or f"Has {member['name']} signed?" in visible(own)
    signed = sum(row["standing"] == "signed" for row in api["rows"])
    assert f"{signed} of 14 MPs have signed" in visible(page)
    assert f"{api['signatures']['confirmed']} people have signed the petition" in visible(page)


@pytest.mark.parametrize("by", ["party", "nation", "region"])
def test_tables_of_totals_show_the_sums_of_the_api_from_five_up(
    client: TestClient, lobby: Lobby, by: str
) -> None:
    set_counts(lobby, random.Random(by))
    api = client.get(f"{TALLY}/summary").json()[f"by_{by}"]
    text = client.get(f"{MPS}.csv?by={by}").text
    file = [list(row) for row in csv.reader(io.StringIO(text))][1:]
    table = client.get(MPS).text.partition(f"MPs and signatures by {by}</caption>")[2]
    on_page = re.findall(
        r'<tr><th scope="row">([^<]+)</th>.*?data-label="Signatures">([^<]+)<',
        table.partition("</table>")[0],
    )
    assert [row[0] for row in file] == [row["name"] for row in api]
    assert [row[3] for row in file] == [shown(row["signatures"]) for row in api]
    assert on_page == [(row["name"].replace("&", "&amp;"), shown(row["signatures"])) for row in api]


def test_signatures_outside_the_seats_are_said_from_five_up(
    client: TestClient, lobby: Lobby
) -> None:
    def put(unknown: int, overseas: int) -> str:
        with lobby.database.write() as session:
            petition = session.exec(select(Petition)).one()
            for code, count in (("unknown", unknown), ("overseas", overseas)):
                session.merge(
                    PetitionTally(petition_id=petition.id, constituency_code=code, confirmed=count)
                )
        return visible(client.get(MPS))

    few = put(4, 1)
    assert "have no constituency" not in few
    assert "from outside the UK" not in few
    many = put(5, 12)
    assert "5 signatures have no constituency. 12 signatures are from outside the UK." in many
