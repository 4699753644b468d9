"""Tests the follow-up question to letter writers, their answers and what organisers see."""

import csv
import io
from collections.abc import Callable
from datetime import date
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlmodel import col, select

import worker
from models import (
    CampaignStatus,
    Letter,
    LetterAnswer,
    LetterOutcome,
    LetterState,
    Member,
    MemberReply,
    MessageKind,
    MessageState,
    OutboxMessage,
    Private,
    ReplyKind,
    Scope,
    Supporter,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common.tokens import Purpose
from services.consents import preferences
from services.letters import answers, confirmed_letters, intake, letter_states
from services.letters.drafting import drafts, situations
from services.mail import outbox
from services.mail.outbox import NewMessage
from services.mail.recipients import recipient_of
from tests.support.common import CAMPAIGN, CAN_SIGN, MINISTER, Clock, text_of, token_in
from tests.support.keys import Headers, key_for, others_key
from tests.support.pages import ANNA, close_campaign, visible, without_own_script
from web.base import words

Deliver = Callable[[], list[EmailMessage]]
ANSWER = "/v1/letters/answer"
ANSWERS = f"/v1/campaigns/{CAMPAIGN}/answers"
MORAG = 900001
SECRET = "Dear Anna, I know Princes Street well, and shall sign."


def send(lobby: Lobby, *, email: str = ANNA["email"], postcode: str = CAN_SIGN) -> UUID:
    """Writes, confirms and sends a letter; returns its id."""
    now, answer = lobby.clock(), lobby.postcodes.lookup(postcode)
    address = intake.PostalAddress("1 Princes Street", "Edinburgh", postcode)
    with lobby.database.write() as session:
        campaign = campaigns.public(session, CAMPAIGN)
        situation = situations.of_postcode(
            session, campaign, answer, keyring=lobby.keyring, now=now
        )
        draft = drafts.draft(situation, name=ANNA["name"])
        new = intake.NewLetter(ANNA["name"], email, address, draft.subject, draft.body)
        taken = intake.take_in(session, situation, new, keyring=lobby.keyring, now=now)
        confirmed_letters.confirm(session, taken.id, keyring=lobby.keyring, now=now)
    while worker.deliver_due(lobby):
        pass
    return taken.id


def queue_questions(lobby: Lobby) -> int:
    with lobby.database.write() as session:
        return answers.queue_questions(session, keyring=lobby.keyring, now=lobby.clock())


def letter_of(lobby: Lobby, letter_id: UUID) -> Letter:
    with lobby.database.read() as session:
        return letter_states.get(session, letter_id)


def replies(lobby: Lobby, letter_id: UUID) -> list[MemberReply]:
    with lobby.database.read() as session:
        return list(session.exec(select(MemberReply).where(MemberReply.letter_id == letter_id)))


def outcome_of(lobby: Lobby, letter_id: UUID) -> LetterOutcome | None:
    with lobby.database.read() as session:
        row = session.get(LetterAnswer, letter_id)
        return row.outcome if row else None


@pytest.fixture(autouse=True)
def nobody_else_wrote(lobby: Lobby, deliver: Deliver) -> None:
    """Marks the demonstration's writers as asked, so that only the tests' own are due."""
    deliver()
    with lobby.database.write() as session:
        session.connection().execute(sa.text("UPDATE letter SET asked_at = sent_at"))


@pytest.fixture
def letter_id(lobby: Lobby, deliver: Deliver) -> UUID:
    """Sends Anna's letter and discards the emails; returns the letter's id."""
    sent_id = send(lobby)
    deliver()
    return sent_id


@pytest.fixture
def token(lobby: Lobby, letter_id: UUID, clock: Clock) -> str:
    """Issues the token of the question that Anna gets a fortnight later."""
    clock.advance(days=14)
    return lobby.tokens.issue(Purpose.LETTER_ANSWER, letter_id)


def submit_answer(client: TestClient, token: str, outcome: str, **fields: Any) -> Any:
    return client.post(ANSWER, json={"token": token, "outcome": outcome, **fields})


# ---- asking


def test_a_writer_is_asked_once_two_weeks_after_the_letter_went(
    lobby: Lobby, letter_id: UUID, deliver: Deliver, clock: Clock
) -> None:
    clock.advance(days=13, hours=23)
    worker.clean_up(lobby)
    assert deliver() == []
    clock.advance(hours=1)
    for _ in range(2):
        worker.clean_up(lobby)
    (mail,) = deliver()
    assert letter_of(lobby, letter_id).asked_at == clock.now
    assert mail["To"] == ANNA["email"]
    assert mail["Subject"] == "Did Morag Ferncastle reply?"
    text = text_of(mail)
    assert "On 1 July 2026 we sent your letter to Morag Ferncastle" in text
    assert lobby.tokens.read(Purpose.LETTER_ANSWER, token_in(mail, "letters/answer")) == letter_id
    clock.advance(days=30)
    worker.clean_up(lobby)
    assert deliver() == []


def test_writers_of_a_campaign_that_has_ended_are_asked_too(
    lobby: Lobby, letter_id: UUID, deliver: Deliver, clock: Clock
) -> None:
    close_campaign(lobby, CampaignStatus.CLOSED)
    clock.advance(days=14)
    assert queue_questions(lobby) == 1
    assert len(deliver()) == 1


@pytest.mark.parametrize("wish", [{"questions": False}, {"mail": False}])
def test_whoever_wants_no_questions_is_not_asked_and_not_looked_at_again(
    lobby: Lobby, letter_id: UUID, deliver: Deliver, clock: Clock, wish: dict[str, Any]
) -> None:
    clock.advance(days=14)
    supporter_id = letter_of(lobby, letter_id).supporter_id
    with lobby.database.write() as session:
        preferences.change(session, supporter_id, **wish, now=clock.now)
    assert queue_questions(lobby) == 0
    assert letter_of(lobby, letter_id).asked_at == clock.now
    with lobby.database.write() as session:
        preferences.change(session, supporter_id, questions=True, mail=True, now=clock.now)
    assert queue_questions(lobby) == 0
    assert deliver() == []


@pytest.mark.parametrize("state", [LetterState.REJECTED, LetterState.UNCERTAIN])
def test_nobody_is_asked_about_a_letter_that_did_not_arrive(
    lobby: Lobby, letter_id: UUID, clock: Clock, state: LetterState
) -> None:
    with lobby.database.write() as session:
        session.get_one(Letter, letter_id).state = state
    clock.advance(days=20)
    assert queue_questions(lobby) == 0
    assert letter_of(lobby, letter_id).asked_at is None


def fill_the_day(lobby: Lobby, email: str) -> None:
    """Uses up the five emails that an address may get today."""
    recipient = recipient_of(email, lobby.keyring)
    with lobby.database.write() as session:
        note = NewMessage(MessageKind.ALREADY_SIGNED, UUID(int=0), recipient)
        outbox.queue(session, [note] * outbox.MAILS_A_DAY, now=lobby.clock())


def test_a_question_over_the_limit_of_the_day_waits_for_the_next(
    lobby: Lobby, letter_id: UUID, deliver: Deliver, clock: Clock
) -> None:
    clock.advance(days=14)
    fill_the_day(lobby, ANNA["email"])
    assert queue_questions(lobby) == 1
    assert letter_of(lobby, letter_id).asked_at == clock.now
    assert deliver() == []
    clock.advance(days=1, minutes=1)
    assert queue_questions(lobby) == 0
    assert len(deliver()) == 1


def test_many_are_asked_in_batches_with_the_same_few_statements(lobby: Lobby, clock: Clock) -> None:
    for number in range(5):
        send(lobby, email=f"writer{number}@example.org")
    clock.advance(days=14)
    counted = []
    for expected in (3, 2, 0):
        with lobby.database.write() as session:
            queries: list[str] = []
            engine = session.connection().engine

            def note(*args: Any, queries: list[str] = queries) -> None:
                queries.append(args[2])

            event.listen(engine, "before_cursor_execute", note)
            queued = answers.queue_questions(session, keyring=lobby.keyring, now=clock.now, limit=3)
            event.remove(engine, "before_cursor_execute", note)
        assert queued == expected
        counted.append(len(queries))
    assert counted[0] == counted[1] <= 6  # one of them for dead addresses


def test_two_workers_that_ask_at_once_ask_everybody_once(lobby: Lobby, clock: Clock) -> None:
    for number in range(4):
        send(lobby, email=f"writer{number}@example.org")
    clock.advance(days=14)
    with lobby.database.write() as first:
        queued = answers.queue_questions(first, keyring=lobby.keyring, now=clock.now)
        if not lobby.database.is_sqlite:  # SQLite allows one writer, so they take turns
            assert queue_questions(lobby) == 0, "the second leaves out what the first holds"
    assert (queued, queue_questions(lobby)) == (4, 0)


# ---- answering


def test_an_answer_is_kept_and_feeds_the_replies_unverified_and_sealed(
    client: TestClient, lobby: Lobby, letter_id: UUID, token: str
) -> None:
    answer = submit_answer(client, token, "answered", said="will_sign", text=SECRET)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "answered"
    assert answer.json()["member"]["name"] == "Morag Ferncastle"
    assert outcome_of(lobby, letter_id) is LetterOutcome.ANSWERED
    (reply,) = replies(lobby, letter_id)
    assert (reply.kind, reply.text.text, reply.verified_by) == (ReplyKind.WILL_SIGN, SECRET, None)
    assert (reply.member_id, reply.said_on) == (MORAG, date(2026, 7, 15))
    with lobby.database.read() as session:
        stored = session.connection().exec_driver_sql("SELECT * FROM member_reply").all()
    assert "Princes" not in repr(stored)


def test_organisers_see_that_a_reply_is_from_a_constituent_and_the_public_sees_nothing(
    client: TestClient, lobby: Lobby, token: str
) -> None:
    before = client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()["rows"]
    submit_answer(client, token, "answered", said="will_sign", text=SECRET)
    key = key_for(lobby, Scope.TALLIES_READ)
    rows = client.get(f"/v1/campaigns/{CAMPAIGN}/replies", headers=key).json()
    assert [(row["text"], row["is_from_constituent"]) for row in rows] == [
        (SECRET, True),
        ("I shall read the motion and think about it.", False),
    ]
    assert client.get(f"/v1/campaigns/{CAMPAIGN}/tally").json()["rows"] == before
    assert SECRET not in client.get(f"/v1/members/{MORAG}").text


def test_answering_again_replaces_what_was_said(
    client: TestClient, lobby: Lobby, letter_id: UUID, token: str, clock: Clock
) -> None:
    submit_answer(client, token, "acknowledged")
    assert (outcome_of(lobby, letter_id), replies(lobby, letter_id)) == ("acknowledged", [])
    submit_answer(client, token, "answered", said="undecided", said_on="2026-07-10")
    clock.advance(days=3)
    submit_answer(client, token, "answered", said="undecided", text=SECRET)
    (reply,) = replies(lobby, letter_id)
    assert (reply.kind, reply.text.text) == (ReplyKind.UNDECIDED, SECRET)
    assert reply.said_on == date(2026, 7, 10), "the same thing was not said again today"
    submit_answer(client, token, "answered", said="will_not")
    (reply,) = replies(lobby, letter_id)
    assert (reply.kind, reply.text, reply.said_on) == ("will_not", None, date(2026, 7, 18))
    submit_answer(client, token, "not_answered")
    assert (outcome_of(lobby, letter_id), replies(lobby, letter_id)) == ("not_answered", [])


def test_words_without_a_kind_are_a_reply_of_another_kind(
    client: TestClient, lobby: Lobby, letter_id: UUID, token: str
) -> None:
    submit_answer(client, token, "acknowledged", text="A card with a picture.")
    (reply,) = replies(lobby, letter_id)
    assert reply.kind is ReplyKind.OTHER


@pytest.mark.parametrize("again", [{"outcome": "not_answered"}, {"outcome": "answered"}])
def test_what_an_organiser_has_verified_stays_as_it_is(
    client: TestClient, lobby: Lobby, letter_id: UUID, token: str, again: dict[str, str]
) -> None:
    submit_answer(client, token, "answered", said="will_sign", text=SECRET)
    (before,) = replies(lobby, letter_id)
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    response = client.patch(f"/v1/replies/{before.id}", json={"verified_by": "Olive"}, headers=key)
    assert response.json()["is_from_constituent"] is True
    changes = {"said": "will_not"} if again["outcome"] == "answered" else {}
    assert client.post(ANSWER, json={"token": token, **again, **changes}).status_code == 200
    (after,) = replies(lobby, letter_id)
    assert (after.kind, after.text.text) == (ReplyKind.WILL_SIGN, SECRET)
    assert outcome_of(lobby, letter_id) == again["outcome"]


@pytest.mark.parametrize(
    ("outcome", "said", "field"),
    [
        ("perhaps", {}, "outcome"),
        ("answered", {"said": "perhaps"}, "said"),
        ("not_answered", {"said": "will_sign"}, "said"),
        ("not_answered", {"text": "Nothing."}, "text"),
        ("answered", {"text": "x" * 5001}, "text"),
        ("answered", {"text": "a\u0000b"}, "text"),
        ("answered", {"said_on": "2026-07-10"}, "said_on"),
        ("answered", {"said": "will_sign", "said_on": "2026-07-16"}, "said_on"),
        ("answered", {"said": "will_sign", "said_on": "2026-06-30"}, "said_on"),
        ("answered", {"said": "will_sign", "said_on": "yesterday"}, "said_on"),
        ("answered", {"surprise": 1}, "surprise"),
    ],
)
def test_a_wrong_answer_is_refused_with_its_field_and_nothing_is_kept(
    client: TestClient,
    lobby: Lobby,
    letter_id: UUID,
    token: str,
    outcome: str,
    said: dict[str, Any],
    field: str,
) -> None:
    answer = submit_answer(client, token, outcome, **said)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert outcome_of(lobby, letter_id) is None
    assert replies(lobby, letter_id) == []


def test_an_answer_of_tonight_is_of_the_day_it_is_in_london(
    client: TestClient, lobby: Lobby, letter_id: UUID, token: str, clock: Clock
) -> None:
    clock.advance(hours=11, minutes=30)  # 00:30 on the 16th in London
    assert submit_answer(client, token, "answered", said="meeting").status_code == 200
    assert replies(lobby, letter_id)[0].said_on == date(2026, 7, 16)


def test_another_links_token_and_an_old_one_answer_nothing(
    client: TestClient, lobby: Lobby, letter_id: UUID, token: str, clock: Clock
) -> None:
    other = lobby.tokens.issue(Purpose.LETTER, letter_id)
    assert submit_answer(client, other, "answered").status_code == 422
    assert client.get(f"/letters/answer/{other}").status_code == 422
    clock.advance(days=119)
    assert submit_answer(client, token, "answered").status_code == 200
    clock.advance(days=2)
    assert submit_answer(client, token, "answered").status_code == 410
    assert client.get(f"/letters/answer/{token}").status_code == 410


def test_a_letter_that_came_back_can_have_no_answer(
    client: TestClient, lobby: Lobby, letter_id: UUID, token: str
) -> None:
    with lobby.database.write() as session:
        session.get_one(Letter, letter_id).state = LetterState.REJECTED
    assert submit_answer(client, token, "answered").json()["code"] == "letter_not_sent"
    assert client.get(f"/letters/answer/{token}").status_code == 409


# ---- the page


def test_the_page_of_the_question_changes_nothing_and_its_button_keeps_the_answer(
    client: TestClient, lobby: Lobby, letter_id: UUID, token: str
) -> None:
    path = f"/letters/answer/{token}"
    page = client.get(path)
    assert "Keep NHS Professionals public" in visible(page)
    assert "Morag Ferncastle, MP for Edinburgh East and Musselburgh" in visible(page)
    assert "team sees it. We won’t publish it." in visible(page)
    assert page.headers["Cache-Control"] == "no-store"
    assert "<script" not in without_own_script(page.text)
    assert outcome_of(lobby, letter_id) is None
    for label in [*words.OUTCOME_CHOICES.values(), *words.REPLY_CHOICES.values(), "I don’t know"]:
        assert f">{label}</label>" in page.text
    thanks = client.post(path, data={"outcome": "answered", "said": "meeting", "text": SECRET})
    assert (thanks.status_code, thanks.headers["Location"]) == (303, f"{path}?saved=yes")
    done = client.get(thanks.headers["Location"])
    assert done.headers["Cache-Control"] == "no-store"
    assert "<title>Thank you – " in done.text
    assert "You told us that Morag Ferncastle’s office has replied." in visible(done)
    assert [reply.kind for reply in replies(lobby, letter_id)] == [ReplyKind.MEETING]
    again = client.get(path)
    assert 'value="answered" checked' in again.text
    assert 'value="meeting" checked' in again.text
    assert SECRET in visible(again)


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({}, "outcome", "Choose an answer."),
        ({"outcome": "nonsense"}, "outcome", "Choose one of these."),
        ({"outcome": "answered", "said": "nonsense"}, "said", "Choose one of these."),
        ({"outcome": "answered", "text": "x" * 5001}, "text", "At most 5000 characters, please."),
        (
            {"outcome": "not_answered", "said": "will_sign"},
            "said",
            "Leave this out if there’s no reply yet.",
        ),
    ],
)
def test_a_mistake_on_the_page_is_told_beside_its_field_and_everything_is_kept(
    client: TestClient,
    lobby: Lobby,
    letter_id: UUID,
    token: str,
    fields: dict[str, str],
    field: str,
    message: str,
) -> None:
    page = client.post(f"/letters/answer/{token}", data={"text": SECRET, **fields})
    assert page.status_code == 422
    assert f'<a href="#{field}">' in page.text
    assert f'id="{field}-error"' in page.text
    assert message in visible(page)
    assert fields.get("text", SECRET) in page.text
    assert outcome_of(lobby, letter_id) is None


