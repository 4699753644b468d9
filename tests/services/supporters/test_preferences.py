"""Tests mail preferences: the unsubscribe link in every mail, its page and its API."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlmodel import Session, col, select

import worker
from models import (
    Campaign,
    Consent,
    Letter,
    LetterState,
    MessageKind,
    MessageState,
    OutboxMessage,
    Scope,
    SeatWatch,
    Signature,
    Supporter,
    Wording,
)
from services.assembly import Lobby
from services.campaigns import campaigns, petitions
from services.common.tokens import Purpose
from services.consents import preferences
from services.consents.preferences import Preferences
from services.demonstration import invented_campaign
from services.errors import Conflict, Gone
from services.letters import letter_mails, letter_states
from services.mail import outbox
from services.mail.outbox import NewMessage
from services.organisations import organisations
from services.signatures import signature_states
from services.signatures.recording import SignatureRequest
from services.supporters import supporters, wordings
from tests.support import signatures
from tests.support.common import (
    CAMPAIGN,
    CAN_SIGN,
    PETITION,
    Clock,
    html_of,
    text_of,
    token_in,
    types_of,
)
from tests.support.keys import OTHERS, add_campaign, others_key
from tests.support.pages import ANNA, BODY, HOME, LETTERS, VACANT, Page, visible, without_own_script
from tools import mail_samples

Deliver = Callable[[], list[EmailMessage]]
READ, CHANGE = "/v1/preferences/read", "/v1/preferences"
ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EDINBURGH = "S14000078"


def sign(lobby: Lobby, *, petition: str = PETITION, **changes: Any) -> Signature:
    """Signs and confirms; returns the signature that stands then."""
    (outcome,) = signatures.record(lobby, [request_of(petition, changes)])
    assert outcome.signature_id
    return signatures.confirm(lobby, outcome.signature_id)


def ask(lobby: Lobby, *, petition: str = PETITION, **changes: Any) -> UUID:
    """Signs without confirming, so that a mail is queued; returns the id of the submission."""
    (submission_id,) = signatures.sign_and_sort(lobby, request_of(petition, changes))
    return submission_id


def request_of(petition: str, changes: dict[str, Any]) -> SignatureRequest:
    return SignatureRequest(petition_slug=petition, **{**ANNA, "updates": None, **changes})


def write_letter(client: TestClient) -> None:
    letter = {
        "name": ANNA["name"],
        "email": ANNA["email"],
        "address": {**HOME, "postcode": CAN_SIGN},
        "subject": "Please sign EDM 152",
        "body": BODY,
        "copy": True,
    }
    assert client.post(f"/v1{LETTERS}", json=letter).status_code == 201


def consents(lobby: Lobby, supporter_id: UUID) -> list[Consent]:
    with lobby.database.read() as session:
        statement = select(Consent).where(Consent.supporter_id == supporter_id)
        return list(session.exec(statement.order_by(col(Consent.id))))


def change(lobby: Lobby, supporter_id: UUID, **wishes: Any) -> Preferences:
    with lobby.database.write() as session:
        return preferences.change(session, supporter_id, **wishes, now=lobby.clock())


def wants_news(lobby: Lobby, supporter_id: UUID) -> bool:
    with lobby.database.read() as session:
        return supporters.wants_updates(session, supporter_id)


def watch_vacant_seat(lobby: Lobby) -> Signature:
    """Signs as Anna and adds a watch on a vacant seat in which she does not live."""
    signature, vacant = sign(lobby), lobby.postcodes.lookup(VACANT).constituency_code
    assert vacant
    with lobby.database.write() as session:
        watch = SeatWatch(
            supporter_id=signature.supporter_id,
            campaign_id=campaigns.public(session, CAMPAIGN).id,
            constituency_code=vacant,
            asked_at=lobby.clock(),
        )
        session.add(watch)
    return signature


def watches_of(lobby: Lobby, supporter_id: UUID) -> list[SeatWatch]:
    with lobby.database.read() as session:
        statement = select(SeatWatch).where(SeatWatch.supporter_id == supporter_id)
        return list(session.exec(statement))


@dataclass
class Anna:
    """The id of Anna's supporter, and her unsubscribe token."""

    id: UUID
    token: str

    @property
    def path(self) -> str:
        return f"/unsubscribe/{self.token}"

    @property
    def body(self) -> dict[str, str]:
        return {"token": self.token}


