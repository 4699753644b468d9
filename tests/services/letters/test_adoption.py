"""Tests of letters from before submissions: they are adopted, and given back on the way down."""

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import Session, col, select

import worker
from models import (
    Consent,
    Letter,
    LetterAct,
    LetterState,
    MessageKind,
    OutboxMessage,
    Private,
    Signature,
    Submission,
    SubmissionState,
    Supporter,
)
from models.base import new_ids_at
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common.tokens import Purpose
from services.consents import preferences
from services.database import engine
from services.errors import Conflict
from services.letters import adoption, confirmed_letters, letter_links
from services.mail import outbox
from services.mail.outbox import NewMessage
from services.mail.recipients import recipient_of
from services.signatures.recording import SignatureRequest
from services.submissions import payload
from services.supporters import supporters
from services.supporters.supporters import EmailAddress, UpdatesAnswer
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, Clock, text_of, token_in
from tests.support.database.databases import count_statements
from tests.support.database.turns import in_turn
from tests.support.mail import confirm_letter, submit_letter
from tests.support.pages import Deliver
from tests.support.signatures import sign_and_confirm, sign_and_sort

EMAIL = "winifred@example.org"
MORAG = 900001
EDINBURGH = "S14000078"
BODY = "Dear MP,\n\nThis was written before.\n"
HOME = '{"line1": "1 Old Street", "line2": "", "town": "Edinburgh", "postcode": "EH1 1YZ"}'


def add_pending(
    lobby: Lobby, *, email: str = EMAIL, updates: bool | None = True, member: int = MORAG
) -> UUID:
    """Adds a letter as an earlier version did: pending, with its supporter, answer and message."""
    now = lobby.clock()
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        motion = campaigns.motion_of(session, campaign.id)
        assert motion
        owner = campaign.organisation_id
        address = EmailAddress.of(owner, email, lobby.keyring)
        ((supporter_id, _),) = supporters.find_or_add(session, [address], now=now)
        letter = Letter(
            id=UUID(new_ids_at(1, now)[0]),
            campaign_id=campaign.id,
            motion_id=motion.id,
            member_id=member,
            supporter_id=UUID(supporter_id),
            constituency_code=EDINBURGH,
            act=LetterAct.ASK,
            variant="ask",
            locale="cy",
            name=Private(owner, "Winifred Old"),
            address=Private(owner, HOME),
            subject=Private(owner, "An old subject"),
            body=Private(owner, BODY),
            created_at=now,
            wants_copy=True,
        )
        session.add(letter)
        session.flush()
        if updates is not None:
            answer = UpdatesAnswer(owner, supporter_id, updates, letter_id=letter.id)
            supporters.note_answers(session, [answer], now=now)
        recipient = recipient_of(email, lobby.keyring)
        message = NewMessage(MessageKind.CONFIRM_LETTER, letter.id, recipient)
        outbox.queue(session, [message], now=now)
        return letter.id


def adopt(lobby: Lobby, limit: int = 200) -> int:
    with lobby.database.write() as session:
        return adoption.adopt(session, keyring=lobby.keyring, now=lobby.clock(), limit=limit)


def give_back(lobby: Lobby, limit: int = 200) -> int:
    with lobby.database.write() as session:
        return adoption.give_back(session, now=lobby.clock(), limit=limit)


def all_of(lobby: Lobby, statement: Any) -> list[Any]:
    with lobby.database.read() as session:
        return list(session.exec(statement))


def submission(lobby: Lobby, row_id: UUID) -> Submission | None:
    with lobby.database.read() as session:
        return session.get(Submission, row_id)


def letter(lobby: Lobby, row_id: UUID) -> Letter | None:
    with lobby.database.read() as session:
        return session.get(Letter, row_id)


def supporter(lobby: Lobby, email: str = EMAIL) -> Supporter | None:
    with lobby.database.read() as session:
        owner = campaigns.public(session, CAMPAIGN).organisation_id
        index = EmailAddress.of(owner, email, lobby.keyring).index
        return session.exec(select(Supporter).where(Supporter.email_index == index)).first()


def consents(lobby: Lobby) -> list[Consent]:
    found = supporter(lobby)
    assert found
    return all_of(lobby, select(Consent).where(Consent.supporter_id == found.id))


