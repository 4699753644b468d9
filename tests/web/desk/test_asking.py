"""Tests the page 'Who to ask next': lists, filters in the address, answers, notes, ring-backs."""

import re
from collections.abc import Sequence
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlmodel import select

from models import CampaignStatus, MemberNote, MotionStatus, QuickAnswer, Role
from services.assembly import Lobby
from services.campaigns import campaigns
from tests.support.common import CAMPAIGN, START, Clock
from tests.support.desk import DeskClient, as_role
from tests.support.home import change_campaign, end_motion, tasks_on
from tests.support.members.team import (
    EMLYN,
    MORAG,
    NO_ANSWER,
    NOTE,
    TOMASZ,
    WILL_NOT,
    WILL_SIGN,
    Team,
    add_members,
)
from tests.support.pages import visible
from tools.statements import sent_by
from web.base import page_numbers, words

ASK = f"/organiser/campaigns/{CAMPAIGN}/ask"
TODAY = START.date()


@pytest.fixture
def team(lobby: Lobby) -> Team:
    return Team(lobby)


@pytest.fixture
def editor(client: DeskClient, lobby: Lobby, team: Team) -> DeskClient:
    as_role(lobby, client, Role.EDITOR)
    return client


def ids(page: Any) -> list[int]:
    """Returns the members of the rows, in their order."""
    return [int(number) for number in re.findall(r'<li class="card" id="m(\d+)"', page.text)]


def tabs(page: Any) -> dict[str, int]:
    found = re.findall(r"<li><a [^>]*>([A-Z][a-z ]+) <span>(\d+)</span></a></li>", page.text)
    return {label: int(count) for label, count in found}


def row_of(page: Any, member_id: int) -> str:
    """Returns the text of a row."""
    part = page.text.partition(f'id="m{member_id}"')[2].partition('<li class="card"')[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", part)).split())


def press(editor: DeskClient, member_id: int, answer: str, back: str = "") -> Any:
    data = {"answer": answer, "back": back}
    return editor.post(f"{ASK}/{member_id}/answer", data=data, follow_redirects=False)


def write(editor: DeskClient, member_id: int, *, back: str = "", **fields: str) -> Any:
    data = {"back": back, **fields}
    return editor.post(f"{ASK}/{member_id}/notes", data=data, follow_redirects=False)


def undo_of(page: Any) -> str:
    """Returns the address of the button 'Undo'."""
    found = re.findall(r'action="([^"]+)">(?:(?!</form>).)*?>Undo<', page.text, re.S)
    return str(found[-1])


def rows_in(lobby: Lobby) -> tuple[int, int]:
    with lobby.database.read() as session:
        tables = (QuickAnswer, MemberNote)
        first, second = (len(session.exec(select(table)).all()) for table in tables)
    return first, second


# ---- lists


def test_a_row_says_whom_to_ring_why_and_on_what_number(editor: DeskClient) -> None:
    page = editor.get(ASK)
    assert page.headers["Cache-Control"] == "no-store"
    assert ids(page) == [TOMASZ, MORAG, EMLYN]
    row = row_of(page, MORAG)
    for part in ("Number 2", "Morag Ferncastle", "Edinburgh East", "020 7946 0101 Westminster"):
        assert part in row
    assert "signatures" in row
    assert 'href="tel:+442079460101"' in page.text
    assert 'href="mailto:office1@example.org"' in page.text
    assert "How is this list ordered?" in visible(page)


def test_tabs_count_their_lists_and_lead_to_them(editor: DeskClient, team: Team) -> None:
    team.answer(WILL_SIGN, member_id=TOMASZ)
    team.answer(WILL_NOT, member_id=MORAG)
    team.answer(NO_ANSWER, member_id=EMLYN)
    team.note("", str(TODAY), member_id=EMLYN)
    counts = tabs(editor.get(ASK))
    assert counts == {
        "To ask": 0,
        "Ring back today": 1,
        "Said yes": 1,
        "Said no": 1,
        "No answer": 1,
    }
    for show, member_id in (
        ("said_yes", TOMASZ),
        ("said_no", MORAG),
        ("no_answer", EMLYN),
        ("ring_back", EMLYN),
    ):
        page = editor.get(ASK, params={"show": show})
        assert ids(page) == [member_id]
        assert tabs(page) == counts
    assert "nobody to ask at the moment" in visible(editor.get(ASK))


@pytest.mark.parametrize("show", ["ring_back", "said_yes", "said_no", "no_answer"])
def test_an_empty_list_says_what_would_fill_it(editor: DeskClient, show: str) -> None:
    page = editor.get(ASK, params={"show": show})
    assert (page.status_code, ids(page)) == (200, [])
    assert '<p class="card">' in page.text


def test_filters_are_in_the_address_and_stay_in_links(editor: DeskClient) -> None:
    page = editor.get(ASK, params={"region": "Scotland", "party": "Scottish National Party"})
    assert ids(page) == [MORAG]
    assert 'value="Scotland" selected' in page.text
    assert "ask?show=said_yes&amp;party=Scottish+National+Party&amp;region=Scotland" in page.text
    nobody = editor.get(ASK, params={"region": "Scotland", "letters": "many"})
    assert "No MPs match these filters." in visible(nobody)
    assert f'href="{ASK}">Clear filters' in nobody.text


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("foo=bar", ["foo=bar"]),
        ("show=everything", ["show=everything"]),
        ("party=Whigs", ["party=Whigs"]),
        ("region=Atlantis", ["region=Atlantis"]),
        ("letters=12", ["letters=12"]),
        ("page=0", ["page=0"]),
        ("page=two", ["page=two"]),
        ("page=99999", ["page=99999"]),
        ("sort=foo&show=x", ["sort=foo", "show=x"]),
        ("q=<script>alert(1)</script>", ["q=<script>alert(1)</script>"]),
        ("a=1&b=2&c=3&d=4", ["a=1", "b=2", "c=3"]),
    ],
)
def test_what_the_page_does_not_know_is_ignored_and_named(
    editor: DeskClient, query: str, named: Sequence[str]
) -> None:
    page = editor.get(f"{ASK}?{query}")
    assert (page.status_code, ids(page)) == (200, [TOMASZ, MORAG, EMLYN])
    assert f"We ignored {' and '.join(named)}." in unescape(visible(page))
    assert "<script>alert" not in page.text


