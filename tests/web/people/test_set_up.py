"""Tests the first set-up in the browser, on a database without an organisation."""

import threading
from collections.abc import Iterator

import pytest
from sqlmodel import select

from main import create_app
from models import AccountEvent, AccountEventKind, Organisation, Organiser, Role
from services.accounts import first_owner
from services.accounts.first_owner import FirstOwner
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.database.engine import Database
from services.errors import Conflict
from services.organisations import organisations
from tests.support.common import Clock
from tests.support.desk import DeskClient
from tests.support.pages import Page, hidden, value_of, visible

FIELDS = {
    "name": "Our Union",
    "slug": "our-union",
    "email": "anna@union.example.org",
    "password": "seven quiet otters",
}


@pytest.fixture
def lobby(empty_lobby: Lobby) -> Lobby:
    """A lobby with an empty schema."""
    return empty_lobby


@pytest.fixture
def second_browser(lobby: Lobby) -> Iterator[DeskClient]:
    with DeskClient(create_app(lobby.settings, lobby=lobby), follow_redirects=False) as browser:
        yield browser


def link(lobby: Lobby) -> str:
    return f"/set-up/{first_owner.issue_token(lobby.tokens)}"


def set_up(browser: DeskClient, path: str, **changes: str) -> Page:
    token = hidden(browser.get(path), "form_token")
    return browser.post(path, data={**FIELDS, "form_token": token, **changes})


def made(lobby: Lobby) -> tuple[list[str], list[str]]:
    with lobby.database.read() as session:
        return (
            [row.slug for row in session.exec(select(Organisation))],
            [row.email.text for row in session.exec(select(Organiser))],
        )


def test_the_first_owner_makes_the_organisation_and_is_signed_in(
    client: DeskClient, lobby: Lobby
) -> None:
    done = set_up(client, link(lobby))
    assert (done.status_code, done.headers["Location"]) == (303, "/organiser")
    with lobby.database.read() as session:
        organiser = organisations.sign_in(
            session, lobby.keyring, email=FIELDS["email"], password=FIELDS["password"]
        )
        assert organiser.role is Role.OWNER
        assert organisations.get(session, organiser.organisation_id).name == "Our Union"
        events = [row.kind for row in session.exec(select(AccountEvent))]
    assert set(events) == {AccountEventKind.JOINED, AccountEventKind.SIGNED_IN}
    step = client.get("/organiser")
    assert step.headers["Location"] == "/organiser/account/second-step"
    assert "Owner ·" in client.get(step.headers["Location"]).text


def test_the_page_is_only_there_with_the_link_and_without_an_organisation(
    client: DeskClient, lobby: Lobby, second_browser: DeskClient
) -> None:
    good = link(lobby)
    forged = lobby.tokens.issue(Purpose.INVITATION, first_owner._NO_ROW)
    for path in ("/set-up", "/set-up/x", f"/set-up/{forged}"):
        assert client.get(path).status_code == 404
        assert client.post(path, data=FIELDS).status_code in (404, 405)
    assert made(lobby) == ([], [])
    page = client.get(good)
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    set_up(client, good)
    answer = second_browser.get(good)
    assert answer.status_code == 404
    assert "Page not found" in visible(answer)


def test_a_link_of_yesterday_says_how_to_get_another(
    client: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    path = link(lobby)
    clock.advance(days=1, seconds=2)
    for answer in (client.get(path), client.post(path, data=FIELDS)):
        assert answer.status_code == 410
        assert "Start `lobby serve` again to get a new one." in visible(answer)
    assert made(lobby) == ([], [])


def test_who_comes_second_is_told_and_nothing_of_theirs_is_made(
    client: DeskClient, lobby: Lobby, second_browser: DeskClient
) -> None:
    path = link(lobby)
    token = hidden(second_browser.get(path), "form_token")
    set_up(client, path)
    others = {"name": "Other", "slug": "other", "email": "o@example.org", "form_token": token}
    answer = second_browser.post(path, data=FIELDS | others)
    assert answer.status_code == 409
    assert "Somebody was faster." in visible(answer)
    assert made(lobby) == (["our-union"], [FIELDS["email"]])


def test_of_two_at_the_same_moment_one_wins(lobby: Lobby, second_database: Database) -> None:
    errors: list[Conflict] = []
    barrier = threading.Barrier(2)

    def run(database: Database, slug: str) -> None:
        first = FirstOwner(slug, slug, f"{slug}@example.org", "hash")
        barrier.wait(timeout=30)
        try:
            with database.write() as session:
                first_owner.make(session, lobby.keyring, first, now=lobby.clock())
        except Conflict as error:
            errors.append(error)

    threads = [
        threading.Thread(target=run, args=pair)
        for pair in ((lobby.database, "one"), (second_database, "two"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [error.code for error in errors] == ["set_up_already"]
    slugs, emails = made(lobby)
    assert (len(slugs), emails) == (1, [f"{slugs[0]}@example.org"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "Us\r\nBcc: x@example.org"),
        ("slug", "Our Union"),
        ("slug", ""),
        ("email", "nonsense"),
        ("password", "short"),
        ("password", "passwordpassword"),
        ("password", FIELDS["email"]),
    ],
)
def test_a_mistake_is_named_and_what_was_typed_is_kept(
    client: DeskClient, lobby: Lobby, field: str, value: str
) -> None:
    page = set_up(client, link(lobby), **{field: value})
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text
    for name in FIELDS.keys() - {field, "password"}:
        assert value_of(page, name) == FIELDS[name]
    assert FIELDS["password"] not in page.text
    assert made(lobby) == ([], [])


def test_all_mistakes_are_named_at_once(client: DeskClient, lobby: Lobby) -> None:
    page = set_up(client, link(lobby), name="", slug="!", email="x", password="x")
    for field in FIELDS:
        assert f'id="{field}-error"' in page.text
    page = set_up(client, link(lobby), **dict.fromkeys(FIELDS, ""))
    messages = [
        "Enter the name of your organisation.",
        "Choose a short name.",
        "Enter your email address.",
        "Choose a password.",
    ]
    assert " ".join(messages) in visible(page), "in the order of the form"


def test_a_form_of_another_site_or_browser_makes_nothing(
    client: DeskClient, lobby: Lobby, second_browser: DeskClient
) -> None:
    path = link(lobby)
    token = hidden(client.get(path), "form_token")
    data = {**FIELDS, "form_token": token}
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(path, data=data, headers=headers).status_code == 403
    page = second_browser.post(path, data=data)
    assert page.status_code == 403
    assert value_of(page, "name") == FIELDS["name"]
    assert made(lobby) == ([], [])
