"""Fixtures of tests that read pages."""

import pytest
from sqlmodel import select

from models import Organiser
from services.assembly import Lobby
from tests.support.desk import DeskClient, sign_in_as


@pytest.fixture
def signed_in(client: DeskClient, lobby: Lobby) -> DeskClient:
    """Returns the client with the cookie of the demonstration's organiser, who is an owner.

    It does not send the sign-in form: that is the subject of other tests.
    """
    with lobby.database.read() as session:
        organiser = session.exec(select(Organiser)).one()
    sign_in_as(lobby, client, organiser)
    return client
