"""Tests that organisers are known by their address, however its letters are written."""

import pytest
from pwdlib import PasswordHash

from models import Organiser, Private
from services.assembly import Lobby
from services.common import texts
from services.demonstration import invented_campaign
from services.errors import Conflict, Unauthenticated
from services.organisations import organisations
from tests.support.common import ORGANISERS_PASSWORD

PASSWORD = "a password of a test"
ADDRESS = "Anna.Example@example.org"


def create(lobby: Lobby, email: str, password: str = PASSWORD) -> None:
    with lobby.database.write() as session:
        organisations.create_organiser(
            session,
            lobby.keyring,
            organisation=organisations.by_slug(session, invented_campaign.about().organisation),
            email=email,
            password=password,
            now=lobby.clock(),
        )


def sign_in(lobby: Lobby, email: str, password: str = PASSWORD) -> str:
    with lobby.database.read() as session:
        organiser = organisations.sign_in(session, lobby.keyring, email=email, password=password)
        return str(organiser.email.text)


def with_earlier_index(lobby: Lobby, email: str) -> None:
    """Stores an organiser as earlier versions did: capitals made another index."""
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        session.add(
            Organiser(
                organisation_id=owner.id,
                email=Private(owner.id, email),
                email_index=lobby.keyring.everywhere_index(texts.canonical_email(email)),
                password_hash=PasswordHash.recommended().hash(PASSWORD),
                created_at=lobby.clock(),
            )
        )


@pytest.mark.parametrize("email", [ADDRESS, ADDRESS.lower(), ADDRESS.upper()])
def test_there_is_one_organiser_whatever_the_case_of_the_address(lobby: Lobby, email: str) -> None:
    create(lobby, ADDRESS)
    with pytest.raises(Conflict, match="already"):
        create(lobby, email)
    assert sign_in(lobby, email) == ADDRESS


def test_another_address_or_password_is_still_another(lobby: Lobby) -> None:
    create(lobby, ADDRESS)
    for email, password in ((ADDRESS, PASSWORD.upper()), ("annaexample@example.org", PASSWORD)):
        with pytest.raises(Unauthenticated):
            sign_in(lobby, email, password)


@pytest.mark.slow
def test_an_organiser_of_an_earlier_version_signs_in_and_is_not_created_again(
    lobby: Lobby,
) -> None:
    with_earlier_index(lobby, ADDRESS)
    assert sign_in(lobby, ADDRESS) == ADDRESS
    for email in (ADDRESS.lower(), ADDRESS):
        with pytest.raises(Conflict, match="already"):
            create(lobby, email)


@pytest.mark.slow
def test_an_upgrade_lets_organisers_of_an_earlier_version_sign_in_in_any_case(
    lobby: Lobby,
) -> None:
    with_earlier_index(lobby, ADDRESS)
    for _ in range(2):
        with lobby.database.write() as session:
            organisations.fold_addresses(session, lobby.keyring)
    assert sign_in(lobby, ADDRESS.lower()) == ADDRESS
    assert sign_in(lobby, invented_campaign.ORGANISER.upper(), ORGANISERS_PASSWORD)


@pytest.mark.slow
def test_two_organisers_of_an_earlier_version_that_differ_in_case_both_stay(lobby: Lobby) -> None:
    first, second = ADDRESS, ADDRESS.lower()
    with_earlier_index(lobby, first)
    with_earlier_index(lobby, second)
    with lobby.database.write() as session:
        organisations.fold_addresses(session, lobby.keyring)
    assert [sign_in(lobby, email) for email in (first, second)] == [first, second]
