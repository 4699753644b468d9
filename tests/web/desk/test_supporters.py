"""Tests the supporters' page: its counts, who sees a person, and what the record says."""

import csv
import io
import re
from collections import Counter
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlmodel import col, select

from models import (
    AccountEvent,
    AccountEventKind,
    Constituency,
    DeadAddress,
    Letter,
    MessageKind,
    MessageState,
    OutboxMessage,
    Role,
    Scope,
    Signature,
    Supporter,
)
from services.assembly import Lobby
from services.consents import preferences
from services.mail import recipients
from services.supporters import supporters
from services.views.desk.supporter_counts import Contact
from tests.support.common import CAMPAIGN, Clock
from tests.support.desk import DeskClient, as_role
from tests.support.home import of_demonstration
from tests.support.keys import OTHERS, others_key
from tests.support.pages import visible
from tools import campaign_rows
from tools.campaign_rows import Size

PAGE = "/organiser/supporters"
RECORD = "/organiser/people/record"


def own(lobby: Lobby) -> list[Supporter]:
    with lobby.database.read() as session:
        owner = of_demonstration(session).organisation_id
        return list(session.exec(select(Supporter).where(Supporter.organisation_id == owner)))


def kill(lobby: Lobby, people: list[Supporter], kind: MessageKind) -> None:
    """Has a mail server say that these addresses do not exist, after a message to each."""
    with lobby.database.write() as session:
        for person in people:
            if kind is MessageKind.LETTER_RECEIPT:
                of_letter = select(Letter.id).where(Letter.supporter_id == person.id)
                subject_id = session.exec(of_letter).first()
            else:
                of_signature = select(Signature.id).where(Signature.supporter_id == person.id)
                subject_id = session.exec(of_signature).first()
            assert subject_id is not None
            index = recipients.recipient_of(person.email.text, lobby.keyring).address_index
            session.add(
                OutboxMessage(
                    kind=kind,
                    subject_id=subject_id,
                    recipient_index=index,
                    state=MessageState.REJECTED,
                    created_at=lobby.clock(),
                    due_at=lobby.clock(),
                )
            )
            session.add(
                DeadAddress(address_index=index, detail="550 no such user", found_at=lobby.clock())
            )


def figures_on(page: Any) -> list[str]:
    (strip,) = re.findall(r'<ul class="stats".*?</ul>', page.text, re.S)
    return re.findall(r"<strong>(.*?)</strong>", strip)


def table_under(page: Any, name: str) -> dict[str, list[str]]:
    (body,) = re.findall(
        rf'<table class="chart-table" aria-labelledby="{name}">.*?<tbody>(.*?)</tbody>',
        page.text,
        re.S,
    )
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in body.split("</tr>")]
    return {unescape(row[0]): row[1:] for row in rows if row}


def fill(lobby: Lobby) -> None:
    campaign_rows.fill(lobby, CAMPAIGN, Size(400, 60, days=20))