def test_empty_filters_of_the_form_are_no_mistake(editor: DeskClient) -> None:
    page = editor.get(f"{ASK}?party=&region=&letters=")
    assert "We ignored" not in page.text


def test_twelve_rows_fill_a_page(editor: DeskClient, lobby: Lobby) -> None:
    add_members(lobby, 23)
    pages = [editor.get(ASK, params={"page": number}) for number in (1, 2, 3, 4)]
    found = [ids(page) for page in pages]
    assert [len(each) for each in found] == [12, 12, 2, 2], "after the last page comes the last"
    assert len({*found[0], *found[1], *found[2]}) == 26
    assert "13 to 24 of 26" in visible(pages[1])
    ranks = [int(each) for each in re.findall(r"Number </span>(\d+)", pages[2].text)]
    assert ranks == [25, 26]


def test_pages_are_linked_with_gaps() -> None:
    assert page_numbers.pages_near(1, 1) == [1]
    assert page_numbers.pages_near(1, 3) == [1, 2, 3]
    assert page_numbers.pages_near(5, 9) == [1, None, 4, 5, 6, None, 9]


def test_without_a_motion_the_page_leads_to_one(editor: DeskClient, lobby: Lobby) -> None:
    end_motion(lobby, MotionStatus.LAPSED, TODAY)
    page = editor.get(ASK)
    assert page.status_code == 200
    assert "no longer before Parliament" in visible(page)
    assert f'href="/organiser/campaigns/{CAMPAIGN}/edit/motion"' in page.text
    assert "no longer before Parliament" in visible(editor.get(f"{ASK}/print"))
    assert editor.get(f"{ASK}.csv").status_code == 409
    typed = write(editor, MORAG, text=NOTE, ring_back_on="1999-01-01")
    assert (typed.status_code, NOTE in unescape(typed.text)) == (422, True)


