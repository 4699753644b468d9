"""Tests signing, confirming, withdrawing and disowning."""

import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from email.message import EmailMessage
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, func, select

import worker
from models import (
    Consent,
    OutboxMessage,
    PetitionTally,
    Private,
    Signature,
    SignatureState,
    Submission,
    Supporter,
    Wording,
)
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import petitions
from services.errors import Conflict, Gone, Invalid, NotFound
from services.operations import recounts
from services.signatures import signature_states
from services.signatures.recording import Outcome, SignatureRequest
from services.supporters.supporters import EmailAddress
from tests.support import signatures
from tests.support.common import CAN_SIGN, PETITION, Clock, text_of, token_in

ANNA = SignatureRequest(PETITION, "Anna Example", "anna@example.org", CAN_SIGN)
EDINBURGH = "S14000078"


def record(lobby: Lobby, *requests: SignatureRequest) -> list[Outcome]:
    return signatures.record(lobby, requests)


def sign(lobby: Lobby, request: SignatureRequest = ANNA) -> UUID:
    """Returns the id of the submission, which was sorted."""
    (submission_id,) = signatures.sign_and_sort(lobby, request)
    return submission_id


def confirm(lobby: Lobby, submission_id: UUID) -> Signature:
    return signatures.confirm(lobby, submission_id)


def end(lobby: Lobby, how: str, row_id: UUID) -> SignatureState:
    """Withdraws or disowns."""
    with lobby.database.write() as session:
        if how == "withdraw":
            return signature_states.withdraw(session, row_id, now=lobby.clock())
        return signature_states.disown(session, row_id, now=lobby.clock()).state


def count(lobby: Lobby) -> int:
    with lobby.database.read() as session:
        petition = petitions.public(session, PETITION)
        return petitions.count(session, petition.id)


def organisation_of(session: Session) -> UUID:
    return petitions.public(session, PETITION).organisation_id


def row_count(session: Session, model: type) -> int:
    return session.exec(select(func.count()).select_from(model)).one()


