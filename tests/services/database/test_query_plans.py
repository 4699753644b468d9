"""Tests that the statements of the busiest calls use an index and never scan a large table.

A listener records the statements that are really sent. SQLite's plan says SCAN where it reads a
whole table. PostgreSQL would rightly scan a small table, and large ones take too long to make, so
the tests set the statistics in its catalogue: each page holds a million rows, distributed as in
the demonstration. PostgreSQL then compares realistic costs, while `enable_seqscan = off` would
make it accept any index. Reading a whole index is a scan too: the plan must show a condition on
the index.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from models import (
    MessageState,
    Organisation,
    Organiser,
    OutboxMessage,
    Partner,
    Signature,
    SignatureState,
    Submission,
)
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.database.time_windows import ChangePosition, ChangeWindow
from services.files import exports
from services.files.export_lines import FileFormat
from services.letters import answers, confirmed_letters, letter_links, letter_requests
from services.mail import outbox
from services.signatures import (
    adoption,
    by_partner,
    confirming,
    keyed,
    known_signers,
    mail_links,
    signature_exports,
    signature_lists,
    signature_mails,
    signature_states,
)
from services.signatures.adoption import Position
from services.signatures.recording import ImportOrigin
from services.submissions import backlog, ending
from services.supporters import seat_watches, tags
from services.tallies import seat_table
from services.traffic import idempotency
from services.traffic.idempotency import KeyedRequest, StoredAnswer
from services.views import campaign_views, seat_views
from services.views.desk import home
from services.views.desk import petitions as desk_petitions
from services.webhooks import claims, deliveries, outcomes, stops, warning_mails
from services.webhooks.sender import Reply
from tests.support import mail, signatures
from tests.support.common import CAMPAIGN, PETITION
from tests.support.database.query_plans import (
    Act,
    add_second_petition_with_rows,
    attempt_of,
    full_scans,
    pretend_to_be_large,
    record,
    requests,
    sent_statements,
    sort,
)
from tools import earlier_signatures
from tools.earlier_signatures import EarlierSignature

# Removed rows of other tests would make tables look larger to the planner.
pytestmark = pytest.mark.own_database


@pytest.fixture
def another(lobby: Lobby) -> None:
    add_second_petition_with_rows(lobby)


def record_with_keys(session: Session, lobby: Lobby) -> None:
    """Records new keys, known keys, and known keys that have expired."""
    stored_answer = StoredAnswer(201, b"{}")
    keyed_requests = [
        replace(
            request, keyed=KeyedRequest(attempt_of(lobby, request.name), lambda _: stored_answer)
        )
        for request in requests("anna", "bertha")
    ]
    for days in (0, 0, 1):
        now = lobby.clock() + timedelta(days=days)
        lookup, keyring = lobby.postcodes.lookup, lobby.keyring
        keyed.record(session, keyed_requests, postcodes=lookup, keyring=keyring, now=now)


def forget_keys(session: Session, lobby: Lobby) -> None:
    idempotency.delete_expired(session, now=lobby.clock(), limit=1000)


def sort_submissions(session: Session, lobby: Lobby) -> None:
    """Sorts submissions of people who have signed, who are asked, and whose mail must wait."""
    ids = record(session, lobby)
    confirming.confirm_all(session, ids[:1], keyring=lobby.keyring, now=lobby.clock())
    record(session, lobby)
    sort(session, lobby)


def confirm(session: Session, lobby: Lobby) -> None:
    """Confirms submissions of new and known people, also after another one, and again."""
    owner = petitions.public(session, PETITION).organisation_id
    tag = tags.create(session, organisation_id=owner, name="a tag", now=lobby.clock())
    tagged = [
        replace(request, tag_ids=(tag.id,), partner="partner-1", partner_contact=True)
        for request in requests("anna", "cara")
    ]
    ids = record(session, lobby)
    ids += [
        outcome.signature_id
        for outcome in signatures.record_in(session, lobby, tagged)
        if outcome.signature_id
    ]
    for _ in range(2):
        confirming.confirm_all(session, ids, keyring=lobby.keyring, now=lobby.clock())


def confirm_imports(session: Session, lobby: Lobby) -> None:
    """Confirms submissions of people whose imported signatures stand already."""
    bring_in(session, lobby)
    ids = record(session, lobby)
    for _ in range(2):
        confirming.confirm_all(session, ids, keyring=lobby.keyring, now=lobby.clock())


def bring_in(session: Session, lobby: Lobby) -> None:
    """Imports a signature of a person who is asked already, and a new one; then asks for both."""
    record(session, lobby)
    sort(session, lobby)
    for is_confirmed in (False, True, False):
        paper = ImportOrigin("paper, Leeds stall, 3 May 2026", is_confirmed=is_confirmed)
        imports = [replace(request, imported=paper) for request in requests("anna", "cara")]
        signatures.record_in(session, lobby, imports)


def take_back(session: Session, lobby: Lobby) -> None:
    """Withdraws and disowns signatures and submissions, and lifts a refusal."""
    ids, now = record(session, lobby), lobby.clock()
    confirming.confirm_all(session, ids[:2], keyring=lobby.keyring, now=now)
    sort(session, lobby)
    signature_states.withdraw(session, ids[0], now=now)
    refused = signature_states.disown(session, ids[1], now=now).refused
    assert refused is not None
    more = record(session, lobby)
    sort(session, lobby)
    signature_states.withdraw(session, more[0], now=now)
    signature_states.disown(session, more[3], now=now)
    ending.lift_refusal(session, refused.subject_id, ending.address_id(refused))


def delete_old(session: Session, lobby: Lobby) -> None:
    """Deletes old submissions and refusals, and empties the hashes of senders."""
    later = lobby.clock() + timedelta(days=15)
    record(session, lobby)
    sort(session, lobby)
    while ending.delete_old(session, now=later):
        pass
    ending.delete_old_refusals(session, now=later)
    for after in (None, UUID(int=1)):
        ids = ending.with_old_senders(session, after=after, now=later)
        ending.empty_senders(session, [*ids, UUID(int=2)])


def follow_links(session: Session, lobby: Lobby) -> None:
    """Reads what links are about: a submission, one beside a signature, a signature, nothing."""
    ids = record(session, lobby)
    sort(session, lobby)
    mail_links.find(session, ids[1], keyring=lobby.keyring)
    confirming.confirm_all(session, ids[:1], keyring=lobby.keyring, now=lobby.clock())
    for row_id in (ids[0], ids[2], UUID(int=1)):
        mail_links.find(session, row_id, keyring=lobby.keyring)


def windows(lobby: Lobby) -> tuple[ChangeWindow, ChangeWindow]:
    """Returns the beginning of a list of changes, and a place within it."""
    now = lobby.clock()
    return ChangeWindow(now), ChangeWindow(now, ChangePosition(now, UUID(int=0)))


def know_signers(session: Session, lobby: Lobby) -> None:
    petition = petitions.public(session, PETITION)
    emails = [request.email for request in requests("anna", "bertha")]
    known_signers.standing(session, petition, emails, keyring=lobby.keyring)
    known_signers.find(session, petition, emails, keyring=lobby.keyring)


def list_signatures(session: Session, lobby: Lobby) -> None:
    """Lists signatures and submissions with every combination of filters, and counts them."""
    petition = petitions.public(session, PETITION)
    for state in (None, SignatureState.PENDING, SignatureState.CONFIRMED):
        shared: Any = {"state": state, "limit": 101, "keyring": lobby.keyring}
        for after in (None, UUID(int=0)):
            signature_lists.page(session, petition.id, after=after, **shared)
        for window in windows(lobby):
            signature_lists.changes(session, petition.id, window=window, **shared)
    desk_petitions.of_organisation(session, petition.organisation_id, now=lobby.clock())


def export_pending(_session: Session, lobby: Lobby) -> None:
    """Exports submissions, in sessions of its own."""
    with lobby.database.read() as session:
        petition = petitions.public(session, PETITION)
    for since in (None, lobby.clock()):
        pending_export = signature_exports.of_petition(
            petition, is_personal=True, state=SignatureState.PENDING, since=since
        )
        for _ in exports.chunks(
            lobby.database, pending_export, FileFormat.CSV, keyring=lobby.keyring, size=10
        ):
            pass


def read_backlog(session: Session, lobby: Lobby) -> None:
    backlog.oldest_new(session, now=lobby.clock())
    backlog.count_unreadable(session)


def adopt(session: Session, lobby: Lobby) -> None:
    """Adopts signatures from before submissions: by the job, by a confirmation, by a withdrawal."""
    petition, now = petitions.public(session, PETITION), lobby.clock()
    people = [
        EarlierSignature(
            f"earlier{number}@example.org",
            SignatureState.PENDING,
            now - timedelta(days=number),
            updates=True,
        )
        for number in range(20)
    ]
    ids = earlier_signatures.add(session, petition, people, keyring=lobby.keyring)
    confirming.confirm_all(session, ids[:1], keyring=lobby.keyring, now=now)
    signature_states.withdraw(session, ids[1], now=now)
    signature_states.disown(session, ids[2], now=now)
    for after in (None, Position(now - timedelta(days=20), UUID(int=1))):
        adoption.adopt_next(session, after=after, keyring=lobby.keyring, now=now)


def write_letters(session: Session, lobby: Lobby) -> None:
    """Submits letters, sorts and confirms them, reads their mails, and cancels and disowns them."""
    now, keyring = lobby.clock(), lobby.keyring
    ids = [
        mail.submit_letter_in(session, lobby, email=f"w{number}@example.org").id
        for number in range(4)
    ]
    sort(session, lobby)
    asking = select(OutboxMessage).where(col(OutboxMessage.subject_id).in_(ids))
    letter_requests.gather(session, session.exec(asking).all(), keyring=keyring)
    for row_id in ids[:2]:
        confirmed_letters.confirm(session, row_id, keyring=keyring, now=now)
    letter_links.cancel(session, ids[0], keyring=keyring, now=now)
    letter_links.cancel(session, ids[2], keyring=keyring, now=now)
    letter_links.disown(session, ids[3], keyring=keyring, now=now)
    again = mail.submit_letter_in(session, lobby, email="w0@example.org").id
    sort(session, lobby)
    confirmed_letters.confirm(session, again, keyring=keyring, now=now)
    mail.submit_letter_in(session, lobby, email="w5@example.org", proof=UUID(int=1))


def read_tally(session: Session, lobby: Lobby) -> None:
    seat_table.of_campaign(session, campaigns.public(session, CAMPAIGN), now=lobby.clock())


def read_board(session: Session, lobby: Lobby) -> None:
    seat_views.board_of_petition(session, PETITION, now=lobby.clock())


def read_campaign(session: Session, lobby: Lobby) -> None:
    campaign = campaigns.public(session, CAMPAIGN)
    campaign_views.of_campaign(session, campaign, now=lobby.clock())


def read_petition(session: Session, lobby: Lobby) -> None:
    petition = petitions.public(session, PETITION)
    campaign_views.of_petition(session, petition, now=lobby.clock())
    petitions.count(session, petition.id)


def deliver(session: Session, lobby: Lobby) -> None:
    """Claims mails, gives one back, claims it again, and finishes all of them."""
    record(session, lobby)
    sort(session, lobby)
    now = lobby.clock()
    first, second = outbox.claim(session, now=now, limit=2, pace=lobby.pace)
    outbox.give_back(session, [second], now=now)
    outbox.before_dots(session, [first], outbox.held(session, [first]))
    outbox.finish(session, first, MessageState.ACCEPTED, now=now, detail="250")
    accepted = [(message, "250") for message in outbox.claim(session, now=now, limit=9)]
    outbox.accept_many(session, accepted, now=now)


def look_up_for_mails(session: Session, lobby: Lobby) -> None:
    """Reads what mails about submissions and about signatures need."""
    ids = record(session, lobby)
    confirming.confirm_all(session, ids[:1], keyring=lobby.keyring, now=lobby.clock())
    record(session, lobby)
    sort(session, lobby)
    messages = outbox.claim(session, now=lobby.clock(), limit=1000, pace=lobby.pace)
    assert {message.kind for message in messages} == set(signature_mails.KINDS)
    today = lobby.clock().date()
    signature_mails.gather(session, messages, keyring=lobby.keyring, today=today)


def release(session: Session, lobby: Lobby) -> None:
    outbox.release_stale(session, now=lobby.clock())


def ask_writers(session: Session, lobby: Lobby) -> None:
    answers.queue_questions(session, keyring=lobby.keyring, now=lobby.clock() + timedelta(days=60))


def tell_of_new_members(session: Session, lobby: Lobby) -> None:
    seat_watches.queue_mails(session, keyring=lobby.keyring, now=lobby.clock())


def tell_others(session: Session, lobby: Lobby) -> None:
    """Runs all queries of webhook deliveries, from queueing to deleting old ones."""
    now = lobby.clock()
    take_back(session, lobby)
    for endpoint_id in claims.due_endpoints(session, now=now, limit=9):
        endpoint, claimed = claims.claim(session, endpoint_id, now=now, limit=9)
        assert endpoint is not None
        ended = [outcomes.FinishedAttempt(delivery, Reply(status=410)) for delivery in claimed[:1]]
        outcomes.record(session, endpoint_id, ended, claimed[1:], now=now)
        stops.release(session, endpoint_id)
        deliveries.page(session, endpoint, state=None, after=UUID(int=1), limit=9)
        deliveries.counts(session, [endpoint_id])
        warning_mails.queue_failing(session, endpoint, now=now)
    claims.release_stale(session, now=now)
    stops.disable_keyless(session, now=now)
    deliveries.count_unfinished(session)
    deliveries.delete_old(session, now=now, limit=1000)


def read_home(session: Session, lobby: Lobby) -> None:
    """Reads the home of an owner's desk, a month after the letters went.

    On the day itself, a condition on the last 24 hours would select every letter.
    """
    owner = session.exec(select(Organiser)).one()
    home.of_organiser(
        session,
        owner,
        session.get_one(Organisation, owner.organisation_id),
        session_id=UUID(int=1),
        keyring=lobby.keyring,
        now=lobby.clock() + timedelta(days=30),
    )


def readiness(session: Session, lobby: Lobby) -> None:
    outbox.oldest_due(session, now=lobby.clock())


def page(session: Session, lobby: Lobby) -> None:
    """Reads pages with every combination of filters, and counts them."""
    petition = petitions.public(session, PETITION)
    for state in (None, SignatureState.CONFIRMED):
        for after in (None, UUID(int=0)):
            signature_states.page(session, petition.id, state=state, after=after, limit=101)
        for window in windows(lobby):
            signature_states.changes(session, petition.id, state=state, window=window, limit=101)


def page_of_partner(session: Session, lobby: Lobby) -> None:
    """Reads one partner's signatures and the counts of all partners."""
    petition = petitions.public(session, PETITION)
    partner = session.exec(select(Partner).where(Partner.slug == "partner-1")).one()
    for state in (None, SignatureState.CONFIRMED):
        shared: Any = {"partner_id": partner.id, "state": state, "limit": 101}
        for after in (None, UUID(int=0)):
            by_partner.page(session, petition.id, after=after, **shared)
        for window in windows(lobby):
            by_partner.changes(session, petition.id, window=window, **shared)
    by_partner.count_by_partner(session, partner.organisation_id)
    for is_own in (True, False):
        by_partner.of_partner(session, partner, is_own=is_own, days=30, now=lobby.clock())


