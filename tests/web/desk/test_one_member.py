"""Tests of the desk's pages of one MP, of former ones, and of seats without one."""

import re
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from models import (
    Letter,
    LetterAnswer,
    LetterOutcome,
    LetterState,
    Member,
    MemberOverride,
    MemberReply,
    Membership,
    Motion,
    MotionSignatory,
    OverrideKind,
    QuickAnswerKind,
    ReplyKind,
    Role,
)
from services.assembly import Lobby
from tests.support.common import CAMPAIGN
from tests.support.desk import DeskClient, as_role
from tests.support.home import of_demonstration
from tests.web.desk.seat_pages import (
    MORAG,
    MPS,
    PATH,
    PEREGRINE,
    VACANT,
    VACANT_NAME,
    figures_of,
    main_of,
    records,
    rows_of,
    seat_of,
    words,
)
from tools import campaign_rows
from tools.campaign_rows import Size

MORAGS = f"{MPS}/{MORAG}"
ASK = f"{PATH}/ask"
LINK = "https://news.example.org/she-said-it"
STATED = {"kind": "says_will_not", "link": LINK, "reason": "Local paper"}


def posted(client: DeskClient, path: str, **data: str) -> Any:
    """Sends a form, and returns the page to which it leads."""
    return client.post(path, data=data, follow_redirects=True)


def letters_to(lobby: Lobby, member_id: int) -> list[tuple[Any, Any]]:
    """Returns when each letter to a member went, and what its writer heard."""
    statement = (
        select(Letter.sent_at, LetterAnswer.outcome)
        .outerjoin(LetterAnswer, col(LetterAnswer.letter_id) == col(Letter.id))
        .where(Letter.member_id == member_id, Letter.state == LetterState.SENT)
    )
    with lobby.database.read() as session:
        return list(session.exec(statement))


def leave_seat(lobby: Lobby, member_id: int) -> str:
    """Ends a member's time in a seat today; returns the seat's code."""
    with lobby.database.write() as session:
        held = session.exec(select(Membership).where(Membership.member_id == member_id)).one()
        held.ends_on = lobby.clock().date()
        return held.constituency_code


def follow_seat(lobby: Lobby, code: str) -> int:
    """Fills a seat with a new member; returns their id."""
    with lobby.database.write() as session:
        session.add(Member(id=990_001, name="Wilhelmina Oxenholt", party="Labour"))
        session.flush()
        today = lobby.clock().date()
        session.add(Membership(member_id=990_001, constituency_code=code, starts_on=today))
    return 990_001


@pytest.mark.slow
def test_every_figure_is_that_of_the_api_of_the_files_and_of_a_count_of_the_rows(
    lobby: Lobby, signed_in: DeskClient
) -> None:
    campaign_rows.fill(lobby, CAMPAIGN, Size(300, 200))
    file = {line["member_id"]: line for line in records(signed_in.get(f"{MPS}.csv").text)}
    places = sorted((float(line["signatures_per_1000"]) for line in file.values()), reverse=True)
    for member_id in (int(each) for each in file if each):
        signatures, letters, replies = figures_of(signed_in.get(f"{MPS}/{member_id}"))
        row, line = seat_of(signed_in, member_id), file[str(member_id)]
        sent = letters_to(lobby, member_id)
        assert int(signatures.split()[0]) == row["signatures"] == int(line["signatures"])
        assert int(letters.split()[0]) == row["letters_sent"] == len(sent)
        if row["signatures"]:
            per_1000 = row["signatures_per_1000"]
            place = places.index(per_1000) + 1
            assert f"{per_1000:.2f} per 1,000 electors, place {place} of 14" in signatures
        weeks = records(signed_in.get(f"{MPS}/{member_id}/letters.csv").text)
        assert sum(int(week["letters_sent"]) for week in weeks) == len(sent)
        replied = sum(outcome in ("answered", "acknowledged") for _, outcome in sent)
        assert replies.split()[0] in ("–", str(replied))
    vacant = figures_of(signed_in.get(f"{PATH}/seats/{VACANT}"))
    assert int(vacant[0].split()[0]) == int(file[""]["signatures"]) > 0