def assert_tallies_are_exact(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        assert recounts.wrong_signatures(session) == []


def test_a_signature_counts_only_when_confirmed(lobby: Lobby) -> None:
    before = count(lobby)
    submission_id = sign(lobby)
    assert count(lobby) == before
    signature = confirm(lobby, submission_id)
    assert (signature.id, signature.state) == (submission_id, SignatureState.CONFIRMED)
    assert count(lobby) == before + 1
    with lobby.database.read() as session:
        assert session.get(Submission, submission_id) is None
    assert_tallies_are_exact(lobby)


def test_a_second_confirm_counts_nothing(lobby: Lobby) -> None:
    signature = sign(lobby)
    confirm(lobby, signature)
    before = count(lobby)
    assert confirm(lobby, signature).state is SignatureState.CONFIRMED
    assert count(lobby) == before


def test_a_signature_is_counted_where_its_postcode_is(lobby: Lobby) -> None:
    signature = confirm(lobby, sign(lobby))
    assert signature.constituency_code == EDINBURGH


@pytest.mark.parametrize(
    ("country", "postcode", "code"),
    [
        ("FR", "75001", "overseas"),
        ("FR", "", "overseas"),
        ("GB", "JE2 3AB", "overseas"),
        ("GB", "ZZ1 1ZZ", "unknown"),
    ],
)
def test_a_signature_from_elsewhere_has_a_row_of_its_own(
    lobby: Lobby, country: str, postcode: str, code: str
) -> None:
    request = replace(ANNA, country=country, postcode=postcode)
    assert confirm(lobby, sign(lobby, request)).constituency_code == code
    assert_tallies_are_exact(lobby)


def test_signing_twice_makes_one_signature(lobby: Lobby) -> None:
    before = count(lobby)
    first, second = sign(lobby), sign(lobby, replace(ANNA, email="anna@EXAMPLE.org"))
    assert first != second
    assert confirm(lobby, second).id == second
    assert confirm(lobby, first).id == second
    assert count(lobby) == before + 1
    assert_tallies_are_exact(lobby)


def test_spellings_of_one_gmail_box_are_one_supporter(lobby: Lobby) -> None:
    ids = signatures.sign_and_sort(
        lobby,
        replace(ANNA, email="anna.example+petition@gmail.com"),
        replace(ANNA, email="AnnaExample@googlemail.com"),
    )
    assert {confirm(lobby, row_id).id for row_id in ids} == {ids[0]}


def test_a_batch_of_one_sender_repeats_itself_without_harm(lobby: Lobby) -> None:
    requests = [replace(ANNA, email=f"p{n % 3}@example.org") for n in range(9)]
    with lobby.database.write() as session:
        outcomes = signatures.record_in(session, lobby, requests, is_one_sender=True)
    assert len({outcome.signature_id for outcome in outcomes}) == 3
    assert sum(outcome.is_new for outcome in outcomes) == 3
    assert sum(outcome.is_repeat_in_batch for outcome in outcomes) == 6


def test_posts_of_several_senders_in_one_batch_stay_apart(lobby: Lobby) -> None:
    requests = [replace(ANNA, name=f"Anna {letter}") for letter in "ABC"]
    outcomes = record(lobby, *requests)
    assert len({outcome.signature_id for outcome in outcomes}) == 3
    assert not any(outcome.is_repeat_in_batch for outcome in outcomes)


def test_a_bad_row_never_spoils_the_others(lobby: Lobby) -> None:
    outcomes = record(
        lobby,
        ANNA,
        replace(ANNA, petition_slug="no-such-petition"),
        replace(ANNA, email="b@example.org", postcode="not a postcode"),
        replace(ANNA, email="c@example.org"),
    )
    assert [type(outcome.error) for outcome in outcomes] == [
        type(None),
        NotFound,
        Invalid,
        type(None),
    ]


def test_an_empty_batch_writes_nothing(lobby: Lobby) -> None:
    with lobby.database.read() as session:
        before = row_count(session, Supporter)
    assert record(lobby) == []
    with lobby.database.read() as session:
        assert row_count(session, Supporter) == before


def test_a_closed_petition_takes_no_signature(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        petition = petitions.public(session, PETITION)
        petitions.update(session, petition, values={"state": "closed"}, now=lobby.clock())
    assert isinstance(record(lobby, ANNA)[0].error, Conflict)


def test_a_petition_past_its_closing_time_takes_no_signature(lobby: Lobby, clock: Clock) -> None:
    with lobby.database.write() as session:
        petition = petitions.public(session, PETITION)
        petitions.update(session, petition, values={"closes_at": clock.now}, now=clock.now)
    error = record(lobby, ANNA)[0].error
    assert isinstance(error, Conflict)
    assert error.code == "petition_closed"


def test_an_unconfirmed_signature_never_changes_a_supporter(lobby: Lobby) -> None:
    signature = confirm(lobby, sign(lobby))
    other = replace(ANNA, name="Somebody Else", postcode="M1 1AE")
    record(lobby, other)
    unsorted_id = record(lobby, other)[0].signature_id
    assert unsorted_id is not None
    assert confirm(lobby, unsorted_id).id == signature.id
    with lobby.database.read() as session:
        supporter = session.get_one(Supporter, signature.supporter_id)
        assert supporter.name.text == "Anna Example"
        stored = session.get_one(Signature, signature.id)
        assert stored.name.text == "Anna Example", "a confirmed signature stays as it was"


def test_the_link_that_is_confirmed_first_stands(lobby: Lobby) -> None:
    older, newer = sign(lobby, replace(ANNA, postcode="M1 1AE")), sign(lobby)
    assert confirm(lobby, newer).constituency_code == EDINBURGH
    assert confirm(lobby, older).constituency_code == EDINBURGH
    assert_tallies_are_exact(lobby)


def test_a_withdrawn_signature_is_not_counted_and_can_be_given_again(lobby: Lobby) -> None:
    before = count(lobby)
    signature = confirm(lobby, sign(lobby))
    for _ in range(2):
        assert end(lobby, "withdraw", signature.id) is SignatureState.WITHDRAWN
        assert count(lobby) == before
    again = confirm(lobby, sign(lobby))
    assert again.id != signature.id
    assert count(lobby) == before + 1
    with lobby.database.read() as session:
        assert signature_states.get(session, signature.id).state is SignatureState.WITHDRAWN
    assert_tallies_are_exact(lobby)


def test_a_withdrawn_signature_is_not_confirmed_by_an_old_link(lobby: Lobby) -> None:
    signature = confirm(lobby, sign(lobby))
    end(lobby, "withdraw", signature.id)
    with pytest.raises(Conflict) as refused:
        confirm(lobby, signature.id)
    assert refused.value.code == "signature_ended"


def test_a_disowned_signature_stays_off_and_gets_no_more_mail(
    lobby: Lobby, deliver: Callable[[], list[EmailMessage]]
) -> None:
    before = count(lobby)
    signature = confirm(lobby, sign(lobby))
    deliver()
    assert end(lobby, "disown", signature.id) is SignatureState.REJECTED
    assert count(lobby) == before
    record(lobby, ANNA)
    assert deliver() == []
    assert_tallies_are_exact(lobby)


def test_a_signature_that_is_not_confirmed_in_time_is_deleted(lobby: Lobby, clock: Clock) -> None:
    submission_id = sign(lobby)
    clock.advance(days=14)
    assert worker.delete_old_submissions(lobby, threading.Event()) == 0
    clock.advance(seconds=1)
    assert worker.delete_old_submissions(lobby, threading.Event()) == 1
    with pytest.raises(Gone) as refused:
        confirm(lobby, submission_id)
    assert refused.value.code == "signature_expired"
    with lobby.database.read() as session:
        index = EmailAddress.of(organisation_of(session), ANNA.email, lobby.keyring).index
        known = select(Supporter).where(Supporter.email_index == index)
        assert session.exec(known).first() is None, "nothing of them is left"


def test_the_mail_asks_to_confirm_and_offers_to_disown_and_to_withdraw(
    lobby: Lobby, deliver: Callable[[], list[EmailMessage]]
) -> None:
    submission_id = sign(lobby)
    (mail,) = deliver()
    assert mail["To"] == "anna@example.org"
    assert text_of(mail).startswith("Hello,\n")
    from services.common.tokens import Purpose

    for path, purpose in (
        ("confirm", Purpose.CONFIRM),
        ("disown", Purpose.DISOWN),
        ("withdraw", Purpose.WITHDRAW),
    ):
        assert lobby.tokens.read(purpose, token_in(mail, path)) == submission_id


def test_who_has_signed_already_is_told_so_by_mail_only(
    lobby: Lobby, deliver: Callable[[], list[EmailMessage]]
) -> None:
    confirm(lobby, sign(lobby))
    deliver()
    sign(lobby)
    (mail,) = deliver()
    assert "already signed" in mail["Subject"]
    assert "/confirm/" not in text_of(mail)


def test_a_mail_that_lost_its_purpose_is_dropped(
    lobby: Lobby, deliver: Callable[[], list[EmailMessage]]
) -> None:
    confirm(lobby, sign(lobby))
    assert deliver() == []
    with lobby.database.read() as session:
        states = set(session.exec(select(OutboxMessage.state)))
    assert "queued" not in states


def test_a_consent_takes_effect_with_the_confirmation_and_keeps_its_wording(
    lobby: Lobby, clock: Clock
) -> None:
    signed_at = clock.now
    submission_id = sign(lobby, replace(ANNA, updates=True))
    statement = select(Consent).where(Consent.signature_id == submission_id)
    with lobby.database.read() as session:
        assert session.exec(statement).first() is None
    clock.advance(hours=3)
    confirm(lobby, submission_id)
    with lobby.database.read() as session:
        consent = session.exec(statement).one()
        assert consent.granted
        assert (consent.given_at, consent.effective_at) == (signed_at, clock.now)
        assert "email me news" in session.get_one(Wording, consent.wording_id).text


def test_personal_data_is_not_readable_in_the_database(lobby: Lobby, backend: str) -> None:
    signature = confirm(lobby, sign(lobby, replace(ANNA, comment="My mother was a nurse.")))
    record(lobby, replace(ANNA, comment="My mother was a nurse."))
    with lobby.database.read() as session:
        raw = session.connection().exec_driver_sql(
            "SELECT name, postcode, comment FROM signature WHERE id = "
            + (f"'{signature.id.hex}'" if backend == "sqlite" else f"'{signature.id}'")
        )
        row = b"".join(bytes(value) for value in raw.one())
        emails = session.connection().exec_driver_sql("SELECT email FROM supporter").scalars()
        payloads = session.connection().exec_driver_sql("SELECT payload FROM submission").scalars()
        stored = row + b"".join(bytes(value) for value in [*emails, *payloads])
    assert b"EH1" not in row
    # Three letters appear by chance in the random bytes of all addresses every few hundred runs, so
    # the addresses are searched for the whole postcode.
    for secret in (b"Anna", CAN_SIGN.encode(), b"mother", b"anna@example"):
        assert secret not in stored


def test_an_error_of_the_database_does_not_show_whom_it_was_about(lobby: Lobby) -> None:
    signature = confirm(lobby, sign(lobby))
    rows = [{"id": signature.id, "name": signature.name, "source": "a source"}]
    with pytest.raises(SQLAlchemyError) as failed, lobby.database.write() as session:
        session.connection().execute(insert(table_of(Signature)), rows)
    # PostgreSQL quotes the row in its error, with personal data still encrypted.
    assert "SQL parameters hidden" in str(failed.value)
    assert "Anna" not in str(failed.value)


def test_a_value_of_one_column_does_not_open_in_another(lobby: Lobby) -> None:
    signature = confirm(lobby, sign(lobby))
    organisation = signature.name.organisation_id
    sealed = lobby.keyring.seal(Private(organisation, "text"), "signature.name")
    assert lobby.keyring.open(sealed, "signature.name").text == "text"
    with pytest.raises(ValueError, match="does not open"):
        lobby.keyring.open(sealed, "signature.postcode")


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["sign", "confirm", "withdraw", "disown"]), st.integers(0, 5)),
        max_size=25,
    )
)
def test_whatever_happens_the_tally_is_the_count_of_confirmed_signatures(
    lobby: Lobby, steps: list[tuple[str, int]]
) -> None:
    ids: dict[int, list[UUID]] = defaultdict(list)
    for action, number in steps:
        if action == "sign" or not ids[number]:
            outcome = record(lobby, replace(ANNA, email=f"person{number}@example.org"))[0]
            assert outcome.signature_id is not None
            ids[number].append(outcome.signature_id)
            if number % 2:
                worker.sort_submissions(lobby)
        row_id = ids[number][len(steps) % len(ids[number])]
        with suppress(Conflict, Gone):
            if action == "confirm":
                confirm(lobby, row_id)
            elif action != "sign":
                end(lobby, action, row_id)
    assert_tallies_are_exact(lobby)


def test_recording_takes_the_same_number_of_statements_for_one_and_for_a_hundred(
    lobby: Lobby,
) -> None:
    few = _count_statements(lobby, [replace(ANNA, email="one@example.org")])
    many = _count_statements(lobby, [replace(ANNA, email=f"n{n}@example.org") for n in range(100)])
    again = _count_statements(lobby, [replace(ANNA, email="one@example.org")])
    assert few == many == again == 2


def _count_statements(lobby: Lobby, requests: list[SignatureRequest]) -> int:
    from sqlalchemy import event

    seen = []
    with lobby.database.write() as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", lambda *_: seen.append(1))
        signatures.record_in(session, lobby, requests)
    return len(seen)


def test_the_tally_row_is_made_and_kept(lobby: Lobby) -> None:
    confirm(lobby, sign(lobby, replace(ANNA, postcode="ZZ1 1ZZ")))
    with lobby.database.read() as session:
        statement = select(PetitionTally.confirmed).where(
            PetitionTally.constituency_code == "unknown"
        )
        assert session.exec(statement).one() == 1
