"""Tests of the proof that spares a signer the second email: `letter.proof` of a confirmation."""

import json
import re
from typing import Any
from uuid import UUID

import pytest
import structlog
from fastapi.testclient import TestClient
from sqlmodel import col, select

from models import (
    Letter,
    LetterState,
    MessageKind,
    OutboxMessage,
    Scope,
    Signature,
    Submission,
)
from services.assembly import Lobby
from services.campaigns import campaigns
from services.common.tokens import Purpose
from services.consents import preferences
from services.letters import letter_states
from tests.support.common import CAMPAIGN, CAN_SIGN, Clock, text_of, token_in
from tests.support.keys import key_for
from tests.support.pages import (
    ANNA,
    BODY,
    HOME,
    LETTERS,
    Deliver,
    Page,
    body_of,
    sign,
    value_of,
    visible,
    write,
)

CONFIRM = "/v1/signatures/confirm"


def signed(client: TestClient, deliver: Deliver, **changes: str) -> dict[str, str]:
    """Signs; returns the tokens in the mail by path."""
    deliver()
    assert sign(client, **changes).status_code == 303
    (mail,) = deliver()
    return {path: token_in(mail, path) for path in ("confirm", "withdraw", "disown")}


def proof_for(client: TestClient, deliver: Deliver, **changes: str) -> str:
    """Signs and confirms; returns the proof in the answer."""
    answer = client.post(CONFIRM, json={"token": signed(client, deliver, **changes)["confirm"]})
    assert answer.status_code == 200
    proof: str = answer.json()["letter"]["proof"]
    return proof


def letter(proof: str | None = None, **changes: Any) -> dict[str, Any]:
    address = {**HOME, "postcode": changes.pop("postcode", CAN_SIGN)}
    words = {"subject": "Please sign EDM 152", "body": BODY}
    person = {"name": ANNA["name"], "email": ANNA["email"], "address": address}
    return {**person, **words, "proof": proof, **changes}


def send(client: TestClient, proof: str | None, **changes: Any) -> Page:
    return client.post(f"/v1{LETTERS}", json=letter(proof, **changes))


def status_of(answer: Page) -> str:
    assert answer.status_code == 201, answer.text
    status: str = answer.json()["status"]
    return status


def rows(lobby: Lobby) -> tuple[int, int]:
    """Returns how many submissions there are, and how many letters to be sent."""
    with lobby.database.read() as session:
        queued = select(Letter).where(Letter.state == LetterState.QUEUED)
        return len(session.exec(select(Submission)).all()), len(session.exec(queued).all())


# ---- a good proof


def test_a_letter_with_a_good_proof_is_queued_at_once_without_a_mail(
    client: TestClient, deliver: Deliver, lobby: Lobby, clock: Clock
) -> None:
    proof = proof_for(client, deliver)
    answer = send(client, proof, copy=True, consents={"updates": True})
    assert status_of(answer) == "queued"
    assert answer.json()["member"]["name"] == "Morag Ferncastle"
    assert rows(lobby) == (0, 1)
    with lobby.database.read() as session:
        stored = letter_states.get(session, UUID(answer.json()["id"]))
        signature = session.exec(select(Signature).order_by(col(Signature.id).desc())).first()
        assert signature
        assert stored.supporter_id == signature.supporter_id
        assert (stored.created_at, stored.confirmed_at) == (clock.now, clock.now)
        asking = select(OutboxMessage).where(OutboxMessage.kind == MessageKind.CONFIRM_LETTER)
        assert session.exec(asking).all() == []
    to_member, copy = deliver()
    assert (to_member["To"], copy["To"]) == ("morag.ferncastle@example.org", ANNA["email"])
    assert "my ward depends on it" in text_of(to_member)


def test_another_spelling_of_the_proved_address_is_the_same_address(
    client: TestClient, deliver: Deliver
) -> None:
    proof = proof_for(client, deliver, email="anna.example@gmail.com")
    assert status_of(send(client, proof, email="AnnaExample+mp@googlemail.com")) == "queued"