def export_for_partner(session: Session, lobby: Lobby) -> None:
    petition = petitions.public(session, PETITION)
    partner = session.exec(select(Partner).where(Partner.slug == "partner-1")).one()
    for is_personal in (True, False):
        partner_export = signature_exports.of_petition(
            petition, is_personal=is_personal, partner_id=partner.id
        )
        for _ in exports.chunks(
            lobby.database, partner_export, FileFormat.CSV, keyring=lobby.keyring, size=10
        ):
            pass


def record_for_partners(session: Session, lobby: Lobby) -> None:
    of_partner = [
        replace(request, partner="partner-1", partner_contact=True)
        for request in requests("anna", "bertha")
    ]
    signatures.record_in(session, lobby, of_partner)


def export(_session: Session, lobby: Lobby) -> None:
    """Exports with and without personal data, in sessions of its own."""
    with lobby.database.read() as session:
        petition = petitions.public(session, PETITION)
    for is_personal in (True, False):
        petition_export = signature_exports.of_petition(petition, is_personal=is_personal)
        for _ in exports.chunks(
            lobby.database, petition_export, FileFormat.CSV, keyring=lobby.keyring, size=10
        ):
            pass


HOT: list[tuple[Act, int]] = [
    (record, 4),
    (record_with_keys, 12),
    (forget_keys, 1),
    (confirm, 35),
    (bring_in, 57),
    (take_back, 94),
    (list_signatures, 22),
    (export_pending, 41),
    (read_backlog, 2),
    (adopt, 89),
    (write_letters, 100),
    (sort_submissions, 45),
    (confirm_imports, 80),
    (delete_old, 37),
    (follow_links, 51),
    (know_signers, 3),
    (read_tally, 6),
    (read_board, 5),
    (read_campaign, 6),
    (read_petition, 2),
    (deliver, 36),
    (look_up_for_mails, 54),
    (release, 2),
    (ask_writers, 1),
    (tell_of_new_members, 1),
    (read_home, 12),
    (readiness, 1),
    (tell_others, 120),
    (page, 9),
    (export, 72),
    (page_of_partner, 13),
    (export_for_partner, 4),
    (record_for_partners, 3),
]