def test_the_chart_of_letters_its_table_and_its_file_have_the_same_weeks(
    lobby: Lobby, signed_in: DeskClient
) -> None:
    campaign_rows.fill(lobby, CAMPAIGN, Size(600, 200, days=40))
    html = signed_in.get(MORAGS).text
    table = html.partition('<table class="chart-table">')[2].partition("</table>")[0]
    shown = [int(value) for value in re.findall(r'<td class="number">(\d+)</td>', table)]
    weeks = records(signed_in.get(f"{MORAGS}/letters.csv").text)
    assert shown == [int(week["letters_sent"]) for week in weeks]
    assert len(weeks) > 4
    assert all(date.fromisoformat(week["week_from"]).weekday() == 0 for week in weeks)
    drawn = re.findall(r'<text[^>]*class="strong"[^>]*>(\d+)</text>', html)
    assert drawn
    assert set(map(int, drawn)) <= set(shown)


@pytest.mark.slow
def test_following_next_leads_through_the_whole_list_and_ends(signed_in: DeskClient) -> None:
    for query in ("", "?standing=cannot&sort=member", "?party=Labour&sort=-letters_sent"):
        rows = rows_of(signed_in.get(f"{MPS}{query}"))
        html = signed_in.get(f"{MPS}{query}").text
        address = re.search(r'<th scope="row" role="rowheader"><a href="([^"]+)"', html)
        visited = []
        while address:
            page = signed_in.get(address[1].replace("&amp;", "&")).text
            visited.append(words(page.partition("<h1>")[2].partition("</h1>")[0]))
            address = re.search(r'href="([^"]+)">Next: ', page)
            assert len(visited) <= len(rows)
        names = [row[1] if "No MP" not in row[1] else row[0] for row in rows]
        assert len(visited) == len(names)
        assert all(name.startswith(seen) for name, seen in zip(names, visited, strict=True))


def test_an_answer_is_recorded_shown_and_undone_on_the_page(signed_in: DeskClient) -> None:
    form = {"answer": "will_sign", "back": "mp"}
    address = signed_in.post(f"{ASK}/{MORAG}/answer", data=form, follow_redirects=False)
    location = address.headers["Location"]
    assert location.startswith(f"{MORAGS}?answered=")
    assert location.endswith(f"#m{MORAG}")
    page = signed_in.get(location)
    assert "Recorded: said yes." in words(page.text)
    assert f'id="m{MORAG}" tabindex="-1"' in page.text
    assert "We ignored" not in page.text
    assert "Said they’ll sign Not on Parliament’s list" in words(main_of(page))
    undo = re.search(r'action="([^"]+/undo)"', page.text)
    assert undo is not None
    after = posted(signed_in, undo[1], back="mp")
    assert after.url.path == MORAGS
    assert "Said they’ll sign" not in words(main_of(after)).replace("Said in public", "")


def test_a_note_is_kept_on_the_page(signed_in: DeskClient) -> None:
    page = posted(signed_in, f"{ASK}/{MORAG}/notes", text="Ask for Ruth.", back="mp")
    assert page.url.path == MORAGS
    assert "Note saved." in page.text
    assert "Ask for Ruth." in page.text


def test_a_viewer_sees_nothing_that_only_the_team_knows(lobby: Lobby, client: DeskClient) -> None:
    as_role(lobby, client, Role.EDITOR)
    for kind in ("will_not", "will_sign"):
        client.post(f"{ASK}/{MORAG}/answer", data={"answer": kind, "back": "mp"})
    client.post(f"{ASK}/{MORAG}/notes", data={"text": "Ask for Ruth.", "back": "mp"})
    with lobby.database.write() as session:
        reply = MemberReply(
            campaign_id=of_demonstration(session).id,
            member_id=MORAG,
            kind=ReplyKind.MEETING,
            said_on=lobby.clock().date(),
            recorded_at=lobby.clock(),
            updated_at=lobby.clock(),
        )
        session.add(reply)
    seen = main_of(client.get(MORAGS))
    as_role(lobby, client, Role.VIEWER)
    hidden = main_of(client.get(MORAGS))
    private = ["Ask for Ruth", "Said they’ll sign", "Agreed to meet", "020 7946", "tel:", "mailto:"]
    private += ["morag.ferncastle@", "Said no", "<form", "as the office told", "Team notes"]
    for text in private:
        assert text in seen, text
        assert text not in hidden, text
    assert "Not yet" in hidden


