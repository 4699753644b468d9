"""Tests seat watches: supporters of a vacant seat get a mail when it has a member again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlmodel import col, select

from models import (
    CampaignStatus,
    Letter,
    LetterState,
    LetterTally,
    Member,
    MessageKind,
    MessageState,
    OutboxMessage,
    PetitionTally,
    SeatWatch,
    Signature,
    SignatureState,
)
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose
from services.letters import intake, letter_states
from services.letters.drafting import drafts, situations
from services.mail import dead_addresses, outbox
from services.mail.outbox import NewMessage
from services.mail.recipients import recipient_of
from services.parliament import members
from services.parliament.members import MemberRow
from services.signatures import signature_states
from services.signatures.recording import ImportOrigin, SignatureRequest
from services.supporters import seat_watches
from tests.support import signatures
from tests.support.common import CAMPAIGN, CAN_SIGN, PETITION, Clock, text_of, token_in
from tests.support.mail import confirm_letter
from tests.support.pages import VACANT, close_campaign

EDINBURGH, NORWICH = "S14000078", "E14001409"
MORAG, SIGNATORY, NEWCOMER = 900001, 900002, 900099
CATRIONA = Member(
    id=NEWCOMER, name="Catriona Wester", party="Labour", email="catriona.wester@example.org"
)
ANNA: dict[str, Any] = {"name": "Anna Example", "email": "anna@example.org", "postcode": CAN_SIGN}
ANNAS = SignatureRequest(petition_slug=PETITION, **ANNA)
WATCH = "/v1/signatures/watch"
Deliver = Callable[[], list[EmailMessage]]


# ---- helpers: seats and supporters


def fall_vacant(lobby: Lobby, code: str = EDINBURGH) -> None:
    today = lobby.clock().date()
    with lobby.database.write() as session:
        members.apply_rows(session, [MemberRow(code, None, today)], today=today)


def elect(
    lobby: Lobby, member: Member = CATRIONA, code: str = EDINBURGH, since: date | None = None
) -> None:
    today = lobby.clock().date()
    row = MemberRow(code, Member(**member.model_dump()), since or today)
    with lobby.database.write() as session:
        members.apply_rows(session, [row], today=today)


def sign(lobby: Lobby, *, confirms: bool = True, **changes: Any) -> UUID:
    """Signs, confirms unless told otherwise, and returns the id of the signature."""
    request = replace(ANNAS, **changes)
    if confirms:
        (signature_id,) = signatures.sign_and_confirm(lobby, request)
    else:
        (signature_id,) = signatures.sign_and_sort(lobby, request)
    return signature_id


def watch(lobby: Lobby, signature_id: UUID) -> None:
    with lobby.database.write() as session:
        signature = signature_states.get(session, signature_id, for_update=True)
        seat_watches.add(session, signature, now=lobby.clock())


def queue_mails(lobby: Lobby) -> int:
    with lobby.database.write() as session:
        return seat_watches.queue_mails(session, keyring=lobby.keyring, now=lobby.clock())


def withdraw(lobby: Lobby, signature_id: UUID) -> None:
    with lobby.database.write() as session:
        signature_states.withdraw(session, signature_id, now=lobby.clock())


def watches(lobby: Lobby, code: str = EDINBURGH) -> list[SeatWatch]:
    statement = select(SeatWatch).where(SeatWatch.constituency_code == code)
    with lobby.database.read() as session:
        return list(session.exec(statement.order_by(col(SeatWatch.id))))


def seat_filled_messages(lobby: Lobby) -> list[OutboxMessage]:
    statement = select(OutboxMessage).where(OutboxMessage.kind == MessageKind.SEAT_FILLED)
    with lobby.database.read() as session:
        return list(session.exec(statement.order_by(col(OutboxMessage.id))))


def confirmed_in(lobby: Lobby, code: str = EDINBURGH) -> int:
    with lobby.database.read() as session:
        petition = petitions.public(session, PETITION)
        return session.get_one(PetitionTally, (petition.id, code)).confirmed


def token_of(
    lobby: Lobby, signature_id: UUID, purpose: Purpose = Purpose.CONFIRM
) -> dict[str, str]:
    return {"token": lobby.tokens.issue(purpose, signature_id)}


@pytest.fixture
def waiting(lobby: Lobby, deliver: Deliver) -> UUID:
    """Returns Anna's signature in a vacant seat that she watches. All mail is delivered."""
    fall_vacant(lobby)
    signature_id = sign(lobby)
    watch(lobby, signature_id)
    deliver()
    return signature_id