def test_everybody_is_counted_once_as_a_recount_of_the_rows_says(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    fill(lobby)
    with lobby.database.read() as session:
        signed = {row.supporter_id for row in session.exec(select(Signature))}
        wrote = {row.supporter_id for row in session.exec(select(Letter))}
    people = own(lobby)
    wants = {}
    with lobby.database.read() as session:
        for person in people:
            wants[person.id] = supporters.wants_updates(session, person.id)
    yes = [person for person in people if wants[person.id] and person.id in signed]
    no = [person for person in people if not wants[person.id] and person.id in signed]
    writers = [person for person in yes[40:] if person.id in wrote]
    # Each of these is one of the ways into a group.
    kill(lobby, [*yes[:5], *no[:2]], MessageKind.CONFIRM_SIGNATURE)
    kill(lobby, writers[:1], MessageKind.LETTER_RECEIPT)
    with lobby.database.write() as session:
        for person in yes[5:11]:
            preferences.unsubscribe(session, person.id, now=clock.now)
        for person in no[2:5]:
            preferences.change(session, person.id, mail=False, now=clock.now)
        preferences.change(session, yes[0].id, mail=False, now=clock.now)  # dead comes first
        preferences.change(session, no[5].id, updates=True, now=clock.now)
    dead, gone = 5 + 2 + 1, 6 + 3
    came_round = 1
    said_yes = sum(wants.values()) - 5 - 6 - 1 + came_round
    expected = {
        Contact.YES: said_yes,
        Contact.NO: len(people) - said_yes - dead - gone,
        Contact.UNSUBSCRIBED: gone,
        Contact.UNREACHABLE: dead,
    }
    page = signed_in.get(PAGE)
    assert figures_on(page) == [str(count) for count in expected.values()]
    assert f"{len(people)} people in all" in visible(page)


def test_places_are_those_of_a_recount_and_of_the_file(signed_in: DeskClient, lobby: Lobby) -> None:
    fill(lobby)
    page = signed_in.get(PAGE)
    people = own(lobby)
    with lobby.database.read() as session:
        seats = {row.code: row for row in session.exec(select(Constituency))}
        wants = {row.id for row in people if supporters.wants_updates(session, row.id)}
    found = csv.DictReader(io.StringIO(signed_in.get(f"{PAGE}/places.csv").text))
    lines = [(row["kind"], row["place"], row["people"], row["say_yes"]) for row in found]

    def counted(kind: str, name_of: Any) -> set[tuple[str, str, str, str]]:
        everybody = Counter(name_of(person.constituency_code) for person in people)
        yes = Counter(name_of(person.constituency_code) for person in people if person.id in wants)
        return {
            (kind, name, str(count), str(yes[name]) if yes[name] >= 5 or not yes[name] else "")
            for name, count in everybody.items()
            if name and count >= 5
        }

    def region(code: str | None) -> str:
        if code == "overseas":
            return "Outside the UK"
        return seats[code].region if code in seats else "Not known"

    constituencies = counted("constituency", lambda code: seats[code].name if code in seats else "")
    assert set(lines) == counted("region", region) | constituencies
    assert len(lines) == len(set(lines))
    assert len(constituencies) > 3
    on_page = table_under(page, "constituencies")
    by_file = {place: number for kind, place, number, _ in lines if kind == "constituency"}
    assert all(by_file[name] == cells[0] for name, cells in on_page.items())
    assert list(table_under(page, "regions")) == [line[1] for line in lines if line[0] == "region"]


def test_groups_under_five_are_not_told(signed_in: DeskClient, lobby: Lobby) -> None:
    fill(lobby)
    kill(lobby, own(lobby)[:3], MessageKind.CONFIRM_SIGNATURE)
    page = signed_in.get(PAGE)
    assert figures_on(page)[3] == "under 5"
    assert "people in all" not in visible(page)


def test_a_place_of_four_people_is_not_listed(signed_in: DeskClient, lobby: Lobby) -> None:
    fill(lobby)
    with lobby.database.write() as session:
        seat = session.exec(select(Constituency)).first()
        assert seat is not None
        name = seat.name
        for index, person in enumerate(session.exec(select(Supporter).order_by(col(Supporter.id)))):
            person.constituency_code = seat.code if index < 4 else "unknown"
    page = signed_in.get(PAGE)
    assert name not in page.text
    assert name not in signed_in.get(f"{PAGE}/places.csv").text
    assert "No constituency has 5 people yet." in visible(page)


def test_an_owner_finds_one_person_by_their_exact_address(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    fill(lobby)
    with lobby.database.read() as session:
        letter = session.exec(select(Letter)).first()
    assert letter is not None
    (person,) = [row for row in own(lobby) if row.id == letter.supporter_id]
    email = person.email.text
    page = signed_in.post(PAGE, data={"email": f" {email} "})
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    words = visible(page)
    assert email in words
    assert person.name.text in words
    assert "confirmed, signed on" in words
    assert "We never show the text of a letter." in words
    assert letter.body.text[:60] not in words
    assert re.search(r"(Yes|No) to “.+” on \d", words)
    others = [row for row in own(lobby) if row.id != person.id and row.name]
    assert not [row for row in others if row.email.text in page.text]
    assert email not in str(page.url)


def test_a_look_up_is_in_the_record_without_the_address(
    signed_in: DeskClient, lobby: Lobby
) -> None:
    fill(lobby)
    email = own(lobby)[0].email.text
    signed_in.post(PAGE, data={"email": email})
    signed_in.post(PAGE, data={"email": "nobody@example.org"})
    page = signed_in.get(RECORD)
    assert visible(page).count("Looked up a supporter") == 2
    assert email not in page.text
    assert "nobody@example.org" not in page.text
    with lobby.database.read() as session:
        events = session.exec(
            select(AccountEvent).where(AccountEvent.kind == AccountEventKind.LOOKED_UP)
        ).all()
    assert sorted(event.detail for event in events) == ["Found", "Nobody found"]
    assert all(event.about is None for event in events)


@pytest.mark.parametrize(
    "email", ["nobody@example.org", "person", "%", "a@b", "", "x" * 300 + "@example.org"]
)
def test_nobody_is_found_by_anything_else(signed_in: DeskClient, lobby: Lobby, email: str) -> None:
    fill(lobby)
    page = signed_in.post(PAGE, data={"email": email})
    assert page.status_code == (200 if email == "nobody@example.org" else 422)
    people = own(lobby)
    assert not [row for row in people if row.email.text in page.text]
    assert "What we keep about one person" not in page.text


def test_a_supporter_of_another_organisation_is_not_found(client: DeskClient, lobby: Lobby) -> None:
    fill(lobby)
    others_key(lobby, Scope.LETTERS_READ)
    as_role(lobby, client, Role.OWNER, organisation=OTHERS)
    page = client.post(PAGE, data={"email": own(lobby)[0].email.text})
    assert "Nobody here has that email address." in visible(page)
    assert "There are no supporters yet." in visible(client.get(PAGE))


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_others_see_counts_and_no_person(client: DeskClient, lobby: Lobby, role: Role) -> None:
    fill(lobby)
    as_role(lobby, client, role)
    people = own(lobby)
    for address in (PAGE, f"{PAGE}/places.csv"):
        page = client.get(address)
        assert page.status_code == 200
        assert not [row for row in people if row.email.text in page.text]
        assert not [row for row in people if row.name and row.name.text in page.text]
    page = client.get(PAGE)
    assert 'name="email"' not in page.text
    assert "/supporters/download" not in page.text
    answer = client.post(PAGE, data={"email": people[0].email.text})
    assert answer.status_code == 403
    assert people[0].email.text not in answer.text


def test_counts_are_made_once_a_minute_and_apart_for_each_organisation(
    signed_in: DeskClient, lobby: Lobby, clock: Clock
) -> None:
    before = figures_on(signed_in.get(PAGE))
    fill(lobby)
    assert figures_on(signed_in.get(PAGE)) == before
    clock.advance(seconds=60)
    assert figures_on(signed_in.get(PAGE)) != before
    clock.now -= timedelta(seconds=30)
    assert signed_in.get(PAGE).status_code == 200
