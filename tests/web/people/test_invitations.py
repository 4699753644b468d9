"""Tests invitations: what whoever invites sees, what the email says, and what its link does."""

import re
import threading
from email.message import EmailMessage

import pytest
from sqlmodel import select

from models import AccountEvent, AccountEventKind, Invitation, Organiser, OutboxMessage, Role, Scope
from services.accounts import invitations, people
from services.assembly import Lobby
from services.common.tokens import Purpose
from services.database.engine import Database
from services.demonstration import invented_campaign
from services.errors import Gone, LobbyError
from services.organisations import organisations, organisers
from services.webhooks import leaving
from tests.support.common import ORGANISERS_PASSWORD, Clock, html_of, text_of, token_in, types_of
from tests.support.database.query_plans import sent_statements
from tests.support.desk import DeskClient, add_organiser, as_role
from tests.support.keys import OTHERS, others_key
from tests.support.pages import Deliver, Page, hidden, visible
from tests.web.people.conftest import Visitor

PEOPLE = "/organiser/people"
BEN = "ben@example.org"
BENS_PASSWORD = "seven quiet otters"
COUNTED = ("ratelimit", "x-request-id")
"""Headers that differ from one request to the next."""
ORGANISATION = "Public Health Alliance (demonstration)"


def invite(client: DeskClient, email: str = BEN, role: str = "editor", **changes: str) -> Page:
    data = {"email": email, "role": role, "password": ORGANISERS_PASSWORD, **changes}
    return client.post(f"{PEOPLE}/invite", data=data)


def link_in(mail: EmailMessage) -> str:
    return f"/invitation/{token_in(mail, 'invitation')}"


def accept(browser: DeskClient, link: str, password: str = BENS_PASSWORD) -> Page:
    page = browser.get(link)
    token = {"form_token": hidden(page, "form_token")} if page.status_code == 200 else {}
    return browser.post(link, data={"password": password, **token})


def accounts(lobby: Lobby) -> dict[str, Role]:
    with lobby.database.read() as session:
        return {row.email.text: row.role for row in session.exec(select(Organiser))}


def waiting(lobby: Lobby) -> list[Invitation]:
    with lobby.database.read() as session:
        return list(session.exec(select(Invitation)))


def kinds(lobby: Lobby) -> list[AccountEventKind]:
    with lobby.database.read() as session:
        return [row.kind for row in sorted(session.exec(select(AccountEvent)), key=by_id)]


def by_id(row: AccountEvent) -> str:
    return str(row.id)


def owner_of(lobby: Lobby) -> Organiser:
    with lobby.database.read() as session:
        return organisers.by_email(session, invented_campaign.ORGANISER)


def test_an_invited_person_chooses_a_password_and_is_signed_in(
    signed_in: DeskClient, lobby: Lobby, deliver: Deliver, visitor: Visitor
) -> None:
    done = invite(signed_in)
    assert (done.status_code, done.headers["Location"]) == (303, f"{PEOPLE}?done=invited")
    page = visible(signed_in.get(done.headers["Location"]))
    assert "We’ll email them a link. It works for 7 days." in page
    assert f"{BEN} Editor. Invited 1.00pm today. The link works until 1.00pm on 8 July." in page
    (mail,) = deliver()
    ben = visitor()
    shown = ben.get(link_in(mail))
    assert shown.headers["Cache-Control"] == "no-store"
    assert f"Join {ORGANISATION}" in visible(shown)
    assert "Editor: writes campaigns" in visible(shown)
    assert f'value="{BEN}" autocomplete="username" readonly' in shown.text
    assert BEN not in accounts(lobby), "looking makes no account"

    done = accept(ben, link_in(mail))
    assert (done.status_code, done.headers["Location"]) == (303, "/organiser")
    step = ben.get("/organiser")
    assert step.headers["Location"] == "/organiser/account/second-step", "editors need one"
    assert "Editor ·" in ben.get(step.headers["Location"]).text
    assert accounts(lobby)[BEN] is Role.EDITOR
    assert waiting(lobby) == []
    assert kinds(lobby)[:2] == [AccountEventKind.INVITED, AccountEventKind.JOINED]
    with lobby.database.read() as session:
        ring = lobby.keyring
        organisations.sign_in(session, ring, email=BEN, password=BENS_PASSWORD)
        joined = organisers.by_email(session, BEN)
        assert joined.second_step_due_at is None, "a new account sets it up at once"


