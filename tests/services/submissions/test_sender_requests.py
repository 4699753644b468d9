"""Tests of what senders ask on the page after sending: one more email, or a deletion."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from email.message import EmailMessage
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlmodel import select

import worker
from models import (
    MessageKind,
    OutboxMessage,
    RequestKind,
    Submission,
    SubmissionRequest,
    SubmissionState,
)
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.consents import preferences
from services.database.engine import Database
from services.errors import Gone
from services.mail import dead_addresses
from services.mail.recipients import recipient_of
from services.signatures import confirming, signature_states
from services.signatures.recording import SignatureRequest
from services.submissions import sender_requests
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, Clock, text_of, token_in
from tests.support.pages import confirmed_count

ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
HOME, STRANGER = b"h" * 16, b"s" * 16
AGAIN, DELETE = RequestKind.SEND_AGAIN, RequestKind.DELETE
Deliver = Callable[[], list[EmailMessage]]
_outbox, _submission = table_of(OutboxMessage), table_of(Submission)


def post(lobby: Lobby, sender: bytes | None = HOME, **changes: object) -> UUID:
    """Records one post, not sorted; returns its id."""
    request = replace(ANNA, sender_index=sender, **changes)  # type: ignore[arg-type] # test data
    row_id = signatures.record(lobby, [request])[0].signature_id
    assert row_id is not None
    return row_id


def ask(lobby: Lobby, submission_id: UUID, kind: RequestKind = AGAIN) -> None:
    with lobby.database.write(is_public=False) as session:
        sender_requests.ask(session, submission_id, kind, now=lobby.clock())


def mails_about(lobby: Lobby, submission_id: UUID) -> int:
    """Counts the messages that ask to confirm a submission."""
    with lobby.database.read() as session:
        statement = sa.select(sa.func.count()).where(
            _outbox.c.subject_id == submission_id,
            _outbox.c.kind == MessageKind.CONFIRM_SIGNATURE,
        )
        return int(session.connection().execute(statement).scalar_one())


def all_mails(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return len(session.exec(select(OutboxMessage.id)).all())


def requests(lobby: Lobby) -> dict[tuple[UUID, RequestKind], bool]:
    """Returns for each request whether it was served."""
    with lobby.database.read() as session:
        rows = session.exec(select(SubmissionRequest)).all()
        return {(row.submission_id, row.kind): row.served_at is not None for row in rows}


def exists(lobby: Lobby, submission_id: UUID) -> bool:
    with lobby.database.read() as session:
        return session.get(Submission, submission_id) is not None


# ---- the email once more


def test_the_email_comes_once_more_and_confirms(lobby: Lobby, deliver: Deliver) -> None:
    row_id = post(lobby)
    (first,) = deliver()
    ask(lobby, row_id)
    (second,) = deliver()
    assert (second["To"], second["Subject"]) == (first["To"], first["Subject"])
    assert requests(lobby) == {(row_id, AGAIN): True}
    assert token_in(second, "confirm") in text_of(second)
    assert signatures.confirm(lobby, row_id).id == row_id


def test_asking_twice_sends_once(lobby: Lobby, deliver: Deliver) -> None:
    row_id = post(lobby)
    deliver()
    ask(lobby, row_id)
    ask(lobby, row_id)
    assert len(deliver()) == 1
    ask(lobby, row_id)
    assert deliver() == []
    assert mails_about(lobby, row_id) == 2


def test_while_the_first_email_is_on_its_way_no_second_one_follows(
    lobby: Lobby, deliver: Deliver
) -> None:
    row_id = post(lobby)
    ask(lobby, row_id)  # not even sorted
    worker.sort_submissions(lobby)
    assert mails_about(lobby, row_id) == 1
    assert requests(lobby) == {(row_id, AGAIN): True}
    assert len(deliver()) == 1


@pytest.mark.parametrize(
    "why",
    ["confirmed", "withdrawn", "disowned", "another signature", "mail off", "dead", "deleted"],
)
def test_nothing_comes_where_the_email_is_not_wanted_any_more(
    lobby: Lobby, deliver: Deliver, why: str
) -> None:
    row_id = post(lobby)
    if why == "another signature":
        other = post(lobby, STRANGER)
    deliver()
    with lobby.database.write() as session:
        now = lobby.clock()
        index = recipient_of(ANNA.email, lobby.keyring).address_index
        if why in ("confirmed", "mail off"):
            signature = confirming.confirm(session, row_id, keyring=lobby.keyring, now=now)
        if why == "another signature":
            confirming.confirm(session, other, keyring=lobby.keyring, now=now)
        if why == "withdrawn":
            signature_states.withdraw(session, row_id, now=now)
        if why == "disowned":
            signature_states.disown(session, row_id, now=now)
        if why == "dead":
            dead_addresses.note(session, index, member_id=None, detail="x", now=now)
    if why == "mail off":
        row_id = post(lobby, petition_slug=second_petition(lobby))
        deliver()
        with lobby.database.write() as session:
            preferences.change(session, signature.supporter_id, mail=False, now=lobby.clock())
    if why == "deleted":
        ask(lobby, row_id, DELETE)
    before = all_mails(lobby)
    ask(lobby, row_id)
    assert deliver() == []
    assert all_mails(lobby) == before
    assert requests(lobby)[row_id, AGAIN], "it is served all the same"


def second_petition(lobby: Lobby) -> str:
    with lobby.database.write() as session:
        values = {"slug": "another", "action": "Another", "addressed_to": "Somebody"}
        campaign = campaigns.public(session, CAMPAIGN)
        return petitions.create(session, campaign=campaign, values=values, now=lobby.clock()).slug


def test_a_submission_that_never_was_gets_nothing(lobby: Lobby, deliver: Deliver) -> None:
    deliver()
    row_id = uuid4()
    ask(lobby, row_id)
    ask(lobby, row_id, DELETE)
    assert deliver() == []
    assert requests(lobby) == {(row_id, AGAIN): True, (row_id, DELETE): True}


def test_a_submission_that_waits_for_room_does_not_jump_the_queue(
    lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    _, _, third = (post(lobby) for _ in range(3))
    assert len(deliver()) == 2
    ask(lobby, third)
    assert deliver() == []
    with lobby.database.read() as session:
        assert session.get_one(Submission, third).state is SubmissionState.WAITING
    clock.advance(days=1)
    assert len(deliver()) == 1, "it comes when there is room, as without the button"


def test_a_sender_gets_two_emails_a_day_about_a_petition_also_with_the_button(
    lobby: Lobby, deliver: Deliver
) -> None:
    first = post(lobby)
    second = post(lobby)
    assert len(deliver()) == 2
    ask(lobby, first)
    ask(lobby, second)
    assert deliver() == []


def test_an_email_by_the_button_counts_for_its_sender(lobby: Lobby, deliver: Deliver) -> None:
    row_id = post(lobby)
    deliver()
    ask(lobby, row_id)
    assert len(deliver()) == 1
    later = post(lobby)
    assert deliver() == []
    with lobby.database.read() as session:
        assert session.get_one(Submission, later).state is SubmissionState.WAITING


def test_a_mailbox_gets_no_more_than_its_share_through_the_button(
    lobby: Lobby, deliver: Deliver
) -> None:
    senders = [bytes([number]) * 16 for number in range(10)]
    ids = [post(lobby, sender) for sender in senders]
    assert len(deliver()) == 4
    for row_id in ids:
        ask(lobby, row_id)
    assert deliver() == []


def test_who_waits_for_the_mailbox_goes_before_an_email_by_the_button(
    lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    for _ in range(2):
        post(lobby, STRANGER)
    own = post(lobby, HOME)
    assert len(deliver()) == 3
    waiting = post(lobby, STRANGER)  # over the stranger's own limit
    assert deliver() == []
    ask(lobby, own)
    assert len(deliver()) == 1, "there is room, and the stranger has to wait anyway"
    assert exists(lobby, waiting)
    clock.advance(days=1)
    assert len(deliver()) == 1
    assert mails_about(lobby, waiting) == 1


# ---- deletions


def test_a_deletion_takes_off_what_is_not_confirmed(lobby: Lobby, deliver: Deliver) -> None:
    asked = post(lobby)
    deliver()
    ask(lobby, asked, DELETE)
    new = post(lobby, email="new@example.org")
    ask(lobby, new, DELETE)
    deliver()
    assert not exists(lobby, asked)
    assert not exists(lobby, new)
    for row_id in (asked, new):
        with pytest.raises(Gone):
            signatures.confirm(lobby, row_id)


def test_an_email_that_is_not_out_yet_does_not_go_after_a_deletion(
    lobby: Lobby, deliver: Deliver
) -> None:
    row_id = post(lobby)
    worker.sort_submissions(lobby)
    ask(lobby, row_id, DELETE)
    assert deliver() == []


def test_a_deletion_leaves_a_signature_and_other_submissions_alone(
    lobby: Lobby, deliver: Deliver
) -> None:
    confirmed, other = post(lobby), post(lobby, email="ben@example.org")
    deliver()
    signatures.confirm(lobby, confirmed)
    before = confirmed_count(lobby)
    ask(lobby, confirmed, DELETE)
    deliver()
    assert confirmed_count(lobby) == before
    assert exists(lobby, other)


def test_a_deletion_comes_before_an_email_that_was_asked_for_first(
    lobby: Lobby, deliver: Deliver
) -> None:
    row_id = post(lobby)
    deliver()
    ask(lobby, row_id, AGAIN)
    ask(lobby, row_id, DELETE)
    assert deliver() == []


# ---- races


def in_parallel(*calls: Callable[[], object]) -> list[object]:
    """Runs calls at once; returns their results, or the errors of the service."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return call()
        except Gone as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.mark.parametrize("round_number", range(5))