def test_the_page_says_when_the_organisers_have_taken_the_reply_over(
    client: TestClient, lobby: Lobby, letter_id: UUID, token: str
) -> None:
    submit_answer(client, token, "answered", said="will_sign", text=SECRET)
    with lobby.database.write() as session:
        reply = session.exec(select(MemberReply).where(MemberReply.letter_id == letter_id)).one()
        reply.verified_by = Private(reply.text.organisation_id, "Olive Organiser")
    page = client.get(f"/letters/answer/{token}")
    assert "so you can’t change that part." in visible(page)
    assert 'name="said"' not in page.text
    assert "Olive" not in page.text
    assert SECRET not in page.text
    assert client.post(f"/letters/answer/{token}", data={"outcome": "answered"}).status_code == 303
    assert replies(lobby, letter_id)[0].kind is ReplyKind.WILL_SIGN


def test_a_link_that_names_an_answer_chooses_it_and_keeps_nothing(
    client: TestClient, lobby: Lobby, letter_id: UUID, token: str
) -> None:
    for outcome in ("answered", "acknowledged", "not_answered"):
        page = client.get(f"/letters/answer/{token}?outcome={outcome}")
        assert f'value="{outcome}" checked' in page.text
    assert "checked" not in client.get(f"/letters/answer/{token}?outcome=nonsense").text.replace(
        'value="" checked', ""
    )
    assert "Did your MP reply?" in visible(client.get(f"/letters/answer/{token}?saved=yes"))
    assert outcome_of(lobby, letter_id) is None


