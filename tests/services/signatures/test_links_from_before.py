"""Tests the links and mails of signatures that are not adopted yet."""

from uuid import UUID

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import select

from models import (
    MessageKind,
    MessageState,
    OutboxMessage,
    Refusal,
    Signature,
    SignatureState,
)
from models.base import table_of
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.errors import Conflict, Gone, Unavailable
from services.mail import outbox, recipients
from services.mail.outbox import NewMessage
from services.signatures import (
    mail_links,
    signature_states,
)
from services.signatures.recording import SignatureRequest
from tests.support.common import CAN_SIGN, PETITION, Mailbox, text_of, token_in
from tests.support.database.earlier import (
    ANNA,
    DAY,
    adopt,
    confirmed_count,
    consents,
    damage,
    pending,
    signature,
    submission,
    supporter,
)
from tests.support.signatures import confirm, confirm_all, sign_and_sort

_signature = table_of(Signature)


def test_a_link_from_before_confirms_what_is_not_adopted_yet(lobby: Lobby) -> None:
    before = confirmed_count(lobby)
    row_id = pending(lobby, updates=False, comment="My own words")
    confirmed = confirm(lobby, row_id)
    assert (confirmed.id, confirmed.state) == (row_id, SignatureState.CONFIRMED)
    assert confirmed.comment.text == "My own words"
    assert confirmed.signed_at == lobby.clock() - DAY
    assert confirmed_count(lobby) == before + 1
    assert [consent.granted for consent in consents(lobby)] == [False]
    confirm(lobby, row_id)
    assert confirmed_count(lobby) == before + 1
    assert submission(lobby, row_id) is None


def test_one_batch_confirms_both_kinds(lobby: Lobby) -> None:
    pending_id = pending(lobby)
    request = SignatureRequest(PETITION, "Ben", "ben@example.org", CAN_SIGN)
    (submitted,) = sign_and_sort(lobby, request)
    outcomes = confirm_all(lobby, [pending_id, submitted, pending_id])
    assert [each.signature and each.signature.id for each in outcomes] == [
        pending_id,
        submitted,
        pending_id,
    ]


def test_one_that_does_not_open_spoils_no_batch_of_confirmations(lobby: Lobby) -> None:
    damaged, good = pending(lobby, "damaged@example.org"), pending(lobby)
    damage(lobby, damaged)
    first, second = confirm_all(lobby, [damaged, good])
    assert isinstance(first.error, Unavailable)
    assert second.signature is not None
    with lobby.database.read() as session, pytest.raises(Unavailable):
        mail_links.find(session, damaged, keyring=lobby.keyring)


@pytest.mark.parametrize("state", [SignatureState.PENDING, SignatureState.EXPIRED])
def test_a_link_to_what_is_too_old_answers_that_it_has_expired(
    lobby: Lobby, state: SignatureState
) -> None:
    row_id = pending(lobby, state=state, signed_at=lobby.clock() - 20 * DAY)
    with pytest.raises(Gone):
        confirm(lobby, row_id)


def test_the_page_behind_a_link_shows_what_is_not_adopted_yet_and_changes_nothing(
    lobby: Lobby, client: TestClient
) -> None:
    row_id = pending(lobby, name="Anna Bell", updates=False)
    shown = client.get(f"/confirm/{lobby.tokens.issue(Purpose.CONFIRM, row_id)}")
    assert shown.status_code == 200
    assert "Anna Bell" in shown.text
    assert signature(lobby, row_id) is not None
    adopt(lobby)
    again = client.get(f"/confirm/{lobby.tokens.issue(Purpose.CONFIRM, row_id)}")
    assert again.text == shown.text


def test_a_link_from_before_confirms_over_http(lobby: Lobby, client: TestClient) -> None:
    row_id = pending(lobby)
    token = lobby.tokens.issue(Purpose.CONFIRM, row_id)
    answer = client.post("/v1/signatures/confirm", json={"token": token})
    assert (answer.status_code, answer.json()["status"]) == (200, "confirmed")


def test_withdrawing_takes_off_what_is_not_adopted_yet(lobby: Lobby) -> None:
    row_id = pending(lobby, updates=True)
    with lobby.database.write() as session:
        state = signature_states.withdraw(session, row_id, now=lobby.clock())
    assert state is SignatureState.WITHDRAWN
    assert signature(lobby, row_id) is None
    assert supporter(lobby) is None
    with pytest.raises(Gone):
        confirm(lobby, row_id)