def test_a_public_statement_shows_everywhere_and_can_be_ended(
    lobby: Lobby, signed_in: DeskClient
) -> None:
    page = posted(signed_in, f"{MORAGS}/statements", **STATED)
    assert page.url.path == MORAGS
    assert "Saved. The public page shows it." in page.text
    assert f'They won’t sign, since 1 July 2026: <a class="target" href="{LINK}"' in page.text
    assert seat_of(signed_in, MORAG)["said"] == "will_not"
    row = next(each for each in rows_of(signed_in.get(MPS)) if "Morag" in each[1])
    assert row[2] == "Said no"
    button = re.search(r'action="([^"]+/end)"', page.text)
    assert button is not None
    ended = posted(signed_in, button[1])
    assert "Removed." in ended.text
    assert seat_of(signed_in, MORAG)["said"] is None
    with lobby.database.read() as session:
        stored = session.exec(select(MemberOverride).where(MemberOverride.link == LINK)).one()
    assert (stored.kind, stored.reason) == (OverrideKind.SAYS_WILL_NOT, "Local paper")
    assert stored.ends_on == lobby.clock().date()


def test_who_never_signs_is_recorded_for_all_campaigns(lobby: Lobby, signed_in: DeskClient) -> None:
    page = posted(signed_in, f"{MORAGS}/statements", **STATED | {"kind": "refuses"})
    assert "Signs no motions" in words(main_of(page))
    with lobby.database.read() as session:
        stored = session.exec(select(MemberOverride).where(MemberOverride.link == LINK)).one()
    assert stored.campaign_id is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": ""}, "Choose what to record."),
        ({"kind": "whatever"}, "Choose what to record."),
        ({"link": "not a link"}, "Please give the address of a page"),
        ({"link": ""}, "Enter the link to where it was said."),
        ({"reason": " "}, "Say in a few words how you know."),
    ],
)
def test_a_statement_that_cannot_be_saved_loses_nothing(
    signed_in: DeskClient, changes: dict[str, str], message: str
) -> None:
    typed = STATED | changes
    answer = signed_in.post(f"{MORAGS}/statements", data=typed)
    assert answer.status_code == 422
    field = next(iter(changes))
    assert f'<a href="#{field}">{message}' in answer.text
    assert "<details open>" in answer.text
    for name in {"link", "reason"} - {field}:
        assert f'value="{typed[name]}"' in answer.text
    assert seat_of(signed_in, MORAG)["said"] is None


def test_a_seat_with_an_mp_leads_to_the_mp_and_a_vacant_one_has_a_page(
    lobby: Lobby, signed_in: DeskClient
) -> None:
    seat = signed_in.get(f"{PATH}/seats/S14000078?sort=member", follow_redirects=False)
    assert (seat.status_code, seat.headers["Location"]) == (303, f"{MORAGS}?sort=member")
    file = signed_in.get(f"{PATH}/seats/S14000078/letters.csv", follow_redirects=False)
    assert file.headers["Location"] == f"{MORAGS}/letters.csv"
    vacant = signed_in.get(f"{PATH}/seats/{VACANT}")
    assert f"<h1><bdi>{VACANT_NAME}</bdi></h1>" in vacant.text
    assert "There’s no MP for this constituency at the moment." in vacant.text
    assert "<form" not in main_of(vacant), "there is nobody to ask"
    assert signed_in.get(f"{PATH}/seats/{VACANT}/letters.csv").text == "week_from,letters_sent\r\n"
    code = leave_seat(lobby, PEREGRINE)
    by_election = signed_in.get(f"{PATH}/seats/{code}").text
    assert f'The last one was <a class="target" href="{MPS}/{PEREGRINE}">' in by_election