def test_an_invited_viewer_is_at_the_desk_at_once(
    signed_in: DeskClient, lobby: Lobby, deliver: Deliver, visitor: Visitor
) -> None:
    invite(signed_in, role="viewer")
    (mail,) = deliver()
    ben = visitor()
    accept(ben, link_in(mail))
    assert "Viewer ·" in ben.get("/organiser").text


def test_the_email_has_two_parts_and_names_who_invites_to_what(
    signed_in: DeskClient, deliver: Deliver
) -> None:
    invite(signed_in, role="viewer")
    (mail,) = deliver()
    assert mail["To"] == BEN
    assert mail["Subject"] == f"You've been invited to join {ORGANISATION}"
    assert types_of(mail) == ["text/plain", "text/html"]
    text = " ".join(text_of(mail).split())
    inviter = invented_campaign.ORGANISER
    assert f"{inviter} has invited you to work on campaigns with {ORGANISATION}, as a v" in text
    assert "The link works once, until 8 July 2026, 13:00." in text
    assert token_in(mail, "invitation") in html_of(mail)
    assert mail["List-Unsubscribe"] is None


@pytest.mark.parametrize("email", ["them@example.net", "Them@Example.NET"])
def test_an_address_with_an_account_elsewhere_looks_like_any_other_to_whoever_invites(
    signed_in: DeskClient, lobby: Lobby, deliver: Deliver, email: str
) -> None:
    others_key(lobby, Scope.LETTERS_READ)
    add_organiser(lobby, Role.OWNER, organisation=OTHERS, email="them@example.net")
    answers = []
    for address in (email, "free@example.net"):
        answer = invite(signed_in, address)
        listed = visible(signed_in.get(PEOPLE)).casefold().replace(address.casefold(), "ADDRESS")
        headers = {each for each in answer.headers.items() if each[0] not in COUNTED}
        answers.append((answer.status_code, headers, answer.content, listed))
        with lobby.database.write() as session:
            session.delete(session.exec(select(Invitation)).one())
    assert answers[0] == answers[1]
    deliver()
    invite(signed_in, email)
    (mail,) = deliver()
    text = text_of(mail)
    assert "This address already has an account here" in text
    assert "/invitation/" not in text + html_of(mail)
    assert OTHERS not in text.casefold(), "it does not say where"


def test_inviting_sends_the_same_statements_for_every_address(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    """The work is the same, so that the time of the answer tells nothing."""
    others_key(lobby, Scope.LETTERS_READ)
    add_organiser(lobby, Role.OWNER, organisation=OTHERS, email="them@example.net")
    sent = []
    for address in ("them@example.net", "free@example.net"):
        with sent_statements() as statements:
            assert invite(signed_in, address).status_code == 303
        sent.append([text for text, _ in statements])
    assert len(sent[0]) > 5
    assert sent[0] == sent[1]


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        ({"email": "nonsense"}, ["Enter an email address in the correct format"]),
        ({"email": ""}, ["Enter their email address."]),
        ({"role": "boss", "email": ""}, ["Choose a role.", "Enter their email address."]),
        ({"password": ""}, ["Type your password again."]),
        ({"password": "wrong"}, ["This is not your password."]),
    ],
)
def test_a_form_with_a_mistake_invites_nobody_and_keeps_what_was_typed(
    signed_in: DeskClient, lobby: Lobby, data: dict[str, str], messages: list[str]
) -> None:
    page = invite(signed_in, **({"email": BEN} | data))
    assert page.status_code == 422
    assert all(message in visible(page) for message in messages)
    assert f'value="{data.get("email", BEN)}"' in page.text
    assert waiting(lobby) == []
    assert ORGANISERS_PASSWORD not in page.text


def test_inviting_an_address_again_replaces_the_earlier_link(
    signed_in: DeskClient, lobby: Lobby, deliver: Deliver, visitor: Visitor
) -> None:
    invite(signed_in, role="owner")
    (first,) = deliver()
    invite(signed_in, "BEN@example.org", role="viewer")
    (second,) = deliver()
    (row,) = waiting(lobby)
    assert row.role is Role.VIEWER
    ended = visitor().get(link_in(first))
    assert ended.status_code == 410
    assert f"It was an invitation to join {ORGANISATION}." in visible(ended)
    assert accept(visitor(), link_in(first)).status_code == 410
    assert accept(visitor(), link_in(second)).status_code == 303
    assert accounts(lobby)["BEN@example.org"] is Role.VIEWER


