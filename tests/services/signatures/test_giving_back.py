"""Tests how submissions become pending signatures again, on the way down to an earlier version."""

import threading
from collections.abc import Iterator, MutableMapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from structlog.testing import capture_logs

import worker
from core import logs
from models import (
    Consent,
    MessageKind,
    OutboxMessage,
    Refusal,
    Signature,
    SignatureState,
    Submission,
    SubmissionState,
    Supporter,
)
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import petitions
from services.database import engine
from services.errors import Conflict
from services.organisations.partners import NamedPartner
from services.signatures import giving_back, signature_states
from services.signatures.recording import ImportOrigin, SignatureRequest
from services.supporters import supporters
from tests.support.common import CAN_SIGN, PETITION, Clock, Mailbox
from tests.support.partners import PAPER, SECOND, add_partner, add_second_petition
from tests.support.signatures import confirm, record, sign_and_confirm, sign_and_sort
from tools import earlier_signatures
from tools.earlier_signatures import EarlierSignature

ANNA = "anna@example.org"
_submission = table_of(Submission)


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """Captures the log entries of every level that an operator sees."""
    logs.configure()
    with capture_logs() as entries:
        yield entries
    logs.configure(level="ERROR")


def request(email: str = ANNA, slug: str = PETITION, **values: Any) -> SignatureRequest:
    return SignatureRequest(slug, "Anna Bell", email, CAN_SIGN, **values)


def asked(lobby: Lobby, email: str = ANNA, slug: str = PETITION, **values: Any) -> UUID:
    """Makes a submission whose mail is queued; returns its id."""
    (row_id,) = sign_and_sort(lobby, request(email, slug, **values))
    return row_id


def give_back(lobby: Lobby) -> int:
    return worker.give_back_submissions(lobby)


def signature(lobby: Lobby, row_id: UUID) -> Signature | None:
    with lobby.database.read() as session:
        return session.get(Signature, row_id)


def pending(lobby: Lobby, row_id: UUID) -> Signature:
    found = signature(lobby, row_id)
    assert found is not None
    assert found.state is SignatureState.PENDING
    return found


def consents(lobby: Lobby, row_id: UUID) -> list[Consent]:
    with lobby.database.read() as session:
        return list(session.exec(select(Consent).where(Consent.signature_id == row_id)))


def messages(lobby: Lobby, row_id: UUID) -> list[OutboxMessage]:
    with lobby.database.read() as session:
        statement = select(OutboxMessage).where(OutboxMessage.subject_id == row_id)
        return list(session.exec(statement))