def test_who_has_no_reply_gets_a_text_that_asks_again(
    client: TestClient, letter_id: UUID, token: str
) -> None:
    client.post(f"/letters/answer/{token}", data={"outcome": "not_answered"})
    page = client.get(f"/letters/answer/{token}?saved=yes")
    assert "Morag Ferncastle’s office hasn’t replied yet." in visible(page)
    assert "I wrote to you about" in visible(page)
    assert 'href="mailto:morag.ferncastle@example.org?subject=' in page.text
    client.post(f"/letters/answer/{token}", data={"outcome": "answered"})
    page = client.get(f"/letters/answer/{token}?saved=yes")
    assert "mailto:" not in page.text


def test_every_outcome_and_kind_of_reply_has_words() -> None:
    assert set(words.OUTCOME_CHOICES) == set(words.OUTCOME_PHRASES) == set(LetterOutcome)
    assert set(words.REPLY_CHOICES) == set(ReplyKind)


# ---- what organisers see


@pytest.fixture
def key(lobby: Lobby) -> Headers:
    return key_for(lobby, Scope.LETTERS_READ)


def sent_to(client: TestClient, key: Headers, name: str) -> dict[str, Any]:
    rows = client.get(ANSWERS, headers=key).json()["rows"]
    return next(dict(row) for row in rows if row["member"]["name"] == name)


