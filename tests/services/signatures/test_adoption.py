"""Tests how signatures from before submissions, which wait for confirmation, become submissions."""

import threading
from collections.abc import Callable, Iterator, MutableMapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select
from structlog.testing import capture_logs

import worker
from core import logs
from models import (
    Consent,
    Private,
    Signature,
    SignatureState,
    Submission,
    SubmissionState,
    Supporter,
    Wording,
)
from models.base import new_id, table_of
from services.assembly import Lobby
from services.consents import introductions, preferences
from services.demonstration import invented_campaign
from services.organisations import organisations
from services.organisations.partners import NamedPartner
from services.signatures import (
    adoption,
)
from services.signatures.recording import SignatureRequest
from services.submissions.payload import PayloadPartner, SignaturePayload
from services.supporters import supporters, tags, wordings
from tests.support.common import CAN_SIGN, PETITION, Clock
from tests.support.database.earlier import (
    ANNA,
    DAY,
    add,
    adopt,
    consents,
    contents,
    damage,
    pending,
    signature,
    submission,
    supporter,
)
from tests.support.partners import PAPER, RADIO, add_partner
from tests.support.signatures import confirm, sign_and_sort
from tools.earlier_signatures import EarlierSignature

PAST = "paper, Leeds stall, 3 May 2026"
_signature = table_of(Signature)


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """Captures the log entries of every level that an operator sees."""
    logs.configure()
    with capture_logs() as entries:
        yield entries
    logs.configure(level="ERROR")


def test_a_pending_signature_becomes_a_submission_with_the_same_id(lobby: Lobby) -> None:
    signed_at = lobby.clock() - DAY
    row_id = pending(lobby, comment="My own words", source="leaflet", name="Anna Bell")
    person = supporter(lobby)
    assert person is not None
    assert adopt(lobby) == 1
    found = submission(lobby, row_id)
    assert found is not None
    assert found.state is SubmissionState.ASKED
    assert (found.received_at, found.constituency_code) == (signed_at, "S14000078")
    assert found.address_index == person.email_index
    assert found.sender_index is None
    assert contents(lobby, row_id) == SignaturePayload(
        name="Anna Bell",
        email=ANNA,
        postcode="EH1 1YZ",
        country="GB",
        locale="en",
        comment="My own words",
        source="leaflet",
    )
    assert signature(lobby, row_id) is None


@pytest.mark.parametrize("answer", [True, False, None])
def test_the_waiting_answer_is_taken_along_and_holds_after_the_confirmation(
    lobby: Lobby, answer: bool | None
) -> None:
    row_id = pending(lobby, updates=answer)
    with lobby.database.read() as session:
        before = session.exec(select(Consent.wording_id).where(Consent.signature_id == row_id))
        asked_with = before.all()
    adopt(lobby)
    assert consents(lobby) == []
    assert contents(lobby, row_id).updates is answer
    confirm(lobby, row_id)
    after = consents(lobby)
    assert [consent.granted for consent in after] == [answer] * (answer is not None)
    assert [consent.wording_id for consent in after] == asked_with
    assert all(consent.given_at == lobby.clock() - DAY for consent in after)
    assert all(consent.effective_at == lobby.clock() for consent in after)


def test_of_several_answers_to_a_question_the_latest_counts(lobby: Lobby) -> None:
    row_id = pending(lobby, updates=True)
    with lobby.database.write() as session:
        first = session.exec(select(Consent).where(Consent.signature_id == row_id)).one()
        for hours, granted in ((5, False), (2, True), (1, False)):
            values = first.model_dump() | {"id": new_id(), "granted": granted}
            values["given_at"] = lobby.clock() - timedelta(hours=hours)
            session.add(Consent(**values))
    adopt(lobby)
    assert contents(lobby, row_id).updates is False


