"""Tests the page 'Did the letters matter?': its figures, its files, its states and its address."""

import csv
import io
import re
from collections import Counter
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from sqlmodel import Session, col, select

from models import (
    Letter,
    LetterState,
    Member,
    MotionSignatory,
    Office,
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
from tools import campaign_rows, sample_data
from tools.campaign_rows import Size
from tools.statements import sent_by

PAGE = f"/organiser/campaigns/{CAMPAIGN}/letters/effect"


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


@pytest.mark.slow
def test_the_comparison_is_that_of_a_recount_from_the_rows(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    sample_data.add_mps_and_letters(lobby)
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


@pytest.mark.slow
def test_each_mp_has_the_letters_and_days_of_a_recount(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    sample_data.add_mps_and_letters(lobby)
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
    sample_data.add_mps_and_letters(lobby)
    words = visible(signed_in.get(PAGE))
    said = words.index("This shows what goes together, not what caused what.")
    assert said < words.index("since letters began") < words.index("Who signed after")


def test_few_mps_are_not_compared(signed_in: DeskClient, lobby: Lobby, clock: Clock) -> None:
    campaign_rows.fill(lobby, CAMPAIGN, Size(60, 30, days=20))
    page = signed_in.get(PAGE)
    assert "Too few MPs to compare" in visible(page)
    assert "share-table" not in page.text
    assert file_of(signed_in, f"{PAGE}.csv") == []
    sample_data.add_mps(lobby, 25)
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


def first_letter_on(lobby: Lobby) -> date:
    with lobby.database.read() as session:
        return min(times.today(at) for _, at in sent_letters(session))


def assert_refused(client: DeskClient, day: str, message: str) -> None:
    page = client.get(PAGE, params={"day": day, "party": "Labour"})
    assert page.status_code == 422
    assert f'<a href="#day">{message}</a>' in page.text
    assert 'aria-describedby="day-error" aria-invalid="true"' in page.text
    assert f'value="{day}"' in page.text
    assert "We ignored" not in page.text
    # Nothing is compared from a day that was not chosen; the rest of the page is there.
    assert "share-table" not in page.text
    assert "since letters began" in visible(page)
    assert client.get(f"{PAGE}.csv", params={"day": day}).status_code == 422


@pytest.mark.parametrize("day", ["foo", "2026-02-30", "15 June"])
def test_what_is_no_day_is_refused_beside_its_field(
    signed_in: DeskClient, lobby: Lobby, clock: Clock, day: str
) -> None:
    sample_data.add_mps_and_letters(lobby)
    message = "Enter a date in the correct format, like 2026-06-15."
    assert_refused(signed_in, day, message)
    page = signed_in.get(PAGE, params={"day": day})
    assert re.search(r'<input id="day"[^>]* type="text"', page.text), "a browser empties a date"


def test_a_day_without_letters_before_it_or_days_after_it_is_refused(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    sample_data.add_mps_and_letters(lobby)
    first, today = first_letter_on(lobby), times.today(clock.now)
    one = timedelta(days=1)
    early = f"Enter {times.day(first)} or later: the first letter went then."
    for day in (date(1, 1, 1), first - one):
        assert_refused(signed_in, str(day), early)
    late = f"Enter {times.day(today - one)} or earlier: we count who signed after that day."
    for day in (today, today + one, date(9999, 12, 31)):
        assert_refused(signed_in, str(day), late)
    for day in (first, today - one):
        page = signed_in.get(PAGE, params={"day": str(day)})
        assert page.status_code == 200
        assert f"Who signed after {times.day(day)}" in visible(page)
        limits = f'min="{first}" max="{today - one}" value="{day}"'
        assert limits in page.text


def test_a_party_that_is_not_there_is_ignored_in_one_line(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    sample_data.add_mps_and_letters(lobby)
    page = signed_in.get(PAGE, params={"party": "Nobody"})
    assert page.status_code == 200
    assert "We ignored party=Nobody." in visible(page)


def test_without_letters_a_day_is_ignored_in_one_line(signed_in: DeskClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        for letter in session.exec(select(Letter)):
            letter.state = LetterState.QUEUED
    page = signed_in.get(PAGE, params={"day": "foo"})
    assert page.status_code == 200
    assert "We ignored day=foo." in visible(page)


def test_a_refused_day_needs_no_more_statements_than_another_page(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    sample_data.add_mps_and_letters(lobby)
    signed_in.get(PAGE)  # the first visit of a campaign is noted
    with sent_by(lobby) as sent:
        signed_in.get(PAGE, params={"day": "foo"})
    assert len(sent) <= 12


def test_viewers_see_it_and_find_it_in_the_menu(client: DeskClient, lobby: Lobby) -> None:
    as_role(lobby, client, Role.VIEWER)
    page = client.get(PAGE)
    assert page.status_code == 200
    assert f'<a href="{PAGE}" aria-current="page">' in page.text
    assert f'href="/organiser/campaigns/{CAMPAIGN}/letters"' not in page.text