def test_of_a_deletion_and_a_confirmation_at_once_one_happens(
    lobby: Lobby, deliver: Deliver, second_database: Database, round_number: int
) -> None:
    row_id = post(lobby, email=f"anna{round_number}@example.org")
    deliver()
    before = confirmed_count(lobby)
    ask(lobby, row_id, DELETE)

    def confirm_elsewhere() -> UUID:
        with second_database.write() as session:
            now = lobby.clock()
            return confirming.confirm(session, row_id, keyring=lobby.keyring, now=now).id

    _, confirmed = in_parallel(lambda: worker.sort_submissions(lobby), confirm_elsewhere)
    assert not exists(lobby, row_id)
    is_confirmed = confirmed == row_id
    assert is_confirmed or isinstance(confirmed, Gone)
    assert confirmed_count(lobby) == before + is_confirmed


def test_two_sorters_at_once_send_one_email(
    lobby: Lobby, deliver: Deliver, second_database: Database
) -> None:
    ids = [post(lobby, email=f"person{number}@example.org") for number in range(20)]
    deliver()
    for row_id in ids:
        ask(lobby, row_id)

    def serve(database: Database) -> int:
        with database.write(is_public=False) as session:
            return sender_requests.serve(session, keyring=lobby.keyring, now=lobby.clock())

    served = in_parallel(lambda: serve(lobby.database), lambda: serve(second_database))
    assert sorted(served, key=str) == [0, 20]
    assert Counter(mails_about(lobby, row_id) for row_id in ids) == {2: 20}


