"""Tests how submissions become signatures: in batches, and beside everything else that can happen.

After each test a fixture checks that the tallies match the rows.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import orjson
import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, func, select

import worker
from models import (
    Consent,
    MessageKind,
    Organisation,
    OutboxMessage,
    Partner,
    Private,
    Signature,
    SignatureState,
    Submission,
    Supporter,
    Tag,
    Tagging,
    Wording,
)
from models.base import new_id, table_of
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.database.engine import Database
from services.errors import Conflict, Gone, Unavailable
from services.operations import recounts
from services.organisations import partners
from services.signatures import confirming, mail_links, signature_states
from services.signatures.confirming import Confirmation, StandingSignature
from services.signatures.mail_links import LinkState
from services.signatures.recording import ImportOrigin, Outcome, SignatureRequest
from services.submissions import ending, payload, sorting
from services.supporters import wordings
from tests.support import signatures
from tests.support.common import (
    CAMPAIGN,
    CAN_SIGN,
    MINISTER,
    PETITION,
    SIGNED,
    Clock,
    text_of,
)
from tests.support.database.databases import (
    RollBack,
    Write,
    count_statements,
    run_both_behind_a_lock,
    run_during_transaction,
)

PAPER = ImportOrigin("paper, Leeds stall, 3 May 2026")
ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
LATER = replace(ANNA, name="Later", postcode=SIGNED, updates=False)
LARGEST = 5000  # many more than the hundred that one group commit takes
POSTCODES = (CAN_SIGN, SIGNED, MINISTER, "CF10 3NQ", "ZZ1 1ZZ", "JE2 3AB")
COMMITS = pytest.mark.parametrize("fails", [False, True], ids=["commits", "rolls back"])
ENDS = pytest.mark.parametrize("how", ["withdraw", "disown"])
_submission = table_of(Submission)


@pytest.fixture(autouse=True)
def _tallies_are_exact(lobby: Lobby) -> Iterator[None]:
    yield
    with lobby.database.read() as session:
        assert recounts.wrong_signatures(session) == []


@pytest.fixture
def second(lobby: Lobby) -> str:
    """Adds another open petition of the same organisation."""
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        values = {"slug": "second", "action": "A second one", "addressed_to": "Them"}
        return petitions.create(session, campaign=campaign, values=values, now=lobby.clock()).slug


def person(number: int, **parts: object) -> SignatureRequest:
    return replace(ANNA, email=f"p{number}@example.org", **parts)  # type: ignore[arg-type] # any field


def sign(lobby: Lobby, *requests: SignatureRequest) -> list[UUID]:
    """Records the requests and returns the ids of the submissions, in their order."""
    ids = [outcome.signature_id for outcome in signatures.record(lobby, requests)]
    return [row_id for row_id in ids if row_id is not None]


def confirm(lobby: Lobby, *ids: UUID) -> list[Confirmation]:
    return signatures.confirm_all(lobby, ids)


def confirm_in(lobby: Lobby, ids: Sequence[UUID]) -> Write:
    """Returns a function that confirms in a given session."""
    return lambda session: confirming.confirm_all(
        session, ids, keyring=lobby.keyring, now=lobby.clock()
    )


def end_in(lobby: Lobby, how: str, row_id: UUID) -> Write:
    """Returns a function that withdraws or disowns in a given session."""
    end = signature_states.withdraw if how == "withdraw" else signature_states.disown
    return lambda session: end(session, row_id, now=lobby.clock())


def end(lobby: Lobby, how: str, row_id: UUID) -> None:
    with lobby.database.write() as session:
        end_in(lobby, how, row_id)(session)


def result_types(confirmations: Sequence[Confirmation]) -> list[type]:
    return [type(confirmation.error or confirmation.signature) for confirmation in confirmations]


def standing_ids(confirmations: Sequence[Confirmation]) -> list[UUID | None]:
    """Returns the ids of the signatures that stand, by the order of the confirmations."""
    return [each.signature.id if each.signature else None for each in confirmations]


def count(lobby: Lobby, slug: str = PETITION) -> int:
    with lobby.database.read() as session:
        return petitions.count(session, petitions.public(session, slug).id)


def stored(lobby: Lobby, row_id: UUID) -> Signature:
    with lobby.database.read() as session:
        return session.get_one(Signature, row_id)


def supporter_of(lobby: Lobby, row_id: UUID) -> Supporter:
    with lobby.database.read() as session:
        signature = session.get_one(Signature, row_id)
        return session.get_one(Supporter, signature.supporter_id)


def rows_of_anna(lobby: Lobby) -> dict[str, Any]:
    """Returns everything that is stored about the people with Anna's address, by table."""
    with lobby.database.read() as session:
        found = {
            supporter.id
            for supporter in session.exec(select(Supporter))
            if supporter.email.text == ANNA.email
        }
        tables = (
            (Supporter, Supporter.id),
            (Signature, Signature.supporter_id),
            (Consent, Consent.supporter_id),
            (Tagging, Tagging.supporter_id),
        )
        return {
            table.__name__: sorted(
                (
                    row.model_dump()
                    for row in session.exec(select(table).where(col(key).in_(found)))
                ),
                key=lambda values: str(values["id"]),
            )
            for table, key in tables
        }