def test_disowning_takes_off_what_is_not_adopted_yet_and_asks_no_more(lobby: Lobby) -> None:
    row_id = pending(lobby)
    person = supporter(lobby)
    assert person is not None
    with lobby.database.write() as session:
        disowned = signature_states.disown(session, row_id, now=lobby.clock())
        refusal = session.exec(select(Refusal)).one()
    assert disowned.state is SignatureState.REJECTED
    assert refusal.address_index == person.email_index
    (asked,) = sign_and_sort(lobby, SignatureRequest(PETITION, "Anna", ANNA, CAN_SIGN))
    assert submission(lobby, asked) is None, "the sorter asks them no more"


def test_one_that_does_not_open_can_be_disowned(lobby: Lobby) -> None:
    row_id = pending(lobby)
    damage(lobby, row_id)
    with lobby.database.write() as session:
        signature_states.disown(session, row_id, now=lobby.clock())
    with lobby.database.read() as session:
        statement = sa.select(_signature.c.id).where(_signature.c.id == row_id)
        assert session.connection().execute(statement).all() == []


@pytest.mark.parametrize("adopted", [False, True])
def test_disowning_a_submission_takes_off_the_older_one_of_the_address(
    lobby: Lobby, adopted: bool
) -> None:
    older = pending(lobby)
    other_person = pending(lobby, "ben@example.org")
    (newer,) = sign_and_sort(lobby, SignatureRequest(PETITION, "Anna", ANNA, CAN_SIGN))
    if adopted:
        adopt(lobby)
    with lobby.database.write() as session:
        signature_states.disown(session, newer, now=lobby.clock())
    assert (signature(lobby, older), submission(lobby, older)) == (None, None)
    assert signature(lobby, other_person) or submission(lobby, other_person)


@pytest.mark.parametrize("adopted", [False, True])
def test_disowning_the_older_one_takes_off_the_submission_of_the_address(
    lobby: Lobby, adopted: bool
) -> None:
    older = pending(lobby)
    (newer,) = sign_and_sort(lobby, SignatureRequest(PETITION, "Anna", ANNA, CAN_SIGN))
    if adopted:
        adopt(lobby)
    with lobby.database.write() as session:
        signature_states.disown(session, older, now=lobby.clock())
    assert submission(lobby, newer) is None
    assert (signature(lobby, older), submission(lobby, older)) == (None, None)


def test_two_pending_rows_of_one_person_are_two_submissions_and_one_stands(lobby: Lobby) -> None:
    """An older process that runs on the new schema can add the second."""
    first, second = pending(lobby), pending(lobby, name="Somebody else")
    assert adopt(lobby) == 2
    assert confirm(lobby, second).id == second
    assert confirm(lobby, first).id == second


def test_a_pending_row_beside_a_withdrawn_one_becomes_the_standing_one(lobby: Lobby) -> None:
    withdrawn = pending(lobby, state=SignatureState.WITHDRAWN, name="Anna Bell")
    again = pending(lobby, name="Anna Bell")
    adopt(lobby)
    assert confirm(lobby, again).id == again
    with pytest.raises(Conflict):
        confirm(lobby, withdrawn)


def queue_mail(lobby: Lobby, row_id: UUID, email: str = ANNA) -> None:
    message = NewMessage(
        MessageKind.CONFIRM_SIGNATURE, row_id, recipients.recipient_of(email, lobby.keyring)
    )
    with lobby.database.write() as session:
        outbox.insert(session, [message], now=lobby.clock())


@pytest.mark.parametrize("adopted", [False, True])
def test_a_mail_that_waited_is_sent_whether_its_signature_is_adopted_or_not(
    lobby: Lobby, adopted: bool
) -> None:
    row_id = pending(lobby, name="Words of a stranger")
    queue_mail(lobby, row_id)
    if adopted:
        adopt(lobby)
    (mail,) = Mailbox(lobby).deliver()
    assert mail["to"] == ANNA
    assert "stranger" not in text_of(mail)
    assert "14 July" in text_of(mail) or "13 July" in text_of(mail)
    token = token_in(mail, "confirm")
    assert confirm(lobby, lobby.tokens.read(Purpose.CONFIRM, token)).id == row_id


def test_a_mail_about_what_is_too_old_is_dropped(lobby: Lobby) -> None:
    row_id = pending(lobby, signed_at=lobby.clock() - 20 * DAY)
    queue_mail(lobby, row_id)
    assert Mailbox(lobby).deliver() == []
    with lobby.database.read() as session:
        message = session.exec(
            select(OutboxMessage).where(OutboxMessage.subject_id == row_id)
        ).one()
    assert message.state is MessageState.DROPPED
