"""Tests how signatures from before submissions, which wait for confirmation, become submissions."""

import threading
from collections.abc import Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlmodel import Session, col, select
from structlog.testing import capture_logs

import worker
from core import logs
from models import (
    Consent,
    Job,
    MessageKind,
    MessageState,
    OutboxMessage,
    PetitionTally,
    Private,
    Refusal,
    Signature,
    SignatureState,
    Submission,
    SubmissionState,
    Supporter,
    Wording,
)
from models.base import new_id, table_of
from services.assembly import Lobby
from services.campaigns import petitions
from services.common.tokens import Purpose
from services.demonstration import invented_campaign
from services.errors import Conflict, Gone, Unavailable
from services.mail import outbox, recipients
from services.mail.outbox import NewMessage
from services.organisations import organisations
from services.organisations.partners import NamedPartner
from services.signatures import adoption, mail_links, signature_states
from services.signatures.recording import SignatureRequest
from services.submissions import payload
from services.submissions.payload import PayloadPartner, SignaturePayload
from services.supporters import introductions, preferences, supporters, tags, wordings
from tests.support.common import CAN_SIGN, PETITION, Clock, Mailbox, text_of, token_in
from tests.support.partners import PAPER, RADIO, add_partner
from tests.support.signatures import confirm, confirm_all, sign_and_sort
from tools import earlier_signatures
from tools.earlier_signatures import EarlierSignature

ANNA = "anna@example.org"
PAST = "paper, Leeds stall, 3 May 2026"
DAY = timedelta(days=1)
_signature, _submission = table_of(Signature), table_of(Submission)
_consent = table_of(Consent)


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """Captures the log entries of every level that an operator sees."""
    logs.configure()
    with capture_logs() as entries:
        yield entries
    logs.configure(level="ERROR")


def add(lobby: Lobby, *signatures: EarlierSignature) -> list[UUID]:
    with lobby.database.write() as session:
        petition = petitions.by_slug(session, PETITION)
        return earlier_signatures.add(session, petition, signatures, keyring=lobby.keyring)


def pending(lobby: Lobby, email: str = ANNA, **values: Any) -> UUID:
    """Adds a pending signature of a day ago; returns its id."""
    defaults: dict[str, Any] = {"state": SignatureState.PENDING}
    defaults["signed_at"] = lobby.clock() - DAY
    (signature_id,) = add(lobby, EarlierSignature(email, **(defaults | values)))
    return signature_id


def adopt(lobby: Lobby) -> int:
    return worker.SignatureAdoption()(lobby, threading.Event())


def submission(lobby: Lobby, row_id: UUID) -> Submission | None:
    with lobby.database.read() as session:
        return session.get(Submission, row_id)


def contents(lobby: Lobby, row_id: UUID) -> SignaturePayload:
    found = submission(lobby, row_id)
    assert found is not None
    return payload.of_text(found.payload.text)


def signature(lobby: Lobby, row_id: UUID) -> Signature | None:
    with lobby.database.read() as session:
        return session.get(Signature, row_id)


def supporter(lobby: Lobby, email: str = ANNA) -> Supporter | None:
    with lobby.database.read() as session:
        owner = petitions.by_slug(session, PETITION).organisation_id
        index = supporters.EmailAddress.of(owner, email, lobby.keyring).index
        return session.exec(select(Supporter).where(Supporter.email_index == index)).first()


def consents(lobby: Lobby, email: str = ANNA) -> list[Consent]:
    person = supporter(lobby, email)
    with lobby.database.read() as session:
        statement = select(Consent).where(Consent.supporter_id == (person and person.id))
        return list(session.exec(statement))


def confirmed_count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        petition_id = petitions.by_slug(session, PETITION).id
        counts = select(PetitionTally.confirmed).where(PetitionTally.petition_id == petition_id)
        return sum(session.exec(counts))


def damage(lobby: Lobby, signature_id: UUID) -> None:
    """Makes a signature one that does not open with this key."""
    with lobby.database.write() as session:
        session.connection().execute(
            sa.text("UPDATE signature SET name = :junk WHERE id = :id").bindparams(
                sa.bindparam("id", signature_id, _signature.c.id.type), junk=b"\x01" * 60
            )
        )


@contextmanager
def at_once(*tasks: Callable[[], object]) -> Iterator[list[Any]]:
    """Runs tasks in threads together, and yields their results or errors."""
    barrier = threading.Barrier(len(tasks))

    def run(task: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return task()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(tasks)) as pool:
        yield list(pool.map(run, tasks))


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
    assert submission(lobby, row_id) is not None


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


def test_the_job_and_confirmations_at_once_lose_no_signature(lobby: Lobby) -> None:
    before = confirmed_count(lobby)
    moment = lobby.clock() - DAY
    rows = [
        EarlierSignature(f"p{number}@example.org", SignatureState.PENDING, moment, updates=True)
        for number in range(240)
    ]
    ids = add(lobby, *rows)
    parts = [ids[start : start + 20] for start in range(0, 240, 20)]

    def confirm_parts(some: list[list[UUID]]) -> Callable[[], object]:
        return lambda: [confirm_all(lobby, part) for part in some]

    tasks = (confirm_parts(parts), confirm_parts(parts[::-1]), lambda: adopt(lobby))
    with at_once(*tasks) as results:
        errors = [result for result in results if isinstance(result, Exception)]
        assert errors == []
        for outcomes in results[:2]:
            assert [each.error for part in outcomes for each in part if each.error] == []
    assert confirmed_count(lobby) == before + 240
    adopt(lobby)
    with lobby.database.read() as session:
        granted = session.exec(select(Consent).where(col(Consent.signature_id).in_(ids)))
        assert len(granted.all()) == 240
        assert session.exec(select(Submission).where(col(Submission.id).in_(ids))).all() == []


def test_the_job_and_withdrawals_at_once_leave_nothing(lobby: Lobby) -> None:
    moment = lobby.clock() - DAY
    rows = [
        EarlierSignature(f"p{number}@example.org", SignatureState.PENDING, moment)
        for number in range(120)
    ]
    ids = add(lobby, *rows)

    def withdraw_all() -> None:
        for row_id in ids:
            with lobby.database.write() as session:
                signature_states.withdraw(session, row_id, now=lobby.clock())

    with at_once(withdraw_all, lambda: adopt(lobby)) as results:
        assert [result for result in results if isinstance(result, Exception)] == []
    for row_id in ids:
        assert (signature(lobby, row_id), submission(lobby, row_id)) == (None, None)


def test_several_jobs_at_once_share_the_work(lobby: Lobby) -> None:
    moment = lobby.clock() - DAY
    rows = [
        EarlierSignature(f"p{number}@example.org", SignatureState.PENDING, moment)
        for number in range(900)
    ]
    add(lobby, *rows)
    with at_once(*(lambda: adopt(lobby) for _ in range(3))) as results:
        assert sum(results) + adopt(lobby) == 900
    with lobby.database.read() as session:
        assert session.exec(select(Job).where(Job.name == "adoption")).all() == []