def answers(lobby: Lobby, supporter_id: UUID) -> list[tuple[str, bool]]:
    """Returns a supporter's answers with the words of their questions, oldest first."""
    statement = (
        select(Wording.text, Consent.granted)
        .join(Wording, col(Wording.id) == Consent.wording_id)
        .where(Consent.supporter_id == supporter_id)
        .order_by(col(Consent.given_at), Wording.kind)
    )
    with lobby.database.read() as session:
        return [(text, granted) for text, granted in session.exec(statement)]


def is_waiting(lobby: Lobby, row_id: UUID) -> bool:
    with lobby.database.read() as session:
        statement = sa.select(_submission.c.id).where(_submission.c.id == row_id)
        return session.connection().execute(statement).first() is not None


# ---- batches


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 500, LARGEST])
def test_a_batch_of_confirmations_counts_each_once(lobby: Lobby, size: int) -> None:
    requests = [
        person(n, postcode=POSTCODES[n % 6], updates=n % 2 == 0, comment=f"Comment {n}")
        for n in range(size)
    ]
    ids = sign(lobby, *requests)
    before = count(lobby)
    assert standing_ids(confirm(lobby, *ids)) == ids
    assert count(lobby) == before + size
    with lobby.database.read() as session:
        for number in {0, size // 2, size - 1}:
            row, request = session.get_one(Signature, ids[number]), requests[number]
            assert row.comment is not None
            texts = (row.name.text, row.postcode.text, row.comment.text)
            assert texts == (request.name, request.postcode, request.comment)
            supporter = session.get_one(Supporter, row.supporter_id)
            assert supporter.email.text == request.email
            assert (supporter.name.text, supporter.postcode.text) == texts[:2]
            assert supporter.constituency_code == row.constituency_code
            granted = select(Consent.granted).where(Consent.signature_id == row.id)
            assert session.exec(granted).one() is request.updates
        effective = select(func.count()).where(
            col(Consent.signature_id).in_(ids), Consent.effective_at == lobby.clock()
        )
        assert session.exec(effective).one() == size
        assert session.exec(select(func.count()).select_from(Submission)).one() == 0


def test_a_confirmation_twice_in_a_batch_counts_once(lobby: Lobby) -> None:
    ids = sign(lobby, person(0), person(1))
    before = count(lobby)
    confirmations = confirm(lobby, *ids, *ids, *ids[::-1])
    assert standing_ids(confirmations) == [*ids, *ids, *ids[::-1]]
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
    clock.advance(days=14, seconds=1)
    assert worker.delete_old_submissions(lobby, threading.Event()) == 1
    new, confirmed, withdrawn, disowned, refused = sign(lobby, *(person(n) for n in range(1, 6)))
    confirm(lobby, confirmed, withdrawn, disowned)
    for how, row_id in (("withdraw", withdrawn), ("disown", disowned), ("disown", refused)):
        end(lobby, how, row_id)
    before = count(lobby)
    batch = [new_id(), expired, new, disowned, confirmed, withdrawn, refused, new_id(), new]
    stands = StandingSignature
    expected = [Gone, Gone, stands, Conflict, stands, Conflict, Gone, Gone, stands]
    confirmations = confirm(lobby, *batch)
    assert result_types(confirmations) == expected
    codes = {each.error.code for each in confirmations if each.error}
    assert codes == {"signature_expired", "signature_ended"}
    assert count(lobby) == before + 1
    assert result_types([confirm(lobby, row_id)[0] for row_id in batch]) == expected, (
        "as each alone"
    )


def test_a_batch_of_nothing_but_unknown_ids_counts_nothing(lobby: Lobby) -> None:
    before = count(lobby)
    assert result_types(confirm(lobby, new_id(), new_id())) == [Gone, Gone]
    assert confirm(lobby) == []
    assert count(lobby) == before


@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known before"])
@pytest.mark.parametrize("later_first", [False, True])
def test_of_two_signatures_of_one_supporter_the_later_is_remembered(
    lobby: Lobby, second: str, later_first: bool, is_known: bool
) -> None:
    """Whichever petition the later one is about: the batch is inserted by petition."""
    slugs = (second, PETITION) if later_first else (PETITION, second)
    if is_known:
        third = signatures.sign_and_confirm(lobby, replace(ANNA, name="Known"))
        end(lobby, "withdraw", third[0])
    ids = sign(lobby, replace(ANNA, petition_slug=slugs[0]), replace(LATER, petition_slug=slugs[1]))
    before = count(lobby), count(lobby, second)
    confirm(lobby, *ids[::-1])
    assert (count(lobby), count(lobby, second)) == (before[0] + 1, before[1] + 1)
    supporter = supporter_of(lobby, ids[0])
    assert (supporter.name.text, supporter.postcode.text) == ("Later", SIGNED)
    assert stored(lobby, ids[0]).name.text == ANNA.name


def test_confirming_takes_as_many_statements_whatever_the_size_and_the_seats(lobby: Lobby) -> None:
    def act(ids: list[UUID]) -> Counter[str]:
        return count_statements(lobby, confirm_in(lobby, ids))

    few = act(sign(lobby, person(0)))
    many = act(sign(lobby, *(person(n) for n in range(10, 110))))
    seats = act(sign(lobby, *(person(n, postcode=POSTCODES[n % 4]) for n in range(700, 800))))
    assert few == many == seats
    assert many.total() <= 9
    asked = act(sign(lobby, *(person(n, updates=True) for n in range(1000, 1100))))
    assert asked.total() <= many.total() + 2, "the wording, and the answers"
    known = act(sign(lobby, *(person(n, updates=True) for n in range(10, 110))))
    assert known.total() <= 15


# ---- what is taken from a submission


def test_a_signature_is_dated_to_its_receipt_and_its_confirmation(
    lobby: Lobby, clock: Clock
) -> None:
    received_at = clock.now
    (row_id,) = sign(lobby, ANNA)
    clock.advance(days=3)
    confirm(lobby, row_id)
    row = stored(lobby, row_id)
    assert (row.signed_at, row.confirmed_at) == (received_at, clock.now)


def test_a_clock_that_is_behind_confirms_no_signature_before_its_receipt(
    lobby: Lobby, clock: Clock
) -> None:
    received_at = clock.now
    (row_id,) = sign(lobby, ANNA)
    clock.advance(seconds=-30)
    confirm(lobby, row_id)
    row = stored(lobby, row_id)
    assert row.signed_at == row.confirmed_at == received_at


def test_a_consent_has_the_wording_that_was_in_force_at_its_receipt(
    lobby: Lobby, clock: Clock
) -> None:
    def change_wording(text: str) -> None:
        with lobby.database.write() as session:
            owner = petitions.public(session, PETITION).organisation_id
            wordings.set_updates(session, owner, text, now=clock.now)

    ids = list[UUID]()
    for text in ("First words", "Second words", "Third words"):
        clock.advance(hours=1)
        change_wording(text)
        clock.advance(hours=1)
        ids += sign(lobby, person(len(ids), updates=True))
    confirm(lobby, *ids)
    texts = [answers(lobby, supporter_of(lobby, row_id).id) for row_id in ids]
    assert texts == [[(f"{word} words", True)] for word in ("First", "Second", "Third")]
    with lobby.database.read() as session:
        given = session.exec(select(Consent.given_at).where(Consent.signature_id == ids[0])).one()
    assert given == clock.now - timedelta(hours=4)


def test_a_partner_that_was_renamed_meanwhile_keeps_the_name_that_was_seen(
    lobby: Lobby,
) -> None:
    with lobby.database.write() as session:
        owner = petitions.public(session, PETITION).organisation_id
        made = partners.create(
            session,
            organisation=session.get_one(Organisation, owner),
            name="Old Name",
            slug="a-partner",
            now=lobby.clock(),
        )
        partner_id = made.id
    (row_id,) = sign(lobby, replace(ANNA, partner="a-partner", partner_contact=True))
    with lobby.database.write() as session:
        partners.change(session, session.get_one(Partner, partner_id), name="New Name")
    with lobby.database.read() as session:
        link = mail_links.find(session, row_id, keyring=lobby.keyring)
    assert link is not None
    assert link.partner == "Old Name"
    confirm(lobby, row_id)
    row = stored(lobby, row_id)
    assert row.partner_id == partner_id
    asked = wordings.partner_text("Old Name")
    assert answers(lobby, row.supporter_id) == [(asked, True)]
    assert link.agreed == (asked,)


def test_tags_are_put_on_the_signer_once_they_confirm(lobby: Lobby, clock: Clock) -> None:
    with lobby.database.write() as session:
        owner = petitions.public(session, PETITION).organisation_id
        made = [
            Tag(organisation_id=owner, name=name, created_at=clock.now)
            for name in ("one", "two", "deleted")
        ]
        session.add_all(made)
        session.flush()
        tag_ids = tuple(tag.id for tag in made)
    ids = sign(lobby, replace(ANNA, tag_ids=tag_ids), person(1, tag_ids=tag_ids[:1]), person(2))
    with lobby.database.write() as session:
        session.delete(session.get_one(Tag, tag_ids[2]))
    for _ in range(2):
        confirm(lobby, *ids)
    owners = [stored(lobby, row_id).supporter_id for row_id in ids]
    with lobby.database.read() as session:
        put = Counter(session.exec(select(Tagging.supporter_id)))
    assert [put[supporter_id] for supporter_id in owners] == [2, 1, 0]


# ---- one person, several submissions


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "newer first"])
@pytest.mark.parametrize("together", [False, True], ids=["two batches", "one batch"])
def test_of_two_submissions_of_one_person_the_first_confirmed_stands(
    lobby: Lobby, together: bool, order: tuple[int, int]
) -> None:
    ids = sign(lobby, replace(ANNA, updates=True), LATER)
    before = count(lobby)
    if together:
        confirmations = confirm(lobby, ids[order[0]], ids[order[1]])
        winner, loser = ids  # of one batch the older
    else:
        winner, loser = ids[order[0]], ids[order[1]]
        confirmations = confirm(lobby, winner)
        settled = rows_of_anna(lobby)
        confirmations += confirm(lobby, loser)
        assert rows_of_anna(lobby) == settled, "the second changes nothing, consents included"
    assert standing_ids(confirmations) == [winner, winner]
    assert count(lobby) == before + 1
    row, supporter = stored(lobby, winner), supporter_of(lobby, winner)
    assert row.name.text == supporter.name.text == (ANNA if winner == ids[0] else LATER).name
    granted = [given for _, given in answers(lobby, supporter.id)]
    assert granted == [winner == ids[0]]
    assert is_waiting(lobby, loser), "so that its link answers the same each time"
    assert standing_ids(confirm(lobby, loser)) == [winner]
    with lobby.database.read() as session:
        link = mail_links.find(session, loser, keyring=lobby.keyring)
    assert link is not None
    assert link.state is LinkState.OTHER_STANDS
    assert link.signature is not None
    assert link.signature.id == winner


