"""Organisers of tests, their authenticator apps, and the ways to sign them in."""

import re

import pyotp
from fastapi.testclient import TestClient

from models import Organiser
from services.accounts import second_steps
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.organisations import organisers
from tests.support.pages import Page, hidden

ANNA = invented_campaign.ORGANISER
SET_UP = "/organiser/account/second-step"
SECRET = pyotp.random_base32()


def organiser_of(lobby: Lobby, email: str = ANNA) -> Organiser:
    with lobby.database.read() as session:
        return organisers.by_email(session, email)


def set_up(lobby: Lobby, email: str = ANNA, secret: str = SECRET) -> None:
    """Gives an organiser a second step, whose code of this moment is used."""
    with lobby.database.write() as session:
        organiser = organisers.by_email(session, email)
        second_steps.confirm(session, organiser, secret, code_at(lobby), now=lobby.clock())


def code_at(lobby: Lobby, *, later: int = 0, secret: str = SECRET) -> str:
    """Returns what the app shows now, or some seconds later."""
    return pyotp.TOTP(secret).at(int(lobby.clock().timestamp()) + later)


def send_code(client: TestClient, code: str, *, way: str = "code", **fields: str) -> Page:
    """Sends the form that asks for a code, or with `way` for a recovery code."""
    token = hidden(client.get(f"/sign-in/{way}"), "form_token")
    return client.post(f"/sign-in/{way}", data={"code": code, "form_token": token} | fields)


def post(client: TestClient, path: str, **fields: str) -> Page:
    """Sends a form of the desk with the token that its pages hold."""
    token = hidden(client.get("/organiser/account"), "form_token")
    return client.post(path, data={"form_token": token} | fields)


def secret_on(page: Page) -> str:
    """Returns the key that the page to set a second step up shows."""
    match = re.search(r"secret=([A-Z2-7]{32})", page.text)
    assert match
    return match.group(1)


def codes_on(page: Page) -> list[str]:
    """Returns the recovery codes on a page."""
    return re.findall(r"<li>((?:[a-z2-7]{4}-){3}[a-z2-7]{4})</li>", page.text)