def test_a_failed_look_at_parliament_is_said(editor: DeskClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.by_slug(session, CAMPAIGN)
        motion = campaigns.motion_of(session, campaign.id)
        assert motion is not None
        motion.sync_failed_at = START
    assert "We couldn’t reach Parliament’s list at 1.00pm today" in visible(editor.get(ASK))


# ---- answers


def test_an_answer_leads_back_to_its_row_with_undo_and_the_row_keeps_its_place(
    editor: DeskClient, lobby: Lobby
) -> None:
    answer = press(editor, MORAG, "will_sign", back="?region=Scotland")
    assert answer.status_code == 303
    where = answer.headers["Location"]
    assert re.fullmatch(rf"{ASK}\?region=Scotland&answered=[0-9a-f-]+#m{MORAG}", where)
    page = editor.get(where)
    assert ids(page) == [MORAG]
    assert "Recorded: said yes. Undo" in row_of(page, MORAG)
    assert tabs(page)["Said yes"] == 1
    assert tabs(page)["To ask"] == 0
    assert 'value="will_sign" aria-pressed="true"' in page.text
    undone = editor.post(undo_of(page), data={"back": "?region=Scotland"}, follow_redirects=False)
    assert undone.headers["Location"] == f"{ASK}?region=Scotland&undone={MORAG}#m{MORAG}"
    page = editor.get(undone.headers["Location"])
    assert "Removed." in row_of(page, MORAG)
    assert rows_in(lobby) == (0, 0)


def test_the_row_keeps_its_number_among_the_others(editor: DeskClient) -> None:
    page = editor.get(press(editor, MORAG, "will_not").headers["Location"])
    assert ids(page) == [TOMASZ, MORAG, EMLYN]
    assert "Number 2" in row_of(page, MORAG)
    assert ids(editor.get(ASK)) == [TOMASZ, EMLYN]


def test_two_people_answer_and_the_history_says_who(
    editor: DeskClient, lobby: Lobby, team: Team
) -> None:
    team.answer(WILL_NOT)
    press(editor, MORAG, "will_sign")
    row = row_of(editor.get(f"{ASK}?show=said_yes"), MORAG)
    first, second = row.index("Said yes , editor@"), row.index("Said no , ann@team.example.org")
    assert first < second
    assert rows_in(lobby) == (2, 0)


@pytest.mark.parametrize("answer", ["", "maybe", "undecided"])
def test_another_answer_is_refused_by_name(editor: DeskClient, lobby: Lobby, answer: str) -> None:
    refused = press(editor, MORAG, answer)
    assert refused.status_code == 422
    assert "Said yes" in refused.text
    assert rows_in(lobby) == (0, 0)


@pytest.mark.parametrize("member_id", ["1", "0", "-5", "99999999999999999999"])
def test_an_answer_about_nobody_is_not_found(editor: DeskClient, member_id: str) -> None:
    data = {"answer": "will_sign"}
    assert editor.post(f"{ASK}/{member_id}/answer", data=data).status_code == 404


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "show=nothing&x=1", "\r\nX: 1", "mp?x"]
)
def test_the_way_back_leads_nowhere_else(editor: DeskClient, back: str) -> None:
    where = press(editor, MORAG, "no_answer", back=back).headers["Location"]
    assert re.fullmatch(rf"{ASK}\?answered=[0-9a-f-]+#m{MORAG}", where)


def test_a_form_of_the_page_of_one_mp_leads_back_there(editor: DeskClient) -> None:
    where = press(editor, MORAG, "no_answer", back="mp").headers["Location"]
    path = f"/organiser/campaigns/{CAMPAIGN}/mps/{MORAG}"
    assert re.fullmatch(rf"{path}\?answered=[0-9a-f-]+#m{MORAG}", where)


@pytest.mark.parametrize("done", ["answered=x", "noted=1", "rung=x&day=y", "rung=1", "undone=7"])
def test_an_address_of_something_done_can_be_wrong(editor: DeskClient, done: str) -> None:
    page = editor.get(f"{ASK}?{done}")
    assert (page.status_code, len(ids(page))) == (200, 3)


# ---- notes


def test_a_note_is_shown_to_the_team_with_its_author_and_day(
    editor: DeskClient, lobby: Lobby
) -> None:
    saved = write(editor, EMLYN, text=f"{NOTE}\r\n<b>Bold</b>", ring_back_on="2026-07-03")
    page = editor.get(saved.headers["Location"])
    row = row_of(page, EMLYN)
    assert f"{NOTE} <b>Bold</b> Ring back on 3 July" in row
    assert "editor@" in row
    assert "Only your team’s editors and owners see this." in row
    assert "Note saved." in row
    assert "<b>Bold" not in page.text
    assert rows_in(lobby) == (0, 1)
    editor.post(undo_of(page))
    assert rows_in(lobby) == (0, 0)


