"""Tests the second step of signing in: codes, recovery codes, and who must set it up."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from api.answers.sign_ins import CODES_PER_ACCOUNT
from main import create_app
from models import AccountEvent, AccountEventKind, Role
from services.accounts import recovery_codes
from services.assembly import Lobby
from services.organisations import organisers
from tests.support.common import ORGANISERS_PASSWORD, Clock, text_of
from tests.support.pages import Deliver, hidden, sign_in, visible
from tests.web.accounts.steps import (
    ANNA,
    SECRET,
    SET_UP,
    code_at,
    codes_on,
    organiser_of,
    post,
    secret_on,
    send_code,
    set_up,
)

LOOPBACK = "http://127.0.0.1:8000"


@pytest.fixture
def local_client(lobby: Lobby) -> Iterator[TestClient]:
    """Yields a client of a service on loopback, where the demonstration needs no second step."""
    settings = lobby.settings.model_copy(update={"base_url": LOOPBACK})
    app = create_app(settings, lobby=replace(lobby, settings=settings))
    host = ("127.0.0.1", 50000)
    with TestClient(app, base_url=LOOPBACK, client=host, follow_redirects=False) as client:
        yield client


def make_due(lobby: Lobby, role: Role = Role.OWNER) -> None:
    with lobby.database.write() as session:
        organiser = organisers.by_email(session, ANNA)
        organiser.second_step_due_at, organiser.role = None, role


def kinds_of(lobby: Lobby) -> list[AccountEventKind]:
    with lobby.database.read() as session:
        rows = session.exec(select(AccountEvent).order_by(AccountEvent.at, AccountEvent.id))  # type: ignore[arg-type] # columns
        return [row.kind for row in rows]


def test_a_password_alone_opens_nothing_but_the_page_for_a_code(
    client: TestClient, lobby: Lobby
) -> None:
    set_up(lobby)
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        "/sign-in/code?next=/organiser",
    )
    assert "lobby_device" not in answer.headers["Set-Cookie"]
    for path in ("/organiser", "/organiser/account", SET_UP, "/organiser/webhooks"):
        assert client.get(path).headers["Location"].startswith("/sign-in"), path
    assert "/organiser" not in client.get("/sign-in").headers.get("Location", "")
    done = send_code(client, code_at(lobby, later=30))
    assert (done.status_code, done.headers["Location"]) == (303, "/organiser")
    assert client.get("/organiser").status_code == 200
    assert kinds_of(lobby) == [AccountEventKind.SIGNED_IN]


def test_the_code_pages_need_a_password_first(client: TestClient) -> None:
    for way in ("code", "recovery"):
        for answer in (client.get(f"/sign-in/{way}"), client.post(f"/sign-in/{way}")):
            assert answer.headers["Location"] == "/sign-in?next=/organiser"


def test_half_a_session_ends_after_a_quarter_of_an_hour(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    set_up(lobby)
    sign_in(client)
    clock.advance(minutes=14)
    assert client.get("/sign-in/code").status_code == 200
    clock.advance(minutes=1)
    assert client.get("/sign-in/code").status_code == 303


@pytest.mark.parametrize(("later", "is_right"), [(-60, False), (30, True), (60, False)])
def test_a_code_may_be_one_period_early_or_late(
    client: TestClient, lobby: Lobby, clock: Clock, later: int, is_right: bool
) -> None:
    set_up(lobby)
    clock.advance(minutes=5)
    sign_in(client)
    answer = send_code(client, code_at(lobby, later=later))
    assert answer.status_code == (303 if is_right else 422)


def test_the_code_of_the_last_period_counts_and_each_counts_once(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    set_up(lobby)
    clock.advance(minutes=5)
    late = code_at(lobby, later=-30)
    sign_in(client)
    assert send_code(client, late).status_code == 303
    client.cookies.clear()
    sign_in(client)
    again = send_code(client, late)
    assert again.status_code == 422
    assert "That code isn’t right" in visible(again)
    now = code_at(lobby)
    assert send_code(client, f"{now[:3]} {now[3:]}").status_code == 303
    assert AccountEventKind.SIGN_IN_FAILED in kinds_of(lobby)


def test_a_recovery_code_works_once_and_its_organiser_is_told(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    set_up(lobby)
    anna = organiser_of(lobby)
    with lobby.database.write() as session:
        codes = recovery_codes.make(session, lobby.keyring, anna.id)
    assert len(set(codes)) == recovery_codes.COUNT == 10
    deliver()
    sign_in(client)
    typed = codes[3].upper().replace("-", " ")
    assert send_code(client, typed, way="recovery").status_code == 303
    (mail,) = deliver()
    assert mail["Subject"] == "A recovery code was used"
    assert mail["To"] == ANNA
    assert "9 recovery codes left" in visible(client.get("/organiser/account"))
    client.cookies.clear()
    sign_in(client)
    again = send_code(client, codes[3], way="recovery")
    assert again.status_code == 422
    assert "you’ve used it before" in visible(again)
    assert send_code(client, codes[4], way="recovery").status_code == 303


@pytest.mark.slow
def test_codes_are_limited_for_strangers_and_not_for_the_organisers_own_device(
    client: TestClient, lobby: Lobby
) -> None:
    set_up(lobby)
    sign_in(client)
    send_code(client, code_at(lobby, later=30))
    own = dict(client.cookies)
    client.cookies.clear()
    sign_in(client)
    left = CODES_PER_ACCOUNT - 1  # the device was new when its first code came
    answers = [send_code(client, "000000").status_code for _ in range(left + 1)]
    assert answers == [422] * left + [429]
    limited = send_code(client, "000000")
    assert "with a code for this account: at most 5 a minute" in visible(limited)
    assert int(limited.headers["Retry-After"]) <= 60
    client.cookies.clear()
    client.cookies.set("lobby_device", own["lobby_device"])
    sign_in(client)
    assert send_code(client, "000000").status_code == 422, "it is looked at"


@pytest.mark.slow
def test_every_desk_page_leads_to_the_second_step_once_it_is_due(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    make_due(lobby)
    sign_in(client)
    for path in ("/organiser", "/organiser/account", "/organiser/account/password"):
        assert client.get(path).headers["Location"].startswith(SET_UP), path
    page = client.get(SET_UP + "?next=/organiser/webhooks")
    assert page.status_code == 200
    assert "<svg" in page.text
    assert "style=" not in page.text
    secret = secret_on(page)
    assert secret == secret_on(client.get(SET_UP)), "loading the page again shows the same key"
    form = {"form_token": hidden(page, "form_token"), "next": hidden(page, "next")}
    wrong = client.post(SET_UP, data=form | {"code": "12345"})
    assert (wrong.status_code, secret_on(wrong)) == (422, secret)
    deliver()
    done = client.post(SET_UP, data=form | {"code": code_at(lobby, secret=secret)})
    assert len(set(codes_on(done))) == 10
    assert 'href="/organiser/webhooks"' in done.text
    (mail,) = deliver()
    assert mail["Subject"] == "Two-step sign-in is set up"
    assert client.get("/organiser").status_code == 200, "this session needs no code"
    client.cookies.clear()
    assert sign_in(client).headers["Location"].startswith("/sign-in/code")
    assert send_code(client, codes_on(done)[0], way="recovery").status_code == 303


def test_before_it_is_due_a_banner_says_until_when(client: TestClient, lobby: Lobby) -> None:
    with lobby.database.write() as session:
        organiser = organisers.by_email(session, ANNA)
        organiser.second_step_due_at = lobby.clock() + timedelta(days=14)
    sign_in(client)
    banner = "Set up two-step sign-in by 15 July 2026."
    assert banner in visible(client.get("/organiser"))
    set_up(lobby)
    client.cookies.clear()
    sign_in(client)
    send_code(client, code_at(lobby, later=30))
    assert banner not in visible(client.get("/organiser"))


def test_viewers_and_the_demonstration_on_loopback_need_none(
    client: TestClient, local_client: TestClient, lobby: Lobby
) -> None:
    make_due(lobby, Role.VIEWER)
    sign_in(client)
    assert client.get("/organiser").status_code == 200
    make_due(lobby)
    assert client.get("/organiser").headers["Location"] == SET_UP
    sign_in(local_client)
    assert "Set up two-step sign-in by" not in visible(local_client.get("/organiser"))
    assert local_client.get("/organiser").status_code == 200


def test_setting_it_up_ends_all_other_sessions(client: TestClient, lobby: Lobby) -> None:
    sign_in(client)
    other = dict(client.cookies)
    client.cookies.clear()
    sign_in(client)
    secret = secret_on(client.get(SET_UP))
    assert post(client, SET_UP, code=code_at(lobby, secret=secret)).status_code == 200
    client.cookies.clear()
    client.cookies.set("lobby_organiser", other["lobby_organiser"])
    assert client.get("/organiser").status_code == 303
    assert client.get("/sign-in/code").status_code == 303, "it is not half a session either"


@pytest.mark.slow
def test_another_phone_and_new_codes_need_the_password_again(
    client: TestClient, lobby: Lobby, clock: Clock
) -> None:
    sign_in(client)
    first = secret_on(client.get(SET_UP))
    old = codes_on(post(client, SET_UP, code=code_at(lobby, secret=first)))
    second = secret_on(client.get(SET_UP))
    assert second != first
    clock.advance(minutes=2)
    code = code_at(lobby, secret=second)
    assert "Type your password." in visible(post(client, SET_UP, code=code))
    assert "not your password" in visible(post(client, SET_UP, code=code, password="x"))
    password = {"password": ORGANISERS_PASSWORD}
    assert len(codes_on(post(client, SET_UP, code=code, **password))) == 10
    path = "/organiser/account/recovery-codes"
    assert post(client, path, password="x").status_code == 422
    new = codes_on(post(client, path, **password))
    assert not set(new) & set(old)
    client.cookies.clear()
    clock.advance(minutes=2)
    sign_in(client)
    for gone in (code_at(lobby, secret=first), old[0]):
        assert send_code(client, gone, way="code").status_code == 422
    assert send_code(client, code_at(lobby, secret=second)).status_code == 303


def test_the_row_shows_neither_secret_nor_codes(lobby: Lobby) -> None:
    set_up(lobby)
    with lobby.database.write() as session:
        codes = recovery_codes.make(session, lobby.keyring, organiser_of(lobby).id)
    with lobby.database.read() as session:
        raw = session.connection().exec_driver_sql("SELECT secret FROM organiser_second_step")
        assert SECRET.encode() not in bytes(raw.scalar_one())
        raw = session.connection().exec_driver_sql("SELECT code_index FROM organiser_recovery_code")
        stored = b"".join(bytes(row[0]) for row in raw)
    assert not any(code.replace("-", "").encode() in stored for code in codes)


def test_an_app_takes_the_address_in_the_picture(client: TestClient, lobby: Lobby) -> None:
    sign_in(client)
    page = client.get(SET_UP)
    address = re.search(r'href="(otpauth://[^"]+)"', page.text)
    assert address
    totp = pyotp.parse_uri(address.group(1).replace("&amp;", "&"))
    assert isinstance(totp, pyotp.TOTP)
    assert (totp.name, totp.issuer, totp.interval, totp.digits) == (ANNA, "Central Lobby", 30, 6)
    key = re.search(r"<code class=\"unbroken\">([A-Z2-7 ]+)</code>", page.text)
    assert key
    assert key.group(1).replace(" ", "") == totp.secret


def test_a_mail_names_the_device_and_the_time(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    sign_in(client)
    assert not deliver(), "the first time is no news"
    sign_in(client)
    client.cookies.clear()
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
    sign_in(client, headers={"User-Agent": agent})
    (mail,) = deliver()
    assert mail["Subject"] == "New sign-in to your account"
    assert "1 July 2026, 13:00, London time. Device: Firefox on Windows." in text_of(mail)
    assert f"{lobby.settings.base_url}/forgotten\n" in text_of(mail)
    client.cookies.delete("lobby_organiser")
    sign_in(client, headers={"User-Agent": agent})
    assert not deliver(), "this device is known now"
