"""Tests of letters from the form to the queue: submissions, their emails, and confirmations."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

import worker
from models import (
    Consent,
    Letter,
    LetterAnswer,
    LetterOutcome,
    LetterSketch,
    LetterState,
    MessageKind,
    MessageState,
    OutboxMessage,
    Refusal,
    Submission,
    SubmissionKind,
    SubmissionState,
    Supporter,
    Wording,
)
from models.base import table_of
from services.assembly import Lobby
from services.campaigns import campaigns
from services.consents import preferences
from services.errors import Conflict, Gone, Unavailable
from services.letters import confirmed_letters, letter_links, letter_requests
from services.mail import dead_addresses
from services.signatures.recording import SignatureRequest
from services.submissions import payload
from services.supporters import wordings
from tests.support.common import (
    CAMPAIGN,
    CAN_SIGN,
    MINISTER,
    PETITION,
    SIGNED,
    Clock,
)
from tests.support.database.turns import in_turn
from tests.support.mail import LETTER_BODY, confirm_letter, submit_letter
from tests.support.signatures import sign_and_confirm

T = TypeVar("T")
EMAIL = "winifred@example.org"
OTHER_WORDS = "Dear MP,\n\nVote against it. This is by somebody else.\n" + "other words " * 20
TOUCHED = (Supporter, Letter, Consent, OutboxMessage, LetterSketch)


def submit(lobby: Lobby, **values: Any) -> UUID:
    """Submits a letter of somebody whom nobody knows; returns the submission's id."""
    return submit_letter(lobby, **{"email": EMAIL, **values}).id


def stored(lobby: Lobby, models: Sequence[type[SQLModel]]) -> dict[str, list[str]]:
    """Returns all rows of some tables as the database has them, sealed values too."""
    with lobby.database.read() as session:
        return {
            model.__name__: sorted(
                str(tuple(row))
                for row in session.connection().execute(
                    sa.text(f"SELECT * FROM {table_of(model).name}")
                )
            )
            for model in models
        }


def submit_and_sort(lobby: Lobby, **values: Any) -> UUID:
    row_id = submit(lobby, **values)
    worker.sort_submissions(lobby)
    return row_id


def submissions(lobby: Lobby) -> list[Submission]:
    with lobby.database.read() as session:
        return list(session.exec(select(Submission).order_by(col(Submission.id))))


def state_of(lobby: Lobby, row_id: UUID) -> SubmissionState | None:
    return next((row.state for row in submissions(lobby) if row.id == row_id), None)


def letter(lobby: Lobby, letter_id: UUID) -> Letter | None:
    with lobby.database.read() as session:
        return session.get(Letter, letter_id)


def requests_of(lobby: Lobby) -> list[UUID]:
    """Returns the subjects of all emails that ask to confirm a letter."""
    with lobby.database.read() as session:
        statement = select(OutboxMessage.subject_id).where(
            OutboxMessage.kind == MessageKind.CONFIRM_LETTER
        )
        return list(session.exec(statement))


def messages_to_members(lobby: Lobby, letter_id: UUID) -> int:
    with lobby.database.read() as session:
        statement = select(OutboxMessage).where(
            OutboxMessage.kind == MessageKind.LETTER, OutboxMessage.subject_id == letter_id
        )
        return len(session.exec(statement).all())


def put(lobby: Lobby, letter_id: UUID, state: LetterState) -> None:
    with lobby.database.write() as session:
        session.get_one(Letter, letter_id).state = state


def cancel(lobby: Lobby, row_id: UUID) -> Letter | None:
    with lobby.database.write() as session:
        return letter_links.cancel(session, row_id, keyring=lobby.keyring, now=lobby.clock())


# ---- the intake