@pytest.mark.slow
def test_organisers_see_by_member_what_came_back_and_never_from_whom(
    client: TestClient, lobby: Lobby, key: Headers, clock: Clock, deliver: Deliver
) -> None:
    before = client.get(ANSWERS, headers=key).json()
    assert before["totals"]["rate"] is None
    assert before["totals"]["sent"] == sum(row["sent"] for row in before["rows"]) > 0
    ids = [send(lobby, email=f"writer{number}@example.org") for number in range(4)]
    clock.advance(days=14)
    assert queue_questions(lobby) == 4
    deliver()
    for letter_id, outcome in zip(ids, ("answered", "acknowledged", "not_answered"), strict=False):
        submit_answer(client, lobby.tokens.issue(Purpose.LETTER_ANSWER, letter_id), outcome)
    response = client.get(ANSWERS, headers=key)
    assert sent_to(client, key, "Morag Ferncastle") == {
        "member": {"id": MORAG, "name": "Morag Ferncastle", "party": "Scottish National Party"},
        "sent": 4,
        "asked": 4,
        "answered": 1,
        "acknowledged": 1,
        "not_answered": 1,
        "no_word": 1,
        "rate": 0.3333,
    }
    assert response.json()["totals"] == {
        "sent": before["totals"]["sent"] + 4,
        "asked": 4,
        "answered": 1,
        "acknowledged": 1,
        "not_answered": 1,
        "no_word": before["totals"]["sent"] + 1,
        "rate": 0.3333,
    }
    rows = response.json()["rows"]
    assert rows == sorted(rows, key=lambda row: (-row["sent"], row["member"]["name"]))
    assert "writer" not in response.text
    assert "Anna" not in response.text


