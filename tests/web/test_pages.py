"""Tests rules for all pages."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from services.tallies import seat_table
from tests.support.common import CAMPAIGN, CAN_SIGN
from tests.support.pages import LETTER, LETTERS, MPS, SIGN, visible, without_own_script
from web.base import words

PUBLIC = (
    "/",
    f"/campaigns/{CAMPAIGN}",
    LETTER,
    MPS,
    f"{MPS}/900001",
    f"/campaigns/{CAMPAIGN}/constituencies/E14001409",
    "/my-mp",
    "/my-mp/E14001409",
    "/sign-in",
    "/forgotten",
)
FIRST_PACKETS = 10 * 1460  # bytes (RFC 6928)


@pytest.mark.parametrize("path", [*PUBLIC, "/nothing", f"/campaigns/{CAMPAIGN}/signed"])
def test_every_page_stands_on_its_own_feet(client: TestClient, path: str) -> None:
    page = client.get(path)
    html = page.text
    assert "This is a demonstration" in html
    assert html.count("<h1") == 1
    assert '<html lang="en-GB">' in html
    assert re.search(r"<title>.+ – (Central Lobby|Public Health Alliance.*)</title>", html)
    assert 'href="#main"' in html
    assert "Contains OS data © Crown copyright" in html
    assert not re.search(r"<script|<style| style=|\son\w+=", without_own_script(html))
    # Only links may name other addresses. The canonical link loads nothing.
    made_of = html.replace(f'<link rel="canonical" href="http://testserver{path}">', "")
    made_of = re.sub(
        r'<link rel="alternate" [^>]+\+oembed" href="http://testserver/.+', "", made_of
    )
    assert not re.search(r'<(?!a )[^>]*(src|href)="(https?:)?//', made_of)


@pytest.mark.parametrize("path", PUBLIC)
def test_every_field_has_a_label_and_every_id_is_its_own(client: TestClient, path: str) -> None:
    html = client.get(path).text
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    fields = re.findall(r"<(?:input|select|textarea)[^>]*>", html)
    for field in (field for field in fields if 'type="hidden"' not in field):
        match = re.search(r'id="([^"]+)"', field)
        assert match
        assert f'<label for="{match.group(1)}">' in html


@pytest.mark.parametrize("path", PUBLIC)
def test_a_page_and_its_sheet_are_light_enough_for_a_bad_connection(
    client: TestClient, path: str
) -> None:
    # As they are sent. A new connection carries ten packets before it waits for an answer.
    sizes = [
        int(client.get(address, headers={"Accept-Encoding": "gzip"}).headers["Content-Length"])
        for address in (path, "/static/lobby.css")
    ]
    assert sum(sizes) < FIRST_PACKETS


def test_a_page_that_is_posted_to_or_does_not_exist_answers_in_html(client: TestClient) -> None:
    assert client.get("/nothing").status_code == 404
    answer = client.post("/")
    assert answer.status_code == 405
    assert "text/html" in answer.headers["Content-Type"]
    assert "Please go back and try again" in visible(answer)


@pytest.mark.parametrize("path", [SIGN, LETTER, LETTERS, "/sign-in", "/forgotten"])
@pytest.mark.parametrize("typed", ["%00", "%ed%a0%80", "%ff", "=?", "%E2%80%AE", "x" * 16_000])
def test_nothing_that_can_be_typed_breaks_a_form(client: TestClient, path: str, typed: str) -> None:
    fields = (
        "name email postcode line1 line2 town subject body personal points password drafted_for"
    )
    content = "&".join(f"{name}={typed}" for name in fields.split())
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    token = re.search(r'name="form_token" value="(\w+)"', client.get(path).text)
    content += f"&form_token={token.group(1) if token else typed[:30]}"
    for sent in (content, content + f"&postcode={CAN_SIGN}&abroad=1&form_token={typed[:30]}"):
        assert client.post(path, content=sent, headers=form).status_code == 422
    assert client.post(path, files={"name": ("a.bin", b"\x00")}).status_code == 422


@pytest.mark.parametrize("path", [SIGN, LETTER, LETTERS, "/sign-in", "/forgotten"])
def test_a_form_that_is_far_too_long_gets_a_page_that_says_so(
    client: TestClient, path: str
) -> None:
    page = client.post(path, data={"name": "x" * 200_001})
    assert page.status_code == 413
    assert "That was too long" in visible(page)


def test_a_database_that_is_away_gets_a_page_that_says_when_to_try_again(
    client: TestClient,
) -> None:
    error = OperationalError("SELECT", {}, Exception("gone"))

    def fail() -> None:
        raise error

    app: Any = client.app
    app.add_api_route("/away", fail)
    page = client.get("/away")
    assert page.status_code == 503
    assert page.headers["Retry-After"] == "5"
    assert "Please try again in a moment" in visible(page)


def test_counts_and_times_read_as_they_are_said() -> None:
    late = datetime(2026, 11, 23, 22, 45, tzinfo=UTC)
    summer = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    assert words.moment(late) == "23 November 2026, 22:45"
    assert words.moment(summer) == "2 July 2026, 00:30"
    assert words.day(summer) == "2 July 2026"
    assert words.counted(1, "signature") == "1 signature"
    assert words.counted(1200, "signature") == "1,200 signatures"


def test_links_in_a_mail_are_clickable_and_nothing_else_is_markup() -> None:
    html = words.linked("<b>Open</b> http://a.example/?x=1&y=2 now")
    link = '<a href="http://a.example/?x=1&amp;y=2">http://a.example/?x=1&amp;y=2</a>'
    assert str(html) == f"&lt;b&gt;Open&lt;/b&gt; {link} now"
    assert "href" not in words.linked("javascript:alert(1)")


def test_every_order_that_the_form_offers_is_one_that_the_tally_knows() -> None:
    for order in words.SORTS:
        seat_table.TallyFilter(sort=order).apply(())
