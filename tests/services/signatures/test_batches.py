"""Tests batches of signatures and of confirmations: each has the outcome that it would have alone.

After each test a fixture checks that the tallies match the rows.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import event
from sqlmodel import Session, SQLModel, col, func, select

from models import (
    Consent,
    IdempotencyKey,
    OutboxMessage,
    Signature,
    SignatureState,
    Supporter,
    Wording,
)
from models.base import new_id
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.database.engine import Database
from services.errors import Conflict, Gone, Invalid, KeyInUse, NotFound
from services.mail import dead_addresses, outbox
from services.operations import recounts
from services.organisations import organisations
from services.signatures import confirming, keyed, recording, signature_states
from services.signatures.recording import ImportOrigin, Outcome, SignatureRequest
from services.signatures.signature_states import Confirmation
from services.traffic import idempotency
from services.traffic.idempotency import KeyedRequest, StoredAnswer
from tests.support.common import CAMPAIGN, CAN_SIGN, MINISTER, PETITION, SIGNED, Clock

PAPER = ImportOrigin("paper, Leeds stall, 3 May 2026")
ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
EDINBURGH = "S14000078"
LARGEST = 5000  # signatures in one bulk request
POSTCODES = (CAN_SIGN, SIGNED, MINISTER, "CF10 3NQ", "ZZ1 1ZZ", "JE2 3AB")
Write = Callable[[Session], object]


@pytest.fixture(autouse=True)
def _tallies_are_exact(lobby: Lobby) -> Iterator[None]:
    yield
    with lobby.database.read() as session:
        assert recounts.wrong_signatures(session) == []


def person(number: int, **parts: object) -> SignatureRequest:
    return replace(ANNA, email=f"p{number}@example.org", **parts)  # type: ignore[arg-type] # any field


def record_in_session(
    session: Session, lobby: Lobby, requests: Sequence[SignatureRequest]
) -> list[Outcome]:
    return recording.record(
        session,
        requests,
        postcodes=lobby.postcodes.lookup,
        keyring=lobby.keyring,
        now=lobby.clock(),
    )


def record(lobby: Lobby, *requests: SignatureRequest) -> list[Outcome]:
    with lobby.database.write() as session:
        return record_in_session(session, lobby, requests)


def sign(lobby: Lobby, *requests: SignatureRequest) -> list[UUID]:
    """Records the requests and returns the ids of the signatures, in their order."""
    ids = [outcome.signature_id for outcome in record(lobby, *requests)]
    return [signature_id for signature_id in ids if signature_id is not None]


def confirm(lobby: Lobby, *ids: UUID) -> list[Confirmation]:
    with lobby.database.write() as session:
        return confirming.confirm_all(session, ids, keyring=lobby.keyring, now=lobby.clock())


def result_types(confirmations: Sequence[Confirmation]) -> list[type]:
    return [type(confirmation.error or confirmation.signature) for confirmation in confirmations]


def row_counts(lobby: Lobby) -> dict[str, int]:
    """Counts the rows of every table that a batch writes to."""
    models: tuple[type[SQLModel], ...] = (Supporter, Signature, OutboxMessage, Consent)
    with lobby.database.read() as session:
        return {
            model.__name__: session.exec(select(func.count()).select_from(model)).one()
            for model in models
        }


@contextmanager
def assert_rows_added(
    lobby: Lobby, *, people: int, names: int, mails: int, answers: int = 0
) -> Iterator[None]:
    """Checks that the block adds exactly these numbers of rows."""
    before = row_counts(lobby)
    yield
    added = {name: count - before[name] for name, count in row_counts(lobby).items()}
    assert list(added.values()) == [people, names, mails, answers]


def count(lobby: Lobby, slug: str = PETITION) -> int:
    with lobby.database.read() as session:
        return petitions.count(session, petitions.public(session, slug).id)


def mail_count(lobby: Lobby, address: str) -> int:
    index = dead_addresses.index_of(address, lobby.keyring)
    statement = select(func.count()).where(OutboxMessage.recipient_index == index)
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
def closed(lobby: Lobby) -> str:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        values = {"slug": "ended", "action": "Ended", "addressed_to": "Them", "state": "closed"}
        return petitions.create(session, campaign=campaign, values=values, now=lobby.clock()).slug


# ---- signing


@pytest.mark.parametrize("size", [1, 500, LARGEST])
def test_a_batch_of_new_names_writes_each_once_in_their_order(lobby: Lobby, size: int) -> None:
    batch = [person(n, postcode=POSTCODES[n % 6], updates=n % 2 == 0) for n in range(size)]
    with assert_rows_added(lobby, people=size, names=size, mails=size, answers=size):
        outcomes = record(lobby, *batch)
    assert all(outcome.is_new and outcome.error is None for outcome in outcomes)
    with lobby.database.read() as session:
        for number in {0, size // 2, size - 1}:
            written = session.get_one(Signature, outcomes[number].signature_id)
            supporter = session.get_one(Supporter, written.supporter_id)
            assert supporter.email.text == batch[number].email
            assert written.postcode.text == batch[number].postcode
            assert written.constituency_code == outcomes[number].constituency_code
            statement = select(Consent.granted).where(Consent.signature_id == written.id)
            assert session.exec(statement).one() is batch[number].updates


@pytest.mark.parametrize("size", [1, 500, LARGEST])
def test_a_batch_that_comes_again_adds_only_mails_and_answers(lobby: Lobby, size: int) -> None:
    batch = [person(n, updates=True) for n in range(size)]
    first = record(lobby, *batch)
    with assert_rows_added(lobby, people=0, names=0, mails=size, answers=size):
        again = record(lobby, *batch)
    assert [outcome.signature_id for outcome in again] == [
        outcome.signature_id for outcome in first
    ]
    assert not any(outcome.is_new or outcome.is_repeat_in_batch for outcome in again)


def test_nothing_is_asked_of_nobody(lobby: Lobby) -> None:
    with assert_rows_added(lobby, people=3, names=3, mails=3, answers=0):
        record(lobby, *(person(n) for n in range(3)))


def test_a_batch_that_repeats_itself_is_taken_at_its_last_word(lobby: Lobby) -> None:
    batch = [person(n % 3, name=f"Name {n}", postcode=POSTCODES[n % 2]) for n in range(9)]
    with assert_rows_added(lobby, people=3, names=3, mails=3):
        outcomes = record(lobby, *batch)
    assert [outcome.is_new for outcome in outcomes] == [True] * 3 + [False] * 6
    assert [outcome.is_repeat_in_batch for outcome in outcomes] == [False] * 3 + [True] * 6
    with lobby.database.read() as session:
        for number in (6, 7, 8):
            signature = session.get_one(Signature, outcomes[number].signature_id)
            assert signature.name.text == f"Name {number}"
            assert signature.constituency_code == outcomes[number].constituency_code


@pytest.mark.parametrize(
    "spellings",
    [
        ("anna.example@gmail.com", "AnnaExample+x@googlemail.com", "annaexample@gmail.com"),
        ("anna@example.org", "anna@EXAMPLE.ORG", "anna@Example.Org"),
    ],
)
def test_spellings_of_one_box_are_one_supporter(lobby: Lobby, spellings: tuple[str, ...]) -> None:
    with assert_rows_added(lobby, people=1, names=1, mails=1):
        outcomes = record(lobby, *(replace(ANNA, email=email) for email in spellings))
    assert len({outcome.signature_id for outcome in outcomes}) == 1
    assert [outcome.is_repeat_in_batch for outcome in outcomes] == [False, True, True]


def test_two_organisations_in_one_batch_share_nothing(lobby: Lobby, others: str) -> None:
    batch = [
        person(n // 2, petition_slug=(PETITION, others)[n % 2], updates=True) for n in range(8)
    ]
    with assert_rows_added(lobby, people=8, names=8, mails=8, answers=8):
        outcomes = record(lobby, *batch)
    assert all(outcome.is_new for outcome in outcomes)
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
    with assert_rows_added(lobby, people=5, names=5, mails=5):
        outcomes = record(lobby, *batch)
    errors = [type(outcome.error) for outcome in outcomes]
    nothing = type(None)
    assert errors == [nothing, NotFound, Conflict, Invalid, nothing, nothing, nothing, nothing]
    codes = [outcome.constituency_code for outcome in outcomes]
    assert codes == [EDINBURGH, None, None, None, "unknown", "overseas", "overseas", EDINBURGH]


def test_a_batch_of_nothing_but_errors_writes_nothing(lobby: Lobby, closed: str) -> None:
    with assert_rows_added(lobby, people=0, names=0, mails=0):
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
    batch = [replace(ANNA, petition_slug=slug) for slug in slugs]
    with assert_rows_added(lobby, people=1, names=8, mails=outbox.MAILS_A_DAY):
        record(lobby, *batch)


def test_the_limit_of_mails_holds_across_batches_and_ends_after_a_day(
    lobby: Lobby, clock: Clock
) -> None:
    for number in range(7):
        record(lobby, ANNA, person(number))
    assert mail_count(lobby, ANNA.email) == outbox.MAILS_A_DAY
    assert [mail_count(lobby, f"p{number}@example.org") for number in range(7)] == [1] * 7
    clock.advance(days=1, seconds=1)
    record(lobby, ANNA)
    assert mail_count(lobby, ANNA.email) == outbox.MAILS_A_DAY + 1


def test_a_dead_address_is_written_down_and_not_written_to(lobby: Lobby) -> None:
    index = dead_addresses.index_of(ANNA.email, lobby.keyring)
    with lobby.database.write() as session:
        dead_addresses.note(session, index, member_id=None, detail="550", now=lobby.clock())
    with assert_rows_added(lobby, people=3, names=3, mails=2):
        outcomes = record(lobby, person(0), ANNA, person(1))
    assert all(outcome.is_new for outcome in outcomes)
    assert mail_count(lobby, ANNA.email) == 0


def test_a_wording_that_is_missing_is_written_down_once(lobby: Lobby, others: str) -> None:
    batch = [person(n, petition_slug=others, updates=n % 2 == 0) for n in range(6)]
    for _ in range(2):
        record(lobby, *batch)
    with lobby.database.read() as session:
        owner = organisations.by_slug(session, "others")
        wordings = session.exec(select(Wording).where(Wording.organisation_id == owner.id)).all()
    assert len(wordings) == 1
    assert "Others" in wordings[0].text


def test_answers_are_kept_for_those_who_gave_one(lobby: Lobby) -> None:
    batch = [person(0, updates=True), person(1), person(2, updates=False)]
    with assert_rows_added(lobby, people=3, names=3, mails=3, answers=2):
        ids = sign(lobby, *batch)
    statement = select(Consent.signature_id, Consent.granted)
    with lobby.database.read() as session:
        consents = session.exec(statement.where(col(Consent.signature_id).in_(ids))).all()
    assert dict(consents) == {ids[0]: True, ids[2]: False}


def test_every_state_is_met_in_one_batch(lobby: Lobby, clock: Clock) -> None:
    ids = sign(lobby, *(person(n, postcode=SIGNED) for n in range(5)))
    confirm(lobby, *ids[:3])
    with lobby.database.write() as session:
        signature_states.withdraw(session, ids[1], now=clock.now)
        signature_states.disown(session, ids[2], now=clock.now)
    clock.advance(days=31)
    with lobby.database.write() as session:
        assert signature_states.expire(session, now=clock.now) == 2
    before = count(lobby)
    again = [person(n, name="Later") for n in range(5)]
    # No mail is queued for the disowned signature.
    with assert_rows_added(lobby, people=0, names=0, mails=4):
        assert sign(lobby, *again) == ids
    with lobby.database.read() as session:
        signatures = [session.get_one(Signature, signature_id) for signature_id in ids]
    pending = SignatureState.PENDING
    states = [SignatureState.CONFIRMED, pending, SignatureState.REJECTED, pending, pending]
    assert [row.state for row in signatures] == states
    earlier = ANNA.name
    assert [row.name.text for row in signatures] == [earlier, "Later", earlier, "Later", "Later"]
    assert [row.ended_at is None for row in signatures] == [True, True, False, True, True]
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
    session: Session, lobby: Lobby, requests: Sequence[SignatureRequest]
) -> list[Outcome]:
    return keyed.record(
        session,
        requests,
        postcodes=lobby.postcodes.lookup,
        keyring=lobby.keyring,
        now=lobby.clock(),
    )


def record_keyed(lobby: Lobby, *requests: SignatureRequest) -> list[Outcome]:
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
    with assert_rows_added(lobby, people=size, names=size, mails=size):
        outcomes = record_keyed(lobby, *batch)
    assert key_count(lobby) == size
    assert all(outcome.is_new for outcome in outcomes)
    assert contents(outcomes) == [_stored_answer(outcome).content for outcome in outcomes]
    assert replayed(outcomes) == [False] * size


@pytest.mark.parametrize("size", [1, 500])
def test_a_batch_of_known_keys_writes_nothing_and_is_told_the_same(lobby: Lobby, size: int) -> None:
    batch = [with_key(lobby, f"k{n}", person(n, updates=True)) for n in range(size)]
    first = record_keyed(lobby, *batch)
    with assert_rows_added(lobby, people=0, names=0, mails=0, answers=0):
        again = record_keyed(lobby, *batch[::-1])
    assert contents(again) == contents(first)[::-1]
    assert replayed(again) == [True] * size
    assert key_count(lobby) == size


def test_known_and_new_keys_and_none_keep_their_places_in_a_batch(lobby: Lobby) -> None:
    stored = [with_key(lobby, f"k{n}", person(n)) for n in range(3)]
    first = record_keyed(lobby, *stored)
    new = [with_key(lobby, f"k{n}", person(n)) for n in range(3, 6)]
    plain = [person(n) for n in (0, 6, 7)]
    mixed = [request for three in zip(stored, new, plain, strict=True) for request in three]
    # Signing again without a key queues a mail.
    with assert_rows_added(lobby, people=5, names=5, mails=6):
        outcomes = record_keyed(lobby, *mixed)
    assert contents(outcomes[::3]) == contents(first)
    assert replayed(outcomes) == [True, False, None] * 3
    assert [outcome.is_new for outcome in outcomes[2::3]] == [False, True, True]


def test_a_key_twice_in_a_batch_is_recorded_once_and_the_second_is_told_to_wait(
    lobby: Lobby,
) -> None:
    anna, ben = with_key(lobby, "a", ANNA), with_key(lobby, "b", person(1))
    with assert_rows_added(lobby, people=2, names=2, mails=2):
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
    with assert_rows_added(lobby, people=2, names=2, mails=2):
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
    with assert_rows_added(lobby, people=1, names=1, mails=1):
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
    with assert_rows_added(lobby, people=0, names=0, mails=1):
        assert replayed(record_keyed(lobby, anna, ben)) == [False, True]
    assert contents(record_keyed(lobby, anna)) == contents(first), "it is the same signature"
    assert key_count(lobby) == 2


class Crash(Exception):
    """Ends a transaction as a crash of the process would."""


def test_a_batch_that_is_cut_off_leaves_neither_signatures_nor_keys(lobby: Lobby) -> None:
    batch = [with_key(lobby, f"k{n}", person(n)) for n in range(5)]
    with (
        assert_rows_added(lobby, people=0, names=0, mails=0),
        suppress(Crash),
        lobby.database.write() as s,
    ):
        record_keyed_in_session(s, lobby, batch)
        raise Crash
    assert key_count(lobby) == 0
    assert replayed(record_keyed(lobby, *batch)) == [False] * 5


# ---- confirming


@pytest.mark.parametrize("size", [1, 500, LARGEST])
def test_a_batch_of_confirmations_counts_each_once(lobby: Lobby, size: int) -> None:
    ids = sign(lobby, *(person(n, postcode=POSTCODES[n % 6], updates=True) for n in range(size)))
    before = count(lobby)
    confirmations = confirm(lobby, *ids)
    assert [
        confirmation.signature and confirmation.signature.id for confirmation in confirmations
    ] == ids
    assert count(lobby) == before + size
    with lobby.database.read() as session:
        for number in {0, size - 1}:
            row = session.get_one(Signature, ids[number])
            supporter = session.get_one(Supporter, row.supporter_id)
            assert (supporter.name.text, supporter.postcode.text) == (
                row.name.text,
                row.postcode.text,
            )
            assert supporter.constituency_code == row.constituency_code
        effective = select(func.count()).where(
            col(Consent.signature_id).in_(ids), Consent.effective_at == lobby.clock()
        )
        assert session.exec(effective).one() == size


def test_a_confirmation_twice_in_a_batch_counts_once(lobby: Lobby) -> None:
    ids = sign(lobby, person(0), person(1))
    before = count(lobby)
    confirmations = confirm(lobby, *ids, *ids, *ids[::-1])
    confirmed_ids = [
        confirmation.signature.id for confirmation in confirmations if confirmation.signature
    ]
    assert confirmed_ids == [*ids, *ids, *ids[::-1]]
    assert count(lobby) == before + 2


def test_a_batch_that_is_confirmed_already_changes_nothing(lobby: Lobby, clock: Clock) -> None:
    ids = sign(lobby, person(0), person(1))
    confirm(lobby, *ids)
    before, first = count(lobby), clock.now
    clock.advance(hours=1)
    confirmations = confirm(lobby, *ids)
    assert [
        confirmation.signature and confirmation.signature.confirmed_at
        for confirmation in confirmations
    ] == [first, first]
    assert count(lobby) == before


def test_each_confirmation_of_a_mixed_batch_ends_as_it_would_alone(
    lobby: Lobby, clock: Clock
) -> None:
    (expired,) = sign(lobby, person(0))
    clock.advance(days=31)
    with lobby.database.write() as session:
        assert signature_states.expire(session, now=clock.now) == 1
    new, confirmed, withdrawn, disowned = sign(lobby, *(person(n) for n in range(1, 5)))
    confirm(lobby, confirmed, withdrawn)
    with lobby.database.write() as session:
        signature_states.withdraw(session, withdrawn, now=clock.now)
        signature_states.disown(session, disowned, now=clock.now)
    before = count(lobby)
    batch = [new_id(), expired, new, disowned, confirmed, withdrawn, new_id(), new]
    expected = [NotFound, Gone, Signature, Conflict, Signature, Conflict, NotFound, Signature]
    assert result_types(confirm(lobby, *batch)) == expected
    assert count(lobby) == before + 1
    assert result_types([confirm(lobby, signature_id)[0] for signature_id in batch]) == expected, (
        "as each alone"
    )


def test_a_batch_of_nothing_but_unknown_ids_counts_nothing(lobby: Lobby) -> None:
    before = count(lobby)
    assert result_types(confirm(lobby, new_id(), new_id())) == [NotFound, NotFound]
    assert confirm(lobby) == []
    assert count(lobby) == before


def test_of_two_signatures_of_one_supporter_the_later_is_remembered(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        values = {"slug": "second", "action": "A second one", "addressed_to": "Them"}
        petitions.create(session, campaign=campaign, values=values, now=lobby.clock())
    ids = sign(lobby, ANNA, replace(ANNA, petition_slug="second", name="Later", postcode=SIGNED))
    before = count(lobby), count(lobby, "second")
    confirm(lobby, *ids[::-1])
    assert (count(lobby), count(lobby, "second")) == (before[0] + 1, before[1] + 1)
    with lobby.database.read() as session:
        row = session.get_one(Signature, ids[0])
        supporter = session.get_one(Supporter, row.supporter_id)
    assert (supporter.name.text, supporter.postcode.text) == ("Later", SIGNED)


# ---- concurrent transactions, each on its own connection


@pytest.fixture
def second_database(lobby: Lobby) -> Iterator[Database]:
    """Opens the same database a second time, as another process would."""
    database = Database(lobby.database.url)
    yield database
    database.close()


def run_during_transaction(
    database: Database, first: Write, then: Callable[[], object], *, fails: bool
) -> None:
    """Runs `then` in a second thread while the transaction of `first` is open.

    Waits until `then` is blocked, and then commits `first`, or rolls it back if `fails` is set.
    """
    begun = threading.Event()

    def second() -> None:
        begun.set()
        then()

    thread = threading.Thread(target=second)
    try:
        with database.write() as session:
            first(session)
            thread.start()
            assert begun.wait(5)
            thread.join(0.3)
            assert thread.is_alive(), "it did not wait, so that nothing is proved"
            if fails:
                raise _RollBack
    except _RollBack:
        pass
    thread.join(30)
    assert not thread.is_alive()


class _RollBack(Exception):
    """Rolls back the transaction in which it is raised."""


@pytest.mark.parametrize("fails", [False, True], ids=["commits", "rolls back"])
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_key_that_another_process_works_on_is_waited_for_with_sqlite(
    lobby: Lobby, second_database: Database, fails: bool
) -> None:
    anna, ours = with_key(lobby, "a", ANNA), list[Outcome]()
    with assert_rows_added(lobby, people=2, names=2, mails=2):
        run_during_transaction(
            second_database,
            lambda session: record_keyed_in_session(session, lobby, [anna]),
            lambda: ours.extend(record_keyed(lobby, anna, with_key(lobby, "b", person(1)))),
            fails=fails,
        )
    assert replayed(ours) == [not fails, False]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_key_that_another_process_works_on_is_in_use_and_its_batch_goes_on(
    lobby: Lobby, second_database: Database
) -> None:
    anna, ben = with_key(lobby, "a", ANNA), with_key(lobby, "b", person(1))
    with assert_rows_added(lobby, people=2, names=2, mails=2):
        with second_database.write() as session:
            theirs = record_keyed_in_session(session, lobby, [anna])
            ours = record_keyed(lobby, anna, ben)
        assert [type(outcome.error) for outcome in ours] == [KeyInUse, type(None)]
        again = record_keyed(lobby, anna, ben)
    assert replayed(again) == [True, True]
    assert contents(again) == contents([theirs[0], ours[1]])


@pytest.mark.parametrize("fails", [False, True], ids=["commits", "rolls back"])
def test_a_supporter_made_elsewhere_at_the_same_moment_is_one_supporter(
    lobby: Lobby, second_database: Database, fails: bool
) -> None:
    ours: list[Outcome] = []
    theirs: list[Outcome] = []
    batch = [person(0), ANNA, person(1)]
    with assert_rows_added(lobby, people=3, names=3, mails=3 if fails else 4):
        run_during_transaction(
            second_database,
            lambda session: theirs.extend(record_in_session(session, lobby, [ANNA])),
            lambda: ours.extend(record(lobby, *batch)),
            fails=fails,
        )
    assert [outcome.error for outcome in ours] == [None] * 3
    assert [outcome.is_new for outcome in ours] == [True, fails, True]
    assert (ours[1].signature_id == theirs[0].signature_id) is not fails


@pytest.mark.parametrize("fails", [False, True], ids=["commits", "rolls back"])
def test_a_batch_confirmed_elsewhere_at_the_same_moment_counts_once(
    lobby: Lobby, second_database: Database, fails: bool
) -> None:
    ids = sign(lobby, *(person(n, postcode=POSTCODES[n % 4]) for n in range(20)))
    before, ours = count(lobby), list[Confirmation]()
    run_during_transaction(
        second_database,
        lambda session: confirming.confirm_all(
            session, ids, keyring=lobby.keyring, now=lobby.clock()
        ),
        lambda: ours.extend(confirm(lobby, *ids[::-1])),
        fails=fails,
    )
    assert result_types(ours) == [Signature] * 20
    assert count(lobby) == before + 20


def test_a_signature_withdrawn_at_the_same_moment_is_not_counted(
    lobby: Lobby, second_database: Database
) -> None:
    ids = sign(lobby, *(person(n) for n in range(3)))
    before, ours = count(lobby), list[Confirmation]()
    run_during_transaction(
        second_database,
        lambda session: signature_states.withdraw(session, ids[1], now=lobby.clock()),
        lambda: ours.extend(confirm(lobby, *ids)),
        fails=False,
    )
    assert result_types(ours) == [Signature, Conflict, Signature]
    assert count(lobby) == before + 2


@pytest.mark.parametrize("fails", [False, True], ids=["commits", "rolls back"])
@pytest.mark.parametrize("other", ["confirms", "imports"])
def test_an_import_beside_another_way_to_count_counts_once(
    lobby: Lobby, second_database: Database, other: str, fails: bool
) -> None:
    batch = [person(n, postcode=POSTCODES[n % 4]) for n in range(20)]
    ids = sign(lobby, *batch)
    on_paper = [replace(request, imported=PAPER) for request in batch]
    before, ours = count(lobby), list[Outcome]()
    acts: dict[str, Write] = {
        "confirms": lambda session: confirming.confirm_all(
            session, ids, keyring=lobby.keyring, now=lobby.clock()
        ),
        "imports": lambda session: record_in_session(session, lobby, on_paper),
    }
    run_during_transaction(
        second_database,
        acts[other],
        lambda: ours.extend(record(lobby, *on_paper[::-1])),
        fails=fails,
    )
    assert [outcome.is_counted for outcome in ours] == [fails] * 20
    assert count(lobby) == before + 20


@pytest.mark.slow
@pytest.mark.parametrize("recorded_before", [False, True], ids=["new", "asked before"])
def test_imports_in_opposite_orders_never_count_in_a_circle(
    lobby: Lobby, second_database: Database, recorded_before: bool
) -> None:
    batch = [person(n, postcode=POSTCODES[n % 6], imported=PAPER) for n in range(41)]
    if recorded_before:
        record(lobby, *(replace(request, imported=None) for request in batch))
    before = count(lobby)
    _run_both_behind_a_lock(
        lobby,
        lambda session: record_in_session(session, lobby, [batch[20]]),
        (lobby.database, lambda session: record_in_session(session, lobby, batch)),
        (second_database, lambda session: record_in_session(session, lobby, batch[::-1])),
    )
    assert count(lobby) == before + 41


@pytest.mark.slow
def test_batches_in_opposite_orders_never_sign_in_a_circle(
    lobby: Lobby, second_database: Database
) -> None:
    batch = [person(n, postcode=POSTCODES[n % 6]) for n in range(41)]
    with assert_rows_added(lobby, people=41, names=41, mails=82):
        _run_both_behind_a_lock(
            lobby,
            lambda session: record_in_session(session, lobby, [batch[20]]),
            (lobby.database, lambda session: record_in_session(session, lobby, batch)),
            (second_database, lambda session: record_in_session(session, lobby, batch[::-1])),
        )


@pytest.mark.slow
def test_batches_in_opposite_orders_never_confirm_in_a_circle(
    lobby: Lobby, second_database: Database
) -> None:
    ids = sign(lobby, *(person(n, postcode=POSTCODES[n % 6]) for n in range(41)))
    before, now = count(lobby), lobby.clock()
    _run_both_behind_a_lock(
        lobby,
        lambda session: signature_states.get(session, ids[20], for_update=True),
        (
            lobby.database,
            lambda session: confirming.confirm_all(session, ids, keyring=lobby.keyring, now=now),
        ),
        (
            second_database,
            lambda session: confirming.confirm_all(
                session, ids[::-1], keyring=lobby.keyring, now=now
            ),
        ),
    )
    assert count(lobby) == before + 41


def _run_both_behind_a_lock(lobby: Lobby, hold: Write, *writes: tuple[Database, Write]) -> None:
    """Starts both writes while a third transaction locks a row in the middle of both.

    If the writes took their locks in different orders, each would by then hold a lock that the
    other one needs, and they would deadlock.
    """
    errors: list[Exception] = []

    def run(database: Database, write: Write) -> None:
        try:
            with database.write() as session:
                write(session)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=arguments) for arguments in writes]
    third = Database(lobby.database.url)
    with suppress(_RollBack), third.write() as session:
        hold(session)
        for thread in threads:
            thread.start()
        threads[0].join(0.7)
        assert all(thread.is_alive() for thread in threads), "they did not wait"
        raise _RollBack
    for thread in threads:
        thread.join(60)
    third.close()
    assert errors == []


# ---- the number of statements


def count_statements(lobby: Lobby, act: Write) -> Counter[str]:
    """Counts the statements that `act` sends. A statement for many rows counts once."""
    seen: Counter[str] = Counter()

    def note(_connection: object, _cursor: object, text: str, *_: object) -> None:
        seen[text.split("(", maxsplit=1)[0].strip()[:60]] += 1

    with lobby.database.write() as session:
        event.listen(session.connection(), "before_cursor_execute", note)
        act(session)
    return seen


def test_recording_takes_as_many_statements_whatever_the_size(lobby: Lobby, others: str) -> None:
    def batch(size: int, start: int) -> list[SignatureRequest]:
        return [
            person(start + n, petition_slug=(PETITION, others)[n % 2], updates=True)
            for n in range(size)
        ]

    record(lobby, *batch(2, 0))  # creates the wordings
    few = count_statements(lobby, lambda session: record_in_session(session, lobby, batch(2, 10)))
    many = count_statements(
        lobby, lambda session: record_in_session(session, lobby, batch(600, 100))
    )
    again = count_statements(
        lobby, lambda session: record_in_session(session, lobby, batch(600, 100))
    )
    assert few == many
    assert many.total() <= 8
    assert again.total() == many.total() + 3, "two find who is there already, one renews"
    largest = count_statements(
        lobby, lambda session: record_in_session(session, lobby, batch(5033, 1000))
    )
    assert largest.keys() == many.keys()
    assert largest.total() <= many.total() + 4, "SQLite takes what fills no block by itself"


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
        lobby, lambda session: record_in_session(session, lobby, [person(n) for n in range(5, 8)])
    )
    assert few == many
    assert many.total() == plain.total() + (2 if lobby.database.is_sqlite else 3)
    replays = act(batch(400, 100))
    assert not {text for text in replays if text.startswith(("INSERT", "UPDATE"))}


def test_confirming_takes_as_many_statements_whatever_the_size_and_the_seats(lobby: Lobby) -> None:
    def act(ids: list[UUID]) -> Counter[str]:
        return count_statements(
            lobby,
            lambda session: confirming.confirm_all(
                session, ids, keyring=lobby.keyring, now=lobby.clock()
            ),
        )

    few = act(sign(lobby, person(0)))
    many = act(sign(lobby, *(person(n) for n in range(10, 610))))
    seats = act(sign(lobby, *(person(n, postcode=POSTCODES[n % 4]) for n in range(700, 1000))))
    assert few == many == seats
    assert many.total() <= 8