@pytest.mark.slow
@pytest.mark.usefixtures("another")
@pytest.mark.parametrize(("act", "least"), HOT, ids=[act.__name__ for act, _ in HOT])
def test_nothing_large_is_read_from_end_to_end(lobby: Lobby, act: Act, least: int) -> None:
    with lobby.database.write() as session, sent_statements() as sent:
        act(session, lobby)
    assert len(sent) >= least, "not all of it was taken down"
    pretend_to_be_large(lobby)
    with lobby.database.write() as session:
        scans = {text: full_scans(session.connection(), (text, values)) for text, values in sent}
    assert {text: tables for text, tables in scans.items() if tables} == {}


def test_a_scan_is_seen_where_there_is_one(lobby: Lobby) -> None:
    row, submission = table_of(Signature), table_of(Submission)
    statements: list[sa.Executable] = [
        sa.select(sa.func.count()).select_from(row).where(row.c.country == "FR"),
        sa.select(row.c.id).order_by(row.c.supporter_id),
        sa.select(submission.c.id).where(submission.c.constituency_code == "S14000078"),
        sa.update(row).where(row.c.source.is_(None)).values(country="FR"),
    ]
    pretend_to_be_large(lobby)
    for statement in statements:
        with lobby.database.write() as session, sent_statements() as sent:
            session.connection().execute(statement)
        with lobby.database.write() as session:
            assert full_scans(session.connection(), sent[-1]), statement
