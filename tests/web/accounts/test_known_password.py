"""Tests that the demonstration's password, which everybody knows, works on this machine only."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from main import create_app
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.errors import Invalid
from services.organisations import organisations, organisers, passwords
from tests.support import pages
from tests.support.pages import Page, visible

LOOPBACK = "http://127.0.0.1:8000"
STRANGER = "203.0.113.5"
EMAIL = "second@example.org"


@pytest.fixture
def demonstration(lobby: Lobby) -> Lobby:
    """A lobby with an organiser who has the known password, as `lobby demo` makes one."""
    add_organiser(lobby, invented_campaign.about().organisation, EMAIL)
    return lobby


def add_organiser(
    lobby: Lobby, slug: str, email: str, password: str = invented_campaign.PASSWORD
) -> None:
    with lobby.database.write() as session:
        organisations.create_organiser(
            session,
            lobby.keyring,
            organisation=organisations.by_slug(session, slug),
            email=email,
            password=password,
            now=lobby.clock(),
        )


@contextmanager
def client_at(
    lobby: Lobby, address: str, *, base_url: str = LOOPBACK, host: str = LOOPBACK
) -> Iterator[TestClient]:
    """Yields a client at an IP address, behind what uvicorn puts in front of an application."""
    settings = lobby.settings.model_copy(update={"base_url": base_url})
    app: Any = ProxyHeadersMiddleware(
        create_app(settings, lobby=replace(lobby, settings=settings)),  # type: ignore[arg-type] # uvicorn's types are narrower
        trusted_hosts="127.0.0.1",
    )
    with TestClient(app, base_url=host, client=(address, 1234), follow_redirects=False) as client:
        yield client


def sign_in(client: TestClient, email: str = EMAIL, **headers: str) -> Page:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return pages.sign_in(client, invented_campaign.PASSWORD, email=email, headers=named)


def assert_refused(page: Page) -> None:
    assert page.status_code == 422
    assert "works only on the computer that runs it" in visible(page)
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"])
def test_the_known_password_works_on_this_machine(demonstration: Lobby, address: str) -> None:
    with client_at(demonstration, address) as client:
        assert sign_in(client).headers["Location"] == "/organiser"


@pytest.mark.parametrize("address", [STRANGER, "192.168.1.5", "2001:db8::1", "testclient"])
def test_the_known_password_is_refused_from_another_machine(
    demonstration: Lobby, address: str
) -> None:
    with client_at(demonstration, address) as client:
        assert_refused(sign_in(client))


def test_a_service_with_a_public_base_url_never_accepts_the_known_password(
    demonstration: Lobby,
) -> None:
    for base_url in ("https://lobby.example.org", "http://192.168.1.5:8000"):
        with client_at(demonstration, "127.0.0.1", base_url=base_url, host=base_url) as client:
            assert_refused(sign_in(client))


def test_a_client_behind_a_proxy_on_this_machine_is_no_client_on_this_machine(
    demonstration: Lobby,
) -> None:
    with client_at(demonstration, "127.0.0.1") as client:
        assert_refused(sign_in(client, x_forwarded_for=STRANGER))
        # An address that the client itself has sent, through a proxy that passes it on.
        assert_refused(sign_in(client, x_forwarded_for="127.0.0.1"))
        assert_refused(sign_in(client, x_real_ip=STRANGER))
        assert_refused(sign_in(client, forwarded=f"for={STRANGER}"))
        assert_refused(sign_in(client, via="1.1 proxy"))
    with client_at(demonstration, STRANGER) as client:
        assert_refused(sign_in(client, x_forwarded_for="127.0.0.1"))


def test_a_name_that_leads_to_this_machine_is_not_this_machine(demonstration: Lobby) -> None:
    with client_at(demonstration, "127.0.0.1", host="http://lobby.example.org") as client:
        answer = client.post("/sign-in", data={"email": EMAIL})
        assert answer.status_code == 421  # it names another host than the base URL


def test_the_refusal_says_nothing_to_somebody_with_a_wrong_password(demonstration: Lobby) -> None:
    with client_at(demonstration, STRANGER) as client:
        assert "do not fit together" in visible(sign_in(client, invented_campaign.ORGANISER))


def test_other_organisations_are_free_to_use_that_word(demonstration: Lobby) -> None:
    """It is too easy to guess for a new password, but one of an earlier version still signs in."""
    with demonstration.database.write() as session:
        organisations.create(session, name="Ours", slug="ours", now=demonstration.clock())
    with pytest.raises(Invalid, match="easy to guess"):
        add_organiser(demonstration, "ours", "anna@ours.example.org")
    add_organiser(demonstration, "ours", "anna@ours.example.org", "three unrelated words")
    with demonstration.database.write() as session:
        organiser = organisers.by_email(session, "anna@ours.example.org")
        organiser.password_hash = passwords.hashed(invented_campaign.PASSWORD)
    with client_at(demonstration, STRANGER) as client:
        assert sign_in(client, "anna@ours.example.org").status_code == 303
