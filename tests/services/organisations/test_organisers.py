"""Tests organisers: looking them up, their passwords, and how they leave."""

import threading

import pytest
from sqlmodel import Session, select

from models import Organiser, WebhookEndpoint, WebhookEvent
from services.accounts import sessions
from services.assembly import Lobby
from services.database.engine import Database
from services.demonstration import invented_campaign
from services.errors import Conflict, Forbidden, Invalid, LobbyError, NotFound, Unauthenticated
from services.organisations import organisations, organisers
from services.webhooks import endpoints, responsible
from services.webhooks.endpoints import NewWebhook

ANNA = invented_campaign.ORGANISER
BEN = "ben@example.org"
PASSWORD = "a password of Ben"


@pytest.fixture
def lobby_of_two(lobby: Lobby) -> Lobby:
    """A lobby whose organisation has two organisers."""
    add(lobby, BEN)
    return lobby


def add(lobby: Lobby, email: str, *, slug: str | None = None) -> None:
    with lobby.database.write() as session:
        organisations.create_organiser(
            session,
            lobby.keyring,
            organisation=organisations.by_slug(
                session, slug or invented_campaign.about().organisation
            ),
            email=email,
            password=PASSWORD,
            now=lobby.clock(),
        )


def add_webhook(lobby: Lobby, email: str) -> None:
    with lobby.database.write() as session:
        endpoints.create(
            session,
            NewWebhook("https://hooks.example.org/in", [WebhookEvent.LETTER_SENT]),
            organisers.by_email(session, email),
            to_loopback=False,
            now=lobby.clock(),
        )


def leave(session: Session, email: str) -> None:
    organiser = organisers.by_email(session, email)
    organisers.require_another_owner(session, organiser)
    organisers.delete(session, organiser)


@pytest.mark.parametrize("email", [ANNA, ANNA.upper(), ANNA.title(), f" {ANNA} "])
def test_an_organiser_is_found_whatever_the_case(lobby: Lobby, email: str) -> None:
    with lobby.database.read() as session:
        assert organisers.by_email(session, email).email.text == ANNA


def test_an_address_of_nobody_and_none_at_all_are_told(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        with pytest.raises(NotFound, match=r"^There is no organiser x@example\.org\.$"):
            organisers.by_email(session, "x@example.org")
        with pytest.raises(Invalid):
            organisers.by_email(session, "nonsense")


def test_of_two_that_differ_by_case_only_the_exact_one_is_meant(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        anna = organisers.by_email(session, ANNA)
        values = anna.model_dump(exclude={"id", "email", "email_index"})
        upper = ANNA.capitalize()
        email = type(anna.email)(anna.organisation_id, upper)
        session.add(Organiser(**values, email=email, email_index=b"another"))
    with lobby.database.read() as session:
        for exact in (ANNA, upper):
            assert organisers.by_email(session, exact).email.text == exact
        with pytest.raises(Conflict, match=r"There are .* and .*: give one of them exactly"):
            organisers.by_email(session, ANNA.upper())


def test_a_new_password_replaces_the_old_one(lobby_of_two: Lobby) -> None:
    with lobby_of_two.database.write() as session:
        organisers.set_password(session, organisers.by_email(session, BEN), "another of his own")
    with lobby_of_two.database.read() as session:
        ring = lobby_of_two.keyring
        organisations.sign_in(session, ring, email=BEN, password="another of his own")
        with pytest.raises(Unauthenticated):
            organisations.sign_in(session, ring, email=BEN, password=PASSWORD)


def test_an_organiser_who_leaves_has_no_session_any_more(lobby_of_two: Lobby) -> None:
    lobby = lobby_of_two
    with lobby.database.write() as session:
        ben = organisers.by_email(session, BEN)
        token = sessions.begin(session, ben, device="Firefox", now=lobby.clock())
        assert sessions.of_token(session, token, now=lobby.clock()) is not None
        leave(session, BEN)
    with lobby.database.read() as session:
        assert sessions.of_token(session, token, now=lobby.clock()) is None


def test_webhooks_pass_to_a_colleague_and_go_on(lobby_of_two: Lobby) -> None:
    lobby = lobby_of_two
    add_webhook(lobby, BEN)
    with lobby.database.write() as session:
        ben, anna = (organisers.by_email(session, email) for email in (BEN, ANNA))
        assert len(responsible.of_organiser(session, ben)) == 1
        responsible.hand_over(session, ben, successor=anna, now=lobby.clock())
        leave(session, BEN)
    with lobby.database.read() as session:
        endpoint = session.exec(select(WebhookEndpoint)).one()
        assert (endpoint.organiser_id, endpoint.disabled_at) == (anna.id, None)


def test_webhooks_pass_to_nobody_of_another_organisation(lobby_of_two: Lobby) -> None:
    lobby = lobby_of_two
    add_webhook(lobby, BEN)
    with lobby.database.write() as session:
        organisations.create(session, name="Others", slug="others", now=lobby.clock())
    add(lobby, "them@example.org", slug="others")
    with lobby.database.write() as session:
        ben, them = (organisers.by_email(session, email) for email in (BEN, "them@example.org"))
        with pytest.raises(Forbidden):
            responsible.hand_over(session, ben, successor=them, now=lobby.clock())
        assert len(responsible.of_organiser(session, ben)) == 1


def test_two_who_leave_at_the_same_time_leave_one_behind(
    lobby_of_two: Lobby, second_database: Database
) -> None:
    errors: list[LobbyError] = []
    together = threading.Barrier(2)

    def run(database: Database, email: str) -> None:
        together.wait(timeout=30)
        try:
            with database.write() as session:
                leave(session, email)
        except LobbyError as error:
            errors.append(error)

    threads = [
        threading.Thread(target=run, args=(database, email))
        for database, email in ((lobby_of_two.database, ANNA), (second_database, BEN))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [error.code for error in errors] == ["last_owner"]
    with lobby_of_two.database.read() as session:
        assert len(session.exec(select(Organiser)).all()) == 1
