"""Tests that a full disk refuses signatures for a while, and loses none that was acknowledged."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from models import Submission
from services.assembly import Lobby
from tests.support import pages
from tests.support.common import CAN_SIGN, PETITION

SIGNATURES = f"/v1/petitions/{PETITION}/signatures"
ROOM = 12  # pages: enough for some signatures, and for far fewer than are sent
LARGEST = 0xFFFFFFFE  # SQLite's own limit of pages

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def client(client: TestClient, lobby: Lobby) -> Iterator[TestClient]:
    yield client
    limit_pages(lobby, LARGEST)


def limit_pages(lobby: Lobby, pages: int) -> None:
    """Lets SQLite's one writing connection find the disk full beyond this size (SQLITE_FULL)."""
    with lobby.database.write() as session:
        session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def fill_up(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()
    limit_pages(lobby, pages + ROOM)


def stored(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return len(session.exec(select(Submission.id)).all())


def sign(client: TestClient, number: int) -> httpx2.Response:
    body = {"name": "Anna Example", "email": f"a{number}@example.org", "postcode": CAN_SIGN}
    return client.post(SIGNATURES, json=body)


@pytest.mark.slow
def test_a_full_disk_answers_503_and_keeps_what_was_acknowledged(
    client: TestClient, lobby: Lobby
) -> None:
    fill_up(lobby)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: sign(client, number), range(250)))
    assert {answer.status_code for answer in answers} == {201, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["code"] == "database_unavailable"
    assert stored(lobby) == sum(answer.status_code == 201 for answer in answers)
    assert client.get(f"/v1/petitions/{PETITION}").status_code == 200, "reading goes on"


@pytest.mark.slow
def test_signing_goes_on_once_there_is_room_again(client: TestClient, lobby: Lobby) -> None:
    fill_up(lobby)
    while sign(client, stored(lobby)).status_code == 201:
        pass
    before = stored(lobby)
    limit_pages(lobby, LARGEST)
    assert sign(client, before).status_code == 201
    assert stored(lobby) == before + 1


@pytest.mark.slow
def test_a_page_asks_to_try_again_in_a_moment_while_the_disk_is_full(
    client: TestClient, lobby: Lobby
) -> None:
    fill_up(lobby)
    while sign(client, stored(lobby)).status_code == 201:
        pass
    page = pages.sign(client, email="bella@example.org")
    assert page.status_code == 503
    assert "retry-after" in page.headers
    assert "Please try again in a moment" in page.text