# ---- adopting


@pytest.mark.parametrize("updates", [True, False, None])
def test_a_young_pending_letter_becomes_a_submission_with_the_same_id(
    lobby: Lobby, clock: Clock, updates: bool | None
) -> None:
    received_at = clock.now
    row_id = add_pending(lobby, updates=updates)
    clock.advance(days=13)
    assert (adopt(lobby), adopt(lobby)) == (1, 0)
    assert letter(lobby, row_id) is None
    row, writer = submission(lobby, row_id), supporter(lobby)
    assert row is not None
    assert writer is not None, "the link to preferences in the mail stays good"
    assert (row.state, row.received_at) == (SubmissionState.ASKED, received_at)
    assert row.address_index == writer.email_index
    contents = payload.letter_of_text(row.payload.text)
    assert (contents.name, contents.email, contents.subject, contents.body) == (
        "Winifred Old",
        EMAIL,
        "An old subject",
        BODY,
    )
    assert (contents.line1, contents.town, contents.postcode) == (
        "1 Old Street",
        "Edinburgh",
        "EH1 1YZ",
    )
    assert (contents.member_id, contents.act, contents.variant) == (MORAG, "ask", "ask")
    assert (contents.locale, contents.wants_copy, contents.updates) == ("cy", True, updates)
    assert consents(lobby) == []


def test_the_links_of_an_adopted_letter_confirm_it(
    lobby: Lobby, client: TestClient, deliver: Deliver
) -> None:
    deliver()
    row_id = add_pending(lobby)
    (mail,) = deliver()
    adopt(lobby)
    token = token_in(mail, "letters/confirm")
    assert "This was written before." in client.get(f"/letters/confirm/{token}").text
    for _ in range(2):
        answer = client.post("/v1/letters/confirm", json={"token": token})
        assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    (consent,) = consents(lobby)
    assert (consent.letter_id, consent.granted) == (row_id, True)
    assert consent.effective_at == lobby.clock()
    to_member, copy = deliver()
    assert "This was written before." in text_of(to_member)
    assert copy["To"] == EMAIL


def test_a_letter_that_is_not_adopted_yet_is_asked_about_confirmed_and_cancelled(
    lobby: Lobby, client: TestClient, deliver: Deliver
) -> None:
    deliver()
    kept, cancelled = add_pending(lobby), add_pending(lobby, email="other@example.org")
    mails = {str(mail["To"]): token_in(mail, "letters/confirm") for mail in deliver()}
    assert set(mails) == {EMAIL, "other@example.org"}
    assert "This was written before." in client.get(f"/letters/confirm/{mails[EMAIL]}").text
    answer = client.post("/v1/letters/cancel", json={"token": mails["other@example.org"]})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["member"]["id"] == MORAG
    answer = client.post("/v1/letters/confirm", json={"token": mails[EMAIL]})
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    stored = letter(lobby, kept)
    assert stored is not None
    assert stored.state is LetterState.QUEUED
    assert letter(lobby, cancelled) is None
    assert all_of(lobby, select(Submission)) == []


def test_a_letter_that_is_not_adopted_yet_can_be_disowned(
    lobby: Lobby, client: TestClient, deliver: Deliver
) -> None:
    row_id = add_pending(lobby)
    token = lobby.tokens.issue(Purpose.DISOWN, row_id)
    assert client.post(f"/letters/disown/{token}").status_code == 200
    assert (letter(lobby, row_id), submission(lobby, row_id)) == (None, None)
    submit_letter(lobby, email=EMAIL)
    worker.sort_submissions(lobby)
    assert all_of(lobby, select(Submission)) == []


def test_a_letter_that_is_not_adopted_yet_gives_way_to_a_newer_one_that_is_confirmed(
    lobby: Lobby,
) -> None:
    old = add_pending(lobby)
    new = submit_letter(lobby, email=EMAIL).id
    assert confirm_letter(lobby, new).state is LetterState.QUEUED
    assert submission(lobby, old) is not None
    with pytest.raises(Conflict) as refused:
        confirm_letter(lobby, old)
    assert refused.value.code == "letter_sent"


