"""Tests the overview of a campaign: its figures, its states, its goal and its files."""

import csv
import io
import re
from collections import Counter
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from sqlmodel import col, func, select

from models import (
    CampaignEvent,
    CampaignMotion,
    CampaignStatus,
    EventKind,
    Letter,
    LetterState,
    Motion,
    MotionEventKind,
    MotionSignatory,
    MotionStatus,
    Organiser,
    PetitionHour,
    QuickAnswerKind,
    Role,
    Scope,
    Signature,
    SignatureState,
)
from services.assembly import Lobby
from services.campaigns import campaigns, quick_answers
from services.common import times
from services.tallies import seat_table
from services.views.desk import by_party
from tests.support.campaigns import add_campaign, add_draft
from tests.support.common import CAMPAIGN, Clock
from tests.support.desk import DeskClient, as_role
from tests.support.home import (
    MORAG,
    change_campaign,
    end_motion,
    name_on_motion,
    of_demonstration,
)
from tests.support.keys import key_for
from tests.support.pages import visible
from tools import campaign_rows
from tools.campaign_rows import Size

PAGE = f"/organiser/campaigns/{CAMPAIGN}"
TALLY = f"/v1/campaigns/{CAMPAIGN}/tally"


def figures_of(page: Any) -> dict[str, tuple[int, str]]:
    """Returns each figure of the strip with the words below it, by its name in /pulse."""
    found = re.findall(
        r'data-live="(\w+)">([\d,]+)</span>.*?<em[^>]*>(.*?)</em>', page.text, re.DOTALL
    )
    return {name: (whole(number), unescape(words)) for name, number, words in found}


def whole(text: str) -> int:
    return int(text.replace(",", "").replace("−", "-"))


def change_of(words: str) -> int:
    found = re.match(r"([+−][\d,]+) since yesterday", words)
    return whole(found[1]) if found else 0


def days_on(page: Any) -> list[list[str]]:
    """Returns the rows of the table below the charts."""
    (body,) = re.findall(
        r'<table class="chart-table">.*?<tbody>(.*?)</tbody>', page.text, re.DOTALL
    )
    return cells_of(body)


def parties_on(page: Any) -> list[list[str]]:
    (body,) = re.findall(r'<table class="party-table".*?<tbody[^>]*>(.*?)</tbody>', page.text, re.S)
    return [[cell for cell in row if cell] for row in cells_of(body)]