def test_a_proof_is_good_for_two_hours(client: TestClient, deliver: Deliver, clock: Clock) -> None:
    proof = proof_for(client, deliver)
    clock.advance(hours=2)
    assert status_of(send(client, proof)) == "queued"
    later = proof_for(client, deliver, email="ben@example.org")
    clock.advance(hours=2, seconds=2)
    assert status_of(send(client, later, email="ben@example.org")) == "pending"


def test_a_second_letter_with_the_same_proof_to_the_same_mp_conflicts(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    proof = proof_for(client, deliver)
    assert status_of(send(client, proof)) == "queued"
    again = send(client, proof, subject="Once more, please sign")
    assert (again.status_code, again.json()["code"]) == (409, "letter_sent")
    assert rows(lobby) == (0, 1)
    deliver()
    assert send(client, proof).status_code == 409, "it has gone"
    without = send(client, None)
    assert status_of(without) == "pending", "a stranger is not told"
    assert deliver() == []


def test_a_letter_that_was_cancelled_can_be_sent_anew_with_the_proof(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    proof = proof_for(client, deliver)
    first = UUID(send(client, proof).json()["id"])
    token = lobby.tokens.issue(Purpose.LETTER, first)
    assert client.post("/v1/letters/cancel", json={"token": token}).status_code == 200
    assert status_of(send(client, proof, subject="A better letter")) == "queued"
    (mail,) = deliver()
    assert mail["Subject"] == "A better letter"


def test_a_repeated_request_with_a_key_gets_the_same_answer_and_sends_one_letter(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    body = letter(proof_for(client, deliver))
    first, again = (
        client.post(f"/v1{LETTERS}", json=body, headers={"Idempotency-Key": "one"})
        for _ in range(2)
    )
    assert first.json() == again.json()
    assert (first.json()["status"], rows(lobby)) == ("queued", (0, 1))


def test_a_letter_with_wrong_words_is_refused_with_a_proof_too(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    refused = send(client, proof_for(client, deliver), body=BODY + "<b>now</b>")
    assert (refused.status_code, rows(lobby)) == (422, (0, 0))


# ---- any other proof


@pytest.mark.slow
def test_a_forged_proof_or_the_token_of_something_else_is_as_good_as_none(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    tokens = signed(client, deliver)
    proof = client.post(CONFIRM, json={"token": tokens["confirm"]}).json()["letter"]["proof"]
    signature_id = lobby.tokens.read(Purpose.WRITE, proof)
    others = [
        lobby.tokens.issue(purpose, signature_id) for purpose in Purpose if purpose != Purpose.WRITE
    ]
    forged = [proof[:-1], proof[1:], proof.swapcase(), "", "x", "é" * 40, "\0", "x" * 19_000]
    unknown = lobby.tokens.issue(Purpose.WRITE, UUID(int=7))
    for wrong in (*others, *forged, unknown, *tokens.values(), None):
        assert status_of(send(client, wrong)) == "pending"
    assert rows(lobby)[1] == 0


def test_a_proof_works_for_its_own_address_only(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    anna = proof_for(client, deliver)
    ben = proof_for(client, deliver, email="ben@example.org")
    assert status_of(send(client, anna, email="ben@example.org")) == "pending"
    assert status_of(send(client, ben)) == "pending"
    assert status_of(send(client, anna, email="nobody@example.org")) == "pending"
    assert rows(lobby) == (3, 0)


@pytest.mark.slow
def test_the_proof_of_a_withdrawn_signature_proves_nothing(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    for way in ("withdraw", "disown"):
        email = f"{way}@example.org"
        tokens = signed(client, deliver, email=email)
        answer = client.post(CONFIRM, json={"token": tokens["confirm"]})
        proof = answer.json()["letter"]["proof"]
        assert client.post(f"/v1/signatures/{way}", json={"token": tokens[way]}).status_code == 200
        assert status_of(send(client, proof, email=email)) == "pending"
    assert rows(lobby)[1] == 0


def test_an_imported_signature_proves_nothing(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    proof = proof_for(client, deliver)
    signature_id = lobby.tokens.read(Purpose.WRITE, proof)
    with lobby.database.write() as session:
        signature = session.get_one(Signature, signature_id)
        signature.provenance, signature.confirmed_by_signer = "a fair", False
    assert status_of(send(client, proof)) == "pending"
    again = signed(client, deliver)  # it was never confirmed here, so that there is a mail
    answer = client.post(CONFIRM, json={"token": again["confirm"]}).json()
    assert answer["status"] == "confirmed"
    assert answer["letter"]["proof"], "from now on it is its signer's own word"


def test_a_proof_from_another_campaign_proves_nothing(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    proof = proof_for(client, deliver)
    key = key_for(lobby, Scope.CAMPAIGNS_WRITE)
    with lobby.database.read() as session:
        motion = campaigns.motion_of(session, campaigns.public(session, CAMPAIGN).id)
        assert motion
    other = {"slug": "other", "title": "Another", "summary": "S", "motion_id": motion.id}
    created = client.post("/v1/campaigns", json=other | {"status": "open"}, headers=key)
    assert created.status_code == 201, created.text
    answer = client.post("/v1/campaigns/other/letters", json=letter(proof))
    assert status_of(answer) == "pending"
    assert status_of(send(client, proof)) == "queued"


def test_a_proof_is_good_for_letters_from_its_own_seat_only(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    """Otherwise one mailbox could write to all members in two hours."""
    proof = proof_for(client, deliver)
    body = BODY.replace("Morag Ferncastle", "Adaeze Hartwhistle")
    assert status_of(send(client, proof, postcode="M1 1AE", body=body)) == "pending"
    assert rows(lobby) == (1, 0)


def test_a_signer_who_wants_no_mail_proves_nothing(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    proof = proof_for(client, deliver)
    with lobby.database.write() as session:
        signature = session.get_one(Signature, lobby.tokens.read(Purpose.WRITE, proof))
        preferences.change(session, signature.supporter_id, mail=False, now=lobby.clock())
    assert status_of(send(client, proof)) == "pending"
    assert deliver() == []


def test_a_proof_of_somebody_elses_makes_no_look_up_of_an_address(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    """The answers for a known and an unknown address are equal, and so is what is written."""
    proof = proof_for(client, deliver)
    proof_for(client, deliver, email="known@example.org")
    for email in ("known@example.org", "nobody@example.org"):
        answer = send(client, proof, email=email)
        assert set(answer.json()) == {"id", "status", "state", "member", "locale"}
        assert status_of(answer) == "pending"
    assert rows(lobby) == (2, 0)


# ---- where the proof is, and where it is not


def test_the_answer_with_a_proof_is_stored_nowhere(client: TestClient, deliver: Deliver) -> None:
    tokens = signed(client, deliver)
    for _ in range(2):
        answer = client.post(CONFIRM, json={"token": tokens["confirm"]})
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json()["letter"]["proof"]
    page = client.post(f"/confirm/{tokens['confirm']}")
    assert page.headers["Cache-Control"] == "no-store"


def test_no_mail_and_no_log_has_a_proof(
    client: TestClient, deliver: Deliver, capsys: pytest.CaptureFixture[str]
) -> None:
    with structlog.testing.capture_logs() as entries:
        proof = proof_for(client, deliver)
        send(client, proof)
        send(client, proof)
        send(client, proof, body="too short")
        mails = deliver()
    assert mails
    assert not any(proof in mail.as_string() for mail in mails)
    assert proof not in json.dumps(entries, default=str)
    out, err = capsys.readouterr()
    assert proof not in out + err


# ---- the pages


def form_of(page: Page) -> dict[str, str]:
    """Returns the fields of the letter's form."""
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    shown = {name: value_of(page, name) for name in ("subject", "email", "name", "postcode")}
    return {**hidden, **shown, **HOME, "body": body_of(page)}


def confirmed_form(client: TestClient, deliver: Deliver) -> dict[str, str]:
    """Returns the form of the letter's page with a proof from the answer to a confirmation."""
    proof = proof_for(client, deliver)
    page = client.post(f"/campaigns/{CAMPAIGN}/letter", data={**ANNA, "proof": proof})
    assert page.status_code == 200
    assert "<button>Send my letter</button>" in page.text
    return form_of(page)


@pytest.mark.slow
def test_a_form_with_a_proof_sends_the_letter_with_one_button(
    client: TestClient, deliver: Deliver, lobby: Lobby
) -> None:
    form = confirmed_form(client, deliver)
    assert form["proof"]
    sent = client.post(LETTERS, data=form)
    assert sent.status_code == 303
    assert form["proof"] not in sent.headers["Location"]
    page = client.get(sent.headers["Location"])
    assert page.headers["Cache-Control"] == "no-store"
    assert "Your letter is on its way" in visible(page)
    assert "Don’t send it" in visible(page), "there is no mail with a link to cancel it"
    (mail,) = deliver()
    assert mail["To"] == "morag.ferncastle@example.org"


def test_the_letter_can_be_cancelled_on_the_page_after_sending(
    client: TestClient, deliver: Deliver
) -> None:
    shown = client.post(LETTERS, data=confirmed_form(client, deliver)).headers["Location"]
    cancelled = client.post(shown.replace("confirm", "cancel"))
    assert "Your letter won’t be sent" in visible(cancelled)
    assert deliver() == []


@pytest.mark.parametrize("path", ["/letter", "/letter/check"])
def test_the_proof_survives_drafting_anew_and_checking(
    client: TestClient, deliver: Deliver, path: str
) -> None:
    form = confirmed_form(client, deliver)
    page = client.post(f"/campaigns/{CAMPAIGN}{path}", data=form)
    assert form_of(page)["proof"] == form["proof"]
    assert page.headers["Cache-Control"] == "no-store"
    wrong = client.post(LETTERS, data=form | {"town": "", "postcode": ""})
    assert wrong.status_code == 422
    assert form["proof"] in wrong.text
    assert wrong.headers["Cache-Control"] == "no-store"


@pytest.mark.slow
def test_with_another_address_or_too_late_the_page_asks_to_check_the_mail(
    client: TestClient, deliver: Deliver, clock: Clock
) -> None:
    form = confirmed_form(client, deliver)
    other = client.post(LETTERS, data=form | {"email": "other@example.org"})
    assert other.headers["Location"] == f"{LETTERS}/check-your-mail"
    clock.advance(hours=3)
    late = client.post(LETTERS, data=form)
    assert late.headers["Location"] == f"{LETTERS}/check-your-mail"
    mails = deliver()
    assert {mail["To"] for mail in mails} == {"other@example.org", ANNA["email"]}
    assert all("is ready to send" in mail["Subject"] for mail in mails)


def test_the_page_says_that_a_letter_was_sent_before_and_keeps_the_new_one(
    client: TestClient, deliver: Deliver
) -> None:
    form = confirmed_form(client, deliver)
    assert client.post(LETTERS, data=form).status_code == 303
    again = client.post(LETTERS, data=form | {"body": BODY + "Once more.\n"})
    assert again.status_code == 409
    assert "You have written to this MP about this motion already." in visible(again)
    assert "Once more." in body_of(again)


def test_a_form_without_a_proof_speaks_of_a_mail(client: TestClient) -> None:
    page = client.post(f"/campaigns/{CAMPAIGN}/letter", data={"postcode": CAN_SIGN})
    assert "We’ll email you a link. Your letter goes when you click it." in visible(page)
    assert 'name="proof"' not in page.text
    assert write(client).headers["Location"] == f"{LETTERS}/check-your-mail"
