"""Tests the petition room: its figures, its sources, its files, and what viewers see."""

import csv
import io
import re
from collections import Counter
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from models import Constituency, Partner, Petition, Role, Signature, SignatureState, Submission
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common import times
from services.organisations import organisations, partners
from services.views.desk import small_groups
from tests.support.campaigns import add_campaign
from tests.support.common import CAMPAIGN, PETITION, Clock
from tests.support.desk import DeskClient, as_role
from tests.support.home import of_demonstration
from tests.support.pages import visible
from tools import campaign_rows
from tools.campaign_rows import Size
from web.base.sharing import MEDIA

PAGE = f"/organiser/campaigns/{CAMPAIGN}/petition"
TALLY = f"/v1/campaigns/{CAMPAIGN}/tally"


def file_of(client: DeskClient, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return list(csv.DictReader(io.StringIO(answer.text)))


def table_under(page: Any, name: str) -> dict[str, str]:
    (body,) = re.findall(
        rf'<table class="chart-table" aria-labelledby="{name}">.*?<tbody>(.*?)</tbody>',
        page.text,
        re.S,
    )
    rows = re.findall(r"<tr><th[^>]*>(.*?)</th><td[^>]*>(.*?)</td></tr>", body, re.S)
    return {unescape(re.sub(r"<[^>]+>", "", name)): count for name, count in rows}


def confirmed(lobby: Lobby) -> list[Signature]:
    with lobby.database.read() as session:
        return list(
            session.exec(select(Signature).where(Signature.state == SignatureState.CONFIRMED))
        )


def set_sources(lobby: Lobby, sources: dict[UUID, str]) -> None:
    with lobby.database.write() as session:
        for row_id, source in sources.items():
            session.get_one(Signature, row_id).source = source


def fill(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        owner = organisations.get(session, of_demonstration(session).organisation_id)
        for name, slug in (("A Paper", "a-paper"), ("A Charity", "a-charity")):
            partners.create(session, organisation=owner, name=name, slug=slug, now=lobby.clock())
    campaign_rows.fill(lobby, CAMPAIGN, Size(400, 20, days=20))


def test_every_figure_is_that_of_the_api_of_the_files_and_of_a_recount(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    fill(lobby)
    rows = confirmed(lobby)
    page = signed_in.get(PAGE)
    tally = signed_in.get(TALLY).json()
    words = visible(page)
    assert f"{len(rows)} signatures" in words
    assert len(rows) == tally["signatures"]["confirmed"]

    with lobby.database.read() as session:
        names = {row.id: row.name for row in session.exec(select(Partner))}
        seats = {row.code: row.name for row in session.exec(select(Constituency))}
        waiting = len(
            session.exec(
                select(Submission.id).join(Petition, Petition.id == Submission.petition_id)  # type: ignore[arg-type] # SQL, no bool
            ).all()
        )
    assert re.search(rf"<strong>{waiting}</strong> not confirmed yet", page.text)

    # Sources and partners: the page, the file, the rows.
    found = file_of(signed_in, f"{PAGE}/sources.csv")
    by_kind = {
        kind: {row["name"]: int(row["signatures"]) for row in found if row["kind"] == kind}
        for kind in ("share link", "code", "partner")
    }
    sources = Counter(row.source for row in rows)
    media = {name: count for name, count in sources.items() if name in MEDIA}
    codes = {name or "no code": count for name, count in sources.items() if name not in MEDIA}
    of_partners = Counter(names[row.partner_id] if row.partner_id else "no partner" for row in rows)
    for kind, expected in (("share link", media), ("code", codes), ("partner", of_partners)):
        shown, others = small_groups.joined(expected)
        assert by_kind[kind] == dict(shown) | ({"Others": others} if others else {})
        assert sum(by_kind[kind].values()) == sum(expected.values())
    assert len(media) > 1
    on_page = [table_under(page, name) for name in ("media", "codes", "partners")]
    assert [list(table.values()) for table in on_page] == [
        [str(count) for count in table.values()] for table in by_kind.values()
    ]

    # Constituencies.
    by_seat = Counter(
        seats[row.constituency_code] for row in rows if row.constituency_code in seats
    )
    top = table_under(page, "places")
    assert {name: int(count) for name, count in top.items()} == dict(
        sorted(by_seat.items(), key=lambda item: (-item[1], item[0]))[:10]
    )
    outside = tally["signatures"]
    assert f"{outside['unknown']} signature" in words
    assert f"and {outside['overseas']} came from outside the UK" in words

    # Days: the table, the file, the rows.
    days = {row["day"]: int(row["signatures"]) for row in file_of(signed_in, f"{PAGE}.csv")}
    by_day = Counter(str(times.today(row.confirmed_at)) for row in rows if row.confirmed_at)
    assert {day: count for day, count in days.items() if count} == by_day
    (body,) = re.findall(
        r"<caption.*?Signatures by day</caption>.*?<tbody>(.*?)</tbody>", page.text, re.S
    )
    assert [int(n) for n in re.findall(r'"number">(-?\d+)</td>', body)] == list(days.values())


def test_groups_under_five_are_joined(signed_in: DeskClient, lobby: Lobby) -> None:
    fill(lobby)
    rows = confirmed(lobby)
    set_sources(lobby, {row.id: "stall" for row in rows[:4]})
    set_sources(lobby, {row.id: "paper" for row in rows[4:6]})
    page = signed_in.get(PAGE)
    assert ">stall<" not in page.text
    assert ">paper<" not in page.text
    codes = table_under(page, "codes")
    assert int(codes["Others"]) >= 5


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 30), max_size=12))
def test_no_small_group_can_be_told_from_the_sum(groups: dict[str, int]) -> None:
    shown, others = small_groups.joined(groups)
    assert sum(count for _, count in shown) + others == sum(groups.values())
    assert all(count >= 5 and groups[name] == count for name, count in shown)
    assert others == 0 or others >= 5 or not shown
    joined = set(groups) - {name for name, _ in shown}
    assert len(joined) != 1 or groups[joined.pop()] >= 5 or not shown