# ---- a by-election from end to end


def test_whoever_asked_is_told_once_when_the_by_election_brings_a_member(
    client: TestClient, lobby: Lobby, clock: Clock, deliver: Deliver
) -> None:
    before = confirmed_in(lobby)
    fall_vacant(lobby)
    client.post(f"/v1/petitions/{PETITION}/signatures", json=ANNA)
    token = {"token": token_in(deliver()[-1], "confirm")}
    confirmed = client.post("/v1/signatures/confirm", json=token).json()
    assert (confirmed["can_watch"], confirmed["member"]) == (True, None)
    for _ in range(2):
        answer = client.post(WATCH, json=token)
        assert (answer.status_code, answer.json()["status"]) == (200, "watching")
        assert answer.json()["constituency"]["code"] == EDINBURGH
    assert (len(watches(lobby)), queue_mails(lobby), deliver()) == (1, 0, [])
    clock.advance(days=40)
    elect(lobby)
    assert (queue_mails(lobby), queue_mails(lobby)) == (1, 0)
    (mail,) = deliver()
    assert mail["To"] == ANNA["email"]
    assert mail["Subject"] == "Edinburgh East and Musselburgh has a new MP: Catriona Wester"
    text = text_of(mail)
    assert "Dear Anna Example," in text
    assert "Catriona Wester (Labour)" in text
    assert "Catriona Wester hasn't signed Early Day Motion 152" in text
    assert f"http://testserver/campaigns/{CAMPAIGN}/letter\n" in text
    assert watches(lobby)[0].told_at == clock.now
    assert confirmed_in(lobby) == before + 1, "signatures stay with the seat"
    taken_back = client.post(
        "/v1/signatures/withdraw", json={"token": token_in(mail, "withdraw")}
    ).json()
    assert taken_back == {"status": "withdrawn", "state": "withdrawn"}
    assert (queue_mails(lobby), deliver()) == (0, [])


def test_signatures_stay_with_the_seat_whoever_holds_it(lobby: Lobby, client: TestClient) -> None:
    before = confirmed_in(lobby)
    assert before > 0
    rows = []
    steps: tuple[Callable[[Lobby], None], ...] = (lambda _: None, fall_vacant, elect)
    for step in steps:
        step(lobby)
        tally = client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()
        (row,) = [row for row in tally["rows"] if row["constituency"]["code"] == EDINBURGH]
        rows.append((row["member"] and row["member"]["id"], row["eligibility"], row["signatures"]))
    assert rows == [
        (MORAG, "can_sign", before),
        (None, "vacant", before),
        (NEWCOMER, "can_sign", before),
    ]


def test_a_letter_that_was_sent_stays_with_the_member_it_went_to(
    lobby: Lobby, clock: Clock, deliver: Deliver
) -> None:
    letter_id = write(lobby)
    send(lobby, letter_id)
    deliver()
    before = letter_fields(lobby, letter_id)
    assert (before["member_id"], before["state"]) == (MORAG, LetterState.SENT)
    sent = letters_sent(lobby)
    fall_vacant(lobby)
    clock.advance(days=40)
    elect(lobby)
    assert deliver() == []
    assert letter_fields(lobby, letter_id) == before
    assert letters_sent(lobby) == sent