def test_an_email_asked_for_while_it_is_confirmed_is_harmless(
    lobby: Lobby, deliver: Deliver, second_database: Database
) -> None:
    row_id = post(lobby)
    deliver()
    ask(lobby, row_id)

    def confirm_elsewhere() -> UUID:
        with second_database.write() as session:
            now = lobby.clock()
            return confirming.confirm(session, row_id, keyring=lobby.keyring, now=now).id

    _, confirmed = in_parallel(lambda: worker.sort_submissions(lobby), confirm_elsewhere)
    assert confirmed == row_id
    assert deliver() == [], "an email that was queued before is dropped"


def test_a_damaged_submission_stops_no_other_request(lobby: Lobby, deliver: Deliver) -> None:
    damaged, good = post(lobby), post(lobby, email="ben@example.org")
    deliver()
    with lobby.database.write() as session:
        sealed = sa.type_coerce(b"\x01" * 60, sa.LargeBinary)
        statement = sa.update(_submission).where(_submission.c.id == damaged)
        session.connection().execute(statement.values(payload=sealed))
    ask(lobby, damaged)
    ask(lobby, good)
    (mail,) = deliver()
    assert mail["To"] == "ben@example.org"
    assert set(requests(lobby).values()) == {True}


# ---- keeping


def test_requests_are_deleted_after_a_day(lobby: Lobby, deliver: Deliver, clock: Clock) -> None:
    old = post(lobby)
    deliver()
    ask(lobby, old)
    clock.advance(hours=23)
    new = post(lobby)
    ask(lobby, new)
    worker.delete_old_submissions(lobby, threading.Event())
    assert requests(lobby).keys() == {(old, AGAIN), (new, AGAIN)}
    clock.advance(hours=2)
    worker.delete_old_submissions(lobby, threading.Event())
    assert requests(lobby).keys() == {(new, AGAIN)}


def test_asking_takes_one_statement_for_everybody(lobby: Lobby) -> None:
    """Whether the submission is there, was confirmed, or asked before: the work is the same."""
    confirmed = post(lobby)
    signatures.confirm(lobby, confirmed)
    pending = post(lobby, email="ben@example.org")
    for kind in RequestKind:
        seen = {statements_of(lobby, row_id, kind) for row_id in (confirmed, pending, uuid4())}
        seen.add(statements_of(lobby, pending, kind))
        assert len(seen) == 1
        assert len(seen.pop()) == 1


def statements_of(lobby: Lobby, row_id: UUID, kind: RequestKind) -> Sequence[str]:
    statements: list[str] = []
    with lobby.database.write(is_public=False) as session:
        sa.event.listen(
            session.connection(),
            "before_cursor_execute",
            lambda _c, _cursor, statement, *_: statements.append(statement),
        )
        sender_requests.ask(session, row_id, kind, now=lobby.clock())
    return tuple(statements)