def test_a_letter_is_one_submission_and_touches_nothing_else(lobby: Lobby) -> None:
    before = stored(lobby, TOUCHED)
    row_id = submit(lobby, updates=True, wants_copy=True, locale="cy", sender=b"sender")
    assert stored(lobby, TOUCHED) == before
    (row,) = submissions(lobby)
    assert (row.id, row.kind, row.state) == (row_id, SubmissionKind.LETTER, SubmissionState.NEW)
    assert (row.address_index, row.received_at) == (None, lobby.clock())
    assert row.sender_index == b"sender"
    with lobby.database.read() as session:
        assert row.campaign_id == campaigns.public(session, CAMPAIGN).id
    contents = payload.letter_of_text(row.payload.text)
    assert (contents.name, contents.email) == ("Anna Example", EMAIL)
    assert (contents.line1, contents.line2, contents.town) == ("1 Example Street", "", "Anytown")
    assert (contents.postcode, contents.subject, contents.body) == (
        CAN_SIGN,
        "A subject",
        LETTER_BODY,
    )
    assert (contents.act, contents.variant) == ("ask", "ask")
    assert (contents.locale, contents.wants_copy, contents.updates) == ("cy", True, True)


def test_nothing_is_asked_about_the_address_of_a_letter(lobby: Lobby) -> None:
    queued = submit(lobby, email="queued@example.org")
    confirm_letter(lobby, queued)
    sent = submit(lobby, email="sent@example.org")
    confirm_letter(lobby, sent)
    put(lobby, sent, LetterState.SENT)
    submit_and_sort(lobby, email="asked@example.org")
    sign_and_confirm(lobby, SignatureRequest(PETITION, "Sig Ner", "signer@example.org", CAN_SIGN))
    statements = {}
    for name in ("nobody", "queued", "sent", "asked", "signer"):
        noted: list[str] = []
        with lobby.database.write() as session:
            engine = session.get_bind()

        def note(*args: Any, noted: list[str] = noted) -> None:
            noted.append(args[2])

        sa.event.listen(engine, "before_cursor_execute", note)
        submit(lobby, email=f"{name}@example.org")
        sa.event.remove(engine, "before_cursor_execute", note)
        statements[name] = noted
    assert statements["nobody"]
    assert all(noted == statements["nobody"] for noted in statements.values())


# ---- the sorter


def test_the_sorter_asks_for_a_confirmation_of_the_submission(lobby: Lobby) -> None:
    row_id = submit_and_sort(lobby, sender=b"sender")
    (row,) = submissions(lobby)
    assert (row.state, row.sender_index) == (SubmissionState.ASKED, None)
    assert row.address_index
    assert requests_of(lobby) == [row_id]
    with lobby.database.read() as session:
        message = session.exec(
            select(OutboxMessage).where(OutboxMessage.subject_id == row_id)
        ).one()
    assert message.sender_index == b"sender"
    assert message.mailbox_index
    assert message.recipient_index


@pytest.mark.parametrize(
    "state", [LetterState.QUEUED, LetterState.SENT, LetterState.UNCERTAIN], ids=str
)
def test_a_letter_on_its_way_or_gone_gets_no_second_mail(lobby: Lobby, state: LetterState) -> None:
    first = submit_and_sort(lobby)
    confirm_letter(lobby, first)
    put(lobby, first, state)
    again = submit_and_sort(lobby, body=OTHER_WORDS)
    assert state_of(lobby, again) is None
    assert requests_of(lobby) == [first]
    elsewhere = submit_and_sort(lobby, postcode=MINISTER, body=OTHER_WORDS)
    assert requests_of(lobby) == [first, elsewhere]


@pytest.mark.parametrize(
    "state", [LetterState.CANCELLED, LetterState.HELD, LetterState.REJECTED], ids=str
)
def test_a_letter_that_did_not_go_can_be_written_again(lobby: Lobby, state: LetterState) -> None:
    first = submit_and_sort(lobby)
    confirm_letter(lobby, first)
    put(lobby, first, state)
    again = submit_and_sort(lobby)
    assert state_of(lobby, again) is SubmissionState.ASKED
    assert requests_of(lobby) == [first, again]


def test_a_refused_letter_of_which_something_was_said_gets_no_second_mail(lobby: Lobby) -> None:
    first = submit_and_sort(lobby)
    confirm_letter(lobby, first)
    put(lobby, first, LetterState.REJECTED)
    say_answered(lobby, first)
    assert state_of(lobby, submit_and_sort(lobby)) is None
    assert requests_of(lobby) == [first]


