"""Tests of the sorter: which submissions get a mail, which wait, and which are deleted."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import col, select

import worker
from models import (
    MessageKind,
    OutboxMessage,
    Refusal,
    Signature,
    Submission,
    SubmissionState,
    Supporter,
)
from models.base import table_of
from services.assembly import Lobby
from services.consents import preferences
from services.mail import dead_addresses
from services.mail.recipients import recipient_of
from services.signatures import signature_states
from services.signatures.recording import ImportOrigin, SignatureRequest
from services.submissions import sorting
from tests.support import signatures
from tests.support.common import CAN_SIGN, PETITION, Clock, text_of

ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
HOME, STRANGER, OTHER = b"h" * 16, b"s" * 16, b"o" * 16
Deliver = Callable[[], list[EmailMessage]]
_outbox, _submission = table_of(OutboxMessage), table_of(Submission)


def post(lobby: Lobby, sender: bytes | None = HOME, **changes: object) -> UUID:
    """Records one post, not sorted; returns its id."""
    request = replace(ANNA, sender_index=sender, **changes)  # type: ignore[arg-type] # test data
    row_id = signatures.record(lobby, [request])[0].signature_id
    assert row_id is not None
    return row_id


def states(lobby: Lobby) -> dict[UUID, SubmissionState]:
    with lobby.database.read() as session:
        rows = session.connection().execute(sa.select(_submission.c.id, _submission.c.state))
        return {row[0]: row[1] for row in rows}


def kinds(lobby: Lobby) -> Counter[MessageKind]:
    """Counts the messages to Anna's mailbox by kind."""
    mailbox = recipient_of(ANNA.email, lobby.keyring).mailbox_index
    with lobby.database.read() as session:
        statement = sa.select(_outbox.c.kind).where(_outbox.c.mailbox_index == mailbox)
        return Counter(session.connection().execute(statement).scalars())


def sort(lobby: Lobby) -> None:
    worker.sort_submissions(lobby)


def test_a_new_submission_gets_its_mail_and_forgets_its_sender(
    lobby: Lobby, deliver: Deliver
) -> None:
    row_id = post(lobby)
    assert states(lobby) == {row_id: SubmissionState.NEW}
    sort(lobby)
    assert states(lobby) == {row_id: SubmissionState.ASKED}
    with lobby.database.read() as session:
        row = session.get_one(Submission, row_id)
        assert (row.sender_index, row.mailbox_index, row.due_at) == (None, None, None)
        assert row.address_index is not None
    (mail,) = deliver()
    assert mail["To"] == ANNA.email


def test_the_intake_asks_nothing_about_the_address(lobby: Lobby) -> None:
    """The statements and their parameters' shapes are the same for all that we may know."""
    confirmed = post(lobby)
    signatures.confirm(lobby, confirmed)
    withdrawn = post(lobby, email="withdrawn@example.org")
    signatures.confirm(lobby, withdrawn)
    with lobby.database.write() as session:
        signature_states.withdraw(session, withdrawn, now=lobby.clock())
    post(lobby, email="pending@example.org")
    sort(lobby)
    names = ("anna", "withdrawn", "pending", "nobody")
    seen = {name: _statements(lobby, f"{name}@example.org") for name in names}
    assert all(statements == seen["nobody"] for statements in seen.values())
    assert len(seen["nobody"]) == 2


def _statements(lobby: Lobby, email: str) -> list[str]:
    statements: list[str] = []
    with lobby.database.write() as session:
        event.listen(
            session.connection(),
            "before_cursor_execute",
            lambda _c, _cursor, statement, *_: statements.append(statement),
        )
        signatures.record_in(session, lobby, [replace(ANNA, email=email)])
    return statements


def test_a_signer_is_told_that_they_have_signed_and_the_submission_goes(
    lobby: Lobby, deliver: Deliver
) -> None:
    signature = signatures.confirm(lobby, post(lobby))
    post(lobby, STRANGER, name="Somebody Else")
    sort(lobby)
    assert states(lobby) == {}
    (mail,) = deliver()
    assert "already signed" in mail["Subject"]
    assert "Dear Anna Example" in text_of(mail)
    with lobby.database.read() as session:
        message = session.exec(select(OutboxMessage).order_by(col(OutboxMessage.id).desc())).first()
        assert message is not None
        assert message.subject_id == signature.id


def test_a_signature_gets_one_already_signed_mail_a_day(lobby: Lobby, clock: Clock) -> None:
    signatures.confirm(lobby, post(lobby))
    for _ in range(3):
        post(lobby, STRANGER)
        sort(lobby)
    post(lobby, OTHER)
    post(lobby, HOME)
    sort(lobby)
    assert kinds(lobby)[MessageKind.ALREADY_SIGNED] == 1
    assert states(lobby) == {}
    clock.advance(days=1)
    post(lobby)
    sort(lobby)
    assert kinds(lobby)[MessageKind.ALREADY_SIGNED] == 2


