"""Tests the page 'Did the letters matter?': its figures, its files, its states and its address."""

import csv
import io
import random
import re
from collections import Counter
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlmodel import Session, col, select

from models import (
    Constituency,
    Letter,
    LetterState,
    Member,
    Membership,
    Motion,
    MotionSignatory,
    Office,
    OfficeKind,
    Role,
)
from services.assembly import Lobby
from services.common import times
from services.tallies import seat_table
from services.views.desk import letters_effect
from tests.support.common import CAMPAIGN, Clock
from tests.support.desk import DeskClient, as_role
from tests.support.home import of_demonstration
from tests.support.pages import visible
from tools import campaign_rows
from tools.campaign_rows import Size

PAGE = f"/organiser/campaigns/{CAMPAIGN}/letters/effect"
MPS = 100


def add_mps(lobby: Lobby, number: int = MPS, party: str = "Labour") -> list[int]:
    """Adds seats with MPs of a party; every third is of 'Labour (Co-op)' where that fits."""
    with lobby.database.write() as session:
        for index in range(number):
            code = f"E1499{index:04}"
            session.add(
                Constituency(code=code, name=f"Seat {index:03}", nation="England", region="London")
            )
            own = "Labour (Co-op)" if party == "Labour" and index % 3 == 0 else party
            session.add(Member(id=800_000 + index, name=f"Member {index:03}", party=own))
        session.flush()
        for index in range(number):
            session.add(
                Membership(
                    member_id=800_000 + index,
                    constituency_code=f"E1499{index:04}",
                    starts_on=date(2024, 7, 4),
                )
            )
    return [800_000 + index for index in range(number)]


def sign(lobby: Lobby, member_id: int, at: datetime, *, with_moment: bool = True) -> None:
    with lobby.database.write() as session:
        session.add(
            MotionSignatory(
                id=700_000_000 + member_id,
                motion_id=session.exec(select(Motion)).one().id,
                member_id=member_id,
                signed_on=times.today(at),
                signed_at=at if with_moment else None,
                first_seen_at=at + timedelta(hours=1),
            )
        )


def fill(lobby: Lobby, clock: Clock) -> list[int]:
    """Fills the demonstration with MPs, letters of 40 days, and names between and after them."""
    added = add_mps(lobby)
    campaign_rows.fill(lobby, CAMPAIGN, Size(1300, 1000, days=40))
    chance = random.Random(19)
    for member_id in chance.sample(added, 30):
        at = clock.now - timedelta(minutes=chance.randrange(1, 45 * 24 * 60))
        sign(lobby, member_id, at, with_moment=chance.random() < 0.8)
    with lobby.database.write() as session:
        for member_id in added[:4]:
            session.add(
                Office(
                    member_id=member_id,
                    kind=OfficeKind.MINISTER,
                    title="Minister",
                    starts_on=date(2025, 1, 1),
                )
            )
    return added