def say_answered(lobby: Lobby, letter_id: UUID) -> None:
    answer = LetterAnswer(
        letter_id=letter_id, outcome=LetterOutcome.ANSWERED, given_at=lobby.clock()
    )
    with lobby.database.write() as session:
        session.add(answer)


def test_a_dead_address_gets_no_mail_about_a_letter(lobby: Lobby) -> None:
    with lobby.database.write() as session:
        index = dead_addresses.index_of(EMAIL, lobby.keyring)
        dead_addresses.note(session, index, member_id=None, detail="550", now=lobby.clock())
    assert state_of(lobby, submit_and_sort(lobby)) is None
    assert requests_of(lobby) == []


def test_a_supporter_who_wants_no_mail_gets_none_about_a_letter(lobby: Lobby) -> None:
    sign_and_confirm(lobby, SignatureRequest(PETITION, "W", EMAIL, CAN_SIGN))
    with lobby.database.write() as session:
        supporter_id = session.exec(select(Supporter.id).order_by(col(Supporter.id).desc())).first()
        assert supporter_id
        preferences.change(session, supporter_id, mail=False, now=lobby.clock())
    assert state_of(lobby, submit_and_sort(lobby)) is None
    assert requests_of(lobby) == []


def test_confirmed_letters_count_for_the_limit_of_a_sender_and_campaign(lobby: Lobby) -> None:
    for postcode in (CAN_SIGN, MINISTER):
        row_id = submit_and_sort(lobby, postcode=postcode, sender=b"one", body=OTHER_WORDS)
        confirm_letter(lobby, row_id)
    third = submit_and_sort(lobby, postcode=SIGNED, sender=b"one", body=OTHER_WORDS)
    assert state_of(lobby, third) is SubmissionState.WAITING
    by_another = submit_and_sort(lobby, postcode=SIGNED, sender=b"two", body=OTHER_WORDS)
    assert state_of(lobby, by_another) is SubmissionState.ASKED


# ---- confirming


def test_a_confirmed_letter_has_the_id_of_its_submission_and_is_queued(
    lobby: Lobby, clock: Clock
) -> None:
    received_at = clock.now
    row_id = submit_and_sort(lobby, wants_copy=True)
    clock.advance(hours=2)
    confirmed = confirm_letter(lobby, row_id)
    assert (confirmed.id, confirmed.state) == (row_id, LetterState.QUEUED)
    assert (confirmed.created_at, confirmed.confirmed_at) == (received_at, clock.now)
    assert (confirmed.body.text, confirmed.wants_copy) == (LETTER_BODY, True)
    assert submissions(lobby) == []
    assert messages_to_members(lobby, row_id) == 1
    with lobby.database.read() as session:
        assert session.get(LetterSketch, row_id) is not None
        writer = session.get_one(Supporter, confirmed.supporter_id)
    assert (writer.email.text, writer.name.text, writer.postcode.text) == (
        EMAIL,
        "Anna Example",
        CAN_SIGN,
    )
    assert writer.constituency_code == confirmed.constituency_code


def test_a_second_confirm_finds_the_letter_and_changes_nothing(lobby: Lobby, clock: Clock) -> None:
    row_id = submit_and_sort(lobby, updates=True)
    confirm_letter(lobby, row_id)
    before = stored(lobby, TOUCHED)
    clock.advance(hours=1)
    assert confirm_letter(lobby, row_id).state is LetterState.QUEUED
    assert stored(lobby, TOUCHED) == before


def test_what_a_signer_confirmed_stays_when_they_write_a_letter(lobby: Lobby) -> None:
    sign_and_confirm(lobby, SignatureRequest(PETITION, "Winifred Signer", EMAIL, SIGNED))
    confirmed = confirm_letter(lobby, submit_and_sort(lobby))
    with lobby.database.read() as session:
        writer = session.get_one(Supporter, confirmed.supporter_id)
    assert (writer.name.text, writer.postcode.text) == ("Winifred Signer", SIGNED)


