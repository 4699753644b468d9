"""Fixtures of tests that read pages."""

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from models import Organiser
from services.assembly import Lobby
from services.organisations import organisers
from web.base.dependencies import COOKIE


@pytest.fixture
def signed_in(client: TestClient, lobby: Lobby) -> TestClient:
    """Returns a client with the cookie of the demonstration's organiser.

    It does not send the sign-in form: checking a password takes a tenth of a second, by design.
    """
    with lobby.database.read() as session:
        organiser = session.exec(select(Organiser)).one()
        client.cookies.set(COOKIE, organisers.cookie_of(organiser, lobby.tokens))
    return client
