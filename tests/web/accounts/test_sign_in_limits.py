"""Tests the limits of signing in: by address, by account, and how many passwords at a time."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.answers.sign_ins import PER_ACCOUNT, PER_ADDRESS, SignIns
from api.answers.state import set_state, state_of
from main import create_app
from services.accounts import resets
from services.assembly import Lobby, utc_now
from services.common.tokens import Purpose
from services.demonstration import invented_campaign
from services.errors import Unauthenticated
from services.organisations import organisations, organisers, passwords
from services.traffic.turns import Turns
from tests.support.common import ORGANISERS_PASSWORD, Clock
from tests.support.desk import CHEAP_HASHER
from tests.support.pages import Page, hidden, sign_in, value_of, visible
from tests.support.rate_limits import MovingClock

ResultT = TypeVar("ResultT")
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
    return sign_in(client, password, email=email)


def assert_asked_to_wait(page: Page, email: str, reason: str) -> None:
    assert page.status_code == 429
    assert 1 <= int(page.headers["retry-after"]) <= 60
    assert page.headers["cache-control"] == "no-store"
    assert reason in visible(page)
    assert value_of(page, "email") == email
    assert "wrong" not in visible(page), "the password is not shown"


@pytest.mark.slow
def test_one_address_has_ten_attempts_a_minute(app: FastAPI) -> None:
    emails = [f"nobody{number}@example.org" for number in range(PER_ADDRESS)]
    assert [attempt(app, 1, email).status_code for email in emails] == [422] * PER_ADDRESS
    assert_asked_to_wait(attempt(app, 1), ORGANISER, "from your connection: at most 10 a minute")
    assert attempt(app, 2, password=PASSWORD).status_code == 303, "others are let in"


@pytest.mark.slow
def test_attempts_from_one_address_never_keep_an_organiser_out(app: FastAPI) -> None:
    assert {attempt(app, 1).status_code for _ in range(PER_ADDRESS + 5)} == {422, 429}
    assert attempt(app, 2, password=PASSWORD).status_code == 303


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_next_minute_has_attempts_of_its_own(app: FastAPI, lobby: Lobby) -> None:
    clock = MovingClock()
    state = state_of({"app": app})
    set_state(app, replace(state, sign_ins=SignIns(lobby, clock=clock)))
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


class NoTurns(Turns):
    """Refuses every password at once, so that a test need not check hundreds of them."""

    def __init__(self) -> None:
        super().__init__("none", at_once=1, longest_queue=0)

    async def run(self, call: Callable[[], ResultT]) -> ResultT:
        del call
        raise Unauthenticated("sign_in_failed", "This address and password do not fit together.")


@contextmanager
def refusing_strangers(
    app: FastAPI, lobby: Lobby, clock: Callable[[], datetime] = utc_now
) -> Iterator[None]:
    """Counts as always, but checks only the passwords of known devices."""
    state = state_of({"app": app})
    ours = SignIns(lobby, turns=NoTurns(), clock=clock)
    set_state(app, replace(state, sign_ins=ours))
    yield
    set_state(app, state)
    ours.stop()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_whoever_goes_on_trying_waits_a_minute_then_an_hour_then_a_day(
    app: FastAPI, lobby: Lobby
) -> None:
    clock, waits, last = MovingClock(), [0], ""
    with refusing_strangers(app, lobby, clock):
        for number in range(PER_ACCOUNT * 6 + 5):
            page = attempt(app, number)
            if page.status_code == 429:
                waits.append(int(page.headers["retry-after"]))
                last = visible(page) if waits[-1] == max(waits) else last
                clock.move(waits[-1])
    orders = [0 if wait <= 60 else 1 if wait <= 3600 else 2 for wait in waits]
    assert orders.index(0) < orders.index(1) < orders.index(2)
    assert max(waits) > 12 * 3600
    assert "at most 100 a day. Please try again in 2" in last


def known_client(app: FastAPI) -> TestClient:
    """Returns a browser on which the organiser has signed in and out."""
    client = TestClient(app, client=("192.0.2.200", 50000), follow_redirects=False)
    assert sign_in(client, PASSWORD, email=ORGANISER).status_code == 303
    device = client.cookies["lobby_device"]
    client.cookies.clear()
    client.cookies.set("lobby_device", device)
    return client


@pytest.mark.slow
def test_a_strangers_thousand_wrong_passwords_do_not_stop_the_organisers_own_device(
    app: FastAPI, lobby: Lobby
) -> None:
    own, statuses = known_client(app), Counter[int]()
    with refusing_strangers(app, lobby):
        for address in range(50):
            stranger = TestClient(app, client=(f"203.0.113.{address}", 1), follow_redirects=False)
            token = hidden(stranger.get("/sign-in"), "form_token")
            data = {"email": ORGANISER, "password": "wrong", "form_token": token}
            stranger.cookies.set("lobby_device", "x" * 43)  # a made-up one is a stranger's too
            statuses.update(stranger.post("/sign-in", data=data).status_code for _ in range(20))
            if address % 17 == 16:
                own.cookies.delete("lobby_organiser")
                assert sign_in(own, PASSWORD, email=ORGANISER).headers["Location"] == "/organiser"
        refused = attempt(app, 101, password=PASSWORD)
    assert statuses.total() == 1000
    assert statuses.keys() == {422, 429}
    assert refused.status_code == 429, "on any other device the organiser has to wait, or reset"


@pytest.mark.slow
def test_a_new_password_is_never_stopped_and_its_browser_is_known(
    app: FastAPI, lobby: Lobby
) -> None:
    with refusing_strangers(app, lobby):
        for number in range(PER_ACCOUNT):
            attempt(app, number)
        assert attempt(app, 100, password=PASSWORD).status_code == 429
        reset_and_sign_in(app, lobby)


def reset_and_sign_in(app: FastAPI, lobby: Lobby) -> None:
    with lobby.database.read() as session:
        organiser = organisers.by_email(session, ORGANISER)
    bound_to = resets.binding_of(organiser)
    token = lobby.tokens.issue(Purpose.RESET, organiser.id, bound_to=bound_to)
    client = TestClient(app, client=("192.0.2.201", 50000), follow_redirects=False)
    form_token = hidden(client.get(f"/forgotten/{token}"), "form_token")
    data = {"form_token": form_token, "password": "another of Ada's own"}
    assert client.post(f"/forgotten/{token}", data=data).status_code == 200
    assert sign_in(client, "another of Ada's own", email=ORGANISER).status_code == 303


def test_a_device_is_known_for_its_own_account_and_for_a_year(
    app: FastAPI, lobby: Lobby, clock: Clock
) -> None:
    own = known_client(app)
    with refusing_strangers(app, lobby):
        assert sign_in(own, ORGANISERS_PASSWORD).status_code == 422, "somebody else's account"
        assert sign_in(own, PASSWORD, email=ORGANISER).status_code == 303
        own.cookies.delete("lobby_organiser")
        clock.advance(days=366)
        assert sign_in(own, PASSWORD, email=ORGANISER).status_code == 422


@pytest.mark.slow
def test_a_known_device_that_tries_on_is_stopped_too(app: FastAPI) -> None:
    own = known_client(app)
    statuses = [sign_in(own, "wrong", email=ORGANISER).status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_queue_that_strangers_fill_is_not_that_of_known_devices(
    app: FastAPI, lobby: Lobby
) -> None:
    own, state = known_client(app), state_of({"app": app})
    full = SignIns(lobby, turns=Turns("full", at_once=1, longest_queue=-1))
    set_state(app, replace(state, sign_ins=full))
    assert attempt(app, 1, password=PASSWORD).status_code == 503
    assert sign_in(own, PASSWORD, email=ORGANISER).status_code == 303
    set_state(app, state)
    full.stop()


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


@pytest.fixture
def hasher() -> Iterator[CountingHasher]:
    """A hasher that counts, in use during the test."""
    hasher = CountingHasher()
    passwords.use(hasher)
    yield hasher
    passwords.use(CHEAP_HASHER)


def test_two_passwords_are_checked_at_a_time_and_all_are_checked(
    lobby: Lobby, hasher: CountingHasher
) -> None:

    def try_password(_number: int) -> bool:
        with lobby.database.read() as session:
            try:
                organisations.sign_in(session, lobby.keyring, email=ORGANISER, password="wrong")
            except Unauthenticated:
                return True
        return False

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(try_password, range(16)))
    assert hasher.most == passwords.AT_ONCE == 2