def cells_of(body: str) -> list[list[str]]:
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)
    return [
        [
            " ".join(unescape(re.sub(r"<[^>]+>", "", cell)).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        for row in rows
    ]


def file_of(client: DeskClient, address: str) -> list[list[str]]:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    return list(csv.reader(io.StringIO(answer.text)))


def targets_of(client: DeskClient, lobby: Lobby, limit: int) -> list[dict[str, Any]]:
    """Returns whom to ask next, from the API."""
    key = key_for(lobby, Scope.TALLIES_READ)
    path = f"/v1/campaigns/{CAMPAIGN}/targets?limit={limit}"
    targets: list[dict[str, Any]] = client.get(path, headers=key).json()
    return targets


def add_event(lobby: Lobby, title: str, day: date) -> None:
    with lobby.database.write() as session:
        row = CampaignEvent(
            campaign_id=of_demonstration(session).id,
            kind=EventKind.DELIVERY,
            title=title,
            day=day,
            created_at=lobby.clock(),
            updated_at=lobby.clock(),
        )
        session.add(row)


# ---- figures


def test_every_figure_is_that_of_the_api_of_the_files_and_of_a_recount(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    campaign_rows.fill(lobby, CAMPAIGN, Size(150, 60, days=20))
    clock.advance(minutes=5)
    name_on_motion(lobby, MotionEventKind.SIGNED)
    page = signed_in.get(PAGE)
    tally = signed_in.get(TALLY).json()
    shown = figures_of(page)

    # The strip, from the API and from the rows.
    assert {name: number for name, (number, _) in shown.items()} == {
        "signed": tally["members"]["signed"],
        "left": len(targets_of(signed_in, lobby, 650)),
        "signatures": tally["signatures"]["confirmed"],
        "letters": tally["letters"]["sent"],
    }
    assert f"</span> of {tally['members']['total']}</strong> MPs have signed" in page.text
    with lobby.database.read() as session:
        names = select(func.count(func.distinct(MotionSignatory.member_id))).where(
            ~col(MotionSignatory.is_withdrawn)
        )
        confirmed = select(func.count()).where(Signature.state == SignatureState.CONFIRMED)
        assert shown["signed"][0] == session.exec(names).one()
        assert shown["signatures"][0] == session.exec(confirmed).one()
        sent = list(session.exec(select(Letter.sent_at).where(Letter.state == LetterState.SENT)))
        hours = list(session.exec(select(PetitionHour)))
        rows = seat_table.of_campaign(session, of_demonstration(session), now=clock.now).rows
    assert shown["letters"][0] == len(sent)
    assert shown["left"][0] == by_party.left_to_ask(rows)

    # What changed since yesterday.
    begins = clock.now - timedelta(days=1)
    span = {"from": begins.isoformat(), "to": clock.now.isoformat()}
    first, *_, last = signed_in.get(f"{TALLY}/history", params=span).json()["points"]
    for name, column in (
        ("signed", "signatories"),
        ("signatures", "signatures"),
        ("letters", "letters_sent"),
    ):
        assert change_of(shown[name][1]) == last[column] - first[column], name

    # Every day: the table, the file, and the rows.
    days = days_on(page)
    header, *lines = file_of(signed_in, f"{PAGE}/history.csv")
    assert header == ["day", "signatories", "signatures_a_day", "letters_a_day"]
    assert [[whole(cell) for cell in row[1:]] for row in days] == [
        [int(cell) for cell in line[1:]] for line in lines
    ]
    assert [row[0] for row in days] == [times.day(date.fromisoformat(line[0])) for line in lines]
    letters = Counter(times.today(at) for at in sent if at)
    signatures: Counter[date] = Counter()
    for hour in hours:
        signatures[times.today(hour.hour)] += hour.change
    for line in lines:
        day = date.fromisoformat(line[0])
        assert int(line[3]) == letters[day]
        assert int(line[2]) == signatures[day]
    assert sum(int(line[3]) for line in lines) == shown["letters"][0]
    assert sum(int(line[2]) for line in lines) == shown["signatures"][0]
    assert int(lines[-1][1]) == shown["signed"][0]

    # The parties: the table, the file, the API, and the rows.
    header, *lines = file_of(signed_in, f"{PAGE}/parties.csv")
    assert header == [
        "party",
        "mps",
        "signed",
        "left_to_ask",
        "said_no_or_took_name_off",
        "do_not_normally_sign",
    ]
    assert [[*row[0].rsplit(" ", 1), *row[1:]] for row in parties_on(page)] == lines
    assert sum(int(line[1]) for line in lines) == tally["members"]["seats_filled"]
    assert sum(int(line[2]) for line in lines) == tally["members"]["signed"]
    assert sum(int(line[3]) for line in lines) == shown["left"][0]
    summary = signed_in.get(f"{TALLY}/summary").json()["by_party"]
    (labour,) = [row for row in summary if row["name"] == "Labour"]
    assert ["Labour", str(labour["seats_filled"]), str(labour["signed"])] in [
        line[:3] for line in lines
    ]


def test_the_days_are_those_of_the_address(signed_in: DeskClient) -> None:
    assert len(days_on(signed_in.get(f"{PAGE}?days=7"))) == 7
    assert len(days_on(signed_in.get(f"{PAGE}?days=30"))) == 30
    assert len(file_of(signed_in, f"{PAGE}/history.csv?days=7")) == 8
    page = signed_in.get(f"{PAGE}?days=foo")
    assert page.status_code == 200
    assert "We ignored days=foo." in visible(page)
    assert len(days_on(page)) > 30


def test_events_of_the_motion_and_of_the_campaign_are_numbered(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    today = times.today(clock.now)
    for number in range(9):
        add_event(lobby, f"Event {number}", today - timedelta(days=20 - number))
    add_event(lobby, "In the future", today + timedelta(days=1))
    page = signed_in.get(PAGE)
    listed = re.findall(r'<li><b aria-hidden="true">(\d)</b><span>(.*?)</span></li>', page.text)
    assert [number for number, _ in listed] == list("123456789")
    assert "Event 0" in listed[0][1]  # the tenth, the oldest, is left out
    assert "Motion tabled" not in page.text
    assert page.text.count('class="event-sign"') == 9
    assert "In the future" not in "".join(text for _, text in listed)
    assert "Event 8" in signed_in.get(f"{PAGE}?days=30").text


@pytest.mark.parametrize("seats", [1, 4])
def test_a_small_party_alone_keeps_its_name(lobby: Lobby, seats: int) -> None:
    with lobby.database.read() as session:
        rows = seat_table.of_campaign(session, of_demonstration(session), now=lobby.clock()).rows
    of_labour = [row for row in rows if row.party_group == "Labour"][:seats]
    (only,) = by_party.of_rows(of_labour)
    assert (only.name, only.members, only.parties) == ("Labour", seats, ())
    shown = by_party.of_rows(rows)
    assert shown[-1].name == "Others"
    assert "Labour" not in shown[-1].parties
    parts = [(row.signed, row.left, row.said_no, row.does_not_sign) for row in shown]
    assert [sum(part) for part in parts] == [row.members for row in shown]


# ---- who sees what


def test_viewers_see_figures_and_neither_whom_to_ask_nor_the_goals_form(
    client: DeskClient, lobby: Lobby
) -> None:
    as_role(lobby, client, Role.VIEWER)
    page = client.get(PAGE)
    assert page.status_code == 200
    assert "Who to ask next" not in re.sub(r"<nav.*?</nav>", "", page.text, flags=re.DOTALL)
    assert f'action="{PAGE}/goal"' not in page.text
    assert figures_of(page)["signed"][0] == 4
    assert '<h2 id="parties">By party</h2>' in page.text


def test_editors_see_the_first_five_to_ask_with_their_reasons(
    client: DeskClient, lobby: Lobby
) -> None:
    as_role(lobby, client, Role.EDITOR)
    page = client.get(PAGE)
    shown = shown_to_ask(page)
    assert shown == [each["member"]["id"] for each in targets_of(client, lobby, 5)]
    assert "signatures</strong>: " in page.text


def test_an_mp_whose_office_said_no_is_not_among_those_to_ask(
    client: DeskClient, lobby: Lobby
) -> None:
    as_role(lobby, client, Role.EDITOR)
    first, *others = shown_to_ask(client.get(PAGE))
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        quick_answers.record(
            session,
            campaign,
            member_id=first,
            kind=QuickAnswerKind.WILL_NOT,
            organiser=session.exec(select(Organiser)).all()[0],
            now=lobby.clock(),
        )
    assert shown_to_ask(client.get(PAGE)) == others


def shown_to_ask(page: Any) -> list[int]:
    """Returns the ids of the MPs to ask that the overview shows, in order."""
    return [int(found) for found in re.findall(r'<h3><a href="[^"]*/mps/(\d+)">', page.text)]


# ---- the goal


def test_an_editor_sets_changes_and_removes_the_goal(client: DeskClient, lobby: Lobby) -> None:
    as_role(lobby, client, Role.EDITOR)
    change_campaign(lobby, member_goal=None)
    assert "No goal yet" in visible(client.get(PAGE))
    page = client.post(f"{PAGE}/goal", data={"member_goal": " 6 "}, follow_redirects=True)
    assert "The goal is saved." in visible(page)
    assert "2 more MPs to reach your goal of 6" in visible(page)
    assert "Goal: 6" in page.text
    assert "4 on" in page.text
    change_campaign(lobby, member_goal=4)
    assert "Your goal of 4 MPs is reached" in visible(client.get(PAGE))
    page = client.post(f"{PAGE}/goal", data={"member_goal": ""}, follow_redirects=True)
    assert "The goal is removed." in visible(page)
    assert "No goal yet" in visible(page)


@pytest.mark.parametrize("typed", ["0", "651", "-1", "1.5", "many", "９", "1e2", "9" * 400])
def test_a_goal_that_is_no_number_of_mps_is_refused_and_kept(
    signed_in: DeskClient, lobby: Lobby, typed: str
) -> None:
    page = signed_in.post(f"{PAGE}/goal", data={"member_goal": typed})
    assert page.status_code == 422
    assert '<a href="#member_goal">Enter a number from 1 to 650' in page.text
    assert f'value="{typed}"' in page.text
    assert "<details open>" in page.text
    with lobby.database.read() as session:
        assert of_demonstration(session).member_goal == 6


# ---- states


def test_a_draft_shows_what_will_be_here_and_leads_to_the_builder(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    draft = add_draft(lobby)
    page = signed_in.get(f"/organiser/campaigns/{draft.slug}")
    assert "This campaign is a draft" in visible(page)
    assert "What you’ll see here when it’s open" in visible(page)
    assert f'class="button" href="/organiser/campaigns/{draft.slug}/edit/' in page.text


def test_a_campaign_in_which_nothing_has_happened_shows_sentences_and_no_chart(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    add_campaign(lobby, "quiet", title="Quiet")
    page = signed_in.get("/organiser/campaigns/quiet")
    assert page.status_code == 200
    assert "Nothing has happened yet." in visible(page)
    assert "No motion is linked yet" in visible(page)
    assert 'role="img"' not in page.text
    assert "By party" not in visible(page)


def test_an_amber_note_says_how_old_the_names_are_and_when_we_try_again(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    with lobby.database.write() as session:
        motion = session.exec(select(Motion)).one()
        motion.synced_at = clock.now - timedelta(hours=3)
        motion.sync_failed_at = clock.now - timedelta(minutes=5)
    page = visible(signed_in.get(PAGE))
    failed, known = clock.now - timedelta(minutes=5), clock.now - timedelta(hours=3)
    assert (
        f"We couldn’t reach Parliament’s list at {times.time_and_day(failed, clock.now)}." in page
    )
    assert f"The names here are those of {times.time_and_day(known, clock.now)}." in page
    assert "We’ll try again at " in page


def test_a_motion_that_has_ended_keeps_its_figures_with_their_day(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    on = times.today(clock.now) - timedelta(days=3)
    end_motion(lobby, MotionStatus.LAPSED, on)
    page = signed_in.get(PAGE)
    assert "The motion has ended" in visible(page)
    assert f"MPs can’t sign it since {times.day(on)}. 4 MPs had signed by then." in visible(page)
    assert f'href="{PAGE}/edit/motion"' in page.text
    assert figures_of(page)["signed"][0] == 4
    assert "left" not in figures_of(page)
    assert 'id="ask"' not in page.text


def test_a_campaign_that_has_ended_ends_its_days_with_it(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    ended_at = clock.now - timedelta(days=2)
    change_campaign(lobby, status=CampaignStatus.CLOSED, ended_at=ended_at)
    page = signed_in.get(f"{PAGE}?days=7")
    assert days_on(page)[-1][0] == times.day(ended_at)
    assert len(days_on(page)) == 7
    assert f"This campaign ended on {times.day(ended_at)}." in visible(page)
    assert 'class="part"' not in page.text


def test_a_campaign_without_a_motion_shows_signatures_and_letters(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    with lobby.database.write() as session:
        session.delete(session.exec(select(CampaignMotion)).one())
    change_campaign(lobby, runs_without_motion=True)
    page = signed_in.get(PAGE)
    assert "How the campaign is doing" in visible(page)
    assert "No motion is linked yet" not in visible(page)
    assert set(figures_of(page)) == {"signatures", "letters"}
    assert "MPs who have signed" not in page.text


def test_the_home_of_the_desk_leads_to_the_overview(signed_in: DeskClient) -> None:
    home = signed_in.get("/organiser")
    assert re.search(rf'<h3 id="campaign-{CAMPAIGN}"><a href="{PAGE}">', home.text)
    (bar,) = re.findall(r'<nav class="shortcuts".*?</nav>', signed_in.get(PAGE).text, re.DOTALL)
    links = re.findall(r'href="([^"]+)"', bar)
    assert links == ["/organiser", PAGE, f"{PAGE}/ask", f"{PAGE}/mps", "#menu"]
    assert bar.count('aria-current="page"') == 1


def test_a_viewers_bar_has_no_list_to_ask(client: DeskClient, lobby: Lobby) -> None:
    as_role(lobby, client, Role.VIEWER)
    (bar,) = re.findall(r'<nav class="shortcuts".*?</nav>', client.get(PAGE).text, re.DOTALL)
    assert f"{PAGE}/ask" not in bar
    assert f"{PAGE}/mps" in bar


def test_somebody_who_has_never_signed_shows_in_the_parties_of_today(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    before = file_of(signed_in, f"{PAGE}/parties.csv")
    name_on_motion(lobby, MotionEventKind.SIGNED, name=MORAG)
    after = file_of(signed_in, f"{PAGE}/parties.csv")
    assert sum(int(line[2]) for line in after[1:]) == sum(int(line[2]) for line in before[1:]) + 1