def write(lobby: Lobby) -> UUID:
    """Takes in a letter of Anna to her MP, not confirmed yet, and returns its id."""
    now, answer = lobby.clock(), lobby.postcodes.lookup(CAN_SIGN)
    address = intake.PostalAddress("1 Princes Street", "Edinburgh", CAN_SIGN)
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        situation = situations.of_postcode(
            session, campaign, answer, keyring=lobby.keyring, now=now
        )
        draft = drafts.draft(situation, name=ANNA["name"])
        new = intake.NewLetter(ANNA["name"], ANNA["email"], address, draft.subject, draft.body)
        return intake.take_in(session, situation, new, keyring=lobby.keyring, now=now).id


def send(lobby: Lobby, letter_id: UUID) -> None:
    confirm_letter(lobby, letter_id)


def letter_fields(lobby: Lobby, letter_id: UUID) -> dict[str, Any]:
    with lobby.database.read() as session:
        return letter_states.get(session, letter_id).model_dump(exclude={"name", "address"})


def letters_sent(lobby: Lobby) -> list[tuple[str, int]]:
    statement = select(LetterTally).order_by(col(LetterTally.constituency_code))
    with lobby.database.read() as session:
        return [(row.constituency_code, row.sent) for row in session.exec(statement)]


def test_a_letter_that_was_not_sent_yet_is_held_and_its_writer_told(
    lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    letter_id = write(lobby)
    deliver()
    fall_vacant(lobby)
    elect(lobby)
    send(lobby, letter_id)
    (mail,) = deliver()
    assert "Your constituency has a new MP." in text_of(mail)
    with lobby.database.read() as session:
        letter = session.get_one(Letter, letter_id)
    assert (letter.member_id, letter.state) == (MORAG, LetterState.HELD)


# ---- adding a watch


@dataclass(frozen=True)
class Refused:
    """A signature that cannot have a watch, with the code and detail of the refusal."""

    code: str
    detail: str
    postcode: str = VACANT
    country: str = "GB"
    confirms: bool = True
    status: CampaignStatus = CampaignStatus.OPEN


REFUSALS = [
    Refused("seat_not_vacant", "Morag Ferncastle is MP for Edinburgh East", postcode=CAN_SIGN),
    Refused("seat_unknown", "We do not know your constituency", postcode="ZE3 9JW"),
    Refused("seat_unknown", "We do not know your constituency", postcode="75001", country="FR"),
    Refused("signature_not_confirmed", "Please confirm your signature first.", confirms=False),
    Refused("campaign_closed", "This campaign has ended.", status=CampaignStatus.WON),
]


@pytest.mark.parametrize("refused", REFUSALS, ids=lambda refused: refused.code)
def test_what_nobody_can_be_told_of_is_refused_with_its_reason(
    client: TestClient, lobby: Lobby, refused: Refused
) -> None:
    signature_id = sign(
        lobby, postcode=refused.postcode, country=refused.country, confirms=refused.confirms
    )
    close_campaign(lobby, refused.status)
    before = len(watches(lobby, NORWICH))
    answer = client.post(WATCH, json=token_of(lobby, signature_id))
    assert (answer.status_code, answer.json()["code"]) == (409, refused.code)
    assert refused.detail in answer.json()["detail"]
    assert len(watches(lobby, NORWICH)) == before


def test_the_answer_to_a_confirmation_says_whether_a_watch_is_possible(
    client: TestClient, lobby: Lobby
) -> None:
    for postcode, can_watch in ((CAN_SIGN, False), ("ZE3 9JW", False), (VACANT, True)):
        signature_id = sign(
            lobby, email=f"{can_watch}{postcode[:2]}@example.org", postcode=postcode
        )
        answer = client.post("/v1/signatures/confirm", json=token_of(lobby, signature_id))
        assert answer.json()["can_watch"] is can_watch
    close_campaign(lobby, CampaignStatus.CLOSED)
    answer = client.post("/v1/signatures/confirm", json=token_of(lobby, signature_id))
    assert answer.json()["can_watch"] is False


def test_the_link_of_who_had_signed_on_paper_is_good_for_a_watch(
    client: TestClient, lobby: Lobby
) -> None:
    on_paper = replace(ANNAS, postcode=VACANT, imported=ImportOrigin("paper, Leeds stall"))
    signatures.record(lobby, [on_paper])
    submission_id = sign(lobby, postcode=VACANT, confirms=False)
    token, before = token_of(lobby, submission_id), len(watches(lobby, NORWICH))
    assert client.post(WATCH, json=token).json()["constituency"]["code"] == NORWICH
    answer = client.post("/v1/signatures/confirm", json=token)
    assert answer.json()["can_watch"] is True
    page = client.post(f"/watch/{token['token']}")
    assert page.status_code == 200
    assert len(watches(lobby, NORWICH)) == before + 1


@pytest.mark.parametrize("purpose", [Purpose.WITHDRAW, Purpose.DISOWN, Purpose.LETTER])
def test_only_the_token_that_confirms_is_good_for_a_watch_and_only_in_time(
    client: TestClient, lobby: Lobby, clock: Clock, purpose: Purpose
) -> None:
    signature_id = sign(lobby, postcode=VACANT)
    wrong = client.post(WATCH, json=token_of(lobby, signature_id, purpose))
    assert (wrong.status_code, wrong.json()["code"]) == (422, "token_invalid")
    token = token_of(lobby, signature_id)
    clock.advance(days=15)
    late = client.post(WATCH, json=token)
    assert (late.status_code, late.json()["code"]) == (410, "token_expired")


# ---- the end of a watch


@pytest.mark.parametrize("purpose", [Purpose.WITHDRAW, Purpose.DISOWN])
def test_taking_the_signature_back_ends_the_watch(
    client: TestClient, lobby: Lobby, deliver: Deliver, waiting: UUID, purpose: Purpose
) -> None:
    client.post(f"/v1/signatures/{purpose}", json=token_of(lobby, waiting, purpose))
    assert watches(lobby) == []
    elect(lobby)
    assert (queue_mails(lobby), deliver()) == (0, [])


def test_the_watch_stays_with_another_signature_of_the_campaign(
    lobby: Lobby, clock: Clock, deliver: Deliver, waiting: UUID
) -> None:
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        values = {"slug": "second", "action": "A second one", "addressed_to": "Them"}
        petitions.create(session, campaign=campaign, values=values, now=clock.now)
    second = sign(lobby, petition_slug="second")
    deliver()
    withdraw(lobby, waiting)
    assert len(watches(lobby)) == 1
    elect(lobby)
    assert queue_mails(lobby) == 1
    (mail,) = deliver()
    assert 'Your signature for "A second one" still counts' in text_of(mail)
    assert lobby.tokens.read(Purpose.WITHDRAW, token_in(mail, "withdraw")) == second


def test_a_signature_elsewhere_does_not_keep_a_watch(
    lobby: Lobby, clock: Clock, waiting: UUID
) -> None:
    with lobby.database.write() as session:
        first = campaigns.public(session, CAMPAIGN)
        values = {"slug": "other", "title": "Another one", "summary": "s"}
        campaign = campaigns.create(
            session, organisation_id=first.organisation_id, values=values, now=clock.now
        )
        values = {"slug": "second", "action": "A second one", "addressed_to": "Them"}
        petitions.create(session, campaign=campaign, values=values, now=clock.now)
    sign(lobby, petition_slug="second")
    withdraw(lobby, waiting)
    assert watches(lobby) == []


# ---- queueing the mails


def test_whether_the_new_member_has_signed_is_said(
    lobby: Lobby, deliver: Deliver, waiting: UUID
) -> None:
    with lobby.database.read() as session:
        signatory = session.get_one(Member, SIGNATORY)
    elect(lobby, signatory)
    queue_mails(lobby)
    (mail,) = deliver()
    assert f"{signatory.name} has signed Early Day Motion 152" in text_of(mail)


def test_a_member_without_an_address_yet_can_be_written_to_by_post(
    lobby: Lobby, deliver: Deliver, waiting: UUID
) -> None:
    elect(lobby, Member(**CATRIONA.model_dump(exclude={"email"})))
    queue_mails(lobby)
    (mail,) = deliver()
    assert "We don't have an email address for this MP." in text_of(mail)
    assert f"/campaigns/{CAMPAIGN}/letter" in text_of(mail)


def test_nobody_is_told_before_the_day_on_which_the_member_is_elected(
    lobby: Lobby, clock: Clock, deliver: Deliver, waiting: UUID
) -> None:
    elect(lobby, since=clock.now.date() + timedelta(days=1))
    assert queue_mails(lobby) == 0
    clock.advance(days=1)
    assert queue_mails(lobby) == 1


def test_two_at_once_queue_one_mail(lobby: Lobby, waiting: UUID) -> None:
    elect(lobby)
    with ThreadPoolExecutor(1) as pool:
        with lobby.database.write() as session:
            first = seat_watches.queue_mails(session, keyring=lobby.keyring, now=lobby.clock())
            second = pool.submit(queue_mails, lobby)
            if not lobby.database.is_sqlite:
                second.result(timeout=10)  # it skips the rows that the first one has locked
        assert (first, second.result(timeout=10)) == (1, 0)
    assert len(seat_filled_messages(lobby)) == 1


def test_what_is_over_the_limit_of_mails_a_day_is_told_another_day(
    lobby: Lobby, clock: Clock, deliver: Deliver, waiting: UUID
) -> None:
    elect(lobby)
    clock.advance(days=1)
    recipient = recipient_of(ANNA["email"], lobby.keyring)
    with lobby.database.write() as session:
        note = NewMessage(MessageKind.ALREADY_SIGNED, waiting, recipient)
        outbox.queue(session, [note] * outbox.MAILS_A_DAY, now=clock.now)
    deliver()
    assert queue_mails(lobby) == 1
    assert deliver() == []
    (message,) = seat_filled_messages(lobby)
    assert message.due_at == clock.now + timedelta(days=1)
    clock.advance(days=1)
    assert queue_mails(lobby) == 0
    (mail,) = deliver()
    assert mail["To"] == ANNA["email"]


def test_the_watch_of_a_dead_address_stays_open_and_is_told_when_it_is_alive_again(
    lobby: Lobby, waiting: UUID
) -> None:
    elect(lobby)
    index = dead_addresses.index_of(ANNA["email"], lobby.keyring)
    with lobby.database.write() as session:
        dead_addresses.note(session, index, member_id=None, detail="550", now=lobby.clock())
    assert (queue_mails(lobby), seat_filled_messages(lobby)) == (0, [])
    assert watches(lobby)[0].told_at is None
    with lobby.database.write() as session:
        dead_addresses.revive(session, ANNA["email"], keyring=lobby.keyring)
    assert queue_mails(lobby) == 1


def test_the_watches_of_a_campaign_that_is_over_wait(
    lobby: Lobby, deliver: Deliver, waiting: UUID
) -> None:
    elect(lobby)
    close_campaign(lobby, CampaignStatus.CLOSED)
    assert queue_mails(lobby) == 0
    close_campaign(lobby, CampaignStatus.OPEN)
    assert queue_mails(lobby) == 1


def all_of_norwich_watch(lobby: Lobby) -> int:
    """Adds a watch for each supporter of the demonstration's vacant seat; returns their number."""
    with lobby.database.write() as session:
        statement = select(Signature).where(
            Signature.constituency_code == NORWICH, Signature.state == SignatureState.CONFIRMED
        )
        signatures = list(session.exec(statement))
        for signature in signatures:
            seat_watches.add(session, signature, now=lobby.clock())
    return len(signatures)


def test_telling_takes_the_same_number_of_statements_for_one_and_for_many(
    lobby: Lobby, waiting: UUID
) -> None:
    elect(lobby)
    queued, few = queue_mails_counted(lobby)
    assert queued == 1
    many = all_of_norwich_watch(lobby)
    assert many > 10
    elect(lobby, Member(**CATRIONA.model_dump() | {"id": NEWCOMER + 1}), NORWICH)
    assert queue_mails_counted(lobby) == (many, few)
    assert {row.told_at is None for row in watches(lobby, NORWICH)} == {False}
    assert {row.subject_id for row in seat_filled_messages(lobby)} == {
        row.id for row in watches(lobby) + watches(lobby, NORWICH)
    }


def queue_mails_counted(lobby: Lobby) -> tuple[int, int]:
    """Returns the number of queued mails and of statements."""
    seen: list[str] = []
    with lobby.database.write() as session:
        connection = session.connection()

        def note(*parts: Any) -> None:
            seen.append(parts[2])

        event.listen(connection, "before_cursor_execute", note)
        queued = seat_watches.queue_mails(session, keyring=lobby.keyring, now=lobby.clock())
        event.remove(connection, "before_cursor_execute", note)
    return queued, len(seen)


# ---- between the queue and the mail


def taken_back(lobby: Lobby, signature_id: UUID) -> None:
    withdraw(lobby, signature_id)


def over(lobby: Lobby, _signature_id: UUID) -> None:
    close_campaign(lobby, CampaignStatus.LOST)


def vacant_again(lobby: Lobby, _signature_id: UUID) -> None:
    fall_vacant(lobby)


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (taken_back, "the signature was taken back"),
        (over, "the campaign is lost"),
        (vacant_again, "the seat is vacant again"),
    ],
)
def test_a_mail_that_has_lost_its_purpose_is_dropped(
    lobby: Lobby,
    deliver: Deliver,
    waiting: UUID,
    happens: Callable[[Lobby, UUID], None],
    reason: str,
) -> None:
    elect(lobby)
    assert queue_mails(lobby) == 1
    happens(lobby, waiting)
    assert deliver() == []
    (message,) = seat_filled_messages(lobby)
    assert (message.state, message.detail) == (MessageState.DROPPED, reason)