@pytest.mark.slow
@COMMITS
def test_of_two_submissions_confirmed_at_the_same_moment_one_stands(
    lobby: Lobby, second_database: Database, fails: bool
) -> None:
    theirs, ours = sign(lobby, replace(ANNA, updates=True), LATER)
    before, confirmations = count(lobby), list[Confirmation]()
    run_during_transaction(
        second_database,
        confirm_in(lobby, [theirs]),
        lambda: confirmations.extend(confirm(lobby, ours)),
        fails=fails,
    )
    winner = ours if fails else theirs
    assert standing_ids(confirmations) == [winner]
    assert count(lobby) == before + 1
    assert supporter_of(lobby, winner).name.text == (LATER if fails else ANNA).name
    stored_rows = rows_of_anna(lobby)
    assert [len(stored_rows[name]) for name in ("Supporter", "Signature", "Consent")] == [1, 1, 1]


def test_a_signature_that_was_withdrawn_can_be_given_again_by_a_submission_that_waited(
    lobby: Lobby,
) -> None:
    """Withdrawing takes away what was sorted; what comes in the same second is confirmed later."""
    (first,) = sign(lobby, ANNA)
    confirm(lobby, first)
    (again,) = sign(lobby, LATER)
    end(lobby, "withdraw", first)
    before = count(lobby)
    assert standing_ids(confirm(lobby, again)) == [again]
    assert count(lobby) == before + 1
    states = {row_id: stored(lobby, row_id).state for row_id in (first, again)}
    assert states == {first: SignatureState.WITHDRAWN, again: SignatureState.CONFIRMED}