@pytest.mark.parametrize("why", ["dead", "refused", "mail off"])
def test_an_address_that_wants_no_mail_gets_none_and_the_submission_goes(
    lobby: Lobby, why: str
) -> None:
    signature = signatures.confirm(lobby, post(lobby))
    with lobby.database.write() as session:
        if why == "dead":
            index = recipient_of(ANNA.email, lobby.keyring).address_index
            dead_addresses.note(session, index, member_id=None, detail="x", now=lobby.clock())
        elif why == "refused":
            signature_states.disown(session, signature.id, now=lobby.clock())
        else:
            preferences.change(session, signature.supporter_id, mail=False, now=lobby.clock())
    before = kinds(lobby)
    post(lobby, STRANGER)
    sort(lobby)
    assert states(lobby) == {}
    assert kinds(lobby) == before


def test_a_refusal_is_for_one_petition_and_ninety_days(lobby: Lobby, clock: Clock) -> None:
    row_id = post(lobby)
    sort(lobby)
    with lobby.database.write() as session:
        signature_states.disown(session, row_id, now=lobby.clock())
        assert session.exec(select(Supporter.id).where(Supporter.name.is_(None))).all() == []
    clock.advance(days=89)
    worker.clean_up(lobby)
    post(lobby)
    sort(lobby)
    assert states(lobby) == {}
    clock.advance(days=2)
    worker.clean_up(lobby)
    with lobby.database.read() as session:
        assert session.exec(select(Refusal)).all() == []
    row_id = post(lobby)
    sort(lobby)
    assert states(lobby) == {row_id: SubmissionState.ASKED}


def test_over_the_limit_a_submission_waits_and_goes_when_there_is_room(
    lobby: Lobby, clock: Clock
) -> None:
    first, second, third = (post(lobby) for _ in range(3))
    sort(lobby)
    assert states(lobby)[first] is SubmissionState.ASKED
    assert states(lobby)[second] is SubmissionState.ASKED
    assert states(lobby)[third] is SubmissionState.WAITING
    with lobby.database.read() as session:
        row = session.get_one(Submission, third)
        assert row.due_at == clock.now + timedelta(days=1)
        assert (row.sender_index, row.place_id) == (HOME, third)
    clock.advance(hours=23)
    sort(lobby)
    assert states(lobby)[third] is SubmissionState.WAITING
    clock.advance(hours=1)
    sort(lobby)
    assert states(lobby)[third] is SubmissionState.ASKED


def test_of_one_sender_and_petition_only_the_newest_waits_and_keeps_the_place(
    lobby: Lobby,
) -> None:
    ids = [post(lobby) for _ in range(5)]
    sort(lobby)
    assert states(lobby) == {
        ids[0]: SubmissionState.ASKED,
        ids[1]: SubmissionState.ASKED,
        ids[4]: SubmissionState.WAITING,
    }
    with lobby.database.read() as session:
        assert session.get_one(Submission, ids[4]).place_id == ids[2]
    newest = post(lobby)
    sort(lobby)
    assert ids[4] not in states(lobby)
    with lobby.database.read() as session:
        assert session.get_one(Submission, newest).place_id == ids[2]


def test_a_stranger_never_replaces_what_another_sender_waits_for(lobby: Lobby) -> None:
    for _ in range(2):
        post(lobby, STRANGER)
    for _ in range(2):
        post(lobby, OTHER)
    own = post(lobby, HOME)
    sort(lobby)
    assert states(lobby)[own] is SubmissionState.ASKED, "the sender with the fewest mails is first"
    for _ in range(10):
        post(lobby, STRANGER, name="Forged")
        post(lobby, OTHER, name="Forged")
        sort(lobby)
    assert states(lobby)[own] is SubmissionState.ASKED


def test_two_hostile_networks_make_the_owner_wait_a_day_and_be_first(
    lobby: Lobby, clock: Clock
) -> None:
    for sender in (STRANGER, OTHER):
        for _ in range(2):
            post(lobby, sender)
    sort(lobby)
    for sender in (STRANGER, OTHER):
        post(lobby, sender, name="Forged")
    sort(lobby)
    own = post(lobby, HOME)
    sort(lobby)
    assert states(lobby)[own] is SubmissionState.WAITING
    clock.advance(days=1)
    sort(lobby)
    assert states(lobby)[own] is SubmissionState.ASKED