@pytest.mark.parametrize("updates", [True, False])
def test_the_answer_about_news_counts_from_the_confirmation_with_the_words_of_its_time(
    lobby: Lobby, clock: Clock, updates: bool
) -> None:
    received_at = clock.now
    row_id = submit_and_sort(lobby, updates=updates)
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        old = wordings.updates_texts(session, [campaign.organisation_id])[campaign.organisation_id]
        clock.advance(minutes=1)
        wordings.set_updates(session, campaign.organisation_id, "Newer words.", now=clock.now)
    clock.advance(minutes=1)
    confirm_letter(lobby, row_id)
    with lobby.database.read() as session:
        (consent,) = session.exec(select(Consent).where(Consent.letter_id == row_id))
        assert session.get_one(Wording, consent.wording_id).text == old
    assert (consent.granted, consent.given_at) == (updates, received_at)
    assert consent.effective_at == clock.now


def test_a_writer_who_was_not_asked_about_news_has_answered_nothing(lobby: Lobby) -> None:
    row_id = submit_and_sort(lobby, updates=None)
    confirm_letter(lobby, row_id)
    with lobby.database.read() as session:
        assert session.exec(select(Consent).where(Consent.letter_id == row_id)).all() == []


@pytest.mark.parametrize(
    "state", [LetterState.CANCELLED, LetterState.HELD, LetterState.REJECTED], ids=str
)
def test_only_the_confirmation_replaces_an_earlier_letter(lobby: Lobby, state: LetterState) -> None:
    first = submit_and_sort(lobby, updates=True)
    confirm_letter(lobby, first)
    if state is LetterState.CANCELLED:
        cancel(lobby, first)
    else:
        put(lobby, first, state)
    before = stored(lobby, (Letter, Consent))
    again = submit_and_sort(lobby, body=OTHER_WORDS)
    assert stored(lobby, (Letter, Consent)) == before
    with lobby.database.write() as session:  # what the states take away themselves
        session.connection().execute(
            sa.delete(LetterSketch).where(col(LetterSketch.letter_id) == first)
        )
    assert confirm_letter(lobby, again).body.text == OTHER_WORDS
    assert letter(lobby, first) is None
    assert messages_to_members(lobby, first) == 0
    with lobby.database.read() as session:
        granted = session.exec(select(Consent.granted).where(col(Consent.letter_id).is_(None)))
        assert True in list(granted), "the answer that came with the first stays in force"


def test_a_letter_of_which_something_was_said_is_not_replaced(lobby: Lobby) -> None:
    first = submit_and_sort(lobby)
    again = submit_and_sort(lobby, body=OTHER_WORDS)
    confirm_letter(lobby, first)
    put(lobby, first, LetterState.REJECTED)
    say_answered(lobby, first)
    with pytest.raises(Conflict) as refused:
        confirm_letter(lobby, again)
    assert refused.value.code == "letter_sent"
    assert letter(lobby, first) is not None


def test_of_two_letters_in_a_mailbox_the_first_one_confirmed_stands(lobby: Lobby) -> None:
    """One is the owner's, one a stranger's: in whatever order they came, and were confirmed."""
    for first_words, second_words in ((LETTER_BODY, OTHER_WORDS), (OTHER_WORDS, LETTER_BODY)):
        email = f"owner{len(submissions(lobby))}@example.org"
        first = submit_and_sort(lobby, email=email, body=first_words, updates=True, sender=b"1")
        second = submit_and_sort(lobby, email=email, body=second_words, name="X", sender=b"2")
        assert confirm_letter(lobby, second).body.text == second_words
        before = stored(lobby, TOUCHED)
        for _ in range(2):
            with pytest.raises(Conflict) as refused:
                confirm_letter(lobby, first)
            assert refused.value.code == "letter_sent"
        assert stored(lobby, TOUCHED) == before
        assert state_of(lobby, first) is SubmissionState.ASKED, "its link answers the same again"


def test_a_strangers_later_letter_changes_nothing_of_the_first(lobby: Lobby) -> None:
    first = submit_and_sort(lobby, updates=False, sender=b"owner")
    before = stored(lobby, (Submission, OutboxMessage))
    later = submit_and_sort(
        lobby, body=OTHER_WORDS, subject="Other", name="Mallory", updates=True, sender=b"stranger"
    )
    after = stored(lobby, (Submission, OutboxMessage))
    assert all(row in after["Submission"] for row in before["Submission"])
    assert all(row in after["OutboxMessage"] for row in before["OutboxMessage"])
    confirmed = confirm_letter(lobby, first)
    assert (confirmed.name.text, confirmed.body.text) == ("Anna Example", LETTER_BODY)
    with lobby.database.read() as session:
        consents = session.exec(
            select(Consent).where(Consent.supporter_id == confirmed.supporter_id)
        ).all()
    assert [(consent.letter_id, consent.granted) for consent in consents] == [(first, False)]
    assert state_of(lobby, later) is SubmissionState.ASKED