@pytest.mark.slow
def test_an_invitation_is_sent_again_and_withdrawn(
    signed_in: DeskClient, lobby: Lobby, deliver: Deliver, visitor: Visitor, clock: Clock
) -> None:
    invite(signed_in)
    (first,) = deliver()
    clock.advance(days=8)
    expired = visitor().get(link_in(first))
    assert expired.status_code == 410
    assert f"join {ORGANISATION}. Invitations work for 7 days." in visible(expired)
    page = signed_in.get(PEOPLE)
    if page.status_code == 303:  # the session was idle for a week
        with lobby.database.read() as session:
            owner = organisers.by_email(session, invented_campaign.ORGANISER)
        signed_in = visitor(owner)
        page = signed_in.get(PEOPLE)
    assert "The link has expired." in visible(page)
    (old,) = waiting(lobby)
    done = signed_in.post(f"{PEOPLE}/invitations/{old.id}/again")
    assert done.headers["Location"] == f"{PEOPLE}?done=again"
    (second,) = deliver()
    assert visitor().get(link_in(first)).status_code == 410
    assert visitor().get(link_in(second)).status_code == 200
    (row,) = waiting(lobby)
    done = signed_in.post(f"{PEOPLE}/invitations/{row.id}/withdraw")
    assert done.headers["Location"] == f"{PEOPLE}?done=withdrawn"
    ended = visitor().get(link_in(second))
    assert ended.status_code == 410
    assert "an owner has withdrawn it" in visible(ended)
    assert accept(visitor(), link_in(second)).status_code == 410
    assert signed_in.post(f"{PEOPLE}/invitations/{row.id}/again").status_code == 404
    assert set(accounts(lobby)) == {invented_campaign.ORGANISER}


def test_a_withdrawn_invitation_that_was_not_sent_yet_is_not_sent(
    signed_in: DeskClient, lobby: Lobby, deliver: Deliver
) -> None:
    invite(signed_in)
    (row,) = waiting(lobby)
    signed_in.post(f"{PEOPLE}/invitations/{row.id}/withdraw")
    assert deliver() == []


@pytest.mark.parametrize("way", ["removed", "demoted"])
def test_an_invitation_ends_with_the_ownership_of_its_inviter(
    client: DeskClient, lobby: Lobby, deliver: Deliver, visitor: Visitor, way: str
) -> None:
    second = as_role(lobby, client, Role.OWNER)
    invite(client)
    (mail,) = deliver()
    with lobby.database.write() as session:
        theirs = organisers.by_email(session, second.email.text)
        if way == "removed":
            leaving.remove(session, theirs, by=None, webhooks_to=None, now=lobby.clock())
        else:
            people.change_role(session, theirs, Role.EDITOR, by=None, now=lobby.clock())
    assert accept(visitor(), link_in(mail)).status_code == 410
    assert BEN not in accounts(lobby)
    assert AccountEventKind.INVITATION_ENDED in kinds(lobby)


def test_a_used_link_makes_no_second_account_and_leads_to_sign_in(
    signed_in: DeskClient, lobby: Lobby, deliver: Deliver, visitor: Visitor
) -> None:
    invite(signed_in)
    (mail,) = deliver()
    assert accept(visitor(), link_in(mail)).status_code == 303
    for answer in (visitor().get(link_in(mail)), accept(visitor(), link_in(mail), "x" * 20)):
        assert answer.status_code == 410
        assert "Have you joined already? Then sign in." in visible(answer)
        assert 'href="/sign-in"' in answer.text
    with lobby.database.read() as session:
        organisations.sign_in(session, lobby.keyring, email=BEN, password=BENS_PASSWORD)