def test_a_question_that_was_dropped_counts_as_not_asked(
    client: TestClient, lobby: Lobby, key: Headers, clock: Clock, letter_id: UUID, deliver: Deliver
) -> None:
    clock.advance(days=14)
    assert queue_questions(lobby) == 1
    with lobby.database.write() as session:
        supporter_id = session.get_one(Letter, letter_id).supporter_id
        preferences.change(session, supporter_id, questions=False, now=clock.now)
    assert deliver() == []
    with lobby.database.read() as session:
        newest = select(OutboxMessage).order_by(col(OutboxMessage.id).desc())
        message = session.exec(newest).first()
    assert message is not None
    assert (message.kind, message.state) == (MessageKind.LETTER_QUESTION, MessageState.DROPPED)
    assert sent_to(client, key, "Morag Ferncastle")["asked"] == 0


def test_the_answers_are_summed_up_in_one_statement_however_many_there_are(
    lobby: Lobby, clock: Clock
) -> None:
    def count_statements() -> int:
        with lobby.database.read() as session:
            campaign = campaigns.public(session, CAMPAIGN)
            queries: list[str] = []
            engine = session.get_bind()

            def note(*args: Any) -> None:
                queries.append(args[2])

            event.listen(engine, "before_cursor_execute", note)
            answers.of_campaign(session, campaign)
            event.remove(engine, "before_cursor_execute", note)
        return len(queries)

    assert count_statements() == 1
    send(lobby)
    send(lobby, postcode=MINISTER)
    assert count_statements() == 1