def test_sources_are_counted_once_a_minute_and_the_page_says_when(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    fill(lobby)
    before = table_under(signed_in.get(PAGE), "codes")
    set_sources(lobby, {row.id: "stall" for row in confirmed(lobby)[:20]})
    clock.advance(seconds=59)
    page = signed_in.get(PAGE)
    assert table_under(page, "codes") == before
    counted_at = clock.now - timedelta(seconds=59)
    assert f"Counted at {times.clock(counted_at)}" in visible(page)
    clock.advance(seconds=1)
    page = signed_in.get(PAGE)
    assert table_under(page, "codes")["stall"] == "20"
    assert f"Counted at {times.clock(clock.now)}" in visible(page)


def test_each_petition_has_its_state_and_goal(signed_in: DeskClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        session.exec(select(Petition).where(Petition.slug == PETITION)).one().goal = 5000
    page = signed_in.get(PAGE)
    assert "Open" in visible(page)
    assert "Your goal: 5,000." in visible(page)
    assert f'href="/organiser/campaigns/{CAMPAIGN}/edit/petition/{PETITION}"' in page.text


def test_a_campaign_without_a_petition_says_so(signed_in: DeskClient, lobby: Lobby) -> None:
    add_campaign(lobby, "no-petition")
    page = signed_in.get("/organiser/campaigns/no-petition/petition")
    assert page.status_code == 200
    assert "This campaign has no petition." in visible(page)


@pytest.mark.parametrize("days", ["7", "30"])
def test_the_days_are_those_of_the_address(signed_in: DeskClient, days: str) -> None:
    assert len(file_of(signed_in, f"{PAGE}.csv?days={days}")) == int(days)
    assert "We ignored days=foo." in visible(signed_in.get(f"{PAGE}?days=foo"))


def test_a_viewer_sees_counts_and_no_name_of_a_signer(client: DeskClient, lobby: Lobby) -> None:
    fill(lobby)
    as_role(lobby, client, Role.VIEWER)
    with lobby.database.read() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        names = {row.name.text for row in session.exec(select(Signature))}
    assert campaign.slug == CAMPAIGN
    for address in (PAGE, f"{PAGE}.csv", f"{PAGE}/sources.csv"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert not [name for name in names if name in answer.text]
    assert "/edit/petition" not in client.get(PAGE).text