def test_an_old_pending_letter_is_deleted_with_whom_nobody_knows_otherwise(
    lobby: Lobby, clock: Clock
) -> None:
    row_id = add_pending(lobby)
    clock.advance(days=14)
    assert (adopt(lobby), adopt(lobby)) == (1, 0)
    assert (letter(lobby, row_id), submission(lobby, row_id)) == (None, None)
    assert supporter(lobby) is None


@pytest.mark.parametrize("known_by", ["signature", "no mail", "before", "second letter"])
def test_a_supporter_of_whom_something_is_known_outlives_their_old_letter(
    lobby: Lobby, clock: Clock, known_by: str
) -> None:
    if known_by == "before":
        with lobby.database.write() as session:
            owner = campaigns.public(session, CAMPAIGN).organisation_id
            address = EmailAddress.of(owner, EMAIL, lobby.keyring)
            supporters.find_or_add(session, [address], now=clock.now - timedelta(days=1))
    row_id = add_pending(lobby)
    found = supporter(lobby)
    assert found
    if known_by == "signature":
        sign_and_confirm(lobby, SignatureRequest(PETITION, "Winifred", EMAIL, CAN_SIGN))
    elif known_by == "no mail":
        with lobby.database.write() as session:
            preferences.change(session, found.id, mail=False, now=clock.now)
    elif known_by == "second letter":
        clock.advance(days=3)
        add_pending(lobby, member=900002)
        clock.advance(days=-3)
    clock.advance(days=14)
    adopt(lobby)
    assert (letter(lobby, row_id), submission(lobby, row_id)) == (None, None)
    left = supporter(lobby)
    assert left is not None
    assert left.id == found.id
    assert [consent for consent in consents(lobby) if consent.letter_id == row_id] == []