# ---- imports that stand


@pytest.fixture
def imported_id(lobby: Lobby, clock: Clock) -> UUID:
    """A signature of Anna's on paper, who said no to news there."""
    on_paper = replace(ANNA, name="A. Example", postcode=MINISTER, imported=PAPER, updates=False)
    (outcome,) = signatures.record(lobby, [on_paper])
    assert outcome.signature_id is not None
    clock.advance(days=1)
    return outcome.signature_id


@pytest.mark.parametrize("clicks", [1, 2])
def test_who_confirms_after_an_import_is_counted_once_and_their_words_are_taken_once(
    lobby: Lobby, clock: Clock, imported_id: UUID, clicks: int
) -> None:
    before = count(lobby)
    (row_id,) = sign(lobby, replace(ANNA, updates=True))
    received_at = clock.now
    clock.advance(hours=1)
    for _ in range(clicks):
        assert standing_ids(confirm(lobby, row_id)) == [imported_id]
    assert count(lobby) == before
    supporter = supporter_of(lobby, imported_id)
    assert (supporter.name.text, supporter.postcode.text) == (ANNA.name, CAN_SIGN)
    assert [given for _, given in answers(lobby, supporter.id)] == [False, True]
    with lobby.database.read() as session:
        own = select(Consent).where(
            Consent.supporter_id == supporter.id, Consent.given_at == received_at
        )
        consent = session.exec(own).one()
    assert consent.effective_at == clock.now
    signature = stored(lobby, imported_id)
    assert (signature.provenance, signature.name.text) == (PAPER.provenance, "A. Example")