def test_a_partners_question_keeps_the_name_that_the_signer_saw(lobby: Lobby) -> None:
    partner = add_partner(lobby)
    named = NamedPartner(partner.id, partner.organisation_id, PAPER, partner.name)
    row_id = pending(lobby, partner=named, partner_contact=True)
    with lobby.database.write() as session:
        session.get_one(type(partner), partner.id).name = "A Paper under new owners"
    adopt(lobby)
    assert contents(lobby, row_id).partner == PayloadPartner(partner.id, PAPER, "A Paper")
    assert contents(lobby, row_id).partner_contact is True
    confirm(lobby, row_id)
    (consent,) = consents(lobby)
    with lobby.database.read() as session:
        text = session.get_one(Wording, consent.wording_id).text
    assert (consent.granted, text) == (True, wordings.partner_text("A Paper"))
    confirmed = signature(lobby, row_id)
    assert confirmed is not None
    assert confirmed.partner_id == partner.id


def test_a_partner_without_an_answer_is_named_as_it_is_now(lobby: Lobby) -> None:
    partner = add_partner(lobby)
    named = NamedPartner(partner.id, partner.organisation_id, PAPER, partner.name)
    row_id = pending(lobby, partner=named)
    adopt(lobby)
    assert contents(lobby, row_id).partner == PayloadPartner(partner.id, PAPER, "A Paper")
    assert contents(lobby, row_id).partner_contact is None


def test_an_answer_to_another_partner_is_not_taken_along(lobby: Lobby) -> None:
    paper, radio = add_partner(lobby), add_partner(lobby, RADIO)
    asked = NamedPartner(radio.id, radio.organisation_id, RADIO, radio.name)
    row_id = pending(lobby, partner=asked, partner_contact=True)
    with lobby.database.write() as session:
        session.get_one(Signature, row_id).partner_id = paper.id
    adopt(lobby)
    assert contents(lobby, row_id).partner == PayloadPartner(paper.id, PAPER, "A Paper")
    assert contents(lobby, row_id).partner_contact is None


def test_an_import_that_waits_keeps_where_and_when_it_was_given(lobby: Lobby) -> None:
    given_at = lobby.clock() - timedelta(days=60)
    row_id = pending(lobby, provenance=PAST, updates=True, given_at=given_at)
    adopt(lobby)
    taken = contents(lobby, row_id)
    assert (taken.provenance, taken.updates) == (PAST, True)
    assert taken.given_at is not None
    assert datetime.fromisoformat(taken.given_at) == given_at
    confirm(lobby, row_id)
    (consent,) = consents(lobby)
    with lobby.database.read() as session:
        wording = session.get_one(Wording, consent.wording_id)
    assert (wording.kind, consent.given_at) == (wordings.IMPORTED, given_at)
    confirmed = signature(lobby, row_id)
    assert confirmed is not None
    assert confirmed.provenance == PAST


def test_an_imported_answer_does_not_count_as_one_that_was_given_here(lobby: Lobby) -> None:
    row_id = pending(lobby, provenance=PAST, updates=True)
    with lobby.database.write() as session:
        session.get_one(Signature, row_id).provenance = None  # signed again here
    adopt(lobby)
    assert contents(lobby, row_id).updates is None


@pytest.mark.parametrize("state", [SignatureState.PENDING, SignatureState.EXPIRED])
def test_what_nobody_confirmed_in_time_is_deleted_with_its_consents(
    lobby: Lobby, state: SignatureState
) -> None:
    signed_at = lobby.clock() - timedelta(days=14, seconds=1)
    row_id = pending(lobby, state=state, signed_at=signed_at, updates=True)
    assert adopt(lobby) == 1
    assert (signature(lobby, row_id), submission(lobby, row_id)) == (None, None)
    assert supporter(lobby) is None
    with lobby.database.read() as session:
        assert session.exec(select(Consent).where(Consent.signature_id == row_id)).all() == []


def test_one_that_is_exactly_14_days_old_is_adopted(lobby: Lobby) -> None:
    row_id = pending(lobby, signed_at=lobby.clock() - 14 * DAY)
    adopt(lobby)
    assert submission(lobby, row_id) is not None


def known_by_name(session: Session, person: Supporter, now: datetime) -> None:
    person.name = Private(person.organisation_id, "Anna")


def known_by_consent(session: Session, person: Supporter, now: datetime) -> None:
    answer = supporters.UpdatesAnswer(person.organisation_id, person.id, granted=False)
    supporters.note_answers(session, [answer], now=now, effective_at=now)