def submissions(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return len(session.exec(select(Submission.id)).all())


def test_a_submission_becomes_a_pending_signature_with_the_same_id(lobby: Lobby) -> None:
    row_id = asked(lobby, comment="My own words", source="leaflet", updates=False)
    assert give_back(lobby) == 1
    found = pending(lobby, row_id)
    assert (found.name.text, found.postcode.text) == ("Anna Bell", CAN_SIGN)
    assert (found.comment.text, found.source) == ("My own words", "leaflet")
    assert (found.constituency_code, found.signed_at) == ("S14000078", lobby.clock())
    assert (found.confirmed_at, found.ended_at, found.provenance) == (None, None, None)
    with lobby.database.read() as session:
        person = session.get_one(Supporter, found.supporter_id)
        assert (person.email.text, person.name) == (ANNA, None)
    (consent,) = consents(lobby, row_id)
    assert (consent.granted, consent.effective_at) == (False, None)
    assert consent.given_at == lobby.clock()
    assert submissions(lobby) == 0
    assert len(messages(lobby, row_id)) == 1, "its mail was queued before"


def test_answers_to_a_partner_come_back(lobby: Lobby) -> None:
    partner = add_partner(lobby)
    row_id = asked(lobby, partner=PAPER, partner_contact=True)
    give_back(lobby)
    assert pending(lobby, row_id).partner_id == partner.id
    (consent,) = consents(lobby, row_id)
    assert (consent.kind, consent.granted) == (f"partner:{PAPER}", True)
    assert consent.effective_at is None


def test_an_import_that_waits_comes_back_with_its_provenance(lobby: Lobby) -> None:
    given_at = lobby.clock() - timedelta(days=60)
    origin = ImportOrigin("paper, Leeds", signed_at=given_at, is_confirmed=False)
    (outcome,) = record(lobby, [request(imported=origin, updates=True)])
    assert outcome.signature_id is not None
    give_back(lobby)
    assert pending(lobby, outcome.signature_id).provenance == "paper, Leeds"
    (consent,) = consents(lobby, outcome.signature_id)
    assert (consent.granted, consent.given_at, consent.effective_at) == (True, given_at, None)


def test_what_nobody_has_sorted_yet_comes_back_with_its_mail(lobby: Lobby) -> None:
    (outcome,) = record(lobby, [request()])
    assert outcome.signature_id is not None
    give_back(lobby)
    pending(lobby, outcome.signature_id)
    (message,) = messages(lobby, outcome.signature_id)
    assert message.kind is MessageKind.CONFIRM_SIGNATURE
    assert [mail["to"] for mail in Mailbox(lobby).deliver()] == [ANNA]


def test_what_waits_for_its_mail_comes_back_with_one_within_the_daily_limit(
    lobby: Lobby, clock: Clock
) -> None:
    add_second_petition(lobby)
    for number in range(5):
        email = f"anna+{number}@example.org"
        (row_id,) = sign_and_sort(lobby, request(email, sender_index=bytes([number]) * 16))
    with lobby.database.read() as session:
        assert session.get_one(Submission, row_id).state is SubmissionState.WAITING
    last = asked(lobby, "anna+9@example.org", SECOND, sender_index=b"9" * 16)
    give_back(lobby)
    pending(lobby, row_id)
    pending(lobby, last)
    due = sorted(message.due_at for each in (row_id, last) for message in messages(lobby, each))
    assert due == [clock.now, clock.now + timedelta(days=1)], "five a day, and the sixth waits"


def test_of_several_of_one_person_and_petition_the_newest_comes_back(
    lobby: Lobby, clock: Clock
) -> None:
    older = asked(lobby, updates=True)
    clock.advance(minutes=1)
    newer = asked(lobby, updates=False)
    add_second_petition(lobby)
    elsewhere = asked(lobby, slug=SECOND)
    assert give_back(lobby) == 3
    assert signature(lobby, older) is None
    pending(lobby, newer)
    pending(lobby, elsewhere)
    assert [consent.granted for consent in consents(lobby, newer)] == [False]
    assert consents(lobby, older) == []


@pytest.mark.parametrize(
    "state",
    [
        SignatureState.CONFIRMED,
        SignatureState.WITHDRAWN,
        SignatureState.REJECTED,
        SignatureState.PENDING,
    ],
)
def test_nothing_comes_back_where_the_person_has_a_signature(
    lobby: Lobby, state: SignatureState
) -> None:
    row_id = asked(lobby, updates=True)
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, PETITION)
        there = EarlierSignature(ANNA, state, lobby.clock(), updates=False)
        earlier_signatures.add(session, petition, [there], keyring=lobby.keyring)
    give_back(lobby)
    assert signature(lobby, row_id) is None
    assert consents(lobby, row_id) == []
    assert submissions(lobby) == 0


def test_whose_owner_has_refused_does_not_come_back(lobby: Lobby) -> None:
    first = asked(lobby)
    with lobby.database.write() as session:
        signature_states.disown(session, first, now=lobby.clock())
        assert session.exec(select(Refusal)).one()
    (outcome,) = record(lobby, [request()])
    assert outcome.signature_id is not None
    give_back(lobby)
    assert signature(lobby, outcome.signature_id) is None
    assert submissions(lobby) == 0


def test_what_is_too_old_does_not_come_back(lobby: Lobby, clock: Clock) -> None:
    row_id = asked(lobby)
    clock.advance(days=14, seconds=1)
    give_back(lobby)
    assert (signature(lobby, row_id), submissions(lobby)) == (None, 0)


def test_the_work_is_in_small_transactions_and_goes_on_after_a_stop(
    lobby: Lobby, clock: Clock
) -> None:
    first = asked(lobby)
    clock.advance(minutes=1)
    emails = [f"p{number}@example.org" for number in range(450)]
    ids = sign_and_sort(lobby, *map(request, emails), request())
    with lobby.database.write() as session:
        part = giving_back.give_back(
            session, before=giving_back.THE_NEWEST, keyring=lobby.keyring, now=lobby.clock()
        )
    assert (part.ended, submissions(lobby)) == (200, 252)
    assert give_back(lobby) == 252
    assert give_back(lobby) == 0
    with lobby.database.read() as session:
        found = set(session.exec(select(Signature.id).where(col(Signature.id).in_(ids))))
    assert found == set(ids)
    assert signature(lobby, first) is None, "the newest was given back in another transaction"