def test_after_the_first_own_word_a_later_link_changes_nothing_of_an_import(
    lobby: Lobby, imported_id: UUID
) -> None:
    own, strangers = sign(lobby, ANNA, replace(ANNA, name="Somebody Else", updates=True))
    confirm(lobby, own)
    supporter = supporter_of(lobby, imported_id)
    before = answers(lobby, supporter.id)
    for row_id in (strangers, own, strangers):
        assert standing_ids(confirm(lobby, row_id)) == [imported_id]
    assert supporter_of(lobby, imported_id).name.text == ANNA.name
    assert answers(lobby, supporter.id) == before


def test_of_two_links_in_one_batch_the_older_gives_the_own_word_of_an_import(
    lobby: Lobby, imported_id: UUID
) -> None:
    older, newer = sign(lobby, ANNA, replace(ANNA, name="Somebody Else"))
    assert standing_ids(confirm(lobby, newer, older)) == [imported_id] * 2
    assert supporter_of(lobby, imported_id).name.text == ANNA.name


def test_an_import_that_was_confirmed_by_mail_is_its_signers_own_word(lobby: Lobby) -> None:
    on_list = replace(PAPER, is_confirmed=False)
    (row_id,) = sign(lobby, replace(ANNA, imported=on_list))
    confirm(lobby, row_id)
    assert stored(lobby, row_id).confirmed_by_signer
    (again,) = sign(lobby, replace(ANNA, name="Somebody Else", updates=True))
    assert standing_ids(confirm(lobby, again)) == [row_id]
    assert supporter_of(lobby, row_id).name.text == ANNA.name


def test_a_confirmation_twice_in_a_batch_takes_the_words_after_an_import_once(
    lobby: Lobby, imported_id: UUID
) -> None:
    (row_id,) = sign(lobby, replace(ANNA, updates=True))
    assert standing_ids(confirm(lobby, row_id, row_id)) == [imported_id] * 2
    granted = [given for _, given in answers(lobby, supporter_of(lobby, imported_id).id)]
    assert granted == [False, True]


@pytest.mark.slow
@COMMITS
def test_a_confirmation_beside_an_import_counts_once(
    lobby: Lobby, second_database: Database, fails: bool
) -> None:
    batch = [person(n, postcode=POSTCODES[n % 4], updates=True) for n in range(20)]
    ids = sign(lobby, *batch)
    on_paper = [replace(request, imported=PAPER, updates=None) for request in batch]
    before, confirmations, imports = count(lobby), list[Confirmation](), list[Outcome]()
    run_during_transaction(
        second_database,
        lambda session: imports.extend(signatures.record_in(session, lobby, on_paper)),
        lambda: confirmations.extend(confirm(lobby, *ids[::-1])),
        fails=fails,
    )
    assert count(lobby) == before + 20
    imported = [outcome.signature_id for outcome in imports]
    assert standing_ids(confirmations) == (ids[::-1] if fails else imported[::-1])
    for each in confirmations:
        assert each.signature is not None
        assert [
            given for _, given in answers(lobby, stored(lobby, each.signature.id).supporter_id)
        ] == [True]


# ---- payloads that do not open


def replace_payload(lobby: Lobby, row_id: UUID, sealed: bytes) -> None:
    raw = sa.table("submission", sa.column("id", sa.Uuid), sa.column("payload", sa.LargeBinary))
    with lobby.database.write() as session:
        change = sa.update(raw).where(raw.c.id == row_id).values(payload=sealed)
        assert session.connection().execute(change).rowcount == 1


