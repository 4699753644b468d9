"""Tests that nobody guesses the password at a browser that an organiser left open."""

from dataclasses import replace

import pytest

from api.answers.sign_ins import SignIns
from api.answers.state import set_state, state_of
from models import Role
from services.assembly import Lobby
from tests.support.common import ORGANISERS_PASSWORD, PETITION
from tests.support.desk import DeskClient, add_organiser, as_role, sign_in_as
from tests.support.pages import Page, hidden, sign_in, value_of, visible
from tests.support.rate_limits import MovingClock
from tests.web.accounts.steps import SET_UP, code_at, send_code, set_up

TRIES = 10
WRONG = {"password": "a wrong guess"}
DOWNLOAD, NEW_KEY = "/organiser/supporters/download", "/organiser/keys/new"
FORMS: dict[str, dict[str, str]] = {
    DOWNLOAD: {"petition": PETITION, "reason": "Handing in"} | WRONG,
    NEW_KEY: {"name": "Website", "scope": "tallies:read"} | WRONG,
    "/organiser/webhooks/new": {"url": "https://hooks.example.org/x", "is_personal": "1"} | WRONG,
    "/organiser/people/invite": {"email": "new@example.org", "role": "editor"} | WRONG,
    "/organiser/people/{person}/role": {"role": "viewer"} | WRONG,
    "/organiser/people/{person}/remove": WRONG,
    "/organiser/account/password": {"old_password": "a wrong guess", "password": "another one"},
    "/organiser/account/recovery-codes": WRONG,
    SET_UP: {"code": "123456"} | WRONG,
}
"""Every form that asks somebody who is signed in for their password."""
TOO_MANY = "too many attempts to give your password: at most 10 a minute"


def guess(client: DeskClient, times: int = TRIES) -> list[int]:
    return [client.post(DOWNLOAD, data=FORMS[DOWNLOAD]).status_code for _ in range(times)]


def download(client: DeskClient) -> Page:
    right = {"password": ORGANISERS_PASSWORD}
    return client.post(DOWNLOAD, data=FORMS[DOWNLOAD] | right)


def test_all_forms_that_ask_for_the_password_share_ten_guesses_a_minute(
    client: DeskClient, lobby: Lobby
) -> None:
    owner = add_organiser(lobby, Role.OWNER)
    set_up(lobby, owner.email.text)
    sign_in(client, ORGANISERS_PASSWORD, email=owner.email.text)
    assert send_code(client, code_at(lobby, later=30)).status_code == 303
    person = add_organiser(lobby, Role.EDITOR).id
    paths = {path.format(person=person): dict(fields) for path, fields in FORMS.items()}
    paths[NEW_KEY] |= {"form": hidden(client.get(NEW_KEY), "form")}
    for path, fields in paths.items():
        page = client.post(path, data=fields)
        assert page.status_code == 422, path
        assert "This is not your password." in visible(page), path
    assert guess(client, TRIES - len(paths)) == [422] * (TRIES - len(paths))
    for path, fields in paths.items():
        page = client.post(path, data=fields)
        assert page.status_code == 429, path
        assert 1 <= int(page.headers["retry-after"]) <= 60
        assert TOO_MANY in visible(page)
        assert "a wrong guess" not in page.text
    assert value_of(client.post(DOWNLOAD, data=FORMS[DOWNLOAD]), "reason") == "Handing in"
    assert download(client).status_code == 429, "a right guess says no more than a wrong one"


def test_guesses_in_one_session_stop_neither_another_one_nor_signing_in(
    client: DeskClient, lobby: Lobby
) -> None:
    owner = as_role(lobby, client, Role.OWNER)
    assert guess(client, TRIES + 5) == [422] * TRIES + [429] * 5
    elsewhere = DeskClient(client.app, client=("127.0.0.1", 50002), follow_redirects=False)
    page = sign_in(elsewhere, ORGANISERS_PASSWORD, email=owner.email.text)
    assert page.headers["Location"] == "/organiser"
    assert download(elsewhere).headers["Content-Type"].startswith("text/csv")
    assert guess(client, 1) == [429]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_whoever_goes_on_guessing_waits_a_minute_then_an_hour_then_a_day(
    client: DeskClient, lobby: Lobby
) -> None:
    clock, state = MovingClock(), state_of({"app": client.app})
    ours = SignIns(lobby, clock=clock)
    set_state(client.app, replace(state, sign_ins=ours))  # type: ignore[arg-type] # FastAPI's
    sign_in_as(lobby, client, add_organiser(lobby, Role.OWNER))
    waits: list[int] = []
    while len(waits) < 60 and max(waits, default=0) <= 3600:
        page = client.post(DOWNLOAD, data=FORMS[DOWNLOAD])
        if page.status_code == 429:
            waits.append(int(page.headers["retry-after"]))
            clock.move(waits[-1])
    set_state(client.app, state)  # type: ignore[arg-type] # as above
    ours.stop()
    assert waits[0] <= 60
    assert any(60 < wait <= 3600 for wait in waits)
    assert waits[-1] > 12 * 3600
