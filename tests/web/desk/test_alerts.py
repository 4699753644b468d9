"""Tests the page on which organisers choose what they are told by email."""

import threading
from dataclasses import replace

import pytest
from sqlmodel import select

from models import AlertChoice, AlertDigest, AlertInterval, AlertKind, Organiser, Role
from services.alerts import choices, name_changes, sentences
from services.alerts.news import News, NewsKind
from services.assembly import Lobby
from tests.support.common import Clock
from tests.support.desk import DeskClient, add_organiser, as_role
from tests.support.pages import visible

ALERTS = "/organiser/alerts"
ANN = News(
    NewsKind.SIGNED, campaign="Beds", slug="beds", motion="7", names=("Ann",), signed=1, seats=8
)


def stored(lobby: Lobby) -> dict[str, tuple[list[str], str]]:
    """Returns the kinds and the interval of everybody who wants alerts, by their address."""
    with lobby.database.read() as session:
        statement = select(Organiser, AlertChoice).where(AlertChoice.organiser_id == Organiser.id)
        return {
            organiser.email.text: (choice.kinds, str(choice.every))
            for organiser, choice in session.exec(statement)
        }


def add_digest(lobby: Lobby, organiser: Organiser, *news: News) -> None:
    content = {"news": [item.stored() for item in news]}
    with lobby.database.write() as session:
        session.add(
            AlertDigest(organiser_id=organiser.id, content=content, created_at=lobby.clock())
        )


def choose(lobby: Lobby, organiser: Organiser) -> None:
    kinds = [AlertKind.NAMES, AlertKind.GOAL]
    with lobby.database.write() as session:
        choices.save(session, organiser, kinds, AlertInterval.DAY, now=lobby.clock())


@pytest.mark.parametrize("role", list(Role))
def test_every_role_chooses_and_stops_alerts(lobby: Lobby, client: DeskClient, role: Role) -> None:
    email = as_role(lobby, client, role).email.text
    assert client.get(ALERTS).text.count(" checked") == 1, "once a day"
    wanted = {"kinds": ["queue", "names"], "every": "hour"}
    for _ in range(2):
        saved = client.post(ALERTS, data=wanted)
        assert (saved.status_code, saved.headers["Location"]) == (303, f"{ALERTS}?done=saved")
    assert stored(lobby) == {email: (["names", "queue"], "hour")}
    page = client.get(saved.headers["Location"])
    assert "Saved. We’ll email you when there’s news." in visible(page)
    assert page.text.count(" checked") == 3
    for _ in range(2):
        assert client.post(ALERTS, data={"every": "day"}).headers["Location"].endswith("=off")
    assert stored(lobby) == {}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kinds": ["names", "gossip"], "every": "day"}, "There is no alert &#39;gossip&#39;."),
        ({"kinds": ["names"], "every": "week"}, "Choose every hour or once a day."),
        ({"kinds": ["names"]}, "Choose every hour or once a day."),
    ],
)
def test_what_is_no_choice_is_refused_and_the_rest_stays(
    lobby: Lobby, client: DeskClient, fields: dict[str, object], message: str
) -> None:
    as_role(lobby, client, Role.VIEWER)
    page = client.post(ALERTS, data=fields)
    assert page.status_code == 422
    assert page.text.count(message) == 2, "above the form and beside the field"
    assert 'value="names" checked' in page.text
    assert stored(lobby) == {}


def test_a_new_choice_keeps_what_was_told(lobby: Lobby, client: DeskClient, clock: Clock) -> None:
    organiser = as_role(lobby, client, Role.EDITOR)
    choose(lobby, organiser)
    began = clock()
    clock.advance(hours=3)
    client.post(ALERTS, data={"kinds": "motion", "every": "hour"})
    with lobby.database.read() as session:
        choice = session.get_one(AlertChoice, organiser.id)
    assert (choice.told_at, choice.updated_at) == (began, clock())


def test_only_owners_see_what_colleagues_get_and_turn_it_off(
    lobby: Lobby, client: DeskClient
) -> None:
    colleague = add_organiser(lobby, Role.VIEWER, email="cleo@example.org")
    choose(lobby, colleague)
    for role in (Role.VIEWER, Role.EDITOR):
        as_role(lobby, client, role, email=f"{role}@example.org")
        assert "cleo@example.org" not in client.get(ALERTS).text
    as_role(lobby, client, Role.OWNER)
    assert "Once a day, at 8am: names, the goal" in visible(client.get(ALERTS))
    for _ in range(2):
        answer = client.post(f"{ALERTS}/{colleague.id}/off")
        assert answer.headers["Location"] == f"{ALERTS}?done=theirs"
    assert stored(lobby) == {}
    assert "Turn off" not in visible(client.get(ALERTS))


def test_the_page_shows_what_its_reader_was_told_and_nobody_else(
    lobby: Lobby, client: DeskClient, clock: Clock
) -> None:
    colleague = add_organiser(lobby, Role.OWNER, email="cleo@example.org")
    add_digest(lobby, colleague, News(NewsKind.MAILS_GO))
    organiser = as_role(lobby, client, Role.OWNER)
    assert "Nothing yet." in visible(client.get(ALERTS))
    clock.advance(hours=1)
    add_digest(lobby, organiser, ANN)
    text = visible(client.get(ALERTS))
    assert "2.00pm today Beds: Ann signed. 1 of 8 MPs has signed EDM 7." in text
    assert "Emails to supporters" not in text


def test_every_piece_of_news_has_words() -> None:
    for kind in NewsKind:
        names = ANN.names if kind in name_changes.WHAT.values() else ()
        item = replace(ANN, what=kind, names=names)
        assert sentences.subject([item])
        assert sentences.paragraphs([item])[0].startswith("Beds: ")


def test_two_clicks_at_the_same_time_make_one_choice(lobby: Lobby) -> None:
    organiser = add_organiser(lobby, Role.VIEWER)
    start, errors = threading.Barrier(4), []

    def save() -> None:
        start.wait()
        try:
            choose(lobby, organiser)
        except Exception as error:  # any error would be a page with status 500
            errors.append(error)

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert stored(lobby) == {organiser.email.text: (["names", "goal"], "day")}