def sealed_payload(lobby: Lobby, row_id: UUID) -> bytes:
    column = sa.type_coerce(_submission.c.payload, sa.LargeBinary)
    with lobby.database.read() as session:
        found = sa.select(column).where(_submission.c.id == row_id)
        return bytes(session.connection().execute(found).scalar_one())


def damaged(lobby: Lobby, sealed: bytes) -> bytes:
    return sealed[:-1] + bytes([sealed[-1] ^ 1])


def of_another_version(lobby: Lobby, sealed: bytes) -> bytes:
    private = lobby.keyring.open(sealed, payload.PURPOSE)
    values = orjson.loads(private.text) | {"v": payload.VERSION + 1}
    text = orjson.dumps(values).decode()
    return lobby.keyring.seal(Private(private.organisation_id, text), payload.PURPOSE)


def of_another_purpose(lobby: Lobby, sealed: bytes) -> bytes:
    private = lobby.keyring.open(sealed, payload.PURPOSE)
    return lobby.keyring.seal(private, "signature.name")


def without_a_field(lobby: Lobby, sealed: bytes) -> bytes:
    private = lobby.keyring.open(sealed, payload.PURPOSE)
    values = orjson.loads(private.text)
    del values["email"]
    text = orjson.dumps(values).decode()
    return lobby.keyring.seal(Private(private.organisation_id, text), payload.PURPOSE)


@pytest.mark.parametrize(
    "spoil", [damaged, of_another_version, of_another_purpose, without_a_field]
)
def test_a_payload_that_does_not_open_fails_alone_and_is_kept(
    lobby: Lobby, spoil: Callable[[Lobby, bytes], bytes]
) -> None:
    ids = sign(lobby, *(person(n) for n in range(3)))
    good = sealed_payload(lobby, ids[1])
    replace_payload(lobby, ids[1], spoil(lobby, good))
    before = count(lobby)
    confirmations = confirm(lobby, *ids)
    assert result_types(confirmations) == [StandingSignature, Unavailable, StandingSignature]
    error = confirmations[1].error
    assert error is not None
    assert error.code == "submission_unreadable"
    assert count(lobby) == before + 2
    with pytest.raises(Unavailable):
        signatures.confirm(lobby, ids[1])
    replace_payload(lobby, ids[1], good)
    assert standing_ids(confirm(lobby, ids[1])) == [ids[1]], "when its key or program is back"
    assert count(lobby) == before + 3


def test_a_submission_that_does_not_open_can_be_withdrawn_and_disowned(lobby: Lobby) -> None:
    ids = signatures.sign_and_sort(lobby, person(0), person(1))
    for how, row_id in zip(("withdraw", "disown"), ids, strict=True):
        replace_payload(lobby, row_id, damaged(lobby, sealed_payload(lobby, row_id)))
        end(lobby, how, row_id)
        assert result_types(confirm(lobby, row_id)) == [Gone]


# ---- concurrent transactions, each on its own connection


@pytest.mark.slow
@COMMITS
def test_a_batch_confirmed_elsewhere_at_the_same_moment_counts_once(
    lobby: Lobby, second_database: Database, fails: bool
) -> None:
    ids = sign(lobby, *(person(n, postcode=POSTCODES[n % 4], updates=True) for n in range(20)))
    before, ours = count(lobby), list[Confirmation]()
    run_during_transaction(
        second_database,
        confirm_in(lobby, ids),
        lambda: ours.extend(confirm(lobby, *ids[::-1])),
        fails=fails,
    )
    assert standing_ids(ours) == ids[::-1]
    assert count(lobby) == before + 20
    with lobby.database.read() as session:
        consents = Counter(session.exec(select(Consent.signature_id)))
    assert [consents[row_id] for row_id in ids] == [1] * 20


@pytest.mark.slow
@ENDS
@COMMITS
def test_a_submission_that_ends_at_the_same_moment_is_not_confirmed(
    lobby: Lobby, second_database: Database, how: str, fails: bool
) -> None:
    ids = signatures.sign_and_sort(lobby, *(person(n) for n in range(3)))
    before, ours = count(lobby), list[Confirmation]()
    run_during_transaction(
        second_database,
        end_in(lobby, how, ids[1]),
        lambda: ours.extend(confirm(lobby, *ids)),
        fails=fails,
    )
    stands = StandingSignature
    assert result_types(ours) == [stands, stands if fails else Gone, stands]
    assert count(lobby) == before + (3 if fails else 2)


