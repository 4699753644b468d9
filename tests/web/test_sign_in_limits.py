"""Tests the limits of signing in: by address, by account, and how many passwords at a time."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.answers import sign_ins
from api.answers.sign_ins import PER_ACCOUNT, PER_ADDRESS, SignIns
from api.answers.state import set_state, state_of
from main import create_app
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.errors import Unauthenticated
from services.organisations import organisations, passwords
from services.traffic.turns import Turns
from tests.support.pages import Page, value_of, visible
from tests.support.rate_limits import MovingClock

ORGANISER, PASSWORD = "ada@example.org", "a long password of Ada's"


@pytest.fixture
def app(lobby: Lobby) -> Iterator[FastAPI]:
    """The service, running, with an organiser."""
    with lobby.database.write() as session:
        organisation = organisations.by_slug(session, invented_campaign.about().organisation)
        organisations.create_organiser(
            session,
            lobby.keyring,
            organisation=organisation,
            email=ORGANISER,
            password=PASSWORD,
            now=lobby.clock(),
        )
    app = create_app(lobby.settings, lobby=lobby)
    with TestClient(app):
        yield app


def attempt(app: FastAPI, sender: int, email: str = ORGANISER, password: str = "wrong") -> Page:
    """Sends the form from an address of this number."""
    client = TestClient(app, client=(f"192.0.2.{sender}", 50000), follow_redirects=False)
    return client.post("/sign-in", data={"email": email, "password": password})


def assert_asked_to_wait(page: Page, email: str, reason: str) -> None:
    assert page.status_code == 429
    assert 1 <= int(page.headers["retry-after"]) <= 60
    assert page.headers["cache-control"] == "no-store"
    assert reason in visible(page)
    assert value_of(page, "email") == email
    assert "wrong" not in visible(page), "the password is not shown"


def test_one_address_has_ten_attempts_a_minute(app: FastAPI) -> None:
    emails = [f"nobody{number}@example.org" for number in range(PER_ADDRESS)]
    assert [attempt(app, 1, email).status_code for email in emails] == [422] * PER_ADDRESS
    assert_asked_to_wait(attempt(app, 1), ORGANISER, "from your connection: at most 10 a minute")
    assert attempt(app, 2, password=PASSWORD).status_code == 303, "others are let in"


def test_attempts_from_one_address_never_keep_an_organiser_out(app: FastAPI) -> None:
    assert {attempt(app, 1).status_code for _ in range(PER_ADDRESS + 5)} == {422, 429}
    assert attempt(app, 2, password=PASSWORD).status_code == 303


@pytest.mark.parametrize("email", [ORGANISER, "nobody@example.org"])
def test_one_account_has_its_attempts_from_all_addresses_whether_it_exists_or_not(
    app: FastAPI, email: str
) -> None:
    spelt = [email, email.upper(), f" {email}"]
    for number in range(PER_ACCOUNT):
        assert attempt(app, number, spelt[number % 3]).status_code == 422
    refused = attempt(app, 100, email, PASSWORD)
    assert_asked_to_wait(refused, email, f"for this account: at most {PER_ACCOUNT} a minute")
    assert attempt(app, 101, "another@example.org").status_code == 422


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_next_minute_has_attempts_of_its_own(
    app: FastAPI, lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MovingClock()
    monkeypatch.setattr(sign_ins, "utc_now", clock)
    state = state_of({"app": app})
    set_state(app, replace(state, sign_ins=SignIns(lobby)))
    for number in range(PER_ACCOUNT):
        attempt(app, number)
    clock.move(int(attempt(app, 100).headers["retry-after"]))
    assert attempt(app, 100, password=PASSWORD).status_code == 303
    state_of({"app": app}).sign_ins.stop()
    set_state(app, state)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_full_queue_shows_the_form_again(app: FastAPI, lobby: Lobby) -> None:
    state = state_of({"app": app})
    full = SignIns(lobby, turns=Turns("full", at_once=1, longest_queue=-1))
    set_state(app, replace(state, sign_ins=full))
    page = attempt(app, 1, password=PASSWORD)
    set_state(app, state)
    assert page.status_code == 503
    assert int(page.headers["retry-after"]) > 0
    assert "Please try again in a moment" in visible(page)
    assert value_of(page, "email") == ORGANISER


class CountingHasher:
    """Stands for argon2, and notes how many passwords it checks at the same time."""

    def __init__(self) -> None:
        self.most = 0
        self._running = 0
        self._lock = threading.Lock()

    def hash(self, _password: str) -> str:
        self._work()
        return "a hash"

    def verify(self, _password: str, _hash: str) -> bool:
        self._work()
        return False

    def _work(self) -> None:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        time.sleep(0.01)
        with self._lock:
            self._running -= 1


def test_two_passwords_are_checked_at_a_time_and_all_are_checked(
    lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher = CountingHasher()
    monkeypatch.setattr(passwords, "_hasher", hasher)

    def sign_in(_number: int) -> bool:
        with lobby.database.read() as session:
            try:
                organisations.sign_in(session, lobby.keyring, email=ORGANISER, password="wrong")
            except Unauthenticated:
                return True
        return False

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(sign_in, range(16)))
    assert hasher.most == passwords.AT_ONCE == 2
