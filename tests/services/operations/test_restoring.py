"""Tests what a restored database may still send. `test_cli_backups.py` tests the command."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import Session, col, select

import worker
from models import (
    Campaign,
    DeliveryState,
    Letter,
    LetterState,
    MessageKind,
    MessageState,
    OutboxMessage,
    Scope,
    Submission,
    SubmissionState,
    WebhookDelivery,
)
from models.base import table_of
from services.assembly import Lobby
from services.letters import letter_queue, uncertain
from services.letters.uncertain import LogPeriod
from services.mail.pacing import AT_ONCE
from services.mail.relay_logs import RelayLog
from services.operations import restoring
from services.operations.restoring import REASON, Settled
from services.signatures.recording import SignatureRequest
from tests.support.common import CAN_SIGN, PETITION, Clock, Mailbox
from tests.support.keys import Headers, key_for
from tests.support.letters import letters_of, put_into_state, sent_in_tally, uncertain_letter
from tests.support.mail import write_letter
from tests.support.signatures import confirm, record, sign_and_sort
from tests.support.webhooks import HOOKS, create_webhook, sign_and_confirm

NEWEST = datetime(2026, 6, 30, 8, 0, tzinfo=UTC)
ANNA = SignatureRequest(PETITION, "Anna", "anna@example.org", CAN_SIGN)
BELLA = SignatureRequest(PETITION, "Bella", "bella@example.org", CAN_SIGN)
WAITING = (
    MessageState.QUEUED,
    MessageState.CLAIMED,
    MessageState.DOT_PENDING,
    MessageState.DEFERRED,
)


@pytest.fixture
def webhooks(lobby: Lobby) -> Headers:
    """Returns the headers of a key that may create webhooks."""
    return key_for(lobby, Scope.WEBHOOKS_WRITE)


def settle(lobby: Lobby) -> Settled:
    with lobby.database.write() as session:
        return restoring.settle(session, newest=NEWEST, now=lobby.clock())


def confirmation_of(lobby: Lobby, submission_id: UUID) -> OutboxMessage:
    statement = select(OutboxMessage).where(
        OutboxMessage.kind == MessageKind.CONFIRM_SIGNATURE,
        OutboxMessage.subject_id == submission_id,
    )
    with lobby.database.read() as session:
        return session.exec(statement).one()


def waiting(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        statement = select(OutboxMessage.id).where(col(OutboxMessage.state).in_(WAITING))
        return len(session.exec(statement).all())


def letter_in(lobby: Lobby, state: MessageState) -> UUID:
    """Returns a queued letter whose message is in a state."""
    letter = write_letter(lobby)
    with lobby.database.write() as session:
        row = table_of(OutboxMessage)
        claimed_at = None if state is MessageState.QUEUED else NEWEST - timedelta(hours=1)
        session.connection().execute(
            sa.update(row)
            .where(row.c.subject_id == letter.id, row.c.kind == MessageKind.LETTER)
            .values(state=state, claimed_at=claimed_at)
        )
    return letter.id


def found(session: Session, letter_id: UUID) -> tuple[Letter, OutboxMessage]:
    letter = session.get_one(Letter, letter_id)
    statement = select(OutboxMessage).where(
        OutboxMessage.subject_id == letter_id, OutboxMessage.kind == MessageKind.LETTER
    )
    return letter, session.exec(statement).one()


@pytest.mark.parametrize("state", WAITING, ids=str)
def test_a_letter_that_could_still_go_is_uncertain(state: MessageState, lobby: Lobby) -> None:
    settle(lobby)  # what the demonstration has waiting
    before = {letter.id: letter.state for letter, _ in letters_of(lobby)}
    letter_id = letter_in(lobby, state)
    assert settle(lobby).letters == 1
    with lobby.database.read() as session:
        letter, message = found(session, letter_id)
    assert (letter.state, letter.reason) == (LetterState.UNCERTAIN, REASON)
    assert (message.state, message.detail) == (MessageState.UNCERTAIN, REASON)
    assert message.finished_at == lobby.clock()
    began = NEWEST if state is MessageState.QUEUED else NEWEST - timedelta(hours=1)
    assert message.claimed_at == began, "it may have gone at any time since then"
    assert {one.id: one.state for one, _ in letters_of(lobby) if one.id != letter_id} == before


def test_nothing_goes_after_a_restore(lobby: Lobby, clock: Clock) -> None:
    letter_in(lobby, MessageState.QUEUED)
    sign_and_sort(lobby, ANNA)
    assert waiting(lobby) > 1
    settle(lobby)
    assert waiting(lobby) == 0
    clock.advance(days=1)
    worker.clean_up(lobby)
    assert Mailbox(lobby).deliver() == []


def test_letters_whose_fate_is_known_stay_as_they_are(lobby: Lobby) -> None:
    settle(lobby)
    uncertain_letter(lobby, 0, NEWEST)
    put_into_state(lobby, 1, LetterState.REJECTED)
    put_into_state(lobby, 2, LetterState.HELD)
    before, tally = letters_of(lobby), sent_in_tally(lobby)
    assert settle(lobby) == Settled(letters=0, mails=0, webhooks=0, submissions=0)
    assert letters_of(lobby) == before
    assert sent_in_tally(lobby) == tally


def test_a_cancelled_letter_stays_cancelled_and_its_message_is_dropped(lobby: Lobby) -> None:
    letter_id = letter_in(lobby, MessageState.QUEUED)
    with lobby.database.write() as session:
        session.get_one(Letter, letter_id).state = LetterState.CANCELLED
    settle(lobby)
    with lobby.database.read() as session:
        letter, message = found(session, letter_id)
    assert letter.state is LetterState.CANCELLED
    assert message.state is MessageState.DROPPED


def test_an_organiser_settles_a_restored_letter_by_hand(lobby: Lobby) -> None:
    letter_id = letter_in(lobby, MessageState.QUEUED)
    settle(lobby)
    with lobby.database.write() as session:
        letter = session.get_one(Letter, letter_id)
        organisation_id = session.get_one(Campaign, letter.campaign_id).organisation_id
        letter_queue.settle(
            session,
            letter_id,
            organisation_id=organisation_id,
            was_sent=False,
            keyring=lobby.keyring,
            now=lobby.clock(),
        )
    with lobby.database.read() as session:
        letter, message = found(session, letter_id)
    assert (letter.state, message.state) == (LetterState.QUEUED, MessageState.QUEUED)


@pytest.mark.parametrize(("hours", "is_sent_again"), [(1, True), (-1, False)])
def test_a_log_must_reach_back_before_the_backup_to_show_that_a_letter_was_not_sent(
    hours: int, is_sent_again: bool, lobby: Lobby, clock: Clock
) -> None:
    settle(lobby)
    letter_id = letter_in(lobby, MessageState.QUEUED)
    settle(lobby)
    known = [message for _, message in letters_of(lobby) if message.detail != REASON]
    clock.advance(hours=1)
    period = LogPeriod(since=NEWEST - timedelta(hours=hours), until=clock.now)
    with lobby.database.write() as session:
        query = uncertain.log_query(session, period=period)
        log = RelayLog(query.wanted)
        for message in known:
            log.read(f"<{message.id}@lobby.example.org>\n".encode())
        uncertain.settle(session, query, log, pace=AT_ONCE, keyring=lobby.keyring, now=clock.now)
    with lobby.database.read() as session:
        letter, _ = found(session, letter_id)
    assert (letter.state is LetterState.QUEUED) is is_sent_again


def test_other_mails_are_dropped_and_their_links_stay_good(lobby: Lobby) -> None:
    settle(lobby)
    (asked,) = sign_and_sort(lobby, ANNA)
    assert settle(lobby).mails == 1
    mail = confirmation_of(lobby, asked)
    assert (mail.state, mail.detail) == (MessageState.DROPPED, REASON)
    assert confirm(lobby, asked).id == asked


def test_a_submission_that_was_not_sorted_is_asked_and_an_old_one_is_deleted(
    lobby: Lobby, clock: Clock
) -> None:
    old = clock.now - timedelta(days=15)
    (gone,), (new,) = record(lobby, [BELLA], now=old), record(lobby, [ANNA])
    assert settle(lobby).submissions == 1
    worker.sort_submissions(lobby)
    with lobby.database.read() as session:
        rows = {row.id: row.state for row in session.exec(select(Submission))}
    assert rows == {new.signature_id: SubmissionState.ASKED}
    assert gone.signature_id not in rows
    assert new.signature_id is not None
    assert confirmation_of(lobby, new.signature_id).state is MessageState.QUEUED


@pytest.mark.parametrize("state", [DeliveryState.QUEUED, DeliveryState.CLAIMED], ids=str)
def test_a_webhook_that_waits_goes_again_only_by_hand(
    state: DeliveryState, client: TestClient, webhooks: Headers, lobby: Lobby, clock: Clock
) -> None:
    made = create_webhook(client, webhooks, "https://example.org/hook")
    sign_and_confirm(lobby, ANNA)
    table = table_of(WebhookDelivery)
    with lobby.database.write() as session:
        values = {"state": state, "claimed_at": clock.now}
        session.connection().execute(sa.update(table).values(values))
    assert settle(lobby).webhooks == 1
    path = f"{HOOKS}/{made['id']}/deliveries"
    (delivery,) = client.get(path, headers=webhooks).json()
    assert (delivery["state"], delivery["error"]) == ("failed", REASON)
    clock.advance(hours=1)
    worker.clean_up_webhooks(lobby, threading.Event())
    assert client.get(path, headers=webhooks).json()[0]["state"] == "failed"
    again = client.post(f"{path}/{delivery['id']}/resend", headers=webhooks)
    assert again.json()["state"] == "queued"
    assert again.json()["id"] == delivery["id"], "receivers know it by its id"