def test_a_letter_that_was_cancelled_after_its_confirmation_is_confirmed_no_more(
    lobby: Lobby,
) -> None:
    row_id = submit_and_sort(lobby)
    confirm_letter(lobby, row_id)
    cancel(lobby, row_id)
    with pytest.raises(Conflict) as refused:
        confirm_letter(lobby, row_id)
    assert refused.value.code == "letter_cancelled"


def test_of_a_letter_that_nobody_confirmed_nothing_is_left_after_14_days(
    lobby: Lobby, clock: Clock
) -> None:
    before = stored(lobby, (Supporter, Letter, Consent))
    row_id = submit_and_sort(lobby, updates=True)
    clock.advance(days=14, seconds=1)
    worker.retention.delete_old_submissions(lobby, threading.Event())
    assert stored(lobby, (Supporter, Letter, Consent, Submission)) == before | {"Submission": []}
    with pytest.raises(Gone) as gone:
        confirm_letter(lobby, row_id)
    assert gone.value.code == "letter_expired"


def test_a_damaged_letter_waits_and_stops_no_other(lobby: Lobby) -> None:
    damaged, good = submit(lobby), submit(lobby, email="good@example.org")
    with lobby.database.write() as session:
        session.connection().execute(
            sa.text("UPDATE submission SET payload = :junk WHERE id = :id").bindparams(
                sa.bindparam("id", type_=sa.Uuid()), junk=b"\x01" * 60
            ),
            {"id": damaged},
        )
    worker.sort_submissions(lobby)
    with lobby.database.read() as session:
        states = dict(session.exec(select(Submission.id, Submission.state)).all())
    assert states == {damaged: SubmissionState.WAITING, good: SubmissionState.ASKED}
    with pytest.raises(Unavailable) as refused:
        confirm_letter(lobby, damaged)
    assert refused.value.code == "submission_unreadable"
    confirm_letter(lobby, good)


# ---- cancelling, copies, 'not me'


def test_cancelling_before_the_confirmation_deletes_the_submission(lobby: Lobby) -> None:
    row_id = submit_and_sort(lobby)
    cancelled = cancel(lobby, row_id)
    assert cancelled is not None
    assert cancelled.body.text == LETTER_BODY
    assert submissions(lobby) == []
    assert cancel(lobby, row_id) is None, "a second click finds nothing, and that is no error"
    with pytest.raises(Gone):
        confirm_letter(lobby, row_id)


def test_the_copy_can_be_asked_for_before_the_letter_is_confirmed(lobby: Lobby) -> None:
    row_id = submit_and_sort(lobby)
    before = payload.letter_of_text(submissions(lobby)[0].payload.text)
    with lobby.database.write() as session:
        letter_links.want_copy(session, row_id, keyring=lobby.keyring, now=lobby.clock())
    after = payload.letter_of_text(submissions(lobby)[0].payload.text)
    assert (before.wants_copy, after.wants_copy) == (False, True)
    confirmed = confirm_letter(lobby, row_id)
    assert (confirmed.wants_copy, confirmed.body.text) == (True, LETTER_BODY)


def test_not_me_deletes_the_letters_of_the_address_in_the_campaign_and_asks_no_more(
    lobby: Lobby, clock: Clock
) -> None:
    first = submit_and_sort(lobby)
    submit_and_sort(lobby, postcode=MINISTER, body=OTHER_WORDS, sender=b"2")
    theirs = submit_and_sort(lobby, email="theirs@example.org")
    with lobby.database.write() as session:
        state, refused = letter_links.disown(session, first, keyring=lobby.keyring, now=clock.now)
    assert state is LetterState.CANCELLED
    assert [row.id for row in submissions(lobby)] == [theirs]
    with lobby.database.read() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        (refusal,) = session.exec(select(Refusal).where(Refusal.subject_id == campaign.id))
    assert refused
    assert (refusal.address_index, refusal.refused_at) == (refused.address_index, clock.now)
    clock.advance(days=2)
    asked = requests_of(lobby)
    assert state_of(lobby, submit_and_sort(lobby)) is None
    assert requests_of(lobby) == asked


