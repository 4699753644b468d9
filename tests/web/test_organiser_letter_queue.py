"""Tests the pages of a letter queue: state, pace, and letters that need a decision."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from models import LetterState, MessageState, Scope
from services.assembly import Lobby
from services.campaigns import campaigns
from services.demonstration import awkward_letters, invented_campaign
from services.letters import queue_overview
from services.letters.drafting import sketches
from services.letters.queue_overview import LetterGroup
from services.organisations import organisations
from tests.support.common import CAMPAIGN, Clock
from tests.support.keys import OTHERS, add_campaign, key_for, others_key
from tests.support.letters import letters_of, put_into_state, sent, sent_in_tally, uncertain_letter
from tests.support.pages import sign_in, visible
from web.base import words

QUEUE_PAGE = f"/organiser/campaigns/{CAMPAIGN}/letters"
SETTINGS = {
    "letters_per_hour": "",
    "letters_per_member_day": "",
    "likeness_limit": "",
}
OWN_ACCOUNT = "/organiser/account/"  # ending a session that is not one's own does nothing
GREYLISTED = "451 4.7.1 Greylisted"
Deliver = Callable[[], list[EmailMessage]]
Page = Any


@pytest.fixture
def real_organisation(lobby: Lobby) -> Lobby:
    """Makes the organisation a real one, which keeps the quiet hours."""
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        owner.is_demonstration = False
    return lobby


def queue_letter(lobby: Lobby, place: int, due_at: datetime) -> UUID:
    """Puts the letter at a place back into the queue, due at the given time."""
    queued = {"due_at": due_at, "attempt": 0, "claimed_at": None, "finished_at": None}
    return put_into_state(lobby, place, LetterState.QUEUED, message=queued)[0].id


def defer_letter(lobby: Lobby, place: int, due_at: datetime) -> UUID:
    values = {"due_at": due_at, "state": MessageState.DEFERRED, "detail": GREYLISTED}
    return put_into_state(lobby, place, LetterState.QUEUED, message=values)[0].id


def reject_letter(lobby: Lobby, place: int, **letter: object) -> UUID:
    values = {"reason": "550 5.7.1 Not wanted", **letter}
    rejected, _ = put_into_state(lobby, place, LetterState.REJECTED, letter=values)
    with lobby.database.write() as session:
        sketches.delete(session, rejected.id)
    return rejected.id


def heading(page: Page) -> str:
    """Returns the heading of the queue's state."""
    match = re.search(r'<h2 id="flow">([^<]+)</h2>', page.text)
    assert match
    return match.group(1)


def without_menu(page: Page) -> str:
    return str(page.text).partition("<main")[2]


def rows(page: Page) -> list[str]:
    return re.findall(r'<tr><th scope="row">.*?</tr>', page.text)


# ---- overview