def test_a_note_that_is_refused_keeps_what_was_typed(editor: DeskClient, lobby: Lobby) -> None:
    refused = write(editor, MORAG, text="Kept words.", ring_back_on="2026-06-30")
    assert refused.status_code == 422
    text = visible(refused)
    assert "Your note on Morag Ferncastle" in text
    assert "This day is over. Choose a later one." in text
    assert 'value="2026-06-30"' in refused.text
    assert re.search(r'<textarea id="text"[^>]*>\s*Kept words\.</textarea>', refused.text)
    assert "<title>Error: " in refused.text
    assert rows_in(lobby) == (0, 0)


def test_an_office_is_rung_back_and_its_row_keeps_the_place(
    editor: DeskClient, team: Team, clock: Clock
) -> None:
    note = team.note("Ask for Jo.", str(TODAY))
    team.note("", str(TODAY), member_id=TOMASZ)
    before = editor.get(f"{ASK}?show=ring_back")
    assert "Ring back on 1 July" in row_of(before, MORAG)
    where = editor.post(
        f"{ASK}/notes/{note.id}/rung-back",
        data={"back": "?show=ring_back"},
        follow_redirects=False,
    ).headers["Location"]
    page = editor.get(where)
    assert ids(page) == ids(before)
    assert "Rung back 1.00pm" in row_of(page, MORAG)
    assert tabs(page)["Ring back today"] == 1
    assert ids(editor.get(f"{ASK}?show=ring_back")) == [TOMASZ]


def test_older_entries_are_folded_away(editor: DeskClient, team: Team, clock: Clock) -> None:
    for number in range(5):
        clock.advance(minutes=5)
        team.note(f"Note {number}.")
    row = row_of(editor.get(ASK), MORAG)
    places = [row.index(f"Note {number}.") for number in (4, 3, 2)]
    assert places == sorted(places)
    assert "2 earlier entries on Morag Ferncastle" in row
    assert row.index("2 earlier entries") < row.index("Note 1.")


# ---- menu and home


def menu_number(page: Any) -> str:
    found = re.findall(r"Who to ask next<b>(\d+)<span", page.text)
    return found[0] if found else ""


def test_the_menu_and_home_count_the_offices_to_ring_back_today(
    editor: DeskClient, lobby: Lobby, team: Team, clock: Clock
) -> None:
    assert menu_number(editor.get(ASK)) == ""
    for member_id, days in ((MORAG, 0), (MORAG, 0), (EMLYN, 0), (TOMASZ, 1)):
        team.note("", str(TODAY + timedelta(days=days)), member_id=member_id)
    page = editor.get(ASK)
    assert (menu_number(page), tabs(page)["Ring back today"]) == ("2", 2)
    assert "2 offices to ring back today" in tasks_on(editor.get("/organiser"))
    clock.advance(days=1)
    as_role(lobby, editor, Role.OWNER)  # the session has ended overnight
    assert menu_number(editor.get(ASK)) == "3"
    change_campaign(lobby, status=CampaignStatus.CLOSED)
    assert not any("ring back" in task for task in tasks_on(editor.get("/organiser")))


# ---- speed


def test_the_page_makes_the_same_few_statements_for_any_rows(
    editor: DeskClient, lobby: Lobby, team: Team
) -> None:
    def count(path: str) -> int:
        editor.get(path)
        with sent_by(lobby) as sent:
            assert editor.get(path).status_code == 200
        return len(sent)

    paths = (ASK, f"{ASK}?show=ring_back", f"{ASK}/print?how_many=100", f"{ASK}.csv")
    few = [count(path) for path in paths]
    for member_id in add_members(lobby, 20):
        team.answer(NO_ANSWER, member_id=member_id, days_ago=2)
        team.note(member_id=member_id, ring_back_on=str(TODAY))
    assert [count(path) for path in paths] == few


# ---- addresses to ring and to write to


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("020 7946 0101", "tel:+442079460101"),
        ("01632 960140", "tel:+441632960140"),
        ("+44 (0)20 7946 0101", "tel:+442079460101"),
        ("020 7946 0101 x 12 (Jo)", "tel:+442079460101"),
        ("01632 960140 / 01632 960141", "tel:+441632960140"),
        ("(01632) 960140", "tel:+441632960140"),
        ("101", ""),
        ("via the switchboard", ""),
        ("ext. 12345678901", ""),
        ("0" * 40, ""),
    ],
)
def test_a_printed_number_is_dialled_if_it_can_be(printed: str, expected: str) -> None:
    assert words.dialled(printed) == expected


def test_an_address_adds_nothing_to_an_email() -> None:
    assert words.mailed("a?bcc=x&b@example.org") == "mailto:a%3Fbcc%3Dx%26b@example.org"
