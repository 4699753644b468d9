"""Tests the People page: roles, removal, and that an owner always stays."""

import re
import threading

import pytest
from sqlmodel import Session, select

from models import (
    AccountEvent,
    AccountEventKind,
    Organiser,
    OrganiserSession,
    Role,
    Scope,
    SecondStep,
    WebhookEndpoint,
    WebhookEvent,
)
from models.encryption import Private
from services.accounts import people
from services.assembly import Lobby
from services.database.engine import Database
from services.demonstration import invented_campaign
from services.errors import Forbidden, LobbyError, Unauthenticated
from services.organisations import organisers
from services.webhooks import endpoints, leaving
from services.webhooks.endpoints import NewWebhook
from tests.support.common import ORGANISERS_PASSWORD, Clock
from tests.support.desk import DeskClient, add_organiser, as_role, sign_in_as
from tests.support.keys import OTHERS, others_key
from tests.support.pages import visible
from tests.web.people.conftest import Visitor

PEOPLE = "/organiser/people"
ANNA = invented_campaign.ORGANISER
PASSWORD = {"password": ORGANISERS_PASSWORD}
BUTTONS = (
    "Invite somebody",
    "Change role",
    "Remove",
    "Send again",
    "Withdraw",
    "sign-in is on",
    "sign-in yet",
)


def role_of(lobby: Lobby, organiser: Organiser) -> Role | None:
    with lobby.database.read() as session:
        row = session.get(Organiser, organiser.id)
        return row.role if row else None


def events_of(lobby: Lobby) -> list[tuple[AccountEventKind, str | None, str | None, str]]:
    """Returns kind, actor, about and detail of each line of the record, the oldest first."""
    with lobby.database.read() as session:
        rows = session.exec(select(AccountEvent).order_by(AccountEvent.id))  # type: ignore[arg-type] # a column
        return [
            (row.kind, row.actor and row.actor.text, row.about and row.about.text, row.detail)
            for row in rows
        ]


def our_owner(lobby: Lobby) -> Organiser:
    with lobby.database.read() as session:
        return organisers.by_email(session, ANNA)


def test_owners_see_when_each_person_was_here_and_who_lacks_a_second_step(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    editor = add_organiser(lobby, Role.EDITOR)
    viewer = add_organiser(lobby, Role.VIEWER)
    with lobby.database.write() as session:
        secret = Private(editor.organisation_id, "secret")
        session.add(
            SecondStep(
                organiser_id=editor.id, secret=secret, confirmed_at=clock.now, created_at=clock.now
            )
        )
    text = visible(signed_in.get(PEOPLE))
    assert "3 people" in text
    last = "Last here 1.00pm today."
    assert f"{ANNA} (you) Owner since 1 July 2026 {last} No two-step sign-in yet." in text
    never = "Has never signed in."
    assert f"{editor.email.text} Editor since 1 July 2026 {never} Two-step sign-in is on." in text
    assert f"{viewer.email.text} Viewer since 1 July 2026 {never} No two-step sign-in." in text


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_others_see_names_and_roles_and_no_button(
    client: DeskClient, lobby: Lobby, role: Role
) -> None:
    as_role(lobby, client, role)
    page = client.get(PEOPLE)
    assert f"{ANNA} Owner since 1 July 2026" in visible(page)
    for word in (*BUTTONS, "Last here", "Invitations"):
        assert word not in visible(page)


def test_a_visit_is_still_known_after_signing_out(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    editor = add_organiser(lobby, Role.EDITOR)
    with lobby.database.write() as session:
        session.add(
            AccountEvent(
                organisation_id=editor.organisation_id,
                organiser_id=editor.id,
                kind=AccountEventKind.SIGNED_OUT,
                at=clock.now,
            )
        )
    assert f"{editor.email.text} Editor since 1 July 2026 Last here" in visible(
        signed_in.get(PEOPLE)
    )


def test_a_new_role_counts_from_the_next_click(
    signed_in: DeskClient, lobby: Lobby, visitor: Visitor
) -> None:
    editor = add_organiser(lobby, Role.EDITOR)
    theirs = visitor(editor)
    page = signed_in.get(f"{PEOPLE}/{editor.id}/role")
    assert re.search(r'value="editor" checked', page.text)
    done = signed_in.post(f"{PEOPLE}/{editor.id}/role", data={"role": "viewer", **PASSWORD})
    assert (done.status_code, done.headers["Location"]) == (303, f"{PEOPLE}?done=role")
    assert "The role is changed." in visible(signed_in.get(done.headers["Location"]))
    assert "Viewer ·" in theirs.get("/organiser").text
    expected = (AccountEventKind.ROLE_CHANGED, ANNA, editor.email.text, "editor to viewer")
    assert events_of(lobby) == [expected]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"role": "viewer"}, "Type your password again."),
        ({"role": "viewer", "password": "not it at all"}, "This is not your password."),
        ({"role": "boss", **PASSWORD}, "Choose a role."),
        (PASSWORD, "Choose a role."),
    ],
)
def test_a_role_needs_a_password_and_a_choice(
    signed_in: DeskClient, lobby: Lobby, data: dict[str, str], message: str
) -> None:
    editor = add_organiser(lobby, Role.EDITOR)
    page = signed_in.post(f"{PEOPLE}/{editor.id}/role", data=data)
    assert page.status_code == 422
    assert message in visible(page)
    assert role_of(lobby, editor) is Role.EDITOR
    assert events_of(lobby) == []