@pytest.fixture
def anna(lobby: Lobby, deliver: Deliver, clock: Clock) -> Anna:
    supporter_id = sign(lobby, updates=True).supporter_id
    deliver()
    clock.advance(hours=1)
    return Anna(supporter_id, lobby.tokens.issue(Purpose.UNSUBSCRIBE, supporter_id))


# ---- the unsubscribe link in every mail


def fill_seat(session: Session, watch: SeatWatch) -> None:
    """Moves the watch to a seat that has a member."""
    watch.constituency_code = EDINBURGH
    session.flush()


def mails_of_every_kind(
    client: TestClient, lobby: Lobby, deliver: Deliver, clock: Clock
) -> dict[MessageKind, EmailMessage]:
    """Causes one mail of each kind for supporters, delivers it, and returns it by its kind."""
    mails: list[EmailMessage] = []
    ask(lobby)
    mails += deliver()
    signature = watch_vacant_seat(lobby)
    sign(lobby)
    mails += deliver()
    write_letter(client)
    (mail,) = deliver()
    mails.append(mail)
    client.post("/v1/letters/confirm", json={"token": token_in(mail, "letters/confirm")})
    mails += deliver()
    clock.advance(days=14)
    with lobby.database.write() as session:
        watch = select(SeatWatch).where(SeatWatch.supporter_id == signature.supporter_id)
        fill_seat(session, session.exec(watch).one())
    worker.clean_up(lobby)
    mails += deliver()
    clock.advance(days=1)
    hold_newest_letter(lobby)
    mails += deliver()
    with lobby.database.read() as session:
        kinds = {
            lobby.mail_context.message_id(row.id): row.kind
            for row in session.exec(select(OutboxMessage))
        }
    return {kinds[str(mail["Message-ID"])]: mail for mail in mails}


def hold_newest_letter(lobby: Lobby, reason: str = "standing_changed") -> None:
    """Queues the newest letter again and holds it."""
    with lobby.database.write() as session:
        letter = max(session.exec(select(Letter)), key=lambda letter: letter.id)
        letter.state = LetterState.QUEUED
        session.flush()
        now, keyring = lobby.clock(), lobby.keyring
        letter_states.hold(session, letter.id, reason, keyring=keyring, now=now)


UNCONFIRMED = (MessageKind.CONFIRM_SIGNATURE, MessageKind.CONFIRM_LETTER)


def token_in_header(mail: EmailMessage) -> str:
    """Returns the token of the one-click link."""
    return str(mail["List-Unsubscribe"]).strip("<>").rpartition("/")[2]