def test_not_me_cancels_what_was_confirmed_with_the_same_link(lobby: Lobby) -> None:
    first = submit_and_sort(lobby)
    confirm_letter(lobby, first)
    with lobby.database.write() as session:
        state, refused = letter_links.disown(
            session, first, keyring=lobby.keyring, now=lobby.clock()
        )
    assert (state, refused is not None) == (LetterState.CANCELLED, True)
    stored = letter(lobby, first)
    assert stored is not None
    assert stored.state is LetterState.CANCELLED


def test_not_me_leaves_a_letter_that_has_gone(lobby: Lobby) -> None:
    first = submit_and_sort(lobby)
    confirm_letter(lobby, first)
    put(lobby, first, LetterState.SENT)
    with lobby.database.write() as session:
        state, refused = letter_links.disown(
            session, first, keyring=lobby.keyring, now=lobby.clock()
        )
    assert (state, refused is not None) == (LetterState.SENT, True)


def test_not_me_leaves_a_letter_that_is_being_sent_right_now(lobby: Lobby) -> None:
    first = submit_and_sort(lobby)
    confirm_letter(lobby, first)
    with lobby.database.write() as session:
        session.connection().execute(
            sa.update(OutboxMessage)
            .where(col(OutboxMessage.subject_id) == first, col(OutboxMessage.kind) == "letter")
            .values(state=MessageState.DOT_PENDING)
        )
    with lobby.database.write() as session:
        state, refused = letter_links.disown(
            session, first, keyring=lobby.keyring, now=lobby.clock()
        )
    assert (state, refused is not None) == (LetterState.QUEUED, True)
    stored = letter(lobby, first)
    assert stored is not None
    assert stored.state is LetterState.QUEUED


def test_not_me_after_the_confirmation_deletes_what_else_waits_from_the_address(
    lobby: Lobby,
) -> None:
    first = submit_and_sort(lobby)
    submit_and_sort(lobby, postcode=MINISTER, body=OTHER_WORDS, sender=b"2")
    theirs = submit_and_sort(lobby, email="theirs@example.org")
    confirm_letter(lobby, first)
    with lobby.database.write() as session:
        letter_links.disown(session, first, keyring=lobby.keyring, now=lobby.clock())
    assert [row.id for row in submissions(lobby)] == [theirs]


# ---- the mail


def test_the_mail_about_a_letter_is_dropped_where_it_has_become_pointless(
    lobby: Lobby, deliver: Callable[[], list[Any]]
) -> None:
    deliver()
    cancelled, first, second = (
        submit(lobby, email="cancelled@example.org", sender=b"1"),
        submit(lobby, sender=b"1"),
        submit(lobby, body=OTHER_WORDS, sender=b"2"),
    )
    worker.sort_submissions(lobby)
    assert len(requests_of(lobby)) == 3
    cancel(lobby, cancelled)
    confirm_letter(lobby, first)
    mails = deliver()
    assert [mail["To"] for mail in mails if mail["To"] in (EMAIL, "cancelled@example.org")] == []
    with lobby.database.read() as session:
        dropped = dict(
            session.exec(
                select(OutboxMessage.subject_id, OutboxMessage.detail).where(
                    OutboxMessage.kind == MessageKind.CONFIRM_LETTER
                )
            ).all()
        )
    assert dropped == {
        cancelled: "the letter is confirmed, cancelled or too old",
        first: "the letter is confirmed, cancelled or too old",
        second: "another letter is on its way",
    }


