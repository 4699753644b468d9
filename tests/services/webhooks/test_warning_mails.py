"""Tests emails to organisers about webhooks that were disabled or have failed for a day."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlmodel import col, select

import worker
from models import (
    ApiKey,
    DeadAddress,
    DisabledReason,
    MessageKind,
    MessageState,
    Organiser,
    OutboxMessage,
    Role,
    Scope,
    WebhookEndpoint,
)
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.organisations import organisations
from services.webhooks import warning_mails
from tests.support import desk
from tests.support.common import Clock, Mailbox, text_of, types_of
from tests.support.keys import Headers, key_for, others_key
from tests.support.outside.webhook_receiver import (
    GO_ON,
    Answer,
    Receiver,
    deliver,
    endpoint_of,
    to_loopback,
)
from tests.support.pages import sign_in
from tests.support.webhooks import (
    ANNA,
    CONFIRMED,
    HOOKS,
    change_webhook,
    create_webhook,
    sign_and_confirm,
)

Mails = Callable[[], list[EmailMessage]]
SECRET = "5ecre7"
SECOND = "bertha@campaign.example.org"
BAD = Answer(500)


@pytest.fixture
def lobby(lobby: Lobby) -> Lobby:
    """A lobby that may send webhooks to a receiver on loopback."""
    return to_loopback(lobby)


@pytest.fixture
def key(lobby: Lobby) -> Headers:
    return key_for(lobby, Scope.WEBHOOKS_WRITE)


@pytest.fixture
def mails(lobby: Lobby) -> Mails:
    """Returns a function that delivers due emails and returns the new ones to organisers."""
    deliver_all = Mailbox(lobby).deliver
    deliver_all()
    return lambda: [mail for mail in deliver_all() if "webhook" in str(mail["Subject"])]


@pytest.fixture
def made(client: TestClient, key: Headers, receiver: Receiver) -> Any:
    """An endpoint with a secret in its URL."""
    return create_webhook(client, key, f"{receiver.url}/{SECRET}", description="Our CRM")


def add_organiser(lobby: Lobby, email: str = SECOND, slug: str | None = None) -> None:
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, slug or invented_campaign.about().organisation)
        organisations.create_organiser(
            session,
            lobby.keyring,
            organisation=owner,
            email=email,
            password="a long password",
            now=lobby.clock(),
        )


def fail_deliveries(lobby: Lobby, receiver: Receiver, clock: Clock, **after: float) -> None:
    """Advances the clock and makes the due deliveries fail."""
    clock.advance(**after)
    receiver.answers[:] = [BAD]
    worker.deliver_webhooks(lobby, GO_ON)
    receiver.answers.clear()


def stop_endpoint(lobby: Lobby, receiver: Receiver) -> None:
    receiver.answers[:] = [Answer(410)]
    assert deliver(lobby) == 1


def notes(lobby: Lobby) -> list[OutboxMessage]:
    """Returns all queued emails about webhooks."""
    with lobby.database.read() as session:
        about = col(OutboxMessage.kind).in_(warning_mails.KINDS)
        return list(
            session.exec(select(OutboxMessage).where(about).order_by(col(OutboxMessage.id)))
        )


def revoke_key(lobby: Lobby, key: Headers) -> None:
    with lobby.database.write() as session:
        prefix = key["Authorization"].split("_")[1]
        api_key = session.exec(select(ApiKey).where(ApiKey.prefix == prefix)).one()
        api_key.revoked_at = lobby.clock()
    worker.clean_up_webhooks(lobby, GO_ON)


# ---- disabled endpoints


def test_every_owner_is_told_of_one_that_is_gone_and_how_to_go_on(
    lobby: Lobby, made: Any, receiver: Receiver, mails: Mails
) -> None:
    add_organiser(lobby)
    sign_and_confirm(lobby, ANNA, replace(ANNA, email="bertha@example.org"))
    stop_endpoint(lobby, receiver)
    new_mails = mails()
    assert {str(mail["To"]) for mail in new_mails} == {invented_campaign.ORGANISER, SECOND}
    for mail in new_mails:
        assert mail["Subject"] == "Your webhook to 127.0.0.1 has stopped"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["List-Unsubscribe"] is None
        text = " ".join(text_of(mail).split())
        assert "We disabled the webhook of Public Health Alliance" in text
        assert 'to 127.0.0.1 ("Our CRM") on 1 July 2026, 13:00.' in text
        assert "The endpoint answered 410 (gone)" in text
        assert "1 delivery is waiting. If you enable the webhook, we'll send those" in text
        assert "other webhooks" not in text
        assert "Ask the people who run the endpoint" in text
        assert types_of(mail) == ["text/plain", "text/html"]
        assert mail["Reply-To"] is None, "the organisation would answer itself"
        assert f"http://testserver/organiser/webhooks/{made['id']}" in text
        assert SECRET not in mail.as_string()


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_nobody_but_owners_gets_an_email_about_webhooks(
    lobby: Lobby, made: Any, receiver: Receiver, mails: Mails, role: Role
) -> None:
    desk.add_organiser(lobby, role, email=SECOND)
    sign_and_confirm(lobby)
    stop_endpoint(lobby, receiver)
    assert [str(mail["To"]) for mail in mails()] == [invented_campaign.ORGANISER]


def test_an_owner_who_becomes_an_editor_meanwhile_gets_no_email(
    lobby: Lobby, made: Any, receiver: Receiver, mails: Mails
) -> None:
    organiser = desk.add_organiser(lobby, Role.OWNER, email=SECOND)
    sign_and_confirm(lobby)
    stop_endpoint(lobby, receiver)
    with lobby.database.write() as session:
        session.get_one(Organiser, organiser.id).role = Role.EDITOR
    assert [str(mail["To"]) for mail in mails()] == [invented_campaign.ORGANISER]


def test_the_link_leads_to_the_page_that_enables_it(
    lobby: Lobby, client: TestClient, made: Any, receiver: Receiver, mails: Mails
) -> None:
    sign_and_confirm(lobby)
    stop_endpoint(lobby, receiver)
    (mail,) = mails()
    (link,) = [line for line in text_of(mail).split() if line.startswith("http")]
    sign_in(client)
    path = link.removeprefix("http://testserver")
    assert client.get(path).status_code == 200
    assert client.post(f"{path}/enable").status_code == 303
    assert endpoint_of(lobby, made["id"]).disabled_at is None


@pytest.mark.slow
def test_one_that_fails_is_warned_of_after_a_day_and_told_of_after_three(
    lobby: Lobby, made: Any, receiver: Receiver, clock: Clock, mails: Mails
) -> None:
    sign_and_confirm(lobby)
    fail_deliveries(lobby, receiver, clock)
    for _ in range(5):
        fail_deliveries(lobby, receiver, clock, hours=4)
    assert mails() == []
    fail_deliveries(lobby, receiver, clock, hours=12)
    (warning,) = mails()
    assert warning["Subject"] == "Your webhook to 127.0.0.1 is failing"
    text = " ".join(text_of(warning).split())
    assert "has been failing since 1 July 2026, 13:00. No delivery" in text
    assert "1 delivery is waiting." in text
    assert f"/organiser/webhooks/{made['id']}" in text
    assert SECRET not in warning.as_string()
    for _ in range(2):
        fail_deliveries(lobby, receiver, clock, hours=18)
    assert mails() == [], "one warning, as long as it fails"
    sign_and_confirm(lobby, replace(ANNA, email="bertha@example.org"))
    fail_deliveries(lobby, receiver, clock, hours=25)
    (stopped,) = mails()
    assert stopped["Subject"] == "Your webhook to 127.0.0.1 has stopped"
    assert "No delivery had succeeded for three days." in " ".join(text_of(stopped).split())


def test_one_mail_tells_of_all_that_the_end_of_a_key_stopped(
    lobby: Lobby, client: TestClient, key: Headers, receiver: Receiver, mails: Mails
) -> None:
    for _ in range(3):
        create_webhook(client, key, receiver.url)
    other = key_for(lobby, Scope.WEBHOOKS_WRITE)
    theirs = others_key(lobby, Scope.WEBHOOKS_WRITE)
    create_webhook(client, other, receiver.url)
    create_webhook(client, theirs, receiver.url)
    revoke_key(lobby, key)
    revoke_key(lobby, theirs)
    (mail,) = mails()
    text = " ".join(text_of(mail).split())
    assert "The API key that it belonged to has expired or was revoked." in text
    assert "2 of your other webhooks have stopped too." in text
    assert "No deliveries are waiting." in text
    worker.clean_up_webhooks(lobby, GO_ON)
    assert mails() == [], "once"
    revoke_key(lobby, other)
    (mail,) = mails()
    assert "3 of your other webhooks have stopped too." in text_of(mail)


def test_nobody_is_told_of_what_somebody_disabled(
    lobby: Lobby, client: TestClient, key: Headers, made: Any, mails: Mails
) -> None:
    change_webhook(client, key, made, enabled=False)
    assert (mails(), notes(lobby)) == ([], [])


def test_another_organisations_organisers_are_told_nothing(
    lobby: Lobby, made: Any, receiver: Receiver, mails: Mails
) -> None:
    others_key(lobby, Scope.WEBHOOKS_WRITE)
    add_organiser(lobby, "them@example.net", "others")
    sign_and_confirm(lobby)
    stop_endpoint(lobby, receiver)
    assert [str(mail["To"]) for mail in mails()] == [invented_campaign.ORGANISER]


# ---- limits on emails


@pytest.mark.slow
def test_one_that_flaps_sends_a_mail_a_day_at_most(
    lobby: Lobby,
    client: TestClient,
    key: Headers,
    made: Any,
    receiver: Receiver,
    clock: Clock,
    mails: Mails,
) -> None:
    """The endpoint is disabled and enabled again every hour for two and a half days."""
    sent = []
    for number in range(60):
        sign_and_confirm(lobby, replace(ANNA, email=f"p{number}@example.org"))
        stop_endpoint(lobby, receiver)
        sent += [clock.now] * len(mails())
        clock.advance(minutes=30)
        sent += [clock.now] * len(mails())
        change_webhook(client, key, made, enabled=True)
        clock.advance(minutes=30)
        mails()
    assert len(sent) == 3
    assert all(later - earlier >= timedelta(days=1) for earlier, later in pairwise(sent))


def test_more_stops_within_a_day_are_told_of_once_when_the_day_is_over(
    lobby: Lobby,
    client: TestClient,
    key: Headers,
    made: Any,
    receiver: Receiver,
    clock: Clock,
    mails: Mails,
) -> None:
    sign_and_confirm(lobby, *(replace(ANNA, email=f"p{number}@example.org") for number in range(3)))
    stop_endpoint(lobby, receiver)
    assert len(mails()) == 1
    for _ in range(2):
        clock.advance(hours=1)
        change_webhook(client, key, made, enabled=True)
        stop_endpoint(lobby, receiver)
        assert mails() == []
    clock.advance(hours=22)
    (mail,) = mails()
    assert "on 1 July 2026, 15:00." in text_of(mail)


@pytest.mark.parametrize("meanwhile", ["enabled", "disabled", "deleted", "organiser"])
def test_a_mail_that_has_lost_its_purpose_does_not_go(
    lobby: Lobby,
    client: TestClient,
    key: Headers,
    made: Any,
    receiver: Receiver,
    mails: Mails,
    meanwhile: str,
) -> None:
    sign_and_confirm(lobby)
    stop_endpoint(lobby, receiver)
    if meanwhile == "enabled":
        change_webhook(client, key, made, enabled=True)
    if meanwhile == "disabled":
        change_webhook(client, key, made, enabled=True)
        change_webhook(client, key, made, enabled=False)
    if meanwhile == "deleted":
        client.delete(f"{HOOKS}/{made['id']}", headers=key)
    if meanwhile == "organiser":
        with lobby.database.write() as session:
            session.delete(session.exec(select(Organiser)).one())
    assert mails() == []
    assert [note.state for note in notes(lobby)] == [MessageState.DROPPED]


def test_a_warning_that_comes_too_late_does_not_go(
    lobby: Lobby, made: Any, receiver: Receiver, clock: Clock, mails: Mails
) -> None:
    sign_and_confirm(lobby)
    fail_deliveries(lobby, receiver, clock)
    fail_deliveries(lobby, receiver, clock, hours=25)
    (note,) = notes(lobby)
    assert note.kind is MessageKind.WEBHOOK_FAILING
    clock.advance(minutes=45)
    assert deliver(lobby) == 1
    assert mails() == []


def test_after_it_was_well_a_webhook_is_warned_of_anew(
    lobby: Lobby, made: Any, receiver: Receiver, clock: Clock, mails: Mails
) -> None:
    sign_and_confirm(lobby)
    for _ in range(2):
        fail_deliveries(lobby, receiver, clock, hours=1)
        fail_deliveries(lobby, receiver, clock, hours=25)
        assert len(mails()) == 1
        clock.advance(hours=20)
        assert deliver(lobby) == 1
        sign_and_confirm(lobby, replace(ANNA, email=f"{clock.now:%d}@example.org"))


def test_a_mail_is_queued_in_the_transaction_that_disables(
    lobby: Lobby, made: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either both are committed or neither is."""
    sign_and_confirm(lobby)
    receiver.answers[:] = [Answer(410)]

    class Broken(RuntimeError):
        pass

    def break_down(*_: Any, **__: Any) -> None:
        raise Broken

    with monkeypatch.context() as patched:
        patched.setattr("services.webhooks.stops.hold", break_down)
        worker.deliver_webhooks(lobby, GO_ON)
    assert endpoint_of(lobby, made["id"]).disabled_at is None
    assert notes(lobby) == []


def test_no_mail_goes_to_an_organiser_whose_address_is_dead(
    lobby: Lobby, made: Any, receiver: Receiver, mails: Mails
) -> None:
    with lobby.database.write() as session:
        index = session.exec(select(Organiser.email_index)).one()
        session.add(DeadAddress(address_index=index, detail="550 5.1.1", found_at=lobby.clock()))
    sign_and_confirm(lobby)
    stop_endpoint(lobby, receiver)
    assert (mails(), notes(lobby)) == ([], [])


def test_a_webhook_of_an_organiser_is_told_of_as_well(
    lobby: Lobby, made: Any, receiver: Receiver, mails: Mails
) -> None:
    with lobby.database.write() as session:
        endpoint = session.get_one(WebhookEndpoint, UUID(made["id"]))
        endpoint.api_key_id, endpoint.organiser_id = None, session.exec(select(Organiser.id)).one()
    sign_and_confirm(lobby)
    stop_endpoint(lobby, receiver)
    assert len(mails()) == 1
    assert endpoint_of(lobby, made["id"]).disabled_reason is DisabledReason.GONE
    assert CONFIRMED in made["events"]