def test_letters_that_are_being_sent_tell_when_the_next_and_the_last_letter_go(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    assert heading(signed_in.get(QUEUE_PAGE)) == "No letters waiting"
    queue_letter(lobby, 0, clock.now + timedelta(minutes=20))
    queue_letter(lobby, 1, clock.now + timedelta(hours=3))
    page = signed_in.get(QUEUE_PAGE)
    assert heading(page) == "Letters are being sent"
    page_text = visible(page)
    assert "2 letters are waiting." in page_text
    assert "Next letter 1 July 2026, 13:20 Last letter 1 July 2026, 16:00" in page_text
    assert "Oldest waiting since 1 July 2026, 13:00" in page_text


def test_letters_that_nothing_takes_are_said_to_be_late(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    queue_letter(lobby, 0, clock.now)
    clock.advance(minutes=9)
    assert heading(signed_in.get(QUEUE_PAGE)) == "Letters are being sent"
    clock.advance(minutes=2)
    page = signed_in.get(QUEUE_PAGE)
    assert heading(page) == "Letters are stuck"
    assert "should have gone on 1 July 2026, 13:00" in visible(page)


def test_at_midnight_the_page_says_when_the_quiet_hours_end(
    client: TestClient, real_organisation: Lobby, clock: Clock
) -> None:
    clock.now = datetime(2026, 7, 1, 23, 0, tzinfo=UTC)
    sign_in(client)
    defer_letter(real_organisation, 0, clock.now - timedelta(minutes=30))
    page = client.get(QUEUE_PAGE)
    assert heading(page) == "Quiet hours: no letters are being sent now"
    assert "Quiet hours end on 2 July 2026, 07:00." in visible(page)
    assert "Next letter 2 July 2026, 07:00 Last letter 2 July 2026, 07:00" in visible(page)
    clock.now = datetime(2026, 7, 2, 6, 5, tzinfo=UTC)
    assert heading(client.get(QUEUE_PAGE)) == "The mail server asked us to try later", (
        "not late: it is 7:05"
    )
    clock.now = datetime(2026, 7, 2, 6, 11, tzinfo=UTC)
    assert heading(client.get(QUEUE_PAGE)) == "Letters are stuck"


def test_a_queue_that_is_put_off_whole_says_when_it_is_tried_again(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    defer_letter(lobby, 0, clock.now + timedelta(hours=1))
    page = signed_in.get(QUEUE_PAGE)
    assert heading(page) == "The mail server asked us to try later"
    assert "We try again on 1 July 2026, 14:00." in visible(page)


def test_letters_are_counted_by_where_they_lie(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    queue_letter(lobby, 0, clock.now + timedelta(hours=1))
    defer_letter(lobby, 1, clock.now + timedelta(hours=1))
    reject_letter(lobby, 2)
    reject_letter(lobby, 3, bounced_at=clock.now)
    uncertain_letter(lobby, 4, clock.now)
    put_into_state(lobby, 5, LetterState.HELD, letter={"reason": "standing_changed"})
    left = sent(lobby)
    page_text = visible(signed_in.get(QUEUE_PAGE))
    counts = f"Waiting 1 Put off 1 Sent {left} Held back 1 Refused 1 Came back 1 Uncertain 1"
    assert counts in page_text
    assert "1 letter may not have arrived" in page_text
    overview = visible(signed_in.get("/organiser"))
    assert "Letters: 2 waiting, 1 uncertain , 1 refused, 1 came back." in overview
    assert f'href="{QUEUE_PAGE}"' in signed_in.get("/organiser").text


def test_every_place_where_a_letter_can_lie_has_words() -> None:
    assert set(words.LETTER_GROUPS) == set(LetterGroup)
    assert set(queue_overview._STATES) == set(LetterGroup)
    assert {queue_overview._GROUPS[state] for state in LetterState} <= set(LetterGroup)


# ---- pausing


def test_letters_are_paused_and_resumed_by_a_button(
    signed_in: TestClient, lobby: Lobby, clock: Clock, deliver: Deliver
) -> None:
    deliver()
    queue_letter(lobby, 0, clock.now)
    page = signed_in.get(QUEUE_PAGE)
    assert f'action="{QUEUE_PAGE}/pause"' in page.text
    assert f'action="{QUEUE_PAGE}/resume"' not in page.text
    answer = signed_in.post(f"{QUEUE_PAGE}/pause")
    assert (answer.status_code, answer.headers["Location"]) == (303, QUEUE_PAGE)
    page = signed_in.get(QUEUE_PAGE)
    assert heading(page) == "Paused: no letters are being sent"
    assert "Since 1 July 2026, 13:00. 1 letter is waiting." in visible(page)
    assert "when letters are resumed" in rows(page)[-1]
    assert f'action="{QUEUE_PAGE}/pause"' not in page.text
    assert deliver() == []
    assert signed_in.post(f"{QUEUE_PAGE}/resume").status_code == 303
    assert heading(signed_in.get(QUEUE_PAGE)) == "Letters are being sent"
    assert len(deliver()) == 1


# ---- pace and rules


def test_pace_and_rules_are_saved_and_an_empty_number_is_no_limit(
    signed_in: TestClient, lobby: Lobby
) -> None:
    typed = {"letters_per_hour": "1,200", "letters_per_member_day": " 30 ", "likeness_limit": "85"}
    ticked = {"likeness_is_required": "yes", "own_words_are_required": "yes"}
    answer = signed_in.post(QUEUE_PAGE, data=typed | ticked)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{QUEUE_PAGE}?done=saved")
    page = signed_in.get(answer.headers["Location"])
    assert "Saved. Waiting letters follow this." in visible(page)
    for name, value in (("letters_per_hour", "1200"), ("letters_per_member_day", "30")):
        assert f'value="{value}"' in re.findall(f'<input id="{name}"[^>]*>', page.text)[0]
    assert page.text.count(" checked>") == 2
    shown = signed_in.get(f"/v1/campaigns/{CAMPAIGN}").json()
    assert (shown["letters_per_hour"], shown["own_words_are_required"]) == (1200, True)
    signed_in.post(QUEUE_PAGE, data=SETTINGS)
    shown = signed_in.get(f"/v1/campaigns/{CAMPAIGN}").json()
    assert (shown["letters_per_hour"], shown["likeness_limit"]) == (None, None)
    assert not shown["likeness_is_required"]
    assert not shown["own_words_are_required"]


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("letters_per_hour", "many"),
        ("letters_per_hour", "0"),
        ("letters_per_member_day", "-3"),
        ("letters_per_member_day", "1" * 5000),
        ("likeness_limit", "101"),
        ("likeness_limit", "٣"),
        ("letters_per_hour", "\x00"),
    ],
)
def test_a_wrong_number_is_named_and_kept(
    signed_in: TestClient, lobby: Lobby, field: str, typed: str
) -> None:
    page = signed_in.post(QUEUE_PAGE, data={**SETTINGS, "letters_per_hour": "7", field: typed})
    assert page.status_code == 422
    assert page.text.count(f'href="#{field}"') == 1
    assert f'id="{field}-error"' in page.text
    assert f'value="{typed}"' in page.text
    if field != "letters_per_hour":
        assert 'value="7"' in page.text
    assert heading(page) == "No letters waiting", "the rest of the page is there"
    with lobby.database.read() as session:
        assert campaigns.public(session, CAMPAIGN).letters_per_hour is None


def due_times(lobby: Lobby) -> list[datetime]:
    return sorted(
        message.due_at
        for letter, message in letters_of(lobby)
        if letter.state is LetterState.QUEUED
    )


@pytest.mark.parametrize("through", ["page", "api"])
def test_another_pace_plans_anew_what_waits(
    signed_in: TestClient, lobby: Lobby, clock: Clock, through: str
) -> None:
    clock.advance(hours=1)  # the demonstration's letters went in the hour before
    for place in range(6):
        queue_letter(lobby, place, clock.now)
    later = clock.now + timedelta(hours=4)
    greylisted = defer_letter(lobby, 6, later)

    def change(per_hour: int | None) -> None:
        if through == "page":
            signed_in.post(QUEUE_PAGE, data={**SETTINGS, "letters_per_hour": str(per_hour or "")})
        else:
            key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
            body = {"letters_per_hour": per_hour}
            assert signed_in.patch(f"/v1/campaigns/{CAMPAIGN}", json=body, headers=key).is_success

    change(2)
    by_hour = [moment.hour for moment in due_times(lobby)]
    assert by_hour == sorted([13, 13, 14, 14, 15, 15, later.hour])
    change(3)
    assert [moment.hour for moment in due_times(lobby)] == sorted(
        [13, 13, 13, 14, 14, 14, later.hour]
    )
    change(None)
    assert due_times(lobby) == [clock.now] * 6 + [later]
    put_off_still = {letter.id: message.due_at for letter, message in letters_of(lobby)}
    assert put_off_still[greylisted] == later, "the mail server's wait is not ours to shorten"


def test_letters_that_went_this_hour_count_towards_a_new_pace(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    """Fourteen letters went in this hour, when there was no limit."""
    queue_letter(lobby, 0, clock.now + timedelta(minutes=5))
    signed_in.post(QUEUE_PAGE, data={**SETTINGS, "letters_per_hour": "10"})
    assert [moment.hour for moment in due_times(lobby)] == [13]
    signed_in.post(QUEUE_PAGE, data={**SETTINGS, "letters_per_hour": "20"})
    assert [moment.hour for moment in due_times(lobby)] == [12]


def test_what_keeps_its_pace_keeps_its_places(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    queue_letter(lobby, 0, clock.now + timedelta(hours=2))
    signed_in.post(QUEUE_PAGE, data={**SETTINGS, "likeness_limit": "70"})
    assert due_times(lobby) == [clock.now + timedelta(hours=2)]


def test_a_paused_queue_stays_paused_under_another_pace(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    queue_letter(lobby, 0, clock.now)
    signed_in.post(f"{QUEUE_PAGE}/pause")
    signed_in.post(QUEUE_PAGE, data={**SETTINGS, "letters_per_hour": "20"})
    assert [moment.year for moment in due_times(lobby)] == [9999]


# ---- single letters


def test_letters_are_listed_by_state_without_words_and_writers(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    reject_letter(lobby, 0)
    defer_letter(lobby, 1, clock.now + timedelta(hours=1))
    put_into_state(lobby, 2, LetterState.HELD, letter={"reason": "standing_changed"})
    (row,) = rows(signed_in.get(f"{QUEUE_PAGE}?show=refused"))
    message = letters_of(lobby)[0][1]
    for text in ("550 5.7.1 Not wanted", "1 attempt", f"&lt;{message.id}@lobby.example.org&gt;"):
        assert text in row
    (row,) = rows(signed_in.get(f"{QUEUE_PAGE}?show=put_off"))
    assert GREYLISTED in row
    assert "goes 1 July 2026, 14:00" in row
    (row,) = rows(signed_in.get(f"{QUEUE_PAGE}?show=held"))
    assert "The MP has signed since" in row
    page = signed_in.get(QUEUE_PAGE)
    assert len(rows(page)) == len(letters_of(lobby))
    with lobby.database.read() as session:
        for letter, _ in letters_of(lobby):
            row_of_letter = session.merge(letter, load=False)
            assert row_of_letter.name.text not in page.text
            assert row_of_letter.subject.text not in page.text
    for private in ("supporter", "Example Street", "Dear "):
        assert private not in without_menu(page)


def test_the_table_can_be_read_aloud(signed_in: TestClient, lobby: Lobby) -> None:
    page = signed_in.get(f"{QUEUE_PAGE}?show=sent")
    assert "<caption>Sent, the newest first</caption>" in page.text
    assert page.text.count('<th scope="col"') == 4
    assert re.findall(r'aria-current="page">(\w+)', without_menu(page)) == ["Sent"]
    assert page.headers["Cache-Control"] == "no-store"


def test_the_list_has_pages(
    signed_in: TestClient, lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.organisers.letter_queue.LETTERS_PER_PAGE", 5)
    seen: list[str] = []
    path = f"{QUEUE_PAGE}?show=sent"
    while path:
        page = signed_in.get(path)
        seen += re.findall(r"<code>([^<]+)</code>", page.text)
        link = re.search(r'href="([^"]+cursor=[^"]+)#letters">Further back', page.text)
        path = link.group(1).replace("&amp;", "&") if link else ""
    assert len(seen) == len(set(seen)) == len(letters_of(lobby))
    assert "To the newest" in visible(page)
    assert signed_in.get(f"{QUEUE_PAGE}?cursor=nonsense").status_code == 422
    assert signed_in.get(f"{QUEUE_PAGE}?show=nonsense").status_code == 422


def test_a_refused_letter_is_sent_again_by_its_button(
    signed_in: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    letter_id = reject_letter(lobby, 0)
    path = f"/organiser/letters/{letter_id}/retry"
    (row,) = rows(signed_in.get(f"{QUEUE_PAGE}?show=refused"))
    assert f'action="{path}"' in row
    assert "Send again" in row
    answer = signed_in.post(path, data={"show": "refused"})
    assert answer.headers["Location"] == f"{QUEUE_PAGE}?show=refused&done=again"
    assert "The letter is waiting to be sent again." in visible(
        signed_in.get(answer.headers["Location"])
    )
    assert len(deliver()) == 1
    again = signed_in.post(path)
    assert again.status_code == 409
    assert "Only a letter that was refused can be sent again." in visible(again)


def test_a_letter_that_was_put_off_is_tried_right_now(
    signed_in: TestClient, lobby: Lobby, clock: Clock, deliver: Deliver
) -> None:
    deliver()
    letter_id = defer_letter(lobby, 0, clock.now + timedelta(hours=4))
    (row,) = rows(signed_in.get(f"{QUEUE_PAGE}?show=put_off"))
    assert "Try now" in row
    assert deliver() == []
    assert signed_in.post(f"/organiser/letters/{letter_id}/retry").status_code == 303
    assert len(deliver()) == 1


@pytest.mark.parametrize(("outcome", "state"), [("sent", "sent"), ("not_sent", "queued")])
def test_an_uncertain_letter_is_settled_on_a_page_that_says_what_each_answer_does(
    signed_in: TestClient, lobby: Lobby, clock: Clock, outcome: str, state: str
) -> None:
    letter, message = uncertain_letter(lobby, 0, clock.now)
    before = sent_in_tally(lobby)
    path = f"/organiser/letters/{letter.id}/settle"
    (row,) = rows(signed_in.get(f"{QUEUE_PAGE}?show=uncertain"))
    assert f'href="{path}"' in row
    page = signed_in.get(path)
    page_text = visible(page)
    assert f"&lt;{message.id}@lobby.example.org&gt;" in page_text
    assert "We count it as sent, and never send it again. It was sent" in page_text
    assert "the MP’s office gets it twice. It was not sent: send it again" in page_text
    assert letters_of(lobby)[0][0].state is LetterState.UNCERTAIN, "reading changes nothing"
    answer = signed_in.post(path, data={"outcome": outcome})
    assert answer.headers["Location"].startswith(f"{QUEUE_PAGE}?show=uncertain&done=")
    assert letters_of(lobby)[0][0].state == state
    assert sent_in_tally(lobby) == before + (outcome == "sent")
    assert signed_in.post(path, data={"outcome": outcome}).status_code == 409
    assert "Somebody has sorted this letter out." in visible(signed_in.get(path))


@pytest.mark.parametrize("data", [{}, {"outcome": "perhaps"}])
def test_an_answer_that_is_none_settles_nothing(
    signed_in: TestClient, lobby: Lobby, clock: Clock, data: dict[str, str]
) -> None:
    letter, _ = uncertain_letter(lobby, 0, clock.now)
    page = signed_in.post(f"/organiser/letters/{letter.id}/settle", data=data)
    assert page.status_code == 422
    assert "Outcome" in visible(page)
    assert letters_of(lobby)[0][0].state is LetterState.UNCERTAIN


# ---- access


def organiser_routes(
    client: TestClient, letter_id: UUID, slug: str = CAMPAIGN, *, about_one: bool = False
) -> list[tuple[str, str]]:
    """Returns the method and path of every page that only organisers see.

    `about_one` leaves out those whose address names no row of the organisation.
    """
    assert isinstance(client.app, FastAPI)
    routes = []
    for route in iter_route_contexts(client.app.routes):
        template = route.path or ""
        path = template.replace("{slug}", slug).replace("{prefix}", "0" * 12)
        path = path.replace("{member_id}", "900001")
        path = re.sub(r"\{\w+\}", str(letter_id), path)
        is_about_one = "{" in template and not path.startswith(OWN_ACCOUNT)
        if path.startswith("/organiser/") and (is_about_one or not about_one):
            routes += [(method, path) for method in sorted(route.methods or ())]
    assert len(routes) >= 7
    return routes


@pytest.mark.slow
def test_a_foreign_campaign_or_letter_is_a_page_that_does_not_exist(
    signed_in: TestClient, lobby: Lobby
) -> None:
    others_key(lobby, Scope.LETTERS_READ)
    add_campaign(lobby, "theirs", organisation=OTHERS)
    letter_id = letters_of(lobby)[0][0].id
    for method, path in organiser_routes(signed_in, uuid4(), "theirs", about_one=True):
        data = {"outcome": "sent"} if method == "POST" else None
        assert signed_in.request(method, path, data=data).status_code == 404, path
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        campaign.organisation_id = organisations.by_slug(session, OTHERS).id
    for method, path in organiser_routes(signed_in, letter_id, about_one=True):
        page = signed_in.request(
            method, path, data={"outcome": "sent"} if method == "POST" else None
        )
        assert page.status_code == 404, path
        assert "Page not found" in visible(page)


@pytest.mark.slow
def test_nobody_gets_in_without_signing_in(client: TestClient, lobby: Lobby) -> None:
    before = letters_of(lobby)
    for method, path in organiser_routes(client, before[0][0].id):
        answer = client.request(method, path, data={"outcome": "sent"})
        if method == "GET":
            assert (answer.status_code, answer.headers["Location"]) == (
                303,
                f"/sign-in?next={path}",
            )
        else:  # what was typed is kept for after signing in
            assert answer.status_code == 401, path
            assert "Sign in" in visible(answer)
    assert letters_of(lobby) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://testserver.evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
    ],
)
def test_a_form_on_another_site_changes_nothing(
    signed_in: TestClient, lobby: Lobby, headers: dict[str, str]
) -> None:
    before = letters_of(lobby)
    for method, path in organiser_routes(signed_in, before[0][0].id):
        if method == "POST":
            page = signed_in.post(path, data={"outcome": "sent"}, headers=headers)
            assert page.status_code == 403, path
            assert "sent from another site" in visible(page)
    with lobby.database.read() as session:
        assert campaigns.public(session, CAMPAIGN).letters_paused_at is None
    assert letters_of(lobby) == before


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://testserver"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Origin": "http://testserver"},
        {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"},
        {"Host": "localhost:8000", "Origin": "http://testserver"},
    ],
)
def test_our_own_forms_are_let_in(signed_in: TestClient, headers: dict[str, str]) -> None:
    # Sets the cookie by hand: the client would not send it to another host.
    cookie = f"lobby_organiser={signed_in.cookies['lobby_organiser']}"
    assert (
        signed_in.post(f"{QUEUE_PAGE}/pause", headers={**headers, "Cookie": cookie}).status_code
        == 303
    )


def test_pages_with_such_forms_let_their_browser_say_where_they_come_from(
    signed_in: TestClient, lobby: Lobby, clock: Clock
) -> None:
    letter, _ = uncertain_letter(lobby, 0, clock.now)
    for path in (QUEUE_PAGE, f"/organiser/letters/{letter.id}/settle"):
        assert '<meta name="referrer" content="same-origin">' in signed_in.get(path).text


# ---- the demonstration


def test_the_demonstrations_organiser_sees_letters_in_several_states(
    signed_in: TestClient, lobby: Lobby, clock: Clock, deliver: Deliver
) -> None:
    with lobby.database.write() as session:
        awkward_letters.load(
            session, postcodes=lobby.postcodes.lookup, keyring=lobby.keyring, now=clock.now
        )
    deliver()
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        relay, pace = lobby.courier.relay, lobby.pace
        overview = queue_overview.overview(session, campaign, relay=relay, pace=pace, now=clock.now)
    seen = {pile: count for pile, count in overview.group_counts.items() if count}
    sent_letters = seen.pop(LetterGroup.SENT)
    assert seen == {
        LetterGroup.WAITING: 3,
        LetterGroup.PUT_OFF: 1,
        LetterGroup.HELD: 1,
        LetterGroup.REFUSED: 2,
        LetterGroup.BOUNCED: 1,
        LetterGroup.UNCERTAIN: 2,
    }
    assert sent_letters == sent_in_tally(lobby)
    assert heading(signed_in.get(QUEUE_PAGE)) == "Letters are being sent"
