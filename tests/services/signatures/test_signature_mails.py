"""Tests that mails about signatures rendered as a batch equal those rendered one by one."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session, col, select

import worker
from models import MessageKind, MessageState, OutboxMessage, Signature, Submission, Supporter
from models.base import table_of
from models.constituency import OVERSEAS, UNKNOWN
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.delivery import lookups, rendering
from services.delivery.lookups import NOTHING_PREFETCHED
from services.mail import mail_builder, mail_headers, outbox
from services.mail.mail_builder import Envelope, Mail
from services.mail.supporter_mails import DroppedMessage
from services.organisations import organisations
from services.parliament import members, seats
from services.parliament.members import MemberRow
from services.signatures import signature_mails, signature_states
from services.signatures.recording import SignatureRequest
from tests.support import signatures
from tests.support.common import CAN_SIGN, MINISTER, PETITION, SIGNED, START, Clock, text_of
from tests.support.pages import VACANT
from worker.mail_journal import MailJournal

Deliver = Callable[[], list[EmailMessage]]
Rendered = dict[UUID, Envelope | DroppedMessage]
ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
THEIRS = "achub-y-gig"
PLACES = (CAN_SIGN, SIGNED, MINISTER, VACANT, "ZZ1 1ZZ", "JE2 3AB")
_submission = table_of(Submission)
NAMES = ("Anna Example", "Siân O'Neill", 'Ben "B" Brown, MBE', "{{ action }} %s {name}", "李小龙")


def sign(lobby: Lobby, *requests: SignatureRequest) -> list[UUID]:
    """Signs without confirming, so that mails are queued; returns the ids of the submissions."""
    return signatures.sign_and_sort(lobby, *requests)


def add_foreign_petition(lobby: Lobby) -> None:
    """Adds a petition of another organisation whose texts are not ASCII."""
    now = lobby.clock()
    with lobby.database.write() as session:
        owner = organisations.create(session, name="Cyfeillion, y GIG", slug="theirs", now=now)
        values = {"slug": "theirs", "title": "Dŵr & iechyd", "summary": "", "status": "open"}
        campaign = campaigns.create(session, organisation_id=owner.id, values=values, now=now)
        action = "Achub y GIG – dŵr, iechyd a gofal i bawb yng Nghymru, ac ym mhob man arall hefyd"
        values = {"slug": THEIRS, "action": action, "addressed_to": "Them"}
        petitions.create(session, campaign=campaign, values=values, now=now)


def people() -> list[SignatureRequest]:
    """Makes 60 requests that cover all names, places, petitions and languages."""
    return [
        SignatureRequest(
            petition_slug=(PETITION, THEIRS)[number % 2],
            name=NAMES[number % len(NAMES)],
            email=f"p{number}@example.org",
            postcode=PLACES[number % len(PLACES)],
            locale=("en", "cy")[number // 2 % 2],
        )
        for number in range(60)
    ]


def vacate(lobby: Lobby, postcode: str) -> None:
    today, code = lobby.clock().date(), lobby.postcodes.lookup(postcode).constituency_code
    assert code is not None
    with lobby.database.write() as session:
        members.apply_rows(session, [MemberRow(code, None, today)], today=today)


ENDED = (0, 1, 2, 30, 31, 32)


def end_six(lobby: Lobby, ids: Sequence[UUID], known: UUID) -> None:
    """Ends what the queued mails to six people are about, or turns their mail off.

    The first submission is withdrawn, the second deleted; the signer of the third is known. The
    first signature is erased, the second withdrawn.
    """
    now = lobby.clock()
    with lobby.database.write() as session:
        signature_states.withdraw(session, ids[0], now=now)
        session.connection().execute(sa.delete(_submission).where(_submission.c.id == ids[1]))
        session.delete(session.get_one(Signature, ids[30]))
        signature_states.withdraw(session, ids[31], now=now)
        for signature_id in (known, ids[32]):
            signature = session.get_one(Signature, signature_id)
            session.get_one(Supporter, signature.supporter_id).mail_off_at = now


@pytest.fixture
def waiting(lobby: Lobby, deliver: Deliver, clock: Clock) -> list[OutboxMessage]:
    """Queues mails of both kinds about two petitions. A seat falls vacant after that."""
    deliver()
    add_foreign_petition(lobby)
    requests = people()
    (known,) = signatures.sign_and_confirm(lobby, requests[2])
    with lobby.database.write() as session:
        signature_states.withdraw(session, known, now=clock.now)
    ids = sign(lobby, *requests)
    # Of two submissions of one person the other one will be confirmed.
    sign(lobby, replace(requests[40], sender_index=b"another sender's"))
    signatures.confirm_all(lobby, ids[30:])
    sign(lobby, *requests[30:])
    end_six(lobby, ids, known)
    clock.advance(days=1)
    vacate(lobby, SIGNED)
    with lobby.database.read() as session:
        statement = select(OutboxMessage).where(OutboxMessage.state == MessageState.QUEUED)
        return list(session.exec(statement.order_by(col(OutboxMessage.id))))


def render_together(session: Session, lobby: Lobby, few: Sequence[OutboxMessage]) -> Rendered:
    now = lobby.clock()
    gathered = lookups.prefetch(session, few, keyring=lobby.keyring, now=now)
    return {
        message.id: rendering.render(
            session, message, lobby.mail_context, now=now, prefetched=gathered
        )
        for message in few
    }


def render_alone(lobby: Lobby, message: OutboxMessage) -> Envelope | DroppedMessage:
    with lobby.database.read() as session:
        return rendering.render(
            session, message, lobby.mail_context, now=lobby.clock(), prefetched=NOTHING_PREFETCHED
        )


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """Collects every statement that the block sends."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, text: str, *_more: object) -> None:
        if text != "BEGIN":
            sent.append(text)

    event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(sa.Engine, "before_cursor_execute", note)