@pytest.mark.slow
@ENDS
@COMMITS
def test_a_signature_that_ends_while_it_is_confirmed_is_not_counted(
    lobby: Lobby, second_database: Database, how: str, fails: bool
) -> None:
    (row_id,) = signatures.sign_and_sort(lobby, ANNA)
    before = count(lobby)
    run_during_transaction(
        second_database, confirm_in(lobby, [row_id]), lambda: end(lobby, how, row_id), fails=fails
    )
    assert count(lobby) == before
    expected = Gone if fails else Conflict
    assert result_types(confirm(lobby, row_id)) == [expected]
    if not fails:
        ended = {"withdraw": SignatureState.WITHDRAWN, "disown": SignatureState.REJECTED}[how]
        assert stored(lobby, row_id).state is ended
    assert count(lobby) == before


@pytest.mark.slow
@ENDS
def test_a_link_that_ends_while_another_of_the_address_is_confirmed_leaves_no_count(
    lobby: Lobby, second_database: Database, how: str
) -> None:
    """'Not me' ends what its own mail was about, and withdrawing ends what stands."""
    confirmed, ended = signatures.sign_and_sort(lobby, ANNA, LATER)
    before = count(lobby)
    # Ending finds the row of its own link unlocked, and waits for the other one.
    run_during_transaction(
        second_database, confirm_in(lobby, [confirmed]), lambda: end(lobby, how, ended)
    )
    assert count(lobby) == before + (1 if how == "disown" else 0)
    assert not is_waiting(lobby, ended)
    assert result_types(confirm(lobby, ended)) == [Gone]


def test_a_petition_that_closes_meanwhile_counts_what_was_received_in_time(
    lobby: Lobby, clock: Clock
) -> None:
    by_hand, by_time = sign(lobby, person(0), person(1))
    with lobby.database.write() as session:
        petition = petitions.public(session, PETITION)
        petitions.update(session, petition, values={"state": "closed"}, now=clock.now)
    before = count(lobby)
    assert result_types(confirm(lobby, by_hand)) == [StandingSignature]
    with lobby.database.write() as session:
        petition = petitions.public(session, PETITION)
        values = {"state": "open", "closes_at": clock.now + timedelta(hours=1)}
        petitions.update(session, petition, values=values, now=clock.now)
    clock.advance(days=14)
    worker.delete_old_submissions(lobby, threading.Event())
    assert isinstance(signatures.record(lobby, [person(2)])[0].error, Conflict)
    assert result_types(confirm(lobby, by_time)) == [StandingSignature]
    assert count(lobby) == before + 2


@pytest.mark.slow
@COMMITS
def test_a_confirmation_beside_the_deletion_of_old_submissions_counts_or_is_too_late(
    lobby: Lobby, second_database: Database, clock: Clock, fails: bool
) -> None:
    ids = sign(lobby, *(person(n) for n in range(3)))
    clock.advance(days=14, seconds=1)
    before, ours = count(lobby), list[Confirmation]()
    run_during_transaction(
        second_database,
        lambda session: ending.delete_old(session, now=clock.now),
        lambda: ours.extend(confirm(lobby, *ids)),
        fails=fails,
    )
    assert result_types(ours) == [StandingSignature if fails else Gone] * 3
    assert count(lobby) == before + (3 if fails else 0)


@pytest.mark.slow
def test_the_sorter_beside_a_confirmation_of_another_asks_nobody_who_has_signed(
    lobby: Lobby, second_database: Database, deliver: Callable[[], list[EmailMessage]]
) -> None:
    (confirmed,) = signatures.sign_and_sort(lobby, ANNA)
    deliver()
    (other,) = sign(lobby, LATER)
    thread = threading.Thread(target=worker.sort_submissions, args=(lobby,))
    with second_database.write() as session:
        confirm_in(lobby, [confirmed])(session)
        thread.start()
        # On PostgreSQL the sorter does not wait, and cannot see the signature yet.
        thread.join(None if not lobby.database.is_sqlite else 0.3)
        assert thread.is_alive() is lobby.database.is_sqlite
    thread.join(30)
    with lobby.database.read() as session:
        kinds = Counter(
            session.exec(
                select(OutboxMessage.kind).where(
                    col(OutboxMessage.subject_id).in_([confirmed, other])
                )
            )
        )
    told = MessageKind.ALREADY_SIGNED if lobby.database.is_sqlite else MessageKind.CONFIRM_SIGNATURE
    assert kinds == Counter([MessageKind.CONFIRM_SIGNATURE, told])
    assert [mail["Subject"] for mail in deliver() if "/confirm/" in text_of(mail)] == []