def test_forty_spellings_of_a_mailbox_share_its_limits(lobby: Lobby) -> None:
    for number in range(20):
        post(lobby, email=f"anna.example+{number}@gmail.com")
        post(lobby, email=f"{'a.nna'}example+x{number}@googlemail.com")
    sort(lobby)
    mailbox = recipient_of("annaexample@gmail.com", lobby.keyring).mailbox_index
    with lobby.database.read() as session:
        statement = select(OutboxMessage).where(OutboxMessage.mailbox_index == mailbox)
        assert len(session.exec(statement).all()) == 2
    assert Counter(states(lobby).values()) == {
        SubmissionState.ASKED: 2,
        SubmissionState.WAITING: 1,
    }


def test_a_damaged_payload_waits_by_itself_and_stops_nothing(lobby: Lobby, clock: Clock) -> None:
    bad, good = post(lobby), post(lobby, email="other@example.org")
    with lobby.database.write() as session:
        statement = sa.update(_submission).where(_submission.c.id == bad)
        session.connection().execute(
            statement.values(payload=sa.bindparam("raw", type_=sa.LargeBinary)),
            {"raw": b"\x01" + bytes(60)},
        )
    sort(lobby)
    assert states(lobby) == {bad: SubmissionState.WAITING, good: SubmissionState.ASKED}
    clock.advance(hours=1)
    sort(lobby)
    with lobby.database.read() as session:
        due = sa.select(_submission.c.due_at).where(_submission.c.id == bad)
        assert session.connection().execute(due).scalar_one() == clock.now + timedelta(hours=1)


def test_a_killed_sorter_loses_nothing_and_asks_nobody_twice(lobby: Lobby) -> None:
    row_id = post(lobby)

    class Killed(Exception):
        pass

    with lobby.database.read() as session:
        rows = sorting.read(session, now=lobby.clock())
    batch = sorting.prepare(rows, keyring=lobby.keyring)

    def sort_and_die() -> None:
        with lobby.database.write() as session:
            sorting.sort(session, batch, now=lobby.clock())
            raise Killed

    with pytest.raises(Killed):
        sort_and_die()
    assert states(lobby) == {row_id: SubmissionState.NEW}
    assert not kinds(lobby)
    for _ in range(2):
        with lobby.database.write() as session:
            sorting.sort(session, batch, now=lobby.clock())
    assert states(lobby) == {row_id: SubmissionState.ASKED}
    assert kinds(lobby) == {MessageKind.CONFIRM_SIGNATURE: 1}


def test_two_sorters_at_once_ask_each_submission_once(lobby: Lobby) -> None:
    for number in range(250):
        post(lobby, email=f"person{number}@example.org")
    threads = [threading.Thread(target=sort, args=(lobby,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sort(lobby)
    assert set(states(lobby).values()) == {SubmissionState.ASKED}
    with lobby.database.read() as session:
        subjects = Counter(
            session.exec(
                select(OutboxMessage.subject_id).where(
                    OutboxMessage.kind == MessageKind.CONFIRM_SIGNATURE
                )
            )
        )
    assert len(subjects) == 250
    assert set(subjects.values()) == {1}


def test_sorting_takes_a_fixed_number_of_statements(lobby: Lobby) -> None:
    few = _sorting_statements(lobby, 1)
    many = _sorting_statements(lobby, 50)
    assert few == many <= 9


def _sorting_statements(lobby: Lobby, number: int) -> int:
    for place in range(number):
        post(lobby, email=f"{number}-{place}@example.org")
    seen: list[str] = []
    with lobby.database.read() as session:
        batch = sorting.prepare(sorting.read(session, now=lobby.clock()), keyring=lobby.keyring)
    with lobby.database.write() as session:
        event.listen(
            session.connection(),
            "before_cursor_execute",
            lambda _c, _cursor, statement, *_: seen.append(statement),
        )
        sorting.sort(session, batch, now=lobby.clock())
    return len(seen)


def test_an_imported_signature_is_no_word_of_its_signers_so_they_are_asked(lobby: Lobby) -> None:
    origin = ImportOrigin("paper, Leeds stall")
    signatures.record(lobby, [replace(ANNA, imported=origin)])
    row_id = post(lobby, updates=True)
    sort(lobby)
    assert states(lobby) == {row_id: SubmissionState.ASKED}
    signature = signatures.confirm(lobby, row_id)
    assert (signature.provenance, signature.id != row_id) == ("paper, Leeds stall", True)
    with lobby.database.read() as session:
        statement = select(Signature).where(Signature.supporter_id == signature.supporter_id)
        assert len(session.exec(statement).all()) == 1