def test_one_that_does_not_open_stays_and_stops_the_schema(
    lobby: Lobby, logged: list[MutableMapping[str, Any]]
) -> None:
    damaged, good = asked(lobby, "damaged@example.org"), asked(lobby)
    with lobby.database.write() as session:
        session.connection().execute(
            sa.text("UPDATE submission SET payload = :junk WHERE id = :id").bindparams(
                sa.bindparam("id", damaged, _submission.c.id.type), junk=b"\x01" * 60
            )
        )
    assert give_back(lobby) == 1
    pending(lobby, good)
    told = [entry for entry in logged if entry["event"] == "submission_unreadable"]
    assert [entry["submission"] for entry in told] == [str(damaged)]
    with pytest.raises(Conflict, match="database: 1"):
        engine.migrate(lobby.database, "0015")


@pytest.mark.slow
def test_going_up_down_and_up_changes_no_pending_signature(lobby: Lobby) -> None:
    partner = add_partner(lobby)
    named = NamedPartner(partner.id, partner.organisation_id, PAPER, partner.name)
    moment, pending_state = lobby.clock() - timedelta(days=3), SignatureState.PENDING
    given_at = moment - timedelta(days=30)
    rows = [
        EarlierSignature("a@example.org", pending_state, moment, updates=True, comment="Words"),
        EarlierSignature("b@example.org", pending_state, moment, updates=False, source="x"),
        EarlierSignature("c@example.org", pending_state, moment),
        EarlierSignature(
            "d@example.org", pending_state, moment, partner=named, partner_contact=True
        ),
        EarlierSignature(
            "e@example.org",
            pending_state,
            moment,
            provenance="paper, Leeds",
            updates=True,
            given_at=given_at,
        ),
        EarlierSignature("f@example.org", SignatureState.CONFIRMED, moment, updates=True),
        EarlierSignature("g@example.org", SignatureState.WITHDRAWN, moment, updates=True),
    ]
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, PETITION)
        ids = earlier_signatures.add(session, petition, rows, keyring=lobby.keyring)
    before = everything(lobby, ids)
    assert len(before) == 13
    assert worker.SignatureAdoption()(lobby, threading.Event()) == 5
    assert everything(lobby, ids) != before
    assert give_back(lobby) == 5
    assert everything(lobby, ids) == before
    engine.migrate(lobby.database, "0015")
    engine.migrate(lobby.database)
    assert everything(lobby, ids) == before
    worker.SignatureAdoption()(lobby, threading.Event())
    for row_id in ids[:5]:
        assert confirm(lobby, row_id).id == row_id


def everything(lobby: Lobby, ids: list[UUID]) -> list[dict[str, Any]]:
    """Returns signatures and their consents, decrypted. Consents have new ids on the way back."""
    with lobby.database.read() as session:
        signatures = session.exec(select(Signature).where(col(Signature.id).in_(ids)))
        rows = [signature.model_dump() for signature in signatures]
        answers = session.exec(select(Consent).where(col(Consent.signature_id).in_(ids)))
        rows += [answer.model_dump(exclude={"id"}) for answer in answers]
    return sorted(rows, key=str)


@pytest.mark.slow
def test_a_link_from_the_newer_version_works_after_the_way_down_and_up(lobby: Lobby) -> None:
    row_id = asked(lobby, updates=False)
    give_back(lobby)
    engine.migrate(lobby.database, "0015")
    engine.migrate(lobby.database)
    assert confirm(lobby, row_id).id == row_id
    with lobby.database.read() as session:
        owner = petitions.by_slug(session, PETITION).organisation_id
        index = supporters.EmailAddress.of(owner, ANNA, lobby.keyring).index
        statement = (
            select(Consent.granted)
            .join(Supporter, col(Supporter.id) == Consent.supporter_id)
            .where(Supporter.email_index == index)
        )
        assert session.exec(statement).all() == [False]


def test_confirmed_signatures_are_not_touched(lobby: Lobby) -> None:
    (row_id,) = sign_and_confirm(lobby, request(updates=True))
    before = everything(lobby, [row_id])
    assert give_back(lobby) == 0
    assert everything(lobby, [row_id]) == before


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        ("0016", "0015", True),
        ("0016", "base", True),
        ("0016", "-1", True),
        ("0017", "0001", True),
        ("0017", "0016", False),
        ("0015", "0014", False),
        ("0016", "head", False),
        ("0015", "head", False),
        (None, "head", False),
        (None, "0015", False),
    ],
)
def test_only_the_way_below_submissions_gives_them_back(
    current: str | None, wanted: str, expected: bool
) -> None:
    assert worker.needs_giving_back(current, wanted) is expected