def known_by_tag(session: Session, person: Supporter, now: datetime) -> None:
    tag = tags.create(session, organisation_id=person.organisation_id, name="own", now=now)
    tags.add_taggings(session, [tag.id], person.id, now=now)
    person.changed_at = None


def known_by_wish(session: Session, person: Supporter, now: datetime) -> None:
    preferences.change(session, person.id, mail=False, now=now)


def known_by_other_wish(session: Session, person: Supporter, now: datetime) -> None:
    preferences.change(session, person.id, questions=False, now=now)


def known_by_the_organisation(session: Session, person: Supporter, now: datetime) -> None:
    person.changed_at = now


def known_before(session: Session, person: Supporter, now: datetime) -> None:
    person.created_at = now - timedelta(days=300)


@pytest.mark.parametrize(
    "make_known",
    [
        known_by_name,
        known_by_consent,
        known_by_tag,
        known_by_wish,
        known_by_other_wish,
        known_by_the_organisation,
        known_before,
    ],
)
def test_a_supporter_of_whom_something_is_known_stays(
    lobby: Lobby, make_known: Callable[[Session, Supporter, datetime], None]
) -> None:
    row_id = pending(lobby, signed_at=lobby.clock() - 20 * DAY, updates=True)
    person = supporter(lobby)
    assert person is not None
    with lobby.database.write() as session:
        make_known(session, session.get_one(Supporter, person.id), lobby.clock())
    adopt(lobby)
    assert signature(lobby, row_id) is None
    assert supporter(lobby) is not None


def test_a_supporter_with_another_signature_or_a_submission_stays(lobby: Lobby) -> None:
    old = lobby.clock() - 20 * DAY
    pending(lobby, signed_at=old)
    sign_and_sort(lobby, SignatureRequest(PETITION, "Anna", ANNA, CAN_SIGN))
    pending(lobby, "ben@example.org", signed_at=old)
    pending(lobby, "ben@example.org", state=SignatureState.REJECTED, signed_at=old)
    adopt(lobby)
    assert supporter(lobby) is not None
    assert supporter(lobby, "ben@example.org") is not None


@pytest.mark.parametrize(
    "state", [SignatureState.CONFIRMED, SignatureState.WITHDRAWN, SignatureState.REJECTED]
)
def test_signatures_that_were_confirmed_or_ended_stay_as_they_are(
    lobby: Lobby, state: SignatureState
) -> None:
    row_id = pending(lobby, state=state, signed_at=lobby.clock() - 20 * DAY, updates=True)
    before = signature(lobby, row_id), supporter(lobby), consents(lobby)
    adopt(lobby)
    assert (signature(lobby, row_id), supporter(lobby), consents(lobby)) == before


def test_consents_in_force_outlive_the_signature_that_waits_again(lobby: Lobby) -> None:
    row_id = pending(lobby, state=SignatureState.CONFIRMED, updates=True)
    with lobby.database.write() as session:  # withdrawn, and signed again
        session.get_one(Signature, row_id).state = SignatureState.PENDING
    adopt(lobby)
    (consent,) = consents(lobby)
    assert (consent.granted, consent.signature_id) == (True, None)
    assert consent.effective_at is not None
    assert contents(lobby, row_id).updates is None, "no new answer came with it"


def test_a_signature_that_was_signed_again_waits_14_days_from_then(
    lobby: Lobby, clock: Clock
) -> None:
    row_id = pending(lobby, first_signed_at=lobby.clock() - 40 * DAY)
    adopt(lobby)
    worker.delete_old_submissions(lobby, threading.Event())
    assert submission(lobby, row_id) is not None
    clock.advance(days=13, seconds=1)
    worker.delete_old_submissions(lobby, threading.Event())
    assert submission(lobby, row_id) is None
    assert supporter(lobby) is None


def test_the_supporter_stays_until_the_submission_goes(lobby: Lobby, clock: Clock) -> None:
    pending(lobby)
    person = supporter(lobby)
    assert person is not None
    adopt(lobby)
    with lobby.database.read() as session:
        assert preferences.read(session, person.id).mail  # the link in a mail from before
    clock.advance(days=15)
    worker.delete_old_submissions(lobby, threading.Event())
    assert supporter(lobby) is None