@pytest.mark.slow
def test_every_mail_to_a_supporter_says_how_to_stop_it_and_no_letter_does(
    client: TestClient, lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    deliver()
    mails = mails_of_every_kind(client, lobby, deliver, clock)
    # No letter bounces in this test.
    to_supporters = set(MessageKind) - set(mail_samples.TO_ORGANISERS)
    assert mails.keys() | {MessageKind.LETTER_BOUNCED} == to_supporters
    for kind, mail in mails.items():
        if kind is MessageKind.LETTER:
            assert "List-Unsubscribe" not in mail
            assert "unsubscribe" not in text_of(mail)
            continue
        last = text_of(mail).rstrip().splitlines()[-1]
        token = token_in_header(mail)
        if kind is MessageKind.CONFIRM_SIGNATURE:  # the first one, when nobody knew her
            link = f"http://testserver/disown/{token}"
            assert last.startswith("Didn't sign? ")
            assert last.endswith(f": {link}")
        else:
            link = f"http://testserver/unsubscribe/{token}"
            assert last.startswith("Change what ")
            assert last.endswith(f" emails you, or unsubscribe: {link}")
        assert mail["List-Unsubscribe"] == f"<{link}>"
        assert mail["List-Unsubscribe-Post"] == ONE_CLICK
        greeting = "Hello," if kind in UNCONFIRMED else f"Dear {ANNA['name']},"
        assert text_of(mail).startswith(greeting), kind
        assert client.get(link).status_code == 200


@pytest.mark.slow
def test_every_mail_but_a_letter_has_two_parts_and_its_replies_go_to_the_organisation(
    client: TestClient, lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    deliver()
    with lobby.database.write() as session:
        owner = organisations.by_slug(session, invented_campaign.about().organisation)
        owner.contact_email = "hello@alliance.example.org"
    for kind, mail in mails_of_every_kind(client, lobby, deliver, clock).items():
        (reply_to,) = mail["Reply-To"].addresses
        (sender,) = mail["From"].addresses
        assert sender.addr_spec == "post@lobby.example.org"
        if kind is MessageKind.LETTER:
            assert mail.get_content_type() == "text/plain"
            assert (reply_to.display_name, reply_to.addr_spec) == (ANNA["name"], ANNA["email"])
            continue
        assert mail.get_content_type() == "multipart/alternative"
        assert types_of(mail) == ["text/plain", "text/html"]
        assert reply_to.addr_spec == "hello@alliance.example.org"
        assert reply_to.display_name == sender.display_name == owner.name
        links = set(re.findall(r"http://testserver/\S+", text_of(mail)))
        assert links == set(re.findall(r'href="([^"]+)"', html_of(mail)))


@pytest.mark.parametrize(
    ("reason", "offered"),
    [
        ("standing_changed", f"/campaigns/{CAMPAIGN}/letter"),
        ("member_changed", f"/campaigns/{CAMPAIGN}/letter"),
        ("motion_ended", f"/campaigns/{CAMPAIGN}"),
        ("campaign_closed", f"/campaigns/{CAMPAIGN}"),
        ("vacant", f"/campaigns/{CAMPAIGN}"),
    ],
)
def test_a_mail_about_a_held_letter_offers_a_new_one_where_one_can_be_written(
    client: TestClient, lobby: Lobby, deliver: Deliver, reason: str, offered: str
) -> None:
    deliver()
    write_letter(client)
    (mail,) = deliver()
    client.post("/v1/letters/confirm", json={"token": token_in(mail, "letters/confirm")})
    deliver()
    hold_newest_letter(lobby, reason)
    (mail,) = deliver()
    assert letter_mails.HELD_REASONS[reason] in text_of(mail)
    assert f":\nhttp://testserver{offered}\n" in text_of(mail)


def test_without_a_contact_address_replies_go_to_the_service(
    lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    for address in (None, "", "no address", "a@example.org, b@example.org", "a@b\r\nBcc: c@d"):
        with lobby.database.write() as session:
            owner = organisations.by_slug(session, invented_campaign.about().organisation)
            owner.contact_email = address
        ask(lobby, email=f"p{len(address or '')}@example.org")
        (mail,) = deliver()
        assert mail["Reply-To"] is None
        assert mail["Bcc"] is None


def test_the_link_travels_on_one_line_and_unencoded(lobby: Lobby, deliver: Deliver) -> None:
    deliver()
    ask(lobby)
    (mail,) = deliver()
    folder = lobby.mail_folder
    assert folder is not None
    name = str(mail["Message-ID"]).strip("<>").partition("@")[0]
    raw = (folder.folder / f"{name}.eml").read_bytes()
    link = f"List-Unsubscribe: <http://testserver/disown/{token_in_header(mail)}>"
    assert f"\r\n{link}\r\n".encode() in raw


# ---- one-click unsubscribe


def test_one_click_ends_news_questions_and_waiting_and_leaves_the_rest(
    client: TestClient, lobby: Lobby, anna: Anna, deliver: Deliver, clock: Clock
) -> None:
    watch_vacant_seat(lobby)
    deliver()
    client.cookies.clear()
    assert len(watches_of(lobby, anna.id)) == 1
    answer = client.post(anna.path, content=ONE_CLICK, headers=FORM)
    assert answer.status_code == 200
    current = client.post(READ, json=anna.body).json()
    assert current.pop("wording").startswith("Yes, please email me news")
    assert current == {
        "organisation": "Public Health Alliance (demonstration)",
        "address": "a…@example.org",
        "updates": False,
        "questions": False,
        "mail": True,
        "partners": [],
    }
    assert watches_of(lobby, anna.id) == []
    clock.advance(days=1)
    ask(lobby)
    assert len(deliver()) == 1, "what she asks for herself still comes"


def test_one_click_in_a_mail_to_somebody_unknown_says_not_me(
    client: TestClient, lobby: Lobby, deliver: Deliver
) -> None:
    deliver()
    submission_id = ask(lobby)
    (mail,) = deliver()
    path = f"/disown/{token_in_header(mail)}"
    for _ in range(2):
        answer = client.post(path, content=ONE_CLICK, headers=FORM)
        assert answer.status_code == 200
    with pytest.raises(Gone):
        signatures.confirm(lobby, submission_id)
    ask_again = ask(lobby)
    assert deliver() == []
    with pytest.raises(Gone):
        signatures.confirm(lobby, ask_again)


def test_one_click_may_come_in_either_encoding_and_again_and_again(
    client: TestClient, lobby: Lobby, anna: Anna
) -> None:
    parts = {"List-Unsubscribe": (None, "One-Click")}
    assert client.post(anna.path, files=parts).status_code == 200
    assert client.post(anna.path, content=ONE_CLICK, headers=FORM).status_code == 200
    assert [consent.granted for consent in consents(lobby, anna.id)] == [True, False]


@pytest.mark.parametrize("content", ["", "List-Unsubscribe=Two-Clicks", "updates=yes", "x=%00"])
def test_a_post_that_says_nothing_changes_nothing(
    client: TestClient, lobby: Lobby, anna: Anna, content: str
) -> None:
    change(lobby, anna.id, mail=False)
    before = client.post(READ, json=anna.body).json()
    answer = client.post(anna.path, content=content, headers=FORM)
    assert answer.status_code == 422
    assert client.post(READ, json=anna.body).json() == before


def test_opening_the_link_changes_nothing(client: TestClient, lobby: Lobby, anna: Anna) -> None:
    before = client.post(READ, json=anna.body).json()
    for _ in range(2):
        assert client.get(anna.path).status_code == 200
        assert client.head(anna.path).status_code == 200
    assert client.post(READ, json=anna.body).json() == before
    assert len(consents(lobby, anna.id)) == 1


# ---- news, as consents that are never deleted


def test_turning_news_off_and_on_is_a_consent_each_with_its_wording(
    client: TestClient, lobby: Lobby, anna: Anna, clock: Clock
) -> None:
    assert wants_news(lobby, anna.id)
    assert client.post(CHANGE, json={**anna.body, "updates": False}).json()["updates"] is False
    assert not wants_news(lobby, anna.id)
    with lobby.database.write() as session:
        supporter = session.get_one(Supporter, anna.id)
        wordings.set_updates(session, supporter.organisation_id, "New words.", now=clock.now)
    clock.advance(minutes=1)
    shown = client.get(anna.path)
    assert "New words." in visible(shown)
    assert client.post(CHANGE, json={**anna.body, "updates": True}).json()["updates"] is True
    answers = consents(lobby, anna.id)
    assert [consent.granted for consent in answers] == [True, False, True]
    assert [consent.effective_at for consent in answers[1:]] == [
        consent.given_at for consent in answers[1:]
    ]
    with lobby.database.read() as session:
        assert session.get_one(Wording, answers[2].wording_id).text == "New words."
        assert session.get_one(Wording, answers[0].wording_id).text != "New words."


def test_saying_the_same_again_writes_nothing(client: TestClient, lobby: Lobby, anna: Anna) -> None:
    for updates in (True, False, False, True, True):
        client.post(CHANGE, json={**anna.body, "updates": updates})
    assert [consent.granted for consent in consents(lobby, anna.id)] == [True, False, True]


def test_a_no_outlives_an_earlier_yes_that_is_confirmed_after_it(
    lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    add_campaign(lobby, "second")
    add_petition(lobby, "second")
    known = sign(lobby, petition="second")
    submission_id = ask(lobby, updates=True)
    clock.advance(hours=1)
    with lobby.database.write() as session:
        preferences.unsubscribe(session, known.supporter_id, now=clock.now)
    clock.advance(hours=1)
    signature = signatures.confirm(lobby, submission_id)
    assert signature.supporter_id == known.supporter_id
    assert [consent.granted for consent in consents(lobby, known.supporter_id)] == [False, True]
    assert not wants_news(lobby, signature.supporter_id)
    clock.advance(hours=1)
    with lobby.database.write() as session:
        signature_states.withdraw(session, signature.id, now=clock.now)
    sign(lobby, updates=True)
    assert wants_news(lobby, signature.supporter_id), "a later yes counts"


# ---- questions and notices


def queue_question_and_notice(
    lobby: Lobby, client: TestClient, deliver: Deliver, clock: Clock
) -> None:
    """Queues a question, a notice and a receipt for Anna at the same time."""
    watch_vacant_seat(lobby)
    write_letter(client)
    (mail,) = [mail for mail in deliver() if "letters/confirm" in text_of(mail)]
    client.post("/v1/letters/confirm", json={"token": token_in(mail, "letters/confirm")})
    deliver()
    clock.advance(days=1, minutes=1)  # past the daily limit of mails
    with lobby.database.write() as session:
        letter = max(session.exec(select(Letter)), key=lambda letter: letter.id)
        watch = session.exec(
            select(SeatWatch).where(SeatWatch.supporter_id == letter.supporter_id)
        ).one()
        fill_seat(session, watch)
        recipient = supporters.recipient(session, letter.supporter_id, keyring=lobby.keyring)
        kinds = {
            MessageKind.LETTER_QUESTION: letter.id,
            MessageKind.SEAT_FILLED: watch.id,
            MessageKind.LETTER_RECEIPT: letter.id,
        }
        notes = [NewMessage(kind, subject_id, recipient) for kind, subject_id in kinds.items()]
        outbox.queue(session, notes, now=lobby.clock())


def dropped(lobby: Lobby) -> set[tuple[MessageKind, str | None]]:
    statement = select(OutboxMessage).where(OutboxMessage.state == MessageState.DROPPED)
    with lobby.database.read() as session:
        return {(row.kind, row.detail) for row in session.exec(statement)}


def queued_kinds(lobby: Lobby) -> set[MessageKind]:
    """Returns the kinds of all messages that were ever queued."""
    with lobby.database.read() as session:
        return {row.kind for row in session.exec(select(OutboxMessage))}


def test_whoever_wants_no_questions_gets_no_questions_and_notices_but_the_rest(
    client: TestClient, lobby: Lobby, anna: Anna, deliver: Deliver, clock: Clock
) -> None:
    queue_question_and_notice(lobby, client, deliver, clock)
    answer = client.post(CHANGE, json={**anna.body, "questions": False})
    assert answer.json()["questions"] is False
    (mail,) = deliver()
    assert "has been sent" in mail["Subject"]
    reason = "the supporter wants no questions and notices"
    assert dropped(lobby) >= {
        (MessageKind.LETTER_QUESTION, reason),
        (MessageKind.SEAT_FILLED, reason),
    }


def test_nobody_who_wants_no_notices_is_promised_one(
    client: TestClient, lobby: Lobby, anna: Anna, deliver: Deliver
) -> None:
    signature = sign(lobby, postcode=VACANT, email="bea@example.org")
    token = {"token": lobby.tokens.issue(Purpose.CONFIRM, signature.id)}
    for wishes in ({"questions": False}, {"questions": True, "mail": False}):
        change(lobby, signature.supporter_id, **wishes)
        answer = client.post("/v1/signatures/watch", json=token)
        assert (answer.status_code, answer.json()["code"]) == (409, "mail_off")
    change(lobby, signature.supporter_id, mail=True)
    assert client.post("/v1/signatures/watch", json=token).status_code == 200


# ---- no mail at all


def test_whoever_wants_no_mail_gets_none_until_they_lift_it(
    client: TestClient, lobby: Lobby, anna: Anna, deliver: Deliver, clock: Clock
) -> None:
    assert client.post(CHANGE, json={**anna.body, "mail": False}).json()["mail"] is False
    body = {"name": "Anna", "email": ANNA["email"], "postcode": CAN_SIGN}
    other = {**body, "email": "somebody.else@example.org"}
    answers = [
        client.post(f"/v1/petitions/{PETITION}/signatures", json=signer) for signer in (body, other)
    ]
    assert answers[0].status_code == answers[1].status_code == 201
    assert answers[0].json() == answers[1].json(), "a stranger learns nothing"
    write_letter(client)
    assert [mail["To"] for mail in deliver()] == ["somebody.else@example.org"]
    kinds = {MessageKind.ALREADY_SIGNED, MessageKind.CONFIRM_LETTER}
    assert kinds.isdisjoint(queued_kinds(lobby)), "none is queued"
    clock.advance(days=1, minutes=1)
    assert client.post(CHANGE, json={**anna.body, "mail": True}).json()["mail"] is True
    write_letter(client)
    assert [mail["To"] for mail in deliver()] == [ANNA["email"]]


def test_a_letter_that_was_confirmed_still_goes_to_its_mp(
    client: TestClient, lobby: Lobby, anna: Anna, deliver: Deliver
) -> None:
    write_letter(client)
    (mail,) = deliver()
    client.post("/v1/letters/confirm", json={"token": token_in(mail, "letters/confirm")})
    change(lobby, anna.id, mail=False)
    (letter,) = deliver()
    assert letter["To"] == "morag.ferncastle@example.org"


def test_one_organisations_supporters_are_nobody_elses(
    client: TestClient, lobby: Lobby, anna: Anna, deliver: Deliver
) -> None:
    others_key(lobby, Scope.SIGNATURES_READ)
    add_campaign(lobby, "theirs", organisation=OTHERS)
    add_petition(lobby, "theirs")
    change(lobby, anna.id, mail=False, updates=False)
    ask(lobby, petition="theirs")
    (mail,) = deliver()
    assert mail["From"].startswith("Others")
    confirmed = client.post("/v1/signatures/confirm", json={"token": token_in(mail, "confirm")})
    assert confirmed.status_code == 200
    ask(lobby, petition="theirs")
    (mail,) = deliver()
    other = client.post(READ, json={"token": token_in_header(mail)}).json()
    assert (other["organisation"], other["mail"]) == ("Others", True)


def add_petition(lobby: Lobby, slug: str) -> None:
    with lobby.database.write() as session:
        campaign: Campaign = campaigns.public(session, slug)
        values = {"slug": slug, "action": "Act", "addressed_to": "The House"}
        petitions.create(session, campaign=campaign, values=values, now=lobby.clock())


# ---- the limit of five mails a day


def test_an_address_gets_five_mails_a_day_across_kinds_and_organisations(
    client: TestClient, lobby: Lobby, deliver: Deliver, clock: Clock
) -> None:
    deliver()
    others_key(lobby, Scope.SIGNATURES_READ)
    for number in range(3):
        add_campaign(lobby, f"theirs-{number}", organisation=OTHERS)
        add_petition(lobby, f"theirs-{number}")
    write_letter(client)  # ours: the letter's confirmation
    (mail,) = deliver()
    client.post("/v1/letters/confirm", json={"token": token_in(mail, "letters/confirm")})
    kinds = [mail["Subject"] for mail in deliver() if mail["To"] == ANNA["email"]]
    assert len(kinds) == 1, "ours: the copy"
    clock.advance(hours=1)
    for number in range(3):  # theirs
        sender = bytes([number]) * 16
        ask(lobby, petition=f"theirs-{number}", sender_index=sender)
    assert len(deliver()) == 3
    ask(lobby)  # ours: the sixth
    with lobby.database.write() as session:
        letter = max(session.exec(select(Letter)), key=lambda letter: letter.id)
        letter.sent_at = clock.now.replace(month=6)
    worker.clean_up(lobby)  # and the seventh
    assert deliver() == []
    clock.advance(days=1, minutes=1)
    worker.clean_up(lobby)
    subjects = [mail["Subject"] for mail in deliver()]
    assert len(subjects) == 2, "both have waited"
    assert sum(subject == "Did Morag Ferncastle reply?" for subject in subjects) == 1


# ---- the page


def test_the_page_shows_what_is_needed_and_not_whose_it_is(
    client: TestClient, lobby: Lobby, anna: Anna
) -> None:
    page = client.get(anna.path)
    assert "Public Health Alliance (demonstration)" in visible(page)
    assert "a…@example.org" in visible(page)
    for private in (ANNA["name"], ANNA["email"], CAN_SIGN, "keep-nhs"):
        assert private not in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert 'name="robots" content="noindex"' in page.text
    assert "<script" not in without_own_script(page.text)
    for name in ("updates", "questions", "no_mail"):
        assert f'<label for="{name}">' in page.text
    assert 'name="updates" value="yes" checked>' in page.text
    assert 'name="no_mail" value="yes">' in page.text
    assert "because we couldn’t send you the link. You can undo this here" in visible(page)


def test_the_form_of_the_page_keeps_what_is_ticked(
    client: TestClient, lobby: Lobby, anna: Anna
) -> None:
    def save(**ticked: str) -> Page:
        answer = client.post(anna.path, data={"shown": "yes", **ticked})
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{anna.path}?saved=yes")
        return client.get(answer.headers["Location"])

    assert "have been saved" not in visible(client.get(anna.path))
    page = save(questions="yes")
    assert "Your choices have been saved." in visible(page)
    assert "<title>Saved: Your email choices – Public Health Alliance" in page.text
    assert '<div role="status">' in page.text
    assert 'name="updates" value="yes">' in page.text
    assert 'name="questions" value="yes" checked>' in page.text
    page = save(no_mail="yes", updates="yes")
    assert "won’t send any more emails to this address" in visible(page)
    current = client.post(READ, json=anna.body).json()
    assert (current["updates"], current["questions"], current["mail"]) == (True, False, False)
    assert "You won’t get news or questions any more." in visible(save())
    assert client.post(READ, json=anna.body).json()["mail"] is True


@pytest.mark.parametrize("purpose", [Purpose.CONFIRM, Purpose.LETTER, Purpose.WITHDRAW])
def test_no_other_link_opens_the_page(
    client: TestClient, lobby: Lobby, anna: Anna, purpose: Purpose
) -> None:
    token = lobby.tokens.issue(purpose, anna.id)
    assert client.get(f"/unsubscribe/{token}").status_code == 422
    assert client.post(f"/unsubscribe/{token}", content=ONE_CLICK, headers=FORM).status_code == 422
    answer = client.post(CHANGE, json={"token": token, "mail": False})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "token")


def test_the_link_works_for_ten_years(client: TestClient, anna: Anna, clock: Clock) -> None:
    clock.advance(days=3649)
    assert client.get(anna.path).status_code == 200
    clock.advance(days=2)
    assert client.get(anna.path).status_code == 410


def test_a_supporter_who_was_erased_has_no_preferences(client: TestClient, lobby: Lobby) -> None:
    token = lobby.tokens.issue(Purpose.UNSUBSCRIBE, UUID(int=7))
    assert client.get(f"/unsubscribe/{token}").status_code == 404
    assert client.post(READ, json={"token": token}).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [({"mail": "perhaps"}, "mail"), ({"questions": 7}, "questions"), ({"news": True}, "news")],
)
def test_a_wrong_wish_is_refused_with_its_field(
    client: TestClient, anna: Anna, body: dict[str, Any], field: str
) -> None:
    answer = client.post(CHANGE, json={**anna.body, **body})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("address", "shown"),
    [("anna@example.org", "a…@example.org"), ("a@b.example", "a…@b.example")],
)
def test_an_address_is_masked_to_its_first_letter(address: str, shown: str) -> None:
    assert preferences.masked(address) == shown


def test_a_promise_of_mail_is_refused_to_who_wants_none(lobby: Lobby, anna: Anna) -> None:
    change(lobby, anna.id, mail=False)
    with lobby.database.read() as session, pytest.raises(Conflict):
        supporters.require_mail(session, anna.id)
