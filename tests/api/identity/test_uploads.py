"""Tests uploads through the API, and how pictures are served."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import func, select

from api.front.body_limits import LARGEST_PICTURE
from models import CampaignStatus, Picture, PictureFile, Scope
from services.assembly import Lobby
from services.pictures import cutting
from tests.support.common import CAMPAIGN
from tests.support.keys import add_campaign, key_for, others_key
from tests.support.outside import pictures
from tests.support.problems import assert_problem

PICTURE, LOGO = f"/v1/campaigns/{CAMPAIGN}/picture", "/v1/organisation/logo"
WORDS = {"alt": "A ward at night", "credit": "Photo: Anna Example"}
FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def key(lobby: Lobby) -> dict[str, str]:
    return key_for(lobby, Scope.CAMPAIGNS_WRITE)


def put(client: TestClient, key: dict[str, str], content: bytes, **words: str) -> Any:
    return client.put(PICTURE, content=content, params={**WORDS, **words}, headers=key)


def path_of(address: str) -> str:
    return address.removeprefix("http://testserver")


def stored(lobby: Lobby) -> list[str]:
    with lobby.database.read() as session:
        return sorted(session.exec(select(PictureFile.digest)))


@pytest.mark.slow
def test_a_photograph_becomes_the_picture_of_a_campaign(
    client: TestClient, key: dict[str, str]
) -> None:
    answer = put(client, key, pictures.photograph(orientation=1))
    assert answer.status_code == 200
    body = answer.json()
    assert {name: body[name] for name in WORDS} == WORDS
    assert [(file["width"], file["height"]) for file in body["files"]] == [
        (390, 219),
        (780, 439),
        (1560, 878),
    ]
    for file in body["files"]:
        served = client.get(path_of(file["address"]))
        assert len(served.content) == file["size"]
        assert b"garden" not in served.content
        assert b"Exif" not in served.content


@pytest.mark.slow
def test_a_file_is_served_for_ever_and_under_its_digest_alone(
    client: TestClient, key: dict[str, str]
) -> None:
    address = path_of(put(client, key, pictures.png()).json()["files"][0]["address"])
    served = client.get(address)
    assert served.status_code == 200
    assert served.headers["content-type"] == "image/webp"
    assert served.headers["cache-control"] == FOR_EVER
    assert served.headers["x-content-type-options"] == "nosniff"
    assert served.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "content-encoding" not in served.headers, "WebP is packed already"
    tag = served.headers["etag"]
    again = client.get(address, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    head = client.head(address)
    assert (head.status_code, head.content) == (200, b"")
    digest = address.rpartition("/")[2]
    for wrong in (digest.upper(), digest[:-1], f"{digest}0", "0" * 64, "%00", "..%2Flobby.css"):
        missing = client.get(f"/pictures/{wrong}")
        assert missing.status_code == 404, wrong
        assert "immutable" not in missing.headers.get("cache-control", "")


@pytest.mark.slow
def test_a_new_picture_takes_the_old_one_out_of_the_public(
    client: TestClient, lobby: Lobby, key: dict[str, str]
) -> None:
    before = stored(lobby)
    first = put(client, key, pictures.png()).json()["files"]
    second = put(client, key, pictures.photograph()).json()["files"]
    assert [client.get(path_of(file["address"])).status_code for file in first] == [404] * 3
    assert [client.get(path_of(file["address"])).status_code for file in second] == [200] * 2
    assert len(stored(lobby)) == len(before) - 1
    assert client.delete(PICTURE, headers=key).status_code == 204
    assert client.get(path_of(second[0]["address"])).status_code == 404
    assert client.delete(PICTURE, headers=key).status_code == 204, "deleting twice does no harm"
    assert len(stored(lobby)) == 1, "the logo"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (pictures.SVG, "picture_kind"),
        (pictures.GIF, "picture_kind"),
        (b"", "picture_kind"),
        (pictures.bomb(), "picture_too_many_pixels"),
        (pictures.animation("WEBP"), "picture_animated"),
        (pictures.png()[:2000], "picture_damaged"),
    ],
    ids=["svg", "gif", "empty", "bomb", "animated", "truncated"],
)
def test_a_refused_file_names_its_field_and_changes_nothing(
    client: TestClient, lobby: Lobby, key: dict[str, str], content: bytes, code: str
) -> None:
    before = stored(lobby)
    # Whatever the sender calls it.
    named = key | {"Content-Type": "image/png"}
    assert_problem(put(client, named, content), 422, code, "picture")
    assert_problem(client.put(LOGO, content=content, headers=named), 422, code, "logo")
    assert stored(lobby) == before


@pytest.mark.parametrize("alt", [None, "", "  ", "x" * 301, "a\x00b", "=?utf-8?q?x?="])
def test_a_picture_without_good_words_is_refused_before_it_is_read(
    client: TestClient, lobby: Lobby, key: dict[str, str], alt: str | None
) -> None:
    before, params = stored(lobby), {} if alt is None else {"alt": alt}
    answer = client.put(PICTURE, content=pictures.png(), params=params, headers=key)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["alt"]
    assert stored(lobby) == before


def test_nobody_else_changes_a_picture_or_a_logo(client: TestClient, lobby: Lobby) -> None:
    before = stored(lobby)
    others = others_key(lobby, Scope.CAMPAIGNS_WRITE)
    reader = key_for(lobby, Scope.TALLIES_READ)
    content = pictures.png(400, 225)
    assert_problem(put(client, others, content), 404, "campaign_unknown")
    assert_problem(client.delete(PICTURE, headers=others), 404, "campaign_unknown")
    for call in (client.put, client.delete):
        assert_problem(call(PICTURE, params=WORDS), 401, "key_missing")
        assert_problem(call(LOGO), 401, "key_missing")
        assert_problem(call(PICTURE, params=WORDS, headers=reader), 403, "scope_missing")
        assert_problem(call(LOGO, headers=reader), 403, "scope_missing")
    assert client.put(LOGO, content=content, headers=others).status_code == 200
    assert client.delete(LOGO, headers=others).status_code == 204
    assert stored(lobby) == before, "their own logo only"


def test_a_body_of_ten_megabytes_is_read_and_a_larger_one_is_not(
    client: TestClient, key: dict[str, str]
) -> None:
    padded = pictures.png(400, 225)
    padded += bytes(LARGEST_PICTURE - len(padded))  # behind its end, where nobody looks
    assert put(client, key, padded).status_code == 200
    assert_problem(put(client, key, padded + b"\0"), 413, "http")
    assert cutting.LARGEST_FILE == LARGEST_PICTURE


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_of_forty_megabytes_no_more_than_ten_are_read(
    client: TestClient, key: dict[str, str]
) -> None:
    parts = iter([bytes(65_536)] * 640)
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": next(parts, b""), "more_body": True}

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PUT",
        "path": PICTURE,
        "raw_path": PICTURE.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"alt=A",
        "headers": [
            (b"host", b"testserver"),
            (b"authorization", key["Authorization"].encode()),
        ],
        "client": ("127.0.0.1", 50_000),
        "server": ("testserver", 80),
        "state": {},
    }
    app: Any = client.app
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert taken <= LARGEST_PICTURE // 65_536 + 1


@pytest.mark.slow
def test_two_uploads_at_once_leave_one_picture_whole(
    client: TestClient, lobby: Lobby, key: dict[str, str]
) -> None:
    both = (pictures.png(800, 450), pictures.photograph(orientation=1))
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda content: put(client, key, content), both))
    assert [answer.status_code for answer in answers] == [200, 200]
    written = [{file["address"].rpartition("/")[2] for file in a.json()["files"]} for a in answers]
    with lobby.database.read() as session:
        assert session.exec(select(func.count()).select_from(Picture)).one() == 2
        logo = session.exec(select(PictureFile.digest).where(PictureFile.width == 144)).one()
    assert set(stored(lobby)) - {logo} in written


def test_a_draft_has_a_picture_too(client: TestClient, lobby: Lobby, key: dict[str, str]) -> None:
    add_campaign(lobby, "later", status=CampaignStatus.DRAFT)
    path = "/v1/campaigns/later/picture"
    content = pictures.png(400, 225)
    assert client.put(path, content=content, params=WORDS, headers=key).status_code == 200


def each_part(content: bytes, size: int = 65_536) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def test_a_file_may_come_in_parts(client: TestClient, key: dict[str, str]) -> None:
    content = each_part(pictures.photograph())
    assert client.put(PICTURE, content=content, params=WORDS, headers=key).status_code == 200
