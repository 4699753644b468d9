"""Tests the link with which `lobby serve` lets the first owner set up an installation."""

import re

import httpx2
import pytest

from tests.support.cli import Cli, free_port, status_of, until
from tests.support.pages import hidden

pytestmark = pytest.mark.slow

LINK = re.compile(r"http://127\.0\.0\.1:(\d+)/set-up/(\S+)")
FIRST = {
    "name": "Our Union",
    "slug": "our-union",
    "email": "anna@union.example.org",
    "password": "seven quiet otters",
}


def test_serving_nothing_yet_prints_a_link_that_makes_the_first_owner(cli: Cli) -> None:
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    with cli.running("serve", "--port", str(port)) as server:
        until(lambda: status_of(port) == 200, server)
        found = next(match for line in server.stderr if (match := LINK.search(line)))
        assert found.group(1) == str(port)
        path, token = f"{site}/set-up/{found.group(2)}", found.group(2)
        with httpx2.Client() as browser:
            page = browser.get(path)
            form = FIRST | {"form_token": hidden(page, "form_token")}
            done = browser.post(path, data=form)
            assert (done.status_code, done.headers["Location"]) == (303, "/organiser")
            assert browser.get(path).status_code == 404
        server.terminate()
        rest = server.communicate(timeout=30)[1]
    assert token not in rest, "no entry of the log has the token"
    assert "/set-up/{token}" in rest, "but the requests are logged"
    listed = cli("organiser", "list", "--organisation", "our-union").stdout
    assert listed.startswith(f"{FIRST['email']}\t")


def test_serving_an_organisation_prints_no_link(demo: Cli) -> None:
    port = free_port()
    with demo.running("serve", "--port", str(port)) as server:
        until(lambda: status_of(port) == 200, server)
        server.terminate()
        shown = server.communicate(timeout=30)[1]
    assert "set-up" not in shown