def test_the_last_owner_keeps_the_role_and_the_account(
    signed_in: DeskClient, lobby: Lobby, visitor: Visitor
) -> None:
    add_organiser(lobby, Role.EDITOR)
    anna = our_owner(lobby)
    page = signed_in.post(f"{PEOPLE}/{anna.id}/role", data={"role": "editor", **PASSWORD})
    assert page.status_code == 422
    assert "This is your only owner. Make somebody else an owner first." in visible(page)
    assert "You can’t remove yourself" in visible(
        signed_in.post(f"{PEOPLE}/{anna.id}/remove", data=PASSWORD)
    )
    assert role_of(lobby, anna) is Role.OWNER
    second = add_organiser(lobby, Role.OWNER)
    done = signed_in.post(f"{PEOPLE}/{anna.id}/role", data={"role": "editor", **PASSWORD})
    assert done.status_code == 303, "there is another owner now"
    page = visitor(second).post(f"{PEOPLE}/{second.id}/role", data={"role": "viewer", **PASSWORD})
    assert page.status_code == 422


def test_who_is_removed_gets_the_sign_in_page_at_the_next_click(
    signed_in: DeskClient, lobby: Lobby, visitor: Visitor
) -> None:
    editor = add_organiser(lobby, Role.EDITOR)
    theirs = visitor(editor)
    token = re.search(r'name="form_token" value="(\w+)"', theirs.get(PEOPLE).text)
    assert token
    assert "signed out everywhere at once" in visible(signed_in.get(f"{PEOPLE}/{editor.id}/remove"))
    done = signed_in.post(f"{PEOPLE}/{editor.id}/remove", data=PASSWORD)
    assert (done.status_code, done.headers["Location"]) == (303, f"{PEOPLE}?done=removed")
    for path in ("/organiser", PEOPLE, "/organiser/partners"):
        answer = theirs.get(path)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/sign-in")
    answer = theirs.post("/organiser/webhooks/new", data={"form_token": token.group(1)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert editor.email.text not in visible(signed_in.get(PEOPLE))
    assert events_of(lobby) == [(AccountEventKind.REMOVED, ANNA, editor.email.text, "")]
    with lobby.database.read() as session:
        assert {row.organiser_id for row in session.exec(select(OrganiserSession))} == {
            our_owner(lobby).id
        }


def test_a_removal_needs_the_password(signed_in: DeskClient, lobby: Lobby) -> None:
    editor = add_organiser(lobby, Role.EDITOR)
    for data in ({}, {"password": "wrong"}):
        page = signed_in.post(f"{PEOPLE}/{editor.id}/remove", data=data)
        assert page.status_code == 422
        assert "password" in visible(page)
    assert role_of(lobby, editor) is Role.EDITOR


def test_who_removes_somebody_takes_over_their_webhooks(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    second = add_organiser(lobby, Role.OWNER)
    add_webhook(lobby, second)
    page = visible(signed_in.get(f"{PEOPLE}/{second.id}/remove"))
    assert "You become responsible for 1 webhook of theirs." in page
    done = signed_in.post(f"{PEOPLE}/{second.id}/remove", data=PASSWORD)
    assert done.status_code == 303
    with lobby.database.read() as session:
        endpoint = session.exec(select(WebhookEndpoint)).one()
        assert (endpoint.organiser_id, endpoint.disabled_at) == (our_owner(lobby).id, None)


def add_webhook(lobby: Lobby, organiser: Organiser) -> None:
    new = NewWebhook("https://hooks.example.org/in", [WebhookEvent.LETTER_SENT])
    with lobby.database.write() as session:
        endpoints.create(session, new, organiser, to_loopback=False, now=lobby.clock())


def test_people_of_another_organisation_are_not_there(signed_in: DeskClient, lobby: Lobby) -> None:
    others_key(lobby, Scope.LETTERS_READ)
    theirs = add_organiser(lobby, Role.OWNER, organisation=OTHERS)
    for path in (f"{PEOPLE}/{theirs.id}/role", f"{PEOPLE}/{theirs.id}/remove"):
        assert signed_in.get(path).status_code == 404
        for password in (ORGANISERS_PASSWORD, "wrong"):
            data = {"role": "viewer", "password": password}
            assert signed_in.post(path, data=data).status_code == 404
    assert role_of(lobby, theirs) is Role.OWNER
    assert theirs.email.text not in signed_in.get(PEOPLE).text


# ---- two at once


def together(
    lobby: Lobby, second_database: Database, first: "Attempt", second: "Attempt"
) -> list[LobbyError]:
    """Makes two attempts at the same moment, as two servers do; returns their refusals."""
    errors: list[LobbyError] = []
    barrier = threading.Barrier(2)

    def run(database: Database, attempt: "Attempt") -> None:
        barrier.wait(timeout=30)
        try:
            with database.write() as session:
                attempt(session)
        except LobbyError as error:
            errors.append(error)

    threads = [
        threading.Thread(target=run, args=pair)
        for pair in ((lobby.database, first), (second_database, second))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return errors


class Attempt:
    """What one owner does to another: removing them, or making them a viewer."""

    def __init__(self, lobby: Lobby, by: Organiser, other: Organiser, *, removes: bool) -> None:
        self.lobby, self.by, self.other, self.removes = lobby, by, other, removes

    def __call__(self, session: Session) -> None:
        other = session.get(Organiser, self.other.id)
        now = self.lobby.clock()
        if other is None:  # the other attempt was first, before this one began
            raise Unauthenticated("removed", "")
        if self.removes:
            leaving.remove(session, other, by=self.by, webhooks_to=self.by, now=now)
        else:
            people.change_role(session, other, Role.VIEWER, by=self.by, now=now)


@pytest.mark.parametrize("first_removes", [True, False])
@pytest.mark.parametrize("second_removes", [True, False])
def test_two_owners_who_act_on_each_other_at_once_leave_one(
    lobby: Lobby, second_database: Database, *, first_removes: bool, second_removes: bool
) -> None:
    anna, ben = our_owner(lobby), add_organiser(lobby, Role.OWNER)
    add_organiser(lobby, Role.OWNER, email="third@example.org")  # so that the number alone allows
    for owner in (anna, ben):
        add_webhook(lobby, owner)
    errors = together(
        lobby,
        second_database,
        Attempt(lobby, anna, ben, removes=first_removes),
        Attempt(lobby, ben, anna, removes=second_removes),
    )
    (error,) = errors
    assert isinstance(error, Forbidden), "who has lost the role acts no more"
    owners = [role_of(lobby, owner) is Role.OWNER for owner in (anna, ben)]
    assert sorted(owners) == [False, True]


def test_the_last_two_owners_who_go_at_once_leave_one(
    lobby: Lobby, second_database: Database
) -> None:
    anna, ben = our_owner(lobby), add_organiser(lobby, Role.OWNER)
    errors = together(
        lobby,
        second_database,
        Attempt(lobby, anna, anna, removes=False),
        Attempt(lobby, ben, ben, removes=False),
    )
    assert [error.code for error in errors] == ["last_owner"]
    assert [role_of(lobby, owner) for owner in (anna, ben)].count(Role.OWNER) == 1


def test_an_owner_who_was_removed_meanwhile_changes_nothing_with_an_open_form(
    client: DeskClient, lobby: Lobby, visitor: Visitor
) -> None:
    second = add_organiser(lobby, Role.OWNER)
    editor = add_organiser(lobby, Role.EDITOR)
    theirs = visitor(second)
    sign_in_as(lobby, client, our_owner(lobby))
    form = theirs.get(f"{PEOPLE}/{editor.id}/remove")
    assert form.status_code == 200
    client.post(f"{PEOPLE}/{second.id}/remove", data=PASSWORD)
    answer = theirs.post(f"{PEOPLE}/{editor.id}/remove", data=PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert role_of(lobby, editor) is Role.EDITOR