@pytest.mark.parametrize("letters", [1, 12])
def test_the_mails_of_a_batch_take_the_same_statements_whatever_their_number(
    lobby: Lobby, letters: int
) -> None:
    ids = [submit(lobby, email=f"w{number}@example.org") for number in range(letters)]
    worker.sort_submissions(lobby)
    noted: list[str] = []
    with lobby.database.read() as session:
        messages = session.exec(
            select(OutboxMessage).where(OutboxMessage.kind == MessageKind.CONFIRM_LETTER)
        ).all()
        engine = session.get_bind()

        def note(*args: Any) -> None:
            noted.append(args[2])

        sa.event.listen(engine, "before_cursor_execute", note)
        found = letter_requests.gather(session, messages, keyring=lobby.keyring)
        sa.event.remove(engine, "before_cursor_execute", note)
    assert set(found) == set(ids)
    assert len(noted) == 6


# ---- races


def confirming(lobby: Lobby, row_id: UUID) -> Callable[[Session], Letter]:
    def confirm(session: Session) -> Letter:
        return confirmed_letters.confirm(session, row_id, keyring=lobby.keyring, now=lobby.clock())

    return confirm


def cancelling(lobby: Lobby, row_id: UUID) -> Callable[[Session], Letter | None]:
    def take_off(session: Session) -> Letter | None:
        return letter_links.cancel(session, row_id, keyring=lobby.keyring, now=lobby.clock())

    return take_off


def test_two_confirmations_of_one_submission_at_once_queue_one_letter(lobby: Lobby) -> None:
    row_id = submit_and_sort(lobby, updates=True)
    second = in_turn(lobby, confirming(lobby, row_id), confirming(lobby, row_id))
    assert second.result().state is LetterState.QUEUED
    assert messages_to_members(lobby, row_id) == 1
    with lobby.database.read() as session:
        assert len(session.exec(select(Consent).where(Consent.letter_id == row_id)).all()) == 1


@pytest.mark.parametrize("is_known", [False, True])
def test_of_two_submissions_of_one_letter_confirmed_at_once_one_is_queued(
    lobby: Lobby, is_known: bool
) -> None:
    if is_known:
        sign_and_confirm(lobby, SignatureRequest(PETITION, "Winifred", EMAIL, CAN_SIGN))
    one = submit_and_sort(lobby, sender=b"1")
    two = submit_and_sort(lobby, body=OTHER_WORDS, sender=b"2")
    second = in_turn(lobby, confirming(lobby, one), confirming(lobby, two))
    error = second.exception()
    assert isinstance(error, Conflict)
    assert error.code == "letter_sent"
    stored = letter(lobby, one)
    assert stored is not None
    assert stored.body.text == LETTER_BODY
    assert letter(lobby, two) is None
    assert (messages_to_members(lobby, one), messages_to_members(lobby, two)) == (1, 0)
    assert [row.id for row in submissions(lobby)] == [two]


def test_a_letter_cancelled_while_it_is_confirmed_is_not_sent(lobby: Lobby) -> None:
    row_id = submit_and_sort(lobby)
    second = in_turn(lobby, confirming(lobby, row_id), cancelling(lobby, row_id))
    cancelled = second.result()
    assert cancelled is not None
    stored = letter(lobby, row_id)
    assert stored is not None
    assert stored.state is LetterState.CANCELLED
    assert submissions(lobby) == []


def test_a_letter_confirmed_while_it_is_cancelled_is_gone(lobby: Lobby) -> None:
    row_id = submit_and_sort(lobby)
    second = in_turn(lobby, cancelling(lobby, row_id), confirming(lobby, row_id))
    error = second.exception()
    assert isinstance(error, Gone)
    assert error.code == "letter_expired"
    assert letter(lobby, row_id) is None
    assert messages_to_members(lobby, row_id) == 0


def test_a_letter_disowned_while_it_is_confirmed_is_cancelled(lobby: Lobby) -> None:
    row_id = submit_and_sort(lobby)

    def disown(session: Session) -> letter_links.Disowned:
        return letter_links.disown(session, row_id, keyring=lobby.keyring, now=lobby.clock())

    state, refused = in_turn(lobby, confirming(lobby, row_id), disown).result()
    assert (state, refused is not None) == (LetterState.CANCELLED, True)
    stored = letter(lobby, row_id)
    assert stored is not None
    assert stored.state is LetterState.CANCELLED