def file_of(client: DeskClient, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return list(csv.DictReader(io.StringIO(answer.text)))


def rows_on(page: Any, table: str) -> list[list[str]]:
    (body,) = re.findall(rf'<table class="{table}".*?<tbody[^>]*>(.*?)</tbody>', page.text, re.S)
    return [
        [
            " ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        ]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.S)
    ]


def sent_letters(session: Session) -> list[tuple[int, datetime]]:
    rows = session.exec(
        select(Letter.member_id, Letter.sent_at).where(Letter.state == LetterState.SENT)
    )
    return [(member_id, sent_at) for member_id, sent_at in rows if sent_at]


def test_the_comparison_is_that_of_a_recount_from_the_rows(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    fill(lobby, clock)
    with lobby.database.read() as session:
        letters = sent_letters(session)
        tally = seat_table.of_campaign(session, of_demonstration(session), now=clock.now)
        ministers = set(session.exec(select(Office.member_id)))
        names = {row.member_id: row for row in session.exec(select(MotionSignatory))}
    days = sorted(times.today(at) for _, at in letters)
    half = days[(len(days) - 1) // 2]
    assert sum(day <= half for day in days) * 2 >= len(days)
    assert sum(day < half for day in days) * 2 < len(days)

    for day in (half, half + timedelta(days=4)):
        had = Counter(to for to, at in letters if times.today(at) <= day)
        followed: list[tuple[int, bool]] = []
        for row in tally.rows:
            member = row.member
            if member is None or not member.party.startswith("Labour") or member.id in ministers:
                continue
            name = names.get(member.id)
            if name is None or name.signed_on > day:
                followed.append((had[member.id], name is not None))
        five, some, none = (
            [signed for letters_had, signed in followed if low <= letters_had <= high]
            for low, high in ((5, 10_000), (1, 4), (0, 0))
        )
        expected = [("5 letters or more", five), ("1 to 4 letters", some), ("No letters", none)]
        if min(len(five), len(some), len(none)) < 20:
            expected = [("5 letters or more", five), ("0 to 4 letters", some + none)]
        assert min(len(group) for _, group in expected) >= 20
        page = signed_in.get(PAGE, params={"day": day.isoformat(), "party": "Labour"})
        found = file_of(signed_in, f"{PAGE}.csv?day={day}&party=Labour")
        assert [(row["letters"], int(row["signed"]), int(row["mps"])) for row in found] == [
            (words, sum(group), len(group)) for words, group in expected
        ]
        shown = rows_on(page, "party-table share-table")
        assert [cells[2] for cells in shown] == [f"{r['signed']} of {r['mps']}" for r in found]
        for cells, line in zip(shown, found, strict=True):
            low, high = letters_effect.wilson(int(line["signed"]), int(line["mps"]))
            assert cells[4] == f"{round(100 * low)} to {round(100 * high)}%"
            assert (line["from"], line["to"]) == (f"{100 * low:.1f}", f"{100 * high:.1f}")
    # Without a choice it is the day on which half had gone, and the largest party.
    assert signed_in.get(f"{PAGE}.csv").text == (
        signed_in.get(f"{PAGE}.csv?day={half}&party=Labour").text
    )
    assert f"Who signed after {times.day(half)}" in visible(signed_in.get(PAGE))
    assert f"half of your {tally.letters_sent} letters had gone" in visible(signed_in.get(PAGE))
    assert len(letters) == tally.letters_sent


def test_each_mp_has_the_letters_and_days_of_a_recount(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    fill(lobby, clock)
    with lobby.database.read() as session:
        letters = sent_letters(session)
        names = list(
            session.exec(
                select(MotionSignatory, Member.name)
                .join(Member, col(Member.id) == MotionSignatory.member_id)
                .where(~col(MotionSignatory.is_withdrawn))
            )
        )
        tally = seat_table.of_campaign(session, of_demonstration(session), now=clock.now)
    began = min(times.today(at) for _, at in letters)
    expected = {}
    for row, name in names:
        moment = row.signed_at or times.begin_of_day(row.signed_on)
        before = [at for to, at in letters if to == row.member_id and at < moment]
        if row.signed_on >= began:
            since = (row.signed_on - times.today(min(before))).days if before else None
            expected[name] = (str(row.signed_on), len(before), since)
    found = {
        row["mp"]: (
            row["signed_on"],
            int(row["letters_before"]),
            int(row["days_from_first_letter"]) if row["days_from_first_letter"] else None,
        )
        for row in file_of(signed_in, f"{PAGE}/mps.csv")
    }
    assert found == expected
    assert len(expected) > 10
    page = signed_in.get(PAGE)
    shown = rows_on(page, "chart-table")
    assert [int(row[2]) for row in shown] == [before for _, before, _ in found.values()]
    # The API gives the same days.
    signed_on = {row.member.name: row.signed_on for row in tally.rows if row.member}
    assert all(str(signed_on[name]) == day for name, (day, _, _) in found.items())
    had = sum(before > 0 for _, before, _ in expected.values())
    assert f"{len(expected)} MPs have signed since letters began" in visible(page)
    assert f"{had} of them had letters first" in visible(page)


def test_the_page_says_first_that_it_shows_no_cause(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    fill(lobby, clock)
    words = visible(signed_in.get(PAGE))
    said = words.index("This shows what goes together, not what caused what.")
    assert said < words.index("since letters began") < words.index("Who signed after")


def test_few_mps_are_not_compared(signed_in: DeskClient, lobby: Lobby, clock: Clock) -> None:
    campaign_rows.fill(lobby, CAMPAIGN, Size(60, 30, days=20))
    page = signed_in.get(PAGE)
    assert "Too few MPs to compare" in visible(page)
    assert "share-table" not in page.text
    assert file_of(signed_in, f"{PAGE}.csv") == []
    add_mps(lobby, 25)
    page = signed_in.get(PAGE, params={"party": "Labour"})
    assert "Labour: too few MPs to compare." in visible(page)
    assert "share-table" not in page.text


def test_before_the_first_letter_the_page_says_what_would_fill_it(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        for letter in session.exec(select(Letter)):
            letter.state = LetterState.QUEUED
    assert "No letter has gone yet." in visible(signed_in.get(PAGE))
    assert file_of(signed_in, f"{PAGE}/mps.csv") == []


def test_on_the_day_of_the_first_letters_it_is_too_early(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    campaign_rows.fill(lobby, CAMPAIGN, Size(30, 10, days=1))
    with lobby.database.write() as session:
        for letter in session.exec(select(Letter).where(Letter.state == LetterState.SENT)):
            letter.sent_at = clock.now
    assert "The first letters went today." in visible(signed_in.get(PAGE))


@pytest.mark.parametrize("day", ["foo", "2026-02-30", "1999-01-01", "2999-01-01", "0001-01-01"])
def test_a_day_that_does_not_fit_is_ignored_in_one_line(
    signed_in: DeskClient, lobby: Lobby, clock: Clock, day: str
) -> None:
    campaign_rows.fill(lobby, CAMPAIGN, Size(60, 30, days=20))
    page = signed_in.get(PAGE, params={"day": day, "party": "Nobody"})
    assert page.status_code == 200
    assert f"We ignored day={day}. We ignored party=Nobody." in visible(page)


def test_viewers_see_it_and_find_it_in_the_menu(client: DeskClient, lobby: Lobby) -> None:
    as_role(lobby, client, Role.VIEWER)
    page = client.get(PAGE)
    assert page.status_code == 200
    assert f'<a href="{PAGE}" aria-current="page">' in page.text
    assert f'href="/organiser/campaigns/{CAMPAIGN}/letters"' not in page.text