def test_a_person_whom_the_organisation_added_outlives_a_submission(
    lobby: Lobby, clock: Clock
) -> None:
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        introductions.introduce(
            session,
            organisation_id=owner.id,
            email=ANNA,
            details=None,
            keyring=lobby.keyring,
            now=lobby.clock(),
        )
    clock.advance(seconds=1)
    (row_id,) = sign_and_sort(lobby, SignatureRequest(PETITION, "Anna", ANNA, CAN_SIGN))
    clock.advance(days=15)
    worker.delete_old_submissions(lobby, threading.Event())
    assert submission(lobby, row_id) is None
    assert supporter(lobby) is not None


def test_all_are_adopted_in_transactions_of_200(lobby: Lobby) -> None:
    signed_at = lobby.clock() - DAY
    rows = [
        EarlierSignature(f"p{number}@example.org", SignatureState.PENDING, signed_at)
        for number in range(450)
    ]
    ids = add(lobby, *rows)
    with lobby.database.write() as session:
        part = adoption.adopt_next(session, after=None, keyring=lobby.keyring, now=lobby.clock())
    assert (part.adopted, part.deleted, part.left) == (200, 0, ())
    assert adopt(lobby) == 250
    with lobby.database.read() as session:
        assert set(session.exec(select(Submission.id))) >= set(ids)


def test_what_an_older_process_writes_afterwards_is_adopted_too(lobby: Lobby, clock: Clock) -> None:
    job = worker.SignatureAdoption()
    first = pending(lobby)
    assert job(lobby, threading.Event()) == 1
    clock.advance(minutes=1)
    second = pending(lobby, "ben@example.org", signed_at=lobby.clock())
    assert job(lobby, threading.Event()) == 1
    assert submission(lobby, first) is not None
    assert submission(lobby, second) is not None
    assert job(lobby, threading.Event()) == 0


def test_one_that_does_not_open_stops_nothing_and_is_logged_by_its_id(
    lobby: Lobby, logged: list[MutableMapping[str, Any]], clock: Clock
) -> None:
    damaged = pending(lobby, "damaged@example.org", signed_at=lobby.clock() - 3 * DAY)
    damage(lobby, damaged)
    good = pending(lobby)
    job = worker.SignatureAdoption()
    assert job(lobby, threading.Event()) == 1
    assert submission(lobby, good) is not None
    assert submission(lobby, damaged) is None
    told = [entry for entry in logged if entry["event"] == "signature_not_adopted"]
    assert [entry["signature"] for entry in told] == [str(damaged)]
    assert "damaged@" not in str(logged)
    job(lobby, threading.Event())
    told = [entry for entry in logged if entry["event"] == "signature_not_adopted"]
    assert len(told) == 1, "it is not looked at each minute"
    clock.advance(days=12)
    assert adopt(lobby) == 1, "it is deleted like all others when it is too old"
    with lobby.database.read() as session:
        left = session.connection().execute(
            sa.select(_signature.c.id).where(_signature.c.id == damaged)
        )
        assert left.all() == []


def test_more_than_a_transaction_that_do_not_open_block_nothing(lobby: Lobby) -> None:
    moment = lobby.clock() - 3 * DAY
    rows = [
        EarlierSignature(f"p{number}@example.org", SignatureState.PENDING, moment)
        for number in range(210)
    ]
    for row_id in add(lobby, *rows):
        damage(lobby, row_id)
    good = pending(lobby)
    assert adopt(lobby) == 1
    assert submission(lobby, good) is not None


def test_progress_is_logged_once(lobby: Lobby, logged: list[MutableMapping[str, Any]]) -> None:
    pending(lobby)
    pending(lobby, "ben@example.org", signed_at=lobby.clock() - 20 * DAY)
    adopt(lobby)
    adopt(lobby)
    (entry,) = [entry for entry in logged if entry["event"] == "signatures_adopted"]
    assert (entry["adopted"], entry["deleted"]) == (1, 1)


def test_a_job_that_is_told_to_stop_leaves_the_rest(lobby: Lobby) -> None:
    row_id = pending(lobby)
    stop = threading.Event()
    stop.set()
    assert worker.SignatureAdoption()(lobby, stop) == 0
    assert signature(lobby, row_id) is not None
    assert adopt(lobby) == 1