def test_mails_of_two_petitions_and_languages_made_together_are_those_made_alone(
    lobby: Lobby, waiting: list[OutboxMessage]
) -> None:
    with lobby.database.read() as session:
        together = render_together(session, lobby, waiting)
    assert len(together) == 91
    assert together == {message.id: render_alone(lobby, message) for message in waiting}
    dropped = [
        rendered.reason for rendered in together.values() if isinstance(rendered, DroppedMessage)
    ]
    assert Counter(dropped) == {
        "the signature was erased": 33,  # of these 30 submissions became signatures
        "the signature is withdrawn": 1,
        "the supporter wants no mail": 2,
        "the signature is confirmed": 1,
    }


@pytest.mark.slow
def test_what_leaves_in_a_round_is_what_each_mail_would_be_alone(
    lobby: Lobby, deliver: Deliver, waiting: list[OutboxMessage]
) -> None:
    alone = {message.id: render_alone(lobby, message) for message in waiting}
    sent = deliver()
    envelopes = {key: rendered for key, rendered in alone.items() if isinstance(rendered, Envelope)}
    folder = lobby.mail_folder
    assert folder is not None
    written = {key: (folder.folder / f"{key}.eml").read_bytes() for key in envelopes}
    assert written == {key: rendered.content for key, rendered in envelopes.items()}
    assert len(sent) == len(envelopes) == 54


@pytest.mark.slow
def test_each_mail_names_its_own_signer_petition_and_seat(
    lobby: Lobby, deliver: Deliver, waiting: list[OutboxMessage]
) -> None:
    by_address = {mail["To"]: mail for mail in deliver()}
    for number, request in enumerate(people()):
        if number in ENDED:
            continue
        mail, is_theirs = by_address[request.email], number % 2 == 1
        text = text_of(mail)
        greeting = f"Dear {request.name}" if number >= 30 else "Hello"
        assert text.startswith(f"{greeting},\n")
        owner = "Cyfeillion, y GIG" if is_theirs else "Public Health Alliance (demonstration)"
        assert mail["From"].addresses[0].display_name == owner
        assert ("Achub y GIG" in mail["Subject"]) is is_theirs
        assert ("dŵr, iechyd" in text) is is_theirs
        if number >= 30:
            is_vacant = request.postcode in (VACANT, SIGNED)
            assert ("no MP for your constituency at the moment" in text) is is_vacant


def test_what_many_mails_need_is_looked_up_in_as_many_statements_as_for_one(
    lobby: Lobby, waiting: list[OutboxMessage]
) -> None:
    statement_counts = []
    one_of_each_kind = [waiting[3], waiting[-1]]
    assert {message.kind for message in one_of_each_kind} == set(signature_mails.KINDS)
    for few in (one_of_each_kind, waiting):
        with lobby.database.read() as session, recorded_statements() as sent:
            render_together(session, lobby, few)
        statement_counts.append(len(sent))
    assert statement_counts == [6, 6]