def test_a_seat_that_falls_vacant_again_can_be_watched_anew(
    lobby: Lobby, clock: Clock, deliver: Deliver, waiting: UUID
) -> None:
    elect(lobby)
    queue_mails(lobby)
    assert len(deliver()) == 1
    clock.advance(days=60)
    fall_vacant(lobby)
    watch(lobby, waiting)
    assert (len(watches(lobby)), queue_mails(lobby)) == (2, 0)
    clock.advance(days=60)
    elect(lobby, Member(**CATRIONA.model_dump() | {"id": NEWCOMER + 1, "name": "Euan Leith"}))
    assert queue_mails(lobby) == 1
    (mail,) = deliver()
    assert mail["Subject"].endswith("has a new MP: Euan Leith")


def test_who_signed_before_the_seat_fell_vacant_can_ask_after_signing_again(
    client: TestClient, lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    """The first link has expired, and signing again sends a new one."""
    sign(lobby)
    fall_vacant(lobby)
    clock.advance(days=30)
    deliver()
    assert client.post(f"/v1/petitions/{PETITION}/signatures", json=ANNA).status_code == 201
    (mail,) = deliver()
    assert "no MP for your constituency at the moment" in text_of(mail)
    assert "/letter" not in text_of(mail)
    answer = client.post(WATCH, json={"token": token_in(mail, "confirm")})
    assert answer.json()["status"] == "watching"