def test_a_former_mp_has_a_page_and_the_one_who_followed_is_named(
    lobby: Lobby, signed_in: DeskClient
) -> None:
    campaign_rows.fill(lobby, CAMPAIGN, Size(600, 200))
    with lobby.database.read() as session:
        row = session.exec(select(MotionSignatory).where(MotionSignatory.sponsoring_order == 1))
        member_id = row.one().member_id
    letters = len(letters_to(lobby, member_id))
    code = leave_seat(lobby, member_id)
    former = signed_in.get(f"{MPS}/{member_id}")
    assert "isn’t an MP at the moment" in former.text
    assert "Signed 18 May The name still counts" in words(former.text)
    assert f'href="{PATH}/seats/{code}">no MP for' in former.text
    follower = follow_seat(lobby, code)
    assert f'href="{MPS}/{follower}">Wilhelmina Oxenholt' in signed_in.get(former.url.path).text
    assert figures_of(signed_in.get(former.url.path))[0].split()[0] == str(letters)
    new = signed_in.get(f"{MPS}/{follower}")
    assert figures_of(new)[1].split()[0] == str(letters), "the seat's, as in the API"
    assert f"{letters} letters went to the MP before." in words(new.text)


def test_an_unknown_member_or_seat_is_not_found(signed_in: DeskClient) -> None:
    for path in ("mps/1", "mps/abc", "mps/99999999999999", "mps/-1", "seats/E00000000"):
        for tail in ("", "/letters.csv"):
            assert signed_in.get(f"{PATH}/{path}{tail}").status_code == 404, path


def test_letters_about_an_earlier_motion_are_not_counted(
    lobby: Lobby, signed_in: DeskClient
) -> None:
    campaign_rows.fill(lobby, CAMPAIGN, Size(600, 200))
    sent = len(letters_to(lobby, MORAG))
    with lobby.database.write() as session:
        motion = session.exec(select(Motion)).one()
        session.add(Motion(**motion.model_dump() | {"id": 990_002, "number": "9"}))
        session.flush()
        letter = session.exec(select(Letter).where(Letter.member_id == MORAG)).first()
        assert letter is not None
        letter.motion_id = 990_002
    weeks = records(signed_in.get(f"{MORAGS}/letters.csv").text)
    assert sum(int(week["letters_sent"]) for week in weeks) == sent - 1


def test_what_constituents_heard_shows_no_small_group(lobby: Lobby, signed_in: DeskClient) -> None:
    campaign_rows.fill(lobby, CAMPAIGN, Size(900, 400))
    with lobby.database.write() as session:
        ids = session.exec(
            select(Letter.id).where(Letter.member_id == MORAG, Letter.state == LetterState.SENT)
        ).all()
        session.execute(sa.delete(LetterAnswer))
        kinds = [LetterOutcome.ANSWERED] * 2 + [LetterOutcome.ACKNOWLEDGED] * 4
        assert len(ids) >= len(kinds) + 5
        now = lobby.clock()
        session.add_all(
            LetterAnswer(letter_id=letter_id, outcome=kind, given_at=now)
            for letter_id, kind in zip(ids, kinds, strict=False)
        )
    page = words(main_of(signed_in.get(MORAGS)))
    assert "A reply or an automatic reply only 6 Nothing yet 0" in page
    assert f"They didn’t say {len(ids) - 6}" in page
    assert "6 replies reported" in page


def test_the_history_has_what_is_on_record_the_newest_first(signed_in: DeskClient) -> None:
    signed_in.post(f"{ASK}/{MORAG}/answer", data={"answer": QuickAnswerKind.WILL_NOT, "back": "mp"})
    html = main_of(signed_in.get(MORAGS)).partition('<ol class="changes dated">')[2]
    items = html.partition("</ol>")[0].split("<li>")[1:]
    days = [re.findall(r'datetime="([\d-]+)"', item)[0] for item in items]
    assert days == sorted(days, reverse=True)
    text = words(html)
    assert "Said no , as the office told your team. Recorded by" in text
    assert "Early Day Motion 152 was tabled." in text
    assert "Became MP for Edinburgh East and Musselburgh." in text