def test_two_browsers_that_use_a_link_at_once_make_one_account(
    signed_in: DeskClient, lobby: Lobby, second_database: Database
) -> None:
    invite(signed_in)
    (row,) = waiting(lobby)
    errors: list[LobbyError] = []
    barrier = threading.Barrier(2)

    def run(database: Database) -> None:
        barrier.wait(timeout=30)
        try:
            with database.write() as session:
                invitations.accept(
                    session, lobby.keyring, row.id, password_hash="x", now=lobby.clock()
                )
        except LobbyError as error:
            errors.append(error)

    threads = [
        threading.Thread(target=run, args=(database,))
        for database in (lobby.database, second_database)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    (error,) = errors
    assert isinstance(error, Gone)
    assert list(accounts(lobby)).count(BEN) == 1


def test_an_address_that_got_an_account_meanwhile_is_told_when_the_link_is_used(
    signed_in: DeskClient, lobby: Lobby, deliver: Deliver, visitor: Visitor
) -> None:
    invite(signed_in)
    (mail,) = deliver()
    others_key(lobby, Scope.LETTERS_READ)
    add_organiser(lobby, Role.OWNER, organisation=OTHERS, email=BEN)
    answer = accept(visitor(), link_in(mail))
    assert answer.status_code == 409
    assert "You already have an account" in visible(answer)
    assert len(waiting(lobby)) == 1, "nothing has happened"


@pytest.mark.parametrize("password", ["", "short"])
def test_a_password_that_is_too_short_keeps_the_invitation(
    signed_in: DeskClient, lobby: Lobby, deliver: Deliver, visitor: Visitor, password: str
) -> None:
    invite(signed_in)
    (mail,) = deliver()
    page = accept(visitor(), link_in(mail), password)
    assert page.status_code == 422
    assert 'id="password-error"' in page.text
    assert accept(visitor(), link_in(mail)).status_code == 303


def test_a_forged_link_and_one_of_another_purpose_are_refused(
    signed_in: DeskClient, lobby: Lobby, visitor: Visitor
) -> None:
    invite(signed_in)
    (row,) = waiting(lobby)
    for token in ("x", lobby.tokens.issue(Purpose.RESET, row.id)):
        assert visitor().get(f"/invitation/{token}").status_code == 422
        page = accept(visitor(), f"/invitation/{token}")
        assert page.status_code == 422
        assert "This link doesn’t work" in visible(page)
    assert BEN not in accounts(lobby)


def test_a_form_on_another_site_uses_no_invitation(
    signed_in: DeskClient, lobby: Lobby, deliver: Deliver, visitor: Visitor
) -> None:
    invite(signed_in)
    (mail,) = deliver()
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = visitor().post(link_in(mail), data={"password": BENS_PASSWORD}, headers=headers)
    assert answer.status_code == 403
    assert "sent from another site" in visible(answer)
    answer = visitor().post(link_in(mail), data={"password": BENS_PASSWORD})
    assert answer.status_code == 403, "a form that this browser was not shown"
    assert "Please type your password again" in visible(answer)
    assert BEN not in accounts(lobby)


@pytest.mark.slow
def test_an_organisation_sends_twenty_invitations_a_day(
    signed_in: DeskClient, lobby: Lobby, visitor: Visitor, clock: Clock
) -> None:
    with lobby.database.write() as session:
        for number in range(19):
            invitations.invite(
                session,
                lobby.keyring,
                by=owner_of(lobby),
                email=f"n{number}@example.org",
                role=Role.VIEWER,
                now=clock.now,
            )
    again = waiting(lobby)[0]
    assert signed_in.post(f"{PEOPLE}/invitations/{again.id}/again").status_code == 303
    before = len(waiting(lobby))
    page = invite(signed_in)
    assert page.status_code == 429
    assert "has sent 20 invitations in the last 24 hours" in visible(page)
    assert f'value="{BEN}"' in page.text
    newest = waiting(lobby)[-1]
    page = signed_in.post(f"{PEOPLE}/invitations/{newest.id}/again")
    assert (page.status_code, "Try again tomorrow" in visible(page)) == (429, True)
    assert len(waiting(lobby)) == before, "a refused one replaces nothing"
    others_key(lobby, Scope.LETTERS_READ)
    theirs = add_organiser(lobby, Role.OWNER, organisation=OTHERS)
    assert invite(visitor(theirs)).status_code == 303, "each organisation has its own twenty"
    clock.advance(days=1, seconds=1)
    assert invite(visitor(owner_of(lobby))).status_code == 303


def test_an_invitation_of_another_organisation_is_not_there(
    signed_in: DeskClient, lobby: Lobby, visitor: Visitor
) -> None:
    others_key(lobby, Scope.LETTERS_READ)
    theirs = visitor(add_organiser(lobby, Role.OWNER, organisation=OTHERS))
    invite(theirs)
    (row,) = waiting(lobby)
    for what in ("again", "withdraw"):
        assert signed_in.post(f"{PEOPLE}/invitations/{row.id}/{what}").status_code == 404
    assert waiting(lobby) == [row]
    assert BEN not in signed_in.get(PEOPLE).text


def test_expired_invitations_are_forgotten_after_a_month(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    invite(signed_in)
    for days, left in ((36, 1), (2, 0)):
        clock.advance(days=days)
        with lobby.database.write() as session:
            invitations.forget_old(session, now=clock.now)
        assert len(waiting(lobby)) == left


def test_the_outbox_and_the_log_have_no_address(signed_in: DeskClient, lobby: Lobby) -> None:
    invite(signed_in)
    with lobby.database.read() as session:
        row = session.exec(
            select(OutboxMessage).where(OutboxMessage.subject_id == waiting(lobby)[0].id)
        ).one()
    assert not re.search("ben", str(row.model_dump()), re.IGNORECASE)
