"""Tests batches of signatures: each request has the outcome that it would have alone.

Recording writes submissions and nothing else, whatever is known of an address; the sorter queues
their mails. After each test a fixture checks that the tallies match the rows. Batches of
confirmations are in test_confirming.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, SQLModel, func, select

import worker
from models import (
    Consent,
    IdempotencyKey,
    MessageKind,
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
from services.campaigns import campaigns, petitions
from services.database.engine import Database
from services.errors import Conflict, Invalid, KeyInUse, NotFound
from services.mail import dead_addresses
from services.operations import recounts
from services.organisations import organisations
from services.signatures import confirming, keyed, signature_states
from services.signatures.recording import ImportOrigin, Outcome, SignatureRequest
from services.submissions import mail_shares, payload
from services.submissions.payload import SignaturePayload
from services.traffic import idempotency
from services.traffic.idempotency import KeyedRequest, StoredAnswer
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, MINISTER, PETITION, SIGNED, Clock
from tests.support.database.databases import (
    RollBack,
    Write,
    count_statements,
    run_both_behind_a_lock,
    run_during_transaction,
)
from tests.support.signatures import record_in

PAPER = ImportOrigin("paper, Leeds stall, 3 May 2026")
TO_CONFIRM = ImportOrigin("an old list", is_confirmed=False)
ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
EDINBURGH = "S14000078"
LARGEST = 5000  # signatures in one bulk request
POSTCODES = (CAN_SIGN, SIGNED, MINISTER, "CF10 3NQ", "ZZ1 1ZZ", "JE2 3AB")
_submission = table_of(Submission)


@pytest.fixture(autouse=True)
def _tallies_are_exact(lobby: Lobby) -> Iterator[None]:
    yield
    with lobby.database.read() as session:
        assert recounts.wrong_signatures(session) == []


def person(number: int, **parts: object) -> SignatureRequest:
    return replace(ANNA, email=f"p{number}@example.org", **parts)  # type: ignore[arg-type] # any field


def record(lobby: Lobby, *requests: SignatureRequest) -> list[Outcome]:
    return signatures.record(lobby, requests)


def record_of_one_sender(lobby: Lobby, *requests: SignatureRequest) -> list[Outcome]:
    with lobby.database.write() as session:
        return record_in(session, lobby, requests, is_one_sender=True)


def submit(lobby: Lobby, *requests: SignatureRequest) -> list[UUID]:
    """Records the requests and returns the ids of the submissions, in their order."""
    ids = [outcome.signature_id for outcome in record(lobby, *requests)]
    return [row_id for row_id in ids if row_id is not None]


def confirm(lobby: Lobby, *ids: UUID) -> None:
    signatures.confirm_all(lobby, ids)


def sort(lobby: Lobby) -> None:
    worker.sort_submissions(lobby)


def ids_of(outcomes: Sequence[Outcome]) -> list[UUID | None]:
    return [outcome.signature_id for outcome in outcomes]


def row_counts(lobby: Lobby) -> dict[str, int]:
    """Counts the rows of every table that a batch can write to."""
    models: tuple[type[SQLModel], ...] = (Submission, OutboxMessage, Supporter, Signature, Consent)
    with lobby.database.read() as session:
        return {
            model.__name__: session.exec(select(func.count()).select_from(model)).one()
            for model in models
        }


@contextmanager
def assert_rows_added(
    lobby: Lobby,
    *,
    submissions: int = 0,
    mails: int = 0,
    people: int = 0,
    names: int = 0,
    answers: int = 0,
) -> Iterator[None]:
    """Checks that the block adds exactly these numbers of rows."""
    before = row_counts(lobby)
    yield
    added = {name: count - before[name] for name, count in row_counts(lobby).items()}
    assert list(added.values()) == [submissions, mails, people, names, answers]


def stored(lobby: Lobby, row_id: UUID | None) -> tuple[Any, SignaturePayload]:
    """Returns the row of a submission, and its payload opened."""
    with lobby.database.read() as session:
        columns = (*_submission.c, sa.type_coerce(_submission.c.payload, sa.LargeBinary))
        statement = sa.select(*columns).where(_submission.c.id == row_id)
        row = session.connection().execute(statement).one()
    return row, payload.open_sealed(row[-1], lobby.keyring)[1]


def all_submissions(lobby: Lobby) -> dict[UUID, Any]:
    """Returns all submissions as they are stored."""
    with lobby.database.read() as session:
        columns = [
            sa.type_coerce(column, sa.LargeBinary) if column.name == "payload" else column
            for column in _submission.c
        ]
        rows = session.connection().execute(sa.select(*columns))
        return {row.id: tuple(row) for row in rows}


def count(lobby: Lobby, slug: str = PETITION) -> int:
    with lobby.database.read() as session:
        return petitions.count(session, petitions.public(session, slug).id)


def mail_count(lobby: Lobby, address: str, kind: MessageKind | None = None) -> int:
    index = dead_addresses.index_of(address, lobby.keyring)
    statement = select(func.count()).where(OutboxMessage.recipient_index == index)
    if kind is not None:
        statement = statement.where(OutboxMessage.kind == kind)
    with lobby.database.read() as session:
        return session.exec(statement).one()


@pytest.fixture
def others(lobby: Lobby) -> str:
    """Adds an open petition of another organisation, which has no consent wording yet."""
    now = lobby.clock()
    with lobby.database.write() as session:
        owner = organisations.create(session, name="Others", slug="others", now=now)
        campaign = campaigns.create(
            session,
            organisation_id=owner.id,
            values={"slug": "theirs", "title": "Theirs", "summary": "", "status": "open"},
            now=now,
        )
        values = {"slug": "of-others", "action": "Another", "addressed_to": "Them"}
        return petitions.create(session, campaign=campaign, values=values, now=now).slug


@pytest.fixture
def second(lobby: Lobby) -> str:
    """Adds an open petition of the same organisation."""
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        values = {"slug": "second", "action": "A second one", "addressed_to": "Them"}
        return petitions.create(session, campaign=campaign, values=values, now=lobby.clock()).slug


@pytest.fixture
def closed(lobby: Lobby) -> str:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        values = {"slug": "ended", "action": "Ended", "addressed_to": "Them", "state": "closed"}
        return petitions.create(session, campaign=campaign, values=values, now=lobby.clock()).slug


# ---- signing


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 500, LARGEST])
def test_a_batch_of_new_names_writes_each_once_in_their_order(lobby: Lobby, size: int) -> None:
    batch = [person(n, postcode=POSTCODES[n % 6], updates=n % 2 == 0) for n in range(size)]
    with assert_rows_added(lobby, submissions=size):
        outcomes = record(lobby, *batch)
    assert all(outcome.is_new and outcome.error is None for outcome in outcomes)
    assert {outcome.state for outcome in outcomes} == {SignatureState.PENDING}
    for number in {0, size // 2, size - 1}:
        row, contents = stored(lobby, outcomes[number].signature_id)
        assert contents.email == batch[number].email
        assert contents.postcode == batch[number].postcode
        assert contents.updates is batch[number].updates
        assert row.constituency_code == outcomes[number].constituency_code
        assert (row.state, row.received_at) == (SubmissionState.NEW, lobby.clock())
        assert (row.address_index, row.mailbox_index) == (None, None), "no digest is made"
    with assert_rows_added(lobby, mails=size):
        sort(lobby)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 500, LARGEST])
def test_a_batch_that_comes_again_changes_nothing_of_the_first(lobby: Lobby, size: int) -> None:
    batch = [person(n, updates=True) for n in range(size)]
    first = record(lobby, *batch)
    sort(lobby)
    before = all_submissions(lobby)
    with assert_rows_added(lobby, submissions=size):
        again = record(lobby, *(replace(request, name="Forged") for request in batch))
    assert not set(ids_of(again)) & set(ids_of(first))
    assert all(outcome.is_new and not outcome.is_repeat_in_batch for outcome in again)
    with assert_rows_added(lobby, mails=size):
        sort(lobby)
    after = all_submissions(lobby)
    assert before == {row_id: after[row_id] for row_id in before}


def test_nothing_is_asked_of_nobody(lobby: Lobby) -> None:
    with assert_rows_added(lobby, people=3, names=3, answers=0):
        confirm(lobby, *submit(lobby, *(person(n) for n in range(3))))


def test_a_batch_of_one_sender_that_repeats_itself_is_taken_once_a_person(lobby: Lobby) -> None:
    batch = [person(n % 3, name=f"Name {n}", postcode=POSTCODES[n % 2]) for n in range(9)]
    with assert_rows_added(lobby, submissions=3):
        outcomes = record_of_one_sender(lobby, *batch)
    assert [outcome.is_new for outcome in outcomes] == [True] * 3 + [False] * 6
    assert [outcome.is_repeat_in_batch for outcome in outcomes] == [False] * 3 + [True] * 6
    assert ids_of(outcomes) == ids_of(outcomes[:3]) * 3
    for outcome, request in zip(outcomes[:3], batch, strict=False):
        row, contents = stored(lobby, outcome.signature_id)
        assert contents.name == request.name
        assert row.constituency_code == outcome.constituency_code


def test_a_person_signs_two_petitions_in_a_batch_of_one_sender(lobby: Lobby, others: str) -> None:
    with assert_rows_added(lobby, submissions=2):
        outcomes = record_of_one_sender(lobby, ANNA, replace(ANNA, petition_slug=others))
    assert not any(outcome.is_repeat_in_batch for outcome in outcomes)


@pytest.mark.parametrize(
    "spellings",
    [
        ("anna.example@gmail.com", "AnnaExample+x@googlemail.com", "annaexample@gmail.com"),
        ("anna@example.org", "anna@EXAMPLE.ORG", "anna@Example.Org"),
    ],
)
def test_spellings_of_one_box_are_one_supporter(lobby: Lobby, spellings: tuple[str, ...]) -> None:
    batch = [replace(ANNA, email=email) for email in spellings]
    with assert_rows_added(lobby, submissions=1):
        outcomes = record_of_one_sender(lobby, *batch)
    assert len(set(ids_of(outcomes))) == 1
    assert [outcome.is_repeat_in_batch for outcome in outcomes] == [False, True, True]
    of_several = submit(lobby, *batch)
    assert len(set(of_several)) == 3, "of several senders each waits for its own confirmation"
    with assert_rows_added(lobby, people=1, names=1, submissions=-1):
        confirm(lobby, *of_several)


def test_two_organisations_in_one_batch_share_nothing(lobby: Lobby, others: str) -> None:
    batch = [
        person(n // 2, petition_slug=(PETITION, others)[n % 2], updates=True) for n in range(8)
    ]
    with assert_rows_added(lobby, submissions=8):
        outcomes = record(lobby, *batch)
    assert all(outcome.is_new for outcome in outcomes)
    with assert_rows_added(lobby, mails=8):
        sort(lobby)
    with assert_rows_added(lobby, people=8, names=8, answers=8, submissions=-8):
        confirm(lobby, *(row_id for row_id in ids_of(outcomes) if row_id))
    with lobby.database.read() as session:
        for outcome, request in zip(outcomes, batch, strict=True):
            row = session.get_one(Signature, outcome.signature_id)
            petition = petitions.public(session, request.petition_slug)
            supporter = session.get_one(Supporter, row.supporter_id)
            wording = session.exec(
                select(Wording).join(Consent).where(Consent.signature_id == row.id)
            ).one()
            assert row.petition_id == petition.id
            owners = {supporter.organisation_id, wording.organisation_id}
            assert owners == {petition.organisation_id}
            assert row.name.organisation_id == petition.organisation_id


def test_what_cannot_be_taken_fails_alone_and_in_its_place(
    lobby: Lobby, others: str, closed: str
) -> None:
    batch = [
        person(0),
        person(1, petition_slug="no-such"),
        person(2, petition_slug=closed),
        person(3, postcode="nonsense"),
        person(4, postcode="ZZ1 1ZZ"),
        person(5, postcode="JE2 3AB"),
        person(6, country="FR", postcode="75001"),
        person(7, petition_slug=others),
    ]
    with assert_rows_added(lobby, submissions=5):
        outcomes = record(lobby, *batch)
    errors = [type(outcome.error) for outcome in outcomes]
    nothing = type(None)
    assert errors == [nothing, NotFound, Conflict, Invalid, nothing, nothing, nothing, nothing]
    codes = [outcome.constituency_code for outcome in outcomes]
    assert codes == [EDINBURGH, None, None, None, "unknown", "overseas", "overseas", EDINBURGH]
    with assert_rows_added(lobby, mails=5):
        sort(lobby)


def test_a_batch_of_nothing_but_errors_writes_nothing(lobby: Lobby, closed: str) -> None:
    with assert_rows_added(lobby):
        outcomes = record(lobby, person(0, petition_slug=closed), person(1, postcode="nonsense"))
    assert all(outcome.error for outcome in outcomes)


def test_the_limit_of_mails_holds_within_a_batch_of_many_petitions(
    lobby: Lobby, clock: Clock
) -> None:
    slugs = [f"one-of-{number}" for number in range(8)]
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        for slug in slugs:
            values = {"slug": slug, "action": slug, "addressed_to": "Them"}
            petitions.create(session, campaign=campaign, values=values, now=clock.now)
    batch = [
        replace(ANNA, petition_slug=slug, sender_index=bytes([place]) * 16)
        for place, slug in enumerate(slugs)
    ]
    with assert_rows_added(lobby, submissions=8):
        record(lobby, *batch)
    for mails in (mail_shares.MOST_ASKED_FOR, mail_shares.MOST_ASKED_FOR, 0):
        with assert_rows_added(lobby, mails=mails):
            sort(lobby)
        clock.advance(days=1)


def test_the_limit_of_mails_holds_across_batches_and_ends_after_a_day(
    lobby: Lobby, clock: Clock
) -> None:
    for number in range(7):
        record(lobby, replace(ANNA, sender_index=bytes([number]) * 16), person(number))
        sort(lobby)
    assert mail_count(lobby, ANNA.email) == mail_shares.MOST_ASKED_FOR
    assert [mail_count(lobby, f"p{number}@example.org") for number in range(7)] == [1] * 7
    clock.advance(hours=23, minutes=59)
    sort(lobby)
    assert mail_count(lobby, ANNA.email) == mail_shares.MOST_ASKED_FOR
    clock.advance(minutes=1)
    sort(lobby)
    assert mail_count(lobby, ANNA.email) == 7, "those over the limit have waited"


def test_a_dead_address_is_written_down_and_not_written_to(lobby: Lobby) -> None:
    index = dead_addresses.index_of(ANNA.email, lobby.keyring)
    with lobby.database.write() as session:
        dead_addresses.note(session, index, member_id=None, detail="550", now=lobby.clock())
    with assert_rows_added(lobby, submissions=3):
        outcomes = record(lobby, person(0), ANNA, person(1))
    assert all(outcome.is_new for outcome in outcomes)
    with assert_rows_added(lobby, mails=2, submissions=-1):
        sort(lobby)
    assert mail_count(lobby, ANNA.email) == 0
    assert outcomes[1].signature_id not in all_submissions(lobby)


def test_a_wording_that_is_missing_is_written_down_once(lobby: Lobby, others: str) -> None:
    for start in (0, 6):
        batch = [person(start + n, petition_slug=others, updates=n % 2 == 0) for n in range(6)]
        with assert_rows_added(lobby, people=6, names=6, answers=6):
            confirm(lobby, *submit(lobby, *batch))
    with lobby.database.read() as session:
        owner = organisations.by_slug(session, "others")
        wordings = session.exec(select(Wording).where(Wording.organisation_id == owner.id)).all()
    assert len(wordings) == 1
    assert "Others" in wordings[0].text


def test_every_state_is_met_in_one_batch(lobby: Lobby, clock: Clock) -> None:
    """The outcome and the rows are the same for all; only the mails depend on the state."""
    (too_old,) = submit(lobby, person(3))
    sort(lobby)
    clock.advance(days=14, seconds=1)
    worker.delete_old_submissions(lobby, threading.Event())
    ids = submit(lobby, *(person(n, postcode=SIGNED) for n in (0, 1, 2)))
    asked = submit(lobby, person(4))
    sort(lobby)
    confirm(lobby, *ids)
    with lobby.database.write() as session:
        signature_states.withdraw(session, ids[1], now=clock.now)
        signature_states.disown(session, ids[2], now=clock.now)
    before, rows = count(lobby), all_submissions(lobby)
    assert list(rows) == asked, "what was too old is gone"
    clock.advance(days=1)
    with assert_rows_added(lobby, submissions=6):
        outcomes = record(lobby, *(person(n, name="Later") for n in range(6)))
    assert {outcome[1:] for outcome in outcomes} == {outcomes[0][1:]}, "nothing tells them apart"
    assert not {too_old, *ids, *asked} & set(ids_of(outcomes))
    # The signer is told that they have signed, and who said 'not me' gets no mail.
    with assert_rows_added(lobby, mails=5, submissions=-2):
        sort(lobby)
    kinds = [mail_count(lobby, f"p{n}@example.org", MessageKind.ALREADY_SIGNED) for n in range(6)]
    assert kinds == [1, 0, 0, 0, 0, 0]
    left = all_submissions(lobby)
    assert left.keys() - rows.keys() == {outcomes[n].signature_id for n in (1, 3, 4, 5)}
    assert {row_id: left[row_id] for row_id in rows} == rows
    with lobby.database.read() as session:
        old = [session.get_one(Signature, row_id) for row_id in ids]
    states = [SignatureState.CONFIRMED, SignatureState.WITHDRAWN, SignatureState.REJECTED]
    assert [row.state for row in old] == states
    assert {row.name.text for row in old} == {ANNA.name}
    assert count(lobby) == before, "what was withdrawn counts again once it is confirmed"


# ---- signing with idempotency keys


def with_key(lobby: Lobby, key: str, request: SignatureRequest) -> SignatureRequest:
    """Gives the request an idempotency key, as for a public request with this content."""
    attempt = idempotency.attempt(
        lobby.keyring, key, key_id=None, method="POST", path="/", content=repr(request).encode()
    )
    return replace(request, keyed=KeyedRequest(attempt, _stored_answer))


def _stored_answer(outcome: Outcome) -> StoredAnswer:
    return StoredAnswer(
        201, f"{outcome.signature_id} lives in {outcome.constituency_code}".encode()
    )


def record_keyed_in_session(
    session: Session, lobby: Lobby, requests: Sequence[SignatureRequest], *, look_up: bool = True
) -> list[Outcome]:
    return keyed.record(
        session,
        requests,
        postcodes=lobby.postcodes.lookup,
        keyring=lobby.keyring,
        now=lobby.clock(),
        look_up=look_up,
    )


def record_keyed(lobby: Lobby, *requests: SignatureRequest) -> list[Outcome]:
    """Records a batch as the API does: as if all keys were new, and if one is not, again."""
    with suppress(KeyInUse), lobby.database.write() as session:
        return record_keyed_in_session(session, lobby, requests, look_up=False)
    with lobby.database.write() as session:
        return record_keyed_in_session(session, lobby, requests)


def key_count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return session.exec(select(func.count()).select_from(IdempotencyKey)).one()


def contents(outcomes: Sequence[Outcome]) -> list[bytes | None]:
    return [outcome.answer.content if outcome.answer else None for outcome in outcomes]


def replayed(outcomes: Sequence[Outcome]) -> list[bool | None]:
    return [outcome.answer.is_replayed if outcome.answer else None for outcome in outcomes]


@pytest.mark.parametrize("size", [1, 500])
def test_a_batch_of_new_keys_keeps_an_answer_each(lobby: Lobby, size: int) -> None:
    batch = [with_key(lobby, f"k{n}", person(n, postcode=POSTCODES[n % 6])) for n in range(size)]
    with assert_rows_added(lobby, submissions=size):
        outcomes = record_keyed(lobby, *batch)
    assert key_count(lobby) == size
    assert all(outcome.is_new for outcome in outcomes)
    assert contents(outcomes) == [_stored_answer(outcome).content for outcome in outcomes]
    assert replayed(outcomes) == [False] * size


@pytest.mark.parametrize("size", [1, 500])
def test_a_batch_of_known_keys_writes_nothing_and_is_told_the_same(lobby: Lobby, size: int) -> None:
    batch = [with_key(lobby, f"k{n}", person(n, updates=True)) for n in range(size)]
    first = record_keyed(lobby, *batch)
    with assert_rows_added(lobby):
        again = record_keyed(lobby, *batch[::-1])
    assert contents(again) == contents(first)[::-1]
    assert replayed(again) == [True] * size
    assert key_count(lobby) == size


def test_a_known_key_is_told_the_same_after_its_submission_is_confirmed_or_gone(
    lobby: Lobby,
) -> None:
    batch = [with_key(lobby, f"k{n}", person(n)) for n in range(2)]
    first = record_keyed(lobby, *batch)
    confirmed, withdrawn = (row_id for row_id in ids_of(first) if row_id)
    confirm(lobby, confirmed)
    with lobby.database.write() as session:
        signature_states.withdraw(session, withdrawn, now=lobby.clock())
    with assert_rows_added(lobby):
        again = record_keyed(lobby, *batch)
    assert contents(again) == contents(first)


def test_known_and_new_keys_and_none_keep_their_places_in_a_batch(lobby: Lobby) -> None:
    known = [with_key(lobby, f"k{n}", person(n)) for n in range(3)]
    first = record_keyed(lobby, *known)
    new = [with_key(lobby, f"k{n}", person(n)) for n in range(3, 6)]
    plain = [person(n) for n in (0, 6, 7)]
    mixed = [request for three in zip(known, new, plain, strict=True) for request in three]
    # Signing again without a key is a new submission.
    with assert_rows_added(lobby, submissions=6):
        outcomes = record_keyed(lobby, *mixed)
    assert contents(outcomes[::3]) == contents(first)
    assert replayed(outcomes) == [True, False, None] * 3
    assert [outcome.is_new for outcome in outcomes[2::3]] == [True, True, True]


def test_a_key_twice_in_a_batch_is_recorded_once_and_the_second_is_told_to_wait(
    lobby: Lobby,
) -> None:
    anna, ben = with_key(lobby, "a", ANNA), with_key(lobby, "b", person(1))
    with assert_rows_added(lobby, submissions=2):
        outcomes = record_keyed(lobby, anna, anna, ben, anna)
    errors = [type(outcome.error) for outcome in outcomes]
    nothing = type(None)
    assert errors == [nothing, KeyInUse, nothing, KeyInUse]
    assert contents(record_keyed(lobby, anna)) == contents(outcomes[:1])


def test_a_key_with_another_body_fails_alone_whether_known_or_in_the_batch(lobby: Lobby) -> None:
    record_keyed(lobby, with_key(lobby, "a", ANNA))
    batch = [
        with_key(lobby, "a", replace(ANNA, name="Somebody Else")),
        with_key(lobby, "b", person(1)),
        with_key(lobby, "b", person(2)),
        with_key(lobby, "c", person(2)),
    ]
    with assert_rows_added(lobby, submissions=2):
        outcomes = record_keyed(lobby, *batch)
    nothing = type(None)
    assert [type(outcome.error) for outcome in outcomes] == [Invalid, nothing, Invalid, nothing]
    for outcome in outcomes[::2]:
        assert isinstance(outcome.error, Invalid)
        assert outcome.error.code == "idempotency_key_reused"
        assert [field.field for field in outcome.error.fields] == ["Idempotency-Key"]
    assert key_count(lobby) == 3


def test_what_was_refused_can_be_sent_again_with_the_same_key(lobby: Lobby, closed: str) -> None:
    late = with_key(lobby, "a", replace(ANNA, petition_slug=closed))
    wrong = with_key(lobby, "b", person(1, postcode="nonsense"))
    with assert_rows_added(lobby, submissions=1):
        refused = record_keyed(lobby, late, wrong, with_key(lobby, "c", person(2)))
    assert [type(outcome.error) for outcome in refused] == [Conflict, Invalid, type(None)]
    assert (contents(refused[:2]), key_count(lobby)) == ([None, None], 1)
    with lobby.database.write() as session:
        petition = petitions.public(session, closed)
        petitions.update(session, petition, values={"state": "open"}, now=lobby.clock())
    again = record_keyed(lobby, late, with_key(lobby, "b", person(1)))
    assert [outcome.is_new for outcome in again] == [True, True]
    assert key_count(lobby) == 3


def test_a_key_is_forgotten_after_a_day(lobby: Lobby, clock: Clock) -> None:
    anna, ben = with_key(lobby, "a", ANNA), with_key(lobby, "b", person(1))
    first = record_keyed(lobby, anna)
    clock.advance(hours=12)
    record_keyed(lobby, ben)
    clock.advance(hours=11, minutes=59)
    assert replayed(record_keyed(lobby, anna, ben)) == [True, True]
    clock.advance(minutes=1)
    with assert_rows_added(lobby, submissions=1):
        again = record_keyed(lobby, anna, ben)
    assert replayed(again) == [False, True]
    assert contents(again[:1]) != contents(first), "it is a submission of its own"
    assert contents(record_keyed(lobby, anna)) == contents(again[:1])
    assert key_count(lobby) == 2


def test_a_batch_that_is_cut_off_leaves_neither_submissions_nor_keys(lobby: Lobby) -> None:
    batch = [with_key(lobby, f"k{n}", person(n)) for n in range(5)]
    with (
        assert_rows_added(lobby),
        suppress(RollBack),
        lobby.database.write() as session,
    ):
        record_keyed_in_session(session, lobby, batch)
        raise RollBack
    assert key_count(lobby) == 0
    assert replayed(record_keyed(lobby, *batch)) == [False] * 5


def test_a_batch_of_new_keys_is_recorded_the_same_with_and_without_a_look_up(lobby: Lobby) -> None:
    for look_up, start in ((False, 0), (True, 10)):
        batch = [with_key(lobby, f"k{start + n}", person(start + n)) for n in range(5)]
        with assert_rows_added(lobby, submissions=5), lobby.database.write() as session:
            outcomes = record_keyed_in_session(session, lobby, batch, look_up=look_up)
        assert replayed(outcomes) == [False] * 5
        assert contents(outcomes) == [_stored_answer(outcome).content for outcome in outcomes]
    assert key_count(lobby) == 10


@pytest.mark.parametrize("case", ["known", "expired", "refused", "twice"])
def test_a_batch_without_a_look_up_is_undone_if_a_key_may_have_an_answer(
    lobby: Lobby, clock: Clock, closed: str, case: str
) -> None:
    anna = with_key(lobby, "a", ANNA)
    if case in ("known", "expired"):
        record_keyed(lobby, anna)
        clock.advance(days=1 if case == "expired" else 0)
    elif case == "refused":
        anna = with_key(lobby, "a", replace(ANNA, petition_slug=closed))
    batch = [with_key(lobby, "b", person(1)), anna, *([anna] if case == "twice" else [])]
    keys = key_count(lobby)
    with assert_rows_added(lobby), pytest.raises(KeyInUse), lobby.database.write() as session:
        record_keyed_in_session(session, lobby, batch, look_up=False)
    assert key_count(lobby) == keys


# ---- concurrent transactions, each on its own connection


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True], ids=["commits", "rolls back"])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_key_that_another_process_works_on_is_waited_for_with_sqlite(
    lobby: Lobby, second_database: Database, fails: bool
) -> None:
    anna, ours = with_key(lobby, "a", ANNA), list[Outcome]()
    with assert_rows_added(lobby, submissions=2):
        run_during_transaction(
            second_database,
            lambda session: record_keyed_in_session(session, lobby, [anna]),
            lambda: ours.extend(record_keyed(lobby, anna, with_key(lobby, "b", person(1)))),
            fails=fails,
        )
    assert replayed(ours) == [not fails, False]


@pytest.mark.parametrize("look_up", [True, False])
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_key_that_another_process_works_on_is_in_use_and_its_batch_goes_on(
    lobby: Lobby, second_database: Database, look_up: bool
) -> None:
    anna, ben = with_key(lobby, "a", ANNA), with_key(lobby, "b", person(1))
    with assert_rows_added(lobby, submissions=2):
        with second_database.write() as session:
            theirs = record_keyed_in_session(session, lobby, [anna], look_up=look_up)
            ours = record_keyed(lobby, anna, ben)
        assert [type(outcome.error) for outcome in ours] == [KeyInUse, type(None)]
        again = record_keyed(lobby, anna, ben)
    assert replayed(again) == [True, True]
    assert contents(again) == contents([theirs[0], ours[1]])


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_batches_of_the_same_people_in_opposite_orders_do_not_wait_for_each_other(
    lobby: Lobby, second_database: Database
) -> None:
    batch = [person(n, postcode=POSTCODES[n % 6]) for n in range(41)]
    with assert_rows_added(lobby, submissions=82), second_database.write() as session:
        theirs = record_in(session, lobby, batch)
        ours = record(lobby, *batch[::-1])
    assert all(outcome.is_new for outcome in [*ours, *theirs])
    with assert_rows_added(lobby, mails=82):
        sort(lobby)


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True], ids=["commits", "rolls back"])
@pytest.mark.parametrize("other", ["confirms", "imports"])
def test_an_import_beside_another_way_to_count_counts_once(
    lobby: Lobby, second_database: Database, other: str, fails: bool
) -> None:
    batch = [person(n, postcode=POSTCODES[n % 4]) for n in range(20)]
    ids = submit(lobby, *batch)
    on_paper = [replace(request, imported=PAPER) for request in batch]
    before, ours = count(lobby), list[Outcome]()
    acts: dict[str, Write] = {
        "confirms": lambda session: confirming.confirm_all(
            session, ids, keyring=lobby.keyring, now=lobby.clock()
        ),
        "imports": lambda session: record_in(session, lobby, on_paper),
    }
    with assert_rows_added(
        lobby, people=20, names=20, submissions=0 if fails or other == "imports" else -20
    ):
        run_during_transaction(
            second_database,
            acts[other],
            lambda: ours.extend(record(lobby, *on_paper[::-1])),
            fails=fails,
        )
    assert [outcome.is_counted for outcome in ours] == [fails] * 20
    assert count(lobby) == before + 20


@pytest.mark.slow
@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known before"])
def test_imports_in_opposite_orders_never_count_in_a_circle(
    lobby: Lobby, second_database: Database, second: str, is_known: bool
) -> None:
    batch = [person(n, postcode=POSTCODES[n % 6], imported=PAPER) for n in range(41)]
    if is_known:
        record(lobby, *(replace(request, petition_slug=second) for request in batch))
    before = count(lobby)
    run_both_behind_a_lock(
        lobby,
        lambda session: record_in(session, lobby, [batch[20]]),
        (lobby.database, lambda session: record_in(session, lobby, batch)),
        (second_database, lambda session: record_in(session, lobby, batch[::-1])),
    )
    assert count(lobby) == before + 41


@pytest.mark.slow
@pytest.mark.parametrize("fails", [False, True], ids=["commits", "rolls back"])
def test_imports_to_confirm_beside_each_other_ask_each_person_once(
    lobby: Lobby, second_database: Database, fails: bool
) -> None:
    batch = [person(n, imported=TO_CONFIRM) for n in range(20)]
    ours: list[Outcome] = []
    with assert_rows_added(lobby, submissions=20, mails=20):
        run_during_transaction(
            second_database,
            lambda session: record_in(session, lobby, batch),
            lambda: ours.extend(record(lobby, *batch[::-1])),
            fails=fails,
        )
    assert [outcome.is_new for outcome in ours] == [fails] * 20
    assert {outcome.state for outcome in ours} == {SignatureState.PENDING}


# ---- the number of statements


@pytest.mark.slow
def test_recording_takes_two_statements_whatever_the_size_and_whatever_is_known(
    lobby: Lobby, others: str
) -> None:
    def batch(size: int, start: int) -> list[SignatureRequest]:
        return [
            person(start + n, petition_slug=(PETITION, others)[n % 2], updates=True)
            for n in range(size)
        ]

    def act(requests: list[SignatureRequest]) -> Counter[str]:
        return count_statements(lobby, lambda session: record_in(session, lobby, requests))

    few, many = act(batch(2, 10)), act(batch(600, 100))
    assert few == many == act(batch(600, 100))
    assert many.total() == 2
    sort(lobby)
    assert act(batch(600, 100)) == many, "while all are asked"
    confirm(lobby, *all_submissions(lobby))
    assert act(batch(600, 100)) == many, "of those that have signed"
    largest = act(batch(5033, 1000))
    assert largest.keys() == many.keys()
    assert largest.total() <= many.total() + 1, "SQLite takes what fills no block by itself"


def test_keys_take_as_many_statements_more_whatever_the_size(lobby: Lobby) -> None:
    def batch(size: int, start: int) -> list[SignatureRequest]:
        return [with_key(lobby, f"k{start + n}", person(start + n)) for n in range(size)]

    def act(requests: list[SignatureRequest]) -> Counter[str]:
        return count_statements(
            lobby, lambda session: record_keyed_in_session(session, lobby, requests)
        )

    plain = act([person(n) for n in range(5)])
    few, many = act(batch(1, 10)), act(batch(400, 100))
    assert plain == count_statements(
        lobby, lambda session: record_in(session, lobby, [person(n) for n in range(5, 8)])
    )
    assert few == many
    assert many.total() == plain.total() + (2 if lobby.database.is_sqlite else 3)
    new = count_statements(
        lobby,
        lambda session: record_keyed_in_session(session, lobby, batch(400, 1000), look_up=False),
    )
    assert new.total() == plain.total() + 1, "without a look-up"
    replays = act(batch(400, 100))
    assert not {text for text in replays if text.startswith(("INSERT", "UPDATE"))}