@pytest.mark.slow
@COMMITS
def test_a_submission_is_confirmed_while_the_sorter_still_has_it(
    lobby: Lobby, second_database: Database, fails: bool
) -> None:
    """Programs know the id before the mail is queued; the sorter's update finds no row then."""
    (row_id,) = sign(lobby, ANNA)
    before = count(lobby)
    with lobby.database.read() as session:
        rows = sorting.read(session, now=lobby.clock())
    batch = sorting.prepare(rows, keyring=lobby.keyring)
    ours: list[Confirmation] = []
    run_during_transaction(
        second_database,
        lambda session: sorting.sort(session, batch, now=lobby.clock()),
        lambda: ours.extend(confirm(lobby, row_id)),
        fails=fails,
    )
    assert standing_ids(ours) == [row_id]
    assert count(lobby) == before + 1
    with lobby.database.write() as session:
        assert sorting.sort(session, batch, now=lobby.clock()) == 0


@pytest.mark.slow
def test_batches_in_opposite_orders_never_confirm_in_a_circle(
    lobby: Lobby, second_database: Database
) -> None:
    ids = sign(lobby, *(person(n, postcode=POSTCODES[n % 6]) for n in range(41)))
    before = count(lobby)
    run_both_behind_a_lock(
        lobby,
        lambda session: session.get_one(Submission, ids[20], with_for_update=True),
        (lobby.database, confirm_in(lobby, ids)),
        (second_database, confirm_in(lobby, ids[::-1])),
    )
    assert count(lobby) == before + 41


@pytest.mark.slow
@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known before"])
def test_two_submissions_each_in_opposite_orders_never_confirm_in_a_circle(
    lobby: Lobby, second_database: Database, second: str, is_known: bool
) -> None:
    """The batches share no submission: they meet at supporters, signatures and tallies."""
    people = [person(n, postcode=POSTCODES[n % 6], updates=True) for n in range(41)]
    if is_known:
        confirm(lobby, *sign(lobby, *(replace(each, petition_slug=second) for each in people)))
    first = sign(lobby, *people)
    other = sign(lobby, *(replace(each, name="Other") for each in people[::-1]))
    (held,) = sign(lobby, people[20])
    before = count(lobby)
    run_both_behind_a_lock(
        lobby,
        confirm_in(lobby, [held]),
        (lobby.database, confirm_in(lobby, first)),
        (second_database, confirm_in(lobby, other)),
    )
    assert count(lobby) == before + 41


@pytest.mark.slow
def test_people_of_two_petitions_in_opposite_orders_never_confirm_in_a_circle(
    lobby: Lobby, second_database: Database, second: str
) -> None:
    people = [person(n, postcode=POSTCODES[n % 6], updates=True) for n in range(41)]
    both = [replace(each, petition_slug=slug) for each in people for slug in (PETITION, second)]
    ids = sign(lobby, *both[::2], *both[1::2][::-1])
    (held,) = sign(lobby, people[20])
    before = count(lobby), count(lobby, second)
    run_both_behind_a_lock(
        lobby,
        confirm_in(lobby, [held]),
        (lobby.database, confirm_in(lobby, [*ids[:20], *ids[41:]])),
        (second_database, confirm_in(lobby, [*ids[:41], *ids[41:61]])),
    )
    assert (count(lobby), count(lobby, second)) == (before[0] + 41, before[1] + 41)


@pytest.mark.slow
def test_withdrawing_each_beside_a_batch_never_waits_in_a_circle(
    lobby: Lobby, second_database: Database
) -> None:
    ids = signatures.sign_and_sort(
        lobby, *(person(n, postcode=POSTCODES[n % 6]) for n in range(41))
    )
    before = count(lobby)

    def withdraw_all(session: Session) -> None:
        for row_id in ids:
            end_in(lobby, "withdraw", row_id)(session)

    run_both_behind_a_lock(
        lobby,
        lambda session: session.get_one(Submission, ids[20], with_for_update=True),
        (lobby.database, confirm_in(lobby, ids)),
        (second_database, withdraw_all),
    )
    assert count(lobby) == before
    assert set(result_types(confirm(lobby, *ids))) <= {Gone, Conflict}


# ---- crashes


def test_a_confirmation_that_is_cut_off_leaves_the_submission_and_counts_nothing(
    lobby: Lobby,
) -> None:
    ids = sign(lobby, replace(ANNA, updates=True), person(1))
    before = count(lobby)
    with suppress(RollBack), lobby.database.write() as session:
        confirm_in(lobby, ids)(session)
        raise RollBack
    assert count(lobby) == before
    assert rows_of_anna(lobby) == {"Supporter": [], "Signature": [], "Consent": [], "Tagging": []}
    assert standing_ids(confirm(lobby, *ids)) == ids
    assert count(lobby) == before + 2