def test_letters_are_adopted_in_small_parts(lobby: Lobby) -> None:
    for number in range(5):
        add_pending(lobby, email=f"w{number}@example.org")
    before = len(all_of(lobby, select(Letter)))
    assert [adopt(lobby, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert len(all_of(lobby, select(Submission))) == 5
    assert len(all_of(lobby, select(Letter))) == before - 5, "no other letter is touched"


def test_a_batch_of_letters_takes_as_many_statements_as_one_letter(lobby: Lobby) -> None:
    def act(session: Session) -> int:
        return adoption.adopt(session, keyring=lobby.keyring, now=lobby.clock(), limit=200)

    add_pending(lobby)
    one = count_statements(lobby, act)
    ids = [add_pending(lobby, email=f"w{number}@example.org") for number in range(20)]
    assert count_statements(lobby, act) == one
    assert all(submission(lobby, row_id) for row_id in ids)
    assert one.total() <= 6


@pytest.mark.parametrize("junk", [b"\x01" * 60, b""])
@pytest.mark.parametrize(
    "column",
    ["letter.name", "letter.address", "letter.subject", "letter.body", "supporter.email"],
)
def test_a_letter_that_cannot_be_decrypted_stops_no_other_and_goes_when_it_is_old(
    lobby: Lobby, clock: Clock, column: str, junk: bytes
) -> None:
    damaged = add_pending(lobby)
    good = add_pending(lobby, email="good@example.org")
    table, name = column.split(".")
    with lobby.database.write() as session:
        found = session.get_one(Letter, damaged)
        row_id = found.id if table == "letter" else found.supporter_id
        session.connection().execute(
            sa.text(f"UPDATE {table} SET {name} = :junk WHERE id = :id").bindparams(
                sa.bindparam("id", type_=sa.Uuid())
            ),
            {"id": row_id, "junk": junk},
        )
    assert (adopt(lobby), adopt(lobby)) == (1, 0)
    assert submission(lobby, good) is not None
    assert submission(lobby, damaged) is None
    clock.advance(days=14)
    assert adopt(lobby) == 1
    assert all_of(lobby, select(Letter).where(Letter.state == LetterState.PENDING)) == []


def test_a_letter_that_is_confirmed_while_the_job_adopts_it_is_queued_once(lobby: Lobby) -> None:
    row_id = add_pending(lobby)

    def work(session: Session) -> int:
        return adoption.adopt(session, keyring=lobby.keyring, now=lobby.clock(), limit=200)

    def confirm(session: Session) -> Letter:
        return confirmed_letters.confirm(session, row_id, keyring=lobby.keyring, now=lobby.clock())

    second = in_turn(lobby, work, confirm)
    assert second.result().state is LetterState.QUEUED
    assert submission(lobby, row_id) is None
    other = add_pending(lobby, email="other@example.org")

    def cancel(session: Session) -> Letter | None:
        return letter_links.cancel(session, other, keyring=lobby.keyring, now=lobby.clock())

    third = in_turn(lobby, cancel, work)
    assert third.result() == 0
    assert (letter(lobby, other), submission(lobby, other)) == (None, None)


def test_the_worker_adopts_all_and_changes_nothing_where_none_is_left(
    lobby: Lobby, clock: Clock
) -> None:
    for number in range(3):
        add_pending(lobby, email=f"old{number}@example.org")
    clock.advance(days=14)
    young = [add_pending(lobby, email=f"w{number}@example.org") for number in range(3)]
    job, stop = worker.LetterAdoption(), threading.Event()
    assert job(lobby, stop) == 6
    assert all_of(lobby, select(Submission.id).order_by(col(Submission.id))) == young
    version = lobby.database.read_version()
    assert job(lobby, stop) == 0
    assert lobby.database.read_version() == version


def test_the_worker_goes_on_looking_at_recent_letters(lobby: Lobby, clock: Clock) -> None:
    job, stop = worker.LetterAdoption(), threading.Event()
    assert job(lobby, stop) == 0
    add_pending(lobby)  # by a process of an earlier version
    clock.advance(minutes=59)
    assert job(lobby, stop) == 1
    add_pending(lobby, email="other@example.org")
    clock.advance(minutes=61)
    assert job(lobby, stop) == 0, "all are looked at once a day"
    assert worker.LetterAdoption()(lobby, stop) == 1


@pytest.mark.parametrize("way", ["cancel", "too late"])
def test_whom_nobody_knows_otherwise_is_forgotten_with_an_adopted_letter(
    lobby: Lobby, clock: Clock, way: str
) -> None:
    row_id = add_pending(lobby)
    adopt(lobby)
    assert supporter(lobby) is not None
    if way == "cancel":
        with lobby.database.write() as session:
            letter_links.cancel(session, row_id, keyring=lobby.keyring, now=clock.now)
    else:
        clock.advance(days=14, seconds=1)
        worker.delete_old_submissions(lobby, threading.Event())
    assert supporter(lobby) is None


# ---- giving back


def test_on_the_way_down_letters_and_signatures_are_given_back(lobby: Lobby) -> None:
    row_id = submit_letter(lobby, email=EMAIL).id
    (signature_id,) = sign_and_sort(lobby, SignatureRequest(PETITION, "A", EMAIL, CAN_SIGN))
    unsorted = submit_letter(lobby, email="new@example.org").id
    assert worker.give_back_submissions(lobby) == 3
    assert all_of(lobby, select(Submission)) == []
    assert [letter(lobby, each) is not None for each in (row_id, unsorted)] == [True, True]
    with lobby.database.read() as session:
        assert session.get(Signature, signature_id) is not None


@pytest.mark.parametrize("updates", [True, False, None])
def test_a_submission_becomes_a_pending_letter_with_a_waiting_answer(
    lobby: Lobby, clock: Clock, updates: bool | None
) -> None:
    row_id = submit_letter(lobby, email=EMAIL, updates=updates, wants_copy=True).id
    worker.sort_submissions(lobby)
    received_at, row = clock.now, submission(lobby, row_id)
    assert row is not None
    clock.advance(hours=1)
    assert (give_back(lobby), give_back(lobby)) == (1, 0)
    assert submission(lobby, row_id) is None
    stored, writer = letter(lobby, row_id), supporter(lobby)
    assert stored is not None
    assert writer is not None
    assert (stored.state, stored.confirmed_at) == (LetterState.PENDING, None)
    assert (stored.supporter_id, writer.email.text, writer.name) == (writer.id, EMAIL, None)
    assert (stored.created_at, stored.wants_copy) == (received_at, True)
    answers = [
        (each.granted, each.given_at, each.effective_at, each.letter_id) for each in consents(lobby)
    ]
    assert answers == ([] if updates is None else [(updates, received_at, None, row_id)])
    adopt(lobby)
    again = submission(lobby, row_id)
    assert again is not None
    assert payload.letter_of_text(again.payload.text) == payload.letter_of_text(row.payload.text)


def test_of_several_submissions_the_newest_becomes_the_letter(lobby: Lobby, clock: Clock) -> None:
    ids = []
    for number in range(3):
        clock.advance(minutes=1)
        sender = str(number).encode()
        ids.append(submit_letter(lobby, email=EMAIL, subject=f"No. {number}", sender=sender).id)
        worker.sort_submissions(lobby)
    assert [give_back(lobby, limit=1) for _ in range(4)] == [1, 1, 1, 0]
    stored = letter(lobby, ids[2])
    assert stored is not None
    assert stored.subject.text == "No. 2"
    assert [letter(lobby, row_id) for row_id in ids[:2]] == [None, None]
    assert all_of(lobby, select(Submission)) == []


def test_a_letter_on_its_way_stays_and_one_that_did_not_go_is_replaced(lobby: Lobby) -> None:
    for state in (LetterState.SENT, LetterState.CANCELLED):
        email = f"{state}@example.org"
        first = submit_letter(lobby, email=email, sender=b"1").id
        second = submit_letter(lobby, email=email, sender=b"2").id
        worker.sort_submissions(lobby)
        confirm_letter(lobby, first)
        with lobby.database.write() as session:
            letter_links.cancel(session, first, keyring=lobby.keyring, now=lobby.clock())
            session.get_one(Letter, first).state = state
        assert give_back(lobby) == 1
        is_sent = state is LetterState.SENT
        assert (letter(lobby, first) is not None, letter(lobby, second) is not None) == (
            is_sent,
            not is_sent,
        )


def test_a_letter_that_waited_for_its_mail_gets_it_later(lobby: Lobby, clock: Clock) -> None:
    ids = []
    for member in range(3):  # two a day and sender; the third waits
        postcode = (CAN_SIGN, "SW1A 0AA", "M1 1AE")[member]
        ids.append(submit_letter(lobby, email=EMAIL, postcode=postcode, sender=b"1").id)
        worker.sort_submissions(lobby)
    row = submission(lobby, ids[2])
    assert row is not None
    assert row.state is SubmissionState.WAITING
    assert give_back(lobby) == 3
    messages = all_of(lobby, select(OutboxMessage).where(OutboxMessage.subject_id == ids[2]))
    assert [(message.kind, message.due_at) for message in messages] == [
        (MessageKind.CONFIRM_LETTER, row.due_at)
    ]


def test_what_is_not_sorted_or_cannot_be_decrypted_is_left(lobby: Lobby) -> None:
    damaged = submit_letter(lobby, email=EMAIL).id
    worker.sort_submissions(lobby)
    new = submit_letter(lobby, email="new@example.org").id
    with lobby.database.write() as session:
        session.connection().execute(
            sa.text("UPDATE submission SET payload = :junk WHERE id = :id").bindparams(
                sa.bindparam("id", type_=sa.Uuid())
            ),
            {"id": damaged, "junk": b"\x01" * 60},
        )
    assert give_back(lobby) == 0
    ids = all_of(lobby, select(Submission.id).order_by(col(Submission.id)))
    assert ids == [damaged, new]


@pytest.mark.slow
def test_the_worker_adopts_letters_and_gives_them_back_on_the_way_down(
    lobby: Lobby, clock: Clock
) -> None:
    old = add_pending(lobby, email="old@example.org")
    clock.advance(days=10)
    young = add_pending(lobby)
    clock.advance(days=5)
    stop = threading.Event()
    assert [worker.LetterAdoption()(lobby, stop) for _ in range(2)] == [2, 0]
    assert (letter(lobby, old), submission(lobby, old)) == (None, None)
    assert submission(lobby, young) is not None
    with pytest.raises(Conflict, match="database: 1"):
        engine.migrate(lobby.database, "0015")
    assert worker.give_back_submissions(lobby) == 1
    engine.migrate(lobby.database, "0015")
    found = letter(lobby, young)
    assert found is not None
    assert found.state is LetterState.PENDING
    engine.migrate(lobby.database)
    assert worker.LetterAdoption()(lobby, stop) == 1
    assert submission(lobby, young) is not None
