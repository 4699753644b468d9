"""Tests imported signatures: each counts once, and never overrides what the signer did here."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import func, select

import worker
from models import (
    Consent,
    OutboxMessage,
    Signature,
    SignatureState,
    Submission,
    SubmissionState,
    Supporter,
    Wording,
)
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import petitions
from services.errors import Gone
from services.operations import recounts
from services.signatures import signature_states
from services.signatures.recording import ImportOrigin, Outcome, SignatureRequest
from services.submissions import ending
from services.supporters import supporters, wordings
from tests.support import signatures
from tests.support.common import CAN_SIGN, MINISTER, PETITION, SIGNED, Clock
from tests.support.partners import SECOND, add_second_petition

STALL = "paper, Leeds stall, 3 May 2026"
THEN = datetime(2026, 5, 3, 11, 0, tzinfo=UTC)
PAPER = ImportOrigin(STALL, THEN)
PAPER_UNCONFIRMED = ImportOrigin(STALL, THEN, is_confirmed=False)
ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
ON_PAPER = replace(ANNA, name="Anna of the stall", postcode=SIGNED, imported=PAPER)


@pytest.fixture(autouse=True)
def _tallies_are_exact(lobby: Lobby) -> Iterator[None]:
    yield
    with lobby.database.read() as session:
        assert recounts.wrong_signatures(session) == []
        assert recounts.compare_sums(session) == []


def record(lobby: Lobby, *requests: SignatureRequest) -> list[Outcome]:
    return signatures.record(lobby, requests)


def sign(lobby: Lobby, request: SignatureRequest = ANNA) -> UUID:
    (outcome,) = record(lobby, request)
    assert outcome.signature_id is not None
    return outcome.signature_id


def sign_and_confirm(lobby: Lobby, request: SignatureRequest = ANNA) -> UUID:
    (signature_id,) = signatures.sign_and_confirm(lobby, request)
    return signature_id


def end(lobby: Lobby, signature_id: UUID, state: SignatureState) -> None:
    change = {
        SignatureState.WITHDRAWN: signature_states.withdraw,
        SignatureState.REJECTED: signature_states.disown,
    }[state]
    with lobby.database.write() as session:
        change(session, signature_id, now=lobby.clock())


def row(lobby: Lobby, signature_id: UUID) -> Signature:
    with lobby.database.read() as session:
        return session.get_one(Signature, signature_id)


def supporter_of(lobby: Lobby, signature_id: UUID) -> Supporter:
    with lobby.database.read() as session:
        return session.get_one(Supporter, row(lobby, signature_id).supporter_id)


def count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return petitions.count(session, petitions.public(session, PETITION).id)


def submission_of(lobby: Lobby, submission_id: UUID) -> Submission | None:
    with lobby.database.read() as session:
        return session.get(Submission, submission_id)


def wants_updates(lobby: Lobby, signature_id: UUID) -> bool:
    with lobby.database.read() as session:
        return supporters.wants_updates(session, row(lobby, signature_id).supporter_id)


def mail_count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(OutboxMessage)).one()


def consents_of(lobby: Lobby, signature_id: UUID) -> Sequence[Consent]:
    with lobby.database.read() as session:
        return session.exec(select(Consent).where(Consent.signature_id == signature_id)).all()


def test_an_import_counts_at_once_with_its_provenance_and_without_a_mail(lobby: Lobby) -> None:
    before, sent = count(lobby), mail_count(lobby)
    (outcome,) = record(lobby, ON_PAPER)
    assert (outcome.is_new, outcome.is_counted) == (True, True)
    assert outcome.signature_id
    signature = row(lobby, outcome.signature_id)
    assert (signature.state, signature.provenance) == (SignatureState.CONFIRMED, STALL)
    assert (signature.signed_at, signature.confirmed_at) == (THEN, lobby.clock())
    assert (count(lobby), mail_count(lobby)) == (before + 1, sent)
    supporter = supporter_of(lobby, outcome.signature_id)
    assert (supporter.name.text, supporter.postcode.text) == ("Anna of the stall", SIGNED)
    assert supporter.constituency_code == signature.constituency_code


def test_an_import_again_adds_nothing(lobby: Lobby) -> None:
    batch = [replace(ON_PAPER, email=f"p{n % 40}@example.org", updates=True) for n in range(80)]
    first = record(lobby, *batch)
    assert [outcome.is_counted for outcome in first] == [True] * 40 + [False] * 40
    assert [outcome.is_repeat_in_batch for outcome in first] == [False] * 40 + [True] * 40
    before = count(lobby), mail_count(lobby)
    again = record(lobby, *batch)
    assert not any(outcome.is_new or outcome.is_counted for outcome in again)
    assert (count(lobby), mail_count(lobby)) == before
    assert [outcome.row_id for outcome in again] == [outcome.row_id for outcome in first]
    with lobby.database.read() as session:
        consent_count = session.exec(select(func.count()).where(Consent.kind == wordings.UPDATES))
        owner = session.exec(select(Wording).where(Wording.kind == wordings.IMPORTED)).one()
        assert STALL in owner.text
        assert consent_count.one() >= 40
    assert len(consents_of(lobby, UUID(first[0].row_id))) == 1


def test_an_import_without_a_day_was_signed_now(lobby: Lobby) -> None:
    signature_id = sign(lobby, replace(ON_PAPER, imported=ImportOrigin(STALL)))
    assert row(lobby, signature_id).signed_at == lobby.clock()


@pytest.mark.parametrize("is_too_late", [False, True])
def test_who_was_asked_and_has_not_answered_counts_as_on_paper(
    lobby: Lobby, clock: Clock, is_too_late: bool
) -> None:
    (submission_id,) = signatures.sign_and_sort(lobby, ANNA)
    if is_too_late:
        clock.advance(days=15)
        with lobby.database.write() as session:
            assert ending.delete_old(session, now=clock.now)
    before, sent = count(lobby), mail_count(lobby)
    (outcome, again) = record(lobby, ON_PAPER, replace(ON_PAPER, name="Anna again"))
    assert (outcome.is_new, outcome.is_counted, again.is_counted) == (True, True, False)
    assert outcome.row_id == again.row_id
    assert outcome.signature_id is not None
    signature = row(lobby, outcome.signature_id)
    assert (signature.state, signature.provenance) == (SignatureState.CONFIRMED, STALL)
    assert (signature.name.text, signature.postcode.text) == ("Anna of the stall", SIGNED)
    assert (signature.signed_at, signature.confirmed_at, signature.ended_at) == (
        THEN,
        clock.now,
        None,
    )
    assert (count(lobby), mail_count(lobby)) == (before + 1, sent)
    assert supporter_of(lobby, signature.id).name.text == "Anna of the stall"
    if is_too_late:
        with pytest.raises(Gone):
            signatures.confirm(lobby, submission_id)
    else:
        assert signatures.confirm(lobby, submission_id).id == signature.id
        assert supporter_of(lobby, signature.id).name.text == "Anna Example", "their own word"
    assert count(lobby) == before + 1, "the link in the earlier mail counts nothing twice"


def test_what_was_said_with_the_mail_waits_for_its_link(lobby: Lobby) -> None:
    submission_id = sign(lobby, replace(ANNA, updates=True))
    signature_id = sign(lobby, replace(ON_PAPER, updates=False))
    assert wants_updates(lobby, signature_id) is False
    signatures.confirm(lobby, submission_id)
    assert wants_updates(lobby, signature_id) is True


@pytest.mark.parametrize("imported", [PAPER, PAPER_UNCONFIRMED])
def test_a_persons_own_word_stays(lobby: Lobby, imported: ImportOrigin) -> None:
    people = [replace(ANNA, email=f"{n}@example.org") for n in range(3)]
    ids = [sign_and_confirm(lobby, person) for person in people]
    end(lobby, ids[1], SignatureState.WITHDRAWN)
    end(lobby, ids[2], SignatureState.REJECTED)
    before = (
        count(lobby),
        mail_count(lobby),
        [row(lobby, signature_id).model_dump() for signature_id in ids],
    )
    outcomes = record(
        lobby, *(replace(ON_PAPER, email=person.email, imported=imported) for person in people)
    )
    assert not any(outcome.is_new or outcome.is_counted for outcome in outcomes)
    states = [SignatureState.CONFIRMED, SignatureState.WITHDRAWN, SignatureState.REJECTED]
    assert [outcome.state for outcome in outcomes] == states
    assert before == (
        count(lobby),
        mail_count(lobby),
        [row(lobby, signature_id).model_dump() for signature_id in ids],
    )
    assert supporter_of(lobby, ids[0]).name.text == "Anna Example"
    with lobby.database.read() as session:
        assert session.exec(select(Submission.id)).all() == []


@pytest.mark.parametrize("imported", [PAPER, PAPER_UNCONFIRMED])
@pytest.mark.parametrize(
    ("history", "strongest"),
    [
        ((SignatureState.WITHDRAWN, SignatureState.CONFIRMED), 1),
        ((SignatureState.REJECTED, SignatureState.CONFIRMED), 1),
        ((SignatureState.WITHDRAWN, SignatureState.REJECTED), 1),
        ((SignatureState.REJECTED, SignatureState.WITHDRAWN), 0),
        ((SignatureState.REJECTED, SignatureState.WITHDRAWN, SignatureState.CONFIRMED), 2),
    ],
)
def test_of_several_rows_a_person_the_strongest_counts(
    lobby: Lobby, history: tuple[SignatureState, ...], strongest: int, imported: ImportOrigin
) -> None:
    """One that stands is stronger than a rejected one, and that than a withdrawn one."""
    ids = []
    for state in history:
        ids.append(sign_and_confirm(lobby))
        if state is not SignatureState.CONFIRMED:
            end(lobby, ids[-1], state)
    before, sent = count(lobby), mail_count(lobby)
    (outcome,) = record(lobby, replace(ON_PAPER, imported=imported))
    assert (outcome.signature_id, outcome.state) == (ids[strongest], history[strongest])
    assert (outcome.is_new, outcome.is_counted) == (False, False)
    assert (count(lobby), mail_count(lobby)) == (before, sent)


def test_who_took_off_what_never_counted_can_be_taken_on_paper(lobby: Lobby) -> None:
    """A submission that is withdrawn leaves nothing behind."""
    (submission_id,) = signatures.sign_and_sort(lobby, ANNA)
    end(lobby, submission_id, SignatureState.WITHDRAWN)
    before = count(lobby)
    (outcome,) = record(lobby, ON_PAPER)
    assert outcome.is_counted
    assert count(lobby) == before + 1


def wait_until_blocked(lobby: Lobby) -> None:
    """Waits until another transaction waits for one that is open."""
    deadline = time.monotonic() + 30
    while not is_blocked(lobby):
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.01)


def is_blocked(lobby: Lobby) -> bool:
    if lobby.database.is_sqlite:
        return lobby.database.writers_waiting() > 0
    statement = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with lobby.database.read() as session:
        return bool(session.connection().exec_driver_sql(statement).scalar_one())


@pytest.mark.parametrize("imported", [PAPER, PAPER_UNCONFIRMED])
def test_two_imports_at_once_take_everybody_once(lobby: Lobby, imported: ImportOrigin) -> None:
    batch = [replace(ON_PAPER, email=f"p{n}@example.org", imported=imported) for n in range(60)]
    before, sent = count(lobby), mail_count(lobby)
    with ThreadPoolExecutor(1) as pool:
        with lobby.database.write() as session:
            first = signatures.record_in(session, lobby, batch)
            later = pool.submit(record, lobby, *reversed(batch))
            wait_until_blocked(lobby)
        second = later.result(timeout=60)[::-1]
    assert all(outcome.is_new for outcome in first)
    assert not any(outcome.is_new or outcome.is_counted for outcome in second)
    assert [outcome.row_id for outcome in first] == [outcome.row_id for outcome in second]
    worker.sort_submissions(lobby)
    taken = (60, 0) if imported.is_confirmed else (0, 60)
    assert (count(lobby) - before, mail_count(lobby) - sent) == taken


def test_an_import_for_one_petition_never_renames_who_confirmed_another(lobby: Lobby) -> None:
    sign_and_confirm(lobby)
    add_second_petition(lobby)
    other = sign(lobby, replace(ON_PAPER, petition_slug=SECOND))
    assert row(lobby, other).name.text == "Anna of the stall"
    assert supporter_of(lobby, other).name.text == "Anna Example"


def test_news_said_elsewhere_holds_unless_something_was_said_here(lobby: Lobby) -> None:
    add_second_petition(lobby)
    other = replace(ANNA, petition_slug=SECOND)
    said_no = sign_and_confirm(lobby, replace(other, email="a@example.org", updates=False))
    said_nothing = sign_and_confirm(lobby, replace(other, email="b@example.org"))
    request = replace(ON_PAPER, updates=True)
    record(lobby, *(replace(request, email=f"{n}@example.org") for n in "abc"))
    new = sign(lobby, replace(request, email="c@example.org"))
    wants = [wants_updates(lobby, signature_id) for signature_id in (said_no, said_nothing, new)]
    assert wants == [False, True, True]
    (answer,) = consents_of(lobby, new)
    assert (answer.given_at, answer.effective_at) == (THEN, lobby.clock())
    with lobby.database.read() as session:
        in_force = wordings.updates_texts(session, [supporter_of(lobby, new).organisation_id])
        wording_text = session.get_one(Wording, answer.wording_id).text
    assert STALL in wording_text
    assert STALL not in "".join(in_force.values()), "nobody else is asked in those words"


def test_an_import_may_ask_by_mail_instead(lobby: Lobby, clock: Clock) -> None:
    before, sent = count(lobby), mail_count(lobby)
    row_id = sign(lobby, replace(ON_PAPER, imported=PAPER_UNCONFIRMED, updates=True))
    submission = submission_of(lobby, row_id)
    assert submission is not None
    assert submission.received_at == clock.now, "or it would be deleted at once"
    assert submission.state is SubmissionState.ASKED
    assert (count(lobby), mail_count(lobby)) == (before, sent + 1)
    with lobby.database.read() as session:
        known = session.exec(select(func.count()).select_from(Supporter)).one()
    (again,) = record(lobby, replace(ON_PAPER, imported=PAPER_UNCONFIRMED))
    assert (again.signature_id, again.is_new) == (row_id, False)
    worker.sort_submissions(lobby)
    assert mail_count(lobby) == sent + 1, "again: nobody is asked twice"
    clock.advance(days=1)
    signatures.confirm(lobby, row_id)
    signature = row(lobby, row_id)
    assert (signature.state, signature.provenance) == (SignatureState.CONFIRMED, STALL)
    assert (signature.signed_at, signature.confirmed_at) == (submission.received_at, clock.now)
    assert count(lobby) == before + 1
    (answer,) = consents_of(lobby, row_id)
    assert (answer.given_at, answer.effective_at) == (THEN, clock.now)
    with lobby.database.read() as session:
        assert session.exec(select(func.count()).select_from(Supporter)).one() == known + 1


def test_who_has_been_asked_here_is_not_asked_again_by_an_import(lobby: Lobby) -> None:
    (submission_id,) = signatures.sign_and_sort(lobby, ANNA)
    sent = mail_count(lobby)
    (outcome,) = record(lobby, replace(ON_PAPER, imported=PAPER_UNCONFIRMED))
    assert (outcome.signature_id, outcome.state) == (submission_id, SignatureState.PENDING)
    assert not outcome.is_new
    worker.sort_submissions(lobby)
    assert mail_count(lobby) == sent


def test_who_signs_here_after_withdrawing_what_was_on_paper_signs_here(lobby: Lobby) -> None:
    on_paper = sign(lobby, ON_PAPER)
    end(lobby, on_paper, SignatureState.WITHDRAWN)
    here = sign_and_confirm(lobby)
    assert here != on_paper
    signature = row(lobby, here)
    assert (signature.state, signature.provenance) == (SignatureState.CONFIRMED, None)
    assert row(lobby, on_paper).state is SignatureState.WITHDRAWN, "and that is history"


def test_a_batch_may_hold_both_kinds(lobby: Lobby) -> None:
    before, sent = count(lobby), mail_count(lobby)
    batch = [
        replace(ANNA, email=f"p{n}@example.org", postcode=(CAN_SIGN, MINISTER)[n % 2])
        for n in range(120)
    ]
    mixed = [
        replace(request, imported=PAPER if n % 3 == 0 else None) for n, request in enumerate(batch)
    ]
    outcomes = record(lobby, *mixed)
    assert [outcome.is_counted for outcome in outcomes] == [n % 3 == 0 for n in range(120)]
    worker.sort_submissions(lobby)
    assert (count(lobby), mail_count(lobby)) == (before + 40, sent + 80)


def test_a_name_that_comes_here_and_on_paper_in_one_batch_counts_once(lobby: Lobby) -> None:
    before = count(lobby)
    outcomes = record(lobby, ANNA, ON_PAPER, ANNA, ON_PAPER)
    assert [outcome.is_counted for outcome in outcomes] == [False, True, False, False]
    assert count(lobby) == before + 1
    assert outcomes[0].signature_id
    assert outcomes[1].signature_id == outcomes[3].signature_id
    assert supporter_of(lobby, UUID(outcomes[1].row_id)).name.text == "Anna of the stall"
    stands = signatures.confirm(lobby, outcomes[0].signature_id)
    assert stands.id == outcomes[1].signature_id
    assert count(lobby) == before + 1


@pytest.mark.parametrize("provenance", ["", "x" * 201])
def test_the_database_keeps_no_empty_and_no_endless_provenance(
    lobby: Lobby, provenance: str
) -> None:
    signature_id = sign(lobby, ON_PAPER)
    statement = sa.update(table_of(Signature)).where(table_of(Signature).c.id == signature_id)
    with pytest.raises(IntegrityError), lobby.database.write() as session:
        session.connection().execute(statement.values(provenance=provenance))