def test_a_payload_that_does_not_open_spoils_no_other_mail_that_is_made_with_it(
    lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    ids = sign(lobby, *(replace(ANNA, email=f"p{number}@example.org") for number in range(20)))
    with lobby.database.write() as session:
        broken = sa.type_coerce(sa.literal(b"\x01" * 60, sa.LargeBinary), sa.LargeBinary)
        statement = sa.update(_submission).where(_submission.c.id == ids[7]).values(payload=broken)
        session.connection().execute(statement)
    assert {mail["To"] for mail in deliver()} == {
        f"p{number}@example.org" for number in range(20) if number != 7
    }


@pytest.mark.parametrize("days", [-3000, -1, 0, 1, 3000])
def test_seats_that_are_vacant_are_those_without_a_member(
    lobby: Lobby, clock: Clock, days: int
) -> None:
    vacate(lobby, SIGNED)
    day = clock.now.date() + timedelta(days=days)
    with lobby.database.read() as session:
        seat_rows = seats.all_seats(session, today=day, organisation_id=None)
        codes = {seat.constituency.code for seat in seat_rows}
        vacant = {seat.constituency.code for seat in seat_rows if seat.member is None}
        candidates = codes | {UNKNOWN, OVERSEAS, "E99999999"}
        assert seats.vacant_among(session, candidates, today=day) == vacant
    assert vacant


# ---- recording results


def states(lobby: Lobby) -> dict[UUID, MessageState]:
    with lobby.database.read() as session:
        is_confirmation = OutboxMessage.kind == MessageKind.CONFIRM_SIGNATURE
        return {
            row.id: row.state for row in session.exec(select(OutboxMessage).where(is_confirmation))
        }


def claim_mails(lobby: Lobby, count: int) -> list[OutboxMessage]:
    sign(lobby, *(replace(ANNA, email=f"p{number}@example.org") for number in range(count)))
    with lobby.database.write() as session:
        return outbox.claim(session, now=lobby.clock(), limit=100)


def test_what_is_claimed_comes_in_the_order_in_which_it_was_queued(
    lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    claimed = claim_mails(lobby, 30)
    assert [message.id for message in claimed] == sorted(message.id for message in claimed)
    assert {(message.state, message.attempt) for message in claimed} == {(MessageState.CLAIMED, 1)}


def test_mails_accepted_together_are_each_written_down_with_their_own_answer(
    lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    deliver()
    claimed = claim_mails(lobby, 5)
    with lobby.database.write() as session:
        accepted = [(message, f"250 queued as {place}") for place, message in enumerate(claimed)]
        outbox.accept_many(session, accepted, now=clock.now)
    with lobby.database.read() as session:
        for place, message in enumerate(claimed):
            row = session.get_one(OutboxMessage, message.id)
            assert (row.state, row.detail) == (MessageState.ACCEPTED, f"250 queued as {place}")
            assert row.finished_at == clock.now


def test_a_mail_that_another_attempt_has_taken_over_is_left_to_it(
    lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    deliver()
    old = claim_mails(lobby, 3)
    clock.advance(minutes=11)
    worker.clean_up(lobby)
    with lobby.database.write() as session:
        (again,) = outbox.claim(session, now=clock.now, limit=1)
    with lobby.database.write() as session:
        outbox.accept_many(session, [(message, "250 late") for message in old], now=clock.now)
    waiting = {message.id: MessageState.QUEUED for message in old}
    assert waiting | {again.id: MessageState.CLAIMED} == {
        key: state for key, state in states(lobby).items() if key in waiting
    }


def test_one_that_cannot_be_written_down_spoils_it_for_no_other(
    lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    first, second, third = claim_mails(lobby, 3)
    journal, broken = MailJournal(lobby), second.model_copy()
    broken.attempt = "no number"  # type: ignore[assignment] # not an integer
    with journal.open():
        for message in (first, broken, third):
            journal.record(message, MessageState.ACCEPTED, "250 taken")
    state_by_id = states(lobby)
    assert state_by_id[first.id] is state_by_id[third.id] is MessageState.ACCEPTED
    assert state_by_id[second.id] is MessageState.CLAIMED, "the end of its lease settles it"


def test_mails_to_supporters_make_no_answer_to_the_public_old(
    lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    sign(lobby, *(replace(ANNA, email=f"p{number}@example.org") for number in range(5)))
    version = lobby.database.read_version()
    assert len(deliver()) == 5
    assert lobby.database.read_version() == version


def test_the_words_of_a_supporter_are_not_kept_for_other_mails() -> None:
    def build(name: str) -> None:
        mail = Mail(
            recipient="mp@example.org",
            sender_name=name,
            reply_to=(name, "anna@example.org"),
            subject=f"A letter of {name}",
            body="Please sign.\n",
            message_id="<1@lobby.example.org>",
            campaign="A campaign",
            is_automatic=False,
        )
        mail_builder.build(mail, mail_from="Lobby <post@lobby.example.org>", now=START)

    build("Anna")
    caches = (mail_headers.shared_mailbox, mail_headers.shared_text)
    before = [cache.cache_info().misses for cache in caches]
    for number in range(5):
        build(f"Ben {number}")
    assert [cache.cache_info().misses for cache in caches] == before
