"""Tests the precomputed data shown after confirming: built once, and again after a change."""

from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.answers.state import state_of
from models import Member
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import petitions
from services.common.tokens import Purpose
from services.signatures import recording
from services.signatures.recording import SignatureRequest
from tests.support.common import CAN_SIGN, PETITION

_member = table_of(Member)


def sign_and_confirm(
    lobby: Lobby, client: TestClient, number: int, postcode: str = CAN_SIGN
) -> Any:
    """Signs and confirms, and returns the response to the confirmation."""
    request = SignatureRequest(PETITION, f"Anna {number}", f"a{number}@example.org", postcode)
    with lobby.database.write(is_public=False) as session:
        (outcome,) = recording.record(
            session,
            [request],
            postcodes=lobby.postcodes.lookup,
            keyring=lobby.keyring,
            now=lobby.clock(),
        )
    assert outcome.signature_id is not None
    token = lobby.tokens.issue(Purpose.CONFIRM, outcome.signature_id)
    answer = client.post("/v1/signatures/confirm", json={"token": token})
    assert answer.status_code == 200
    return answer.json()


def cached_board(lobby: Lobby, client: TestClient) -> Any:
    assert isinstance(client.app, FastAPI)
    with lobby.database.read() as session:
        petition_id = petitions.public(session, PETITION).id
    return state_of({"app": client.app}).public_answers.confirmed.cached(petition_id)


def test_who_confirms_leaves_the_board_for_the_next(lobby: Lobby, client: TestClient) -> None:
    first = sign_and_confirm(lobby, client, 1)
    first_board = cached_board(lobby, client)
    second = sign_and_confirm(lobby, client, 2)
    assert first_board is not None
    assert cached_board(lobby, client) is first_board
    count = first["petition"]["signature_count"]
    assert second["petition"]["signature_count"] == count + 1, "the count is never an old one"
    assert "Anna 2" in second["letter"]["body"]
    assert "Anna 1" not in second["letter"]["body"]


def test_who_confirms_after_a_change_learns_of_it(lobby: Lobby, client: TestClient) -> None:
    member_id = sign_and_confirm(lobby, client, 1)["member"]["id"]
    with lobby.database.write() as session:
        changed = sa.update(_member).where(_member.c.id == member_id)
        values = {"name": "Newly Named", "salutation": "Dr Named"}
        session.connection().execute(changed.values(values))
    answer = sign_and_confirm(lobby, client, 2)
    assert answer["member"]["name"] == "Newly Named"
    assert answer["letter"]["body"].startswith("Dear Dr Named,\n")


@pytest.mark.parametrize("postcode", ["ZZ99 9ZZ", "JE2 3AB"])
def test_who_has_no_seat_gets_no_letter(lobby: Lobby, client: TestClient, postcode: str) -> None:
    answer = sign_and_confirm(lobby, client, 1, postcode)
    assert [answer[name] for name in ("constituency", "member", "letter")] == [None] * 3
    assert answer["can_watch"] is False


def test_counts_alone_leave_what_has_none(lobby: Lobby, client: TestClient) -> None:
    sign_and_confirm(lobby, client, 1)
    before = lobby.database.read_version(), lobby.database.read_version_but_counts()
    sign_and_confirm(lobby, client, 2)
    after = lobby.database.read_version(), lobby.database.read_version_but_counts()
    assert after[0] > before[0]
    assert after[1] == before[1]