def test_the_answers_as_csv_do_no_harm_to_a_spreadsheet(
    client: TestClient, lobby: Lobby, key: Headers, letter_id: UUID
) -> None:
    with lobby.database.write() as session:
        session.get_one(Member, MORAG).party = "=cmd()"
    for answer in (
        client.get(f"{ANSWERS}.csv", headers=key),
        client.get(ANSWERS, headers={**key, "Accept": "text/csv"}),
    ):
        assert answer.headers["Content-Type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        (row,) = [row for row in rows if row["member"] == "Morag Ferncastle"]
        assert row["party"] == "'=cmd()"
        assert (row["answered"], row["rate"]) == ("0", "")


@pytest.mark.parametrize("path", [ANSWERS, f"{ANSWERS}.csv"])
def test_the_answers_are_for_the_campaigns_own_organisation(
    client: TestClient, lobby: Lobby, path: str
) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, headers=key_for(lobby, Scope.TALLIES_READ)).status_code == 403
    assert client.get(path, headers=others_key(lobby, Scope.LETTERS_READ)).status_code == 404


def test_a_writer_keeps_their_address_to_themselves(
    client: TestClient, lobby: Lobby, token: str, letter_id: UUID
) -> None:
    with lobby.database.read() as session:
        supporter = session.get_one(Supporter, letter_of(lobby, letter_id).supporter_id)
    page = client.get(f"/letters/answer/{token}")
    assert supporter.email.text not in page.text
    assert ANNA["name"] not in page.text
