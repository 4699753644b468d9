"""Tests imported signatures: each counts once, and never overrides what the signer did here."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlmodel import func, select

from models import Consent, OutboxMessage, Signature, SignatureState, Supporter, Wording
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.operations import recounts
from services.signatures import recording, signature_states
from services.signatures.recording import ImportOrigin, Outcome, SignatureRequest
from services.supporters import supporters, wordings
from tests.support.common import CAMPAIGN, CAN_SIGN, MINISTER, PETITION, SIGNED, Clock

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
    lookup, keyring = lobby.postcodes.lookup, lobby.keyring
    with lobby.database.write() as session:
        return recording.record(
            session, requests, postcodes=lookup, keyring=keyring, now=lobby.clock()
        )


def sign(lobby: Lobby, request: SignatureRequest = ANNA) -> UUID:
    (outcome,) = record(lobby, request)
    assert outcome.signature_id is not None
    return outcome.signature_id


def confirm(lobby: Lobby, signature_id: UUID) -> None:
    with lobby.database.write() as session:
        signature_states.confirm(session, signature_id, now=lobby.clock())


def row(lobby: Lobby, signature_id: UUID) -> Signature:
    with lobby.database.read() as session:
        return session.get_one(Signature, signature_id)


def supporter_of(lobby: Lobby, signature_id: UUID) -> Supporter:
    with lobby.database.read() as session:
        return session.get_one(Supporter, row(lobby, signature_id).supporter_id)


def count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        return petitions.count(session, petitions.public(session, PETITION).id)


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


@pytest.mark.parametrize("expired", [False, True])
def test_who_was_asked_and_has_not_answered_counts_as_on_paper(
    lobby: Lobby, clock: Clock, expired: bool
) -> None:
    signature_id = sign(lobby)
    if expired:
        clock.advance(days=31)
        with lobby.database.write() as session:
            assert signature_states.expire(session, now=clock.now)
    before, sent = count(lobby), mail_count(lobby)
    (outcome, again) = record(lobby, ON_PAPER, replace(ON_PAPER, name="Anna again"))
    assert (outcome.is_new, outcome.is_counted, again.is_counted) == (False, True, False)
    signature = row(lobby, signature_id)
    assert (signature.state, signature.provenance) == (SignatureState.CONFIRMED, STALL)
    assert (signature.name.text, signature.postcode.text) == ("Anna of the stall", SIGNED)
    assert (signature.signed_at, signature.confirmed_at, signature.ended_at) == (
        THEN,
        clock.now,
        None,
    )
    assert (count(lobby), mail_count(lobby)) == (before + 1, sent)
    assert supporter_of(lobby, signature_id).name.text == "Anna of the stall"
    confirm(lobby, signature_id)
    assert count(lobby) == before + 1, "the link in the earlier mail counts nothing twice"


def test_what_was_said_with_the_mail_waits_for_its_link(lobby: Lobby) -> None:
    signature_id = sign(lobby, replace(ANNA, updates=True))
    record(lobby, replace(ON_PAPER, updates=False))
    assert [answer.effective_at for answer in consents_of(lobby, signature_id)] == [None]
    confirm(lobby, signature_id)
    assert [answer.effective_at for answer in consents_of(lobby, signature_id)] == [lobby.clock()]


@pytest.mark.parametrize("imported", [PAPER, PAPER_UNCONFIRMED])
def test_a_persons_own_word_stays(lobby: Lobby, imported: ImportOrigin) -> None:
    people = [replace(ANNA, email=f"{n}@example.org") for n in range(3)]
    ids = [sign(lobby, person) for person in people]
    for signature_id in ids:
        confirm(lobby, signature_id)
    with lobby.database.write() as session:
        signature_states.withdraw(session, ids[1], now=lobby.clock())
        signature_states.disown(session, ids[2], now=lobby.clock())
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


def test_an_import_for_one_petition_never_renames_who_confirmed_another(lobby: Lobby) -> None:
    signature_id = sign(lobby)
    confirm(lobby, signature_id)
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        values = {"slug": "second", "action": "Second", "addressed_to": "Them"}
        petitions.create(session, campaign=campaign, values=values, now=lobby.clock())
    other = sign(lobby, replace(ON_PAPER, petition_slug="second"))
    assert row(lobby, other).name.text == "Anna of the stall"
    assert supporter_of(lobby, other).name.text == "Anna Example"


def test_news_said_elsewhere_holds_unless_something_was_said_here(lobby: Lobby) -> None:
    said_no, said_nothing = (sign(lobby, replace(ANNA, email=f"{n}@example.org")) for n in "ab")
    with lobby.database.write() as session:
        owner = supporter_of(lobby, said_no)
        no = supporters.UpdatesAnswer(owner.organisation_id, owner.id, False)
        now = lobby.clock()
        supporters.note_answers(session, [no], now=now, effective_at=now)
    request = replace(ON_PAPER, updates=True)
    record(lobby, *(replace(request, email=f"{n}@example.org") for n in "abc"))
    new = sign(lobby, replace(request, email="c@example.org"))
    with lobby.database.read() as session:
        wants = [
            supporters.wants_updates(session, row(lobby, signature_id).supporter_id)
            for signature_id in (said_no, said_nothing, new)
        ]
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
    signature_id = sign(lobby, replace(ON_PAPER, imported=PAPER_UNCONFIRMED, updates=True))
    signature = row(lobby, signature_id)
    assert (signature.state, signature.provenance) == (SignatureState.PENDING, STALL)
    assert signature.signed_at == clock.now, "or it would expire at once"
    assert (count(lobby), mail_count(lobby)) == (before, sent + 1)
    assert supporter_of(lobby, signature_id).name is None
    assert [answer.effective_at for answer in consents_of(lobby, signature_id)] == [None]
    sign(lobby, replace(ON_PAPER, imported=PAPER_UNCONFIRMED))
    assert mail_count(lobby) == sent + 1, "again: nobody is asked twice"
    confirm(lobby, signature_id)
    assert count(lobby) == before + 1
    assert [answer.effective_at for answer in consents_of(lobby, signature_id)] == [clock.now]


def test_who_signs_here_after_withdrawing_what_was_on_paper_signs_here(lobby: Lobby) -> None:
    signature_id = sign(lobby, ON_PAPER)
    with lobby.database.write() as session:
        signature_states.withdraw(session, signature_id, now=lobby.clock())
    assert sign(lobby) == signature_id
    signature = row(lobby, signature_id)
    assert (signature.state, signature.provenance) == (SignatureState.PENDING, None)


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
    assert (count(lobby), mail_count(lobby)) == (before + 40, sent + 80)


def test_a_name_that_comes_here_and_on_paper_in_one_batch_counts_once(lobby: Lobby) -> None:
    before = count(lobby)
    outcomes = record(lobby, ANNA, ON_PAPER, ANNA, ON_PAPER)
    assert [outcome.is_counted for outcome in outcomes] == [False, True, False, False]
    assert count(lobby) == before + 1
    assert outcomes[0].signature_id
    assert row(lobby, outcomes[0].signature_id).state is SignatureState.CONFIRMED
    assert supporter_of(lobby, outcomes[0].signature_id).name.text == "Anna of the stall"


@pytest.mark.parametrize("provenance", ["", "x" * 201])
def test_the_database_keeps_no_empty_and_no_endless_provenance(
    lobby: Lobby, provenance: str
) -> None:
    signature_id = sign(lobby)
    statement = sa.update(table_of(Signature)).where(table_of(Signature).c.id == signature_id)
    with pytest.raises(IntegrityError), lobby.database.write() as session:
        session.connection().execute(statement.values(provenance=provenance))
