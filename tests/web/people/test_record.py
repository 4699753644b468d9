"""Tests the page with what was done: for owners, newest first, fifty lines a page."""

import re
from datetime import timedelta

import pytest
from sqlmodel import select

from models import AccountEventKind, Organiser, Role, Scope
from services.accounts import record
from services.assembly import Lobby
from services.demonstration import invented_campaign
from services.organisations import organisers
from tests.support.common import Clock
from tests.support.desk import DeskClient, add_organiser, as_role
from tests.support.keys import OTHERS, others_key
from tests.support.pages import Page, visible
from web.base import words

RECORD = "/organiser/people/record"


def rows(page: Page) -> list[str]:
    return re.findall(r'<tr><th scope="row">(.*?)</tr>', page.text)


def note(lobby: Lobby, kind: AccountEventKind, detail: str, *, about: str | None = None) -> None:
    with lobby.database.write() as session:
        organiser = organisers.by_email(session, invented_campaign.ORGANISER)
        record.note(
            session,
            kind,
            organisation_id=organiser.organisation_id,
            now=lobby.clock(),
            organiser=organiser,
            about=about,
            device="Firefox on Windows",
            detail=detail,
        )


def test_a_line_says_what_when_by_whom_about_whom_and_where(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    note(lobby, AccountEventKind.ROLE_CHANGED, "owner to editor", about="ben@example.org")
    page = signed_in.get(RECORD)
    line = " ".join(re.sub("<[^>]+>", " ", rows(page)[0]).split())
    assert line == (
        "Role changed ben@example.org: owner to editor 1 July 2026, 13:00 "
        f"{invented_campaign.ORGANISER} Firefox on Windows"
    )
    assert page.headers["Cache-Control"] == "no-store"


def test_lines_come_newest_first_and_fifty_on_a_page(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    for number in range(101):
        clock.now += timedelta(seconds=1)
        note(lobby, AccountEventKind.DOWNLOADED, f"number {number}.")
    found = []
    path: str | None = RECORD
    sizes = []
    while path:
        page = signed_in.get(path)
        found += re.findall(r"number (\d+)\.", page.text)
        sizes.append(len(rows(page)))
        older = re.search(r'href="([^"]+)">Older<', page.text)
        path = older.group(1) if older else None
    assert found == [str(number) for number in reversed(range(101))]
    assert sizes[:2] == [50, 50]
    assert "There is nothing older." in visible(signed_in.get(f"{RECORD}?page=10000"))
    for page_number in ("0", "x", "10001", "99999999999999999999"):
        assert signed_in.get(f"{RECORD}?page={page_number}").status_code == 422


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_the_record_is_for_owners(client: DeskClient, lobby: Lobby, role: Role) -> None:
    as_role(lobby, client, role)
    page = client.get(RECORD)
    assert page.status_code == 403
    assert "Ask one of your organisation’s owners." in visible(page)


def test_the_record_of_another_organisation_is_its_own(client: DeskClient, lobby: Lobby) -> None:
    note(lobby, AccountEventKind.DOWNLOADED, "for our annual report")
    others_key(lobby, Scope.LETTERS_READ)
    as_role(lobby, client, Role.OWNER, organisation=OTHERS)
    assert "annual report" not in client.get(RECORD).text


def test_a_line_outlives_the_account_that_it_is_about(signed_in: DeskClient, lobby: Lobby) -> None:
    ben = add_organiser(lobby, Role.EDITOR, email="ben@example.org")
    note(lobby, AccountEventKind.ROLE_CHANGED, "viewer to editor", about="ben@example.org")
    with lobby.database.write() as session:
        session.delete(session.exec(select(Organiser).where(Organiser.id == ben.id)).one())
    assert "ben@example.org: viewer to editor" in visible(signed_in.get(RECORD))


def test_every_kind_of_event_has_words() -> None:
    assert words.ACCOUNT_EVENTS.keys() == set(AccountEventKind)
