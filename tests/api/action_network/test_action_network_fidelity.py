"""Tests that the dialect takes what Action Network takes, where its clients rely on it."""

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from api.action_network.tag_names import IGNORED
from models import Scope, Tag
from services.assembly import Lobby
from tests.support.action_network import (
    READS,
    V2,
    Headers,
    person,
    signatures_of,
    token_for,
)


@pytest.fixture
def poster(lobby: Lobby) -> Headers:
    """Returns the token of a key that may only post."""
    return token_for(lobby)


@pytest.fixture
def signatures(lobby: Lobby) -> str:
    return signatures_of(lobby)


# ---- tags


@pytest.mark.parametrize("scopes", [READS, (Scope.ACTION_NETWORK,)])
def test_a_tag_that_does_not_exist_is_ignored_and_a_header_names_it(
    client: TestClient, lobby: Lobby, signatures: str, scopes: tuple[Scope, ...]
) -> None:
    key = token_for(lobby, *scopes)
    client.post(f"{V2}/tags", headers=key, json={"name": "donor"})
    unknown = ["volunteer", "Leith, caffi", "caf\u00e9", "x\u0000", ""]
    body = {"person": person(), "add_tags": ["donor", *unknown, "volunteer"]}
    ignored = "volunteer, Leith%2C%20caffi, caf%C3%A9, x%00"
    once = {"Idempotency-Key": "one"}
    signed = client.post(signatures, headers=key | once, json=body)
    introduced = client.post(f"{V2}/people", headers=key, json=body)
    for answer in (signed, client.post(signatures, headers=key | once, json=body), introduced):
        assert answer.status_code == 200, answer.text
        assert answer.headers[IGNORED] == ignored
    known = {"person": person(), "add_tags": ["donor"]}
    assert IGNORED not in client.post(f"{V2}/people", headers=key, json=known).headers
    assert IGNORED not in client.post(signatures, json=body).headers, "the public form has no tags"
    with lobby.database.read() as session:
        assert session.exec(select(Tag.name)).all() == ["donor"]


def test_the_header_of_ignored_tags_is_bounded(client: TestClient, poster: Headers) -> None:
    names = [f"{number}" + "\u00e9" * 99 for number in range(100)]
    body = {"person": person(), "add_tags": names}
    header = client.post(f"{V2}/people", headers=poster, json=body).headers[IGNORED]
    assert (len(header) < 2_100, header.endswith("..."), header.count(", ")) == (True, True, 3)
