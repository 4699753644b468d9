"""Tests static files, `robots.txt` and the icon: their addresses, and how long they are kept."""

import re
from urllib.robotparser import RobotFileParser

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.support.common import CAMPAIGN, PETITION
from tests.support.contract.every_route import every_route, path_to
from web.base.static_files import STATIC

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
FOR_EVER = "public, max-age=31536000, immutable"
SHORT = "public, max-age=300"
PAGES = ("/", f"/campaigns/{CAMPAIGN}", f"/embed/{PETITION}", f"/petitions/{PETITION}/embed")


def named_in(html: str) -> set[str]:
    return set(re.findall(r'(?:href|src)="(/static/[^"]+)"', html))


@pytest.mark.parametrize("path", [*PAGES, "/sign-in", "/nothing", "/embed/nothing"])
def test_pages_name_files_by_their_content_so_that_browsers_keep_them(
    client: TestClient, path: str
) -> None:
    files = named_in(client.get(path).text)
    assert files
    for file in files:
        name = re.fullmatch(r"/static/([\w-]+)\.[0-9a-f]{12}\.(css|js|svg|woff2)", file)
        assert name, file
        answer = client.get(file)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == FOR_EVER
        assert answer.content == (STATIC / f"{name[1]}.{name[2]}").read_bytes()


def test_a_plain_address_stays_and_is_kept_for_minutes(client: TestClient) -> None:
    for file in (file for file in STATIC.iterdir() if file.is_file()):
        answer = client.get(f"/static/{file.name}")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == SHORT
        assert answer.content == file.read_bytes()


def test_an_address_of_an_earlier_version_gets_the_file_of_now_for_minutes(
    client: TestClient,
) -> None:
    # Otherwise a page that a browser has kept would lose its style at an upgrade.
    answer = client.get("/static/lobby.0123456789ab.css")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == SHORT
    assert answer.content == (STATIC / "lobby.css").read_bytes()


def test_fonts_are_for_forms_in_sandboxed_frames_too(client: TestClient) -> None:
    fonts = [file for file in STATIC.iterdir() if file.suffix == ".woff2"]
    assert fonts
    for file in fonts:
        # The origin of a sandboxed frame is `null`, and fonts are always requested with CORS.
        answer = client.get(f"/static/{file.name}", headers={"Origin": "null"})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    sheet = client.get("/static/lobby.css", headers={"Origin": "null"})
    assert "Access-Control-Allow-Origin" not in sheet.headers


def test_the_style_sheet_names_its_fonts_by_their_content(client: TestClient) -> None:
    fonts = re.findall(r"url\((/static/[^)]+)\)", client.get("/static/lobby.css").text)
    assert len(fonts) == 2
    for font in fonts:
        assert client.get(font).headers["Cache-Control"] == FOR_EVER


def test_a_file_that_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    (file,) = (name for name in named_in(client.get("/").text) if name.endswith(".css"))
    tag = client.get(file).headers["ETag"]
    answer = client.get(file, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.headers["Cache-Control"]) == (304, FOR_EVER)


@pytest.mark.parametrize(
    "path",
    [
        "/static/nothing.css",
        "/static/nothing.0123456789ab.css",
        "/static/lobby.0123456789AB.css",
        "/static/lobby.0123456789ab.0123456789ab.css",
        "/static/..%2fbase%2frendering.py",
        "/static/",
        "/static",
    ],
)
def test_what_is_no_file_is_not_found_and_not_kept(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")


def test_the_widgets_script_keeps_its_address_and_a_short_life(client: TestClient) -> None:
    caching = client.get("/widget/v1.js").headers["Cache-Control"]
    assert caching.startswith("public, max-age=3600,")
    assert "immutable" not in caching


# ---- robots.txt


def robots(client: TestClient) -> RobotFileParser:
    answer = client.get("/robots.txt")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    parser = RobotFileParser()
    parser.parse(answer.text.splitlines())
    return parser


def test_robots_may_read_the_public_pages_and_nothing_with_a_token(client: TestClient) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    rules = robots(client)
    for path in (
        "/",
        f"/campaigns/{CAMPAIGN}",
        f"/campaigns/{CAMPAIGN}/mps",
        f"/petitions/{PETITION}",
        "/static/lobby.css",
    ):
        assert rules.can_fetch("*", path), path
    for method, template in every_route(app):
        path = path_to(template)
        is_closed = "{token}" in template or path.startswith(
            ("/organiser", "/api/", "/v1/", "/sign-in", "/sign-out", "/dev/")
        )
        if method == "GET" and is_closed:
            assert not rules.can_fetch("*", path), path


def test_robots_may_see_that_an_embedded_form_wants_no_index(client: TestClient) -> None:
    assert robots(client).can_fetch("*", f"/embed/{PETITION}")


# ---- the icon


def test_browsers_that_ask_for_the_icon_without_a_page_get_it(client: TestClient) -> None:
    answer = client.get("/favicon.ico")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/vnd.microsoft.icon"
    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.content[:6] == b"\x00\x00\x01\x00\x01\x00"  # an icon with one picture
    assert answer.content[22:30] == b"\x89PNG\r\n\x1a\n"
    assert len(answer.content) < 2000
